"""Figures of chapter 09: pure functions of their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from nnopt_utils.history import Trajectory
from nnopt_utils.optimizers import GradientDescent
from nnopt_utils.plotting import COLOURS, new_figure, plot_trajectories
from nnopt_utils.plotting.style import look, steady_figure
from nnopt_utils.problems import Saddle
from nnopt_utils.second_order import newton
from nnopt_utils.training import minimize


def digits_of_root_two(start: float, steps: int, precision: int) -> list[float]:
    """Correct digits of √2 after each Newton step for θ² = 2, calculated with so many digits.

    >>> [round(count, 1) for count in digits_of_root_two(1.5, steps=3, precision=60)]
    [2.8, 5.8, 11.9]
    """
    with localcontext() as context:
        context.prec = precision
        root, theta, digits = Decimal(2).sqrt(), Decimal(start), []
        for _ in range(steps):
            theta -= (theta * theta - 2) / (2 * theta)
            digits.append(float(-(abs(theta - root) / root).log10()))
    return digits


def models_along_the_gradient(problem: Any, theta: np.ndarray) -> Figure:
    """A function along its steepest descent, with the tangent and the parabola at the point."""
    figure, ax = new_figure(width=7.0, height=3.8)
    value, g, H = problem.value(theta), problem.gradient(theta), problem.hessian(theta)
    down = -g / np.linalg.norm(g)
    slope, curvature = float(g @ down), float(down @ H @ down)
    length = np.linspace(0, 1.8 * -slope / curvature, 200)
    models = {
        "J": np.array([problem.value(theta + s * down) for s in length]),
        "tangent": value + slope * length,
        "parabola": value + slope * length + curvature * length**2 / 2,
    }
    for index, (label, values) in enumerate(models.items()):
        colour, linestyle, _ = look(index)
        ax.plot(length, values, color=colour, linestyle=linestyle, label=label)
    lowest = -slope / curvature
    ax.plot([lowest], [value + slope * lowest / 2], "o", color="black", label="lowest point of the parabola")
    ax.set(xlabel="distance along the steepest descent", ylabel="J", ylim=(-0.8 * value, 1.8 * value))
    ax.legend()
    return figure


def damped_step(problem: Any, theta: np.ndarray, damping: float) -> np.ndarray:
    """The step with the absolute values of the eigenvalues, and the damping added.

    >>> damped_step(Saddle(), np.array([1.0, 0.5]), 0.0).round(3).tolist()
    [-1.0, 1.5]
    """
    eigenvalues, Q = np.linalg.eigh(problem.hessian(theta))
    step: np.ndarray = -Q @ ((Q.T @ problem.gradient(theta)) / (np.abs(eigenvalues) + damping))
    return step


def damped_path(problem: Any, start: np.ndarray, damping: float, steps: int = 30) -> Trajectory:
    """Damped steps without a line search."""
    points = [np.asarray(start, dtype=float)]
    for _ in range(steps):
        points.append(points[-1] + damped_step(problem, points[-1], damping))
    values = np.array([problem.value(point) for point in points])
    norms = np.array([np.linalg.norm(problem.gradient(point)) for point in points])
    return Trajectory(np.array(points), values, norms, False, f"damped, {damping:g}")


def damped_steps(damping: float, x: float, y: float) -> Figure:
    """Pure Newton, gradient descent and the damped step on a function with a saddle in the middle."""
    problem, start = Saddle(), np.array([x, y])
    figure, ax = steady_figure(width=8.0, height=4.4, right=2.4)
    paths = {
        "Newton": newton(problem, start, max_iterations=30).trajectory,
        f"damped, λ = {damping:.3g}": damped_path(problem, start, damping),
        "gradient descent, η = 0.1": minimize(problem, GradientDescent(0.1), 30, start=start),
    }
    plot_trajectories(problem, paths, ax=ax)
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False)
    end = paths[f"damped, λ = {damping:.3g}"].points[-1]
    ax.set_title(f"after 30 damped steps: ({end[0]:.2f}, {end[1]:.2f})")
    return figure


def spectra(densities: Mapping[str, Any]) -> Figure:
    """The density of a Hessian's eigenvalues, one panel a network."""
    figure, axes = new_figure(columns=len(densities), width=9.0, height=3.6, sharey=True)
    for ax, (label, spectrum) in zip(axes, densities.items(), strict=True):
        ax.semilogy(spectrum.at, np.maximum(spectrum.density, 1e-9), color=COLOURS["blue"])
        ax.set(title=label, xlabel="curvature", ylim=(1e-8, 100))
    axes[0].set_ylabel("density")
    return figure


Costs = Mapping[str, Mapping[int, np.ndarray]]


def race(steps: Costs, seconds: Costs) -> Figure:
    """Steps and seconds to the target against the batch size: a line through the medians, a dot for each run."""
    figure, (left, right) = new_figure(columns=2, width=9.0, height=4.4)
    for ax, costs, ylabel in ((left, steps, "steps"), (right, seconds, "seconds of training")):
        for index, (label, by_batch) in enumerate(costs.items()):
            colour, linestyle, marker = look(index)
            sizes = list(by_batch)
            beside = 1.05 ** (index - 2)  # so that methods do not hide each other's dots
            for size in sizes:
                ax.plot(np.full(by_batch[size].size, beside * size), by_batch[size], ".", color=colour, alpha=0.35)
            medians = [float(np.median(by_batch[size])) for size in sizes]
            ax.plot(sizes, medians, color=colour, linestyle=linestyle, marker=marker, label=label)
        ax.set(xscale="log", yscale="log", xlabel="batch size", ylabel=f"{ylabel} to 97 %")
        ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
        ax.tick_params(axis="x", which="minor", bottom=False)
    left.legend(fontsize=8)
    return figure
