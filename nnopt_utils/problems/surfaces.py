"""Test functions of two parameters, each hard in its own way, all with a known minimum."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from nnopt_utils._validation import check_number, check_positive
from nnopt_utils.problems.base import Domain, Problem
from nnopt_utils.problems.least_squares import LeastSquares


class Surface(Problem):
    """A test function J(x, y). A subclass writes down its formula and its derivatives, entry by entry.

    ``value`` and ``gradient`` take one point, shape (2,), or a grid of points, shape (..., 2).

    Args:
        start: where to begin.
        minima: all minimisers of the smallest value.
        minimum_value: J there.
        domain: the part of the plane worth drawing.

    Example:
        >>> problem = Saddle()
        >>> isinstance(problem, Surface), problem.hessian([0.0, 0.0]).tolist()
        (True, [[1.0, 0.0], [0.0, -1.0]])
        >>> grid = np.zeros((3, 4, 2))
        >>> problem.value(grid).shape, problem.gradient(grid).shape
        ((3, 4), (3, 4, 2))
    """

    dimension = 2

    def __init__(
        self, *, start: tuple[float, float], minima: list[tuple[float, float]], minimum_value: float, domain: Domain
    ) -> None:
        self._start = np.array(start, dtype=np.float64)
        self._minima = np.array(minima, dtype=np.float64)
        self._minimum_value = float(minimum_value)
        self._domain = domain

    @abstractmethod
    def _value(self, x: Any, y: Any) -> Any:
        """J(x, y), entry by entry."""

    @abstractmethod
    def _gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        """(∂J/∂x, ∂J/∂y), entry by entry."""

    @abstractmethod
    def _hessian(self, x: float, y: float) -> tuple[float, float, float]:
        """(∂²J/∂x², ∂²J/∂x∂y, ∂²J/∂y²) at one point."""

    # A diverging run ends in numbers that overflow. Infinity is then the right value, and no warning is needed.
    @np.errstate(over="ignore", invalid="ignore")
    def value(self, theta: Any) -> Any:
        """J(θ): a float for θ of shape (2,), an array of shape (...) for θ of shape (..., 2)."""
        points = self._points(theta)
        values = self._value(points[..., 0], points[..., 1])
        return float(values) if points.ndim == 1 else values

    @np.errstate(over="ignore", invalid="ignore")
    def gradient(self, theta: Any) -> np.ndarray:
        """g = ∇J(θ), of the shape of θ: (2,), or (..., 2) for many points."""
        points = self._points(theta)
        return np.stack(self._gradient(points[..., 0], points[..., 1]), axis=-1)

    @np.errstate(over="ignore", invalid="ignore")
    def hessian(self, theta: Any) -> np.ndarray:
        """H = ∇²J(θ) at one point, shape (2, 2)."""
        x, y = self._point(theta)
        xx, xy, yy = self._hessian(x, y)
        return np.array([[xx, xy], [xy, yy]], dtype=np.float64)

    @property
    def start(self) -> np.ndarray:
        """Where to begin, shape (2,)."""
        return self._start.copy()

    @property
    def minimum(self) -> np.ndarray:
        """A minimiser θ*, shape (2,)."""
        return self._minima[0].copy()

    @property
    def minima(self) -> np.ndarray:
        """All minimisers with the value J*, one a row; ``minimum`` is the first."""
        return self._minima.copy()

    @property
    def minimum_value(self) -> float:
        """The smallest value J*."""
        return self._minimum_value

    @property
    def domain(self) -> Domain:
        """The part of the plane worth drawing, ((x₀, x₁), (y₀, y₁))."""
        return self._domain

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Rosenbrock(Surface, LeastSquares):
    r"""A curved valley with steep walls: easy to enter, slow to follow.

    .. math:: J(x, y) = (a - x)^2 + b\,(y - x^2)^2

    The minimum is 0 at (a, a²). With a = 1 and b = 100 the condition number there is 2508. As a sum of squares its
    residuals are :math:`r_1 = \sqrt{b}\,(y - x^2)` and :math:`r_2 = a - x`.

    Args:
        a: position of the minimum along x; default 1.
        b: steepness of the walls, > 0; default 100.

    Raises:
        TypeError, ValueError: if a or b is not a finite number, or b <= 0.

    Example:
        >>> problem = Rosenbrock()
        >>> round(problem.value(problem.start), 6), problem.gradient([0.0, 1.0]).tolist()
        (24.2, [-2.0, 200.0])
        >>> problem.residuals([1.0, 2.0]).tolist(), problem.jacobian([1.0, 2.0]).tolist()
        ([10.0, 0.0], [[-20.0, 10.0], [-1.0, 0.0]])

    Source: Rosenbrock (1960), *An automatic method for finding the greatest or least value of a function*,
    The Computer Journal 3(3), 175–184, https://doi.org/10.1093/comjnl/3.3.175
    """

    name = "rosenbrock"
    n_residuals = 2

    def __init__(self, a: float = 1.0, b: float = 100.0) -> None:
        self.a = check_number("a", a)
        self.b = check_positive("b", b)
        width, height = 2 * max(1.0, abs(self.a)), 3 * max(1.0, self.a**2)
        super().__init__(
            start=(-1.2, 1.0),
            minima=[(self.a, self.a**2)],
            minimum_value=0.0,
            domain=((-width, width), (-1.0, height)),
        )

    def _value(self, x: Any, y: Any) -> Any:
        return (self.a - x) ** 2 + self.b * (y - x**2) ** 2

    def _gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        wall = y - x**2
        return -2 * (self.a - x) - 4 * self.b * x * wall, 2 * self.b * wall

    def _hessian(self, x: float, y: float) -> tuple[float, float, float]:
        return 2 - 4 * self.b * (y - 3 * x**2), -4 * self.b * x, 2 * self.b

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return np.array([np.sqrt(self.b) * (x[1] - x[0] ** 2), self.a - x[0]])

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        root = np.sqrt(self.b)
        return np.array([[-2 * root * x[0], root], [-1, 0]], dtype=x.dtype)

    def __repr__(self) -> str:
        return f"Rosenbrock(a={self.a:g}, b={self.b:g})"


class Beale(Surface, LeastSquares):
    r"""Flat in the middle, steep in the corners: gradients from 0.01 to 100,000 in one picture.

    .. math:: J(x, y) = \sum_{i=1}^{3} \left(c_i - x\,(1 - y^i)\right)^2, \qquad
              c_1 = 1.5, \quad c_2 = 2.25, \quad c_3 = 2.625

    The minimum is 0 at (3, ½); there is a saddle at (0, 1), near the start. The terms are the squares of ``residuals``.

    Example:
        >>> problem = Beale()
        >>> problem.value([3.0, 0.5]), problem.value(problem.start)
        (0.0, 14.203125)
        >>> problem.residuals(problem.start).tolist()
        [1.5, 2.25, 2.625]

    Source: Beale (1958), *On an iterative method for finding a local minimum of a function of more than one
    variable*, Technical Report 25, Statistical Techniques Research Group, Princeton University; as problem 5 in
    Moré, Garbow, Hillstrom (1981), ACM TOMS 7(1), 17–41, https://doi.org/10.1145/355934.355936
    """

    name = "beale"
    n_residuals = 3
    _terms = ((1, 1.5), (2, 2.25), (3, 2.625))

    def __init__(self) -> None:
        super().__init__(start=(1.0, 1.0), minima=[(3.0, 0.5)], minimum_value=0.0, domain=((-4.5, 4.5), (-4.5, 4.5)))

    def _value(self, x: Any, y: Any) -> Any:
        return sum((c - x * (1 - y**i)) ** 2 for i, c in self._terms)

    def _gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        g_x = sum(-2 * (c - x * (1 - y**i)) * (1 - y**i) for i, c in self._terms)
        g_y = sum(2 * (c - x * (1 - y**i)) * x * i * y ** (i - 1) for i, c in self._terms)
        return g_x, g_y

    def _hessian(self, x: float, y: float) -> tuple[float, float, float]:
        xx = xy = yy = 0.0
        for i, c in self._terms:
            residual, r_x, r_y = c - x * (1 - y**i), y**i - 1, x * i * y ** (i - 1)
            r_yy = x * i * (i - 1) * (y ** (i - 2) if i > 1 else 0.0)  # y^(-1) would fail at y = 0
            xx += 2 * r_x**2
            xy += 2 * (r_x * r_y + residual * i * y ** (i - 1))
            yy += 2 * (r_y**2 + residual * r_yy)
        return xx, xy, yy

    def _residuals(self, x: np.ndarray) -> np.ndarray:
        return np.array([c - x[0] * (1 - x[1] ** i) for i, c in self._terms])

    def _jacobian(self, x: np.ndarray) -> np.ndarray:
        return np.array([[x[1] ** i - 1, x[0] * i * x[1] ** (i - 1)] for i, _ in self._terms])


class Himmelblau(Surface):
    r"""Four equal minima: which one is reached depends on the start, the step and the optimizer.

    .. math:: J(x, y) = (x^2 + y - 11)^2 + (x + y^2 - 7)^2

    The minima, all 0, are near (3, 2), (−2.81, 3.13), (−3.78, −3.28) and (3.58, −1.85): see ``minima``. ``minimum``
    is (3, 2), where the path of steepest descent from the start (0, 0) ends. At the start the Hessian is negative
    definite: pure Newton climbs from there to the maximum near (−0.27, −0.92).

    Example:
        >>> problem = Himmelblau()
        >>> problem.minimum.tolist(), problem.value(problem.start)
        ([3.0, 2.0], 170.0)
        >>> bool(problem.value(problem.minima).max() < 1e-25)
        True

    Source: Himmelblau (1972), *Applied Nonlinear Programming*, McGraw-Hill.
    """

    name = "himmelblau"

    def __init__(self) -> None:
        super().__init__(
            start=(0.0, 0.0),
            minima=[
                (3.0, 2.0),
                (-2.805118086952745, 3.131312518250573),
                (-3.7793102533777469, -3.2831859912861694),
                (3.5844283403304917, -1.8481265269644036),
            ],
            minimum_value=0.0,
            domain=((-5.0, 5.0), (-5.0, 5.0)),
        )

    def _value(self, x: Any, y: Any) -> Any:
        return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2

    def _gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        first, second = x**2 + y - 11, x + y**2 - 7
        return 4 * x * first + 2 * second, 2 * first + 4 * y * second

    def _hessian(self, x: float, y: float) -> tuple[float, float, float]:
        return 12 * x**2 + 4 * y - 42, 4 * (x + y), 12 * y**2 + 4 * x - 26


class Saddle(Surface):
    r"""A saddle between two minima: the gradient vanishes where nothing is reached.

    .. math:: J(x, y) = \tfrac12 x^2 + \tfrac14 y^4 - \tfrac12 y^2

    The saddle is at (0, 0), with curvatures 1 and −1; the minima are (0, ±1), with J* = −¼. Everything that starts
    on the line y = 0 and follows the gradient ends at the saddle; the start (1, 0.01) is next to that line, so a run
    first slows down there. Pure Newton goes *to* the saddle.

    Example:
        >>> problem = Saddle()
        >>> problem.gradient(problem.saddle).tolist(), problem.hessian(problem.saddle).tolist()
        ([0.0, 0.0], [[1.0, 0.0], [0.0, -1.0]])

    Source: Nesterov (2004), *Introductory Lectures on Convex Optimization*, Example 1.2.2.
    """

    name = "saddle"

    def __init__(self) -> None:
        super().__init__(
            start=(1.0, 0.01), minima=[(0.0, 1.0), (0.0, -1.0)], minimum_value=-0.25, domain=((-1.5, 1.5), (-1.5, 1.5))
        )

    @property
    def saddle(self) -> np.ndarray:
        """The saddle point, shape (2,)."""
        return np.zeros(2)

    def _value(self, x: Any, y: Any) -> Any:
        return x**2 / 2 + y**4 / 4 - y**2 / 2

    def _gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        return x, y**3 - y

    def _hessian(self, x: float, y: float) -> tuple[float, float, float]:
        return 1.0, 0.0, 3 * y**2 - 1


class Plateau(Surface):
    r"""A hole in a wide plain: far away there is almost no gradient to follow.

    .. math:: J(x, y) = \frac{u}{1 + u} = \sigma(\ln u), \qquad u = x^2 + y^2, \qquad
              \nabla J = \frac{2\,\theta}{(1 + u)^2}

    The minimum is 0 at the origin; far away J tends to 1 and the gradient falls like ‖θ‖⁻³. At the start (−6, 4)
    its norm is 0.005, so gradient descent barely moves, while methods that divide by the size of the gradient cross
    the plain at once. Outside the circle u = 1/3 the Hessian has a negative eigenvalue.

    Example:
        >>> problem = Plateau()
        >>> round(float(np.linalg.norm(problem.gradient(problem.start))), 4)
        0.0051

    Source: the loss of Geman and McClure (1987), *Statistical methods for tomographic image reconstruction*,
    Bulletin of the International Statistical Institute 52(4), 5–21, as a function of two parameters.
    """

    name = "plateau"

    def __init__(self) -> None:
        super().__init__(start=(-6.0, 4.0), minima=[(0.0, 0.0)], minimum_value=0.0, domain=((-8.0, 8.0), (-8.0, 8.0)))

    def _value(self, x: Any, y: Any) -> Any:
        u = x**2 + y**2
        return u / (1 + u)

    def _gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        slope = 2 / (1 + x**2 + y**2) ** 2
        return slope * x, slope * y

    def _hessian(self, x: float, y: float) -> tuple[float, float, float]:
        u = x**2 + y**2
        slope, bend = 2 / (1 + u) ** 2, 8 / (1 + u) ** 3
        return slope - bend * x**2, -bend * x * y, slope - bend * y**2


class Ravine(Surface):
    r"""A winding ravine: the direction of the floor keeps turning, so a fixed scaling of the axes cannot help.

    .. math:: J(x, y) = \tfrac12 x^2 + \tfrac{\kappa}{2}\,(y - \sin x)^2

    The floor is the curve y = sin x, with slope ½x² along it and curvature of the order of κ across. The only point
    where the gradient vanishes is the minimum, 0 at the origin; its condition number is about 4κ, because the ravine
    runs there along the diagonal.

    Args:
        kappa: steepness of the walls, >= 1; default 100.

    Raises:
        TypeError, ValueError: if kappa is not a finite number >= 1.

    Example:
        >>> problem = Ravine()
        >>> problem.value([np.pi / 2, 1.0]) == np.pi**2 / 8   # on the floor only the first term counts
        True

    Source: the course; the name and the difficulty follow Sutton (1986), *Two problems with backpropagation and
    other steepest-descent learning procedures for networks*, Proc. 8th Conf. Cognitive Science Society, 823–831.
    """

    name = "ravine"

    def __init__(self, kappa: float = 100.0) -> None:
        self.kappa = check_number("kappa", kappa, low=1.0)
        super().__init__(start=(-5.0, 0.0), minima=[(0.0, 0.0)], minimum_value=0.0, domain=((-6.0, 6.0), (-3.0, 3.0)))

    def _value(self, x: Any, y: Any) -> Any:
        return x**2 / 2 + self.kappa * (y - np.sin(x)) ** 2 / 2

    def _gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        wall = self.kappa * (y - np.sin(x))
        return x - wall * np.cos(x), wall

    def _hessian(self, x: float, y: float) -> tuple[float, float, float]:
        k, sin, cos = self.kappa, np.sin(x), np.cos(x)
        return 1 + k * cos**2 + k * (y - sin) * sin, -k * cos, k

    def __repr__(self) -> str:
        return f"Ravine(kappa={self.kappa:g})"
