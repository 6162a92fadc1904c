"""Random-k: entries that chance picks."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils.parallel.all_reduce import ring_all_reduce
from nnopt_utils.parallel.compressors import Compressor, Message, check_flag, check_vector
from nnopt_utils.parallel.links import Link
from nnopt_utils.parallel.sparse import check_number_of_entries, number_of_entries, spread


class RandomK(Compressor):
    r"""Send k entries that chance picks, every set of k as probable as any other; all others count as zero.

    .. math::

        \mathrm{E}[C(x)] = \frac kd\, x \\
        \mathrm{E}[\lVert C(x) \rVert^2] = \frac kd \lVert x \rVert^2

    Indices do not travel. With ``same_indices`` all workers draw the same, from one seed: then their values can be
    added, and an all-reduce of k numbers is enough. Without, each worker draws its own and sends the seed of its draw,
    8 bytes, with its k values, P − 1 times: dearer, but the mean over P draws is less noisy.

    Args:
        share: k/d in (0, 1], such as 0.01; k is rounded, and at least 1.
        k: the number itself >= 1, instead of a share; at most d are sent.
        unbiased: multiply what is sent by d/k, so that its expectation is x; default False. Not with error feedback:
            what is drawn would leave an error of (1 − d/k) times itself, which grows where d > 2 k.
        same_indices: draw the same entries on all workers; default True.
        error_feedback: remember what is not sent; default False. An entry of a gradient then arrives with the draw that
            picks it, on average the (d/k)-th: a delay, and long delays need small rates.
        seed: an integer or a ``numpy.random.Generator``; default 0.

    Raises:
        TypeError, ValueError: both or none of share and k, one out of its range, or unbiased with error feedback.

    Example:
        >>> random = RandomK(k=2, same_indices=False)
        >>> message = random.compress(np.array([1.0, 2.0, 3.0, 4.0]))
        >>> message.n_bytes                                          # two values and a seed
        24
        >>> vector = random.decompress(message, size=4, dtype=np.float64)
        >>> int(np.count_nonzero(vector)), set(vector.tolist()) <= {0.0, 1.0, 2.0, 3.0, 4.0}
        (2, True)

    Source: S. U. Stich, J.-B. Cordonnier, M. Jaggi, "Sparsified SGD with memory", NeurIPS 2018; the same indices on all
    workers: the code of T. Vogels, S. P. Karimireddy, M. Jaggi, "PowerSGD: Practical low-rank gradient compression for
    distributed optimization", NeurIPS 2019.

    Warning:
        With ``same_indices`` a message alone can only be decompressed right after it was compressed, by the same
        compressor or by a copy that has drawn as often.
    """

    def __init__(
        self,
        share: float | None = None,
        *,
        k: int | None = None,
        unbiased: bool = False,
        same_indices: bool = True,
        error_feedback: bool = False,
        seed: int | np.random.Generator = 0,
    ) -> None:
        check_number_of_entries(share, k)
        super().__init__(error_feedback=error_feedback, seed=seed)
        self.share, self.k = share, k
        self.unbiased = check_flag("unbiased", unbiased)
        self.same_indices = check_flag("same_indices", same_indices)
        if self.unbiased and self.error_feedback:
            raise ValueError("unbiased: got True with error_feedback; expected one of both: errors would grow")
        self._draw, self._worker = 0, 0

    def compress(self, vector: np.ndarray) -> Message:
        vector = check_vector("vector", vector)
        self._draw = int(self.generator.integers(2**62))
        seed = self._draw if self.same_indices else self._draw + self._worker
        values = vector[self._indices(seed, vector.size)]
        if self.unbiased:
            values *= vector.size / values.size
        if not np.isfinite(vector).all():  # or the others would not see that training diverged
            values[:] = np.nan
        return Message((values,) if self.same_indices else (values, np.array([seed])))

    def decompress(self, message: Message, size: int, dtype: Any) -> np.ndarray:
        values, *seed = message.arrays
        return spread(values, self._indices(int(seed[0][0]) if seed else self._draw, size), size).astype(
            dtype, copy=False
        )

    def _indices(self, seed: int, size: int) -> np.ndarray:
        k = number_of_entries(self.share, self.k, size)
        return np.random.default_rng(seed).choice(size, k, replace=False, shuffle=False)

    def _exchange(self, vector: np.ndarray, link: Link) -> tuple[np.ndarray, np.ndarray]:
        self._worker = link.rank
        if not self.same_indices:
            return super()._exchange(vector, link)
        (values,) = self.compress(vector).arrays
        mean = values.copy()
        ring_all_reduce(mean, link)
        mean /= link.size
        sent, mean = (self.decompress(Message((each,)), vector.size, vector.dtype) for each in (values, mean))
        return sent, mean
