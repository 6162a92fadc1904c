"""How a tensor of a network is made from the numbers that are free: what every compressed form shares."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np


class Stored(NamedTuple):
    """What has to be kept of a tensor, before anybody writes it to a file.

    Attributes:
        kind: ``"float"``, ``"codebook"`` or ``"grid"``: what a value is.
        shape: of the tensor.
        kept: True where a value is stored, of the tensor's shape; all else is zero. ``None``: all are stored.
        values: one for each kept entry, in row-major order: floats, or codes from 0 (unsigned integers).
        bits: of a code in a code of fixed length; of a float 32 or 64.
        tables: what turns codes into floats: ``{"codebook": …}``, or ``{"scale": …, "zero_point": …}``.

    Example:
        >>> Dense((2,)).stored(np.array([0.5, 2.0], np.float32)).values
        array([0.5, 2. ], dtype=float32)
    """

    kind: str
    shape: tuple[int, ...]
    kept: np.ndarray | None
    values: np.ndarray
    bits: int
    tables: dict[str, np.ndarray]


class Form(ABC):
    """A weight matrix or bias vector as a function of fewer, or other, numbers: the free ones, which training changes.

    A subclass says how the tensor is made (``decode``), how a gradient by the tensor becomes one by the free numbers
    (``pull_back``, the chain rule), which free numbers give a tensor (``encode``), and what must be kept (``stored``).

    Args:
        shape: of the tensor, (fan-in, fan-out) or (fan-out,).
        free_shape: of the free numbers; default the same.

    Example:
        >>> class Doubled(Form):
        ...     def decode(self, free, out):
        ...         np.multiply(free, 2, out=out)
        ...     def pull_back(self, gradient, free, out):
        ...         np.multiply(gradient, 2, out=out)
        ...     def encode(self, tensor):
        ...         return tensor / 2
        ...     def stored(self, free):
        ...         return Dense(self.shape).stored(2 * free)
        >>> Doubled((3,)).tensor(np.ones(3))
        array([2., 2., 2.])
    """

    def __init__(self, shape: tuple[int, ...], free_shape: tuple[int, ...] | None = None) -> None:
        self.shape = tuple(shape)
        self.free_shape = self.shape if free_shape is None else tuple(free_shape)

    @abstractmethod
    def decode(self, free: np.ndarray, out: np.ndarray) -> None:
        """Write the tensor that the free numbers give into ``out``.

        Args:
            free: of ``free_shape``.
            out: of ``shape``.
        """

    @abstractmethod
    def pull_back(self, gradient: np.ndarray, free: np.ndarray, out: np.ndarray) -> None:
        """Write the gradient by the free numbers into ``out``.

        Args:
            gradient: by the tensor, of ``shape``.
            free: the free numbers at which it was computed, of ``free_shape``.
            out: of ``free_shape``.
        """

    @abstractmethod
    def encode(self, tensor: np.ndarray) -> np.ndarray:
        """Return free numbers for a tensor: those that give it or, if none do, something near.

        Args:
            tensor: of ``shape``.
        """

    @abstractmethod
    def stored(self, free: np.ndarray) -> Stored:
        """Return what has to be kept.

        Args:
            free: of ``free_shape``.
        """

    @property
    def n_free(self) -> int:
        """How many numbers are free."""
        return math.prod(self.free_shape)

    @property
    def kept(self) -> np.ndarray | None:
        """True where the tensor may differ from zero, of its shape; ``None``: everywhere."""
        return None

    def tensor(self, free: np.ndarray) -> np.ndarray:
        """Return the tensor that the free numbers give, as a new array.

        Args:
            free: of ``free_shape``.
        """
        out = np.empty(self.shape, np.asarray(free).dtype)
        self.decode(free, out)
        return out

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.shape})"


class Dense(Form):
    """All entries are free: what every tensor of an ``MLP`` is.

    Args:
        shape: of the tensor.

    Example:
        >>> Dense((2, 3)).n_free
        6
    """

    def decode(self, free: np.ndarray, out: np.ndarray) -> None:
        """Copy."""
        out[:] = free

    def pull_back(self, gradient: np.ndarray, free: np.ndarray, out: np.ndarray) -> None:
        """Copy."""
        out[:] = gradient

    def encode(self, tensor: np.ndarray) -> np.ndarray:
        """Copy."""
        return np.array(tensor)

    def stored(self, free: np.ndarray) -> Stored:
        """Every entry, as the float that it is."""
        return Stored("float", self.shape, None, np.ravel(free).copy(), 8 * free.dtype.itemsize, {})
