r"""Backpropagation: signals run forward through the layers, error signals back, and the gradient is read off between.

.. math::

    a^{(0)} = x, \qquad z^{(k)} = a^{(k-1)} W^{(k)} + b^{(k)}, \qquad a^{(k)} = \varphi_k(z^{(k)})

The functions take a list with an array a layer, rows are samples, and check nothing: ``MLP`` calls them at every step.
The last layer has no activation, so there is one activation less than there are layers.

Source: D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by back-propagating errors",
Nature 323, 1986.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nnopt_utils.activations import Activation

Arrays = Sequence[np.ndarray]


class Signals(NamedTuple):
    r"""What passes through a network on given data, an array a layer; rows are samples.

    Attributes:
        pre_activations: :math:`z^{(1)}, z^{(2)}, \dots`; the last is the output.
        activations: :math:`a^{(0)} = x, a^{(1)}, \dots`; the last is the output.
        deltas: :math:`\delta^{(1)}, \delta^{(2)}, \dots` with
            :math:`\delta^{(k)} = \frac{\partial J}{\partial z^{(k)}}`.

    Example:
        >>> from nnopt_utils.networks import MLP
        >>> z, a, delta = MLP([2, 3, 1], loss="mse", seed=0).signals(np.ones((5, 2)), np.zeros((5, 1)))
        >>> [array.shape for array in a], [array.shape for array in delta]
        ([(5, 2), (5, 3), (5, 1)], [(5, 3), (5, 1)])
    """

    pre_activations: list[np.ndarray]
    activations: list[np.ndarray]
    deltas: list[np.ndarray]


def forward_pass(
    x: np.ndarray, weights: Arrays, biases: Arrays, functions: Sequence[Activation]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    r"""Return the pre-activations :math:`z^{(1)}, \dots` and the activations :math:`a^{(0)} = x, a^{(1)}, \dots`

    Args:
        x: inputs, (n, n_in).
        weights, biases: an array a layer, (fan-in, fan-out) and (fan-out,).
        functions: the activation of each layer but the last.

    Example:
        >>> from nnopt_utils.activations import get_activation
        >>> z, a = forward_pass(np.array([[1.0, 2.0]]), [np.eye(2), np.ones((2, 1))], [np.array([0.0, -3.0]), 1.0],
        ...                     [get_activation("relu")])
        >>> z[0].tolist(), a[1].tolist(), a[2].tolist()
        ([[1.0, -1.0]], [[1.0, 0.0]], [[2.0]])
    """
    pre_activations, activations = [], [x]
    for k, (W, b) in enumerate(zip(weights, biases, strict=True)):
        z = activations[-1] @ W
        z += b
        pre_activations.append(z)
        activations.append(functions[k].value(z) if k < len(functions) else z)
    return pre_activations, activations


def backward_pass(
    delta: np.ndarray, pre_activations: Arrays, weights: Arrays, functions: Sequence[Activation]
) -> list[np.ndarray]:
    r"""Return the error signals :math:`\delta^{(1)}, \delta^{(2)}, \dots`, from that of the outputs down.

    .. math:: \delta^{(k-1)} = \delta^{(k)} W^{(k)\top} \odot \varphi'_{k-1}(z^{(k-1)})

    Args:
        delta: that of the outputs, from the loss.
        pre_activations, weights, functions: as in :func:`forward_pass`.

    Example:
        >>> from nnopt_utils.activations import get_activation
        >>> z, weights = [np.array([[1.0, -1.0]]), np.array([[1.0]])], [np.eye(2), np.array([[2.0], [3.0]])]
        >>> first, last = backward_pass(np.array([[1.0]]), z, weights, [get_activation("relu")])
        >>> first.tolist()                        # nothing passes through a unit that is off
        [[2.0, 0.0]]
    """
    deltas = [delta]
    for k in range(len(functions), 0, -1):
        delta = delta @ weights[k].T
        delta *= functions[k - 1].derivative(pre_activations[k - 1])
        deltas.append(delta)
    return deltas[::-1]


def parameter_gradients(
    activations: Arrays,
    deltas: Arrays,
    weight_gradients: Arrays,
    bias_gradients: Arrays,
) -> None:
    r"""Write the gradient of every layer's weights and biases into its place.

    .. math:: \frac{\partial J}{\partial W^{(k)}} = a^{(k-1)\top} \delta^{(k)}, \qquad
              \frac{\partial J}{\partial b^{(k)}} = \sum_i \delta^{(k)}_i

    Args:
        activations, deltas: as :func:`forward_pass` and :func:`backward_pass` return them.
        weight_gradients, bias_gradients: where to write: an array of the shape of each layer's weights and biases.

    Example:
        >>> dW, db = [np.empty((2, 1))], [np.empty(1)]
        >>> x, delta = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.5], [-1.0]])
        >>> parameter_gradients([x], [delta], dW, db)
        >>> dW[0].tolist(), db[0].tolist()
        ([[-2.5], [-3.0]], [-0.5])
    """
    for a, delta, dW, db in zip(activations, deltas, weight_gradients, bias_gradients, strict=False):
        np.matmul(a.T, delta, out=dW)
        np.add.reduce(delta, axis=0, out=db)


__all__ = ["Signals", "backward_pass", "forward_pass", "parameter_gradients"]
