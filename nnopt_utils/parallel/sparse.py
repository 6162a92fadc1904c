"""What compressors that send a few entries share: how many, and where they lie."""

from __future__ import annotations

import numpy as np

from nnopt_utils._validation import check_integer, check_number, describe


def check_number_of_entries(share: float | None, k: int | None) -> None:
    """Refuse anything but one of both."""
    if (share is None) == (k is None):
        raise ValueError(f"share, k: got {describe(share)} and {describe(k)}; expected one of both, such as share=0.01")
    if share is not None:
        check_number("share", share, low=0.0, low_open=True, high=1.0)
    else:
        check_integer("k", k, low=1)


def number_of_entries(share: float | None, k: int | None, size: int) -> int:
    """How many entries of a vector are sent: k, or the share of its size, at least one, at most all.

    >>> number_of_entries(0.01, None, 55_050), number_of_entries(None, 10, 4), number_of_entries(0.01, None, 7)
    (550, 4, 1)
    """
    return min(size, k if k is not None else max(1, round(float(share or 0) * size)))


def spread(values: np.ndarray, indices: np.ndarray, size: int) -> np.ndarray:
    """The vector with these entries, and zeros.

    >>> spread(np.array([5.0, 7.0]), np.array([0, 2]), 4)
    array([5., 0., 7., 0.])
    """
    vector = np.zeros(size, values.dtype)
    vector[indices] = values
    return vector
