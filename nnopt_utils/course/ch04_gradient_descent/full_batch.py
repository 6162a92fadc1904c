"""What chapter 04 measures on networks with the gradient of all samples: sharpness, its edge, the catapult."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils.datasets import Dataset, load_mnist
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import GradientDescent, Optimizer
from nnopt_utils.training import DivergenceError, fit


class FullBatchRun(NamedTuple):
    """The training loss of each step, and the accuracy on the validation set at the end."""

    losses: np.ndarray
    accuracy: float


class LinearRun(NamedTuple):
    """Outputs f and ηλ after 0, 1, 2, … steps, and the share of units that are active at the end."""

    outputs: np.ndarray
    curvatures: np.ndarray
    active: float


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


def full_batch_run(
    make_optimizer: Callable[[float], Optimizer], eta: float, seed: int, data: Dataset, epochs: int = 60
) -> FullBatchRun:
    """Train 784-64-64-10 on the first 2,000 images, all of them in each step.

    A run that diverges has infinite losses and the accuracy 0.
    """
    network, x, y = MLP([784, 64, 64, 10], seed=seed), data.x_train[:2000], data.y_train[:2000]
    try:
        history = fit(network, make_optimizer(eta), (x, y), epochs=epochs, batch_size=len(x))
    except DivergenceError:
        return FullBatchRun(np.full(epochs, np.inf), 0.0)
    return FullBatchRun(np.array(history.step_losses), float(network.evaluate(data.x_val, data.y_val).accuracy))


def paired_interval(differences: np.ndarray) -> np.ndarray:
    """95 % interval of the mean of ten paired differences, to three digits (2.262: Student's t, 9 degrees of freedom).

    Example:
        >>> paired_interval(np.arange(10.0)).tolist()
        [2.334, 6.666]
    """
    if len(differences) != 10:
        raise ValueError(f"differences: got {len(differences)}; expected 10, for which the factor 2.262 holds")
    half = 2.262 * np.std(differences, ddof=1) / np.sqrt(10)
    return np.round(np.mean(differences) + np.array([-half, half]), 3)


def two_layer_run(share: float, seed: int = 0, width: int = 1000, steps: int = 60, relu: bool = False) -> LinearRun:
    """Gradient descent with η = share / λ₀ on f = uᵀv/√m (with ``relu`` max(u, 0)ᵀv/√m), loss f²/2, normal weights."""
    u, v = np.random.default_rng(seed).normal(size=(2, width))
    eta, outputs, curvatures, active = 0.0, [], [], np.ones(width)
    for _ in range(steps + 1):
        active = (u > 0).astype(float) if relu else active
        curvature, f = float((active * u) @ u + (active * v) @ v) / width, float((active * u) @ v) / width**0.5
        eta = eta or share / curvature
        outputs.append(f)
        curvatures.append(eta * curvature)
        if abs(f) > 1e6:
            break
        pull = eta * f / width**0.5 * active
        u, v = u - pull * v, v - pull * u
    return LinearRun(np.array(outputs), np.array(curvatures), float(active.mean()))


class Summary(NamedTuple):
    """Of a run: sharpness / (2/η), mean of the last ten and largest; share of rising steps; loss at the end / start."""

    late_ratio: float
    largest_ratio: float
    rises: float
    fall: float


def summary_of(run: tuple[np.ndarray, np.ndarray], eta: float, first: int = 0) -> Summary:
    """Summarise what :func:`edge_run` returns; rises are counted from step ``first`` on, ``fall`` is end over start."""
    losses, probes = run
    ratios = probes[:, 1] * eta / 2
    rises = np.diff(losses[first:]) > 0
    share = float(np.mean(rises)) if len(rises) else 0.0
    return Summary(float(np.mean(ratios[-10:])), float(np.max(ratios)), share, float(losses[-1] / losses[0]))
