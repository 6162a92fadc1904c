"""Nonlinear conjugate gradients: the memory of one direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnopt_utils._validation import check_choice
from nnopt_utils.second_order.result import Result
from nnopt_utils.second_order.run import Run, full_batch
from nnopt_utils.second_order.strong_wolfe import ROUNDING, Descent, first_step

POWELL = 0.2  # two gradients in a row should be orthogonal; beyond this share of ‖g‖² they are not
DESCENT = 0.01  # the share of ‖g‖² that the slope along d must have


def polak_ribiere_plus(g: np.ndarray, g_old: np.ndarray, d: np.ndarray) -> float:
    """β of Polak and Ribière, 0 where it is negative."""
    return max(0.0, float(g @ (g - g_old) / (g_old @ g_old)))


def fletcher_reeves(g: np.ndarray, g_old: np.ndarray, d: np.ndarray) -> float:
    """β of Fletcher and Reeves."""
    return float(g @ g / (g_old @ g_old))


def hestenes_stiefel_plus(g: np.ndarray, g_old: np.ndarray, d: np.ndarray) -> float:
    """β of Hestenes and Stiefel, 0 where it is negative."""
    y = g - g_old
    return max(0.0, float(g @ y / (d @ y)))


def dai_yuan(g: np.ndarray, g_old: np.ndarray, d: np.ndarray) -> float:
    """β of Dai and Yuan."""
    return float(g @ g / (d @ (g - g_old)))


def hager_zhang(g: np.ndarray, g_old: np.ndarray, d: np.ndarray) -> float:
    """β of Hager and Zhang, with their lower bound."""
    y = g - g_old
    dy = d @ y
    bound = -1 / (np.sqrt(d @ d) * min(0.01, np.sqrt(g_old @ g_old)))
    return float(max(bound, (y - (2 * (y @ y) / dy) * d) @ g / dy))


FORMULAS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], float]] = {
    "polak_ribiere_plus": polak_ribiere_plus,
    "fletcher_reeves": fletcher_reeves,
    "hestenes_stiefel_plus": hestenes_stiefel_plus,
    "dai_yuan": dai_yuan,
    "hager_zhang": hager_zhang,
}
# With these two a useless direction is followed by another: they need Powell's restarts.
JAMMING = ("fletcher_reeves", "dai_yuan")


@full_batch
def nonlinear_cg(
    problem: Any,
    start: Any = None,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 10_000,
    formula: str = "polak_ribiere_plus",
    curvature: float = 0.4,
) -> Result:
    r"""Minimise by nonlinear conjugate gradients: each direction remembers the last, and nothing else.

    .. math::

        \theta_{t+1} = \theta_t + \alpha_t d_t, \qquad d_{t+1} = -g_{t+1} + \beta\, d_t

    with a step α_t that meets the strong Wolfe conditions (:func:`strong_wolfe`) and one of these, where y is the
    change of the gradient:

    .. math::

        y = g_{t+1} - g_t, \qquad
        \beta_\text{PR} = \max\left(0, \frac{g_{t+1}^\top y}{g_t^\top g_t}\right), \quad
        \beta_\text{FR} = \frac{g_{t+1}^\top g_{t+1}}{g_t^\top g_t} \\
        \beta_\text{HS} = \max\left(0, \frac{g_{t+1}^\top y}{d_t^\top y}\right), \quad
        \beta_\text{DY} = \frac{g_{t+1}^\top g_{t+1}}{d_t^\top y} \\
        \beta_\text{HZ} = \frac{g_{t+1}^\top y}{d_t^\top y}
            - 2 \frac{(y^\top y) (g_{t+1}^\top d_t)}{(d_t^\top y)^2}

    where HZ is not let below −1 / (‖d_t‖ min(0.01, ‖g_t‖)).

    On a quadratic with exact line searches all five are the linear conjugate gradient method, which ends after d
    steps. Elsewhere they differ where a step is bad, short and nearly orthogonal to −g: then g hardly changes, PR, HS
    and HZ are nearly 0 and start anew, FR and DY are nearly 1 and go on in a bad direction. For these two there is a
    restart, β = 0, where two gradients in a row are far from orthogonal, their product beyond ± 0.2 ‖g_{t+1}‖²; for
    all five there is one where d does not lead down enough, gᵀd > −0.01 ‖g‖².

    The first α tried is the one with which a quadratic would fall by as much as J did in the last step.

    Args:
        problem: has ``value``, ``gradient`` and ``start``; ``value_and_gradient`` is used if it has that, too.
        start: θ₁, shape (d,); default ``problem.start``.
        tolerance: the norm ‖g‖ at which it has converged, >= 0; default 1e-6.
        max_iterations: the most steps, >= 1; default 10,000.
        formula: which β: ``"polak_ribiere_plus"`` (the default), ``"fletcher_reeves"``, ``"hestenes_stiefel_plus"``,
            ``"dai_yuan"`` or ``"hager_zhang"``.
        curvature: c₂ of the line search, in (0, 1); default 0.4. Conjugate directions need better line searches than
            BFGS does.

    Returns:
        The result; if it did not converge, its ``message`` says why and ``x`` is the best point.

    Raises:
        TypeError, ValueError: bad arguments, or J is not finite at the start.

    Example:
        >>> from nnopt_utils.problems import Quadratic
        >>> bowl = Quadratic([1.0, 10.0, 100.0])
        >>> nonlinear_cg(bowl, curvature=1e-9).n_iterations
        3

    Source: R. Fletcher and C. Reeves, The Computer Journal 7, 1964; E. Polak and G. Ribière, 1969, with the "plus" of
    J. Gilbert and J. Nocedal, SIAM Journal on Optimization 2, 1992; M. Hestenes and E. Stiefel, 1952; Y. Dai and
    Y. Yuan, SIAM Journal on Optimization 10, 1999; W. Hager and H. Zhang, SIAM Journal on Optimization 16(1), 2005,
    https://doi.org/10.1137/030601880; the restart: M. Powell, Mathematical Programming 12, 1977.

    Warning:
        ``scipy.optimize.minimize(method="CG")`` is Polak–Ribière with the plus; it has ``gtol=1e-5`` for the largest
        entry of the gradient; the Euclidean norm is ``norm=2``.
    """
    check_choice("formula", formula, FORMULAS)
    beta = FORMULAS[formula]
    with Run("nonlinear_cg", problem, start, tolerance, max_iterations) as run:
        descent = Descent(run, curvature)
        d, is_steepest, first = -run.gradient, True, first_step(run)
        while run.goes_on():
            x, value, g = run.x, run.value, run.gradient
            took_it = descent.step(d, first, is_steepest)
            d_new = -run.gradient + beta(run.gradient, g, d) * d
            is_steepest = not took_it or not _is_good(d_new, run, g, formula)
            d = -run.gradient if is_steepest else d_new
            first = _next_first(run, d, value, float(g @ (run.x - x))) if took_it else first_step(run)
    return run.result()


def _is_good(d: np.ndarray, run: Run, g_old: np.ndarray, formula: str) -> bool:
    """Whether to go along d: it leads down enough, and is no trap."""
    square = float(run.gradient @ run.gradient)
    if formula in JAMMING and abs(float(run.gradient @ g_old)) > POWELL * square:
        return False
    return float(run.gradient @ d) <= -DESCENT * square


def _next_first(run: Run, d: np.ndarray, value_before: float, linear_change: float) -> float:
    """The α to try first: as much is gained as before; by the gradient's word alone where J changed too little."""
    gained = value_before - run.value
    change = -2 * gained if gained > ROUNDING * abs(run.value) else linear_change
    slope = float(run.gradient @ d)
    return change / slope if slope and change / slope > 0 else first_step(run)
