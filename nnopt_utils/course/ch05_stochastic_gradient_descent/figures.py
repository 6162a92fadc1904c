"""Figures of chapter 05: pure functions of their parameters."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from nnopt_utils.optimizers import SGD
from nnopt_utils.plotting import COLOURS
from nnopt_utils.plotting.style import drop_minor_ticks, steady_figure

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
