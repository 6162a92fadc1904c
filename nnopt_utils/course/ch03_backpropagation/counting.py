"""Counts the operations of the library's own passes, by an array that notes every operation it takes part in."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils import backpropagation
from nnopt_utils.networks import MLP


class Counting(np.ndarray):
    """An array that notes the operations of all it takes part in: matrix products, and entry by entry."""

    matrix, others = 0, 0

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        plain = [np.asarray(item) for item in inputs]
        if ufunc is np.matmul:
            Counting.matrix += 2 * plain[0].size * plain[1].shape[1]
        else:
            Counting.others += max(item.size for item in plain)
        if out is not None:
            options["out"] = tuple(np.asarray(item) for item in out)
        return np.asarray(getattr(ufunc, method)(*plain, **options)).view(Counting)


def count_operations(network: MLP, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Operations of the forward (first row) and of the backward pass: matrix products, and all others."""
    Counting.matrix = Counting.others = 0
    functions = network.activation_functions
    z, a = backpropagation.forward_pass(x.view(Counting), network.weights, network.biases, functions)
    delta = np.asarray(network.loss_function.core(a[-1], y)[1])
    forward = (Counting.matrix, Counting.others)
    deltas = backpropagation.backward_pass(delta.view(Counting), z, network.weights, functions)
    places = network.views(np.empty(network.n_parameters))
    backpropagation.parameter_gradients(a, deltas, *places)
    return np.array([forward, (Counting.matrix - forward[0], Counting.others - forward[1])])
