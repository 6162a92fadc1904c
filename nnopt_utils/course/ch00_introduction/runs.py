"""The trainings of chapter 00 that are compared: each spends a budget of operations, and says how far it came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nnopt_utils.datasets import Dataset
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Optimizer
from nnopt_utils.training import History, Step, fit

SIZES = [784, 64, 64, 10]


def accuracies_after(
    layer_sizes: Sequence[int], steps: Sequence[int], data: Dataset, seed: int, learning_rate: float = 0.02
) -> list[float]:
    """Train with SGD, momentum 0.9 and batches of 32; return the validation accuracy after so many steps each."""
    network = MLP(layer_sizes, seed=seed)
    found: list[float] = []

    def look(step: Step) -> bool:
        if step.t in steps:
            found.extend([network.evaluate(data.x_val, data.y_val).accuracy] * list(steps).count(step.t))
        return step.t == steps[-1]  # True ends the training

    fit(network, SGD(learning_rate, momentum=0.9), data, epochs=100, seed=seed, callback=look)
    return found


def one_exact_step(data: Dataset, seed: int, rates: Sequence[float] = tuple(np.geomspace(0.1, 3, 10))) -> float:
    """One step along the gradient of all training digits; return the validation accuracy with the best of the rates."""
    network = MLP(SIZES, seed=seed)
    start, (_, gradient) = network.parameters.copy(), network.loss_and_gradient(data.x_train, data.y_train)
    found = []
    for learning_rate in rates:
        network.parameters = start - learning_rate * gradient
        found.append(network.evaluate(data.x_val, data.y_val).accuracy)
    return max(found)


def one_epoch(optimizer: Optimizer, data: Dataset, seed: int) -> History:
    """Train with mini-batches of 32 for one epoch; return the record."""
    return fit(MLP(SIZES, seed=seed), optimizer, data, epochs=1, seed=seed)


class Interval(NamedTuple):
    """Where the true value lies, in about 95 of 100 experiments."""

    low: float
    high: float

    def __repr__(self) -> str:
        return f"{self.low:.2f} to {self.high:.2f}"


def lead(first: Sequence[float], second: Sequence[float]) -> Interval:
    """How far the first is ahead of the second: the 95 % interval of the mean difference of ten paired runs.

    >>> lead([97.0, 98.0] * 5, [96.0, 96.0] * 5)
    1.12 to 1.88
    """
    difference = np.subtract(first, second)
    half = 2.26 * float(difference.std(ddof=1)) / np.sqrt(len(difference))  # Student's t, nine degrees of freedom
    return Interval(float(difference.mean()) - half, float(difference.mean()) + half)


def in_percent(accuracies: Sequence[float]) -> str:
    """Mean, smallest and largest of accuracies in percent, as a text.

    >>> in_percent([95, 96, 97])
    '96.0 (95.0 to 97.0)'
    """
    return f"{np.mean(accuracies):.1f} ({np.min(accuracies):.1f} to {np.max(accuracies):.1f})"
