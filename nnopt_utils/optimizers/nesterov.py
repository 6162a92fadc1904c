"""Nesterov's accelerated gradient as the textbooks write it: two sequences."""

from __future__ import annotations

import numpy as np

from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.optimizers.hyperparameters import Rate, fraction


class Nesterov(Optimizer):
    r"""Nesterov's accelerated gradient: the gradient is taken at a point ahead.

    .. math::

        x_t = \theta_t - \eta_t\, g_t, \quad \beta_t = \frac{t - 1}{t + 2}, \quad
        \theta_{t+1} = x_t + \beta_t (x_t - x_{t-1}), \quad x_0 = \theta_1

    θ is the look-ahead point, the only one at which gradients are taken; x_t, the point that the theorems
    speak of, is kept in ``state["x"]``. With β_t = (t − 1)/(t + 2) and η = 1/L on a convex function,
    J(x_t) − J* ≤ 2 ‖x_0 − θ*‖² / (η (t + 1)²). With the constant β = (√κ − 1)/(√κ + 1) on a strongly convex one
    the error falls by 1 − 1/√κ a step.

    Args:
        learning_rate: η > 0 or a schedule; default 0.01.
        momentum: a constant β in [0, 1), or ``None`` (default) for β_t = (t − 1)/(t + 2).

    Example:
        >>> theta = np.array([1.0])
        >>> optimizer = Nesterov(learning_rate=0.5)
        >>> for _ in range(3):
        ...     optimizer.step(theta, 1.0 * theta)  # the gradient of θ²/2
        >>> theta.round(4), optimizer.state["x"].round(4)
        (array([0.0312]), array([0.0938]))

    Warning:
        Frameworks have a constant β and one sequence: for constant β and η, ``SGD(nesterov=True)`` gives the
        same θ, so the weights that a framework returns are the look-ahead points.

    Source: Y. Nesterov, "A method for solving the convex programming problem with convergence rate O(1/k²)",
    Soviet Mathematics Doklady 27, 1983; "Introductory Lectures on Convex Optimization", 2004, section 2.2.
    """

    slots = ("x",)
    learning_rate: Rate = Rate(default=0.01, pytorch=0.001)
    momentum: float | None = fraction(default=None)

    def begin_step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        if self.t == 1:
            self.state["x"][:] = theta

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        (x,) = slots
        beta = (self.t - 1) / (self.t + 2) if self.momentum is None else self.momentum
        x_new = theta - self.learning_rate * gradient
        theta[:] = x_new + beta * (x_new - x)
        x[:] = x_new
