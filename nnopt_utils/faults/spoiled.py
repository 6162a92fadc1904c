"""Ingredients with a fault: networks, optimizers, data, batches and stores that are wrong in one point each.

They print what their healthy relatives print: a fault that names itself would be none.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from nnopt_utils.activations import softmax
from nnopt_utils.diagnosis.recording import layers_of
from nnopt_utils.faults.setup import Data
from nnopt_utils.losses import Loss, ValueAndGradient, get_loss
from nnopt_utils.networks import MLP, Cut
from nnopt_utils.optimizers import SGD, Adam, AdamW, Optimizer
from nnopt_utils.schedules import CosineDecay

# -- networks --------------------------------------------------------------------------------------------------------


class SpoiledLoss:
    """A loss that is its relative in all but the formula."""

    def __init__(self, loss: Loss, core: Any) -> None:
        self.relative, self.core = loss, core

    def __getattr__(self, name: str) -> Any:
        if name == "relative":  # not there yet, when a copy is made
            raise AttributeError(name)
        return getattr(self.relative, name)


def summed(outputs: np.ndarray, targets: np.ndarray) -> ValueAndGradient:
    """Cross-entropy, summed over the batch."""
    value, gradient = get_loss("cross_entropy").core(outputs, targets)
    return value * len(outputs), gradient * len(outputs)


def of_softmax(outputs: np.ndarray, targets: np.ndarray) -> ValueAndGradient:
    """Cross-entropy that takes probabilities p = softmax(z) for logits; its gradient is right, by the chain rule."""
    p = softmax(outputs)
    value, by_p = get_loss("cross_entropy").core(p, targets)
    return value, p * (by_p - np.sum(p * by_p, axis=1, keepdims=True))


class WrongSign(MLP):
    """The gradient of one layer points up the hill."""

    wrong_layer: ClassVar[int] = 1

    def backpropagate(
        self, x: np.ndarray, y: np.ndarray, theta: np.ndarray, out: Cut | None = None
    ) -> tuple[float, np.ndarray]:
        value, gradient = super().backpropagate(x, y, theta, out)
        gradient[layers_of(self)[self.wrong_layer]] *= -1
        return value, gradient


SIZES = [784, 64, 64, 10]


def with_sum(seed: int) -> MLP:
    network = MLP(SIZES, seed=seed)
    network.loss_function = SpoiledLoss(network.loss_function, summed)  # type: ignore[assignment]
    return network


def with_two_softmaxes(seed: int) -> MLP:
    network = MLP(SIZES, seed=seed)
    network.loss_function = SpoiledLoss(network.loss_function, of_softmax)  # type: ignore[assignment]
    return network


def with_wrong_sign(seed: int) -> MLP:
    return WrongSign(SIZES, seed=seed)


def with_dead_units(seed: int) -> MLP:
    """The biases of the second hidden layer start so low that hardly any input reaches 0."""
    network = MLP(SIZES, seed=seed)
    network.biases[1] = np.full(64, -8.0)
    return network


def with_equal_units(seed: int) -> MLP:
    """Every weight of a layer starts at the same value."""
    return MLP(SIZES, initializer=lambda fan_in, fan_out, generator: np.full((fan_in, fan_out), 1 / fan_in))


def deep_sigmoid(seed: int) -> MLP:
    return MLP([784, *[64] * 8, 10], activation="sigmoid", seed=seed)


def deep_relu(seed: int) -> MLP:
    return MLP([784, *[64] * 8, 10], seed=seed)


def five_layers(seed: int) -> MLP:
    return MLP([784, *[64] * 4, 10], seed=seed)


def with_large_weights(seed: int) -> MLP:
    """Weights four times as large as He's in each of five layers."""
    network = five_layers(seed)
    network.parameters *= 4
    return network


RELU_NETWORKS: dict[Any, Any] = {deep_sigmoid: deep_relu}


# -- optimizers ------------------------------------------------------------------------------------------------------


class AdamAsPrinted(Adam):
    """Adam without bias correction, which does not say so."""

    def corrections(self) -> tuple[float, float]:
        return 1.0, 1.0

    def __repr__(self) -> str:
        return super().__repr__().replace(type(self).__name__, "Adam", 1)


class AdamWAsPrinted(AdamW):
    """AdamW that knows its weight decay, prints it, and leaves it out."""

    owns_weight_decay = True

    def __repr__(self) -> str:
        return super().__repr__().replace(type(self).__name__, "AdamW", 1)


def sgd(learning_rate: float, steps: int) -> Optimizer:
    return SGD(learning_rate, momentum=0.9)


def uncorrected_adam(learning_rate: float, steps: int) -> Optimizer:
    return AdamAsPrinted(learning_rate)


def adamw(learning_rate: float, steps: int) -> Optimizer:
    return AdamW(learning_rate, weight_decay=0.1)


def adamw_without_decay(learning_rate: float, steps: int) -> Optimizer:
    return AdamWAsPrinted(learning_rate, weight_decay=0.1)


def adam_with_cosine(learning_rate: float, steps: int) -> Optimizer:
    return Adam(CosineDecay(learning_rate, steps=steps))


def adam_with_cosine_of_epochs(learning_rate: float, steps: int) -> Optimizer:
    """The schedule is told 5, the epochs, and asked in every step."""
    return Adam(CosineDecay(learning_rate, steps=5))


def forgotten(optimizer: Optimizer) -> Optimizer:
    """A checkpoint without the optimizer's state: another one begins, with the same settings."""
    positional, named = optimizer._given
    return type(optimizer)(*positional, **named)


# -- data, batches, storage ------------------------------------------------------------------------------------------


def unscaled(data: Data, generator: np.random.Generator) -> Data:
    """Pixels from 0 to 255."""
    return data._replace(x=data.x * 255, x_val=data.x_val * 255)


def torn(data: Data, generator: np.random.Generator) -> Data:
    """The training rows are put into another order, the labels are not."""
    return data._replace(x=data.x[generator.permutation(len(data.x))])


def leaked(data: Data, generator: np.random.Generator) -> Data:
    """The validation rows are among the training rows."""
    return data._replace(x=np.concatenate([data.x, data.x_val]), y=np.concatenate([data.y, data.y_val]))


def sorted_by_label(data: Data, generator: np.random.Generator) -> Data:
    """The training set as a folder of files has it: class after class."""
    order = np.argsort(data.y, kind="stable")
    return data._replace(x=data.x[order], y=data.y[order])


def cut_then_shuffled(n_samples: int, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Batches of neighbours, in another order every epoch."""
    cut = [np.arange(start, min(start + batch_size, n_samples)) for start in range(0, n_samples, batch_size)]
    return [cut[k] for k in np.random.default_rng([seed, epoch]).permutation(len(cut))]


def as_bfloat16(theta: np.ndarray) -> None:
    """Round θ to bfloat16, 8 binary digits, ties to even."""
    bits = theta.view(np.uint32)
    bits += 0x7FFF + ((bits >> 16) & 1)
    bits &= 0xFFFF0000
