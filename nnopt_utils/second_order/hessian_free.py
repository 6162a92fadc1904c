"""Hessian-free optimization: Newton's equations for a network, solved by products alone."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils._validation import check_choice, check_integer, check_not_negative, check_positive
from nnopt_utils.second_order._products import Product
from nnopt_utils.second_order.result import Result
from nnopt_utils.second_order.run import Run, full_batch

CURVATURES = ("gauss_newton", "hessian")
_SUFFICIENT = 1e-2  # the share of the slope's promise that a step must keep
_FAILURES = 10  # dampings in a row that may bring no step


@full_batch
def hessian_free(
    problem: Any,
    start: Any = None,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    damping: float = 0.1,
    curvature: str = "gauss_newton",
    max_products: int = 250,
    progress: float = 5e-4,
) -> Result:
    r"""Minimise by steps that roughly solve Newton's damped equations, with products in the place of the matrix.

    .. math:: (B + \lambda I)\, s = -g

    B is the Gauss–Newton matrix or the Hessian. Conjugate gradients start from the last iteration's solution, and stop
    when the last k of their i steps, k the larger of 10 and i/10, brought less than the share k ε of the model's
    decrease. Of the points on their way the step goes back to an earlier one as long as J is lower there, and is halved
    as long as it does not lower J enough. λ follows the quotient ρ of J's decrease and that of the damped model:

    .. math:: \lambda' = \begin{cases} \frac32 \lambda & \text{if } \rho < \frac14 \\
              \frac23 \lambda & \text{if } \rho > \frac34 \\ \lambda & \text{otherwise} \end{cases}

    Where B + λ I shows a direction of negative curvature, and where no step lowers J, λ grows until that is over; ten
    dampings in a row without a step end the run.

    Args:
        problem: an objective with ``gauss_newton_vector_product`` or ``hessian_vector_product``, such as
            ``problems.NetworkObjective``.
        start: where to begin, shape (d,); default ``problem.start``.
        tolerance: the gradient's norm at which the run has converged, >= 0; default 1e-6.
        max_iterations: the most steps, >= 1; default 100.
        damping: λ >= 0 of the first iteration, in units of curvature; default 0.1.
        curvature: ``"gauss_newton"`` (default), which is nowhere negative if the loss is convex in the outputs, or
            ``"hessian"``.
        max_products: the most steps of conjugate gradients in an iteration, >= 1; default 250.
        progress: ε > 0; default 5e-4.

    Returns:
        The result; ``n_products`` counts the products, each of which costs about one gradient.

    Raises:
        TypeError, ValueError: bad arguments, or a problem without the products.

    Example:
        >>> from nnopt_utils.networks import MLP
        >>> from nnopt_utils.problems import NetworkObjective
        >>> x = np.linspace(-1, 1, 20)[:, None]
        >>> objective = NetworkObjective(MLP([1, 5, 1], "tanh", "mse", l2=1e-3), x, np.sin(3 * x))
        >>> result = hessian_free(objective)
        >>> result.converged, result.value < 0.1 * objective.value(objective.start)
        (True, True)

    Warning:
        Martens takes the products from a part of the data, and divides by a preconditioner; here all data are used,
        and none.

    Source: J. Martens, "Deep learning via Hessian-free optimization", ICML 2010.
    """
    check_choice("curvature", curvature, CURVATURES)
    lam = check_not_negative("damping", damping)
    check_integer("max_products", max_products, low=1)
    check_positive("progress", progress)
    needs = ["value", "gradient", f"{curvature}_vector_product"]
    with Run("hessian_free", problem, start, tolerance, max_iterations, needs=needs) as run:
        product, solution, failures = None, np.zeros_like(run.x), 0
        while run.goes_on():
            if product is None:
                product = run.hessian_product(curvature)
            solved = _conjugate_gradients(product, run.gradient, lam, solution, max_products, progress)
            if not math.isfinite(solved.lowest_curvature):
                run.stop("a product with the matrix of curvature is not finite")
                break
            if solved.lowest_curvature <= 0:
                lam, solution = max(lam - 2 * solved.lowest_curvature, 2 * lam, 1e-8), np.zeros_like(run.x)
                continue
            chosen, value = _lowest(run, solved.path)
            step, value_there = _halved(run, chosen.s, value)
            if step is None:
                failures += 1
                lam, solution = max(4 * lam, 1e-8), np.zeros_like(run.x)
                if failures == _FAILURES:
                    run.stop("no step lowered J, however damped: this may be a kink, or as low as rounding allows")
                continue
            failures, solution = 0, solved.path[-1].s
            # Of a promise that is rounded to 0 there is no share: λ stays.
            lam = _next_damping(lam, (value - run.value) / chosen.model if chosen.model else math.nan)
            run.move_to(run.x + step, value=value_there)
            product = None
    return run.result()


def _next_damping(damping: float, ratio: float) -> float:
    """λ', from λ and ρ."""
    if ratio < 1 / 4:
        return 3 / 2 * damping
    return 2 / 3 * damping if ratio > 3 / 4 else damping


class _Point(NamedTuple):
    """A step, and by how much the damped model changes along it."""

    s: np.ndarray
    model: float


class _Solved(NamedTuple):
    """Some of the points on the way of conjugate gradients, and the lowest curvature that was met."""

    path: list[_Point]
    lowest_curvature: float


def _conjugate_gradients(
    product: Product, g: np.ndarray, damping: float, start: np.ndarray, max_products: int, progress: float
) -> _Solved:
    """Solve (B + λ I) s = −g until the model gᵀs + ½ sᵀ(B + λ I) s hardly falls any more."""
    s, residual = start, -g
    if start.any():
        residual = -g - (product(start) + damping * start)
        if not residual.any():  # nothing is left to solve: J has changed so that the old step still fits
            s, residual = np.zeros_like(s), -g
    p, square = residual, float(residual @ residual)
    models, path, keep, lowest = [0.5 * float(s @ (g - residual))], [], 1.0, math.inf
    for i in range(1, max_products + 1):
        Ap = product(p) + damping * p
        curvature = float(p @ Ap)
        pp = float(p @ p)
        lowest = min(lowest, curvature / pp) if math.isfinite(curvature) and pp > 0 else math.nan
        if not lowest > 0:  # also if it is not a number
            break
        length = square / curvature
        s = s + length * p
        residual = residual - length * Ap
        models.append(0.5 * float(s @ (g - residual)))
        before, square = square, float(residual @ residual)
        k = max(10, i // 10)
        slow = i > k and models[i] < 0 and models[i] - models[i - k] > k * progress * models[i]
        ends = slow or i == max_products or square <= 1e-20 * float(g @ g)
        if i >= keep or ends:  # 1, 2, 3, 4, 5, 7, 9, 12, …: enough to go back to
            path.append(_Point(s, models[i]))
            keep = max(i + 1, 1.3 * i)
        if ends:
            break
        p = residual + square / before * p
    return _Solved(path, lowest)


def _lowest(run: Run, path: list[_Point]) -> tuple[_Point, float]:
    """The last point of the path with J there; an earlier one as long as J falls on the way back."""
    chosen, value = path[-1], run.value_at(run.x + path[-1].s)
    for earlier in reversed(path[:-1]):
        value_there = run.value_at(run.x + earlier.s)
        if value_there >= value:
            break
        chosen, value = earlier, value_there
    return chosen, value


def _halved(run: Run, s: np.ndarray, value: float) -> tuple[np.ndarray | None, float]:
    """The step, halved until it lowers J enough, with J there; None if 20 halvings were not enough."""
    slope = float(run.gradient @ s)
    for _ in range(20):
        if value < run.value + _SUFFICIENT * min(slope, 0.0):
            return s, value
        s, slope = s / 2, slope / 2
        value = run.value_at(run.x + s)
    return None, value


__all__ = ["hessian_free"]
