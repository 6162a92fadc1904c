"""Where each weight matrix and bias vector lies in θ: what networks and optimizers agree on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Place(NamedTuple):
    """One weight matrix or bias vector of θ: its name, its shape, and where in θ it lies.

    Args:
        name: of the tensor, such as ``"weights[0]"``.
        shape: (fan-in, fan-out) or (fan-out,).
        where: its slice of θ.

    Example:
        >>> place = Place("weights[0]", (2, 3), slice(0, 6))
        >>> place.of(np.arange(8.0))
        array([[0., 1., 2.],
               [3., 4., 5.]])
    """

    name: str
    shape: tuple[int, ...]
    where: slice

    @property
    def size(self) -> int:
        """The number of its parameters."""
        return math.prod(self.shape)

    def of(self, vector: np.ndarray) -> np.ndarray:
        """Return this part of θ, or of any vector of its shape, in its own shape: a view, not a copy.

        Args:
            vector: 1-D, as long as θ.
        """
        return vector[self.where].reshape(self.shape)


def layout_of(shapes: Iterable[tuple[str, tuple[int, ...]]]) -> list[Place]:
    """Return the places of named shapes that lie in θ one after the other.

    Args:
        shapes: name and shape of each, in order.

    Example:
        >>> [place.where for place in layout_of([("W", (2, 3)), ("b", (3,))])]
        [slice(0, 6, None), slice(6, 9, None)]
    """
    layout, start = [], 0
    for name, shape in shapes:
        stop = start + math.prod(shape)
        layout.append(Place(name, tuple(shape), slice(start, stop)))
        start = stop
    return layout
