"""Remedies: what one does to a setup who believes in a fault.

On another fault a remedy may raise the accuracy, another rate above all; the sign of the fault must be left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnopt_utils.faults.setup import Data, Setup
from nnopt_utils.faults.spoiled import RELU_NETWORKS, SpoiledLoss, of_softmax, summed
from nnopt_utils.networks import MLP

#: A setup → the setups that the remedy proposes; where it proposes several, the best by validation counts.
Remedy = Callable[[Setup], list[Setup]]


def other_rates(*factors: float) -> Remedy:
    """Try multiples of the rate."""
    return lambda setup: [setup.changed(learning_rate=setup.learning_rate * factor) for factor in factors]


def exchanged(ingredient: str, spoilt: Any, healthy: Any) -> Remedy:
    """Put a healthy ingredient in the place of the spoilt one; where that is not there, there is nothing to mend."""

    def remedy(setup: Setup) -> list[Setup]:
        return [setup.changed(**{ingredient: healthy}) if getattr(setup, ingredient) is spoilt else setup]

    return remedy


def to_networks(change: Callable[[MLP, np.random.Generator], MLP]) -> Remedy:
    """Change every network that the setup makes."""

    def remedy(setup: Setup) -> list[Setup]:
        make = setup.network
        return [setup.changed(network=lambda seed: change(make(seed), np.random.default_rng([seed, 3])))]

    return remedy


def to_data(change: Callable[[Data], Data]) -> Remedy:
    """Change the data after all that was done to them."""

    def remedy(setup: Setup) -> list[Setup]:
        prepare = setup.prepare
        return [setup.changed(prepare=lambda data, generator: change(prepare(data, generator)))]

    return remedy


def biases_at_zero(network: MLP, generator: np.random.Generator) -> MLP:
    for bias in network.biases:
        bias[:] = 0
    return network


def broken_symmetry(network: MLP, generator: np.random.Generator) -> MLP:
    """Add to every weight a random number of He's size."""
    for weights in network.weights:
        weights += generator.normal(0, np.sqrt(2 / len(weights)), weights.shape)
    return network


def he_scale(network: MLP, generator: np.random.Generator) -> MLP:
    """Scale each layer's weights to an RMS of √(2 / fan-in)."""
    for weights in network.weights:
        weights *= np.sqrt(2 / len(weights)) / max(float(np.sqrt(np.mean(weights**2))), 1e-12)
    return network


def relu_for_sigmoid(setup: Setup) -> list[Setup]:
    """Exchange a network of sigmoids for the same of ReLUs."""
    return [setup.changed(network=RELU_NETWORKS.get(setup.network, setup.network))]


def own_backward_pass(network: MLP, generator: np.random.Generator) -> MLP:
    """Use the library's backward pass."""
    network.__class__ = MLP
    return network


def mean_of_the_batch(network: MLP, generator: np.random.Generator) -> MLP:
    """Put a mean over the batch in the place of a sum; what is a mean already is not divided once more."""
    loss = network.loss_function
    if isinstance(loss, SpoiledLoss) and loss.core is summed:
        network.loss_function = loss.relative
    return network


def one_softmax(network: MLP, generator: np.random.Generator) -> MLP:
    """Give the loss the logits."""
    loss = network.loss_function
    if isinstance(loss, SpoiledLoss) and loss.core is of_softmax:
        network.loss_function = loss.relative
    return network


def in_unit_range(data: Data) -> Data:
    """Divide inputs by the largest of the training set."""
    largest = float(np.max(np.abs(data.x)))
    return data._replace(x=data.x / largest, x_val=data.x_val / largest)


def without_validation_rows(data: Data) -> Data:
    """Take out of the training set every row that the validation set has."""
    held = {row.tobytes() for row in data.x_val}
    kept = np.array([row.tobytes() not in held for row in data.x])
    return data._replace(x=data.x[kept], y=data.y[kept])
