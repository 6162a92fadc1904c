"""N of M: in every group of M weights at most N stay, a pattern that some processors multiply faster."""

from __future__ import annotations

import math

import numpy as np

from nnopt_utils._validation import check_integer
from nnopt_utils.compression._chosen import check_network, chosen_layers
from nnopt_utils.compression.forms import Form
from nnopt_utils.compression.magnitude import magnitudes_of
from nnopt_utils.compression.masked import Masked
from nnopt_utils.compression.network import CompressedMLP
from nnopt_utils.networks import MLP


def prune_n_of_m(network: MLP, n: int = 2, m: int = 4, layers: list[int] | None = None) -> CompressedMLP:
    """Return a network in which each unit has at most n weights from every m successive inputs: the largest.

    Where the number of inputs is no multiple of m, the last group is smaller and keeps up to n. Of equal magnitudes the
    later one stays. Entries that a mask has taken away stay away. Biases stay as they are.

    Args:
        network: an ``MLP``, or a compressed one whose weights are dense or masked. It is not changed.
        n: how many stay, from 1; default 2.
        m: of how many, at least n; default 4.
        layers: numbers of the layers, from 0; default all.

    Raises:
        TypeError, ValueError: no MLP; no such layer; more to stay than there are; weights that are shared or on a grid.

    Example:
        >>> pruned = prune_n_of_m(MLP([8, 3], seed=0), n=2, m=4)
        >>> (pruned.weights[0] != 0).reshape(2, 4, 3).sum(axis=1).tolist()
        [[2, 2, 2], [2, 2, 2]]

    Source: A. Mishra et al., "Accelerating sparse deep neural networks", 2021 (arXiv 2104.08378), for 2 of 4.
    """
    check_network(network)
    check_integer("m", m, low=1)
    check_integer("n", n, low=1, high=m)
    compressed = CompressedMLP(network)
    forms: dict[str, Form] = {}
    for layer in chosen_layers(network, layers):
        name = f"weights[{layer}]"
        magnitudes = magnitudes_of(compressed, name)
        fan_in, fan_out = magnitudes.shape
        padded = np.full((-fan_in % m + fan_in, fan_out), -1.0)
        padded[:fan_in] = magnitudes
        groups = padded.reshape(-1, m, fan_out)
        smallest = np.argsort(groups, axis=1, kind="stable")[:, : m - n]
        kept = groups >= 0
        np.put_along_axis(kept, smallest, False, axis=1)
        forms[name] = Masked(kept.reshape(-1, fan_out)[:fan_in])
    return compressed.with_forms(forms)


def n_of_m_bytes(fan_in: int, fan_out: int, n: int = 2, m: int = 4, value_bits: int = 16) -> int:
    r"""Return the bytes of a matrix of n of m: n values a group, and for each its place in the group.

    A place takes p = ⌈log₂ m⌉ bits. With b bits a value, f inputs and u units

    .. math:: B = \left\lceil \frac{n\, (b + p)}{8} \left\lceil \frac{f}{m} \right\rceil u \right\rceil

    since a last group that is smaller is filled up.

    Args:
        fan_in, fan_out: f and u, from 1.
        n, m: the pattern.
        value_bits: b, from 1; default 16.

    Raises:
        TypeError, ValueError: bad numbers.

    Example:
        >>> n_of_m_bytes(784, 64), 784 * 64 * 2      # 9/16 of the dense bytes: 18 bits for 2 of 32
        (56448, 100352)

    Source: as :func:`prune_n_of_m`: two bits say the place of a value among four.
    """
    for name, value in (("fan_in", fan_in), ("fan_out", fan_out), ("m", m), ("value_bits", value_bits)):
        check_integer(name, value, low=1)
    check_integer("n", n, low=1, high=m)
    groups = -(-fan_in // m) * fan_out
    return math.ceil(groups * n * (value_bits + (m - 1).bit_length()) / 8)
