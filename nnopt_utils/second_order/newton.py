"""Newton's method: to the minimum of the quadratic that J looks like; pure, or so that it descends."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils.second_order.armijo import backtrack
from nnopt_utils.second_order.result import Result
from nnopt_utils.second_order.run import Run, full_batch

SMALLEST_CURVATURE = float(np.finfo(float).eps)  # relative to the largest: smaller eigenvalues are rounding
CLEARLY_NEGATIVE = 1e-8  # what an eigenvalue must be below, relative to the largest, to count as negative
LONG_STEP = 0.1  # relative to 1 + ‖x‖; next to a stationary point Newton's steps are shorter


@full_batch
def newton(
    problem: Any,
    start: Any = None,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    damped: bool = False,
) -> Result:
    r"""Minimise with the whole Hessian.

    .. math:: \theta_{t+1} = \theta_t - H^{-1} g

    On a quadratic one step is enough; near a minimum with a regular Hessian the number of right digits doubles with
    each step. The step leads to where the gradient of the quadratic model vanishes, whatever that is: **pure** Newton
    is drawn to saddles and maxima as well, and may diverge. Where it ends at one, ``message`` says so.

    ``damped=True`` makes every step descend. With the eigenvalues and eigenvectors of H,

    .. math:: d = -U \operatorname{diag}(1 / \lvert \lambda \rvert)\, U^\top g, \qquad
              H = U \operatorname{diag}(\lambda)\, U^\top

    the step is s d with s = 1, ½, ¼, …, the first for which J falls enough (Armijo). Why absolute values, and not a
    multiple of I that is added to H? So each direction keeps its own scale, and a slope of negative curvature is left
    as fast as one of positive curvature is descended; the multiple has to outweigh the most negative eigenvalue, and
    shortens the step along all positive ones, too. The price is a decomposition in place of a solution of equations.
    Eigenvalues below the last digits of the largest are raised to these. Where the gradient has vanished but an
    eigenvalue is clearly negative, at a saddle that was hit exactly, the next step is along its eigenvector.

    Args:
        problem: has ``value``, ``gradient`` and ``hessian``.
        start: θ_1, shape (d,); default ``problem.start``.
        tolerance: the gradient's norm at which it has converged; default 1e-6.
        max_iterations: the most steps; default 100.
        damped: whether every step must descend; default no.

    Returns:
        A :class:`Result`. Without convergence (a singular Hessian, numbers that are not finite, an interrupt, too many
        steps) its ``message`` says why and its ``x`` is the best point met.

    Raises:
        TypeError, ValueError: bad arguments, named.

    Example:
        >>> from nnopt_utils.problems import Quadratic, Rosenbrock, Saddle
        >>> newton(Quadratic(kappa=1e6)).n_iterations
        1
        >>> [f"{value:.5g}" for value in newton(Rosenbrock()).trajectory.values]
        ['24.2', '4.7319', '1411.8', '0.055966', '0.31319', '1.8527e-11', '3.4326e-20']
        >>> newton(Saddle()).message
        'converged to a saddle: the Hessian there has a negative eigenvalue'
        >>> newton(Saddle(), damped=True).x.round(6)
        array([0., 1.])

    Source: J. Nocedal and S. Wright, "Numerical Optimization", 2006, sections 3.3 and 3.4; absolute eigenvalues:
    Y. Dauphin et al., "Identifying and attacking the saddle point problem in high-dimensional non-convex
    optimization", 2014, https://arxiv.org/abs/1406.2572

    Warning:
        ``scipy.optimize`` has no pure Newton method; its ``Newton-CG`` is :func:`newton_cg`.
    """
    with Run("newton", problem, start, tolerance, max_iterations, ("value", "gradient", "hessian")) as run:
        _iterate(run, damped)
        while run.converged and _leaves(run, damped):
            _iterate(run, damped)
    return run.result()


def _iterate(run: Run, damped: bool) -> None:
    while run.goes_on():
        H = run.hessian()
        if not np.isfinite(H).all():
            run.stop("the Hessian is not finite")
        elif damped:
            backtrack(run, _descent(H, run.gradient))
        elif _is_singular(H):
            run.stop("the Hessian is singular: it has no Newton step")
        else:
            run.move_to(run.x - np.linalg.solve(H, run.gradient))


def _descent(H: np.ndarray, g: np.ndarray) -> np.ndarray:
    """−|H|⁻¹ g, where |H| has the absolute values of H's eigenvalues."""
    eigenvalues, U = np.linalg.eigh(H)
    curvatures = np.abs(eigenvalues)
    largest = curvatures.max()
    if largest == 0:
        return -g
    return -U @ ((U.T @ g) / np.maximum(curvatures, SMALLEST_CURVATURE * largest))


def _is_singular(H: np.ndarray) -> bool:
    """To the last digits of float64."""
    curvatures = np.abs(np.linalg.eigvalsh(H))
    return bool(curvatures.min() <= len(H) * np.finfo(float).eps * curvatures.max())


def _leaves(run: Run, damped: bool) -> bool:
    """A small gradient is no minimum yet: leave along the most negative curvature, or say what the point is."""
    H = run.hessian()
    if not _has_negative_curvature(H):
        return False
    if not damped or run.n_iterations == run.max_iterations:
        _say_where(run, H)
        return False
    eigenvalues, U = np.linalg.eigh(H)
    u = U[:, 0] if run.gradient @ U[:, 0] <= 0 else -U[:, 0]
    run.resume()
    return backtrack(run, u, curvature=eigenvalues[0])


def _has_negative_curvature(H: np.ndarray) -> bool:
    """Clearly: rounding makes eigenvalues that are 0 a little negative."""
    if not np.isfinite(H).all():
        return False
    eigenvalues = np.linalg.eigvalsh(H)
    return bool(eigenvalues[0] < -CLEARLY_NEGATIVE * np.abs(eigenvalues).max())


def _say_where(run: Run, H: np.ndarray) -> None:
    """A saddle, a maximum, or none of these: a slope that goes on for ever."""
    step = 0.0 if _is_singular(H) else float(np.linalg.norm(np.linalg.solve(H, run.gradient)))
    if step > LONG_STEP * (1 + np.linalg.norm(run.x)):
        run.stop(f"diverged: the gradient is small, but the next step has the length {step:.3g}: J only flattens out")
    elif np.linalg.eigvalsh(H)[-1] < 0:
        run.converge("converged to a maximum: every eigenvalue of the Hessian there is negative")
    else:
        run.converge("converged to a saddle: the Hessian there has a negative eigenvalue")
