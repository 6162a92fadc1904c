"""Linear conjugate gradients: A x = b from products with A alone, and what they meet where A is not positive."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, check_integer, check_not_negative, describe
from nnopt_utils.second_order.run import Product


@dataclass(frozen=True)
class LinearResult:
    """What :func:`conjugate_gradients` found.

    Attributes:
        x: the approximate solution, shape (d,).
        residual_norms: ‖b − A x_k‖ for k = 0, 1, …, as the recursion has them.
        n_products: products with A; one of them for the first residual, if a start was given.
        converged: whether the last residual is small enough.
        negative_curvature: the direction p with pᵀA p <= 0 at which the method had to stop; ``None`` if it met none.

    Example:
        >>> found = conjugate_gradients([[2.0, 0.0], [0.0, 8.0]], [2.0, 8.0])
        >>> found.x.round(12), found.n_products, found.converged, found.negative_curvature is None
        (array([1., 1.]), 2, True, True)
    """

    x: np.ndarray
    residual_norms: np.ndarray
    n_products: int
    converged: bool
    negative_curvature: np.ndarray | None

    @property
    def n_iterations(self) -> int:
        """Steps taken."""
        return len(self.residual_norms) - 1


def conjugate_gradients(
    matrix: Any,
    b: Any,
    start: Any = None,
    *,
    tolerance: float = 1e-10,
    max_iterations: int | None = None,
    preconditioner: Product | None = None,
) -> LinearResult:
    r"""Solve A x = b for a symmetric positive definite A: the minimum of ½ xᵀA x − bᵀx.

    .. math::

        \alpha_k = \frac{r_k^\top z_k}{p_k^\top A p_k}, \qquad
        x_{k+1} = x_k + \alpha_k p_k, \qquad
        r_{k+1} = r_k - \alpha_k A p_k, \\
        \beta_k = \frac{r_{k+1}^\top z_{k+1}}{r_k^\top z_k}, \qquad
        p_{k+1} = z_{k+1} + \beta_k p_k

    with r = b − A x, z = M⁻¹ r (z = r without a preconditioner) and p_0 = z_0. In exact arithmetic it ends after at
    most d steps, one for each distinct eigenvalue. Before that the error in the norm of A falls as

    .. math::

        e_k = \sqrt{(x_k - x^\star)^\top A (x_k - x^\star)}, \qquad
        e_k \le \frac{2 q^k}{1 + q^{2 k}} e_0, \qquad
        q = \frac{\sqrt{\kappa} - 1}{\sqrt{\kappa} + 1} = 1 - \frac{2}{\sqrt{\kappa} + 1}

    where κ is the condition number of A (of M⁻¹A). It is mostly quoted as e_k <= 2 qᵏ e_0. A single step may gain less
    than the factor q: the first is one of steepest descent, which promises (κ − 1)/(κ + 1).

    Args:
        matrix: A, shape (d, d), or the function v ↦ A v.
        b: the right side, shape (d,).
        start: x_0, shape (d,); default 0, which saves a product.
        tolerance: the method ends where ‖r‖ is at most this share of ‖b‖; default 1e-10.
        max_iterations: the most steps; default 10 d, since rounding may ask for more than d.
        preconditioner: the function r ↦ M⁻¹ r with M symmetric, positive definite and close to A; default: none.

    Returns:
        A :class:`LinearResult`. Where a direction p has no positive curvature A is not positive definite: the method
        stops there with the x that it has, and p in ``negative_curvature``.

    Raises:
        TypeError, ValueError: bad arguments; a matrix that is not symmetric; a preconditioner that is not positive.

    Example:
        >>> A = np.diag([1.0, 4.0, 9.0])
        >>> conjugate_gradients(A, [1.0, 4.0, 9.0]).n_iterations
        3
        >>> conjugate_gradients(lambda v: A @ v, [1.0, 4.0, 9.0], preconditioner=lambda r: r / np.diag(A)).n_iterations
        1
        >>> conjugate_gradients(np.diag([1.0, -1.0]), [0.0, 1.0]).negative_curvature
        array([0., 1.])

    Source: M. Hestenes and E. Stiefel, "Methods of conjugate gradients for solving linear systems", Journal of
    Research of the National Bureau of Standards 49(6), 1952; J. Nocedal and S. Wright, "Numerical Optimization", 2006,
    algorithm 5.3.

    Warning:
        ``scipy.sparse.linalg.cg`` has the default tolerance 1e-5 (``rtol``), and does not look at the curvature.
    """
    b = check_array("b", b, ndim=1).astype(np.float64, copy=False)
    product = as_product(matrix, b.size)
    check_not_negative("tolerance", tolerance)
    limit = 10 * b.size if max_iterations is None else check_integer("max_iterations", max_iterations, low=1)
    if preconditioner is not None and not callable(preconditioner):
        raise TypeError(f"preconditioner: got {describe(preconditioner)}; expected a function of the residual")
    precondition = preconditioner or (lambda r: r)

    if start is None:
        x, r, n_products = np.zeros(b.size), b.copy(), 0
    else:
        x = check_array("start", start, shape=b.shape).astype(np.float64)
        r, n_products = b - product(x), 1
    norms = [float(np.linalg.norm(r))]
    goal = tolerance * float(np.linalg.norm(b))
    negative_curvature = None
    p, rz = np.zeros(b.size), math.inf
    while norms[-1] > goal and len(norms) <= limit:
        z = precondition(r)
        previous, rz = rz, float(r @ z)
        if rz <= 0:
            raise ValueError(f"preconditioner: got rᵀM⁻¹r = {rz:.3g} for an r; expected it positive definite")
        p = z + (rz / previous) * p
        Ap = product(p)
        n_products += 1
        curvature = float(p @ Ap)
        if not math.isfinite(curvature):
            break
        if curvature <= 0:
            negative_curvature = p
            break
        alpha = rz / curvature
        x = x + alpha * p
        r = r - alpha * Ap
        norms.append(float(np.linalg.norm(r)))
    return LinearResult(x, np.array(norms), n_products, norms[-1] <= goal, negative_curvature)


def as_product(matrix: Any, d: int) -> Product:
    """The map v ↦ A v of a matrix, or of a function that is one."""
    if callable(matrix):
        return matrix
    A = check_array("matrix", matrix, shape=(d, d)).astype(np.float64, copy=False)
    if not np.allclose(A, A.T, rtol=1e-8, atol=1e-12 * float(np.abs(A).max())):
        raise ValueError(f"matrix: got {describe(A)} that is not symmetric; expected A = Aᵀ")
    return lambda vector: A @ vector
