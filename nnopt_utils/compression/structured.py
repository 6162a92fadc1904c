"""Fewer neurons: whole units go, and what remains is a smaller dense network."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils._validation import check_choice, check_integer, check_not_negative, check_number
from nnopt_utils.compression._chosen import check_network, one_a_layer
from nnopt_utils.compression.network import decoded
from nnopt_utils.networks import MLP


def remove_neurons(
    network: MLP,
    keep: float | int | list[Any],
    x: Any = None,
    make_up: str = "mean",
    damping: float = 0.01,
) -> MLP:
    r"""Return a smaller plain network: of each hidden layer the units with the highest scores.

    A unit's score is the norm of the weights that leave it, times how much its output varies: with data the standard
    deviation of its activation, without data the norm of the weights that enter it.

    With data, others make up for what a removed unit gave. Split the rows of the next layer's weights W, and the mean
    activations ā, into those of units that stay, s, and of units that are removed, r. Then

    .. math:: W' = W_s + B\, W_r, \qquad b' = b + (\bar a_r - \bar a_s B)\, W_r

    where B is zero for ``make_up="mean"``: the mean of what was removed goes into the biases. So a unit whose
    activation is the same for all data can go without any change on these. For ``"linear"``

    .. math:: B = (A_s^\top A_s + \lambda I)^{-1} A_s^\top A_r

    with all activations, less their means, in the columns of A: least squares, with damping. The units that stay also
    make up for how the removed ones varied, as far as this follows linearly from how they vary themselves. It costs
    nothing more in the smaller network, and needs no labels.

    Args:
        network: an ``MLP`` with hidden layers, compressed or not: it is decoded. It is not changed.
        keep: how many units of each hidden layer stay: a number of units, an integer >= 1; or a share, a float above 0
            and at most 1 (of which at least one unit stays); or a list with one of these for each hidden layer.
        x: inputs, (n, n_in): default none; then nothing is added to the biases. For ``"linear"`` some times as many as
            a layer has units.
        make_up: ``"mean"`` (default) or ``"linear"``: what the others do for a unit that goes.
        damping: of ``"linear"``, >= 0: λ as a share of the mean of the diagonal of A_sᵀ A_s; default 0.01. With few
            inputs more.

    Raises:
        TypeError, ValueError: no MLP, or none with hidden layers; more units than there are; ``"linear"`` without x.

    Example:
        >>> network = MLP([784, 64, 64, 10], seed=0)
        >>> smaller = remove_neurons(network, keep=0.5)
        >>> smaller.layer_sizes, network.n_parameters, smaller.n_parameters
        ([784, 32, 32, 10], 55050, 26506)
        >>> x = np.random.default_rng(0).random((2000, 784))
        >>> changes = [
        ...     np.linalg.norm(remove_neurons(network, 0.5, x, make_up).forward(x) - network.forward(x))
        ...     for make_up in ("mean", "linear")
        ... ]
        >>> bool(changes[1] < changes[0])
        True

    Source: scores by magnitudes of weights: H. Li et al., "Pruning filters for efficient ConvNets", ICLR 2017 (arXiv
    1608.08710); units that do not vary: J. Sietsma, R. J. F. Dow, "Creating artificial neural networks that
    generalize", Neural Networks 4, 1991; least squares for the weights of those that stay: Y. He, X. Zhang, J. Sun,
    "Channel pruning for accelerating very deep neural networks", ICCV 2017 (arXiv 1707.06168).
    """
    plain = decoded(check_network(network))
    hidden = list(range(len(plain.layer_sizes) - 2))
    if not hidden:
        raise ValueError(f"network: got layers {plain.layer_sizes}; expected a hidden layer, whose units can go")
    numbers = one_a_layer("keep", keep, hidden, _check_keep)
    check_choice("make_up", make_up, ["mean", "linear"])
    check_not_negative("damping", damping)
    if make_up == "linear" and x is None:
        raise ValueError("x: got None; expected inputs, on which the units that stay make up for the others")
    weights, biases = [W.copy() for W in plain.weights], [b.copy() for b in plain.biases]
    activations = None if x is None else plain.activations(x)
    for layer, number in zip(hidden, numbers, strict=True):
        width = plain.layer_sizes[layer + 1]
        count = max(1, round(number * width)) if isinstance(number, float) else number
        if count > width:
            raise ValueError(f"keep: got {count} units of layer {layer}; expected at most {width}")
        a = None if activations is None else activations[layer + 1]
        stays = _highest(_scores(plain, layer, a), count)
        weights[layer], biases[layer] = weights[layer][:, stays], biases[layer][stays]
        W_s, W_r = weights[layer + 1][stays], weights[layer + 1][~stays]
        if a is not None and not stays.all():
            mean = a.mean(axis=0, dtype=np.float64)
            B = _made_of_others(a - mean, stays, damping) if make_up == "linear" else np.zeros((len(W_s), len(W_r)))
            biases[layer + 1] = biases[layer + 1] + (mean[~stays] - mean[stays] @ B) @ W_r
            W_s = W_s + B @ W_r
        weights[layer + 1] = W_s
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


def _made_of_others(A: np.ndarray, stays: np.ndarray, damping: float) -> np.ndarray:
    """B: least squares for the columns that go by those that stay; damping is like further rows, √λ I and zeros."""
    A_s, A_r = A[:, stays], A[:, ~stays]
    root = np.sqrt(damping * np.mean(np.sum(A_s**2, axis=0)))
    rows = np.concatenate([A_s, root * np.eye(A_s.shape[1])])
    return np.asarray(np.linalg.lstsq(rows, np.concatenate([A_r, np.zeros((A_s.shape[1], A_r.shape[1]))]))[0])
