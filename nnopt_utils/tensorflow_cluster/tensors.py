"""The network in TensorFlow: the same θ, one vector, and the loss of every sample. Imported only in the processes."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Any

from nnopt_utils._quiet import REPRODUCIBLE
from nnopt_utils.networks import MLP

# Our name → the function of TensorFlow.
ACTIVATIONS = {
    "linear": "identity",
    "sigmoid": "math.sigmoid",
    "tanh": "math.tanh",
    "relu": "nn.relu",
    "elu": "nn.elu",
    "softplus": "math.softplus",
}
LOSSES = ("cross_entropy", "mse", "half_mse")


def import_tensorflow() -> Any:
    """TensorFlow on the processor, with one thread for an operation: there are as many processes as the cores bear."""
    for name, value in REPRODUCIBLE.items():
        os.environ.setdefault(name, value)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(2)
    return tf


def outputs(theta: Any, x: Any, network: MLP) -> Any:
    """z of the last layer, for all rows of x: a ← φ(a W + b), layer after layer."""
    import tensorflow as tf

    functions = [_function(activation.name) for activation in network.activation_functions]
    sizes, start, a = network.layer_sizes, 0, x
    for (n_in, n_out), phi in zip(pairwise(sizes), [*functions, tf.identity], strict=True):
        W = tf.reshape(theta[start : start + n_in * n_out], (n_in, n_out))
        b = theta[start + n_in * n_out : start + n_in * n_out + n_out]
        a = phi(a @ W + b)
        start += (n_in + 1) * n_out
    return a


def losses(theta: Any, x: Any, y: Any, network: MLP) -> Any:
    """The loss of every sample, shape (n,)."""
    import tensorflow as tf

    z = outputs(theta, x, network)
    if network.loss_function.name == "cross_entropy":
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=z)
    squares = tf.square(z - y)
    if network.loss_function.name == "mse":
        return tf.reduce_mean(squares, axis=1)
    return tf.reduce_sum(squares, axis=1) / 2


def signature(network: MLP, y: Any) -> list[Any]:
    """Of a step's x and y: any number of rows."""
    import tensorflow as tf

    shape = (None, *y.shape[1:])
    return [tf.TensorSpec((None, network.layer_sizes[0]), network.dtype.name), tf.TensorSpec(shape, y.dtype.name)]


def _function(name: str) -> Any:
    import tensorflow as tf

    place: Any = tf
    for part in ACTIVATIONS[name].split("."):
        place = getattr(place, part)
    return place
