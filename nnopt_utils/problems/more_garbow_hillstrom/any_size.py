"""Problems of any number of parameters: polynomials, penalties, sums over all parameters."""

from __future__ import annotations

import numpy as np

from nnopt_utils._validation import check_integer
from nnopt_utils.problems.more_garbow_hillstrom.base import MoreGarbowHillstrom, known, zero_of
from nnopt_utils.problems.more_garbow_hillstrom.systems import powell_singular_jacobian, powell_singular_residuals

# Minimisers to all digits of float64, by n.
WATSON = {
    6: (
        *(-0.0157250864014584, 1.0124348693691099, -0.23299162595673686, 1.2604300877996053, -1.5137289227222754),
        0.9929964324311329,
    ),
    9: (
        *(-1.5307036521390493e-05, 0.9997897039319483, 0.01476396369355854, 0.14634232829934768, 1.0008211030047713),
        *(-2.617731140519158, 4.104403164479036, -3.1436122785565597, 1.052626408010198),
    ),
    12: (
        *(-6.638060466481802e-09, 1.0000016441178619, -0.0005639322103311218, 0.3478205405038502, -0.1567315040947846),
        *(1.052815177201971, -3.2472711534483456, 7.288434897923295, -10.271848241310053, 9.074113647069739),
        *(-4.541375466690904, 1.012011888552559),
    ),
}
PENALTY_2 = {
    4: (0.1999993333503804, 0.19131670099277245, 0.4801014853326232, 0.5188454043902005),
    10: (
        *(0.19998360519782363, 0.010350648471292299, 0.019604934480438405, 0.03208906722068565, 0.0499326773996413),
        *(0.07651399515399361, 0.11862407286950419, 0.1921448723355767, 0.3473205869418436, 0.36916437415935077),
    ),
}
CHEBYQUAD = {
    8: (
        *(0.04315276015101663, 0.1930908403841861, 0.26632870689027294, 0.5, 0.5, 0.7336712931097271),
        *(0.8069091596158139, 0.9568472398489833),
    ),
    9: (
        *(0.04420534613578276, 0.19949067230988096, 0.23561910847106002, 0.416046907892598, 0.5),
        *(0.583953092107402, 0.76438089152894, 0.8005093276901191, 0.9557946538642172),
    ),
    10: (
        *(0.07474816621460248, 0.17151817694809265, 0.286434152584, 0.35964645062893413, 0.47075052286659347),
        *(0.616738335038745, 0.616738335038745, 0.7998108015386137, 0.8448546422409267, 0.9670066269819255),
    ),
}


def _check_multiple(n: int, of: int) -> int:
    """n, if it is a positive multiple of another integer."""
    n = check_integer("n", n, low=of)
    if n % of:
        raise ValueError(f"n: got {n}; expected a multiple of {of}")
    return n


class Watson(MoreGarbowHillstrom):
    r"""A polynomial of degree n − 1 for a differential equation: much worse conditioned with n = 12 than with 6.

    .. math:: t_i &= \frac{i}{29} \\
              r_i &= \sum_{j=2}^{n} (j - 1)\, \theta_j\, t_i^{j-2} - \left(\sum_{j=1}^{n} \theta_j\,
              t_i^{j-1}\right)^2 - 1 \quad \text{(i up to 29)} \\
              r_{30} &= \theta_1, \qquad r_{31} = \theta_2 - \theta_1^2 - 1

    The minimum is 2.28767… · 10⁻³ for n = 6, 1.39976… · 10⁻⁶ for n = 9, 4.72238… · 10⁻¹⁰ for n = 12.

    Args:
        n: parameters, from 2 to 31; default 6. For others than 6, 9 and 12 the minimum is not known.

    Raises:
        TypeError, ValueError: if n is not an integer from 2 to 31.

    Example:
        >>> [f"{Watson(n).minimum_value:.4e}" for n in (6, 9, 12)]
        ['2.2877e-03', '1.3998e-06', '4.7224e-10']

    Source: J. S. Kowalik and M. R. Osborne, "Methods for Unconstrained Optimization Problems", 1968; as problem 20 of
    Moré, Garbow, Hillstrom (1981), ACM TOMS 7(1), 17–41, https://doi.org/10.1145/355934.355936
    """

    name = "watson"
    n_residuals = 31
    _sizes = ("n",)
    _minimum_value = None

    def __init__(self, n: int = 6) -> None:
        self.n = self.dimension = check_integer("n", n, low=2, high=31)
        self._start = np.zeros(self.n)
        self._minimum = known("n", self.n, WATSON)
        powers, t = np.arange(self.n), np.arange(1, 30)[:, None] / 29
        self._polynomial = t**powers
        self._derivative = powers * t ** np.maximum(powers - 1, 0)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        equation = self._derivative @ x - (self._polynomial @ x) ** 2 - 1
        return np.concatenate([equation, [x[0], x[1] - x[0] ** 2 - 1]])

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        start = np.zeros((2, self.n), dtype=x.dtype)
        start[0, 0], start[1, :2] = 1, [-2 * x[0], 1]
        return np.vstack([self._derivative - 2 * (self._polynomial @ x)[:, None] * self._polynomial, start])


class ExtendedRosenbrock(MoreGarbowHillstrom):
    r"""n / 2 separate valleys of Rosenbrock's.

    .. math:: r_{2i-1} = 10\,(\theta_{2i} - \theta_{2i-1}^2), \qquad r_{2i} = 1 - \theta_{2i-1}

    The minimum is 0 where all parameters are 1.

    Args:
        n: parameters, even; default 10.

    Raises:
        TypeError, ValueError: if n is not a positive even integer.

    Example:
        >>> problem = ExtendedRosenbrock(4)
        >>> problem.start, round(problem.value(problem.start), 6)
        (array([-1.2,  1. , -1.2,  1. ]), 48.4)

    Source: E. Spedicato, "Computational experience with quasi-Newton algorithms for minimization problems of moderately
    large size", CISE, Report CISE-N-175, 1975; as problem 21 of Moré, Garbow, Hillstrom (1981).
    """

    name = "extended_rosenbrock"
    _sizes = ("n",)

    def __init__(self, n: int = 10) -> None:
        self.n = self.dimension = self.n_residuals = _check_multiple(n, 2)
        self._start = np.tile([-1.2, 1.0], self.n // 2)
        self._minimum = np.ones(self.n)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return np.stack([10 * (x[1::2] - x[::2] ** 2), 1 - x[::2]], axis=1).ravel()

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        R, odd = np.zeros((self.n, self.n), dtype=x.dtype), np.arange(0, self.n, 2)
        R[odd, odd], R[odd, odd + 1], R[odd + 1, odd] = -20 * x[odd], 10, -1
        return R


class ExtendedPowellSingular(MoreGarbowHillstrom):
    r"""n / 4 separate copies of Powell's singular function.

    .. math:: r_{4i-3} &= \theta_{4i-3} + 10\,\theta_{4i-2},
              &\qquad r_{4i-2} &= \sqrt5\,(\theta_{4i-1} - \theta_{4i}) \\
              r_{4i-1} &= (\theta_{4i-2} - 2\,\theta_{4i-1})^2,
              &\qquad r_{4i} &= \sqrt{10}\,(\theta_{4i-3} - \theta_{4i})^2

    The minimum is 0 at 0, where the Jacobian has rank n / 2.

    Args:
        n: parameters, a multiple of 4; default 12.

    Raises:
        TypeError, ValueError: if n is not a positive multiple of 4.

    Example:
        >>> problem = ExtendedPowellSingular(8)
        >>> round(problem.value(problem.start), 6), int(np.linalg.matrix_rank(problem.jacobian(problem.minimum)))
        (430.0, 4)

    Source: E. Spedicato, "Computational experience with quasi-Newton algorithms for minimization problems of moderately
    large size", CISE, Report CISE-N-175, 1975; as problem 22 of Moré, Garbow, Hillstrom (1981).
    """

    name = "extended_powell_singular"
    _sizes = ("n",)

    def __init__(self, n: int = 12) -> None:
        self.n = self.dimension = self.n_residuals = _check_multiple(n, 4)
        self._start = np.tile([3.0, -1.0, 0.0, 1.0], self.n // 4)
        self._minimum = np.zeros(self.n)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return powell_singular_residuals(x.reshape(-1, 4).T).T.ravel()

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        R = np.zeros((self.n, self.n), dtype=x.dtype)
        blocks = powell_singular_jacobian(x.reshape(-1, 4).T)
        for k in range(0, self.n, 4):
            R[k : k + 4, k : k + 4] = blocks[:, :, k // 4]
        return R


class Penalty1(MoreGarbowHillstrom):
    r"""Parameters that are pulled gently to 1 and hard onto a sphere: curvatures that differ by more than 10⁴.

    .. math:: r_i = \sqrt{a}\,(\theta_i - 1), \qquad r_{n+1} = \sum_{j=1}^{n} \theta_j^2 - \frac14, \qquad a = 10^{-5}

    The minimum is 2.24997… · 10⁻⁵ for n = 4 and 7.08765… · 10⁻⁵ for n = 10. All entries of the minimiser are equal:
    the root of a (x − 1) + 2 (n x² − ¼) x = 0 near 1 / (2 √n).

    Args:
        n: parameters, >= 1; default 10.

    Raises:
        TypeError, ValueError: if n is not an integer >= 1.

    Example:
        >>> [f"{Penalty1(n).minimum_value:.4e}" for n in (4, 10)]
        ['2.2500e-05', '7.0877e-05']

    Source: P. E. Gill, W. Murray, R. A. Pitfield, "The implementation of two revised quasi-Newton algorithms for
    unconstrained optimization", National Physical Laboratory, Report NAC-11, 1972; as problem 23 of Moré, Garbow,
    Hillstrom (1981).
    """

    name = "penalty_1"
    a = 1e-5
    _sizes = ("n",)
    _minimum_value = None

    def __init__(self, n: int = 10) -> None:
        self.n = self.dimension = check_integer("n", n, low=1)
        self.n_residuals = self.n + 1
        self._start = np.arange(1, self.n + 1)
        self._minimum = self._on_the_diagonal

    def _on_the_diagonal(self) -> np.ndarray:
        x = 0.5 / np.sqrt(self.n)
        for _ in range(10):  # Newton's method from a very close start: three steps are enough
            x -= (self.a * (x - 1) + 2 * (self.n * x**2 - 0.25) * x) / (self.a + 6 * self.n * x**2 - 0.5)
        return np.full(self.n, x)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return np.append(np.sqrt(self.a) * (x - 1), x @ x - 0.25)

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        return np.vstack([np.sqrt(self.a) * np.eye(self.n), 2 * x])


class Penalty2(MoreGarbowHillstrom):
    r"""A weighted sphere again, and weak pulls towards exponentials.

    .. math:: p_i = \sqrt{a}\,\left(e^{\theta_i / 10} + e^{\theta_{i-1} / 10} - e^{i / 10} - e^{(i-1) / 10}\right),
              \qquad q_i = \sqrt{a}\,\left(e^{\theta_i / 10} - e^{-1/10}\right), \qquad a = 10^{-5}

    for i = 2 … n. The residuals are all p between

    .. math:: r_1 = \theta_1 - \frac15, \qquad r_{2n} = \sum_{j=1}^{n} (n - j + 1)\, \theta_j^2 - 1

    and all q before the last. The minimum is 9.37629… · 10⁻⁶ for n = 4 and 2.93660… · 10⁻⁴ for n = 10.

    Args:
        n: parameters, >= 1; default 10. For others than 4 and 10 the minimum is not known.

    Raises:
        TypeError, ValueError: if n is not an integer >= 1.

    Example:
        >>> [f"{Penalty2(n).minimum_value:.4e}" for n in (4, 10)]
        ['9.3763e-06', '2.9366e-04']
        >>> Penalty2(5).minimum
        Traceback (most recent call last):
        ...
        ValueError: minimum: not known for n = 5; expected n = 4 or 10

    Source: P. E. Gill, W. Murray, R. A. Pitfield, "The implementation of two revised quasi-Newton algorithms for
    unconstrained optimization", National Physical Laboratory, Report NAC-11, 1972; as problem 24 of Moré, Garbow,
    Hillstrom (1981).
    """

    name = "penalty_2"
    a = 1e-5
    _sizes = ("n",)
    _minimum_value = None

    def __init__(self, n: int = 10) -> None:
        self.n = self.dimension = check_integer("n", n, low=1)
        self.n_residuals = 2 * self.n
        self._start = np.full(self.n, 0.5)
        self._minimum = known("n", self.n, PENALTY_2)
        steps = np.exp(np.arange(1, self.n + 1) / 10)
        self._y = steps[1:] + steps[:-1]
        self._weights = np.arange(self.n, 0, -1)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        powers, root = np.exp(x / 10), np.sqrt(self.a)
        pairs, singles = powers[1:] + powers[:-1] - self._y, powers[1:] - np.exp(-0.1)
        return np.concatenate([[x[0] - 0.2], root * pairs, root * singles, [self._weights @ x**2 - 1]])

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        slopes = np.diag(np.sqrt(self.a) * np.exp(x / 10) / 10)
        first = np.eye(1, self.n)
        return np.vstack([first, slopes[1:] + slopes[:-1], slopes[1:], 2 * self._weights * x])


class VariablyDimensioned(MoreGarbowHillstrom):
    r"""A plane bowl, and a fourth power of one direction that outweighs it.

    .. math:: r_i = \theta_i - 1, \qquad r_{n+1} = \sum_{j=1}^{n} j\,(\theta_j - 1), \qquad r_{n+2} = r_{n+1}^2

    The minimum is 0 where all parameters are 1.

    Args:
        n: parameters, >= 1; default 10.

    Raises:
        TypeError, ValueError: if n is not an integer >= 1.

    Example:
        >>> problem = VariablyDimensioned(4)
        >>> problem.start, problem.value(problem.minimum)
        (array([0.75, 0.5 , 0.25, 0.  ]), 0.0)

    Source: problem 25 of Moré, Garbow, Hillstrom (1981), ACM TOMS 7(1), 17–41, https://doi.org/10.1145/355934.355936
    """

    name = "variably_dimensioned"
    _sizes = ("n",)

    def __init__(self, n: int = 10) -> None:
        self.n = self.dimension = check_integer("n", n, low=1)
        self.n_residuals = self.n + 2
        self._j = np.arange(1, self.n + 1)
        self._start = 1 - self._j / self.n
        self._minimum = np.ones(self.n)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        weighted = self._j @ (x - 1)
        return np.concatenate([x - 1, [weighted, weighted**2]])

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        return np.vstack([np.eye(self.n), self._j, 2 * (self._j @ (x - 1)) * self._j])


class Trigonometric(MoreGarbowHillstrom):
    r"""Waves in every direction: a zero at 0, others, and local minima between them.

    .. math:: r_i = n - \sum_{j=1}^{n} \cos(\theta_j) + i\,(1 - \cos(\theta_i)) - \sin(\theta_i)

    The minimum is 0 at 0. From the standard start with n = 10, methods may end at a local minimum of 2.79506… · 10⁻⁵.

    Args:
        n: parameters, >= 1; default 10.

    Raises:
        TypeError, ValueError: if n is not an integer >= 1.

    Example:
        >>> problem = Trigonometric()
        >>> problem.value(problem.minimum), f"{problem.other_values[0]:.5e}"
        (0.0, '2.79506e-05')

    Source: E. Spedicato, "Computational experience with quasi-Newton algorithms for minimization problems of moderately
    large size", CISE, Report CISE-N-175, 1975; as problem 26 of Moré, Garbow, Hillstrom (1981).
    """

    name = "trigonometric"
    _sizes = ("n",)

    def __init__(self, n: int = 10) -> None:
        self.n = self.dimension = self.n_residuals = check_integer("n", n, low=1)
        self._i = np.arange(1, self.n + 1)
        self._start = np.full(self.n, 1 / self.n)
        self._minimum = np.zeros(self.n)
        self.other_values = (2.795056121880414e-05,) if self.n == 10 else ()

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return self.n - np.cos(x).sum() + self._i * (1 - np.cos(x)) - np.sin(x)

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        return np.sin(x) + np.diag(self._i * np.sin(x) - np.cos(x))


class BrownAlmostLinear(MoreGarbowHillstrom):
    r"""All residuals but the last are linear; the last is a product of all parameters.

    .. math:: r_i = \theta_i + \sum_{j=1}^{n} \theta_j - (n + 1) \quad \text{(i below n)}, \qquad
              r_n = \prod_{j=1}^{n} \theta_j - 1

    The minimum is 0 where all parameters are 1, and at one other point (two, if n is odd) where all but the last are
    equal. For n > 2 the gradient vanishes at (0, …, 0, n + 1) as well, where J is 1: from there it falls only with the
    power n − 1 of the distance, so methods may end there.

    Args:
        n: parameters, >= 2; default 10.

    Raises:
        TypeError, ValueError: if n is not an integer >= 2.

    Example:
        >>> problem = BrownAlmostLinear(5)
        >>> problem.value(problem.minimum), problem.value([0.0, 0.0, 0.0, 0.0, 6.0])
        (0.0, 1.0)
        >>> bool(problem.gradient([0.0, 0.0, 0.0, 0.0, 6.0]).any())
        False

    Source: K. M. Brown, "A quadratically convergent Newton-like method based upon Gaussian elimination", SIAM Journal
    on Numerical Analysis 6(4), 1969, https://doi.org/10.1137/0706051; as problem 27 of Moré, Garbow, Hillstrom (1981).
    """

    name = "brown_almost_linear"
    _sizes = ("n",)

    def __init__(self, n: int = 10) -> None:
        self.n = self.dimension = self.n_residuals = check_integer("n", n, low=2)
        self._start = np.full(self.n, 0.5)
        self._minimum = np.ones(self.n)
        self.other_values = (1.0,) if self.n > 2 else ()

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return np.append(x[:-1] + x.sum() - (self.n + 1), x.prod() - 1)

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        others = [np.delete(x, j).prod() for j in range(self.n)]  # no quotient: an entry may be 0
        return np.vstack([1 + np.eye(self.n)[:-1], others])


class Chebyquad(MoreGarbowHillstrom):
    r"""Nodes of a quadrature with equal weights: n points whose means of Chebyshev's polynomials are their integrals.

    .. math:: r_i = \frac1n \sum_{j=1}^{n} \cos(i \arccos(2\,\theta_j - 1)) + c_i, \qquad
              c_i = \begin{cases} \frac{1}{i^2 - 1} & \text{if } i \bmod 2 = 0 \\ 0 & \text{otherwise} \end{cases}

    The cosine is Chebyshev's polynomial of degree i on [0, 1]; outside, where it is a polynomial still, it is computed
    by its recursion. The minimum is 0 for n = 1 … 7 and 9, 3.51687… · 10⁻³ for n = 8. For n = 10 the paper's
    6.50395… · 10⁻³ is that of a local minimum; another point has 4.77271… · 10⁻³. Any order of the nodes will do.

    Args:
        n: parameters, and residuals, >= 1; default 8. The minimum is known for n up to 10.

    Raises:
        TypeError, ValueError: if n is not an integer >= 1.

    Example:
        >>> Chebyquad(3).minimum.round(6), [f"{Chebyquad(n).minimum_value:.3e}" for n in (8, 9, 10)]
        (array([0.146447, 0.5     , 0.853553]), ['3.517e-03', '0.000e+00', '4.773e-03'])

    Source: R. Fletcher, "Function minimization without evaluating derivatives – a review", The Computer Journal 8(1),
    1965, https://doi.org/10.1093/comjnl/8.1.33; as problem 35 of Moré, Garbow, Hillstrom (1981).
    """

    name = "chebyquad"
    _sizes = ("n",)

    def __init__(self, n: int = 8) -> None:
        self.n = self.dimension = self.n_residuals = check_integer("n", n, low=1)
        self._start = np.arange(1, self.n + 1) / (self.n + 1)
        self._minimum = self._nodes if self.n < 8 else known("n", self.n, CHEBYQUAD)
        self._minimum_value = 0.0 if self.n in (*range(8), 9) else None
        self.other_values = (0.006503954800882314,) if self.n == 10 else ()
        i = np.arange(2, self.n + 1, 2)
        self._integrals = np.zeros(self.n)
        self._integrals[i - 1] = -1 / (i**2 - 1)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        values, _ = self._polynomials(x)
        return values.mean(axis=1) - self._integrals

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        _, derivatives = self._polynomials(x)
        return derivatives / self.n

    def _nodes(self) -> np.ndarray:
        """Chebyshev's nodes, for n up to 7."""
        return zero_of(self, self._start)

    def _polynomials(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """T₁ … T_n on [0, 1] and their derivatives, one a row: T_{i+1} = 2 z T_i − T_{i−1} with z = 2 x − 1."""
        z = 2 * x - 1
        values, derivatives = [np.ones_like(z), z], [np.zeros_like(z), 2 * np.ones_like(z)]
        for _ in range(2, self.n + 1):
            derivatives.append(4 * values[-1] + 2 * z * derivatives[-1] - derivatives[-2])
            values.append(2 * z * values[-1] - values[-2])
        return np.array(values[1:]), np.array(derivatives[1:])
