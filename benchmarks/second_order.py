"""Second-order methods: what products with matrices of curvature cost, and steps that use curvature."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.timing import Measurement, at_most, compared, interleaved
from nnopt_utils.datasets import load_mnist
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.second_order import KFAC, SOAP, Shampoo

SIZES = {512: 25, 55_000: 5}  # samples, and repeats
QUICK_SIZES = {64: 3}
PRODUCTS = ("H v", "G v", "H v, many at one θ", "G v, many at one θ")
TARGETS = {"H v": at_most(3.0)}
STEPPERS: dict[str, Callable[[], Optimizer]] = {"K-FAC": KFAC, "Shampoo": Shampoo, "SOAP": SOAP, "Adam": Adam}
BATCHES, QUICK_BATCHES = (128, 512, 2048, 4096), (64,)
PERIOD = 20  # steps that are timed together: whole periods of K-FAC's, Shampoo's and SOAP's decompositions


def measure(quick: bool = False) -> list[Measurement]:
    """All figures about second-order methods."""
    return products(quick) + steps(quick)


def products(quick: bool = False) -> list[Measurement]:
    """A product with the Hessian (H) or the Gauss–Newton matrix (G) of 784-64-64-10, against a gradient.

    *many at one θ*: by an operator that has computed before what is the same for all v. Measured is the processor's
    time: a product takes a few milliseconds, and on a busy machine the waiting would be as long.
    """
    figures, data = [], load_mnist()
    v = np.random.default_rng(0).normal(size=MLP([784, 64, 64, 10]).n_parameters).astype(np.float32)
    with threadpool_limits(1, user_api="blas"):
        for n, repeats in (QUICK_SIZES if quick else SIZES).items():
            times = interleaved(_calls(data.x_train[:n], data.y_train[:n], v), repeats)
            for name in PRODUCTS:
                what = f"784-64-64-10, {n:,} images: {name}"
                target = TARGETS.get(name)
                figures.append(
                    compared("second_order", what, times[name], "a gradient", times["gradient"], target=target)
                )
    return figures


def steps(quick: bool = False) -> list[Measurement]:
    """A step of 784-64-64-10, with the look at its batch, against the gradient that it is given.

    With their default options: K-FAC measures its factors at every step and decomposes them at every tenth.
    """
    figures, data = [], load_mnist()
    with threadpool_limits(1, user_api="blas"):
        for n in QUICK_BATCHES if quick else BATCHES:
            x, y = data.x_train[:n], data.y_train[:n]
            calls = {name: _twenty_steps(make(), x, y) for name, make in STEPPERS.items()}
            calls["gradient"] = _twenty_gradients(x, y)
            times = interleaved({name: _processor_time(call) for name, call in calls.items()}, 1 if quick else 9)
            each = {name: [seconds / PERIOD for seconds in of] for name, of in times.items()}
            for name in STEPPERS:
                what = f"784-64-64-10, batch {n:,}: a step of {name}"
                figures.append(compared("second_order", what, each[name], "a gradient", each["gradient"]))
    return figures


def _twenty_gradients(x: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    network = MLP([784, 64, 64, 10], seed=0)

    def call() -> None:
        for _ in range(PERIOD):
            network.loss_and_gradient(x, y)

    return call


def _twenty_steps(optimizer: Optimizer, x: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    network = MLP([784, 64, 64, 10], seed=0)
    optimizer.layout = network.layout
    gradient = network.loss_and_gradient(x, y)[1]

    def call() -> None:
        for _ in range(PERIOD):
            optimizer.observe(network, x, y)
            optimizer.step(network.parameters, gradient)

    return call


def _calls(x: np.ndarray, y: np.ndarray, v: np.ndarray) -> dict[str, Callable[[], float]]:
    network = MLP([784, 64, 64, 10], seed=0)
    hessian, gauss_newton = network.hessian_operator(x, y), network.gauss_newton_operator(x, y)
    calls: dict[str, Callable[[], Any]] = {
        "gradient": lambda: network.loss_and_gradient(x, y),
        "H v": lambda: network.hessian_vector_product(x, y, v),
        "G v": lambda: network.gauss_newton_vector_product(x, y, v),
        "H v, many at one θ": lambda: hessian(v),
        "G v, many at one θ": lambda: gauss_newton(v),
    }
    return {name: _processor_time(call) for name, call in calls.items()}


def _processor_time(call: Callable[[], Any]) -> Callable[[], float]:
    def timed() -> float:
        begun = time.process_time()
        call()
        return time.process_time() - begun

    return timed
