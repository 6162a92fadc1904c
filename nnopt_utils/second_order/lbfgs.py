"""L-BFGS: BFGS without its matrix, from the last few steps."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, check_integer, check_number, checked, core, describe
from nnopt_utils.second_order.bfgs import is_curved
from nnopt_utils.second_order.result import Result
from nnopt_utils.second_order.run import Run, full_batch
from nnopt_utils.second_order.strong_wolfe import Descent, first_step

Pair = tuple[np.ndarray, np.ndarray, float]


def _vector(name: str, value: Any) -> np.ndarray:
    return check_array(name, value, ndim=1).astype(np.float64)


def _pairs(name: str, value: Any) -> Any:
    if not hasattr(value, "__reversed__") or not all(isinstance(pair, tuple) and len(pair) == 3 for pair in value):
        raise TypeError(f"{name}: got {describe(value)}; expected a deque or list of tuples (s, y, rho)")
    return value


def _scale(name: str, value: Any) -> float | None:
    return None if value is None else check_number(name, value, low=0.0, low_open=True)


@checked(gradient=_vector, pairs=_pairs, scale=_scale)
def two_loop(gradient: np.ndarray, pairs: Sequence[Pair] | deque[Pair], scale: float | None = None) -> np.ndarray:
    r"""Return M g with the matrix M that BFGS would build of these steps, without building it.

    The first loop goes from the newest step to the oldest, the second back. With one step they are

    .. math::

        a = \rho\, s^\top g, \quad q = g - a y, \qquad
        r = \gamma q, \quad b = \rho\, y^\top r, \quad M g = r + (a - b)\, s

    and M is what ``bfgs_update`` makes of γ I. With m steps the loops take 4 m d multiplications, and the pairs 2 m d
    numbers, where the matrix has d².

    Args:
        gradient: g, shape (d,).
        pairs: the steps, oldest first, each (s, y, ρ): the step s = θ_{t+1} − θ_t, the change of the gradient
            y = g_{t+1} − g_t, and ρ = 1 / yᵀs > 0. Without steps M = γ I.
        scale: γ; default sᵀy / yᵀy of the newest step (1 without steps): about the inverse of the curvature there.

    Returns:
        M g, a new array.

    Raises:
        TypeError, ValueError: arguments of another kind.

    Example:
        >>> H, s, g = np.diag([1.0, 4.0]), np.array([1.0, 1.0]), np.array([3.0, 1.0])
        >>> y = H @ s
        >>> two_loop(g, [(s, y, 1 / (y @ s))], scale=0.5)
        array([2.56, 0.36])
        >>> from nnopt_utils.second_order import bfgs_update
        >>> bfgs_update(0.5 * np.eye(2), s, y) @ g
        array([2.56, 0.36])

    Source: J. Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of Computation 35, 1980;
    J. Nocedal and S. Wright, "Numerical Optimization", 2nd edition, 2006, algorithm 7.4 and equation 7.20.
    """
    q = gradient.copy()
    coefficients = []
    for s, y, rho in reversed(pairs):
        a = rho * s.dot(q)
        q -= a * y
        coefficients.append(a)
    if scale is None and pairs:
        _, y, rho = pairs[-1]
        scale = 1 / (rho * float(y @ y))
    r = q if scale is None else scale * q
    for (s, y, rho), a in zip(pairs, reversed(coefficients), strict=True):
        b = rho * y.dot(r)
        r += (a - b) * s
    return r


@full_batch
def lbfgs(
    problem: Any,
    start: Any = None,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 10_000,
    memory: int = 20,
    curvature: float = 0.9,
    rescale: bool = True,
) -> Result:
    r"""Minimise by L-BFGS (Nocedal 1980; Liu and Nocedal 1989): BFGS that remembers the last steps only.

    .. math:: \theta_{t+1} = \theta_t - \alpha_t M_t\, g_t

    with a step α_t that meets the strong Wolfe conditions (:func:`strong_wolfe`, α = 1 tried first) and M g from
    :func:`two_loop`. The first step goes along −g and tries to be as long as 1, or as g if that is shorter. A step
    without curvature, sᵀy <= 0, is not remembered. If no step is found along −M g, all are forgotten and −g is tried.

    It takes 16 m d bytes and O(m d) operations a step: with thousands of parameters J and its gradient cost more.

    Args:
        problem: has ``value``, ``gradient`` and ``start``; ``value_and_gradient`` is used if it has that, too.
        start: θ₁, shape (d,); default ``problem.start``.
        tolerance: the norm ‖g‖ at which it has converged, >= 0; default 1e-6.
        max_iterations: the most steps, >= 1; default 10,000.
        memory: m >= 1, how many steps are remembered; default 20.
        curvature: c₂ of the line search, in (0, 1); default 0.9.
        rescale: whether M starts anew from γ I of the latest step each time; ``False`` keeps the γ of the first step:
            with a memory that holds all steps this is :func:`bfgs`.

    Returns:
        The result; if it did not converge, its ``message`` says why and ``x`` is the best point.

    Raises:
        TypeError, ValueError: bad arguments, or J is not finite at the start.

    Example:
        >>> from nnopt_utils.problems import ExtendedRosenbrock
        >>> result = lbfgs(ExtendedRosenbrock(100))
        >>> result.converged, bool(abs(result.x - 1).max() < 1e-6)
        (True, True)

    Source: J. Nocedal and S. Wright, "Numerical Optimization", 2nd edition, 2006, algorithm 7.5; D. Liu and
    J. Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical Programming 45, 1989.

    Warning:
        ``scipy.optimize.minimize(method="L-BFGS-B")`` remembers 10 steps (``maxcor``) and ends, by default, also where
        J falls by less than 2.2e-9 of itself (``ftol``); its ``gtol=1e-5`` is for the largest entry of the gradient.
        ``torch.optim.LBFGS`` has no line search unless ``line_search_fn="strong_wolfe"`` is given.
    """
    memory = check_integer("memory", memory, low=1)
    product = core(two_loop)
    with Run("lbfgs", problem, start, tolerance, max_iterations) as run:
        descent = Descent(run, curvature)
        pairs: deque[Pair] = deque(maxlen=memory)
        scale = None
        while run.goes_on():
            x, g = run.x, run.gradient
            first = 1.0 if pairs else first_step(run)
            took_it = descent.step(-product(g, pairs, scale), first, is_steepest=not pairs)
            s, y = run.x - x, run.gradient - g
            if not took_it:
                pairs.clear()
                scale = None
            elif is_curved(s, y):
                pairs.append((s, y, 1 / float(s @ y)))
                if scale is None and not rescale:
                    scale = float(s @ y) / float(y @ y)
    return run.result()
