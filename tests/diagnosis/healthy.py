"""Healthy runs: five architectures and eight optimizers, each at an ordinary rate."""

from __future__ import annotations

from functools import partial

from nnopt_utils.faults import Setup
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Adagrad, Adam, AdamW, Lion, Optimizer, RMSprop

ARCHITECTURES = {
    "softmax regression": ([784, 10], "relu"),
    "784-64-64-10, ReLU": ([784, 64, 64, 10], "relu"),
    "784-300-100-10, GELU": ([784, 300, 100, 10], "gelu"),
    "784-64-64-64-64-10, tanh": ([784, 64, 64, 64, 64, 10], "tanh"),
    "784-32-32-32-10, leaky ReLU": ([784, 32, 32, 32, 10], "leaky_relu"),
}
OPTIMIZERS = {
    "SGD": partial(SGD, 0.1),
    "momentum": partial(SGD, 0.02, momentum=0.9),
    "Nesterov": partial(SGD, 0.02, momentum=0.9, nesterov=True),
    "Adagrad": partial(Adagrad, 0.01),
    "RMSprop": partial(RMSprop, 0.001),
    "Adam": partial(Adam, 0.001),
    "AdamW": partial(AdamW, 0.001),
    "Lion": partial(Lion, 0.0003),
}


def healthy_setup(architecture: str, optimizer: str, epochs: int = 3) -> Setup:
    sizes, activation = ARCHITECTURES[architecture]

    def network(seed: int) -> MLP:
        return MLP(sizes, activation=activation, seed=seed)

    def new(rate: float, steps: int) -> Optimizer:
        return OPTIMIZERS[optimizer]()

    return Setup(network=network, optimizer=new, epochs=epochs)
