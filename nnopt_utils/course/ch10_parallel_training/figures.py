"""Figures of chapter 10: pure functions of their parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from nnopt_utils.history import Trajectory
from nnopt_utils.parallel import Link, rehearse
from nnopt_utils.parallel.delays import best_rate, contraction, stability_limit
from nnopt_utils.plotting import COLOURS, new_figure
from nnopt_utils.plotting.style import look, steady_figure, whole_numbers


class _Watched:
    """A link that keeps a copy of its worker's vector before each of its messages."""

    def __init__(self, link: Link, vector: np.ndarray, before: list[np.ndarray]) -> None:
        self.rank, self.size, self._link, self._vector, self._before = link.rank, link.size, link, vector, before

    def send(self, to: int, values: np.ndarray) -> None:
        self._before.append(self._vector.copy())
        self._link.send(to, values)

    def receive(self, origin: int) -> np.ndarray:
        return self._link.receive(origin)


def summands(all_reduce: Callable[[np.ndarray, Link], None], size: int) -> np.ndarray:
    """Whose numbers are in each piece of each worker, before the first step and after each: an exchange around a ring.

    Worker r begins with 2^r in every piece, so the bits of a sum say whose numbers are in it.

    >>> from nnopt_utils.parallel import ring_all_reduce
    >>> summands(ring_all_reduce, 2).tolist()        # steps, workers, pieces
    [[[1, 1], [2, 2]], [[1, 3], [3, 2]], [[3, 3], [3, 3]]]
    """
    before: list[list[np.ndarray]] = [[] for _ in range(size)]

    def watched(vector: np.ndarray, link: Link) -> None:
        all_reduce(vector, _Watched(link, vector, before[link.rank]))

    ends = rehearse(watched, [np.full(size, 2.0**rank) for rank in range(size)]).results
    states = [np.array(state) for state in zip(*before, strict=True)] + [np.array(ends)]
    return np.array(states, dtype=int)


def ring_steps(states: np.ndarray) -> Figure:
    """An all-reduce around a ring: a panel a step, a row a worker, a column a piece."""
    steps, size, _ = states.shape
    rows = 2
    columns = -(-steps // rows)
    figure, axes = new_figure(rows, columns, width=9.0, height=4.6)
    for step, ax in enumerate(np.ravel(axes)):
        ax.grid(False)
        if step >= steps:
            ax.set_axis_off()
            continue
        counts = np.array([[int(value).bit_count() for value in row] for row in states[step]])
        ax.imshow(counts, cmap="Blues", vmin=0, vmax=1.6 * size, aspect="auto")
        for worker in range(size):
            for piece in range(size):
                bits = int(states[step, worker, piece])
                whose = "".join(str(r) for r in range(size) if bits >> r & 1)
                changed = step and states[step, worker, piece] != states[step - 1, worker, piece]
                weight = "bold" if changed else "normal"
                ax.text(piece, worker, whose, ha="center", va="center", fontsize=9, weight=weight)
        ax.set_title("at the start" if not step else f"after step {step}", fontsize=10)
        ax.set_xticks(range(size), [f"piece {p}" if size < 4 else str(p) for p in range(size)])
        ax.set_yticks(range(size), [f"worker {r}" for r in range(size)] if step % columns == 0 else [""] * size)
    for ax in np.ravel(axes)[steps - columns : steps]:
        ax.set_xlabel("piece")
    return figure


def epoch_seconds(seconds: Mapping[str, Mapping[int, float]]) -> Figure:
    """Seconds of one epoch against the batch size, a line a way of training."""
    figure, ax = new_figure(width=6.5, height=3.8)
    for index, (label, by_batch) in enumerate(seconds.items()):
        colour, linestyle, marker = look(index)
        ax.plot(list(by_batch), list(by_batch.values()), color=colour, linestyle=linestyle, marker=marker, label=label)
    sizes = list(next(iter(seconds.values())))
    ax.set(xscale="log", yscale="log", xlabel="batch size", ylabel="seconds of an epoch")
    ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
    ax.tick_params(axis="x", which="minor", bottom=False)
    ax.legend()
    return figure


def speedups(curves: Mapping[str, np.ndarray], workers: np.ndarray) -> Figure:
    """How many times faster P workers are than one, a line a limit."""
    figure, ax = new_figure(width=7.0, height=4.0)
    ax.plot(workers, workers, color="black", linewidth=1, linestyle=":", label="P times")
    for index, (label, curve) in enumerate(curves.items()):
        colour, linestyle, _ = look(index)
        ax.plot(workers, curve, color=colour, linestyle=linestyle, label=label)
    ax.set(xscale="log", yscale="log", xlabel="workers P", ylabel="times faster than one")
    ax.legend()
    return figure


def staleness_bars(counts: Mapping[str, np.ndarray]) -> Figure:
    """The share of updates with each staleness, a panel a run."""
    figure, axes = new_figure(columns=len(counts), width=9.0, height=3.4, sharey=True)
    for ax, (label, staleness) in zip(np.ravel(axes), counts.items(), strict=True):
        shares = np.bincount(staleness) / staleness.size
        ax.bar(np.arange(shares.size), shares, color=COLOURS["blue"])
        ax.axvline(staleness.mean(), color=COLOURS["vermillion"], linestyle="--", label=f"mean {staleness.mean():.2f}")
        ax.set(title=label, xlabel="staleness τ", xlim=(-0.6, max(3.6, np.quantile(staleness, 0.999) + 0.6)))
        whole_numbers(ax)
        ax.legend()
    np.ravel(axes)[0].set_ylabel("share of the updates")
    return figure


def delayed_path(rate: float, delay: int, steps: int) -> np.ndarray:
    """θ under gradient descent on ½θ² with gradients τ steps old, from 1; the start's gradient until there is one.

    >>> delayed_path(0.5, delay=1, steps=4).tolist()
    [1.0, 0.5, 0.0, -0.25, -0.25]
    """
    path = [1.0]
    for t in range(steps):
        path.append(path[-1] - rate * path[max(0, t - delay)])
    return np.array(path)


def delay_and_rate(tau: int, rate: float) -> Figure:
    """Gradient descent on a parabola with gradients τ steps old: its path, and how large the roots are."""
    figure, (left, right) = steady_figure(2, width=9.0, height=3.9)
    path = np.clip(delayed_path(rate, tau, 80), -1e6, 1e6)
    left.plot(path, color=COLOURS["blue"], linewidth=1.2, marker="o", markersize=2.5)
    left.axhline(0, color="black", linewidth=0.8)
    left.set(xlabel="step t", ylabel="θ", ylim=(-2, 2), xlim=(0, 80))
    size = contraction(rate, tau)
    verdict = "settles" if size < 1 else "diverges"
    left.set_title(f"the error is multiplied by {size:.3f} a step in the long run: it {verdict}", fontsize=9.5)
    rates = np.linspace(0.002, 2.2, 300)
    right.plot(rates, [contraction(a, tau) for a in rates], color=COLOURS["blue"])
    right.axhline(1, color="black", linewidth=0.8)
    right.plot([rate], [size], "o", color=COLOURS["vermillion"], markersize=7)
    right.axvline(stability_limit(tau), color=COLOURS["vermillion"], linestyle="--", linewidth=1)
    right.axvline(best_rate(tau).rate, color=COLOURS["green"], linestyle=":", linewidth=1.4)
    right.set(xlabel="rate ηλ", ylabel="factor of the error a step", ylim=(0, 1.6), xlim=(0, 2.2))
    right.set_title(f"τ = {tau}: best {best_rate(tau).rate:.3f}, limit {stability_limit(tau):.3f}", fontsize=9.5)
    return figure


def delay_noise(floors: Mapping[int, np.ndarray], decays: Mapping[int, np.ndarray], rates: np.ndarray) -> Figure:
    """The floor of the noise and the steps to lose a factor e, against the rate, a line a delay."""
    figure, (left, right) = new_figure(columns=2, width=9.0, height=3.8)
    for index, tau in enumerate(floors):
        colour, linestyle, _ = look(index)
        left.plot(rates, floors[tau], color=colour, linestyle=linestyle, label=f"τ = {tau}")
        right.plot(rates, decays[tau], color=colour, linestyle=linestyle, label=f"τ = {tau}")
    left.set(xscale="log", yscale="log", xlabel="rate ηλ", ylabel="mean square of the error, settled")
    right.set(xscale="log", yscale="log", xlabel="rate ηλ", ylabel="steps to lose a factor e")
    left.legend()
    return figure


def drift(fixed_points: Mapping[int, float], minima: Sequence[float], optimum: float) -> Figure:
    """Where local SGD ends, against the number of local steps."""
    figure, ax = new_figure(width=6.5, height=3.8)
    steps = list(fixed_points)
    ax.plot(steps, list(fixed_points.values()), marker="o", color=COLOURS["blue"], label="where it ends")
    ax.axhline(optimum, color=COLOURS["green"], linestyle="--", label="minimum of the mean loss")
    ax.axhline(float(np.mean(minima)), color=COLOURS["vermillion"], linestyle=":", label="mean of the workers' minima")
    ax.set(xscale="log", xlabel="local steps H", ylabel="θ")
    ax.set_xticks(steps, [str(h) for h in steps])
    ax.tick_params(axis="x", which="minor", bottom=False)
    ax.legend()
    return figure


def compressed_paths(problem: Any, runs: Mapping[str, Trajectory], floor: float = 1e-4) -> Figure:
    """Paths in the plane (left), and the loss against the step (right)."""
    figure, (left, right) = new_figure(columns=2, width=9.0, height=3.9)
    axis = np.linspace(-0.4, 1.6, 120)
    grid = np.array([[problem.value(np.array([a, b])) for a in axis] for b in axis])
    left.contour(axis, axis, grid, levels=12, colors="#D9D9D9", linewidths=0.8)
    for index, (label, run) in enumerate(runs.items()):
        colour, linestyle, marker = look(index)
        left.plot(*run.points.T, color=colour, linestyle=linestyle, linewidth=1.2)
        left.plot(*run.points[-1], marker, color=colour, markersize=8)
        steps = np.unique(np.geomspace(1, len(run.values) - 1, 150).astype(int))
        right.plot(steps, np.maximum(run.values[steps], floor), color=colour, linestyle=linestyle, label=label)
    left.plot([0], [0], "*", color="black", markersize=10)
    left.set(xlabel="θ[0]", ylabel="θ[1]")
    right.set(xscale="log", yscale="log", xlabel="step t", ylabel="J")
    right.legend()
    return figure


def scaling(times: Mapping[str, Mapping[int, np.ndarray]]) -> Figure:
    """Simulated seconds to the target against the number of workers: a line through medians, a dot for each seed."""
    figure, ax = new_figure(width=7.5, height=4.4)
    for index, (label, by_workers) in enumerate(times.items()):
        colour, linestyle, marker = look(index)
        for workers, seconds in by_workers.items():
            ax.plot(np.full(seconds.size, workers), seconds, ".", color=colour, alpha=0.3)
        medians = [float(np.median(seconds)) for seconds in by_workers.values()]
        ax.plot(list(by_workers), medians, color=colour, linestyle=linestyle, marker=marker, label=label)
    ax.set(xscale="log", yscale="log", xlabel="workers P", ylabel="simulated seconds to the target")
    ax.legend()
    return figure
