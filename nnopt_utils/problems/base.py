"""What every problem has in common: an objective J(θ) with its derivatives, its minimum and a start."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, describe

Domain = tuple[tuple[float, float], tuple[float, float]]


class Problem(ABC):
    """An objective J(θ) to be minimised, with exact derivatives, in float64.

    A problem never changes: every property returns a new array, so an optimizer may change θ in place.

    Attributes:
        name: short name, as in ``PROBLEMS``.
        dimension: d, the number of parameters.
        start: where to begin, shape (d,).
        minimum: a minimiser θ*, shape (d,).
        minima: all minimisers of the same smallest value, one a row, shape (m, d); ``minimum`` is the first.
        minimum_value: J* = J(θ*).
        domain: ((x₀, x₁), (y₀, y₁)), the part of the plane worth drawing; ``None`` if d is not 2.

    Example:
        >>> from nnopt_utils.problems import Rosenbrock
        >>> problem = Rosenbrock()
        >>> round(problem.value(problem.start), 4), bool(problem.gradient(problem.minimum).any())
        (24.2, False)
        >>> H, v = problem.hessian(problem.start), np.array([1.0, 2.0])
        >>> bool(np.allclose(problem.hessian_vector_product(problem.start, v), H @ v))
        True

    Source: the course; the single problems cite theirs.
    """

    name: str
    dimension: int

    @abstractmethod
    def value(self, theta: Any) -> Any:
        """J(θ) for θ of shape (d,): a float.

        Args:
            theta: θ, shape (d,).
        """

    @abstractmethod
    def gradient(self, theta: Any) -> np.ndarray:
        """g = ∇J(θ), a new array of shape (d,).

        Args:
            theta: θ, shape (d,).
        """

    @abstractmethod
    def hessian(self, theta: Any) -> np.ndarray:
        """H = ∇²J(θ), a new symmetric array of shape (d, d).

        Args:
            theta: θ, shape (d,).
        """

    def hessian_vector_product(self, theta: Any, vector: Any) -> np.ndarray:
        """H(θ) v for v of shape (d,): what Newton's method with conjugate gradients needs instead of H.

        Args:
            theta: θ, shape (d,).
            vector: v, shape (d,).

        Raises:
            TypeError, ValueError: a wrong shape, or numbers that are not finite.
        """
        vector = check_array("vector", vector, shape=(self.dimension,))
        return self.hessian(theta) @ vector

    @property
    @abstractmethod
    def start(self) -> np.ndarray:
        """Where to begin, shape (d,)."""

    @property
    @abstractmethod
    def minimum(self) -> np.ndarray:
        """A minimiser θ*, shape (d,)."""

    @property
    @abstractmethod
    def minimum_value(self) -> float:
        """The smallest value J*."""

    @property
    def minima(self) -> np.ndarray:
        """All minimisers with the value J*, one a row; ``minimum`` is the first."""
        return self.minimum[None, :]

    @property
    def domain(self) -> Domain | None:
        """The part of the plane worth drawing, ((x₀, x₁), (y₀, y₁)), or ``None`` if d is not 2."""
        return None

    def _point(self, theta: Any) -> np.ndarray:
        """θ as a float64 array of shape (d,)."""
        return check_array("theta", theta, shape=(self.dimension,)).astype(np.float64, copy=False)

    def _points(self, theta: Any) -> np.ndarray:
        """θ as a float64 array of shape (d,) or, for a grid of points, (..., d)."""
        points = check_array("theta", theta)
        if points.ndim == 0 or points.shape[-1] != self.dimension:
            d = self.dimension
            raise ValueError(f"theta: got {describe(points)}; expected shape ({d},), or (..., {d}) for many points")
        return points.astype(np.float64, copy=False)
