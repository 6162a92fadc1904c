"""n of m: of every m successive weights of a unit at most n stay, so that hardware knows where to look."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils._validation import check_integer
from nnopt_utils.compression._chosen import check_network, chosen_layers
from nnopt_utils.compression.forms import Form
from nnopt_utils.compression.magnitude import magnitudes_of
from nnopt_utils.compression.masked import Masked
from nnopt_utils.compression.network import CompressedMLP
from nnopt_utils.networks import MLP


def prune_n_of_m(network: MLP, n: int = 2, m: int = 4, layers: list[int] | None = None) -> CompressedMLP:
    """Return a network in which of every m successive weights of an output unit at most n are not zero: the largest.

    The groups go along the inputs: inputs 0 … m − 1, then the next m. Where the fan-in is no multiple of m the last
    group is smaller, and at most n of it stay as well. Entries that a mask has taken away stay away. Of equal
    magnitudes the earlier entries go first. Biases stay as they are.

    Args:
        network: an ``MLP``, or a compressed one whose weights are dense or masked. It is not changed.
        n: from 1 to m; default 2.
        m: >= 1; default 4.
        layers: numbers of the layers, from 0; default all.

    Raises:
        TypeError, ValueError: no MLP; no such layer; numbers out of range; weights that are shared or on a grid: prune
            first.

    Example:
        >>> network = MLP([4, 1], initializer="zeros", loss="mse")
        >>> network.weights[0] = np.array([[0.1], [-0.4], [0.3], [0.2]])
        >>> prune_n_of_m(network).weights[0].ravel().round(1).tolist()
        [0.0, -0.4000000059604645, 0.30000001192092896, 0.0]

    Source: A. Mishra et al., "Accelerating sparse deep neural networks", 2021 (arXiv 2104.08378), of 2 of 4, for which
    NVIDIA's processors have units since Ampere; nothing is faster on a CPU.
    """
    check_network(network)
    chosen = chosen_layers(network, layers)
    m = check_integer("m", m, low=1)
    n = check_integer("n", n, low=1, high=m)
    compressed = CompressedMLP(network)
    forms: dict[str, Form] = {}
    for name in (f"weights[{layer}]" for layer in chosen):
        magnitudes = magnitudes_of(compressed, name)
        forms[name] = Masked(_largest_of_groups(magnitudes, n, m) & (magnitudes >= 0))
    return compressed.with_forms(forms)


def n_of_m_bytes(shape: tuple[int, int], n: int = 2, m: int = 4, value_bits: int = 32) -> int:
    r"""Return the bytes of a weight matrix in which n of m are stored, each with its place in the group.

    A place takes p = ⌈log₂ m⌉ bits, 2 where m is 4. With b bits a value, f inputs and u units

    .. math:: B = \left\lceil \frac{n\, (b + p)}{8} \left\lceil \frac{f}{m} \right\rceil u \right\rceil

    Args:
        shape: (f, u), fan-in and fan-out.
        n: values a group; default 2.
        m: length of a group; default 4.
        value_bits: b; default 32.

    Raises:
        TypeError, ValueError: no two numbers; numbers out of range.

    Example:
        >>> dense = 784 * 300 * 4
        >>> n_of_m_bytes((784, 300)), n_of_m_bytes((784, 300)) / dense
        (499800, 0.53125)
        >>> n_of_m_bytes((784, 300), value_bits=8) / (dense / 4)
        0.625

    Source: as :func:`prune_n_of_m`.
    """
    fan_in, fan_out = (check_integer(f"shape[{i}]", size, low=1) for i, size in enumerate(_pair(shape)))
    m = check_integer("m", m, low=1)
    n = check_integer("n", n, low=1, high=m)
    b = check_integer("value_bits", value_bits, low=1)
    groups, place_bits = -(-fan_in // m), (m - 1).bit_length()
    return -(-groups * fan_out * n * (b + place_bits) // 8)


def _pair(shape: Any) -> tuple[Any, Any]:
    if not isinstance(shape, tuple | list) or len(shape) != 2:
        raise TypeError(f"shape: got {shape!r}; expected (fan-in, fan-out)")
    return shape[0], shape[1]


def _largest_of_groups(magnitudes: np.ndarray, n: int, m: int) -> np.ndarray:
    """True for the n largest of every m entries of a column; of equal ones the later stay."""
    fan_in, fan_out = magnitudes.shape
    padded = np.full((-(-fan_in // m) * m, fan_out), -2.0)
    padded[:fan_in] = magnitudes
    groups = padded.reshape(-1, m, fan_out)
    stays = np.zeros(groups.shape, bool)
    np.put_along_axis(stays, np.argsort(groups, axis=1, kind="stable")[:, m - n :], True, axis=1)
    return stays.reshape(-1, fan_out)[:fan_in]
