"""Figures of chapter 05: pure functions of their parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from nnopt_utils.optimizers import SGD
from nnopt_utils.plotting import COLOURS, new_figure, plot_bars
from nnopt_utils.plotting.style import drop_minor_ticks, steady_figure

PALETTE = list(COLOURS.values())
CURVATURES = np.array([1.0, 0.2])
SAMPLE_VARIANCE = 16.0
START = np.array([-3.0, 6.0])


def predicted_floor(learning_rate: float, curvature: float, variance: float, momentum: float = 0.0) -> float:
    r"""Return E θ² of SGD with momentum after many steps on J = ½ λ θ² with noisy gradients.

    .. math:: \mathrm E\,\theta^2 = \frac{\eta\,\sigma^2}{\lambda} \cdot
              \frac{1 + \beta}{(1 - \beta)\,\bigl(2(1 + \beta) - \eta\lambda\bigr)}

    It is the variance at which the noise that a step adds and the error that it removes are in balance. Infinite where
    the method diverges, ηλ >= 2(1 + β).

    >>> predicted_floor(0.5, curvature=1.0, variance=1.0)
    0.3333333333333333
    """
    room = 2 * (1 + momentum) - learning_rate * curvature
    if room <= 0:
        return math.inf
    return learning_rate * variance / curvature * (1 + momentum) / ((1 - momentum) * room)


def noise_cloud(learning_rate: float, batch_size: int, momentum: float = 0.0, steps: int = 600) -> Figure:
    """One run of SGD on a noisy bowl with the predicted cloud (left); mean over 300 runs with the floor (right).

    The bowl has curvatures 1 and 0.2. The gradient of one sample has noise of variance 16 in each direction, a
    mini-batch of B samples 16 / B.
    """
    variance = SAMPLE_VARIANCE / batch_size
    floors = [predicted_floor(learning_rate, curvature, variance, momentum) for curvature in CURVATURES]
    path, mean_squares = _noisy_runs(learning_rate, momentum, variance, steps)
    figure, (left, right) = steady_figure(2, width=9.0, height=3.9)
    _draw_cloud(left, path, floors)
    _draw_mean_squares(right, mean_squares, sum(floors))
    return figure


def _noisy_runs(
    learning_rate: float, momentum: float, variance: float, steps: int, runs: int = 300
) -> tuple[np.ndarray, np.ndarray]:
    """Return the path of the first run, and the mean of ‖θ‖² over all runs at each step."""
    generator = np.random.default_rng(5)
    # Two entries a run: the optimizer treats every entry alike, so one long θ is many independent runs.
    theta = np.tile(START, runs)
    curvatures = np.tile(CURVATURES, runs)
    optimizer = SGD(learning_rate, momentum=momentum)
    path, mean_squares = [theta[:2].copy()], [float(START @ START)]
    for _ in range(steps):
        noise = math.sqrt(variance) * generator.normal(size=theta.size)
        optimizer.step(theta, curvatures * theta + noise)
        if np.abs(theta).max() > 1e6:
            break
        path.append(theta[:2].copy())
        mean_squares.append(float(theta @ theta) / runs)
    return np.array(path), np.array(mean_squares)


def _draw_cloud(ax: Axes, path: np.ndarray, floors: list[float]) -> None:
    grid = np.linspace(-11, 11, 120)
    first, second = np.meshgrid(grid, grid)
    bowl = 0.5 * (CURVATURES[0] * first**2 + CURVATURES[1] * second**2)
    ax.contour(first, second, bowl, levels=[0.2, 1, 3, 6, 10, 15], colors="0.8", linewidths=0.8)
    ax.plot(*path[:60].T, color=COLOURS["blue"], linewidth=0.7)
    ax.plot(*path.T, ".", color=COLOURS["sky"], markersize=3, label="one run (a line: its first 60 steps)")
    ax.plot(*path[0], "s", color=COLOURS["vermillion"], label="start")
    if all(math.isfinite(floor) for floor in floors):
        width, height = (4 * math.sqrt(floor) for floor in floors)
        label = "predicted: 2 standard deviations"
        ellipse = Ellipse((0, 0), width, height, fill=False, color="black", linestyle="--", linewidth=1.8, label=label)
        ellipse.set_zorder(6)
        ax.add_patch(ellipse)
    ax.set(xlim=(-7, 7), ylim=(-10, 9), xlabel=r"$\theta[0]$, curvature 1", ylabel=r"$\theta[1]$, curvature 0.2")
    ax.legend(loc="lower right", fontsize=8).set_zorder(7)  # above the ellipse


def _draw_mean_squares(ax: Axes, mean_squares: np.ndarray, floor: float) -> None:
    ax.semilogy(mean_squares, color=COLOURS["blue"], label="mean of 300 runs")
    if math.isfinite(floor):
        ax.axhline(floor, color="black", linestyle="--", label="predicted floor")
        ax.set_title(f"predicted floor {floor:.3g}")
    else:
        ax.set_title("diverges")
    drop_minor_ticks(ax)
    ax.set(xlabel="step t", ylabel=r"mean of $\|\theta_t\|^2$")
    ax.legend(loc="upper right", fontsize=8)


def three_axes(curves: Mapping[str, np.ndarray]) -> Figure:
    """Validation accuracy of the same runs against steps, samples and seconds; curves: name -> (runs, looks, 4)."""
    figure, axes = new_figure(1, 3, width=9.0, height=3.8, sharey=True)
    for column, (ax, label) in enumerate(zip(axes, ["steps", "samples processed", "seconds"], strict=True)):
        for (name, runs), colour in zip(curves.items(), PALETTE, strict=False):
            where, accuracy = runs[:, :, column].mean(axis=0), runs[:, :, 3]
            ax.semilogx(where, accuracy.mean(axis=0), color=colour, label=name)
            ax.fill_between(where, accuracy.min(axis=0), accuracy.max(axis=0), color=colour, alpha=0.2)
        ax.set_xlabel(label)
    axes[0].set_ylabel("validation accuracy")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def squared_errors(sizes: np.ndarray, replaced: np.ndarray, distinct: np.ndarray, trace: float, n: int) -> Axes:
    """Mean squared error of the mini-batch gradient, drawn with and without replacement: measured and predicted."""
    _, ax = new_figure(width=6.0, height=3.6)
    ax.loglog(sizes, replaced, "o", color=COLOURS["blue"], label="with replacement, measured")
    ax.loglog(sizes, trace / sizes, "-", color=COLOURS["blue"], label="tr Σ / B")
    ax.loglog(sizes, distinct, "s", color=COLOURS["vermillion"], label="without, measured")
    finite = trace / sizes * (n - sizes) / (n - 1)
    ax.loglog(sizes, finite, "--", color=COLOURS["vermillion"], label="tr Σ / B · (n − B)/(n − 1)")
    ax.set(xlabel="batch size B", ylabel=r"mean of $\|g_B - g\|^2$")
    ax.legend()
    return ax


def floors_of_rates(runs: Mapping[float, np.ndarray]) -> Axes:
    """E θ² along runs at constant rates, with the predicted floors for curvature and variance 1."""
    _, ax = new_figure(width=6.5, height=3.8)
    for (eta, squares), colour in zip(runs.items(), PALETTE, strict=False):
        ax.semilogy(np.arange(1, len(squares) + 1), squares, color=colour, label=f"η = {eta}")
        floor = predicted_floor(eta, curvature=1.0, variance=1.0)
        if math.isfinite(floor):
            ax.axhline(floor, color=colour, linestyle="--", linewidth=1)
    ax.set(xlabel="step t", ylabel=r"E $\theta_t^2$, mean of 2,000 runs")
    ax.legend()
    return ax


def falling_rates(runs: Mapping[str, np.ndarray]) -> Axes:
    """E θ² along runs at falling rates, on a log-log axis with 1/t for comparison."""
    _, ax = new_figure(width=6.5, height=3.8)
    for (name, squares), colour in zip(runs.items(), PALETTE, strict=False):
        t = np.arange(1.0, len(squares) + 1)
        ax.loglog(t, squares, color=colour, label=f"η = {name}")
    ax.loglog(t, 1 / t, "k:", label="1 / t")
    ax.set(xlabel="step t", ylabel=r"E $\theta_t^2$")
    ax.legend()
    return ax


def rates_for_batch_sizes(
    rates: np.ndarray, changes: Mapping[int, np.ndarray], largest: float, noise_scale: float
) -> Figure:
    """Mean change of the loss in one step against the rate (left); the best rate against the batch size (right)."""
    figure, (left, right) = new_figure(1, 2, width=9.0, height=3.6)
    sizes, best = list(changes), [rates[np.argmin(change)] for change in changes.values()]
    for (size, change), eta, colour in zip(changes.items(), best, PALETTE, strict=False):
        left.plot(rates, change, color=colour, label=f"B = {size}")
        left.plot(eta, change.min(), "o", color=colour)
    left.set(
        xlabel="learning rate η",
        ylabel="mean change of J in a step",
        ylim=(None, 0.5 * -min(map(np.min, changes.values()))),
    )
    left.axhline(0, color="0.6", linewidth=1)
    left.legend(fontsize=8)
    line = np.geomspace(min(sizes), max(sizes), 100)
    right.loglog(sizes, best, "o", color=COLOURS["blue"], label="best of the measured curves")
    right.loglog(line, largest / (1 + noise_scale / line), "k-", linewidth=1, label="η_max / (1 + B_noise / B)")
    right.axvline(noise_scale, color=COLOURS["vermillion"], linestyle=":", label="B = B_noise")
    right.set(xlabel="batch size B", ylabel="best learning rate")
    drop_minor_ticks(right)
    right.legend(fontsize=8)
    return figure


def strongly_convex_runs(runs: Mapping[str, np.ndarray], bound: np.ndarray) -> Axes:
    """Mean squared distance to the minimum along runs, and the bound for all of them."""
    _, ax = new_figure(width=6.5, height=3.8)
    t = np.arange(1, len(bound) + 1)
    for (name, squares), colour in zip(runs.items(), PALETTE, strict=False):
        ax.loglog(t, squares, color=colour, label=name)
    ax.loglog(t, bound, "k--", label="bound")
    ax.set(xlabel="step t", ylabel=r"E $(\theta_t - \theta^\star)^2$")
    ax.legend()
    return ax


def last_against_average(last: np.ndarray, averaged: np.ndarray) -> Axes:
    """t · E θ² of the last iterate and of the average."""
    _, ax = new_figure(width=6.5, height=3.6)
    t = np.arange(1, len(last) + 1)
    ax.semilogx(t, last, color=COLOURS["blue"], label="last iterate")
    ax.semilogx(t, averaged, color=COLOURS["vermillion"], label="average")
    ax.axhline(1, color="black", linestyle=":", label="optimum σ²/λ²")
    ax.set(xlabel="step t", ylabel=r"t · E $\theta^2$", ylim=(0, 9))
    ax.legend(loc="upper left")
    return ax


def contest(results: Any) -> Axes:
    """Validation accuracy of a search's methods, each at its setting: median, and the band of all seeds."""
    figure, ax = new_figure(width=6.5, height=4.2)
    for label, colour in zip(results.labels, PALETTE, strict=False):
        curve = results.curves(label)
        name = f"{label}, η = {results.best(label).setting.values['learning_rate']}"
        low, high = (100 * np.array(values) for values in (curve.low, curve.high))
        ax.plot(curve.epochs, 100 * np.array(curve.median), "o-", color=colour, label=name)
        ax.fill_between(curve.epochs, low, high, color=colour, alpha=0.2)
    ax.set(xlabel="epochs", ylabel="validation accuracy, %", xticks=list(curve.epochs))
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return ax


def floors_of_momenta(rates: Sequence[float], measured: Mapping[float, Sequence[float]]) -> Axes:
    """Measured noise floors of several momenta against η/(1 - β), with the rule for small rates."""
    _, ax = new_figure(width=6.0, height=3.6)
    for (beta, floors), marker, colour in zip(measured.items(), "os^vD", PALETTE, strict=False):
        ax.loglog(rates, floors, marker, color=colour, label=f"β = {beta}")
    rule = r"$\frac{\sigma^2}{2\lambda} \cdot \frac{\eta}{1-\beta}$"
    ax.loglog(rates, np.array(rates) / 2, "k--", linewidth=1, label=rule)
    ax.set(xlabel=r"$\eta / (1 - \beta)$", ylabel=r"E $\theta^2$ at the floor")
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates], minor=False)
    ax.minorticks_off()
    ax.legend()
    return ax


def lengths_of_steps(lengths: Mapping[str, np.ndarray], drop_after: int) -> Axes:
    """Lengths of the steps of several momenta while the rate drops."""
    _, ax = new_figure(width=6.5, height=3.6)
    for (name, values), colour in zip(lengths.items(), PALETTE, strict=False):
        ax.semilogy(np.arange(1, len(values) + 1), values, color=colour, label=name)
    ax.axvline(drop_after + 0.5, color="0.6", linestyle=":")
    ax.set(xlabel="step t", ylabel="length of the step")
    ax.legend()
    return ax


def bands_over_epochs(errors: Mapping[str, np.ndarray]) -> Axes:
    """Squared distances over epochs: mean of the runs, and the band of all of them."""
    _, ax = new_figure(width=6.0, height=3.6)
    for (name, runs), colour in zip(errors.items(), PALETTE, strict=False):
        epochs = np.arange(1, runs.shape[1] + 1)
        ax.loglog(epochs, runs.mean(axis=0), color=colour, label=name)
        ax.fill_between(epochs, runs.min(axis=0), runs.max(axis=0), color=colour, alpha=0.2)
    ax.set(xlabel="epochs", ylabel=r"$\|\theta - \theta^\star\|^2$")
    ax.legend()
    return ax


def large_batches(
    sizes: np.ndarray, best_rates: Sequence[float], needed: np.ndarray, fewest: float, critical: float, largest: float
) -> Figure:
    """Best rate, steps and samples to a target against the batch size, with the laws of McCandlish et al."""
    figure, (left, middle, right) = new_figure(1, 3, width=9.0, height=3.6)
    line = np.geomspace(sizes[0], sizes[-1], 100)
    left.loglog(sizes, best_rates, "o", color=COLOURS["blue"], label="best of the grid")
    left.loglog(line, largest / (1 + critical / line), "k--", label=f"{largest:.2g} / (1 + {critical:.0f} / B)")
    left.set(ylabel="learning rate")
    middle.loglog(sizes, needed, "o", color=COLOURS["blue"], label="measured")
    middle.loglog(line, fewest * (1 + critical / line), "k--", label=f"{fewest:.0f} · (1 + {critical:.0f} / B)")
    middle.set(ylabel="steps to a validation loss of 0.4")
    right.loglog(sizes, needed * sizes, "o-", color=COLOURS["vermillion"])
    right.set(ylabel="samples to a validation loss of 0.4")
    ticks = ([0.02, 0.05, 0.1, 0.2, 0.4, 0.8], [30, 50, 100, 200, 500], [2000, 5000, 10_000, 20_000, 50_000])
    for ax, places in zip((left, middle, right), ticks, strict=True):
        ax.set(xlabel="batch size B", xticks=sizes, xticklabels=sizes, yticks=places, yticklabels=places)
        ax.minorticks_off()
    left.legend(fontsize=8)
    middle.legend(fontsize=8)
    return figure


def scales_over_epochs(scales: np.ndarray) -> Axes:
    """The gradient noise scale over epochs, a line a seed."""
    _, ax = new_figure(width=6.0, height=3.6)
    for seed, (run, colour) in enumerate(zip(scales, PALETTE, strict=False)):
        ax.semilogy(range(len(run)), run, "o-", color=colour, label=f"seed {seed}")
    ax.set(xlabel="epochs", ylabel=r"noise scale  tr Σ / $\|g\|^2$")
    ax.legend()
    return ax


def scores_of_orders(scores: Mapping[str, np.ndarray]) -> Axes:
    """Validation accuracy of training in several orders: mean and standard deviation over the seeds."""
    means = {name: float(np.mean(values)) for name, values in scores.items()}
    deviations = {name: float(np.std(values, ddof=1)) for name, values in scores.items()}
    return plot_bars(means, errors=deviations, xlabel="validation accuracy, %")
