"""Second-order methods: what products with matrices of curvature cost, and what their optimizers' steps cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.timing import Measurement, at_most, compared, interleaved
from nnopt_utils.datasets import load_mnist
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam, Optimizer
from nnopt_utils.second_order import KFAC, SOAP, Shampoo

STEPS = 20  # as many as there are between two decompositions, or a multiple of it
BATCHES = {128: 9, 512: 9, 2048: 5, 4096: 5}  # samples, and repeats
QUICK_BATCHES = {64: 2}
SIZES = {512: 25, 55_000: 5}  # samples, and repeats
QUICK_SIZES = {64: 3}
PRODUCTS = ("H v", "G v", "H v, many at one θ", "G v, many at one θ")
TARGETS = {"H v": at_most(3.0)}


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
    """A step of K-FAC, Shampoo, SOAP and Adam on 784-64-64-10, without its gradient, against a gradient of the batch.

    The mean of 20 steps, decompositions and all; the settings are those of chapter 09's race. The processor's time.
    """
    figures, data = [], load_mnist()
    with threadpool_limits(1, user_api="blas"):
        for n, repeats in (QUICK_BATCHES if quick else BATCHES).items():
            x, y = data.x_train[:n], data.y_train[:n]
            times = interleaved(
                {name: _steps_of(optimizer, x, y) for name, optimizer in _optimizers().items()}, repeats
            )
            for name in list(times)[1:]:
                what = f"784-64-64-10, batches of {n:,}: a step of {name}"
                figures.append(compared("second_order", what, times[name], "a gradient", times["gradient"]))
    return figures


def _optimizers() -> dict[str, Optimizer | None]:
    shampoo = Shampoo(0.004, beta_2=0.95, momentum=0.9, update_every=20, grafting="rmsprop")
    return {"gradient": None, "K-FAC": KFAC(damping=0.03), "Shampoo": shampoo, "SOAP": SOAP(0.004), "Adam": Adam(0.004)}


def _steps_of(optimizer: Optimizer | None, x: np.ndarray, y: np.ndarray) -> Callable[[], float]:
    """The time of a step; of a gradient where there is no optimizer."""
    network = MLP([784, 64, 64, 10], seed=0)
    if optimizer is not None:
        optimizer.layout = network.layout

    def timed() -> float:
        spent = 0.0
        for _ in range(STEPS):
            begun = time.process_time()
            if optimizer is not None:
                optimizer.observe(network, x, y)
            observed = time.process_time()
            _, gradient = network.loss_and_gradient(x, y)
            ready = time.process_time()
            if optimizer is None:
                spent += ready - observed
            else:
                optimizer.step(network.parameters, gradient)
                spent += observed - begun + time.process_time() - ready
        return spent / STEPS

    return timed


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
