"""Figures of chapter 04: pure functions of their parameters."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from nnopt_utils.optimizers import SGD, GradientDescent, Nesterov, Optimizer
from nnopt_utils.plotting import COLOURS, new_figure, plot_convergence, plot_trajectories
from nnopt_utils.plotting.style import drop_minor_ticks, legend, steady_figure
from nnopt_utils.problems import Quadratic
from nnopt_utils.training import minimize


def parabola_steps(learning_rate: float, curvature: float = 10.0, steps: int = 12) -> Figure:
    """Iterates of gradient descent on the parabola J = ½ L θ², from θ = 1."""
    figure, ax = new_figure(width=5.0, height=3.4)
    run = minimize(Quadratic([curvature]), GradientDescent(learning_rate), steps, start=np.array([1.0]))
    theta = run.points[:, 0]
    reach = max(1.2, float(np.abs(theta).max()) * 1.1)
    grid = np.linspace(-reach, reach, 200)
    ax.plot(grid, 0.5 * curvature * grid**2, color="0.6")
    ax.plot(theta, run.values, "o-", color=COLOURS["blue"], markersize=4, linewidth=1)
    ax.plot(theta[:1], run.values[:1], "s", color=COLOURS["vermillion"], label="start")
    factor = 1 - learning_rate * curvature
    ax.set_title(rf"$\eta$ = {learning_rate:g}: each step multiplies $\theta$ by $1-\eta L$ = {factor:+.2f}")
    ax.set_xlabel(r"$\theta$")
    ax.set_ylabel(r"$J(\theta)$")
    ax.legend()
    return figure


def descent_on_a_ravine(
    kappa: float, rate_share: float, momentum: float, method: str = "heavy ball", steps: int = 60
) -> Figure:
    """Path and error of a method on a quadratic with L = 1 and condition number κ.

    ``rate_share`` is η·L: the rate as a share of 1/L. Momentum 0 is gradient descent.
    """
    problem = Quadratic([1 / kappa, 1.0], rotation=0.4, start=np.array([2.0, 2.0]))
    run = minimize(problem, _optimizer(method, rate_share, momentum), steps)
    figure, (left, right) = steady_figure(2, width=9.0, height=3.8, right=1.9)
    plot_trajectories(problem, {method: run}, ax=left)
    left.get_legend().remove()
    distances = np.linalg.norm(run.points - problem.minimum, axis=1)
    plot_convergence({method: distances}, ax=right, ylabel=r"distance $\|\theta_t - \theta^\star\|$")
    drop_minor_ticks(right)
    legend(right, left.get_legend_handles_labels()[0], beside=True)
    right.set_title("diverges" if distances[-1] > 10 * distances[0] else f"after {steps} steps: {distances[-1]:.2g}")
    return figure


def _optimizer(method: str, rate: float, momentum: float) -> Optimizer:
    if method == "Nesterov":
        return Nesterov(rate, momentum=momentum)
    return SGD(rate, momentum=momentum)
