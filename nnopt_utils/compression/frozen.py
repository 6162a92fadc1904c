"""Tensors that training leaves alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils._validation import check_array
from nnopt_utils.compression.forms import Dense, Form, Stored


class Frozen(Form):
    """A tensor of which nothing is free: it stays what it is.

    Args:
        free: the tensor or, with a form, the form's free numbers. They are copied.
        form: what makes the tensor from them, and says what is stored; default ``Dense``.

    Raises:
        TypeError, ValueError: no finite numbers, or not of the form's ``free_shape``.

    Example:
        >>> form = Frozen([0.5, 2.0])
        >>> form.n_free, form.tensor(np.empty(0)).tolist()
        (0, [0.5, 2.0])

    Warning:
        PyTorch freezes a parameter with ``requires_grad_(False)``, Keras a layer with ``trainable = False``.
    """

    def __init__(self, free: Any, form: Form | None = None) -> None:
        self._free = check_array("free", free, shape=None if form is None else form.free_shape).copy()
        self.form = Dense(self._free.shape) if form is None else form
        self._tensor = self.form.tensor(self._free)
        super().__init__(self.form.shape, (0,))

    @property
    def kept(self) -> np.ndarray | None:
        """The mask of the form."""
        return self.form.kept

    def decode(self, free: np.ndarray, out: np.ndarray) -> None:
        """Copy what was frozen."""
        out[:] = self._tensor

    def pull_back(self, gradient: np.ndarray, free: np.ndarray, out: np.ndarray) -> None:
        """Nothing: there is no free number."""

    def encode(self, tensor: np.ndarray) -> np.ndarray:
        """No numbers, whatever the tensor: it cannot become another one."""
        return np.empty(0, tensor.dtype)

    def stored(self, free: np.ndarray) -> Stored:
        """What the form stores of the frozen numbers."""
        return self.form.stored(self._free)

    def __repr__(self) -> str:
        return f"Frozen({self.form!r})"
