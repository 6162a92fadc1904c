"""Newton's method in a trust region: no farther than the quadratic model has proved right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, check_fraction, check_integer, check_positive
from nnopt_utils.second_order.conjugate_gradients import as_product
from nnopt_utils.second_order.result import Result
from nnopt_utils.second_order.run import Run, full_batch, is_finite, needs_products

ACCEPTED = 1e-4  # share of the promised decrease from which a step is taken
POOR, GOOD = 0.25, 0.75  # below the first the radius shrinks, above the second it may grow


@dataclass(frozen=True)
class TrustRegionStep:
    """What :func:`steihaug` found.

    Attributes:
        step: s, shape (d,), with ‖s‖ <= radius.
        decrease: how far the model falls along s, >= 0.
        on_boundary: whether ‖s‖ = radius.
        negative_curvature: whether a direction without positive curvature was met, and followed to the boundary.
        n_products: products with A.

    Example:
        >>> found = steihaug([[2.0]], [4.0], radius=1.0)
        >>> found.step, found.decrease, found.on_boundary, found.negative_curvature, found.n_products
        (array([-1.]), 3.0, True, False, 1)
    """

    step: np.ndarray
    decrease: float
    on_boundary: bool
    negative_curvature: bool
    n_products: int


def steihaug(
    matrix: Any, gradient: Any, radius: float, *, tolerance: float = 1e-10, max_iterations: int | None = None
) -> TrustRegionStep:
    r"""Make a quadratic model small within a ball, by conjugate gradients that stop at its boundary.

    .. math:: m(s) = g^\top s + \frac12 s^\top A s, \qquad \lVert s \rVert \le \Delta

    Conjugate gradients start at s = 0, and their s grows from step to step; so they stop where they would leave the
    ball, on its boundary. Where a direction has no positive curvature the model falls along it without end: they follow
    it to the boundary. The result is at least as good as the best step along −g.

    Args:
        matrix: A, symmetric, shape (d, d), or the function v ↦ A v; it need not be positive definite.
        gradient: g, shape (d,).
        radius: Δ > 0.
        tolerance: the share of ‖g‖ to which the model's gradient has to fall inside the ball, in [0, 1); default 1e-10.
        max_iterations: the most steps; default 10 d.

    Raises:
        TypeError, ValueError: bad arguments, named.

    Example:
        >>> steihaug(np.diag([1.0, 2.0]), [1.0, 2.0], radius=10.0).step.round(12)
        array([-1., -1.])
        >>> steihaug(np.diag([1.0, -2.0]), [0.0, 1.0], radius=10.0).step.round(12)
        array([  0., -10.])

    Source: T. Steihaug, "The conjugate gradient method and trust regions in large scale optimization", SIAM Journal on
    Numerical Analysis 20(3), 1983, https://doi.org/10.1137/0720042; J. Nocedal and S. Wright, "Numerical Optimization",
    2006, algorithm 7.2.
    """
    g = check_array("gradient", gradient, ndim=1).astype(np.float64, copy=False)
    product = as_product(matrix, g.size)
    check_positive("radius", radius)
    check_fraction("tolerance", tolerance)
    limit = 10 * g.size if max_iterations is None else check_integer("max_iterations", max_iterations, low=1)

    s, As, r = np.zeros(g.size), np.zeros(g.size), -g
    p, rr = r, float(r @ r)
    goal = tolerance * math.sqrt(rr)
    on_boundary = negative = False
    n_products = 0
    while math.sqrt(rr) > goal and n_products < limit:
        Ap = product(p)
        n_products += 1
        curvature = float(p @ Ap)
        if not math.isfinite(curvature):
            break
        negative = curvature <= 0
        alpha = math.inf if negative else rr / curvature
        on_boundary = negative or bool(np.linalg.norm(s + alpha * p) >= radius)
        if on_boundary:
            alpha = _to_boundary(s, p, radius)
        s, As, r = s + alpha * p, As + alpha * Ap, r - alpha * Ap
        if on_boundary:
            break
        previous, rr = rr, float(r @ r)
        p = r + (rr / previous) * p
    return TrustRegionStep(s, -float(g @ s + 0.5 * s @ As), on_boundary, negative, n_products)


def _to_boundary(s: np.ndarray, p: np.ndarray, radius: float) -> float:
    """The α >= 0 with ‖s + α p‖ = radius."""
    pp, sp, rest = float(p @ p), float(s @ p), max(radius**2 - float(s @ s), 0.0)
    root = math.sqrt(sp**2 + pp * rest)
    # The same root twice: the form that adds numbers of the same sign loses no digits.
    return rest / (sp + root) if sp > 0 else (root - sp) / pp


@full_batch
def trust_region(
    problem: Any,
    start: Any = None,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 200,
    radius: float = 1.0,
    max_radius: float = 1e10,
) -> Result:
    r"""Minimise by Newton steps that stay where the quadratic model is to be trusted.

    A step s comes from :func:`steihaug`, with products H v alone: it makes the quadratic model small within a ball of
    radius Δ, inside the ball to the share min(0.1, ‖g‖^½) of ‖g‖. Then

    .. math:: \rho = \frac{J(\theta) - J(\theta + s)}{-g^\top s - \frac12 s^\top H s}

    says what share of the promised decrease came. The step is taken if ρ > 10⁻⁴; below ¼ the radius becomes ‖s‖/4;
    above ¾ it doubles if s ended on the boundary.

    Negative curvature is followed to the boundary, so saddles are left. One that is met exactly, with a gradient of 0
    or on a line along which the gradient has no part across, is not noticed: :func:`newton` looks at the Hessian's
    eigenvalues at the end, this method does not.

    Args:
        problem: has ``value``, ``gradient`` and ``hessian_operator``, ``hessian_vector_product`` or ``hessian``; of
            these the first that it has is used.
        start: θ_1, shape (d,); default ``problem.start``.
        tolerance: the gradient's norm at which it has converged; default 1e-6.
        max_iterations: the most steps taken; default 200. Steps that are tried and refused are not counted.
        radius: the first Δ > 0; default 1.
        max_radius: the largest; default 1e10.

    Returns:
        A :class:`Result`; see :func:`newton`.

    Raises:
        TypeError, ValueError: bad arguments, named.

    Example:
        >>> from nnopt_utils.problems import Himmelblau, Rosenbrock
        >>> trust_region(Rosenbrock()).x.round(6)
        array([1., 1.])
        >>> trust_region(Himmelblau()).x.round(6)  # pure Newton climbs to a maximum from here
        array([3., 2.])

    Source: J. Nocedal and S. Wright, "Numerical Optimization", 2006, algorithms 4.1 and 7.2.

    Warning:
        ``scipy.optimize`` has this as ``trust-ncg``, and solves the model exactly in ``trust-exact``. ``trust-ncg``
        solves to min(0.5, ‖g‖^½); both take a step if ρ > 0.15 and have 1000 as largest radius.
    """
    radius = check_positive("radius", radius)
    check_positive("max_radius", max_radius)
    if radius > max_radius:
        raise ValueError(f"radius: got {radius:g}; expected at most max_radius, {max_radius:g}")
    with Run("trust_region", problem, start, tolerance, max_iterations, needs_products(problem)) as run:
        product = None
        while run.goes_on():
            if product is None:  # until a step is taken gradient and Hessian are the same
                product, forcing = run.hessian_product(), min(0.1, math.sqrt(run.gradient_norm))
            found = steihaug(product, run.gradient, radius, tolerance=forcing)
            if not found.step.any() or not is_finite(found.step):
                run.stop("a product with the Hessian is not finite")
                break
            x = run.x + found.step
            value = run.value_at(x)
            rho = agreement(run.value, value, found.decrease)
            length = float(np.linalg.norm(found.step))
            if rho < POOR:
                radius = length / 4
            elif rho > GOOD and found.on_boundary:
                radius = min(2 * radius, max_radius)
            if rho > ACCEPTED:
                run.move_to(x, value)
                product = None
            elif radius <= 1e-15 * (1 + float(np.linalg.norm(run.x))):
                run.stop("no step lowers J: its last digits are reached, or the gradient is wrong")
    return run.result()


def agreement(value: float, new_value: float, promised: float) -> float:
    """ρ. Where J changes in its last digits only, noise must not refuse a step that the model trusts."""
    rounding = 1e-14 * (1 + abs(value))
    return (value - new_value + rounding) / (promised + rounding)
