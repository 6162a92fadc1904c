"""Figures of chapter 12's runs and of the committed tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnopt_utils.plotting import COLOURS, new_figure
from nnopt_utils.plotting.style import look


def rate_or_optimizer(lost: Mapping[str, Mapping[int, np.ndarray]], spread: Mapping[str, np.ndarray]) -> Figure:
    """What a wrong rate costs (line: median of all optimizers, band: quartiles) and what the last optimizer (grey)."""
    figure, axes = new_figure(columns=len(lost), width=9.0, height=3.8)
    for ax, (title, by_steps) in zip(axes, lost.items(), strict=True):
        steps = [k for k, values in by_steps.items() if len(values) >= 15]  # the others' grids end before
        low, middle, high = np.array([_quartiles(by_steps[k]) for k in steps]).T
        floor = 1e-2 * max(spread[title])
        factor = 10.0 ** (np.array(steps) / 2)
        ax.axhspan(floor, max(spread[title]), color="0.85", label="best rates: first to last of 20")
        ax.fill_between(factor, np.maximum(low, floor), np.maximum(high, floor), color=COLOURS["sky"], alpha=0.4)
        ax.plot(factor, np.maximum(middle, floor), "o-", color=COLOURS["blue"], label="one rate off: median of 20")
        ax.set(xscale="log", yscale="log", title=title.split(",")[0], xlabel="rate / the optimizer's best rate")
        ax.set(ylabel=f"worse by, {title.split(', ')[1]}", ylim=(floor, 3 * np.max(middle[np.isfinite(middle)])))
    axes[0].legend(fontsize=8, loc="lower left")
    return figure


def _plain_ticks(ax: Axes, values: Sequence[float]) -> None:
    """Numbers at a logarithmic axis as they are, not as powers of ten."""
    ax.set_yticks(values, [f"{value:,}" for value in values])
    ax.minorticks_off()


def _quartiles(values: np.ndarray) -> np.ndarray:
    """Quartiles of numbers some of which may be infinite: the value of that rank, not between two."""
    return np.quantile(values, [0.25, 0.5, 0.75], method="nearest")


def same_answers(scales: Sequence[float], losses: np.ndarray, accuracies: np.ndarray, guess: float) -> Figure:
    """Loss (left) and accuracy (right) of one network whose outputs are multiplied by a factor."""
    figure, (left, right) = new_figure(columns=2, width=9.0, height=3.4)
    left.plot(scales, losses, color=COLOURS["blue"])
    left.axhline(guess, color="0.5", linestyle=":", label="ln 10: guessing")
    left.set(xscale="log", yscale="log", xlabel="factor on the outputs", ylabel="validation loss")
    _plain_ticks(left, (0.25, 0.5, 1, 2, 4))
    left.legend(fontsize=8)
    right.plot(scales, 100 * accuracies, color=COLOURS["vermillion"])
    right.set(xscale="log", ylim=(0, 100), xlabel="factor on the outputs", ylabel="validation accuracy, %")
    return figure


def steps_and_samples(steps: Mapping[str, Mapping[int, float]]) -> Figure:
    """Median steps (left) and samples (right) to a target against the batch size, a line a method."""
    figure, (left, right) = new_figure(columns=2, width=9.0, height=3.8)
    for index, (label, by_size) in enumerate(steps.items()):
        size, count = np.array(list(by_size)), np.array(list(by_size.values()))
        for ax, values in ((left, count), (right, size * count)):
            ax.loglog(size, values, look(index).marker + "-", color=look(index).colour, label=label)
    _plain_ticks(left, (20, 50, 100, 200, 500))
    _plain_ticks(right, (50_000, 100_000, 200_000, 500_000, 1_000_000))
    for ax, what in ((left, "steps"), (right, "samples")):
        ax.set_xticks(size, [str(B) for B in size])
        ax.minorticks_off()
        ax.set(xlabel="batch size B", ylabel=f"{what} to 97 % of the validation images")
    left.legend(fontsize=8)
    return figure


def resumed_losses(before: float, runs: Mapping[str, np.ndarray]) -> Axes:
    """Training loss after a checkpoint, a line a way of going on; the first point is the checkpoint's."""
    _, ax = new_figure(width=6.5, height=3.6)
    for index, (label, losses) in enumerate(runs.items()):
        values = np.concatenate([[before], losses])
        ax.plot(values, linestyle=look(index).linestyle, color=look(index).colour, label=label)
    ax.set(xlabel="steps after the checkpoint", ylabel="loss of the 4,000 digits", ylim=(0, None))
    ax.legend(fontsize=9)
    return ax
