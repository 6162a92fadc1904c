"""The line search of quasi-Newton and conjugate gradient methods: it looks at slopes, too."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils._objective import check_objective
from nnopt_utils._validation import check_array, check_integer, check_number
from nnopt_utils.second_order.run import Run

Evaluate = Callable[[np.ndarray], tuple[float, np.ndarray]]

DECREASE = 1e-4  # c₁ of all methods here
MAX_EVALUATIONS = 50  # of one line search of theirs
ROUNDING = 1e-12  # a change of J by less than this, relative to J, is one of its last digits: it says nothing
PRECISION_ENDS = "J changes in its last digits only: double precision ends here, unless the gradient jumps"
_GROW = 4.0  # by how much more than the last the next step may grow
_MARGIN = 0.1  # how far from the ends of the bracket the next trial stays, relative to its width


class Point(NamedTuple):
    """Where J and its gradient are known."""

    x: np.ndarray
    value: float
    gradient: np.ndarray


class Trial(NamedTuple):
    """What is known of one step α: J(θ + α d), its slope along d, and where that is."""

    step: float
    value: float
    slope: float
    x: np.ndarray
    gradient: np.ndarray


@dataclass(frozen=True)
class LineSearch:
    """The end of a line search.

    Attributes:
        step: α, or ``None`` if no step was found.
        x: θ + α d; without a step the best point that was met, perhaps θ itself.
        value: J(x).
        gradient: ∇J(x), shape (d,).
        n_evaluations: how often J and its gradient were evaluated.
        message: why no step was found; empty if one was.

    Example:
        >>> from nnopt_utils.problems import Quadratic
        >>> found = strong_wolfe(Quadratic([1.0]), [2.0], [-1.0], first=2.0)
        >>> found.step, found.x, found.value, found.gradient, found.n_evaluations
        (2.0, array([0.]), 0.0, array([0.]), 2)
    """

    step: float | None
    x: np.ndarray
    value: float
    gradient: np.ndarray
    n_evaluations: int
    message: str = ""


def strong_wolfe(
    problem: Any,
    theta: Any,
    direction: Any,
    *,
    first: float = 1.0,
    decrease: float = DECREASE,
    curvature: float = 0.9,
    max_evaluations: int = 50,
) -> LineSearch:
    r"""Find a step after which J is low enough and its slope small enough: the strong Wolfe conditions.

    .. math::

        J(\theta + \alpha d) \le J(\theta) + c_1 \alpha\, g^\top d, \qquad
        \lvert \nabla J(\theta + \alpha d)^\top d \rvert \le c_2 \lvert g^\top d \rvert

    The first refuses steps that are too long, the second steps that are too short, after which J would still fall
    steeply. The step grows until such a point lies before it; then the bracket shrinks around one, by cubic
    interpolation. Where J is not finite the step is shortened. Where J changes by less than 10⁻¹² of itself, values
    say nothing more and slopes decide: in place of the first condition, the new slope is at most (2 c₁ − 1) gᵀd, as
    Hager and Zhang have it.

    Args:
        problem: has ``value`` and ``gradient``; ``value_and_gradient`` is used if it has that, too.
        theta: θ, where to start, shape (d,).
        direction: d, a direction of descent: gᵀd < 0.
        first: the first α to try, > 0; default 1.
        decrease: c₁ in (0, ½), the share of the predicted decrease that is asked for; default 1e-4.
        curvature: c₂ in (c₁, 1), the share of the slope that may be left; default 0.9. Small values find the minimum
            along d.
        max_evaluations: how often J and its gradient may be evaluated, >= 2; the first is at θ.

    Returns:
        The step and what was found there. Its ``step`` is ``None`` if there is none, and ``message`` says why.

    Raises:
        TypeError, ValueError: bad arguments. A direction that does not lead down is no error but a failure.

    Example:
        >>> from nnopt_utils.problems import Rosenbrock
        >>> problem = Rosenbrock()
        >>> g = problem.gradient(problem.start)
        >>> found = strong_wolfe(problem, problem.start, -g)
        >>> round(found.step, 6), round(found.value, 4), found.n_evaluations
        (0.001074, 6.3253, 6)
        >>> strong_wolfe(problem, problem.start, g).message
        'the direction leads up: its slope is 5.4e+04'

    Source: J. Nocedal and S. Wright, "Numerical Optimization", 2nd edition, 2006, algorithms 3.5 and 3.6; W. Hager and
    H. Zhang, "A new conjugate gradient method with guaranteed descent and an efficient line search", SIAM Journal on
    Optimization 16(1), 2005, https://doi.org/10.1137/030601880

    Warning:
        ``scipy.optimize.line_search`` takes J and ∇J as two functions and returns a tuple, whose first entry is α, or
        ``None`` on failure.
    """
    check_objective(problem, theta, "strong_wolfe(problem, theta, direction)")
    theta = check_array("theta", theta, ndim=1).astype(np.float64)
    direction = check_array("direction", direction, shape=theta.shape).astype(np.float64)
    check_number("first", first, low=0.0, low_open=True)
    check_number("decrease", decrease, low=0.0, high=0.5, low_open=True, high_open=True)
    check_number("curvature", curvature, low=decrease, high=1.0, low_open=True, high_open=True)
    check_integer("max_evaluations", max_evaluations, low=2)

    def evaluate(x: np.ndarray) -> tuple[float, np.ndarray]:
        if hasattr(problem, "value_and_gradient"):
            value, gradient = problem.value_and_gradient(x)
        else:
            value, gradient = problem.value(x), problem.gradient(x)
        return (float(value) if np.isfinite(value) else math.inf), np.asarray(gradient, dtype=np.float64)

    with np.errstate(all="ignore"):
        start = Point(theta, *evaluate(theta))
        if not math.isfinite(start.value) or not np.isfinite(start.gradient).all():
            raise ValueError(f"theta: got a point where J is {start.value}; expected a finite value and gradient")
        found = search(evaluate, start, direction, first, decrease, curvature, max_evaluations - 1)
    return replace(found, n_evaluations=found.n_evaluations + 1)


class Descent:
    """The line searches of a run: to the end where no direction leads down any more.

    Args:
        run: the run.
        curvature: c₂ of its line searches.
    """

    def __init__(self, run: Run, curvature: float) -> None:
        self.run = run
        self.curvature = check_number("curvature", curvature, low=0.0, high=1.0, low_open=True, high_open=True)
        self.decrease = min(DECREASE, 0.1 * curvature)  # c₁ < c₂, or there need not be such a step
        self._value, self._norm, self._idle = run.value, run.gradient_norm, 0

    def step(self, direction: np.ndarray, first: float, is_steepest: bool) -> bool:
        """Search along d and go to what was found. If nothing was, steepest descent is left to try, unless it was that.

        The end is also where J and ‖g‖ are what they were ten steps ago.
        """
        run, here = self.run, Point(self.run.x, self.run.value, self.run.gradient)
        found = search(run.value_and_gradient, here, direction, first, self.decrease, self.curvature, MAX_EVALUATIONS)
        if found.step is not None or found.value < run.value:
            run.move_to(found.x, found.value, found.gradient)
        if found.step is None and is_steepest:
            run.stop(found.message)
        elif self._idles():
            run.stop(found.message or PRECISION_ENDS)
        return found.step is not None

    def _idles(self) -> bool:
        run = self.run
        if run.value < self._value - ROUNDING * abs(self._value) or run.gradient_norm < 0.9 * self._norm:
            self._value, self._norm, self._idle = run.value, min(self._norm, run.gradient_norm), 0
        else:
            self._idle += 1
        return self._idle >= 10 and run.gradient_norm > run.tolerance


def first_step(run: Run) -> float:
    """Along −g, before anything is known of the curvature: a step of length 1, or of ‖g‖ if that is shorter."""
    return min(1.0, 1 / max(run.gradient_norm, 1e-300))


def search(
    evaluate: Evaluate,
    here: Point,
    direction: np.ndarray,
    first: float,
    decrease: float,
    curvature: float,
    max_evaluations: int,
) -> LineSearch:
    """As :func:`strong_wolfe`, unchecked, where J and its gradient are known already."""
    start = Trial(0.0, here.value, float(here.gradient @ direction), here.x, here.gradient)
    if not start.slope < 0:
        return LineSearch(None, *here, 0, f"the direction leads up: its slope is {start.slope:.2g}")
    rounding = ROUNDING * abs(start.value)
    flat, approximate = -curvature * start.slope, (2 * decrease - 1) * start.slope
    low, before, high = start, start, None  # a good step lies between low, the best so far, and high
    step, width = first, math.inf
    trials: list[Trial] = []
    while len(trials) < max_evaluations:
        x = here.x + step * direction
        value, gradient = evaluate(x)
        trial = Trial(step, value, float(gradient @ direction), x, gradient)
        trials.append(trial)
        is_lower = value <= start.value + decrease * step * start.slope
        is_level = abs(value - start.value) <= rounding
        if abs(trial.slope) <= flat and (is_lower or (is_level and trial.slope <= approximate)):
            return LineSearch(step, x, value, gradient, len(trials))
        if (is_lower or is_level) and value < low.value + rounding and math.isfinite(trial.slope):
            if trial.slope * (1.0 if high is None else high.step - low.step) >= 0:
                high = low
            low, before = trial, low
        else:
            high = trial
        if high is None:
            step = _beyond(before, low, rounding)
        else:
            last, width = width, abs(high.step - low.step)
            step = _between(low, high, rounding, halve=width > 0.66 * last)
            if step in (low.step, high.step):  # there is no number between them
                break
    best = low if low.value < start.value else start
    reason = _why_not(start, trials, low, high, rounding)
    return LineSearch(None, best.x, best.value, best.gradient, len(trials), reason)


def _why_not(start: Trial, trials: list[Trial], low: Trial, high: Trial | None, rounding: float) -> str:
    if high is None and low.value < start.value - rounding:
        return f"J still falls after a step of {low.step:.2g}: is it unbounded below?"
    if not any(math.isfinite(trial.value) for trial in trials):
        return f"J is not finite after any step down to {trials[-1].step:.2g}"
    blind = [trial.step for trial in trials if trial.value < start.value and not math.isfinite(trial.slope)]
    if blind and low.value >= start.value - rounding:
        return f"the gradient is not finite where J is lower, down to a step of {min(blind):.2g}"
    rising = [trial.step for trial in trials if trial.slope < 0 and trial.value > start.value + 100 * rounding]
    if low.value >= start.value - rounding and (rising or high is None):
        what = (
            f"J rises over a step of {min(rising):.2g}" if rising else f"J stays as it is over a step of {low.step:.2g}"
        )
        return f"{what}, where its gradient says that it falls: is the gradient right?"
    if low.value >= start.value - 100 * rounding:
        return PRECISION_ENDS
    return f"the slope stays steep on both sides of a step of {low.step:.2g}: J or its gradient seems to jump there"


def _minimum(a: Trial, b: Trial, rounding: float) -> float:
    """Where the cubic through both values and both slopes has its minimum; NaN if nowhere.

    Where the values are the same but for rounding, it is where the line through both slopes is 0.
    """
    if abs(a.value - b.value) <= rounding:
        return b.step - b.slope * (b.step - a.step) / (b.slope - a.slope) if a.slope != b.slope else math.nan
    d_1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step)
    square = d_1 * d_1 - a.slope * b.slope
    if not square >= 0:
        return math.nan
    d_2 = math.copysign(math.sqrt(square), b.step - a.step)
    bottom = b.slope - a.slope + 2 * d_2
    return b.step - (b.step - a.step) * (b.slope + d_2 - d_1) / bottom if bottom else math.nan


def _beyond(before: Trial, last: Trial, rounding: float) -> float:
    """A longer step: J still falls at the last one."""
    shortest, longest = last.step + 1.1 * (last.step - before.step), last.step + _GROW * (last.step - before.step)
    step = _minimum(before, last, rounding)
    return longest if not step > last.step else min(max(step, shortest), longest)


def _between(low: Trial, high: Trial, rounding: float, halve: bool) -> float:
    """A step inside the bracket, away from its ends."""
    width = high.step - low.step
    if not math.isfinite(high.value + high.slope):
        return low.step + _MARGIN * width
    step = _minimum(low, high, rounding)
    if halve or math.isnan(step):
        return low.step + 0.5 * width
    share = (step - low.step) / width
    if high.value > low.value + rounding:  # far up, values say more than slopes: the parabola without the slope there
        parabola = 0.5 * low.slope * width / (low.slope * width - (high.value - low.value))
        share = min(share, 0.5 * (share + parabola))
    return low.step + min(max(share, _MARGIN), 1 - _MARGIN) * width
