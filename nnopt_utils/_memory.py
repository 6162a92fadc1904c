"""Where arrays begin in memory."""

from __future__ import annotations

import numpy as np

CACHE_LINE = 64


def aligned_copy(array: np.ndarray) -> np.ndarray:
    """Return a contiguous copy that begins at a cache line, for arrays that every step goes over.

    NumPy's own begin anywhere in a line. Then each of the processor's widest reads and writes takes two lines, which
    costs a step of Adam about 5 %.

    >>> aligned_copy(np.arange(3.0)).ctypes.data % CACHE_LINE
    0
    """
    raw = np.empty(array.nbytes + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    copy = raw[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy
