"""Systems of as many equations as unknowns, where every residual sees only a few neighbours or all of them a little."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils._validation import check_integer
from nnopt_utils.problems.more_garbow_hillstrom.base import MoreGarbowHillstrom, zero_of


class Equations(MoreGarbowHillstrom):
    """n equations in n unknowns; the zero is found by Newton's method, the first time that it is asked for."""

    _sizes = ("n",)

    def __init__(self, n: int, start: Any) -> None:
        self.n = self.dimension = self.n_residuals = check_integer("n", n, low=1)
        self._start = np.broadcast_to(start, (self.n,))
        self._zero: np.ndarray | None = None
        self._minimum = self._find

    def _find(self) -> np.ndarray:
        if self._zero is None:
            self._zero = zero_of(self, self._start)
        return self._zero


class DiscreteBoundaryValue(Equations):
    r"""A boundary value problem of second order, by differences on a grid of n points.

    .. math:: r_i = 2\,\theta_i - \theta_{i-1} - \theta_{i+1} + \frac{h^2}{2} (\theta_i + t_i + 1)^3, \qquad
              h = \frac{1}{n + 1}, \qquad t_i = i h, \qquad \theta_0 = \theta_{n+1} = 0

    The minimum is 0.

    Args:
        n: parameters, >= 1; default 10.

    Raises:
        TypeError, ValueError: if n is not an integer >= 1.

    Example:
        >>> problem = DiscreteBoundaryValue(5)
        >>> problem.minimum.round(4), problem.value(problem.minimum) < 1e-30
        (array([-0.075 , -0.132 , -0.1648, -0.1647, -0.1174]), True)

    Source: J. J. Moré and M. Y. Cosnard, "Numerical solution of nonlinear equations", ACM TOMS 5(1), 1979,
    https://doi.org/10.1145/355815.355820; as problem 28 of Moré, Garbow, Hillstrom (1981).
    """

    name = "discrete_boundary_value"

    def __init__(self, n: int = 10) -> None:
        self._t = np.arange(1, check_integer("n", n, low=1) + 1) / (n + 1)
        super().__init__(n, self._t * (self._t - 1))

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        inside = np.pad(x, 1)
        return 2 * x - inside[:-2] - inside[2:] + (x + self._t + 1) ** 3 / (2 * (self.n + 1) ** 2)

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        neighbours = np.eye(self.n, k=1) + np.eye(self.n, k=-1)
        return np.diag(2 + 3 * (x + self._t + 1) ** 2 / (2 * (self.n + 1) ** 2)) - neighbours


class DiscreteIntegral(Equations):
    r"""The same boundary value problem as an integral equation: every residual sees all parameters.

    .. math:: r_i = \theta_i + \frac{h}{2} \sum_{j=1}^{n} \min(t_i, t_j)\,(1 - \max(t_i, t_j))\,
              (\theta_j + t_j + 1)^3, \qquad h = \frac{1}{n + 1}, \qquad t_i = i h

    The minimum is 0. (The paper writes the sum in two parts, for j up to i and after it.)

    Args:
        n: parameters, >= 1; default 10.

    Raises:
        TypeError, ValueError: if n is not an integer >= 1.

    Example:
        >>> bool(np.allclose(DiscreteIntegral(5).minimum, DiscreteBoundaryValue(5).minimum))
        True

    Source: J. J. Moré and M. Y. Cosnard, "Numerical solution of nonlinear equations", ACM TOMS 5(1), 1979,
    https://doi.org/10.1145/355815.355820; as problem 29 of Moré, Garbow, Hillstrom (1981).
    """

    name = "discrete_integral"

    def __init__(self, n: int = 10) -> None:
        self._t = t = np.arange(1, check_integer("n", n, low=1) + 1) / (n + 1)
        self._kernel = np.minimum.outer(t, t) * (1 - np.maximum.outer(t, t)) / (2 * (n + 1))
        super().__init__(n, t * (t - 1))

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return x + self._kernel @ (x + self._t + 1) ** 3

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        return np.eye(self.n) + 3 * self._kernel * (x + self._t + 1) ** 2


class BroydenTridiagonal(Equations):
    r"""Quadratic equations, each with its two neighbours.

    .. math:: r_i = (3 - 2\,\theta_i)\,\theta_i - \theta_{i-1} - 2\,\theta_{i+1} + 1, \qquad
              \theta_0 = \theta_{n+1} = 0

    The minimum is 0.

    Args:
        n: parameters, >= 1; default 10.

    Raises:
        TypeError, ValueError: if n is not an integer >= 1.

    Example:
        >>> problem = BroydenTridiagonal(5)
        >>> problem.minimum.round(4), problem.value(problem.minimum) < 1e-30
        (array([-0.5648, -0.6663, -0.6609, -0.5951, -0.4162]), True)

    Source: C. G. Broyden, "A class of methods for solving nonlinear simultaneous equations", Mathematics of Computation
    19(92), 1965, https://doi.org/10.2307/2003941; as problem 30 of Moré, Garbow, Hillstrom (1981).
    """

    name = "broyden_tridiagonal"

    def __init__(self, n: int = 10) -> None:
        super().__init__(n, -1.0)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        inside = np.pad(x, 1)
        return (3 - 2 * x) * x - inside[:-2] - 2 * inside[2:] + 1

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        return np.diag(3 - 4 * x) - np.eye(self.n, k=-1) - 2 * np.eye(self.n, k=1)


class BroydenBanded(Equations):
    r"""Cubic equations, each with five neighbours before and one after.

    .. math:: r_i = \theta_i\,(2 + 5\,\theta_i^2) + 1 - \sum_{j=1}^{n} B_{ij}\, \theta_j\,(1 + \theta_j)

    B is 1 where j is from i − 5 to i + 1 but not i, and 0 elsewhere. The minimum is 0.

    Args:
        n: parameters, >= 1; default 10.

    Raises:
        TypeError, ValueError: if n is not an integer >= 1.

    Example:
        >>> problem = BroydenBanded(5)
        >>> problem.minimum.round(4), problem.value(problem.minimum) < 1e-30
        (array([-0.4283, -0.4766, -0.5196, -0.5589, -0.5589]), True)

    Source: C. G. Broyden, "The convergence of an algorithm for solving sparse nonlinear systems", Mathematics of
    Computation 25(114), 1971, https://doi.org/10.1090/S0025-5718-1971-0297122-5; as problem 31 of Moré, Garbow,
    Hillstrom (1981).
    """

    name = "broyden_banded"

    def __init__(self, n: int = 10) -> None:
        super().__init__(n, -1.0)
        self._band = sum((np.eye(self.n, k=k) for k in (-5, -4, -3, -2, -1, 1)), np.zeros((self.n, self.n)))

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return x * (2 + 5 * x**2) + 1 - self._band @ (x * (1 + x))

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        return np.diag(2 + 15 * x**2) - self._band * (1 + 2 * x)
