"""Figures of chapter 06: pure functions of their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from nnopt_utils.experiments import Results
from nnopt_utils.optimizers import Adam, GradientDescent
from nnopt_utils.plotting import new_figure, plot_convergence, plot_trajectories
from nnopt_utils.plotting.style import drop_minor_ticks, legend, look, steady_figure
from nnopt_utils.problems import Quadratic
from nnopt_utils.training import Trajectory, minimize

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


def histogram_of_sizes(layer_sizes: Sequence[np.ndarray]) -> Figure:
    """How large the gradients of each layer's weights typically are: a histogram a layer, on a logarithmic axis."""
    figure, ax = new_figure(width=6.5, height=3.4)
    bins = np.geomspace(1e-6, 1, 61)
    for index, sizes in enumerate(layer_sizes):
        seen = sizes[sizes > 0]
        shares = np.full(len(seen), 1 / len(sizes))
        colour, style, _ = look(index)
        ax.hist(
            seen,
            bins,
            weights=shares,
            color=colour,
            linestyle=style,
            histtype="step",
            linewidth=1.8,
            label=f"layer {index + 1}",
        )
    ax.set(xscale="log", xlabel="typical size of a weight's gradient", ylabel="share of the layer's weights")
    ax.legend()
    return figure


def two_coordinates(paths: Mapping[str, np.ndarray]) -> Figure:
    """Both coordinates of each path over the steps, a panel a path."""
    figure, axes = new_figure(1, len(paths), width=9.0, height=3.2, sharey=True)
    for ax, (title, points) in zip(axes, paths.items(), strict=True):
        _coordinates(ax, points, [r"$\theta[0]$, curvature 1", r"$\theta[1]$, curvature 10,000"])
        ax.set(xlabel="steps taken t", title=title)
    axes[0].set(ylabel="value, minimum at 0")
    axes[-1].legend()
    return figure


def _coordinates(ax: Axes, values: np.ndarray, labels: Sequence[str]) -> None:
    for index, label in enumerate(labels):
        colour, style, _ = look(index)
        ax.plot(values[:, index], style, color=colour, label=label)


def noisy_paths(means: Mapping[str, np.ndarray], minimum: float | np.ndarray) -> Figure:
    """θ over the steps under several rules, each the mean of many runs, and the minimum, which may move."""
    figure, ax = new_figure(width=9.0, height=3.2)
    steps = len(next(iter(means.values())))
    ax.plot(np.broadcast_to(minimum, steps), ":", color="black", label="minimum: the mean of the samples")
    for index, (label, values) in enumerate(means.items()):
        colour, style, _ = look(index)
        ax.plot(values, style, color=colour, label=label)
    ax.set(xlabel="steps taken t", ylabel=r"$\theta$, mean of the runs")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return figure


def decays(with_l2: np.ndarray, decoupled: np.ndarray, sizes: Sequence[float], shrink: float = 2e-4) -> Figure:
    """Mean weight of groups with gradients of several sizes, under L2 (left) and decoupled decay (right)."""
    figure, axes = new_figure(1, 2, width=9.0, height=3.4, sharey=True)
    for ax, values, title in zip(axes, [with_l2, decoupled], ["Adam with an L2 penalty", "AdamW"], strict=True):
        _coordinates(ax, values, [f"gradients of size {size:g}" for size in sizes])
        ax.plot((1 - shrink) ** np.arange(len(values) + 1), ":", color="black", label=r"$(1-\eta\lambda)^t$")
        ax.set(xlabel="steps taken t", title=title)
    axes[0].set(ylabel="mean weight of the group")
    axes[1].legend(loc="lower left")
    return figure


def rate_curves(results: Mapping[str, Results]) -> Figure:
    """Validation error against the learning rate, a panel a task: median and range of the seeds."""
    figure, axes = new_figure(1, len(results), width=9.0, height=3.8, sharey=True)
    for ax, (name, found) in zip(axes, results.items(), strict=True):
        for index, label in enumerate(found.labels):
            colour, style, marker = look(index)
            curve = found.rate_curve(label)
            ax.plot(curve.rates, 1 - curve.median, style, marker=marker, color=colour, label=label)
            ax.fill_between(curve.rates, 1 - curve.low, 1 - curve.high, color=colour, alpha=0.2)
        ax.set(xscale="log", xlabel="learning rate", title=f"MNIST {name}")
    axes[0].set(ylabel="validation error")
    axes[0].legend()
    return figure


def spikes(runs: Sequence[Mapping[str, Sequence[float]]], bad: int = 5) -> Figure:
    """Loss after some bad batches, for several memories: the median of the seeds; the bad batches are grey."""
    figure, ax = new_figure(width=7.0, height=3.4)
    for index, name in enumerate(runs[0]):
        colour, style, _ = look(index)
        ax.semilogy(np.median([run[name] for run in runs], axis=0), style, color=colour, label=name)
    ax.axvspan(0, bad, color="0.85", zorder=0, label="wrong labels")
    ax.set(xlabel="steps since the first bad batch", ylabel="loss on the right labels")
    ax.legend()
    return figure


def state_on_a_surface(
    surface: Any, run: Trajectory, m_hat: np.ndarray, root: np.ndarray, lengths: np.ndarray
) -> Figure:
    """Adam on a surface: its path, averaged gradient, root of the averaged square, and length of the steps in η."""
    figure, axes = new_figure(2, 2, width=9.0, height=6.4)
    plot_trajectories(surface, {"Adam": run}, ax=axes[0, 0])
    axes[0, 0].get_legend().remove()
    panels = [(m_hat, r"$\hat m$"), (root, r"$\sqrt{\hat v}$"), (lengths, r"length of the step, in $\eta$")]
    for ax, (values, name) in zip(axes.flat[1:], panels, strict=True):
        _coordinates(ax, values, [r"$\theta[0]$", r"$\theta[1]$"])
        ax.set(xlabel="step t", ylabel=name)
    axes[0, 1].set_ylim(-20, 30)  # the first steps on the wall are far outside
    axes[1, 0].set_yscale("log")
    axes[1, 1].legend()
    return figure


def layer_by_layer(seen: np.ndarray) -> Figure:
    """Root mean squares over the steps; ``seen[t, layer]`` holds those of m̂, √v̂ and the step."""
    figure, axes = new_figure(1, 3, width=9.0, height=3.2)
    for ax, values, name in zip(
        axes, seen.transpose(2, 0, 1), [r"$\hat m$", r"$\sqrt{\hat v}$", r"step, in $\eta$"], strict=True
    ):
        _coordinates(ax, values, [f"layer {k + 1}" for k in range(values.shape[1])])
        ax.set(xlabel="step t", title=name, yscale="log")
    axes[2].legend()
    return figure


def pixels(roots: np.ndarray, rates: np.ndarray) -> Figure:
    """√v̂ and the effective rate of each pixel's weights as images with logarithmic colours; zeros are white."""
    figure, axes = new_figure(1, 2, width=9.0, height=3.8)
    images = [np.where(roots > 0, roots, np.nan), rates]
    names = [r"$\sqrt{\hat v}$", r"effective rate $\eta/(\sqrt{\hat v}+\varepsilon)$"]
    for ax, values, name in zip(axes, images, names, strict=True):
        picture = ax.imshow(values, norm=LogNorm(), cmap="cividis")
        ax.set(title=name, xticks=[], yticks=[])
        ax.grid(False)
        figure.colorbar(picture, ax=ax)
    return figure


def epsilons(gradients: np.ndarray, lengths: Mapping[str, np.ndarray]) -> Figure:
    """Length of a step in η against the size of a constant gradient, for several ε."""
    figure, ax = new_figure(width=9.0, height=3.4)
    for index, (name, values) in enumerate(lengths.items()):
        colour, style, _ = look(index)
        ax.semilogx(gradients, values, style, color=colour, label=name)
    ax.set(xlabel="size of the gradient |g|", ylabel="length of the step, in η")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return figure


def regrets(played: Mapping[str, tuple[np.ndarray, np.ndarray]], worst: float) -> Figure:
    """Position (left) and average regret (right) of several optimizers on the example of Reddi et al."""
    figure, (left, right) = new_figure(1, 2, width=9.0, height=3.4)
    for index, (name, (places, regret)) in enumerate(played.items()):
        colour, style, _ = look(index)
        left.plot(places, style, color=colour, label=name)
        right.plot(regret, style, color=colour, label=name)
    left.set(xlabel="steps taken t", ylabel="x (the best is −1)", xscale="log", xlim=(1, len(places)))
    right.set(xlabel="steps taken t", ylabel="average regret", xscale="log", xlim=(10, len(places)), ylim=(-0.05, 1.0))
    right.axhline(worst, color="0.6", zorder=0)
    right.legend(loc="center right", bbox_to_anchor=(1.0, 0.42))
    return figure
