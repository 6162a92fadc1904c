"""Sums of squares: problems that know their residuals, and so more about their curvature than its gradient says."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array
from nnopt_utils.problems.base import Problem

_H = 1e-30  # of a complex step: no difference is taken, so nothing cancels and it may be as small as it likes


class LeastSquares(Problem):
    r"""A sum of squared residuals.

    .. math:: J(\theta) = \lVert r \rVert^2 = \sum_{i=1}^{m} r_i^2, \qquad
              \nabla J = 2\, R^\top r, \qquad
              \nabla^2 J = 2\, R^\top R + 2 \sum_{i=1}^{m} r_i \nabla^2 r_i

    with the residuals r at θ and their Jacobian R, :math:`\partial r_i / \partial \theta_j`. A subclass writes down
    ``_residuals`` and ``_jacobian``, in operations that complex numbers understand: the Hessian is the derivative of
    the gradient along a complex step, :math:`\operatorname{Im} \nabla J(\theta + i h v) / h`, exact to the last
    digits.

    Attributes:
        n_residuals: m, the number of residuals.

    Example:
        >>> from nnopt_utils.problems import Beale
        >>> problem, theta, v = Beale(), [2.0, 0.0], [1.0, 0.0]
        >>> problem.residuals(theta), problem.jacobian(theta)
        (array([-0.5  ,  0.25 ,  0.625]), array([[-1.,  2.],
               [-1.,  0.],
               [-1.,  0.]]))
        >>> problem.value(theta), problem.gradient(theta)
        (0.703125, array([-0.75, -2.  ]))
        >>> problem.hessian_vector_product(theta, v), problem.gauss_newton_vector_product(theta, v)
        (array([ 6., -5.]), array([ 6., -4.]))

    Source: J. Nocedal and S. Wright, "Numerical Optimization", 2006, chapter 10; the complex step: W. Squire and
    G. Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40(1), 1998,
    https://doi.org/10.1137/S003614459631241X
    """

    n_residuals: int

    @abstractmethod
    def _residuals(self, x: np.ndarray) -> np.ndarray:
        """r, shape (m,), of the type of x: float64 or complex128."""

    @abstractmethod
    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        """R, shape (m, d), of the type of x."""

    # A method may try a point far away. Infinity is then the right value, and no warning is needed.
    @np.errstate(all="ignore")
    def residuals(self, theta: Any) -> np.ndarray:
        """r(θ), a new array of shape (m,)."""
        return self._residuals(self._point(theta))

    @np.errstate(all="ignore")
    def jacobian(self, theta: Any) -> np.ndarray:
        """R(θ), a new array of shape (m, d)."""
        return self._jacobian(self._point(theta))

    @np.errstate(all="ignore")
    def value(self, theta: Any) -> float:
        """J(θ) = ‖r‖²."""
        r = self._residuals(self._point(theta))
        return float(r @ r)

    @np.errstate(all="ignore")
    def gradient(self, theta: Any) -> np.ndarray:
        """g = 2 Rᵀ r, shape (d,)."""
        return self._gradient_of(self._point(theta))

    def _gradient_of(self, x: np.ndarray) -> np.ndarray:
        return 2 * self._residuals(x) @ self._jacobian(x)

    @np.errstate(all="ignore")
    def hessian(self, theta: Any) -> np.ndarray:
        """H = ∇²J(θ), shape (d, d), symmetric to the last digit."""
        x = self._point(theta)
        rows = [self._gradient_of(x + 1j * _H * e).imag / _H for e in np.eye(self.dimension)]
        return (np.array(rows) + np.array(rows).T) / 2

    @np.errstate(all="ignore")
    def hessian_vector_product(self, theta: Any, vector: Any) -> np.ndarray:
        """H(θ) v for v of shape (d,), at the price of one complex gradient."""
        vector = check_array("vector", vector, shape=(self.dimension,))
        return self._gradient_of(self._point(theta) + 1j * _H * vector).imag / _H

    @np.errstate(all="ignore")
    def gauss_newton_vector_product(self, theta: Any, vector: Any) -> np.ndarray:
        """2 Rᵀ R v: the Hessian without the residuals' own curvature."""
        vector = check_array("vector", vector, shape=(self.dimension,))
        R = self._jacobian(self._point(theta))
        return 2 * R.T @ (R @ vector)
