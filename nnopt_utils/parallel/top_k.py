"""Top-k: the entries of largest size alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils.parallel.compressors import Compressor, Message, check_vector
from nnopt_utils.parallel.sparse import check_number_of_entries, number_of_entries, spread


class TopK(Compressor):
    r"""Send the k entries of largest size, each with its index; all others count as zero.

    No vector with k entries is nearer to x, and of d entries the k largest have at least their share of the squares:

    .. math:: \lVert x - C(x) \rVert^2 \le \left(1 - \frac kd\right) \lVert x \rVert^2

    A message has k values and k indices of 4 bytes. Each worker chooses its own entries, so messages cannot be added on
    the way: all of them go to everyone, and a worker sends P − 1.

    Args:
        share: k/d in (0, 1], such as 0.01; k is rounded, and at least 1.
        k: the number itself >= 1, instead of a share; at most d are sent.
        error_feedback: remember what is not sent; default False.

    Raises:
        TypeError, ValueError: both or none of share and k, or one out of its range.

    Example:
        >>> top = TopK(k=2)
        >>> message = top.compress(np.array([1.0, -5.0, 0.5, 3.0]))
        >>> message.arrays, message.n_bytes
        ((array([-5.,  3.]), array([1, 3], dtype=int32)), 24)
        >>> top.decompress(message, size=4, dtype=np.float64)
        array([ 0., -5.,  0.,  3.])

    Source: A. F. Aji, K. Heafield, "Sparse communication for distributed gradient descent", EMNLP 2017; the bound:
    S. U. Stich, J.-B. Cordonnier, M. Jaggi, "Sparsified SGD with memory", NeurIPS 2018.
    """

    def __init__(self, share: float | None = None, *, k: int | None = None, error_feedback: bool = False) -> None:
        check_number_of_entries(share, k)
        super().__init__(error_feedback=error_feedback)
        self.share, self.k = share, k

    def compress(self, vector: np.ndarray) -> Message:
        vector = check_vector("vector", vector)
        indices = largest(vector, number_of_entries(self.share, self.k, vector.size))
        return Message((vector[indices], indices.astype(np.int32)))

    def decompress(self, message: Message, size: int, dtype: Any) -> np.ndarray:
        values, indices = message.arrays
        return spread(values, indices, size).astype(dtype, copy=False)


def largest(vector: np.ndarray, k: int) -> np.ndarray:
    """Where the k entries of largest size are, ascending; of equal ones the first. NaN is larger than any.

    >>> largest(np.array([2.0, -2.0, 1.0, 3.0, 2.0]), 3)
    array([0, 1, 3])
    """
    sizes = np.abs(vector)
    sizes[np.isnan(sizes)] = np.inf
    last = np.partition(sizes, sizes.size - k)[sizes.size - k]
    above = np.flatnonzero(sizes > last)
    return np.sort(np.concatenate([above, np.flatnonzero(sizes == last)[: k - above.size]]))
