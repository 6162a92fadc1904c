"""What every full-batch method returns, in the words of ``scipy.optimize``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnopt_utils.history import Trajectory


@dataclass(frozen=True)
class Result:
    """The end of a minimisation and how it was reached.

    Attributes:
        x: θ, shape (d,): where the method converged, else the best point of the trajectory.
        value: J(x).
        gradient_norm: ‖∇J(x)‖.
        n_iterations: steps taken.
        n_evaluations: calls of J, alone or together with its gradient; those of the line search included.
        n_gradients: calls of ∇J, for least squares of the Jacobian.
        n_hessians: calls of the Hessian.
        n_products: products of the Hessian, or of the Gauss–Newton matrix, with a vector.
        converged: whether the method's own test of convergence was met.
        message: why it ended.
        trajectory: every point from the start on, with its value and gradient norm.

    Example:
        >>> from nnopt_utils.problems import Rosenbrock
        >>> from nnopt_utils.second_order import bfgs
        >>> result = bfgs(Rosenbrock())
        >>> result.converged, result.x.round(4), result.trajectory.steps == result.n_iterations
        (True, array([1., 1.]), True)

    Warning:
        ``scipy.optimize`` calls these ``x``, ``fun``, ``nit``, ``nfev``, ``njev``, ``nhev``, ``success`` and
        ``message``. By default its ``BFGS``, ``CG`` and ``L-BFGS-B`` measure the gradient by its largest entry. Here it
        is the Euclidean norm, as in its ``trust-ncg`` and ``trust-exact``.
    """

    x: np.ndarray
    value: float
    gradient_norm: float
    n_iterations: int
    n_evaluations: int
    n_gradients: int
    n_hessians: int
    n_products: int
    converged: bool
    message: str
    trajectory: Trajectory

    def __repr__(self) -> str:
        state = "converged" if self.converged else "not converged"
        return (
            f"Result({state}: J = {self.value:.6g}, ‖g‖ = {self.gradient_norm:.2g}, {self.n_iterations} iterations, "
            f"{self.n_evaluations} evaluations; {self.message})"
        )
