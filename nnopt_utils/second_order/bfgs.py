"""BFGS: the inverse of the Hessian, learned from how the gradient changes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array
from nnopt_utils.second_order.result import Result
from nnopt_utils.second_order.run import Run, full_batch
from nnopt_utils.second_order.strong_wolfe import Descent, first_step


def _matching(s: Any, y: Any, size: int) -> tuple[np.ndarray, np.ndarray]:
    s, y = check_array("s", s, shape=(size,)), check_array("y", y, shape=(size,))
    if not is_curved(s, y):
        raise ValueError(f"y: got a change of the gradient with sᵀy = {s @ y:.3g}; expected sᵀy > 0")
    return s, y


def bfgs_update(M: Any, s: Any, y: Any) -> np.ndarray:
    r"""Learn from one step: the matrix nearest to M, in a norm of its own, that is symmetric and takes y to s.

    .. math::

        M_{t+1} = (I - \rho\, s y^\top)\, M_t\, (I - \rho\, y s^\top) + \rho\, s s^\top, \qquad
        \rho = \frac{1}{y^\top s}

    The inverse of the Hessian takes the change of the gradient y = g_{t+1} − g_t to the step s = θ_{t+1} − θ_t, on a
    quadratic exactly; so does the new M: :math:`M_{t+1} y = s`. It is positive definite if M is and sᵀy > 0, which
    the Wolfe conditions ensure. Multiplied out, it costs O(d²), not the O(d³) of the products of matrices.

    Args:
        M: M_t, an approximation of the inverse Hessian, symmetric, shape (d, d).
        s: the step, shape (d,).
        y: the change of the gradient along it, shape (d,), with sᵀy > 0.

    Returns:
        M_{t+1}, a new array.

    Raises:
        TypeError, ValueError: wrong shapes, or sᵀy is not positive.

    Example:
        >>> H = np.array([[2.0, 1.0], [1.0, 3.0]])
        >>> s = np.array([1.0, -2.0])
        >>> bfgs_update(np.eye(2), s, H @ s) @ H @ s
        array([ 1., -2.])

    Source: J. Nocedal and S. Wright, "Numerical Optimization", 2nd edition, 2006, equation 6.17.
    """
    M = check_array("M", M, ndim=2)
    M = check_array("M", M, shape=(len(M), len(M)))
    return updated(M, *_matching(s, y, len(M)))


def updated(M: np.ndarray, s: np.ndarray, y: np.ndarray) -> np.ndarray:
    """As :func:`bfgs_update`, unchecked. What is added is u sᵀ + s uᵀ."""
    rho = 1 / float(s @ y)
    My = M @ y
    u = (0.5 * rho * (1 + rho * float(y @ My))) * s - rho * My
    added = np.outer(u, s)
    return M + (added + added.T)


def is_curved(s: np.ndarray, y: np.ndarray) -> bool:
    """Whether sᵀy is positive beyond rounding: curvature that a positive definite matrix can have."""
    product, square = float(s @ y), float(y @ y)
    return product > 0 and square > 0 and product > 1e-15 * math.sqrt(s @ s) * math.sqrt(square)


@full_batch
def bfgs(
    problem: Any,
    start: Any = None,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 10_000,
    curvature: float = 0.9,
) -> Result:
    r"""Minimise by BFGS (Broyden, Fletcher, Goldfarb, Shanno 1970): Newton's steps without a Hessian.

    .. math:: \theta_{t+1} = \theta_t - \alpha_t M_t\, g_t

    with a step α_t that meets the strong Wolfe conditions (:func:`strong_wolfe`, α = 1 tried first) and M ≈ H⁻¹ from
    :func:`bfgs_update`. The first step goes along −g and tries to be as long as 1, or as g if that is shorter; after
    it M starts as :math:`\frac{s^\top y}{y^\top y} I`. A step without curvature, sᵀy <= 0, teaches nothing. If no
    step is found along −M g, M is forgotten and −g is tried.

    M takes 8 d² bytes and a step O(d²) operations; for many parameters there is :func:`lbfgs`.

    Args:
        problem: has ``value``, ``gradient`` and ``start``; ``value_and_gradient`` is used if it has that, too.
        start: θ₁, shape (d,); default ``problem.start``.
        tolerance: the norm ‖g‖ at which it has converged, >= 0; default 1e-6.
        max_iterations: the most steps, >= 1; default 10,000.
        curvature: c₂ of the line search, in (0, 1); default 0.9. Small values make it nearly exact.

    Returns:
        The result; if it did not converge, its ``message`` says why and ``x`` is the best point.

    Raises:
        TypeError, ValueError: bad arguments, or J is not finite at the start.

    Example:
        >>> from nnopt_utils.problems import Rosenbrock
        >>> result = bfgs(Rosenbrock())
        >>> result.converged, result.x.round(6), result.message
        (True, array([1., 1.]), "the gradient's norm is at most 1e-06")

    Source: J. Nocedal and S. Wright, "Numerical Optimization", 2nd edition, 2006, algorithm 6.1 and equation 6.20.

    Warning:
        ``scipy.optimize.minimize(method="BFGS")`` has ``gtol=1e-5`` for the largest entry of the gradient; the
        Euclidean norm is ``norm=2``. It starts from M = I also after the first step.
    """
    with Run("bfgs", problem, start, tolerance, max_iterations) as run:
        descent = Descent(run, curvature)
        M = None
        while run.goes_on():
            x, g = run.x, run.gradient
            if M is None:
                took_it = descent.step(-g, first_step(run), is_steepest=True)
            else:
                took_it = descent.step(-(M @ g), 1.0, is_steepest=False)
            s, y = run.x - x, run.gradient - g
            if not took_it:
                M = None
            elif is_curved(s, y):
                M = updated(np.eye(len(s)) * (s @ y) / (y @ y) if M is None else M, s, y)
    return run.result()
