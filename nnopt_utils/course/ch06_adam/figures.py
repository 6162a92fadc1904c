"""Figures of chapter 06: pure functions of their parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from nnopt_utils.optimizers import Adam, GradientDescent
from nnopt_utils.plotting import plot_convergence, plot_trajectories
from nnopt_utils.plotting.style import drop_minor_ticks, legend, look, steady_figure
from nnopt_utils.problems import Quadratic
from nnopt_utils.training import minimize

#: Which of the two averages is divided by its weight: (m, v).
CORRECTIONS = {
    "both corrected: Adam": (True, True),
    "neither corrected": (False, False),
    "only m corrected": (True, False),
    "only v corrected": (False, True),
}


def step_lengths(
    t: Any,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    gradient: float = 1.0,
    correct_m: bool = True,
    correct_v: bool = True,
) -> np.ndarray:
    """Length of the steps number t of Algorithm 1 under a constant gradient, as a multiple of the learning rate."""
    t = np.asarray(t, dtype=np.float64)
    m = gradient * (1.0 if correct_m else 1 - beta_1**t)
    v = gradient**2 * (1.0 if correct_v else 1 - beta_2**t)
    return np.abs(m) / (np.sqrt(v) + epsilon) * np.ones_like(t)


def effective_step(
    beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8, gradient: float = 1.0, steps: int = 5000
) -> Figure:
    """Effective step of Adam over t under a constant gradient, with and without its bias corrections."""
    figure, ax = steady_figure(width=7.5, height=3.8)
    t = np.unique(np.geomspace(1, steps, 200).round())
    for index, (label, (correct_m, correct_v)) in enumerate(CORRECTIONS.items()):
        lengths = step_lengths(t, beta_1, beta_2, epsilon, gradient, correct_m, correct_v)
        colour, linestyle, _ = look(index)
        ax.loglog(t, lengths, color=colour, linestyle=linestyle, label=label)
    first = step_lengths(1, beta_1, beta_2, epsilon, gradient, False, False)
    ax.set_title(f"without correction the first step is {first:.3g} η long")
    ax.set(xlabel="step t", ylabel="length of the step, in η")
    drop_minor_ticks(ax)
    ax.legend()
    return figure


def adam_on_a_valley(
    learning_rate: float, beta_1: float, beta_2: float, angle: float, kappa: float = 100.0, steps: int = 200
) -> Figure:
    """Path and distance of Adam on a valley that is turned by an angle in degrees, against gradient descent.

    Gradient descent has the best constant rate, 2/(L + μ): its distance is the same at every angle.
    """
    problem = Quadratic([1 / kappa, 1.0], rotation=np.deg2rad(angle))
    runs = {
        "Adam": minimize(problem, Adam(learning_rate, beta_1=beta_1, beta_2=beta_2), steps),
        "gradient descent": minimize(problem, GradientDescent(2 / (problem.L + problem.mu)), steps),
    }
    figure, (left, right) = steady_figure(2, width=9.0, height=3.8, right=1.75)
    plot_trajectories(problem, {"Adam": runs["Adam"]}, ax=left)
    left.get_legend().remove()
    distances = {name: np.linalg.norm(run.points, axis=1) for name, run in runs.items()}
    plot_convergence(distances, ax=right, ylabel=r"distance $\|\theta_t - \theta^\star\|$")
    drop_minor_ticks(right)
    legend(right, beside=True)
    right.set_title(f"Adam after {steps} steps: {distances['Adam'][-1]:.2g}")
    return figure
