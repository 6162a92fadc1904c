"""The Fisher information matrix of a small network, exactly: over the model's own labels, or over the data's."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from nnopt_utils._validation import check_choice, describe
from nnopt_utils.backpropagation import backward_pass, forward_pass
from nnopt_utils.networks import MLP
from nnopt_utils.second_order.own_labels import check_has_labels, expected_signals

LARGEST_BYTES = 1e9


def per_sample_gradients(network: MLP, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r"""Return the gradient of the loss of each sample alone: rows :math:`\nabla \ell(\theta; x_i, y_i)`.

    One pass of backpropagation has them all: with the signals δ of the single losses, the gradient of sample i in
    layer k is the outer product of what went in and what came back. With a and δ the rows of that sample:

    .. math:: \frac{\partial \ell}{\partial W^{(k)}} = a^{(k-1)\top} \delta^{(k)}, \qquad
              \frac{\partial \ell}{\partial b^{(k)}} = \delta^{(k)}

    Their mean is the gradient of the mean loss; the L2 penalty, which no sample owns, has no part in it.

    Args:
        network: at θ.
        x: inputs, (n, n_in).
        y: targets, as in ``network.loss_and_gradient``.

    Returns:
        (n, d), of the network's dtype.

    Raises:
        TypeError, ValueError: data that do not fit the network; more than 1 GB.

    Example:
        >>> network, x, y = MLP([2, 3, 2], dtype="float64"), np.eye(2), np.array([0, 1])
        >>> rows = per_sample_gradients(network, x, y)
        >>> rows.shape, np.allclose(rows.mean(axis=0), network.loss_and_gradient(x, y)[1])
        ((2, 17), True)
    """
    _check_network(network)
    x, y = network.check_data(x, y)
    _check_size("x", (len(x), network.n_parameters), network.dtype.itemsize, "gradients of a smaller batch")
    z, a = forward_pass(x, network.weights, network.biases, network.activation_functions)
    signals = len(x) * np.asarray(network.loss_function.core(a[-1], y)[1])  # the loss is a mean over samples
    return _gradients(network, z, a, signals)


def fisher_matrix(network: MLP, x: np.ndarray, y: np.ndarray | None = None, kind: str = "true") -> np.ndarray:
    r"""Return the Fisher information matrix F of a small network on data, (d, d).

    The ``"true"`` Fisher expects over the labels that the model itself holds probable, at the inputs of the data; the
    data's labels have no part in it. With g_i the gradient of the loss of sample i for such a label:

    .. math:: F = \frac1n \sum_i \mathrm{E}[g_i g_i^\top]

    The ``"empirical"`` Fisher takes the data's labels, :math:`\frac1n \sum_i g_i g_i^\top`: another matrix, and no
    curvature: where squared errors are all 0 it is 0, and F is not.

    The true Fisher is exact, not sampled: a sum over the classes with their probabilities for the softmax, over both
    answers of each output for binary logits, the Gaussian's variance for squared errors. It is the Gauss–Newton matrix
    :math:`\frac1n \sum_i J_i^\top H_i J_i` of the mean loss as the library defines it: H of one sample is
    diag(p) − p pᵀ for ``"cross_entropy"``, diag(p (1 − p)) / K for ``"binary_cross_entropy"``, 2/K for ``"mse"`` and 1
    for ``"half_mse"``. (The mean over K outputs divides the negative log-likelihood by K, and F with it.)
    The L2 penalty is left out: its Hessian, λ for weights and 0 for biases, is nobody's information.

    Args:
        network: at θ.
        x: inputs, (n, n_in).
        y: targets, needed for ``"empirical"`` only.
        kind: ``"true"`` (default) or ``"empirical"``.

    Returns:
        (d, d), float64, symmetric and positive semidefinite.

    Raises:
        TypeError, ValueError: data that do not fit the network; no ``y`` for the empirical Fisher; a loss without
            labels of its own (``"mae"``, ``"huber"``) for the true one; more than 1 GB.

    Example:
        >>> network = MLP([1, 2], initializer="zeros", dtype="float64")       # p = ½, ½; one input of 1
        >>> fisher_matrix(network, np.array([[1.0]]))[:2, :2]                  # diag(p) − p pᵀ
        array([[ 0.25, -0.25],
               [-0.25,  0.25]])

    Warning:
        PyTorch and Keras have neither. A mean of outer products of the gradients that training uses is the empirical
        one, by whatever name.

    Source: S. Amari, "Natural gradient works efficiently in learning", Neural Computation 10, 1998; for the two kinds:
    F. Kunstner et al., "Limitations of the empirical Fisher approximation for natural gradient descent",
    NeurIPS 2019.
    """
    _check_network(network)
    check_choice("kind", kind, ("true", "empirical"))
    d = network.n_parameters
    _check_size("network", (d, d), 8, "KFAC, which never builds it, or products with vectors")
    if kind == "empirical" and y is None:
        raise ValueError("y: got None; expected the data's labels, of which the empirical Fisher is made")
    if kind == "true":
        check_has_labels(network.loss_function)
    x = network.check_data(x, y)[0] if y is not None else network._check_x(x)
    F = np.zeros((d, d))
    piece = max(1, int(LARGEST_BYTES / 16 // d))  # samples whose gradients fit into memory
    for start in range(0, len(x), piece):
        rows = slice(start, start + piece)
        for G in _signal_gradients(network, x[rows], None if kind == "true" else np.asarray(y)[rows]):
            F += G.T @ G
    return F / len(x)


def _signal_gradients(network: MLP, x: np.ndarray, y: np.ndarray | None) -> Iterator[np.ndarray]:
    """Yield gradients a sample, (n, d), whose outer products are summed: those of y, or of the model's own labels."""
    if y is not None:
        yield per_sample_gradients(network, x, y).astype(np.float64, copy=False)
        return
    z, a = forward_pass(x, network.weights, network.biases, network.activation_functions)
    for signals in expected_signals(network.loss_function, a[-1]):
        yield _gradients(network, z, a, signals).astype(np.float64, copy=False)


def _gradients(network: MLP, z: list[np.ndarray], a: list[np.ndarray], signals: np.ndarray) -> np.ndarray:
    """The gradient of each sample, for these signals at the outputs."""
    deltas = backward_pass(signals, z, network.weights, network.activation_functions)
    rows = np.empty((len(signals), network.n_parameters), signals.dtype)
    places = iter(network.layout)
    for inputs, delta in zip(a, deltas, strict=False):
        rows[:, next(places).where] = (inputs[:, :, None] * delta[:, None, :]).reshape(len(rows), -1)
        rows[:, next(places).where] = delta
    return rows


def _check_network(network: MLP) -> None:
    if not isinstance(network, MLP):
        raise TypeError(f"network: got {describe(network)}; expected an MLP")
    if not network.is_plain:
        raise TypeError(f"network: got {describe(network)}; expected a plain MLP: network.decoded()")


def _check_size(name: str, shape: tuple[int, int], bytes_each: int, instead: str) -> None:
    size = math.prod(shape) * bytes_each
    if size > LARGEST_BYTES:
        raise ValueError(
            f"{name}: {shape[0]:,} × {shape[1]:,} numbers would take {size / 1e9:.1f} GB; expected at most "
            f"{LARGEST_BYTES / 1e9:g} GB. Use {instead}"
        )


__all__ = ["fisher_matrix", "per_sample_gradients"]
