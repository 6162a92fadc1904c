"""The library's network with seven classic mistakes in its backward pass, to be chosen by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils import backpropagation
from nnopt_utils.gradients import check_gradient
from nnopt_utils.networks import MLP

MISTAKES = ["φ′ forgotten", "φ′ at a, not z", "W not transposed", "W already updated"]
MISTAKES += ["bias: wrong axis", "sum, not mean", "buffer not zeroed"]


class Spoiled(MLP):
    """An MLP whose backward pass makes one mistake."""

    mistake: str | None = None
    buffer: Any = 0.0

    def backpropagate(self, x: Any, y: Any, theta: Any, out: Any = None) -> Any:
        weights, biases = self.views(theta)
        z, a = backpropagation.forward_pass(x, weights, biases, self.activation_functions)
        value, delta = self.loss_function.core(a[-1], y)
        gradient, weight_gradients, bias_gradients = out or self.cut(np.empty_like(theta))
        if self.mistake == "sum, not mean":
            delta = delta * len(delta)
        for k in reversed(range(len(weights))):
            weight_gradients[k][:] = a[k].T @ delta
            bias_gradients[k][:] = delta.sum(axis=1 if self.mistake == "bias: wrong axis" else 0)
            if k > 0:
                W = weights[k] - 0.3 * weight_gradients[k] if self.mistake == "W already updated" else weights[k]
                delta = delta @ (W if self.mistake == "W not transposed" else W.T)
                if self.mistake == "φ′ at a, not z":
                    delta = delta * self.activation_functions[k - 1].derivative(a[k])
                elif self.mistake != "φ′ forgotten":
                    delta = delta * self.activation_functions[k - 1].derivative(z[k - 1])
        if self.mistake == "buffer not zeroed":
            self.buffer = self.buffer + gradient
            gradient[:] = self.buffer
        return float(value), gradient


def spoiled(sizes: list[int], mistake: str | None, **options: Any) -> Spoiled:
    """A tanh network with this mistake; ``None`` makes none."""
    network = Spoiled(sizes, activation="tanh", **options)
    network.mistake = mistake
    return network


def verdict(mistake: str | None, sizes: list[int], n: int, zero: bool = False, calls: int = 2, seed: int = 5) -> str:
    """Does a gradient check on n samples catch the mistake? "raises": the shapes do not even fit.

    Args:
        zero: check at zero weights, instead of random ones.
        calls: how often the gradient is computed; the last one is checked.
    """
    generator = np.random.default_rng(seed)
    network = spoiled(sizes, mistake, dtype="float64")
    weights = np.zeros(network.n_parameters) if zero else generator.normal(0, 0.8, network.n_parameters)
    network.parameters = weights
    inputs, labels = generator.normal(size=(n, sizes[0])), generator.integers(sizes[-1], size=n)
    try:
        for _ in range(calls):
            g = network.loss_and_gradient(inputs, labels)[1]
        result = check_gradient(lambda theta: network.loss(inputs, labels, theta), g, network.parameters)
    except ValueError:
        return "raises"
    return "PASSES" if result.passed else "caught"
