"""Figures of chapter 07: pure functions of their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnopt_utils.plotting import COLOURS, new_figure
from nnopt_utils.plotting.style import drop_minor_ticks, steady_figure

# What a step costs us on one core, roughly; the chapter measures its own.
OUR_OVERHEAD = 0.1  # milliseconds a step for Python, NumPy's calls and everything else that does not grow
OUR_UPDATE = 3.0  # nanoseconds a parameter for Adam's step
OUR_SPEED = 100.0  # operations a nanosecond (10⁹ a second) in matrix products
NAMES = {"relu": "ReLU"}
COLOURS_OF_RUNS = "blue", "orange", "green", "vermillion"  # more than the chapter draws: readers add some
WIDTHS = np.unique(np.geomspace(4, 4096, 241).round().astype(int))


def operations(layer_sizes: list[int]) -> int:
    """Multiplications and additions of training on one sample: forward, and backward but for the first layer's input.

    >>> operations([784, 64, 64, 10])
    229120
    """
    weights = [fan_in * fan_out for fan_in, fan_out in pairwise(layer_sizes)]
    return 6 * sum(weights) - 2 * weights[0]


def step_milliseconds(width: int, batch_size: int, overhead: float, update: float, speed: float) -> float:
    """Predicted time of a training step of 784-width-width-10, in milliseconds.

    Args:
        width: nodes of each hidden layer.
        batch_size: B, samples a step.
        overhead: c, milliseconds that a step takes whatever its size.
        update: u, nanoseconds a parameter.
        speed: s, operations a nanosecond.

    >>> round(step_milliseconds(64, 32, overhead=0.1, update=3.0, speed=100.0), 3)
    0.338
    """
    sizes = [784, width, width, 10]
    parameters = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))
    return overhead + 1e-6 * (parameters * update + operations(sizes) * batch_size / speed)


def time_per_step(
    batch_size: int = 512,
    framework_overhead: float = 1.4,
    framework_update: float = 5.0,
    framework_speedup: float = 2.0,
) -> Figure:
    """Predicted time of a step against the width of the hidden layers, ours and a framework's.

    Args:
        batch_size: B, samples a step.
        framework_overhead: milliseconds that every step of the framework takes, whatever its size (ours: 0.1).
        framework_update: nanoseconds that its optimizer takes a parameter (ours: 3).
        framework_speedup: how many times as fast as ours its arithmetic is, for instance on two cores.
    """
    costs = framework_overhead, framework_update, OUR_SPEED * framework_speedup
    ours = [step_milliseconds(w, batch_size, OUR_OVERHEAD, OUR_UPDATE, OUR_SPEED) for w in WIDTHS]
    theirs = [step_milliseconds(w, batch_size, *costs) for w in WIDTHS]
    ahead = np.flatnonzero(np.array(theirs) < np.array(ours))

    figure, ax = steady_figure(width=6.5, height=3.8)
    ax.loglog(WIDTHS, ours, color=COLOURS["blue"], label="NumPy, one thread")
    ax.loglog(WIDTHS, theirs, "--", color=COLOURS["orange"], label="framework")
    for level, colour in ((OUR_OVERHEAD, "blue"), (framework_overhead, "orange")):
        ax.axhline(level, color=COLOURS[colour], linestyle=":", linewidth=1)
    ax.set(xlabel="width of the hidden layers", ylabel="milliseconds a step", ylim=(0.05, None))
    drop_minor_ticks(ax)
    if len(ahead):
        first, last = (int(WIDTHS[place]) for place in ahead[[0, -1]])
        ax.axvline(first, color="black", linewidth=1)
        end = "on" if last == WIDTHS[-1] else f"to {last}"
        ax.set_title(f"batch {batch_size}: the framework is ahead from width {first} {end}")
    else:
        ax.set_title(f"batch {batch_size}: the framework is ahead at no width shown")
    ax.legend(loc="upper left")
    return figure


def accuracy_of_an_epoch(shown: np.ndarray, recent: np.ndarray, validation: float) -> Axes:
    """Accuracy over an epoch's steps: as fit shows it, of the last 100 batches, and on the validation set."""
    steps = len(shown)
    _, ax = new_figure(width=7.0, height=3.6)
    first = steps - len(recent) + 1
    ax.plot(np.arange(first, steps + 1), 100 * recent, color=COLOURS["sky"], label="the last 100 batches")
    ax.plot(np.arange(1, steps + 1), 100 * shown, color=COLOURS["blue"], label="what fit shows")
    ax.plot(steps, 100 * validation, "s", color=COLOURS["vermillion"], label="validation, at the end")
    ax.set(xlabel="step of the first epoch", ylabel="accuracy, %", ylim=(60, 100))
    ax.legend(loc="lower right")
    return ax


def losses_side_by_side(losses: np.ndarray, rival: np.ndarray, same: np.ndarray) -> Axes:
    """The loss of each step, and how far two implementations lie apart, with a rival formula and with the same."""
    _, ax = new_figure(width=8.5, height=3.8)
    for values, colour, label in (
        (losses, "black", "loss (both)"),
        (rival, "vermillion", "difference, the paper's Adam"),
        (same, "blue", "difference, Keras's Adam"),
    ):
        steps = np.arange(1, len(values) + 1)
        ax.semilogy(steps, np.maximum(values, 1e-9), color=COLOURS[colour], label=label)
    ax.axhline(1e-4, color="black", linestyle=":")
    ax.set(xlabel="step", ylabel="loss, or difference of losses", ylim=(5e-10, 5))
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return ax


def differences_of_losses(runs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Axes:
    """Differences of two programs' losses, step by step; ticks where a unit is on in one and off in the other."""
    _, ax = new_figure(width=7.5, height=3.6)
    for (activation, (apart, flips)), colour in zip(
        runs.items(), COLOURS_OF_RUNS[1::-1] + COLOURS_OF_RUNS[2:], strict=False
    ):
        steps = np.arange(1, len(apart) + 1)
        ax.semilogy(steps, np.maximum(apart, 1e-9), color=COLOURS[colour], label=NAMES.get(activation, activation))
        if activation == "relu":
            where = steps[flips > 0]
            ax.plot(where, np.full(len(where), 1.5e-9), "|", color="black", label="on in one, off in the other")
    ax.set(xlabel="step", ylabel="difference of the losses", ylim=(5e-10, 1))
    ax.legend(loc="upper left")
    return ax


def distances_to_keras(parity: Mapping[str, list[float]]) -> Axes:
    """How far each optimizer ends from Keras's, in the conventions "keras" (first) and "paper"; dotted: the bound."""
    _, ax = new_figure(width=7.5, height=4.6)
    places = np.arange(len(parity))
    for column, colour, marker, size, label in ((1, "orange", "D", 9, '"paper"'), (0, "blue", "o", 5, '"keras"')):
        values = np.maximum([pair[column] for pair in parity.values()], 1e-8)
        ax.semilogx(values, places, marker, color=COLOURS[colour], markersize=size, label=f"our convention {label}")
    ax.axvline(1e-4, color="black", linestyle=":")
    ax.set(yticks=places, yticklabels=parity, xlabel="distance to Keras's after 60 steps", xlim=(5e-9, 100))
    ax.invert_yaxis()
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return ax


def keras_over_numpy(grid: Mapping[tuple[int, int], tuple[float, float]]) -> Axes:
    """Keras's time over NumPy's against the width, for each batch size; `grid` has (width, batch): (ours, Keras's)."""
    widths = sorted({width for width, _ in grid})
    _, ax = new_figure(width=6.5, height=3.8)
    for batch_size, colour, marker in zip(sorted({b for _, b in grid}), COLOURS_OF_RUNS, "osD^", strict=False):
        ratios = [grid[width, batch_size][1] / grid[width, batch_size][0] for width in widths]
        ax.loglog(widths, ratios, marker=marker, color=COLOURS[colour], label=f"batch {batch_size}")
    ax.axhline(1, color="black", linestyle=":")
    ax.set_xticks(widths, [str(width) for width in widths])
    low, high = ax.get_ylim()
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= tick <= high]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set(xlabel="width of the two hidden layers", ylabel="time of Keras / time of NumPy")
    ax.legend()
    return ax


def confusion(counts: np.ndarray) -> Axes:
    """A confusion matrix: counts in the fields, colour for the mistakes alone, the diagonal in grey."""
    mistakes = counts - np.diag(np.diag(counts))
    _, ax = new_figure(width=5.4, height=4.8)
    ax.imshow(mistakes, cmap="Blues", vmax=1.4 * mistakes.max())
    for true, said in np.ndindex(counts.shape):
        if counts[true, said]:
            colour = "0.6" if true == said else "black"
            ax.text(said, true, counts[true, said], ha="center", va="center", color=colour, fontsize=9)
    ax.set(xlabel="the network says", ylabel="it is", xticks=range(len(counts)), yticks=range(len(counts)))
    ax.grid(False)
    return ax


def loss_of_lenet(step_losses: list[float]) -> Axes:
    """The mean loss of 200 steps over 12 epochs of 938 steps; dotted: where the rate falls."""
    smooth = np.convolve(step_losses, np.ones(200) / 200, "valid")
    _, ax = new_figure(width=7.0, height=3.6)
    ax.semilogy(np.arange(200, len(step_losses) + 1) / 938, smooth, color=COLOURS["blue"])
    ax.axvline(6, color="black", linestyle=":")
    ax.set(xlabel="epochs", ylabel="loss with penalty, mean of 200 steps", xticks=range(0, 13, 2))
    return ax
