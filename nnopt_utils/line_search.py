"""Line search: let the function say how long a step should be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnopt_utils._objective import Objective
from nnopt_utils._validation import check_array, check_integer, check_number
from nnopt_utils.history import Trajectory

Search = Callable[[Objective, np.ndarray, np.ndarray], float]


def backtracking(
    problem: Objective,
    theta: np.ndarray,
    direction: np.ndarray,
    first: float = 1.0,
    shrink: float = 0.5,
    slope_share: float = 1e-4,
) -> float:
    r"""Return the first step length that lowers J enough (Armijo 1966).

    .. math::

        J(\theta + s\,d) \le J(\theta) + c\, s\, g^\top d, \qquad s = \rho^i s_0

    with the smallest i = 0, 1, 2, … for which it holds.

    Args:
        problem: has ``value`` and ``gradient``.
        theta: where to start, (d,).
        direction: d, a direction of descent: gᵀd < 0.
        first: s₀ > 0, the longest step to try; default 1.
        shrink: ρ in (0, 1); default 0.5.
        slope_share: c in (0, 1), the share of the predicted decrease that is asked for; default 1e-4.

    Raises:
        ValueError: bad arguments, a direction that does not lead down, or no step found in 40 trials.

    Example:
        >>> from nnopt_utils.problems import Quadratic
        >>> bowl = Quadratic([1.0, 100.0])
        >>> theta = np.array([1.0, 1.0])
        >>> backtracking(bowl, theta, -bowl.gradient(theta))
        0.015625

    Source: L. Armijo, "Minimization of functions having Lipschitz continuous first partial derivatives",
    Pacific Journal of Mathematics 16, 1966; J. Nocedal and S. Wright, "Numerical Optimization", algorithm 3.1.
    """
    theta = check_array("theta", theta, ndim=1)
    direction = check_array("direction", direction, shape=theta.shape)
    check_number("first", first, low=0.0, low_open=True)
    check_number("shrink", shrink, low=0.0, high=1.0, low_open=True, high_open=True)
    check_number("slope_share", slope_share, low=0.0, high=1.0, low_open=True, high_open=True)
    value, slope = problem.value(theta), float(problem.gradient(theta) @ direction)
    if not slope < 0:
        raise ValueError(f"direction: got one with slope gᵀd = {slope:.3g}; expected a direction of descent, gᵀd < 0")
    step = float(first)
    for _ in range(40):
        if problem.value(theta + step * direction) <= value + slope_share * step * slope:
            return step
        step *= shrink
    raise ValueError(f"direction: no step from {first:g} down to {step:.3g} lowered J; is the gradient right?")


def exact_quadratic(problem: Objective, theta: np.ndarray, direction: np.ndarray) -> float:
    r"""Return the step length that minimises a quadratic along a direction.

    .. math::

        s = -\frac{g^\top d}{d^\top A d}

    A d is the change of the gradient along d, so no matrix is needed: on a quadratic, g(θ + d) − g(θ) = A d.

    Args:
        problem: a quadratic; on anything else the result means nothing.
        theta: where to start, (d,).
        direction: d, (d,).

    Raises:
        ValueError: bad shapes, or no positive curvature along the direction.

    Example:
        >>> from nnopt_utils.problems import Quadratic
        >>> bowl = Quadratic([1.0, 3.0])
        >>> theta = np.array([3.0, 1.0])
        >>> exact_quadratic(bowl, theta, -bowl.gradient(theta))
        0.5

    Source: A.-L. Cauchy, Comptes Rendus 25, 1847.
    """
    theta = check_array("theta", theta, ndim=1)
    direction = check_array("direction", direction, shape=theta.shape)
    gradient = problem.gradient(theta)
    curvature = float(direction @ (problem.gradient(theta + direction) - gradient))
    if not curvature > 0:
        raise ValueError(f"direction: got one with curvature {curvature:.3g}; expected a positive curvature along it")
    return -float(gradient @ direction) / curvature


def steepest_descent(
    problem: Objective, steps: int, search: Search = backtracking, start: np.ndarray | None = None
) -> Trajectory:
    r"""Go along −g with a new step length each time: :math:`\theta_{t+1} = \theta_t - s_t\, g_t`.

    Args:
        problem: has ``value``, ``gradient`` and ``start``.
        steps: T >= 1; the run ends early where the gradient is exactly zero.
        search: ``(problem, theta, direction) -> step length``; default :func:`backtracking`.
        start: θ_1; default ``problem.start``.

    Returns:
        The trajectory.

    Example:
        >>> from nnopt_utils.problems import Quadratic
        >>> run = steepest_descent(Quadratic([1.0, 10.0]), steps=200)
        >>> bool(run.values[-1] < 1e-10)
        True

    Source: as :func:`backtracking`.
    """
    check_integer("steps", steps, low=1)
    theta = np.array(check_array("start", problem.start if start is None else start, ndim=1), dtype=np.float64)
    points = [theta]
    for _ in range(steps):
        gradient = problem.gradient(theta)
        if not gradient.any():
            break
        theta = theta - search(problem, theta, -gradient) * gradient
        points.append(theta)
    values = np.array([problem.value(point) for point in points])
    norms = np.array([np.linalg.norm(problem.gradient(point)) for point in points])
    return Trajectory(
        np.array(points), values, norms, False, f"steepest descent, {getattr(search, '__name__', 'search')}"
    )
