"""What all full-batch methods share: the checks, the counting, the record, and the ends."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, ParamSpec, Self

import numpy as np

from nnopt_utils._interrupts import deferred_interrupt
from nnopt_utils._objective import check_objective
from nnopt_utils._validation import called_as, check_array, check_integer, check_number, describe
from nnopt_utils.history import Trajectory
from nnopt_utils.second_order.result import Result

P = ParamSpec("P")
Product = Callable[[np.ndarray], np.ndarray]

# What other libraries call an argument, and what it is here.
OTHER_NAMES = {
    **dict.fromkeys(("x0", "theta", "theta0", "initial", "init", "initial_point"), "start"),
    **dict.fromkeys(("fun", "f", "function", "objective"), "problem"),
    **dict.fromkeys(("tol", "gtol", "ftol", "xtol", "rtol", "atol", "eps", "epsilon"), "tolerance"),
    **dict.fromkeys(("maxiter", "maxfun", "max_nfev", "maxfev", "steps", "n_steps", "epochs"), "max_iterations"),
    **{"jac": "problem.gradient", "grad": "problem.gradient", "gradient": "problem.gradient"},
    **{"hess": "problem.hessian", "hessian": "problem.hessian", "hessp": "problem.hessian_vector_product"},
    **{"maxcor": "memory", "history_size": "memory"},
    **{"initial_trust_radius": "radius", "max_trust_radius": "max_radius"},
}


def needs_products(problem: Any) -> tuple[str, str, str]:
    """What a method with products H v needs: value, gradient, and the first of three ways to H that there is."""
    ways = ("hessian_operator", "hessian_vector_product", "hessian")
    found = [name for name in ways if callable(getattr(problem, name, None))]
    return "value", "gradient", (found or ["hessian_vector_product"])[0]


def norm_of(vector: np.ndarray) -> float:
    """‖v‖, also where the squares of its entries overflow or underflow."""
    square = vector.dot(vector)
    if 1e-290 < square < math.inf:
        return math.sqrt(square)
    largest = float(np.abs(vector).max())
    if largest == 0 or not math.isfinite(largest):
        return largest
    return largest * math.sqrt(np.square(vector / largest).sum())


def is_finite(vector: np.ndarray) -> bool:
    """Whether all entries are. One product finds what is not, and where only the product overflows a look does."""
    return math.isfinite(vector.dot(vector)) or bool(np.isfinite(vector).all())


def full_batch(method: Callable[P, Result]) -> Callable[P, Result]:
    """Decorate a full-batch method: a call with the arguments of other libraries is told how it is called.

    >>> @full_batch
    ... def descend(problem, start=None, *, tolerance=1e-6, max_iterations=100):
    ...     return None
    >>> descend(None, gtol=1e-5)
    Traceback (most recent call last):
    ...
    TypeError: gtol: got 1e-05, but descend has no such argument; expected descend(problem, start=None, *, \
tolerance=1e-06, max_iterations=100) (did you mean tolerance?)
    """
    parameters = inspect.signature(method).parameters
    shown = [_as_written(p) for p in parameters.values()]
    shown.insert(2, "*")  # all but problem and start have to be named
    others = {other: ours for other, ours in OTHER_NAMES.items() if ours in parameters or ours.startswith("problem.")}
    return called_as(f"{method.__name__}({', '.join(shown)})", **others)(method)


def _as_written(parameter: inspect.Parameter) -> str:
    default = parameter.default
    if default is parameter.empty:
        return parameter.name
    return f"{parameter.name}={default:g}" if isinstance(default, float) else f"{parameter.name}={default!r}"


class Run:
    """One minimisation under way: where it is, what it has cost, whether it goes on.

    A method reads ``x``, ``value`` and ``gradient``, asks for what else it needs, and calls ``move_to``::

        with Run("newton", problem, start, tolerance, max_iterations, needs=["value", "gradient", "hessian"]) as run:
            while run.goes_on():
                step = np.linalg.solve(run.hessian(), -run.gradient)
                run.move_to(run.x + step)
        return run.result()

    A method ends a run that cannot go on with ``stop("why")``, or with ``converge("why")`` where a test of its own is
    met; the loop's ``goes_on`` then is false.

    Args:
        method: its name, for messages.
        problem: an ``Objective`` with what ``needs`` lists.
        start: where to begin, shape (d,); ``None`` for ``problem.start``.
        tolerance: the gradient's norm at which the run has converged, >= 0.
        max_iterations: the most steps, >= 1.
        needs: the methods that the problem must have.
    """

    def __init__(
        self,
        method: str,
        problem: Any,
        start: Any,
        tolerance: float,
        max_iterations: int,
        needs: Sequence[str] = ("value", "gradient"),
    ) -> None:
        check_objective(problem, start, f"{method}(problem, start)", needs)
        self.method, self.problem = method, problem
        self.tolerance = check_number("tolerance", tolerance, low=0.0)
        self.max_iterations = check_integer("max_iterations", max_iterations, low=1)
        self.n_evaluations = self.n_gradients = self.n_hessians = self.n_products = self.n_iterations = 0
        given = check_array("start", problem.start if start is None else start, ndim=1)
        self.x = np.array(given, dtype=np.float64)
        d = getattr(problem, "dimension", self.x.size)
        if self.x.size != d:
            raise ValueError(f"start: got {describe(given)}; expected shape ({d},), as the problem has it")
        with np.errstate(all="ignore"):
            self.value, self.gradient = self.value_and_gradient(self.x)
        if not math.isfinite(self.value) or not np.isfinite(self.gradient).all():
            raise ValueError(f"start: got a point where J is {self.value}; expected a finite value and gradient")
        self.converged, self.message = False, ""
        self._points: list[np.ndarray] = []
        self._values: list[float] = []
        self._norms: list[float] = []
        self._best: tuple[float, np.ndarray, float] | None = None
        with np.errstate(all="ignore"):
            self._record()
        self._stack = ExitStack()
        self._interrupted: Callable[[], bool] = lambda: False

    def __enter__(self) -> Self:
        self._stack.enter_context(np.errstate(all="ignore"))
        self._interrupted = self._stack.enter_context(deferred_interrupt())
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.close()

    # -- what the problem is asked, and counted ----------------------------------------------------------------------

    # Where θ itself has overflowed nobody is asked: problems refuse such a θ.

    def value_at(self, x: np.ndarray) -> float:
        """J there; infinity where it is not finite, so that no line search takes such a point."""
        if not is_finite(x):
            return math.inf
        self.n_evaluations += 1
        value = float(self.problem.value(x))
        return value if math.isfinite(value) else math.inf

    def gradient_at(self, x: np.ndarray) -> np.ndarray:
        """∇J there, as float64, where J is finite; it may hold what is not."""
        self.n_gradients += 1
        return self._array("gradient(theta)", self.problem.gradient(x), x.shape)

    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """J and ∇J there, in one pass where the problem has ``value_and_gradient``."""
        if not is_finite(x):
            return math.inf, np.full_like(x, np.nan)
        if not hasattr(self.problem, "value_and_gradient"):
            return self.value_at(x), self.gradient_at(x)
        self.n_evaluations += 1
        self.n_gradients += 1
        value, gradient = self.problem.value_and_gradient(x)
        value = float(value)
        gradient = self._array("value_and_gradient(theta)", gradient, x.shape)
        return value if math.isfinite(value) else math.inf, gradient

    def hessian(self) -> np.ndarray:
        """∇²J at x."""
        self.n_hessians += 1
        return self._array("hessian(theta)", self.problem.hessian(self.x), 2 * self.x.shape)

    def hessian_product(self, kind: str = "hessian") -> Product:
        """The map v ↦ H v at x, or, for the kind ``"gauss_newton"``, v ↦ G v.

        What is the same for all products at x is computed once, where the problem has ``hessian_operator(theta)`` (or
        ``gauss_newton_operator(theta)``), which returns the map. A problem that has no products but a ``hessian`` is
        asked for that.
        """
        if hasattr(self.problem, f"{kind}_operator"):
            product = getattr(self.problem, f"{kind}_operator")(self.x)
        elif kind == "hessian" and needs_products(self.problem)[-1] == "hessian":
            product = self.hessian().__matmul__
        else:
            product = partial(getattr(self.problem, f"{kind}_vector_product"), self.x)

        def counted(vector: np.ndarray) -> np.ndarray:
            if not is_finite(vector):
                return np.full_like(vector, np.nan)
            self.n_products += 1
            return self._array("a product", product(vector), vector.shape)

        return counted

    def _array(self, what: str, found: Any, shape: tuple[int, ...]) -> np.ndarray:
        """What the problem returned, as float64; of another shape it would be broadcast to nonsense."""
        array = np.asarray(found, dtype=np.float64)
        if array.shape != shape:
            raise ValueError(
                f"problem: got {what} of shape {array.shape} for θ of shape {self.x.shape}; expected {shape}"
            )
        return array

    # -- the course of the run ---------------------------------------------------------------------------------------

    @property
    def gradient_norm(self) -> float:
        """‖∇J(x)‖."""
        return self._norms[-1]

    def goes_on(self) -> bool:
        """Whether to take another step; if not, ``message`` says why."""
        if self.message:
            return False
        if self.gradient_norm <= self.tolerance:
            self.converge(f"the gradient's norm is at most {self.tolerance:g}")
        elif self._interrupted():
            self.stop("interrupted")
        elif self.n_iterations >= self.max_iterations:
            self.stop(f"{self.max_iterations} iterations did not bring the gradient's norm to {self.tolerance:g}")
        return not self.message

    def move_to(self, x: np.ndarray, value: float | None = None, gradient: np.ndarray | None = None) -> bool:
        """Take a step. What is not finite there ends the run where it is; the answer says whether it was taken."""
        if value is None and gradient is None:
            value, gradient = self.value_and_gradient(x)
        elif value is None:
            value = self.value_at(x)
        elif gradient is None:
            gradient = self.gradient_at(x)
        assert gradient is not None
        if not (math.isfinite(value) and is_finite(gradient)):
            self.stop("J or its gradient is not finite at the next point")
            return False
        self.x, self.value, self.gradient = x, value, gradient
        self.n_iterations += 1
        self._record()
        return True

    def stop(self, message: str) -> None:
        """End without convergence."""
        self.converged, self.message = False, message

    def converge(self, message: str) -> None:
        """End as converged."""
        self.converged, self.message = True, message

    def resume(self) -> None:
        """Go on after all: a method that looks closer does not take a small gradient for an end."""
        self.converged, self.message = False, ""

    def _record(self) -> None:
        norm = norm_of(self.gradient)
        self._points.append(self.x.copy())
        self._values.append(self.value)
        self._norms.append(norm)
        if self._best is None or self.value < self._best[0]:
            self._best = (self.value, self._points[-1], norm)

    def result(self) -> Result:
        """What there is: the last point of a run that converged, else the best."""
        value, x, norm = self.value, self._points[-1], self.gradient_norm
        if not self.converged and self._best is not None:
            value, x, norm = self._best
        return Result(
            x=x.copy(),
            value=value,
            gradient_norm=norm,
            n_iterations=self.n_iterations,
            n_evaluations=self.n_evaluations,
            n_gradients=self.n_gradients,
            n_hessians=self.n_hessians,
            n_products=self.n_products,
            converged=self.converged,
            message=self.message,
            trajectory=Trajectory(
                np.array(self._points), np.array(self._values), np.array(self._norms), False, self.method
            ),
        )
