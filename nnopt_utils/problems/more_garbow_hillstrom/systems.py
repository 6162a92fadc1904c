"""Small systems of equations, each with its own trap: a curved valley, bad scales, a singular Jacobian."""

from __future__ import annotations

import math

import numpy as np

from nnopt_utils.problems.more_garbow_hillstrom.base import MoreGarbowHillstrom


class FreudensteinRoth(MoreGarbowHillstrom):
    r"""Two cubics: a zero, and a local minimum that is nearer to the standard start.

    .. math:: r_1 &= -13 + \theta_1 + ((5 - \theta_2)\,\theta_2 - 2)\,\theta_2 \\
              r_2 &= -29 + \theta_1 + ((\theta_2 + 1)\,\theta_2 - 14)\,\theta_2

    J is 0 at (5, 4), and 48.9842… at its local minimum (11.41…, −0.8968…), which ``local_minimum`` has.

    Example:
        >>> problem = FreudensteinRoth()
        >>> problem.value(problem.start), problem.value(problem.minimum)
        (400.5, 0.0)
        >>> problem.local_minimum, round(problem.other_values[0], 4)
        (array([11.41277..., -0.896805...]), 48.9843)

    Source: F. Freudenstein and B. Roth, "Numerical solution of systems of nonlinear equations", Journal of the ACM
    10(4), 1963, https://doi.org/10.1145/321186.321200; as problem 2 of Moré, Garbow, Hillstrom (1981).
    """

    name = "freudenstein_roth"
    dimension = n_residuals = 2
    _start = (0.5, -2.0)
    _minimum = (5.0, 4.0)

    def __init__(self) -> None:
        self.other_values = (self.value(self.local_minimum),)

    @property
    def local_minimum(self) -> np.ndarray:
        """The other minimiser, shape (2,).

        J is smallest over θ₁ where r₁ = −r₂; then J = (16 + 12 θ₂ + 4 θ₂² − 2 θ₂³)² / 2, a polynomial in θ₂.
        """
        y = (2 - math.sqrt(22)) / 3
        return np.array([21 + 8 * y - 3 * y**2, y])

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return np.array([-13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1], -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1]])

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        one = np.ones_like(x[1])
        return np.array([[one, (10 - 3 * x[1]) * x[1] - 2], [one, (2 + 3 * x[1]) * x[1] - 14]])


class PowellBadlyScaled(MoreGarbowHillstrom):
    r"""A minimum whose entries differ by a factor of a million.

    .. math:: r_1 = 10^4\, \theta_1 \theta_2 - 1, \qquad r_2 = e^{-\theta_1} + e^{-\theta_2} - 1.0001

    J is 0 near (1.098 · 10⁻⁵, 9.106) and, since both equations are symmetric, with the two exchanged.

    Example:
        >>> problem = PowellBadlyScaled()
        >>> problem.minimum.round(7), problem.value(problem.minimum) < 1e-28
        (array([1.1000000e-05, 9.1061467e+00]), True)

    Source: M. J. D. Powell, "A hybrid method for nonlinear equations", in "Numerical methods for nonlinear algebraic
    equations", 1970; as problem 3 of Moré, Garbow, Hillstrom (1981).
    """

    name = "powell_badly_scaled"
    dimension = n_residuals = 2
    _start = (0.0, 1.0)
    _minimum = (1.0981593296998053e-05, 9.106146739866624)

    @property
    def minima(self) -> np.ndarray:
        """The minimiser and the one with its entries exchanged."""
        return np.array([self.minimum, self.minimum[::-1]])

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return np.array([1e4 * x[0] * x[1] - 1, np.exp(-x[0]) + np.exp(-x[1]) - 1.0001])

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        return np.array([[1e4 * x[1], 1e4 * x[0]], [-np.exp(-x[0]), -np.exp(-x[1])]])


class BrownBadlyScaled(MoreGarbowHillstrom):
    r"""Residuals and parameters of sizes from a millionth to a million.

    .. math:: r_1 = \theta_1 - 10^6, \qquad r_2 = \theta_2 - 2 \cdot 10^{-6}, \qquad r_3 = \theta_1 \theta_2 - 2

    J is 0 at (10⁶, 2 · 10⁻⁶).

    Example:
        >>> problem = BrownBadlyScaled()
        >>> problem.minimum.tolist(), problem.value(problem.minimum)
        ([1000000.0, 2e-06], 0.0)

    Source: K. M. Brown, as problem 4 of Moré, Garbow, Hillstrom (1981), ACM TOMS 7(1), 17–41,
    https://doi.org/10.1145/355934.355936
    """

    name = "brown_badly_scaled"
    dimension, n_residuals = 2, 3
    _start = (1.0, 1.0)
    _minimum = (1e6, 2e-6)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return np.array([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2])

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        return np.array([[1, 0], [0, 1], [x[1], x[0]]], dtype=x.dtype)


class HelicalValley(MoreGarbowHillstrom):
    r"""A valley on a helix: one turn about the third axis climbs ten units.

    .. math:: r_1 &= 10\,(\theta_3 - 10 \varphi), \qquad r_2 = 10 \left(\sqrt{\theta_1^2 + \theta_2^2} - 1\right),
              \qquad r_3 = \theta_3 \\
              \varphi &= \begin{cases}
                  \frac{1}{2 \pi} \arctan\left(\frac{\theta_2}{\theta_1}\right) & \text{if } \theta_1 > 0 \\
                  \frac{1}{2 \pi} \arctan\left(\frac{\theta_2}{\theta_1}\right) + \frac12 & \text{if } \theta_1 < 0
              \end{cases}

    The minimum is 0 at (1, 0, 0). φ is the angle in turns; it jumps where θ₁ = 0 and θ₂ < 0, and is ±¼ where θ₁ = 0.

    Example:
        >>> problem = HelicalValley()
        >>> round(problem.value(problem.start), 6), problem.value(problem.minimum)
        (2500.0, 0.0)

    Source: R. Fletcher and M. J. D. Powell, "A rapidly convergent descent method for minimization", The Computer
    Journal 6(2), 1963, https://doi.org/10.1093/comjnl/6.2.163; as problem 7 of Moré, Garbow, Hillstrom (1981).
    """

    name = "helical_valley"
    dimension = n_residuals = 3
    _start = (-1.0, 0.0, 0.0)
    _minimum = (1.0, 0.0, 0.0)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return np.array([10 * (x[2] - 10 * _turns(x[0], x[1])), 10 * (np.sqrt(x[0] ** 2 + x[1] ** 2) - 1), x[2]])

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        square = x[0] ** 2 + x[1] ** 2
        turn, radius = 50 / (np.pi * square), np.sqrt(square)
        return np.array(
            [[turn * x[1], -turn * x[0], 10], [10 * x[0] / radius, 10 * x[1] / radius, 0], [0, 0, 1]], dtype=x.dtype
        )


def _turns(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The angle of (x, y) in turns, from −¼ to ¾; of complex numbers by their real parts.

    Of arctan(y / x) and arctan(x / y) the one whose argument is at most 1 in size: x may be 0, and what a complex step
    adds stays small.
    """
    if abs(x.real) >= abs(y.real):
        return np.arctan(y / x) / (2 * np.pi) + (0.5 if x.real < 0 else 0.0)
    quarter = 0.25 if y.real > 0 else -0.25 if x.real >= 0 else 0.75
    return quarter - np.arctan(x / y) / (2 * np.pi)


class PowellSingular(MoreGarbowHillstrom):
    r"""A minimum with a singular Hessian: each step of Newton's method leaves two thirds of the error.

    .. math:: r_1 &= \theta_1 + 10\,\theta_2, &\qquad r_2 &= \sqrt5\,(\theta_3 - \theta_4) \\
              r_3 &= (\theta_2 - 2\,\theta_3)^2, &\qquad r_4 &= \sqrt{10}\,(\theta_1 - \theta_4)^2

    The minimum is 0 at 0, where the Jacobian has rank 2.

    Example:
        >>> problem = PowellSingular()
        >>> round(problem.value(problem.start), 6), int(np.linalg.matrix_rank(problem.hessian(problem.minimum)))
        (215.0, 2)

    Source: M. J. D. Powell, "An iterative method for finding stationary values of a function of several variables",
    The Computer Journal 5(2), 1962, https://doi.org/10.1093/comjnl/5.2.147; as problem 13 of Moré, Garbow, Hillstrom
    (1981).
    """

    name = "powell_singular"
    dimension = n_residuals = 4
    _start = (3.0, -1.0, 0.0, 1.0)
    _minimum = (0.0, 0.0, 0.0, 0.0)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return powell_singular_residuals(x)

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        return powell_singular_jacobian(x)


def powell_singular_residuals(x: np.ndarray) -> np.ndarray:
    """r of each block of four parameters, shape (4, …) like x."""
    a, b, c, d = x
    return np.array([a + 10 * b, math.sqrt(5) * (c - d), (b - 2 * c) ** 2, math.sqrt(10) * (a - d) ** 2])


def powell_singular_jacobian(x: np.ndarray) -> np.ndarray:
    """R of each block, shape (4, 4, …)."""
    a, b, c, d = x
    zero, one, root = np.zeros_like(a), np.ones_like(a), math.sqrt(5) * np.ones_like(a)
    middle, outer = 2 * (b - 2 * c), 2 * math.sqrt(10) * (a - d)
    return np.array(
        [[one, 10 * one, zero, zero], [zero, zero, root, -root], [zero, middle, -2 * middle, zero],
         [outer, zero, zero, -outer]]
    )  # fmt: skip


class Wood(MoreGarbowHillstrom):
    r"""Two valleys like Rosenbrock's, coupled, with a saddle near (−0.97, 0.95, −0.97, 0.95).

    .. math:: r_1 &= 10\,(\theta_2 - \theta_1^2), &\qquad r_2 &= 1 - \theta_1 \\
              r_3 &= \sqrt{90}\,(\theta_4 - \theta_3^2), &\qquad r_4 &= 1 - \theta_3 \\
              r_5 &= \sqrt{10}\,(\theta_2 + \theta_4 - 2), &\qquad r_6 &= \frac{1}{\sqrt{10}}\,(\theta_2 - \theta_4)

    The minimum is 0 at (1, 1, 1, 1).

    Example:
        >>> problem = Wood()
        >>> round(problem.value(problem.start), 6), problem.value(problem.minimum)
        (19192.0, 0.0)

    Source: A. R. Colville, "A comparative study of nonlinear programming codes", IBM New York Scientific Center, Report
    320-2949, 1968; as problem 14 of Moré, Garbow, Hillstrom (1981).
    """

    name = "wood"
    dimension, n_residuals = 4, 6
    _start = (-3.0, -1.0, -3.0, -1.0)
    _minimum = (1.0, 1.0, 1.0, 1.0)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        a, b, c, d = x
        first, second = [10 * (b - a**2), 1 - a], [math.sqrt(90) * (d - c**2), 1 - c]
        return np.array([*first, *second, math.sqrt(10) * (b + d - 2), (b - d) / math.sqrt(10)])

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        a, _, c, _ = x
        wall, root = math.sqrt(90), math.sqrt(10)
        rows = [
            [-20 * a, 10, 0, 0],
            [-1, 0, 0, 0],
            [0, 0, -2 * wall * c, wall],
            [0, 0, -1, 0],
            [0, root, 0, root],
            [0, 1 / root, 0, -1 / root],
        ]
        return np.array(rows, dtype=x.dtype)
