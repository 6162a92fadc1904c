"""Figures of chapter 00: pure functions of their parameters."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure

from nnopt_utils.activations import softmax
from nnopt_utils.datasets import load_mnist
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.plotting import COLOURS, new_figure, plot_digits
from nnopt_utils.training import Step, fit

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
