"""Fewer neurons: whole units go, and what remains is a smaller dense network."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils._validation import check_integer, check_number
from nnopt_utils.compression._chosen import check_network, one_a_layer
from nnopt_utils.compression.network import decoded
from nnopt_utils.networks import MLP


def remove_neurons(network: MLP, keep: float | int | list[Any], x: Any = None) -> MLP:
    r"""Return a smaller plain network: of each hidden layer the units with the highest scores.

    A unit's score is the norm of the weights that leave it, times how much its output varies: with data the standard
    deviation of its activation, without data the norm of the weights that enter it. What a removed unit gave on
    average over the data goes into the biases of the next layer:

    .. math:: b' = b + \sum_{i} \bar a_i\, W_{i\cdot}

    over the removed units i. So a unit whose activation is the same for all data can go without any change on these.

    Args:
        network: an ``MLP`` with hidden layers, compressed or not: it is decoded. It is not changed.
        keep: how many units of each hidden layer stay: a number of units, an integer >= 1; or a share, a float above 0
            and at most 1 (of which at least one unit stays); or a list with one of these for each hidden layer.
        x: inputs, (n, n_in): default none; then nothing is added to the biases.

    Raises:
        TypeError, ValueError: no MLP, or none with hidden layers; more units than there are.

    Example:
        >>> network = MLP([784, 64, 64, 10], seed=0)
        >>> smaller = remove_neurons(network, keep=0.5)
        >>> smaller.layer_sizes, network.n_parameters, smaller.n_parameters
        ([784, 32, 32, 10], 55050, 26506)

    Source: scores by magnitudes of weights: H. Li et al., "Pruning filters for efficient ConvNets", ICLR 2017 (arXiv
    1608.08710); units that do not vary: J. Sietsma, R. J. F. Dow, "Creating artificial neural networks that
    generalize", Neural Networks 4, 1991.
    """
    plain = decoded(check_network(network))
    hidden = list(range(len(plain.layer_sizes) - 2))
    if not hidden:
        raise ValueError(f"network: got layers {plain.layer_sizes}; expected a hidden layer, whose units can go")
    numbers = one_a_layer("keep", keep, hidden, _check_keep)
    weights, biases = [W.copy() for W in plain.weights], [b.copy() for b in plain.biases]
    activations = None if x is None else plain.activations(x)
    for layer, number in zip(hidden, numbers, strict=True):
        width = plain.layer_sizes[layer + 1]
        count = max(1, round(number * width)) if isinstance(number, float) else number
        if count > width:
            raise ValueError(f"keep: got {count} units of layer {layer}; expected at most {width}")
        a = None if activations is None else activations[layer + 1]
        stays = _highest(_scores(plain, layer, a), count)
        if a is not None:
            biases[layer + 1] += a[:, ~stays].mean(axis=0) @ weights[layer + 1][~stays]
        weights[layer], biases[layer] = weights[layer][:, stays], biases[layer][stays]
        weights[layer + 1] = weights[layer + 1][stays]
    sizes = [plain.layer_sizes[0], *map(len, biases)]
    smaller = MLP(sizes, plain.activation, plain.loss_function.name, "zeros", plain.l2, dtype=plain.dtype.name)
    smaller.weights, smaller.biases = weights, biases
    return smaller


def _check_keep(name: str, value: Any) -> float | int:
    if isinstance(value, float | np.floating):
        return check_number(name, value, low=0.0, high=1.0, low_open=True)
    return check_integer(name, value, low=1)


def _scores(network: MLP, layer: int, activations: np.ndarray | None) -> np.ndarray:
    leaving = np.linalg.norm(network.weights[layer + 1], axis=1)
    varies = np.linalg.norm(network.weights[layer], axis=0) if activations is None else activations.std(axis=0)
    return np.asarray(leaving * varies)


def _highest(scores: np.ndarray, count: int) -> np.ndarray:
    """A mask of the highest scores; of equal ones the earlier stay."""
    stays = np.zeros(len(scores), bool)
    stays[np.argsort(-scores, kind="stable")[:count]] = True
    return stays
