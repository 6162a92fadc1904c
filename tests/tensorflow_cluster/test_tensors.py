"""The network in TensorFlow is the network here: the same loss and gradient, for all that a cluster takes."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.networks import MLP
from nnopt_utils.tensorflow_cluster import tensors

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("keras")]


@pytest.mark.parametrize("activation", tensors.ACTIVATIONS)
@pytest.mark.parametrize("loss", tensors.LOSSES)
def test_loss_and_gradient_are_ours(activation, loss):
    import tensorflow as tf

    network = MLP([5, 7, 4, 3], activation, loss, seed=1, dtype="float64")
    generator = np.random.default_rng(0)
    x = generator.normal(size=(16, 5))
    y = generator.integers(3, size=16) if loss == "cross_entropy" else generator.normal(size=(16, 3))
    x, y = network.check_data(x, y)
    theta = tf.Variable(network.parameters)
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(tensors.losses(theta, tf.constant(x), tf.constant(y), network))
    expected, gradient = network.loss_and_gradient(x, y)
    np.testing.assert_allclose(value.numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(tape.gradient(value, theta).numpy(), gradient, rtol=1e-10, atol=1e-13)
    rows_of_x, rows_of_y = tensors.signature(network, y)
    assert rows_of_x.is_compatible_with(tf.constant(x[:3])) and rows_of_y.is_compatible_with(tf.constant(y[:3]))
