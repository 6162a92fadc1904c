r"""The R-operator: derivatives of all signals along a direction v, and from them H v and G v, without a matrix.

A dot is the derivative along v of what depends on θ, :math:`\dot f = \frac{d}{dr} f(\theta + r v)` at r = 0, so
:math:`\dot W^{(k)}` and :math:`\dot b^{(k)}` are the parts of v, and the dotted gradient is H v. Differentiating the
lines of :mod:`nnopt_utils.backpropagation` once more gives exact products, at about the price of a gradient each.

The Gauss–Newton matrix is :math:`G = D^\top C D` with D the Jacobian of all outputs by θ and C the loss's second
derivative by the outputs. It has no negative eigenvalue where the loss is convex in the outputs. It is the Hessian of
the network that is linear in θ and agrees with this one to first order: its product runs v forward (D v), through the
loss's curvature, and back. The L2 penalty is not part of these passes; ``MLP`` adds it.

The functions take a list with an array a layer, rows are samples, and check nothing: ``MLP.hessian_operator`` and
``MLP.gauss_newton_operator`` call them. What is the same for all v (slopes and bends) is computed once.

Source: B. A. Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6(1), 1994;
N. N. Schraudolph, "Fast curvature matrix-vector products for second-order gradient descent", Neural Computation 14(7),
2002.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnopt_utils.activations import Activation

Arrays = Sequence[np.ndarray]


def slopes_of(pre_activations: Arrays, functions: Sequence[Activation]) -> list[np.ndarray]:
    r"""Return the slopes :math:`\varphi'_k(z^{(k)})` of every layer but the last.

    Args:
        pre_activations: z⁽¹⁾, z⁽²⁾, …, an array a layer.
        functions: the activation of each layer but the last.

    Example:
        >>> from nnopt_utils.activations import get_activation
        >>> slopes_of([np.array([[1.0, -1.0]]), np.array([[5.0]])], [get_activation("relu")])
        [array([[1., 0.]])]
    """
    return [function.derivative(z) for function, z in zip(functions, pre_activations, strict=False)]


def deltas_and_bends(
    delta: np.ndarray, pre_activations: Arrays, slopes: Arrays, weights: Arrays, functions: Sequence[Activation]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    r"""Return every layer's error signal, and how much the bend of its activation counts in H.

    .. math:: \delta^{(k-1)} = \delta^{(k)} W^{(k)\top} \odot \varphi'_{k-1}(z^{(k-1)}), \qquad
              c^{(k-1)} = \delta^{(k)} W^{(k)\top} \odot \varphi''_{k-1}(z^{(k-1)})

    Args:
        delta: that of the outputs, from the loss.
        pre_activations: z⁽¹⁾, z⁽²⁾, …
        slopes: of every layer but the last, from :func:`slopes_of`.
        weights: an array a layer, (fan-in, fan-out).
        functions: the activation of each layer but the last.

    Returns:
        δ⁽¹⁾, δ⁽²⁾, … as :func:`~nnopt_utils.backpropagation.backward_pass` returns them, and c⁽¹⁾, c⁽²⁾, … of every
        layer but the last.

    Example:
        >>> from nnopt_utils.activations import get_activation
        >>> softplus, z, weights = get_activation("softplus"), np.zeros((1, 2)), [np.eye(2), np.array([[2.0], [4.0]])]
        >>> slopes = slopes_of([z], [softplus])
        >>> deltas, bends = deltas_and_bends(np.ones((1, 1)), [z], slopes, weights, [softplus])
        >>> deltas[0].tolist(), bends[0].tolist()                   # φ'(0) = ½, φ''(0) = ¼
        ([[1.0, 2.0]], [[0.5, 1.0]])
    """
    deltas, bends = [delta], []
    for k in range(len(functions), 0, -1):
        passed = delta @ weights[k].T
        delta = passed * slopes[k - 1]
        deltas.append(delta)
        passed *= functions[k - 1].second_derivative(pre_activations[k - 1])
        bends.append(passed)
    return deltas[::-1], bends[::-1]


def r_forward_pass(
    activations: Arrays, slopes: Arrays, weights: Arrays, weight_directions: Arrays, bias_directions: Arrays
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    r"""Return how pre-activations and activations change along v; the change of the outputs is the Jacobian times v.

    .. math::

        \dot z^{(k)} = \dot a^{(k-1)} W^{(k)} + a^{(k-1)} \dot W^{(k)} + \dot b^{(k)}, \qquad
        \dot a^{(k)} = \varphi'_k(z^{(k)}) \odot \dot z^{(k)}

    with nothing from the data, which do not depend on θ.

    Args:
        activations: a⁽⁰⁾ = x, a⁽¹⁾, …, an array a layer.
        slopes: of every layer but the last, from :func:`slopes_of`.
        weights: an array a layer, (fan-in, fan-out).
        weight_directions, bias_directions: the parts of v, an array of the shape of each layer's weights and biases.

    Returns:
        ż⁽¹⁾, ż⁽²⁾, …, the last those of the outputs, and ȧ⁽¹⁾, ȧ⁽²⁾, … of every layer but the last.

    Example:
        >>> x, W = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])
        >>> r_forward_pass([x], [], [W], [np.array([[1.0], [1.0]])], [np.array([0.5])])      # x V + c
        ([array([[3.5]])], [])
    """
    r_pre_activations: list[np.ndarray] = []
    r_activations: list[np.ndarray] = []
    for k, (W, V, c) in enumerate(zip(weights, weight_directions, bias_directions, strict=True)):
        r_z = activations[k] @ V
        r_z += c
        if k > 0:
            r_z += r_activations[-1] @ W
        r_pre_activations.append(r_z)
        if k < len(slopes):
            r_activations.append(slopes[k] * r_z)
    return r_pre_activations, r_activations


def r_backward_pass(
    r_delta: np.ndarray,
    deltas: Arrays,
    r_pre_activations: Arrays,
    slopes: Arrays,
    bends: Arrays,
    weights: Arrays,
    weight_directions: Arrays,
) -> list[np.ndarray]:
    r"""Return how the error signals change along v, from those of the outputs down: the product rule, line by line.

    .. math::

        \dot\delta^{(k-1)} = (\dot\delta^{(k)} W^{(k)\top} + \delta^{(k)} \dot W^{(k)\top})
            \odot \varphi'_{k-1}(z^{(k-1)}) + c^{(k-1)} \odot \dot z^{(k-1)}

    Args:
        r_delta: that of the outputs: the loss's curvature times their change.
        deltas: the error signals δ⁽¹⁾, δ⁽²⁾, …
        r_pre_activations: from :func:`r_forward_pass`.
        slopes, bends: of every layer but the last, from :func:`slopes_of` and :func:`deltas_and_bends`.
        weights, weight_directions: as in :func:`r_forward_pass`.

    Example:
        >>> one, none, weights = np.ones((1, 1)), np.zeros((1, 1)), [np.array([[2.0]]), np.array([[3.0]])]
        >>> first, last = r_backward_pass(one, [one, one], [one, one], [one], [none], weights, [none, one])
        >>> first.tolist()                                        # δ̇ W + δ V = 3 + 1, without a bend
        [[4.0]]
    """
    r_deltas = [r_delta]
    for k in range(len(slopes), 0, -1):
        r_delta = r_delta @ weights[k].T
        r_delta += deltas[k] @ weight_directions[k].T
        r_delta *= slopes[k - 1]
        r_delta += bends[k - 1] * r_pre_activations[k - 1]
        r_deltas.append(r_delta)
    return r_deltas[::-1]


def r_parameter_gradients(
    activations: Arrays,
    deltas: Arrays,
    r_activations: Arrays,
    r_deltas: Arrays,
    weight_products: Arrays,
    bias_products: Arrays,
) -> None:
    r"""Write the parts of H v that belong to every layer's weights (Q) and biases (q) into their places.

    .. math:: Q^{(k)} = a^{(k-1)\top} \dot\delta^{(k)} + \dot a^{(k-1)\top} \delta^{(k)}, \qquad
              q^{(k)} = \sum_i \dot\delta^{(k)}_i

    Args:
        activations, deltas: as :mod:`nnopt_utils.backpropagation` has them.
        r_activations, r_deltas: from :func:`r_forward_pass` and :func:`r_backward_pass`.
        weight_products, bias_products: where to write: an array of the shape of each layer's weights and biases.

    Example:
        >>> Q, q, x = [np.empty((2, 1))], [np.empty(1)], np.array([[1.0, 2.0], [3.0, 4.0]])
        >>> r_parameter_gradients([x], [np.ones((2, 1))], [], [np.array([[0.5], [-1.0]])], Q, q)
        >>> Q[0].tolist(), q[0].tolist()
        ([[-2.5], [-3.0]], [-0.5])
    """
    for k, (r_delta, Q, q) in enumerate(zip(r_deltas, weight_products, bias_products, strict=True)):
        np.matmul(activations[k].T, r_delta, out=Q)
        if k > 0:
            Q += r_activations[k - 1].T @ deltas[k]
        np.add.reduce(r_delta, axis=0, out=q)


def gauss_newton_backward_pass(u: np.ndarray, slopes: Arrays, weights: Arrays) -> list[np.ndarray]:
    r"""Return :math:`u^{(1)}, u^{(2)}, \dots`: what stands at the outputs, carried back as an error signal is.

    .. math:: u^{(k-1)} = u^{(k)} W^{(k)\top} \odot \varphi'_{k-1}(z^{(k-1)})

    It is :func:`r_backward_pass` without the terms with δ. ``parameter_gradients`` of
    :mod:`nnopt_utils.backpropagation` then reads off G v.

    Args:
        u: at the outputs: the loss's curvature times their change along v.
        slopes: of every layer but the last, from :func:`slopes_of`.
        weights: an array a layer, (fan-in, fan-out).

    Example:
        >>> slopes, weights = [np.array([[1.0, 0.0]])], [np.eye(2), np.ones((2, 1))]
        >>> first, last = gauss_newton_backward_pass(np.array([[2.0]]), slopes, weights)
        >>> first.tolist()                                        # nothing passes through a unit that is off
        [[2.0, 0.0]]
    """
    passed = [u]
    for k in range(len(slopes), 0, -1):
        u = u @ weights[k].T
        u *= slopes[k - 1]
        passed.append(u)
    return passed[::-1]


__all__ = [
    "deltas_and_bends",
    "gauss_newton_backward_pass",
    "r_backward_pass",
    "r_forward_pass",
    "r_parameter_gradients",
    "slopes_of",
]
