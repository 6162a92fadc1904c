"""Gauss–Newton: Newton's method for sums of squares, without the residuals' own curvature."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils._validation import check_integer
from nnopt_utils.second_order.residual_run import ResidualRun
from nnopt_utils.second_order.result import Result
from nnopt_utils.second_order.run import full_batch


@full_batch
def gauss_newton(
    problem: Any,
    start: Any = None,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 500,
    halvings: int = 0,
) -> Result:
    r"""Minimise J = ‖r(θ)‖² by linear least squares, again and again.

    .. math:: \theta_{t+1} = \theta_t + p, \qquad R^\top R\, p = -R^\top r

    with the residuals r and their Jacobian R at θ_t: p makes ‖r + R p‖² smallest, and is computed from R itself by an
    orthogonal factorisation, not from RᵀR, which would square its condition. By default nothing watches over J: the
    whole step is taken, wherever it leads.

    Args:
        problem: has ``residuals(theta)``, shape (m,), ``jacobian(theta)``, shape (m, d), and ``start``.
        start: where to begin, shape (d,); ``None`` for ``problem.start``.
        tolerance: the run has converged when ‖P r‖ <= tolerance · ‖r‖, where P r is the part of r that the columns of R
            span (default 1e-6), or when ‖P r‖ is lost in the rounding of θ.
        max_iterations: the most steps; default 500.
        halvings: how often a step that does not lower J may be halved; default 0, the pure method.

    Returns:
        The ``Result``; ``gradient_norm`` is that of ∇J = 2 Rᵀ r.

    Raises:
        TypeError, ValueError: a problem without what is needed, a start where J is not finite, options out of range.

    Example:
        >>> from nnopt_utils.problems import nist
        >>> problem = nist("Misra1a", start=2)
        >>> result = gauss_newton(problem)
        >>> result.converged, result.n_iterations, round(result.value / problem.minimum_value, 9)
        (True, 3, 1.0)
        >>> far = gauss_newton(nist("Rat42", start=1))
        >>> far.converged, far.message
        (False, "the Jacobian's rank is 1 of 3: the step is not determined")

    Source: C. F. Gauss, "Theoria motus corporum coelestium", 1809; J. Nocedal and S. Wright, "Numerical Optimization",
    2006, section 10.3.

    Warning:
        ``tolerance`` bounds a cosine here, which has no unit, not the gradient's norm.
    """
    halvings = check_integer("halvings", halvings, low=0)
    with ResidualRun("gauss_newton", problem, start, tolerance, max_iterations) as run:
        while run.goes_on():
            if run.model.rank < len(run.x):
                run.stop(f"the Jacobian's rank is {run.model.rank} of {len(run.x)}: the step is not determined")
            elif halvings:
                _halve(run, run.model.gauss_newton_step, halvings)
            else:
                run.move_to(run.x + run.model.gauss_newton_step)
    return run.result()


def _halve(run: ResidualRun, step: np.ndarray, halvings: int) -> None:
    """Take the first of the steps p, p / 2, p / 4 … that lowers J."""
    for _ in range(halvings + 1):
        x = run.x + step
        r = run.residuals_at(x)
        if r @ r < run.value and (model := run.linearize(x, r)) is not None:
            run.take(x, model)
            return
        step = step / 2
    run.stop(f"a step halved {halvings} times does not lower J")
