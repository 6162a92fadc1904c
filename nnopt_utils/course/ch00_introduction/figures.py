"""Figures of chapter 00: pure functions of their parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnopt_utils.activations import softmax
from nnopt_utils.datasets import load_mnist
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.plotting import COLOURS, new_figure, plot_bars, plot_digits
from nnopt_utils.training import Step, fit

Array = np.ndarray
MOMENTS = (0, 10, 30, 100, 300, 1000)
_N_TRAINING = 16_000  # as many as 1,000 batches of 16 need


def digit_and_probabilities(index: int, steps: int = 1000, only_mistakes: bool = False) -> Figure:
    """A validation digit, and the probabilities that a small network gives to the ten classes.

    Args:
        index: which digit, from 0; after the last one it starts again.
        steps: after how many training steps: one of ``MOMENTS``.
        only_mistakes: count only the digits that the network gets wrong at the end of its training.
    """
    if steps not in MOMENTS:
        raise ValueError(f"steps: got {steps!r}; expected one of {', '.join(map(str, MOMENTS))}")
    _, _, images, labels = _data()
    probabilities = _probabilities()
    final = probabilities[MOMENTS[-1]].argmax(axis=1)
    shown = np.flatnonzero(final != labels) if only_mistakes else np.arange(len(labels))
    number = int(shown[index % len(shown)])
    p, label = probabilities[steps][number], int(labels[number])

    figure, (left, right) = new_figure(1, 2, width=7.5, height=3.2)
    plot_digits(images[number], ax=left)
    left.set_title(f"validation digit {number}: a {label}")
    colours = [COLOURS["blue"] if k == label else COLOURS["orange"] for k in range(10)]
    right.bar(range(10), p, color=colours)
    right.axhline(0.1, color="black", linestyle=":", linewidth=1)
    right.set(xticks=range(10), ylim=(0, 1.02), xlabel="digit", ylabel="probability")
    verdict = "right" if int(p.argmax()) == label else "wrong"
    right.set_title(f"after {steps:,} steps: {p.argmax()} ({verdict}), loss {-np.log(max(p[label], 1e-30)):.2f}")
    return figure


@lru_cache(maxsize=1)
def _data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and validation digits; copies, so that the rest of the data need not stay in memory."""
    data = load_mnist()
    parts = (data.x_train[:_N_TRAINING], data.y_train[:_N_TRAINING], data.x_val, data.y_val)
    return tuple(part.copy() for part in parts)  # type: ignore[return-value]


@lru_cache(maxsize=1)
def _probabilities() -> dict[int, np.ndarray]:
    """Train a small network, once, and keep what it says of every validation digit at the moments."""
    x, y, x_val, _ = _data()
    network = MLP([784, 32, 10], seed=1)
    kept = {0: _ask(network, x_val)}

    def look(step: Step) -> None:
        if step.t in MOMENTS:
            kept[step.t] = _ask(network, x_val)

    fit(network, SGD(0.01, momentum=0.9), (x, y), epochs=1, batch_size=16, seed=1, callback=look, progress=False)
    return kept


def _ask(network: MLP, x: np.ndarray) -> np.ndarray:
    return softmax(network.forward(x).astype(np.float64))


def training_curves(step_losses: Array, accuracies: Sequence[float]) -> tuple[Axes, Axes]:
    """The loss of each batch with its running mean; the validation accuracy (0 to 1) before and after each epoch."""
    _, (left, right) = new_figure(1, 2, width=9.0, height=3.6)
    left.semilogy(step_losses, color=COLOURS["sky"], linewidth=0.3, alpha=0.6)
    left.semilogy(*running_mean(step_losses), color=COLOURS["blue"])
    left.axhline(np.log(10), color="black", linestyle=":")
    left.text(0.98 * len(step_losses), 2.5, "knows nothing: ln 10", ha="right", va="bottom")
    left.set(xlabel="step", ylabel="loss of the batch", ylim=(0.005, 5))
    epochs = range(len(accuracies))
    right.plot(epochs, 100 * np.asarray(accuracies), "o-", color=COLOURS["blue"])
    right.axhline(10, color="black", linestyle=":")
    right.set(xlabel="epochs", ylabel="validation accuracy, %", xticks=epochs, ylim=(0, 103))
    return left, right


def running_mean(values: Array, width: int = 50) -> tuple[Array, Array]:
    """Steps, and the mean of the last ``width`` values at each of them."""
    width = min(width, len(values))
    means = np.convolve(values, np.ones(width) / width, mode="valid")
    return np.arange(width - 1, len(values)), means


def confusion_counts(labels: Array, predictions: Array) -> Array:
    """How often each digit (row) is taken for each other one (column)."""
    counts = np.zeros((10, 10), dtype=int)
    wrong = labels != predictions
    np.add.at(counts, (labels[wrong], predictions[wrong]), 1)
    return counts


def plot_confusion(counts: Array) -> Axes:
    """The table of `confusion_counts`, the larger the darker."""
    _, ax = new_figure(width=5.2, height=4.6)
    ax.imshow(counts, cmap="Blues", vmax=1.5 * max(counts.max(), 1))
    for true, said in np.argwhere(counts):
        ax.text(said, true, counts[true, said], ha="center", va="center")
    ax.set(xlabel="the network says", ylabel="it is", xticks=range(10), yticks=range(10))
    ax.grid(False)
    return ax


def plot_resampled(counts: Array, right: int, n: int) -> Axes:
    """Accuracies of many samples of n digits, and the normal curve with the formula's width around ``right`` of n."""
    p = right / n
    s = 100 * np.sqrt(p * (1 - p) / n)
    grid = np.linspace(100 * p - 4 * s, 100 * p + 4 * s, 200)
    _, ax = new_figure(width=8.0, height=3.2)
    # The edges lie between whole numbers of right ones, so that each bar covers four of them.
    bins = (right + np.arange(-50, 51, 4) - 0.5) * 100 / n
    ax.hist(100 * counts / n, bins=bins, density=True, color=COLOURS["sky"], label="drawn anew, 1,000 times")
    normal = np.exp(-0.5 * ((grid - 100 * p) / s) ** 2) / (s * np.sqrt(2 * np.pi))
    ax.plot(grid, normal, color=COLOURS["vermillion"], label="normal curve with the\nformula's width $s$")
    ax.set(xlabel="accuracy, %", ylabel="density")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return ax


def plot_structures(shares: Array, accuracies: Mapping[str, Array]) -> tuple[Axes, Axes]:
    """Accuracy against the share of the budget: the mean over seeds (rows) and the band from smallest to largest."""
    _, panels = new_figure(1, 2, width=9.0, height=3.8)
    for ax, limits in zip(panels, [(0, 100), (86, 97.5)], strict=True):
        for (name, found), colour, marker in zip(accuracies.items(), COLOURS.values(), "os^", strict=False):
            ax.semilogx(shares, found.mean(axis=0), marker=marker, color=colour, label=name)
            ax.fill_between(shares, found.min(axis=0), found.max(axis=0), color=colour, alpha=0.2)
        ax.set_xticks(shares, [f"{100 * share:g} %" for share in shares])
        ax.minorticks_off()
        ax.set(xlabel="share of the budget spent", ylabel="validation accuracy, %", ylim=limits)
    panels[0].legend(loc="lower right")
    return panels[0], panels[1]


def plot_algorithms(accuracies: Mapping[str, Sequence[float]]) -> Axes:
    """A bar a label up to the mean over seeds; the black line goes from the smallest to the largest."""
    means = {name: float(np.mean(found)) for name, found in accuracies.items()}
    ax = plot_bars(means, xlabel="validation accuracy after 12.6 billion operations, %", value_format="{:.1f}")
    for row, found in enumerate(accuracies.values()):
        ax.plot([min(found), max(found)], [row, row], color="black", marker="|", markersize=8, zorder=3)
        ax.texts[row].xy = (max(found), row)  # type: ignore[attr-defined]  # beside the line, not on it
    return ax


def plot_rates(step_losses: Mapping[float, Array], accuracies: Mapping[float, float]) -> tuple[Axes, Axes]:
    """The loss of each batch for each learning rate, and the accuracy at the end."""
    _, (left, right) = new_figure(1, 2, width=9.0, height=3.6)
    for (rate, losses), colour in zip(step_losses.items(), COLOURS.values(), strict=False):
        left.semilogy(*running_mean(losses), color=colour, label=f"η = {rate:g}")
    left.axhline(np.log(10), color="black", linestyle=":")
    left.set(xlabel="step", ylabel="loss, mean of 50 batches", ylim=(0.1, 30))
    left.legend(ncols=2, loc="upper right")
    right.semilogx(list(accuracies), list(accuracies.values()), "o-", color=COLOURS["black"])
    right.axhline(10, color="black", linestyle=":")
    right.set(xlabel="learning rate η", ylabel="validation accuracy, %", ylim=(0, 103))
    return left, right
