"""The quadratic: the one problem on which the speed of an optimizer can be computed by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, check_number, describe
from nnopt_utils.problems.base import Domain, Problem


class Quadratic(Problem):
    r"""A bowl of any dimension whose curvatures are given.

    .. math:: J(\theta) = \tfrac12 (\theta - \theta^\star)^\top A\, (\theta - \theta^\star), \qquad
              \nabla J = A(\theta - \theta^\star), \qquad \nabla^2 J = A

    The eigenvalues of A are the curvatures; its eigenvectors are the axes, turned by ``rotation`` in two dimensions.

    Args:
        eigenvalues: curvatures, all > 0, shape (d,). Default: (1, kappa).
        kappa: condition number κ >= 1 of a quadratic with eigenvalues 1 and κ; default 10.
            Give ``eigenvalues`` or ``kappa``, not both.
        rotation: angle in radians by which the axes are turned counter-clockwise; d = 2 only. The first eigenvalue
            is the curvature along (cos, sin), the second along (−sin, cos). Default 0.
        minimum: θ*, shape (d,). Default 0.
        start: shape (d,). Default: θ* plus one unit along every eigenvector, so that a run looks the same,
            seen along the axes, however they are turned.

    Raises:
        TypeError, ValueError: if an argument is out of range. For a negative curvature, see ``Saddle``.

    Example:
        >>> problem = Quadratic(kappa=100)
        >>> problem.value([1.0, 1.0]), problem.gradient([1.0, 1.0]).tolist()
        (50.5, [1.0, 100.0])
        >>> problem.L, problem.mu, problem.condition_number
        (100.0, 1.0, 100.0)

    Source: Nesterov (2004), *Introductory Lectures on Convex Optimization*, Section 1.2.3;
    Polyak (1987), *Introduction to Optimization*, Section 1.4.
    """

    name = "quadratic"

    def __init__(
        self,
        eigenvalues: Any = None,
        kappa: float | None = None,
        rotation: float = 0.0,
        minimum: Any = None,
        start: Any = None,
    ) -> None:
        self._eigenvalues = _curvatures(eigenvalues, kappa)
        self.dimension = len(self._eigenvalues)
        angle = check_number("rotation", rotation)
        if angle and self.dimension != 2:
            raise ValueError(f"rotation: got {angle:g} in {self.dimension} dimensions; expected 0, or 2 dimensions")
        cos, sin = math.cos(angle), math.sin(angle)
        # Without a rotation the axes are not stored, so that a million dimensions fit into memory.
        self._axes = np.array([[cos, -sin], [sin, cos]]) if angle else None
        self._minimum = np.zeros(self.dimension) if minimum is None else self._own_point("minimum", minimum)
        default = self._minimum + self._from_axes(np.ones(self.dimension))
        self._start = default if start is None else self._own_point("start", start)

    def value(self, theta: Any) -> Any:
        """J(θ): a float for θ of shape (d,), an array of shape (...) for θ of shape (..., d)."""
        points = self._points(theta)
        with np.errstate(over="ignore", invalid="ignore"):  # a diverging run may square numbers beyond 1e154
            along = self._along_axes(points - self._minimum)
            values = 0.5 * np.square(along) @ self._eigenvalues
        return float(values) if points.ndim == 1 else values

    def gradient(self, theta: Any) -> np.ndarray:
        """g = A(θ − θ*), of the shape of θ: (d,), or (..., d) for many points."""
        points = self._points(theta)
        with np.errstate(over="ignore", invalid="ignore"):
            return self._apply(points - self._minimum)

    def hessian(self, theta: Any = None) -> np.ndarray:
        """H = A, the same everywhere, shape (d, d); θ may be left out.

        Example:
            >>> Quadratic(eigenvalues=[2.0, 5.0]).hessian().tolist()
            [[2.0, 0.0], [0.0, 5.0]]
        """
        if theta is not None:
            self._point(theta)
        return self.matrix

    def hessian_vector_product(self, theta: Any, vector: Any) -> np.ndarray:
        """A v, shape (d,), without building A.

        Example:
            >>> problem = Quadratic(eigenvalues=np.ones(1_000_000))     # A would take 8 TB
            >>> problem.hessian_vector_product(problem.start, problem.start).shape
            (1000000,)
        """
        self._point(theta)
        return self._apply(check_array("vector", vector, shape=(self.dimension,)).astype(np.float64, copy=False))

    @property
    def matrix(self) -> np.ndarray:
        """A, shape (d, d)."""
        if self._axes is None:
            return np.diag(self._eigenvalues)
        matrix = (self._axes * self._eigenvalues) @ self._axes.T
        return (matrix + matrix.T) / 2  # symmetric to the last digit

    @property
    def eigenvalues(self) -> np.ndarray:
        """The curvatures, in the order given, shape (d,)."""
        return self._eigenvalues.copy()

    @property
    def L(self) -> float:
        """The largest curvature: gradient descent needs η < 2/L."""
        return float(self._eigenvalues.max())

    @property
    def mu(self) -> float:
        """The smallest curvature μ."""
        return float(self._eigenvalues.min())

    @property
    def condition_number(self) -> float:
        """κ = L/μ."""
        return self.L / self.mu

    @property
    def start(self) -> np.ndarray:
        """Where to begin, shape (d,)."""
        return self._start.copy()

    @property
    def minimum(self) -> np.ndarray:
        """The minimiser θ*, shape (d,)."""
        return self._minimum.copy()

    @property
    def minimum_value(self) -> float:
        """J* = 0."""
        return 0.0

    @property
    def domain(self) -> Domain | None:
        """A square around θ* that holds the start with a margin; ``None`` if d is not 2."""
        if self.dimension != 2:
            return None
        half = 1.5 * float(np.abs(self._start - self._minimum).max()) or 1.0
        x, y = self._minimum.tolist()
        return (x - half, x + half), (y - half, y + half)

    def __repr__(self) -> str:
        return f"Quadratic(dimension={self.dimension}, L={self.L:g}, mu={self.mu:g})"

    def _own_point(self, name: str, value: Any) -> np.ndarray:
        return check_array(name, value, shape=(self.dimension,)).astype(np.float64)

    def _along_axes(self, vectors: np.ndarray) -> np.ndarray:
        """The coordinates of vectors (rows) along the eigenvectors."""
        return vectors if self._axes is None else vectors @ self._axes

    def _from_axes(self, coordinates: np.ndarray) -> np.ndarray:
        """The vectors (rows) with these coordinates along the eigenvectors."""
        return coordinates if self._axes is None else coordinates @ self._axes.T

    def _apply(self, vectors: np.ndarray) -> np.ndarray:
        """A times every vector (row)."""
        return self._from_axes(self._along_axes(vectors) * self._eigenvalues)


def _curvatures(eigenvalues: Any, kappa: Any) -> np.ndarray:
    if eigenvalues is not None and kappa is not None:
        raise ValueError(f"kappa: got {describe(kappa)} together with eigenvalues; expected only one of the two")
    if eigenvalues is None:
        return np.array([1.0, check_number("kappa", 10.0 if kappa is None else kappa, low=1.0)])
    values = check_array("eigenvalues", eigenvalues, ndim=1).astype(np.float64)
    if values.min() <= 0:
        raise ValueError(
            f"eigenvalues: got a smallest value of {values.min():g}; expected all > 0, else there is no single "
            "minimum (problems.Saddle has a direction of negative curvature)"
        )
    return values
