"""Optimizers that keep square matrices for the sides of each tensor: what Shampoo and SOAP share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from nnopt_utils._validation import describe
from nnopt_utils.layout import Place
from nnopt_utils.optimizers.tensors import TensorOptimizer


class FactorOptimizer(TensorOptimizer):
    """Base class of rules that keep a matrix for each side of a tensor: n × n for a side of n.

    ``factor_slots`` are the names among ``slots`` that hold such matrices; they come first. ``update`` is given, for
    the first of these names, one matrix a side, then those of the second, …, then the slots of θ's shape. In
    ``state`` the matrices of all tensors stand one after the other; ``matrices`` returns them by tensor.
    """

    factor_slots: ClassVar[Sequence[str]] = ()
    flops_per_cube: ClassVar[float] = 0.0
    max_dimension: int

    def _side_shape(self, place: Place, length: int) -> tuple[int, ...]:
        """Return the shape of the matrix of a side of this length; a rule may have another where it is long."""
        return (length, length) if length <= self.max_dimension else (length,)

    def matrices(self, slot: str) -> dict[str, list[np.ndarray]]:
        """Return the matrices of a slot by the tensor's name, one a side: views of the state.

        Args:
            slot: one of ``factor_slots``.

        Raises:
            ValueError: no such slot, or no step yet.
        """
        if slot not in self.factor_slots or slot not in self.state:
            have = "before the first step" if not self.state else f"; expected one of {list(self.factor_slots)}"
            raise ValueError(f"slot: got {describe(slot)} {have}")
        assert self._shape is not None
        return {place.name: self._matrices(slot, place) for place in self.places(self._shape)}

    def refresh_flops(self) -> float:
        """Return an estimate of the floating-point operations of one renewal of everything that costs n³ a side.

        A gradient of a network of d parameters on B samples is about 6 B d. The layout must be known.
        """
        if self.layout is None:
            raise ValueError("layout: got none; expected that of a network, optimizer.layout = network.layout")
        sides = [(place, n) for place in self.layout for n in place.shape]
        return sum(self.flops_per_cube * n**3 for place, n in sides if len(self._side_shape(place, n)) == 2)

    # -- state of another shape than θ's -----------------------------------------------------------------------------

    def slot_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        size = sum(self._size(place) for place in self.places(shape))
        factors = {name: (size,) for name in self.factor_slots if size}
        return factors | {name: shape for name in self.slots if name not in self.factor_slots}

    def _size(self, place: Place) -> int:
        """How many numbers the matrices of a tensor have."""
        return sum(math.prod(self._side_shape(place, n)) for n in place.shape)

    def _matrices(self, slot: str, place: Place) -> list[np.ndarray]:
        assert self._shape is not None
        array = self.state.get(slot, np.zeros(0))
        earlier = (other for other in self.places(self._shape) if other.where.start < place.where.start)
        start, found = sum(map(self._size, earlier)), []
        for n in place.shape:
            shape = self._side_shape(place, n)
            stop = start + math.prod(shape)
            found.append(array[start:stop].reshape(shape))
            start = stop
        return found

    def _slots_of(self, place: Place) -> list[np.ndarray]:
        matrices = [matrix for name in self.factor_slots for matrix in self._matrices(name, place)]
        return matrices + [place.of(self.state[name]) for name in self.slots if name not in self.factor_slots]

    def _check_theta(self, theta: np.ndarray) -> None:
        super()._check_theta(theta)
        if self._shape is not None:
            have = {name: slot.shape for name, slot in self.state.items() if name in self.slots}
            wanted = self.slot_shapes(theta.shape)
            if have != wanted:
                raise ValueError(
                    f"layout: got one whose state has shapes {wanted}; expected that of the first step, {have} "
                    "(use a new optimizer for another layout)"
                )


def outer_product(tensor: np.ndarray, axis: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return A Aᵀ of a tensor whose side ``axis`` became the rows of A; its diagonal alone for a 1-D shape.

    >>> outer_product(np.array([[1.0, 2.0], [3.0, 4.0]]), 0, (2, 2))
    array([[ 5., 11.],
           [11., 25.]])
    >>> outer_product(np.array([1.0, 2.0]), 0, (2,))
    array([1., 4.])
    """
    rows = np.moveaxis(tensor, axis, 0).reshape(tensor.shape[axis], -1)
    return rows @ rows.T if len(shape) == 2 else np.sum(rows**2, axis=1)


def multiplied(matrix: np.ndarray, tensor: np.ndarray, axis: int) -> np.ndarray:
    """Return a tensor multiplied by a matrix along one side: of a matrix G, M G (axis 0) or G Mᵀ (axis 1).

    A 1-D ``matrix`` is the diagonal of one.

    >>> multiplied(np.array([1.0, 10.0]), np.array([[1.0, 2.0], [3.0, 4.0]]), 1)
    array([[ 1., 20.],
           [ 3., 40.]])
    """
    side = np.moveaxis(tensor, axis, 0)
    product = matrix @ side if matrix.ndim == 2 else (matrix * side.T).T
    return np.moveaxis(product, 0, axis)
