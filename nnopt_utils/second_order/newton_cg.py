"""Newton–CG: Newton's steps for many parameters, each found by conjugate gradients, and a line search."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils._validation import check_integer
from nnopt_utils.second_order.armijo import backtrack
from nnopt_utils.second_order.conjugate_gradients import conjugate_gradients
from nnopt_utils.second_order.result import Result
from nnopt_utils.second_order.run import Run, full_batch, needs_products


@full_batch
def newton_cg(
    problem: Any,
    start: Any = None,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 200,
    max_products: int = 1000,
) -> Result:
    r"""Minimise by Newton steps that are solved only as exactly as pays.

    Conjugate gradients find a step s with H s ≈ −g from products H v alone, so no matrix is stored. They end where
    ‖H s + g‖ is at most the share

    .. math:: \eta = \min(0.2, \lVert g \rVert^{0.3})

    of ‖g‖: they need few products while the minimum is far, and more the closer it is, so the steps converge faster
    than linearly. They stop at a direction without positive curvature; if it is the first, s goes along it, down, as
    far as the size of its curvature says. Of s, s/2, s/4, … the first is taken for which J falls enough (Armijo).

    Args:
        problem: has ``value``, ``gradient`` and ``hessian_operator``, ``hessian_vector_product`` or ``hessian``; of
            these the first that it has is used. It may have ``preconditioner(theta)``, which returns the function
            r ↦ M⁻¹ r with M close to H; see :func:`conjugate_gradients`.
        start: θ_1, shape (d,); default ``problem.start``.
        tolerance: the gradient's norm at which it has converged; default 1e-6.
        max_iterations: the most steps; default 200.
        max_products: the most products of a step; default 1000.

    Returns:
        A :class:`Result`; see :func:`newton`.

    Raises:
        TypeError, ValueError: bad arguments, named.

    Example:
        >>> from nnopt_utils.problems import Quadratic, Rosenbrock
        >>> newton_cg(Rosenbrock()).x.round(6)
        array([1., 1.])
        >>> newton_cg(Quadratic(np.linspace(1, 100, 1000))).n_hessians  # of 1000 parameters
        0

    Source: J. Nocedal and S. Wright, "Numerical Optimization", 2006, algorithm 7.1; R. Dembo, S. Eisenstat and
    T. Steihaug, "Inexact Newton methods", SIAM Journal on Numerical Analysis 19(2), 1982,
    https://doi.org/10.1137/0719025

    Warning:
        ``scipy.optimize``'s ``Newton-CG`` stops when its steps get short (``xtol``), whatever the gradient is, and has
        η = min(0.5, ‖g‖^½) with the sum of absolute values as norm.
    """
    check_integer("max_products", max_products, low=1)
    with Run("newton_cg", problem, start, tolerance, max_iterations, needs_products(problem)) as run:
        while run.goes_on():
            step = _direction(run, max_products)
            if step is None:
                run.stop("a product with the Hessian is not finite")
            else:
                backtrack(run, step)
    return run.result()


def _direction(run: Run, max_products: int) -> np.ndarray | None:
    """Solve H s = −g, roughly; ``None`` if H is not finite."""
    g, norm = run.gradient, run.gradient_norm
    # No product is spent on digits beyond the run's tolerance.
    enough = max(forcing(norm), 0.5 * run.tolerance / norm)
    product = run.hessian_product()
    prepare = getattr(run.problem, "preconditioner", None)
    found = conjugate_gradients(
        product,
        -g,
        tolerance=enough,
        max_iterations=max_products,
        preconditioner=prepare(run.x) if prepare else None,
    )
    p = found.negative_curvature
    if found.x.any() or p is None:
        return found.x if found.x.any() else None
    curvature = abs(float(p @ product(p)))
    length = -float(g @ p) / curvature if curvature > 0 else 1.0
    return length * p


def forcing(norm: float) -> float:
    """η: how exactly to solve, where ‖g‖ is this."""
    return min(0.2, norm**0.3)
