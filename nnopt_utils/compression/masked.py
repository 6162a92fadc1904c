"""Tensors of which only some entries are free, and all others zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, describe
from nnopt_utils.compression.forms import Form, Stored


class Masked(Form):
    """Only the entries that a mask keeps are free; the others are zero, and stay zero in training.

    Args:
        kept: True for the entries that stay, of the tensor's shape.

    Raises:
        TypeError, ValueError: ``kept`` is no array of booleans, or keeps nothing.

    Example:
        >>> form = Masked(np.array([[True, False], [False, True]]))
        >>> form.n_free, form.tensor(np.array([1.0, 2.0])).tolist()
        (2, [[1.0, 0.0], [0.0, 2.0]])
    """

    def __init__(self, kept: Any) -> None:
        self._kept = check_mask("kept", kept)
        self.index = np.flatnonzero(self._kept)
        super().__init__(self._kept.shape, self.index.shape)

    @property
    def kept(self) -> np.ndarray:
        """The mask."""
        return self._kept

    def decode(self, free: np.ndarray, out: np.ndarray) -> None:
        """Put the kept entries into their places among zeros."""
        out[:] = 0
        out.reshape(-1)[self.index] = free

    def pull_back(self, gradient: np.ndarray, free: np.ndarray, out: np.ndarray) -> None:
        """The gradient's kept entries: the others belong to no free number."""
        np.take(gradient.reshape(-1), self.index, out=out)

    def encode(self, tensor: np.ndarray) -> np.ndarray:
        """The tensor's kept entries."""
        return tensor.reshape(-1)[self.index]

    def stored(self, free: np.ndarray) -> Stored:
        """The mask, and the kept entries as floats."""
        return Stored("float", self.shape, self._kept, np.array(free), 8 * free.dtype.itemsize, {})

    def __repr__(self) -> str:
        return f"Masked({self.n_free:,} of {self._kept.size:,} kept, shape {self.shape})"


def check_mask(name: str, kept: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return a mask as a contiguous array of booleans that keeps something.

    Args:
        name: of the argument, for the message.
        kept: True for what stays.
        shape: what it must have; default any.

    Raises:
        TypeError, ValueError: anything else.

    Example:
        >>> check_mask("kept", [1, 0])
        Traceback (most recent call last):
        ...
        TypeError: kept: got int64 array of shape (2,); expected an array of booleans, True for what stays
    """
    array = np.asarray(kept)
    if array.dtype != bool:
        raise TypeError(f"{name}: got {describe(array)}; expected an array of booleans, True for what stays")
    check_array(name, array.astype(np.int8), shape=shape)
    if not array.any():
        raise ValueError(f"{name}: got a mask that keeps nothing; expected at least one True")
    return np.array(array, order="C")
