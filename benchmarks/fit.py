"""One epoch of MNIST through ``fit``, against the arithmetic that it cannot avoid."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.timing import Measurement, at_most, compared, interleaved
from nnopt_utils.datasets import load_mnist
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Adam, Optimizer
from nnopt_utils.training import fit

LAYER_SIZES = [784, 64, 64, 10]
OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {
    "SGD": lambda: SGD(learning_rate=0.1),
    "SGD, momentum": lambda: SGD(learning_rate=0.05, momentum=0.9),
    "Adam": Adam,
}
TARGETS = {("Adam", 32): at_most(3.8), ("Adam", 128): at_most(2.5)}


def measure(quick: bool = False) -> list[Measurement]:
    """Time ``fit`` for three optimizers and two batch sizes.

    The first ratio is to the *floor*: 6 operations a weight and sample (2 forward, 4 backward; in the first layer
    2 backward) at the rate of one large single-precision matrix product on one thread. The second is to the
    *products*: the same network's matrix products alone, in the shapes that a batch has, which small batches make
    slower than the floor.
    """
    data = load_mnist()
    n = 2_000 if quick else len(data.x_train)
    x, y = data.x_train[:n], data.y_train[:n]
    figures = []
    with threadpool_limits(1, user_api="blas"):
        for batch_size in (32, 128):
            functions: dict[str, Callable[[], float]] = {
                name: _epoch(make, x, y, batch_size) for name, make in OPTIMIZERS.items()
            }
            functions["floor"] = _floor(n, size=256 if quick else 1024)
            functions["products"] = _products(n, batch_size)
            times = interleaved(functions, repeats=2 if quick else 7)
            for name in OPTIMIZERS:
                what = f"an epoch of {n:,}, {name}, batch {batch_size}"
                target = TARGETS.get((name, batch_size))
                figures.append(compared("fit", what, times[name], "sgemm floor", times["floor"]))
                products = times["products"]
                figures.append(compared("fit", what, times[name], "its matrix products alone", products, target=target))
    return figures


def _epoch(make: Callable[[], Optimizer], x: np.ndarray, y: np.ndarray, batch_size: int) -> Callable[[], float]:
    def run() -> float:
        network, optimizer = MLP(LAYER_SIZES, seed=0), make()
        begun = time.perf_counter()
        fit(network, optimizer, (x, y), epochs=1, batch_size=batch_size, progress=False)
        return time.perf_counter() - begun

    return run


def _floor(n_samples: int, size: int) -> Callable[[], float]:
    a, b = np.random.default_rng(0).normal(size=(2, size, size)).astype(np.float32)
    weights = [fan_in * fan_out for fan_in, fan_out in pairwise(LAYER_SIZES)]
    operations_per_sample = 6 * sum(weights) - 2 * weights[0]  # nothing asks for the gradient of the images
    calls = 4

    def run() -> float:
        begun = time.perf_counter()
        for _ in range(calls):
            a @ b
        operations_per_second = calls * 2 * size**3 / (time.perf_counter() - begun)
        return operations_per_sample * n_samples / operations_per_second

    return run


def _products(n_samples: int, batch_size: int) -> Callable[[], float]:
    generator = np.random.default_rng(0)

    def random(*shape: int) -> np.ndarray:
        return generator.normal(size=shape).astype(np.float32)

    activations = [random(batch_size, width) for width in LAYER_SIZES]
    weights = [random(*shape) for shape in pairwise(LAYER_SIZES)]
    n_batches = n_samples / batch_size
    batches = max(1, round(n_batches / 4))

    def run() -> float:
        begun = time.perf_counter()
        for _ in range(batches):
            for k, W in enumerate(weights):
                activations[k] @ W
                activations[k].T @ activations[k + 1]
                if k > 0:  # nothing asks for the gradient with respect to the images
                    activations[k + 1] @ W.T
        return (time.perf_counter() - begun) * n_batches / batches

    return run
