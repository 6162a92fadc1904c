"""Levenberg–Marquardt: Gauss–Newton's step, as long as its model of the residuals is to be believed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnopt_utils._validation import check_positive
from nnopt_utils.second_order.residual_run import EPSILON, Linearized, ResidualRun, length
from nnopt_utils.second_order.result import Result
from nnopt_utils.second_order.run import full_batch


@full_batch
def levenberg_marquardt(
    problem: Any,
    start: Any = None,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 500,
    radius: float = 1.0,
) -> Result:
    r"""Minimise J = ‖r(θ)‖², with damping λ between Gauss–Newton (λ = 0) and a short step down the gradient.

    .. math:: \theta_{t+1} = \theta_t + p, \qquad (R^\top R + \lambda D^2)\, p = -R^\top r, \qquad
              \lVert D p \rVert \approx \Delta

    with the residuals r and their Jacobian R at θ_t, and with D, the diagonal matrix of the greatest lengths that R's
    columns have had, so that the path does not depend on the units of the parameters. λ is 0 where Gauss–Newton's step
    is no longer than the radius Δ, and else as large as Δ asks. The gain ratio

    .. math:: \rho = \frac{J(\theta_t) - J(\theta_t + p)}{J(\theta_t) - \lVert r + R\,p \rVert^2}

    compares what the step brings with what the linear model r + R p promised. Where ρ is not above 10⁻⁴ the step is not
    taken; below 1/4 half its length is the next Δ, and above 3/4 Δ is at least twice its length.

    Args:
        problem: has ``residuals(theta)``, shape (m,), ``jacobian(theta)``, shape (m, d), and ``start``.
        start: where to begin, shape (d,); ``None`` for ``problem.start``.
        tolerance: the run has converged when ‖P r‖ <= tolerance · ‖r‖, where P r is the part of r that the columns of R
            span: of J, a share of at most tolerance² can still be gained, as far as the linear model sees (default
            1e-6). Also when ‖P r‖ is lost in the rounding of θ; and when no step lowers J by more than its rounding,
            not even from a fresh D and Δ, while the cosine between r and each column is at most ``tolerance``: so it
            is at a minimum where R is singular.
        max_iterations: the most steps, not counting those that were refused; default 500.
        radius: the first Δ in units of ‖D θ_0‖, of ‖r‖ where that is 0; default 1, the length of θ_0 itself.

    Returns:
        The ``Result``; ``gradient_norm`` is that of ∇J = 2 Rᵀ r.

    Raises:
        TypeError, ValueError: a problem without what is needed, a start where J is not finite, options out of range.

    Example:
        >>> from nnopt_utils.problems import nist
        >>> problem = nist("MGH09", start=1)
        >>> result = levenberg_marquardt(problem)
        >>> result.converged, result.message
        (True, 'residuals and Jacobian are orthogonal to 1e-06')
        >>> round(result.value / problem.minimum_value, 9)
        1.0

    Source: K. Levenberg, "A method for the solution of certain non-linear problems in least squares", Quarterly of
    Applied Mathematics 2, 1944, https://doi.org/10.1090/qam/10666; D. Marquardt, "An algorithm for least-squares
    estimation of nonlinear parameters", SIAM Journal 11, 1963, https://doi.org/10.1137/0111030; the radius and D: J.
    Moré, "The Levenberg–Marquardt algorithm: implementation and theory", 1978, https://doi.org/10.1007/BFb0067700

    Warning:
        ``scipy.optimize.least_squares(method="lm")``, MINPACK's program, begins with a radius of 100 ‖D θ_0‖ and also
        calls it success when J or θ change little, which a short step does anywhere; its value is J / 2.
    """
    radius = check_positive("radius", radius)
    with ResidualRun("levenberg_marquardt", problem, start, tolerance, max_iterations) as run:
        delta, exhausted_at = first_radius(run, radius), math.inf
        while run.goes_on():
            p, size, promised = damped_step(run.model, run.scale, delta)
            if not promised > EPSILON * run.value:
                if run.value >= exhausted_at * (1 - 1e-12):
                    _end(run)
                    break
                # Perhaps it is only D or Δ, which remember another landscape.
                exhausted_at = run.value
                run.forget_scale()
                delta = first_radius(run, radius)
                continue
            r = run.residuals_at(run.x + p)
            value = float(r @ r)
            ratio = (run.value - value) / promised if math.isfinite(value) else -math.inf
            model = run.linearize(run.x + p, r) if ratio > 1e-4 else None
            if model is None or ratio < 0.25:
                delta = size / 2
            elif ratio > 0.75:
                delta = max(delta, 2 * size)
            if model is not None:
                run.take(run.x + p, model)
    return run.result()


def first_radius(run: ResidualRun, radius: float) -> float:
    """Δ in units of ‖D θ‖, of ‖r‖ where that is 0."""
    return radius * (length(run.scale * run.x) or length(run.model.r))


def _end(run: ResidualRun) -> None:
    """No step lowers J by more than its rounding: so it should be at a minimum, and only there."""
    message = "no step lowers J by more than its rounding"
    if run.model.column_cosine <= run.tolerance:
        run.settle(f"{message}; the columns are orthogonal to the residuals to {run.tolerance:g}")
    else:
        run.stop(f"{message}, though it has a slope: its cosine is {run.model.column_cosine:.1g}")


def damped_step(model: Linearized, scale: np.ndarray, delta: float) -> tuple[np.ndarray, float, float]:
    """The p of smallest ‖r + R p‖ among ‖D p‖ <= Δ; ‖D p‖; and how much ‖r + R p‖² is below ‖r‖².

    The singular values of R / D give the step for every λ at once: along each singular vector it is −s b / (s² + λ).
    They are taken in units of the largest and steps in units of Δ: on a plateau their squares would underflow.
    """
    whole = length(scale * model.gauss_newton_step)
    if whole <= 1.01 * delta:
        return model.gauss_newton_step, whole, model.tangential**2
    U, s, V = np.linalg.svd(model.T / scale, full_matrices=False)
    seen = s > 1e-30 * s[0]  # along the others r does not change
    unit, s = s[0], s[seen] / s[0]
    b = (U.T @ model.c)[seen] / (unit * delta)
    squares, damping, q = s * s, 0.0, -b / s
    for _ in range(100):  # a few are enough
        size = length(q)
        if not size > 1.01:
            break
        # Newton's method for 1 / ‖q‖ = 1, nearly a straight line in λ: from λ = 0 it comes from below.
        slope = float(q @ (q / (squares + damping))) / size
        damping += (size - 1) * size / slope
        q = -s * b / (squares + damping)
    promised = (unit * delta) ** 2 * (float(squares @ (q * q)) + 2 * damping * size**2)
    return V[seen].T @ q * delta / scale, size * delta, promised
