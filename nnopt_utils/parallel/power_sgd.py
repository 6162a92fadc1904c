"""PowerSGD: weight matrices of low rank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nnopt_utils._validation import check_integer, describe
from nnopt_utils.layout import Place
from nnopt_utils.parallel.all_reduce import ring_all_reduce
from nnopt_utils.parallel.compressors import Compressor, Message, check_vector
from nnopt_utils.parallel.links import Link


class PowerSGD(Compressor):
    r"""Send each weight matrix M as a product of two thin ones, found by one step of power iteration.

    Let P be an orthonormal basis of the columns of M Q, with Q of r columns from the step before. Then

    .. math::

        Q' = M^\top P \\
        C(M) = P Q'^\top = P P^\top M

    and Q′ is the next Q: the warm start. While M stands still, from almost every start P turns towards its r leading
    left singular vectors, and C(M) towards a best approximation of rank r. Both products are linear in M: their means
    over the workers are the products of the mean gradient, so an all-reduce is enough, and it is the mean that is
    approximated, not each worker's own. A worker codes (n + m) r numbers of n m: for 784 × 64 and r = 2, 3.4 %.
    What is no matrix (biases), and a matrix that would not become smaller, is sent as it is.

    Args:
        rank: r >= 1; default 2.
        error_feedback: remember M − P Pᵀ M, of the worker's own M; default False.
        seed: of the first Q, normal numbers, the same on all workers: an integer or a ``numpy.random.Generator``;
            default 0.

    Raises:
        TypeError, ValueError: a rank that is no integer >= 1; a vector before ``prepare``, or that does not fit the
            layout.

    Example:
        >>> from nnopt_utils.layout import layout_of
        >>> power = PowerSGD(rank=1)
        >>> power.prepare(layout_of([("weights[0]", (4, 3)), ("biases[0]", (3,))]))
        >>> M, b = np.outer([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, -1.0]), np.array([7.0, 8.0, 9.0])
        >>> message = power.compress(np.concatenate([M.ravel(), b]))
        >>> [array.size for array in message.arrays], message.n_bytes       # P, Q′ and the biases
        ([4, 3, 3], 80)
        >>> power.decompress(message, 15, np.float64).round(12)[-6:]
        array([ 4.,  0., -4.,  7.,  8.,  9.])

    Source: T. Vogels, S. P. Karimireddy, M. Jaggi, "PowerSGD: Practical low-rank gradient compression for distributed
    optimization", NeurIPS 2019, Algorithms 1 and 2.

    Warning:
        The error is the worker's own: its matrix, less what its own Q′ decodes to. The authors' code and PyTorch's
        ``powerSGD_hook`` subtract C(M) of the mean instead. In exact arithmetic the same means come out, since both
        errors have the same mean over the workers. But theirs also hold the sum of all by which the worker's gradients
        differed from the mean, which grows as t where they always differ the same way: in float32 that costs digits.
        Here each step takes out of that sum what lies in the columns of P.
        PyTorch's hook sends the first 1,000 gradients whole by default. Here a column of Q that became zero, as after
        a gradient of zeros, is drawn anew.
    """

    def __init__(self, rank: int = 2, *, error_feedback: bool = False, seed: int | np.random.Generator = 0) -> None:
        self.rank = check_integer("rank", rank, low=1)
        super().__init__(error_feedback=error_feedback, seed=seed)
        self.layout: list[Place] | None = None
        self._matrices: list[Place] = []
        self._others: list[Place] = []
        self._Q: list[np.ndarray] = []

    def prepare(self, layout: Sequence[Place]) -> None:
        """Find the matrices of a layout, and draw the first Q of each; the layout of before changes nothing.

        Args:
            layout: of the network, ``network.layout``.

        Raises:
            TypeError, ValueError: no layout, or one whose places do not follow each other.
        """
        places = _check_layout(layout)
        if places == self.layout:
            return
        self.layout, self.error = places, None
        self._matrices = [place for place in places if self._saves(place.shape)]
        self._others = [place for place in places if not self._saves(place.shape)]
        self._Q = [self.generator.normal(size=(place.shape[1], self.rank)) for place in self._matrices]

    def _saves(self, shape: tuple[int, ...]) -> bool:
        return len(shape) == 2 and sum(shape) * self.rank < shape[0] * shape[1]

    @np.errstate(over="ignore", invalid="ignore")
    def compress(self, vector: np.ndarray) -> Message:
        vector = self._check(vector)
        P = self._bases(self._products(vector))
        Q = self._co_products(vector, P)
        self._remember(Q)
        return Message((P, Q, self._rest(vector)))

    def decompress(self, message: Message, size: int, dtype: Any) -> np.ndarray:
        P, Q, rest = message.arrays
        vector = np.empty(size, dtype)
        for place, p, q in zip(self._matrices, self._cut(P, 0), self._cut(Q, 1), strict=True):
            place.of(vector)[:] = p @ q.T
        for place in self._others:
            vector[place.where], rest = rest[: place.size], rest[place.size :]
        return vector

    def _exchange(self, vector: np.ndarray, link: Link) -> tuple[np.ndarray, np.ndarray]:
        vector, own = self._check(vector), self._rest(vector)
        products = self._products(vector)
        first = _mean(np.concatenate([products, own]), link)
        P, rest = self._bases(first[: products.size]), first[products.size :]
        own_Q = self._co_products(vector, P)
        Q = _mean(own_Q.copy(), link)
        self._remember(Q)
        sent, mean = (Message((P, own_Q, own)), Message((P, Q, rest)))
        return self.decompress(sent, vector.size, vector.dtype), self.decompress(mean, vector.size, vector.dtype)

    # -- all matrices side by side in one vector, so that one message is enough ----------------------------------------

    def _products(self, vector: np.ndarray) -> np.ndarray:
        """M Q."""
        return _joined([place.of(vector) @ q.astype(vector.dtype) for place, q in self._pairs()], vector.dtype)

    def _bases(self, products: np.ndarray) -> np.ndarray:
        """P, an orthonormal basis of the columns of each M Q."""
        return _joined([_basis(product) for product in self._cut(products, 0)], products.dtype)

    def _co_products(self, vector: np.ndarray, P: np.ndarray) -> np.ndarray:
        """Mᵀ P."""
        pairs = zip(self._matrices, self._cut(P, 0), strict=True)
        return _joined([place.of(vector).T @ p for place, p in pairs], vector.dtype)

    def _rest(self, vector: np.ndarray) -> np.ndarray:
        return _joined([vector[place.where] for place in self._others], vector.dtype)

    def _remember(self, Q: np.ndarray) -> None:
        """The next start. Only the span of its columns counts: brought to one size, they suit an M of any size."""
        for k, q in enumerate(self._cut(Q, 1)):
            sizes = np.abs(q).max(axis=0)
            self._Q[k] = np.where(sizes == 0, self.generator.normal(size=q.shape), q / np.where(sizes == 0, 1, sizes))

    def _pairs(self) -> Iterator[tuple[Place, np.ndarray]]:
        return zip(self._matrices, self._Q, strict=True)

    def _cut(self, numbers: np.ndarray, side: int) -> Iterator[np.ndarray]:
        """The thin matrices of a vector: one for each weight matrix, as high as it is (0) or as it is wide (1)."""
        start = 0
        for place in self._matrices:
            stop = start + place.shape[side] * self.rank
            yield numbers[start:stop].reshape(-1, self.rank)
            start = stop

    def _check(self, vector: np.ndarray) -> np.ndarray:
        if self.layout is None:
            raise ValueError("layout: got none; expected prepare(network.layout) before the first vector")
        vector = check_vector("vector", vector)
        if vector.size != (expected := self.layout[-1].where.stop):
            raise ValueError(f"vector: got {describe(vector)}; expected {expected} numbers, as in the layout")
        return vector


def _check_layout(layout: Any) -> list[Place]:
    if not isinstance(layout, Sequence) or not layout or not all(isinstance(place, Place) for place in layout):
        raise TypeError(f"layout: got {describe(layout)}; expected a list of Place, network.layout")
    ends = [0, *(place.where.stop for place in layout)]
    if any((place.where.start, place.size) != (a, b - a) for place, a, b in zip(layout, ends, ends[1:], strict=False)):
        raise ValueError("layout: got places that leave gaps or overlap; expected one after the other, from 0")
    return list(layout)


def _basis(product: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the columns; NaN where these are not finite, which a factorization may hide."""
    return np.linalg.qr(product)[0] if np.isfinite(product).all() else np.full_like(product, np.nan)


def _joined(parts: Sequence[np.ndarray], dtype: Any) -> np.ndarray:
    """All numbers in one vector."""
    return np.concatenate([np.empty(0, dtype), *(part.ravel() for part in parts)])


def _mean(numbers: np.ndarray, link: Link) -> np.ndarray:
    """The mean over all workers, in place."""
    if numbers.size:
        ring_all_reduce(numbers, link)
    numbers /= link.size
    return numbers
