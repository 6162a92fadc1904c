"""Clusters of numbers on a line: Lloyd's algorithm, in the time that a sorted list allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils._validation import as_generator, check_array, check_choice, check_integer


class Clusters(NamedTuple):
    """Centroids, and which value belongs to which.

    Attributes:
        centroids: sorted, of the values' dtype.
        codes: the number of each value's centroid, from 0, of the values' shape.

    Example:
        >>> Clusters(np.array([0.5, 2.0]), np.array([1, 1, 0])).values.tolist()
        [2.0, 2.0, 0.5]
    """

    centroids: np.ndarray
    codes: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """Each value's centroid in its place."""
        return self.centroids[self.codes]


def k_means(
    values: Any,
    clusters: int,
    start: str = "linear",
    seed: int | np.random.Generator = 0,
    max_iterations: int = 1000,
) -> Clusters:
    r"""Return centroids for numbers by Lloyd's algorithm.

    It assigns each value to the nearest centroid, moves each centroid to the mean of its values, and begins again,
    until no value changes sides. Neither step raises the squared error E. With w the values as a vector, c the
    centroids, and Z the matrix that has a 1 where a row's value belongs to a column's cluster and else zeros,

    .. math:: E = \lVert w - Z c \rVert^2, \qquad c = (Z^\top Z)^{-1} Z^\top w

    What it finds depends on where it starts: a local minimum, which need not be the least.

    On a line a cluster is a stretch of the sorted values. They are sorted once; then an iteration takes a binary search
    for each border, and the differences of cumulative sums (in float64).

    A centroid that is nearest to no value moves to the value that is farthest from its own centroid (the first of
    them in order of size, if several are), which does not raise E either. Every centroid that is returned has values:
    there are as many as asked for, or as many as there are different values, if these are fewer; then E = 0. They may
    be fewer if the iterations end too early, or if values differ by little more than float64's rounding.

    Args:
        values: of any shape.
        clusters: how many centroids, from 1.
        start: ``"linear"`` (default): evenly spaced from the least to the largest value; ``"density"``: each stands for
            as many values as any other; ``"random"``: values drawn without replacement (Forgy).
        seed: for ``"random"``: an integer or a ``numpy.random.Generator``; default 0.
        max_iterations: after so many it stops, converged or not; default 1000.

    Returns:
        ``Clusters``: the sorted centroids, and each value's code.

    Raises:
        TypeError, ValueError: no finite numbers; a bad number, or no start of that name.

    Example:
        >>> found = k_means([0.0, 0.1, 0.2, 0.9, 1.0, 1.1], clusters=2)
        >>> [round(float(c), 6) for c in found.centroids], found.codes.tolist()
        ([0.1, 1.0], [0, 0, 0, 1, 1, 1])

    Warning:
        scikit-learn's ``KMeans`` starts from k-means++ by default; SciPy's ``kmeans2`` leaves an empty cluster empty.

    Source: S. P. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28, 1982; the
    three starts: S. Han, H. Mao, W. J. Dally, "Deep compression", ICLR 2016, section 3.2.
    """
    given = check_array("values", values)
    k = check_integer("clusters", clusters, low=1)
    begin = STARTS[check_choice("start", start, STARTS)]
    generator, limit = as_generator(seed), check_integer("max_iterations", max_iterations, low=1)
    line = np.sort(given, axis=None).astype(np.float64)
    firsts = np.flatnonzero(np.diff(line, prepend=np.nan) != 0)  # where a different value begins
    borders = firsts[1:] if len(firsts) <= k else _lloyd(line, begin(line, k, generator), limit)
    sizes = np.diff(borders, prepend=0, append=line.size)
    # Values of one side of a border are different from those of the other, so a border is a value: the first above.
    codes = np.searchsorted(line[borders], given.astype(np.float64), side="right")
    return Clusters((np.add.reduceat(line, np.r_[0, borders]) / sizes).astype(given.dtype), codes)


def _lloyd(line: np.ndarray, centroids: np.ndarray, limit: int) -> np.ndarray:
    """Return the borders between the clusters of sorted values, of which none is empty."""
    middle = line.mean()
    sums = np.concatenate([[0.0], np.cumsum(line - middle)])  # about the middle, so that little is cancelled
    before = None
    for _ in range(limit):
        borders = _borders(line, centroids)
        sizes = np.diff(borders, prepend=0, append=line.size)
        empty = sizes == 0
        if not empty.any() and before is not None and np.array_equal(borders, before):
            break
        before = borders
        stretches = np.diff(sums[np.r_[0, borders, line.size]])
        centroids = np.where(empty, centroids, middle + stretches / np.maximum(sizes, 1))
        if empty.any():
            centroids = np.sort(np.r_[centroids[~empty], _farthest(line, centroids[~empty], int(empty.sum()))])
    borders = np.unique(_borders(line, centroids))
    return borders[(borders > 0) & (borders < line.size)]


def _borders(line: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Where in the sorted values the next centroid becomes nearer; halfway counts to the lower one."""
    return np.searchsorted(line, (centroids[:-1] + centroids[1:]) / 2, side="right")


def _farthest(line: np.ndarray, centroids: np.ndarray, count: int) -> np.ndarray:
    """The values farthest from their centroids, different ones."""
    sizes = np.diff(_borders(line, centroids), prepend=0, append=line.size)
    different = np.diff(line, prepend=np.nan) != 0
    distances = np.abs(line - np.repeat(centroids, sizes))[different]
    return line[different][np.argsort(-distances, kind="stable")[:count]]


def _linear(line: np.ndarray, k: int, generator: np.random.Generator) -> np.ndarray:
    return np.linspace(line[0], line[-1], k)


def _density(line: np.ndarray, k: int, generator: np.random.Generator) -> np.ndarray:
    """The medians of k stretches of the same number of values."""
    return line[((np.arange(k) + 0.5) * line.size / k).astype(np.intp)]


def _random(line: np.ndarray, k: int, generator: np.random.Generator) -> np.ndarray:
    return np.sort(generator.choice(line, size=k, replace=False))


STARTS: dict[str, Callable[[np.ndarray, int, np.random.Generator], np.ndarray]] = {
    "linear": _linear,
    "density": _density,
    "random": _random,
}
