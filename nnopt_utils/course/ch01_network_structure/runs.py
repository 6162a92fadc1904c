"""What chapter 01 trains and measures, more than once or in more lines than a page has room for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nnopt_utils.datasets import two_moons
from nnopt_utils.initializers import glorot_uniform
from nnopt_utils.networks import MLP, Initializer
from nnopt_utils.optimizers import SGD
from nnopt_utils.training import DivergenceError, fit


def constant(fan_in: int, fan_out: int, generator: np.random.Generator) -> np.ndarray:
    """Every weight 0.3."""
    return np.full((fan_in, fan_out), 0.3)


def constant_below(fan_in: int, fan_out: int, generator: np.random.Generator) -> np.ndarray:
    """0.3 from the two inputs, random numbers behind."""
    return (constant if fan_in == 2 else glorot_uniform)(fan_in, fan_out, generator)


STARTS: dict[str, str | Initializer] = {
    "zero": "zeros",
    "0.3": constant,
    "0.3, then random": constant_below,
    "random": "glorot_uniform",
}
MOONS = two_moons(200, noise=0.1, seed=0)


class MoonRun(NamedTuple):
    """A network after its training on the half moons: units that are off for every sample, and its accuracy."""

    dead: float
    accuracy: float


def train_on_moons(width: int, activation: str, learning_rate: float, seed: int) -> MoonRun:
    """Train a network 2-width-2 on the half moons: 60 epochs in batches of 20, momentum 0.9.

    Returns:
        What became of it; NaN and NaN where training diverged.
    """
    network = MLP([2, width, 2], activation=activation, seed=seed)
    optimizer = SGD(learning_rate, momentum=0.9)
    try:
        fit(network, optimizer, MOONS, epochs=60, batch_size=20, seed=seed, progress=False)
    except DivergenceError:
        return MoonRun(math.nan, math.nan)
    dead = network.activations(MOONS[0])[1].max(axis=0) <= 0
    return MoonRun(int(dead.sum()), network.evaluate(*MOONS).accuracy)


class Watched(NamedTuple):
    """Weights from the first input to all hidden units, a row a step, and the accuracy at the end."""

    path: np.ndarray
    accuracy: float


def watch_first_weights(initializer: str | Initializer, steps: int = 600) -> Watched:
    """Train 2-8-2 with tanh on the half moons, full batch, rate 0.5, from a start of one's choice."""
    network = MLP([2, 8, 2], activation="tanh", initializer=initializer, seed=0, dtype="float64")
    path = [network.weights[0][0].copy()]
    fit(
        network,
        SGD(0.5),
        MOONS,
        epochs=steps,
        batch_size=len(MOONS[0]),
        callback=lambda step: path.append(step.network.weights[0][0].copy()),
        progress=False,
    )
    return Watched(np.array(path), network.evaluate(*MOONS).accuracy)


def sizes_by_layer(activation: str, initializer: str | Initializer, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Send x through 20 hidden layers of 512 units.

    Returns:
        The mean squares of the activations, and the root mean squares of the bias gradients, layer by layer.
    """
    network = MLP([512] * 21 + [10], activation, initializer=initializer, seed=2, dtype="float64")
    forward = [np.mean(a**2) for a in network.activations(x)[1:-1]]
    gradient = network.loss_and_gradient(x, np.arange(len(x)) % 10)[1]
    backward = [np.sqrt(np.mean(gradient[t.where] ** 2)) for t in network.layout if t.name.startswith("biases")]
    return np.array(forward), np.array(backward[:-1])


def trained_error(function: Callable[[np.ndarray], np.ndarray], width: int, seed: int, steps: int = 1500) -> float:
    """Train 1-width-1 with ReLU on a function over [−3, 3]; return the root mean square error.

    The knots start spread over the interval. The rate, 0.005 with momentum 0.9, is the largest of 0.003, 0.005 and
    0.01 with which no run of chapter 01 diverges.
    """
    x, fine = np.linspace(-3, 3, 61)[:, None], np.linspace(-3, 3, 3001)[:, None]
    network = MLP([1, width, 1], activation="relu", loss="mse", seed=seed)
    knots = np.random.default_rng([seed, 7]).uniform(-3, 3, width)
    network.biases[0][:] = -network.weights[0][0] * knots
    fit(network, SGD(0.005, momentum=0.9), (x, function(x)), epochs=steps, batch_size=len(x), progress=False)
    return float(np.sqrt(np.mean((network.forward(fine) - function(fine)) ** 2)))


def units_that_come_back(seed: int, moving_below: bool = True) -> tuple[int, int]:
    """Count second-layer ReLU units that are dead at the start, and those of them that are alive after training.

    A network 2-16-16-2 with biases −1.2 in its second layer learns the half moons by plain SGD, 100 epochs at rate 0.1.

    Args:
        seed: of the network and of the order.
        moving_below: whether the first layer trains, too; else it is put back after each step.
    """
    network = MLP([2, 16, 16, 2], activation="relu", seed=seed)
    network.biases[1][:] = -1.2
    first, bias = network.weights[0].copy(), network.biases[0].copy()

    def put_back(_: object) -> None:
        network.weights[0], network.biases[0] = first, bias

    dead = network.activations(MOONS[0])[2].max(axis=0) <= 0
    callback = None if moving_below else put_back
    fit(network, SGD(0.1), MOONS, epochs=100, batch_size=20, seed=seed, callback=callback, progress=False)
    alive = network.activations(MOONS[0])[2].max(axis=0) > 0
    return int(dead.sum()), int((dead & alive).sum())


def accuracy_or_step(network: MLP, optimizer: SGD, data: tuple[np.ndarray, ...], epochs: int) -> float | int:
    """Train in batches of 50; return the validation accuracy or, if training diverges, the number of that step."""
    try:
        return fit(network, optimizer, data, epochs=epochs, batch_size=50, progress=False).val_accuracy[-1]
    except DivergenceError as error:
        return len(error.history.step_losses) + 1
