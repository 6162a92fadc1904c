"""Figures of chapter 04: pure functions of their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from nnopt_utils.history import Trajectory
from nnopt_utils.optimizers import SGD, GradientDescent, Nesterov, Optimizer
from nnopt_utils.plotting import COLOURS, new_figure, plot_convergence, plot_trajectories
from nnopt_utils.plotting.style import drop_minor_ticks, legend, steady_figure
from nnopt_utils.problems import Problem, Quadratic, Saddle
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
    ax.set_title(rf"$\eta$ = {learning_rate:g}: each step multiplies $\theta$ by $1-\eta L$ = ${factor:+.2f}$")
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


def factor_against_rate(rates: Sequence[float], measured: Sequence[float], curvature: float = 10.0) -> Figure:
    """Predicted factor |1 − ηL| against the rate, with measured factors as dots; grey where a run diverges."""
    figure, ax = new_figure(width=5.5, height=3.4)
    ax.axhspan(1, 1.4, color="0.9")
    line = np.linspace(0, 2.4 / curvature, 300)
    ax.plot(line, abs(1 - curvature * line), color=COLOURS["vermillion"], label=r"predicted: $|1-\eta L|$")
    ax.plot(rates, measured, "o", color=COLOURS["blue"], markersize=4, label="measured")
    ax.set(xlabel=r"learning rate $\eta$", ylabel="factor per step", ylim=(0, 1.4), xlim=(0, 2.4 / curvature))
    ax.legend()
    return figure


def steps_against_kappa(kappas: Sequence[float], counted: Mapping[str, Sequence[float]]) -> Figure:
    """Counted steps to a millionth of the distance against the condition number, with κ/2 · ln 10⁶ dashed."""
    figure, ax = new_figure(width=5.5, height=3.4)
    for (name, steps), colour in zip(counted.items(), COLOURS.values(), strict=False):
        ax.loglog(kappas, steps, "o-", color=colour, label=name)
    predicted = np.asarray(kappas) / 2 * np.log(1e6)
    ax.loglog(kappas, predicted, "--", color=COLOURS["vermillion"], label=r"$\frac{\kappa}{2}\,\ln 10^6$")
    ax.set(xlabel=r"condition number $\kappa$", ylabel="steps to a millionth")
    ax.legend()
    return figure


def losses_against_steps(runs: Mapping[str, Sequence[float]], on_the_ridge: Sequence[float]) -> Figure:
    """Losses of runs that pass a saddle; dashed the one that starts exactly on the ridge."""
    figure, ax = new_figure(width=6.0, height=3.4)
    for (name, values), colour in zip(runs.items(), COLOURS.values(), strict=False):
        ax.plot(values, color=colour, label=name)
    ax.plot(on_the_ridge, "k--", label="start at θ[1] = 0")
    ax.set(xlabel="steps taken t", ylabel=r"$J(\theta_t)$")
    ax.legend()
    return figure


def bounds_on_log_axes(errors: Mapping[str, Sequence[float]], bounds: Mapping[str, Sequence[float]]) -> Figure:
    """Errors (solid) and their guarantees (dashed) against the step, on log-log axes."""
    figure, ax = new_figure(width=5.5, height=3.6)
    for (name, values), colour in zip(errors.items(), [COLOURS["blue"], COLOURS["vermillion"]], strict=False):
        t = np.arange(1, len(values) + 1)
        ax.loglog(t, values, color=colour, label=name)
        ax.loglog(t, bounds[name], "--", color=colour, label=f"{name}, bound")
    ax.set(xlabel="step t", ylabel=r"$J - J^\star$")
    ax.legend()
    return figure


def four_surfaces(runs: Mapping[str, Mapping[str, Trajectory]], surfaces: Sequence[Problem]) -> Figure:
    """Paths of several methods on four test surfaces; marks stand at some of the points only."""
    figure, axes = new_figure(2, 2, width=9.0, height=7.4)
    for surface, ax in zip(surfaces, axes.flat, strict=True):
        plot_trajectories(surface, runs[surface.name], ax=ax)
        ax.set_title(surface.name.capitalize())
        if ax is not axes[0, 1]:
            ax.get_legend().remove()
    return figure


def bands_of_losses(losses: Mapping[str, np.ndarray]) -> Figure:
    """Mean training loss over the seeds for each method, with a band from the smallest to the largest."""
    figure, ax = new_figure(width=6.0, height=3.6)
    for (name, runs), colour in zip(losses.items(), COLOURS.values(), strict=False):
        ax.semilogy(runs.mean(axis=0), color=colour, label=name)
        ax.fill_between(range(runs.shape[1]), runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.2)
    ax.set(xlabel="step t (one step = the whole batch)", ylabel="training loss")
    ax.legend()
    return figure


def loss_and_sharpness(runs: Mapping[float, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Training loss (left) and sharpness (right) for each rate, with the limits 2/η dashed."""
    figure, (left, right) = new_figure(1, 2, width=9.0, height=3.6)
    for (eta, (loss, probes)), colour in zip(runs.items(), COLOURS.values(), strict=False):
        left.semilogy(loss, color=colour, linewidth=0.8, label=f"η = {eta}")
        right.plot(*probes.T, "o-", color=colour, markersize=3, label=f"η = {eta}")
        right.axhline(2 / eta, color=colour, linestyle="--", label=f"2/η = {2 / eta:g}")
    left.set(xlabel="step t", ylabel="training loss")
    right.set(xlabel="step t", ylabel="sharpness", ylim=(0, 24))
    left.legend()
    right.legend(loc="lower right")
    return figure


def catapult_figure(runs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Loss (left) and ηλ (right) of the two-layer linear network, a curve a rate; dashed the limit 2."""
    figure, (left, right) = new_figure(1, 2, width=9.0, height=3.4)
    for (name, (outputs, curvatures)), colour in zip(runs.items(), COLOURS.values(), strict=False):
        left.semilogy(np.maximum(0.5 * outputs**2, 1e-30), color=colour, label=name)
        right.plot(curvatures, color=colour, label=name)
    right.axhline(2, color="black", linestyle="--", label="limit 2")
    left.set(xlabel="steps taken t", ylabel=r"loss $\frac{1}{2} f^2$", ylim=(1e-12, 1e6))
    right.set(xlabel="steps taken t", ylabel=r"$\eta\lambda_t$", ylim=(0, 4.5))
    left.legend()
    return figure


def cycle_figure(circling: np.ndarray, arriving: np.ndarray) -> Figure:
    """Points of the tuned heavy ball (circles) and of Nesterov's method (squares) on three pieces."""
    figure, ax = new_figure(width=6.0, height=3.2)
    ax.plot(circling, "o-", markersize=3, color=COLOURS["vermillion"], label="heavy ball, tuned")
    ax.plot(arriving, "s-", markersize=3, color=COLOURS["blue"], label="Nesterov")
    ax.set(xlabel="steps taken t", ylabel=r"$\theta_t$")
    ax.legend()
    return figure


def four_runs() -> list[tuple[str, ...]]:
    """Rows of a table: losses and gradient norms of four runs of gradient descent, for a diagnosis."""
    valley = Quadratic([0.01, 1.0], start=np.array([10.0, 1.0]))
    runs = {
        "A": minimize(Saddle(), GradientDescent(0.1), 200, start=np.array([1.5, 1e-4])),
        "B": minimize(valley, GradientDescent(1.0), 200),
        "C": minimize(Quadratic([0.5, 1.0], start=np.array([1.0, 1.0])), GradientDescent(0.5), 200),
        "D": minimize(Quadratic([0.5, 1.0], start=np.array([1.0, 1.0])), GradientDescent(2.05), 200),
    }
    shown = (0, 20, 60, 100, 150, 200)
    rows: list[tuple[str, ...]] = []
    for letter, run in runs.items():
        rows.append((f"{letter}: loss", *(_short(run.values[t]) for t in shown)))
        rows.append((f"{letter}: gradient norm", *(_short(run.gradient_norms[t]) for t in shown)))
    return rows


def _short(number: float) -> str:
    return "below 1e-9" if abs(number) < 1e-9 else f"{number:.2g}"
