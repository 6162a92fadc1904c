"""What chapter 04 measures on MNIST with the gradient of all samples: the sharpness, and training at its edge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnopt_utils.datasets import load_mnist
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import GradientDescent
from nnopt_utils.training import DivergenceError, fit


def sharpness(
    gradient_function: Callable[[np.ndarray], np.ndarray],
    theta: np.ndarray,
    direction: np.ndarray,
    iterations: int = 16,
    h: float = 1e-4,
) -> tuple[float, np.ndarray]:
    """Largest curvature at theta by power iteration; also returns its direction, for a warm start.

    Example:
        >>> value, _ = sharpness(lambda theta: np.array([1.0, 7.0]) * theta, np.array([1.0, -2.0]), np.ones(2))
        >>> round(value, 6)
        7.0
    """
    value = 0.0
    for _ in range(iterations):
        direction = direction / np.linalg.norm(direction)
        product = (gradient_function(theta + h * direction) - gradient_function(theta - h * direction)) / (2 * h)
        value, direction = float(direction @ product), product
    return value, direction


def edge_run(eta: float, steps: int = 3000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Train as Cohen et al. (2021) do; return the losses, and pairs (step, sharpness) in float64 along the way.

    784-32-32-10, tanh, half the squared error of one-hot targets, weights from a normal with variance 1/fan-in, the
    first 1,000 training images with their mean subtracted, gradient descent with all of them. A run that diverges
    ends there.
    """
    mnist = load_mnist()
    x = (mnist.x_train[:1000] - mnist.x_train[:1000].mean(axis=0)).astype(np.float64)
    y = np.eye(10)[mnist.y_train[:1000]]

    def tanh_network(dtype: str) -> MLP:
        return MLP([784, 32, 32, 10], "tanh", "half_mse", initializer="lecun_normal", seed=seed, dtype=dtype)

    network, probe, probes = tanh_network("float32"), tanh_network("float64"), []
    direction = np.random.default_rng(1).normal(size=network.n_parameters)

    def look(step: Any) -> None:
        nonlocal direction
        if step.t == 1 or step.t % 200 == 0 or (step.t > steps - 1000 and step.t % 100 == 0):
            theta = network.parameters.astype(np.float64)
            value, direction = sharpness(lambda point: probe.loss_and_gradient(x, y, point)[1], theta, direction)
            probes.append((step.t, value))

    data = (x.astype(np.float32), y.astype(np.float32))
    try:
        history = fit(network, GradientDescent(eta), data, epochs=steps, batch_size=len(x), callback=look)
    except DivergenceError as error:
        history = error.history
    return np.array(history.step_losses), np.array(probes).reshape(-1, 2)
