"""Linear residuals: one step of Newton's method, but for what a Jacobian of rank 1 makes of it."""

from __future__ import annotations

import numpy as np

from nnopt_utils._validation import check_integer
from nnopt_utils.problems.more_garbow_hillstrom.base import MoreGarbowHillstrom


class Linear(MoreGarbowHillstrom):
    """r = A θ − 1 with a given matrix A; the start is 1 everywhere. J = ‖1‖² − ‖A θ*‖² at the minimum."""

    _sizes = ("n", "m")
    _matrix: np.ndarray

    def __init__(self, n: int, m: int, least: int = 1) -> None:
        self.n = self.dimension = check_integer("n", n, low=least)
        self.m = self.n_residuals = check_integer("m", m, low=self.n)
        self._start = np.ones(self.n)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return self._matrix @ x - 1

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        return self._matrix.astype(x.dtype)


class LinearFullRank(Linear):
    r"""A linear function of full rank.

    .. math:: r_i = \theta_i - \frac2m \sum_{j=1}^{n} \theta_j - 1, \qquad
              r_m = -\frac2m \sum_{j=1}^{n} \theta_j - 1

    The first holds for i up to n, the second for all after it. The minimum is m − n, where all parameters are −1.

    Args:
        n: parameters, >= 1; default 5.
        m: residuals, >= n; default 10.

    Raises:
        TypeError, ValueError: if n or m is not an integer in its range.

    Example:
        >>> problem = LinearFullRank(5, 10)
        >>> problem.minimum.tolist(), round(problem.value(problem.minimum), 12)
        ([-1.0, -1.0, -1.0, -1.0, -1.0], 5.0)

    Source: problem 32 of Moré, Garbow, Hillstrom (1981), ACM TOMS 7(1), 17–41, https://doi.org/10.1145/355934.355936
    """

    name = "linear_full_rank"

    def __init__(self, n: int = 5, m: int = 10) -> None:
        super().__init__(n, m)
        self._matrix = np.eye(self.m, self.n) - 2 / self.m
        self._minimum, self._minimum_value = -np.ones(self.n), float(self.m - self.n)


class LinearRankOne(Linear):
    r"""A linear function of rank 1: a valley that is flat in all directions but one.

    .. math:: r_i = i \sum_{j=1}^{n} j\,\theta_j - 1

    The minimum is m (m − 1) / (2 (2 m + 1)), wherever
    :math:`\sum_{j=1}^{n} j\,\theta^\star_j = \frac{3}{2 m + 1}`; ``minimum`` is the shortest such vector.

    Args:
        n: parameters, >= 1; default 5.
        m: residuals, >= n; default 10.

    Raises:
        TypeError, ValueError: if n or m is not an integer in its range.

    Example:
        >>> problem = LinearRankOne(5, 10)
        >>> round(problem.minimum_value, 6), int(np.linalg.matrix_rank(problem.jacobian(problem.start)))
        (2.142857, 1)

    Source: problem 33 of Moré, Garbow, Hillstrom (1981), ACM TOMS 7(1), 17–41, https://doi.org/10.1145/355934.355936
    """

    name = "linear_rank_one"

    def __init__(self, n: int = 5, m: int = 10) -> None:
        super().__init__(n, m)
        j = np.arange(1, self.n + 1)
        self._matrix = np.outer(np.arange(1, self.m + 1), j).astype(np.float64)
        self._minimum = 3 / (2 * self.m + 1) * j / (j @ j)
        self._minimum_value = self.m * (self.m - 1) / (2 * (2 * self.m + 1))


class LinearRankOneZero(Linear):
    r"""A linear function of rank 1 whose first and last columns and rows are zero.

    .. math:: r_i = (i - 1) \sum_{j=2}^{n-1} j\,\theta_j - 1 \quad \text{(i below m)}, \qquad r_m = -1

    The minimum is (m² + 3 m − 6) / (2 (2 m − 3)), wherever
    :math:`\sum_{j=2}^{n-1} j\,\theta^\star_j = \frac{3}{2 m - 3}`; ``minimum`` is the shortest such vector.

    Args:
        n: parameters, >= 3; default 5.
        m: residuals, >= n; default 10.

    Raises:
        TypeError, ValueError: if n or m is not an integer in its range.

    Example:
        >>> problem = LinearRankOneZero(5, 10)
        >>> round(problem.minimum_value, 6), problem.minimum.round(4)
        (3.647059, array([0.    , 0.0122, 0.0183, 0.0243, 0.    ]))

    Source: problem 34 of Moré, Garbow, Hillstrom (1981), ACM TOMS 7(1), 17–41, https://doi.org/10.1145/355934.355936
    """

    name = "linear_rank_one_zero"

    def __init__(self, n: int = 5, m: int = 10) -> None:
        super().__init__(n, m, least=3)
        i, j = np.arange(self.m), np.arange(1, self.n + 1)
        i[-1] = j[0] = j[-1] = 0
        self._matrix = np.outer(i, j).astype(np.float64)
        self._minimum = 3 / (2 * self.m - 3) * j / (j @ j)
        self._minimum_value = (self.m**2 + 3 * self.m - 6) / (2 * (2 * self.m - 3))
