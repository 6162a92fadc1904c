"""Low-rank factorisation: a layer becomes two thinner ones, by truncated singular value decomposition."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils._validation import check_array, check_integer, check_number
from nnopt_utils.compression._chosen import check_network, chosen_layers, one_a_layer
from nnopt_utils.compression.network import decoded
from nnopt_utils.networks import MLP


class Factors(NamedTuple):
    """Two matrices whose product is near another one.

    Attributes:
        first: U, (fan-in, r).
        second: V, (r, fan-out).

    Example:
        >>> Factors(np.ones((3, 1)), np.ones((1, 2))).product.shape
        (3, 2)
    """

    first: np.ndarray
    second: np.ndarray

    @property
    def product(self) -> np.ndarray:
        """U V."""
        return self.first @ self.second


def truncated_svd(matrix: Any, rank: int) -> Factors:
    r"""Return factors of the matrix of a rank that is nearest to a matrix W.

    With the singular values σ from the largest to the smallest, and r the rank,

    .. math:: \lVert W - U V \rVert^2 = \lVert W \rVert^2 - \sum_{i=1}^{r} \sigma_i^2

    in the Frobenius norm: the sum of the squares that are left out. No other matrix of this rank comes nearer (Eckart
    and Young). Each factor takes the square roots of the singular values, so that both have the same ones:

    .. math:: U^\top U = V V^\top

    Args:
        matrix: (fan-in, fan-out).
        rank: r, from 1 to the smaller side.

    Returns:
        ``Factors``, of the matrix's dtype; computed in float64.

    Raises:
        TypeError, ValueError: no matrix of finite numbers; a rank that it cannot have.

    Example:
        >>> W = np.outer([1.0, 2.0], [3.0, 4.0, 5.0])           # of rank 1
        >>> bool(np.allclose(truncated_svd(W, 1).product, W))
        True

    Source: C. Eckart, G. Young, "The approximation of one matrix by another of lower rank", Psychometrika 1, 1936.
    """
    W = check_array("matrix", matrix, ndim=2)
    r = check_integer("rank", rank, low=1, high=min(W.shape))
    left, sigma, right = np.linalg.svd(W.astype(np.float64), full_matrices=False)
    root = np.sqrt(sigma[:r])
    return Factors((left[:, :r] * root).astype(W.dtype), (root[:, None] * right[:r]).astype(W.dtype))


def rank_for_energy(matrix: Any, energy: float) -> int:
    r"""Return the smallest rank whose squared singular values have a share of the sum of all of them.

    .. math:: \sum_{i=1}^{r} \sigma_i^2 \ge e \sum_{i=1}^{n} \sigma_i^2

    Args:
        matrix: (fan-in, fan-out).
        energy: the share e, above 0, at most 1.

    Returns:
        The rank, at least 1.

    Raises:
        TypeError, ValueError: no matrix of finite numbers; a share out of range.

    Example:
        >>> rank_for_energy(np.diag([3.0, 2.0, 1.0]), 0.9)      # (9 + 4) / 14 is 0.93
        2
    """
    W = check_array("matrix", matrix, ndim=2).astype(np.float64)
    share = check_number("energy", energy, low=0.0, high=1.0, low_open=True)
    squares = np.cumsum(np.linalg.svd(W, compute_uv=False) ** 2)
    return int(np.searchsorted(squares, share * squares[-1])) + 1


def low_rank(
    network: MLP,
    rank: int | list[int] | None = None,
    energy: float | list[float] | None = None,
    layers: list[int] | None = None,
) -> MLP:
    r"""Return a smaller plain network in which layers are two: fan-in to rank, and rank to fan-out.

    The weight matrix of the first is U and of the second V, from :func:`truncated_svd`; nothing but an activation
    ``"linear"`` is between them. The first has a bias too, as any layer of an ``MLP``; it starts at zero, and counts.
    If one layer of n inputs and m outputs becomes two, N parameters become N′:

    .. math:: N - N' = n m - r (n + m + 1)

    The network shrinks if this is above zero.

    Give ``rank`` or ``energy``. One rank for all layers leaves those as they are that it would not make smaller; so
    does an energy. But a rank for named layers, or a list of ranks, has to make each of its layers smaller.

    The result has more layers than ``network``, numbered anew. It is an ``MLP`` as any other: ``fit`` fine-tunes it,
    and every method takes it. Masks and codebooks are decoded first, and gone. A penalty ``l2`` then acts on the
    factors.

    Args:
        network: an ``MLP``, compressed or not. It is not changed.
        rank: one number, or a list with one for each chosen layer.
        energy: the share of the squared singular values to keep, above 0, at most 1: one number, or a list.
        layers: numbers of the layers, from 0; default all.

    Raises:
        TypeError, ValueError: no MLP; no such layer; neither or both of rank and energy; a rank that would make a named
            layer, or the network as a whole, no smaller.

    Example:
        >>> network = MLP([784, 300, 100, 10], seed=0)
        >>> smaller = low_rank(network, rank=40, layers=[0])
        >>> smaller.layer_sizes, smaller.activation
        ([784, 40, 300, 100, 10], ['linear', 'relu', 'relu'])
        >>> network.n_parameters, smaller.n_parameters
        (266610, 74810)

    Source: truncated SVD of a trained network's layers: J. Xue, J. Li, Y. Gong, "Restructuring of deep neural network
    acoustic models with singular value decomposition", Interspeech 2013.
    """
    plain = decoded(check_network(network))
    chosen = chosen_layers(plain, layers)
    ranks = _ranks(plain, rank, energy, chosen, must=layers is not None)
    names = [*(activation.name for activation in plain.activation_functions), "linear"]  # of the outputs: not used
    parts: list[tuple[np.ndarray, np.ndarray, str]] = []
    for layer, (W, b, name) in enumerate(zip(plain.weights, plain.biases, names, strict=True)):
        if layer in ranks:
            U, V = truncated_svd(W, ranks[layer])
            parts += [(U, np.zeros(ranks[layer], plain.dtype), "linear"), (V, b, name)]
        else:
            parts.append((W, b, name))
    weights, biases, activations = (list(each) for each in zip(*parts, strict=True))
    sizes = [plain.layer_sizes[0], *map(len, biases)]
    smaller = MLP(sizes, activations[:-1], network.loss_function.name, "zeros", plain.l2, dtype=plain.dtype.name)
    smaller.weights, smaller.biases = weights, biases
    return smaller


def _ranks(plain: MLP, rank: Any, energy: Any, chosen: list[int], must: bool) -> dict[int, int]:
    """The rank of each layer that shrinks."""
    if (rank is None) == (energy is None):
        raise ValueError(f"rank, energy: got {rank!r} and {energy!r}; expected one of them")
    if rank is None:
        shares = one_a_layer("energy", energy, chosen, lambda n, v: check_number(n, v, low=0, high=1, low_open=True))
        ranks = {k: rank_for_energy(plain.weights[k], share) for k, share in zip(chosen, shares, strict=True)}
        return {k: r for k, r in ranks.items() if r <= _largest(plain, k)}
    numbers = one_a_layer("rank", rank, chosen, lambda n, v: check_integer(n, v, low=1))
    ranks = dict(zip(chosen, numbers, strict=True))
    smaller = {k: r for k, r in ranks.items() if r <= _largest(plain, k)}
    if (must or np.ndim(rank)) and smaller.keys() != ranks.keys():
        layer = next(k for k in ranks if k not in smaller)
        raise ValueError(f"rank: got {ranks[layer]} for layer {layer}; expected {_expected(plain, layer)}")
    if not smaller:
        most = max(_largest(plain, k) for k in chosen)
        raise ValueError(f"rank: got {rank!r}, with which no layer shrinks; expected at most {most}")
    return smaller


def _largest(plain: MLP, layer: int) -> int:
    """The largest rank with which a layer of n inputs and m outputs shrinks: its factors and the first one's bias."""
    n, m = list(pairwise(plain.layer_sizes))[layer]
    return (n * m - 1) // (n + m + 1)


def _expected(plain: MLP, layer: int) -> str:
    n, m = list(pairwise(plain.layer_sizes))[layer]
    if largest := _largest(plain, layer):
        return f"at most {largest}, or its {n} × {m} weights would not get fewer"
    return f"another layer: this one of {n} × {m} has no rank with which it gets smaller"
