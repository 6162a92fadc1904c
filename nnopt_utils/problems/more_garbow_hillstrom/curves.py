"""Curves fitted to data: few parameters, more residuals, minima that are not zero."""

from __future__ import annotations

import numpy as np

from nnopt_utils._validation import check_integer
from nnopt_utils.problems.more_garbow_hillstrom.base import MoreGarbowHillstrom, known

BROWN_DENNIS = {20: (-11.594439904762165, 13.203630051207202, -0.4034394881768595, 0.23677877445573628)}


def _numbers(text: str) -> np.ndarray:
    return np.array(text.split(), dtype=np.float64)


class JennrichSampson(MoreGarbowHillstrom):
    r"""Two exponentials for a straight line: no good fit, so the residuals' own curvature matters.

    .. math:: r_i = 2 + 2 i - (e^{i \theta_1} + e^{i \theta_2})

    With m = 10 the minimum is 124.362… at θ₁ = θ₂ = 0.2578….

    Args:
        m: residuals, >= 2; default 10. For others than 10 the minimum is not known.

    Raises:
        TypeError, ValueError: if m is not an integer >= 2.

    Example:
        >>> problem = JennrichSampson()
        >>> problem.minimum.round(4), round(problem.minimum_value, 3)
        (array([0.2578, 0.2578]), 124.362)

    Source: R. I. Jennrich and P. F. Sampson, "Application of stepwise regression to non-linear estimation",
    Technometrics 10(1), 1968, 63–72; as problem 6 of Moré, Garbow, Hillstrom (1981).
    """

    name = "jennrich_sampson"
    dimension = 2
    _sizes = ("m",)
    _start = (0.3, 0.4)
    _minimum_value = None

    def __init__(self, m: int = 10) -> None:
        self.m = self.n_residuals = check_integer("m", m, low=2)
        self._minimum = known("m", self.m, {10: (0.2578252136703641, 0.2578252136703641)})
        self._i = np.arange(1, self.m + 1)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return 2 + 2 * self._i - (np.exp(self._i * x[0]) + np.exp(self._i * x[1]))

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        return -self._i[:, None] * np.exp(self._i[:, None] * x)


class Bard(MoreGarbowHillstrom):
    r"""A rational curve through 15 points; another valley leads to infinity.

    .. math:: r_i = y_i - \left(\theta_1 + \frac{i}{v_i\, \theta_2 + w_i\, \theta_3}\right), \qquad
              v_i = 16 - i, \qquad w_i = \min(i, v_i)

    The minimum is 8.21487… · 10⁻³. As θ₂ and θ₃ go to −∞ and θ₁ to the mean of the y, J tends
    to 17.4286…, the sum of their squared deviations from it.

    Example:
        >>> problem = Bard()
        >>> problem.minimum.round(4), round(problem.minimum_value, 8)
        (array([0.0824, 1.133 , 2.3437]), 0.00821488)

    Source: Y. Bard, "Comparison of gradient methods for the solution of nonlinear parameter estimation problems", SIAM
    Journal on Numerical Analysis 7(1), 1970, https://doi.org/10.1137/0707011; as problem 8 of Moré, Garbow, Hillstrom
    (1981).
    """

    name = "bard"
    dimension, n_residuals = 3, 15
    y = _numbers("0.14 0.18 0.22 0.25 0.29 0.32 0.35 0.39 0.37 0.58 0.73 0.96 1.34 2.10 4.39")
    _u = np.arange(1, 16)
    _v = 16 - _u
    _w = np.minimum(_u, _v)
    _start = (1.0, 1.0, 1.0)
    _minimum = (0.08241055974978899, 1.1330360920297224, 2.3436951786425366)
    _minimum_value = None
    other_values = (float(np.sum((y - y.mean()) ** 2)),)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return self.y - (x[0] + self._u / (self._v * x[1] + self._w * x[2]))

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        slope = self._u / (self._v * x[1] + self._w * x[2]) ** 2
        return np.stack([-np.ones_like(slope), slope * self._v, slope * self._w], axis=1)


class GaussianFit(MoreGarbowHillstrom):
    r"""A bell through 15 points, with a start that is already close.

    .. math:: r_i = \theta_1 \exp\left(-\tfrac12 \theta_2\, (t_i - \theta_3)^2\right) - y_i, \qquad
              t_i = \frac{8 - i}{2}

    The minimum is 1.12793… · 10⁻⁸.

    Example:
        >>> problem = GaussianFit()
        >>> problem.minimum.round(4), f"{problem.minimum_value:.5e}"
        (array([0.399, 1.   , 0.   ]), '1.12793e-08')

    Source: problem 9 of Moré, Garbow, Hillstrom (1981), ACM TOMS 7(1), 17–41, https://doi.org/10.1145/355934.355936
    """

    name = "gaussian_fit"
    dimension, n_residuals = 3, 15
    y = _numbers("0.0009 0.0044 0.0175 0.0540 0.1295 0.2420 0.3521 0.3989")
    y = np.concatenate([y, y[-2::-1]])
    _t = (8 - np.arange(1, 16)) / 2
    _start = (0.4, 1.0, 0.0)
    _minimum = (0.39895613783875666, 1.0000190844878056, 0.0)
    _minimum_value = None

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return x[0] * np.exp(-x[1] * (self._t - x[2]) ** 2 / 2) - self.y

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        away = self._t - x[2]
        bell = np.exp(-x[1] * away**2 / 2)
        return np.stack([bell, -x[0] * bell * away**2 / 2, x[0] * bell * x[1] * away], axis=1)


class Meyer(MoreGarbowHillstrom):
    r"""The resistance of a thermistor by its temperature: parameters of very different sizes, in a long valley.

    .. math:: r_i = \theta_1 \exp\left(\frac{\theta_2}{t_i + \theta_3}\right) - y_i, \qquad t_i = 45 + 5 i

    The minimum is 87.9458….

    Example:
        >>> problem = Meyer()
        >>> [f"{entry:.5g}" for entry in problem.minimum], round(problem.minimum_value, 4)
        (['0.0056096', '6181.3', '345.22'], 87.9459)

    Source: R. R. Meyer, "Theoretical and computational aspects of nonlinear regression", in "Nonlinear Programming",
    1970; as problem 10 of Moré, Garbow, Hillstrom (1981).
    """

    name = "meyer"
    dimension, n_residuals = 3, 16
    y = _numbers("34780 28610 23650 19630 16370 13720 11540 9744 8261 7030 6005 5147 4427 3820 3307 2872")
    _t = 45.0 + 5 * np.arange(1, 17)
    _start = (0.02, 4000.0, 250.0)
    _minimum = (0.005609636471028053, 6181.346346286372, 345.2236346241365)
    _minimum_value = None

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return x[0] * np.exp(x[1] / (self._t + x[2])) - self.y

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        warm = self._t + x[2]
        curve = np.exp(x[1] / warm)
        return np.stack([curve, x[0] * curve / warm, -x[0] * curve * x[1] / warm**2], axis=1)


class Gulf(MoreGarbowHillstrom):
    r"""Gulf research and development: a power of an absolute value in an exponential.

    .. math:: r_i = \exp\left(-\frac{\lvert y_i - \theta_2 \rvert^{\theta_3}}{\theta_1}\right) - t_i, \qquad
              t_i = \frac{i}{100}, \qquad y_i = 25 + (-50 \ln(t_i))^{2/3}

    The minimum is 0 at (50, 25, 1.5). The paper's print has "y_i m i x₂" in the place of the difference. Its m may be
    100; then the last y is 25, and its residual has no second derivative at the minimum.

    Args:
        m: residuals, from 3 to 99; default 99.

    Raises:
        TypeError, ValueError: if m is not an integer from 3 to 99.

    Example:
        >>> problem = Gulf()
        >>> problem.minimum.tolist(), problem.value(problem.minimum) < 1e-28
        ([50.0, 25.0, 1.5], True)

    Source: R. A. Cox, as problem 11 of Moré, Garbow, Hillstrom (1981), ACM TOMS 7(1), 17–41,
    https://doi.org/10.1145/355934.355936
    """

    name = "gulf"
    dimension = 3
    _sizes = ("m",)
    _start = (5.0, 2.5, 0.15)
    _minimum = (50.0, 25.0, 1.5)

    def __init__(self, m: int = 99) -> None:
        self.m = self.n_residuals = check_integer("m", m, low=3, high=99)
        self._t = np.arange(1, self.m + 1) / 100
        self._y = 25 + (-50 * np.log(self._t)) ** (2 / 3)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        _, _, power = self._distance(x)
        return np.exp(-power / x[0]) - self._t

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        sign, distance, power = self._distance(x)
        fall = np.exp(-power / x[0]) * power / x[0]
        return np.stack([fall / x[0], fall * sign * x[2] / distance, -fall * np.log(distance)], axis=1)

    def _distance(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The sign of y − θ₂, its absolute value and that to the power θ₃; of complex numbers by their real parts."""
        difference = self._y - x[1]
        sign = np.where(difference.real < 0, -1.0, 1.0)
        return sign, sign * difference, (sign * difference) ** x[2]


class Box3D(MoreGarbowHillstrom):
    r"""Box's three exponentials, with a line of minima beside the two that are meant.

    .. math:: r_i = e^{-t_i \theta_1} - e^{-t_i \theta_2} - \theta_3\, (e^{-t_i} - e^{-10 t_i}), \qquad
              t_i = \frac{i}{10}

    The minimum is 0 at (1, 10, 1), at (10, 1, −1), and wherever θ₁ = θ₂ and θ₃ = 0.

    Args:
        m: residuals, >= 3; default 10.

    Raises:
        TypeError, ValueError: if m is not an integer >= 3.

    Example:
        >>> problem = Box3D()
        >>> [problem.value(theta) for theta in problem.minima], problem.value([2.0, 2.0, 0.0])
        ([0.0, 0.0], 0.0)

    Source: M. J. Box, "A comparison of several current optimization methods, and the use of transformations in
    constrained problems", The Computer Journal 9(1), 1966, https://doi.org/10.1093/comjnl/9.1.67; as problem 12 of
    Moré, Garbow, Hillstrom (1981).
    """

    name = "box_3d"
    dimension = 3
    _sizes = ("m",)
    _start = (0.0, 10.0, 20.0)
    _minimum = (1.0, 10.0, 1.0)

    def __init__(self, m: int = 10) -> None:
        self.m = self.n_residuals = check_integer("m", m, low=3)
        self._t = np.arange(1, self.m + 1) / 10

    @property
    def minima(self) -> np.ndarray:
        """The two minimisers that stand alone."""
        return np.array([self.minimum, [10.0, 1.0, -1.0]])

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        target = np.exp(-self._t) - np.exp(-10 * self._t)
        return np.exp(-self._t * x[0]) - np.exp(-self._t * x[1]) - x[2] * target

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        t = self._t
        target = np.exp(-t) - np.exp(-10 * t)
        return np.stack([-t * np.exp(-t * x[0]), t * np.exp(-t * x[1]), -target], axis=1)


class KowalikOsborne(MoreGarbowHillstrom):
    r"""A rational curve of an enzyme's reaction; another valley leads to infinity.

    .. math:: r_i = y_i - \frac{\theta_1\, (u_i^2 + u_i \theta_2)}{u_i^2 + u_i \theta_3 + \theta_4}

    The minimum is 3.07505… · 10⁻⁴. Towards (+∞, −14.07…, −∞, −∞) J may tend to 1.02734… · 10⁻³.

    Example:
        >>> problem = KowalikOsborne()
        >>> problem.minimum.round(4), f"{problem.minimum_value:.5e}"
        (array([0.1928, 0.1913, 0.1231, 0.1361]), '3.07506e-04')

    Source: J. S. Kowalik and M. R. Osborne, "Methods for Unconstrained Optimization Problems", 1968; as problem 15 of
    Moré, Garbow, Hillstrom (1981), ACM TOMS 7(1), 17–41, https://doi.org/10.1145/355934.355936
    """

    name = "kowalik_osborne"
    dimension, n_residuals = 4, 11
    y = _numbers("0.1957 0.1947 0.1735 0.1600 0.0844 0.0627 0.0456 0.0342 0.0323 0.0235 0.0246")
    u = _numbers("4 2 1 0.5 0.25 0.167 0.125 0.1 0.0833 0.0714 0.0625")
    _start = (0.25, 0.39, 0.415, 0.39)
    _minimum = (0.1928069345790379, 0.1912823287343668, 0.12305650692632074, 0.13606233068379475)
    _minimum_value = None
    other_values = (0.0010273430486954572,)

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        above, below = self._parts(x)
        return self.y - x[0] * above / below

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        above, below = self._parts(x)
        slope = x[0] * above / below**2
        return np.stack([-above / below, -x[0] * self.u / below, slope * self.u, slope], axis=1)

    def _parts(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The numerator, without θ₁, and the denominator."""
        return self.u**2 + self.u * x[1], self.u**2 + self.u * x[2] + x[3]


class BrownDennis(MoreGarbowHillstrom):
    r"""Residuals that are large at the minimum, so the Gauss–Newton matrix is far from the Hessian.

    .. math:: r_i = (\theta_1 + t_i \theta_2 - e^{t_i})^2 + (\theta_3 + \sin(t_i)\, \theta_4 - \cos(t_i))^2, \qquad
              t_i = \frac{i}{5}

    With m = 20 the minimum is 85822.2….

    Args:
        m: residuals, >= 4; default 20. For others than 20 the minimum is not known.

    Raises:
        TypeError, ValueError: if m is not an integer >= 4.

    Example:
        >>> problem = BrownDennis()
        >>> problem.minimum.round(3), round(problem.minimum_value, 1)
        (array([-11.594,  13.204,  -0.403,   0.237]), 85822.2)

    Source: K. M. Brown and J. E. Dennis, "New computational algorithms for minimizing a sum of squares of nonlinear
    functions", Yale University, Report 71-6, 1971; as problem 16 of Moré, Garbow, Hillstrom (1981).
    """

    name = "brown_dennis"
    dimension = 4
    _sizes = ("m",)
    _start = (25.0, 5.0, -5.0, -1.0)
    _minimum_value = None

    def __init__(self, m: int = 20) -> None:
        self.m = self.n_residuals = check_integer("m", m, low=4)
        self._minimum = known("m", self.m, BROWN_DENNIS)
        self._t = np.arange(1, self.m + 1) / 5

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        line, wave = self._parts(x)
        return line**2 + wave**2

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        line, wave = self._parts(x)
        return 2 * np.stack([line, line * self._t, wave, wave * np.sin(self._t)], axis=1)

    def _parts(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x[0] + self._t * x[1] - np.exp(self._t), x[2] + np.sin(self._t) * x[3] - np.cos(self._t)


class Osborne1(MoreGarbowHillstrom):
    r"""A constant and two decaying exponentials through 33 points.

    .. math:: r_i = y_i - (\theta_1 + \theta_2\, e^{-t_i \theta_4} + \theta_3\, e^{-t_i \theta_5}), \qquad
              t_i = 10\,(i - 1)

    The minimum is 5.46489… · 10⁻⁵.

    Example:
        >>> problem = Osborne1()
        >>> problem.minimum.round(4), f"{problem.minimum_value:.5e}"
        (array([ 0.3754,  1.9358, -1.4647,  0.0129,  0.0221]), '5.46489e-05')

    Source: M. R. Osborne, "Some aspects of nonlinear least squares calculations", in "Numerical Methods for Nonlinear
    Optimization", 1972; as problem 17 of Moré, Garbow, Hillstrom (1981).
    """

    name = "osborne_1"
    dimension, n_residuals = 5, 33
    y = _numbers(
        "0.844 0.908 0.932 0.936 0.925 0.908 0.881 0.850 0.818 0.784 0.751 0.718 0.685 0.658 0.628 0.603 0.580 0.558 "
        "0.538 0.522 0.506 0.490 0.478 0.467 0.457 0.448 0.438 0.431 0.424 0.420 0.414 0.411 0.406"
    )
    _t = 10.0 * np.arange(33)
    _start = (0.5, 1.5, -1.0, 0.01, 0.02)
    _minimum = (0.37541005210695194, 1.9358469127123559, -1.4646871366134115, 0.012867534640057266, 0.02212269966167266)
    _minimum_value = None

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return self.y - (x[0] + x[1] * np.exp(-self._t * x[3]) + x[2] * np.exp(-self._t * x[4]))

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        t = self._t
        first, second = np.exp(-t * x[3]), np.exp(-t * x[4])
        return np.stack([-np.ones_like(first), -first, -second, t * x[1] * first, t * x[2] * second], axis=1)


class BiggsEXP6(MoreGarbowHillstrom):
    r"""Three exponentials, of which two are equal at the start.

    .. math:: r_i &= \theta_3\, e^{-t_i \theta_1} - \theta_4\, e^{-t_i \theta_2} + \theta_6\, e^{-t_i \theta_5} - y_i \\
              y_i &= e^{-t_i} - 5\, e^{-10 t_i} + 3\, e^{-4 t_i}, \qquad t_i = \frac{i}{10}

    The minimum is 0 at (1, 10, 1, 5, 4, 3), and where its exponentials are exchanged. The paper's 5.65565… · 10⁻³ (for
    m = 13) is no minimum: θ₁ = θ₅ and θ₃ = θ₆ hold at the start, and methods that keep them so may end at that saddle.

    Args:
        m: residuals, >= 6; default 13.

    Raises:
        TypeError, ValueError: if m is not an integer >= 6.

    Example:
        >>> problem = BiggsEXP6()
        >>> problem.value(problem.minimum), f"{problem.other_values[0]:.5e}"
        (0.0, '5.65565e-03')

    Source: M. C. Biggs, "Minimization algorithms making use of non-quadratic properties of the objective function",
    IMA Journal of Applied Mathematics 8(3), 1971, 315–327; as problem 18 of Moré, Garbow, Hillstrom (1981).
    """

    name = "biggs_exp6"
    dimension = 6
    _sizes = ("m",)
    _start = (1.0, 2.0, 1.0, 1.0, 1.0, 1.0)
    _minimum = (1.0, 10.0, 1.0, 5.0, 4.0, 3.0)

    def __init__(self, m: int = 13) -> None:
        self.m = self.n_residuals = check_integer("m", m, low=6)
        self._t = t = np.arange(1, self.m + 1) / 10
        self._y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
        self.other_values = (0.005655649925499936,) if self.m == 13 else ()

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        t = self._t
        return x[2] * np.exp(-t * x[0]) - x[3] * np.exp(-t * x[1]) + x[5] * np.exp(-t * x[4]) - self._y

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        t = self._t
        first, second, third = (np.exp(-t * rate) for rate in x[[0, 1, 4]])
        columns = [-t * x[2] * first, t * x[3] * second, first, -second, -t * x[5] * third, third]
        return np.stack(columns, axis=1)


class Osborne2(MoreGarbowHillstrom):
    r"""A decaying exponential and three bells through 65 points.

    .. math:: r_i &= y_i - (\theta_1\, e^{-t_i \theta_5} + \theta_2\, e^{-(t_i - \theta_9)^2 \theta_6}
              + \theta_3\, e^{-(t_i - \theta_{10})^2 \theta_7} + \theta_4\, e^{-(t_i - \theta_{11})^2 \theta_8}) \\
              t_i &= \frac{i - 1}{10}

    The minimum is 4.01377… · 10⁻².

    Example:
        >>> problem = Osborne2()
        >>> problem.minimum[:5].round(4), f"{problem.minimum_value:.5e}"
        (array([1.31  , 0.4316, 0.6337, 0.5994, 0.7542]), '4.01377e-02')

    Source: M. R. Osborne, "Some aspects of nonlinear least squares calculations", in "Numerical Methods for Nonlinear
    Optimization", 1972; as problem 19 of Moré, Garbow, Hillstrom (1981).
    """

    name = "osborne_2"
    dimension, n_residuals = 11, 65
    y = _numbers(
        "1.366 1.191 1.112 1.013 0.991 0.885 0.831 0.847 0.786 0.725 0.746 0.679 0.608 0.655 0.616 0.606 0.602 0.626 "
        "0.651 0.724 0.649 0.649 0.694 0.644 0.624 0.661 0.612 0.558 0.533 0.495 0.500 0.423 0.395 0.375 0.372 0.391 "
        "0.396 0.405 0.428 0.429 0.523 0.562 0.607 0.653 0.672 0.708 0.633 0.668 0.645 0.632 0.591 0.559 0.597 0.625 "
        "0.739 0.710 0.729 0.720 0.636 0.581 0.428 0.292 0.162 0.098 0.054"
    )
    _t = np.arange(65) / 10
    _start = (1.3, 0.65, 0.65, 0.7, 0.6, 3.0, 5.0, 7.0, 2.0, 4.5, 5.5)
    _minimum = (
        1.3099771546273007,
        0.431553794602989,
        0.633661698960724,
        0.5994305347859162,
        0.7541832263280114,
        0.9042885798596336,
        1.3658118352370279,
        4.823698817227157,
        2.3986848661317546,
        4.568874597667672,
        5.6753414705806415,
    )
    _minimum_value = None

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        decay, _, bells = self._parts(x)
        return self.y - (x[0] * decay + bells @ x[1:4])

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        decay, away, bells = self._parts(x)
        by_height = -np.column_stack([decay, bells])
        by_rate = np.column_stack([self._t * x[0] * decay, x[1:4] * bells * away**2])
        return np.hstack([by_height, by_rate, -2 * x[1:4] * x[5:8] * bells * away])

    def _parts(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The exponential, shape (65,); the distances to the bells' centres and the bells, shape (65, 3)."""
        away = self._t[:, None] - x[8:11]
        return np.exp(-self._t * x[4]), away, np.exp(-x[5:8] * away**2)
