"""Longer runs of chapter 10, and what they need."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnopt_utils.datasets import Dataset
from nnopt_utils.layout import Place
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.parallel import (
    Compressor,
    SparseLogisticRegression,
    best_rate,
    contraction,
    data_parallel,
    delayed_noise_floor,
    expected_asynchronous_path,
)
from nnopt_utils.training import fit


def seconds_of_an_epoch(
    data: Dataset, batch_sizes: Sequence[int]
) -> tuple[dict[str, dict[int, float]], dict[int, float]]:
    """Seconds of the second epoch with one process and with two, and the bytes that each of the two sends in it."""
    seconds: dict[str, dict[int, float]] = {"one process": {}, "two processes": {}}
    sent = {}
    for size in batch_sizes:
        alone = fit(MLP([784, 64, 64, 10]), Adam(), data, epochs=2, batch_size=size)
        shared = data_parallel(MLP([784, 64, 64, 10]), Adam(), data, epochs=2, batch_size=size, workers=2)
        seconds["one process"][size], seconds["two processes"][size] = alone.seconds[1], shared.seconds[1]
        sent[size] = shared.bytes_sent[0] / 2
    return seconds, sent


def batch_speedup(noise_scale: float, batch_size: float, workers: Any) -> Any:
    """How many fewer steps P workers need that have b samples each, if a batch B needs 1 + B_noise/B times the least.

    >>> batch_speedup(1000, 10, 1), round(batch_speedup(1000, 10, 1e9), 3)
    (1.0, 101.0)
    """
    return (1 + noise_scale / batch_size) / (1 + noise_scale / (workers * batch_size))


def rounds_without_noise(workers: Sequence[int], kappas: Sequence[float]) -> dict[float, dict[int, float]]:
    """κ → P → gradient times until the error has fallen by 1,000 in the long run, each P at its best rate.

    >>> found = rounds_without_noise((1, 4), (10.0,))[10.0]
    >>> round(found[1], 1), round(found[4], 1)
    (34.4, 41.1)
    """
    found: dict[float, dict[int, float]] = {}
    for kappa in kappas:
        found[kappa] = {}
        for P in workers:
            factor = best_rate(P - 1, [1.0, kappa]).contraction
            updates = np.log(1e3) / -np.log(factor) if factor > 0 else 1.0
            found[kappa][P] = float(max(updates, 1.0)) / P
    return found


def floors_and_decays(delays: Sequence[int], rates: np.ndarray) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
    """τ → the settled mean square of the error (λ = σ = 1), and the steps to lose a factor e; NaN where unstable."""
    floors, decays = {}, {}
    for tau in delays:
        floor = np.array([delayed_noise_floor(float(rate), 1.0, tau) for rate in rates])
        factor = np.array([contraction(float(rate), tau) for rate in rates])
        stable = factor < 1
        floors[tau] = np.where(stable, floor, np.nan)
        decays[tau] = np.where(stable, -1 / np.log(np.where(stable, factor, 0.5)), np.nan)
    return floors, decays


def gain_at_equal_floors(rate: float, workers: int) -> float:
    """How many times as fast P late workers lose a factor e as one does at this rate, ηλ, with the same floor of noise.

    >>> round(gain_at_equal_floors(0.01, workers=1), 9)
    1.0
    """
    tau, floor = workers - 1, delayed_noise_floor(rate, 1.0, 0)
    low, high = 0.0, rate  # a delay raises the floor, so the late rate is the smaller one
    for _ in range(60):
        late = (low + high) / 2
        low, high = (late, high) if delayed_noise_floor(late, 1.0, tau) < floor else (low, late)
    return workers * float(np.log(contraction(late, tau)) / np.log(contraction(rate, 0)))


def gain_of_averaging(rate: float, workers: int) -> float:
    """The same for P workers that wait and take the mean of their gradients, whose noise has a P-th of the variance.

    >>> round(gain_of_averaging(0.01, workers=1), 9)
    1.0
    """
    floor = workers * rate / (2 - rate)  # of η / (2 − η), which the noise multiplies
    together = 2 * floor / (1 + floor)
    return float(np.log(abs(1 - together)) / np.log(1 - rate))


def gap_to_heavy_ball(problem: Any, learning_rate: float, workers: int, steps: int) -> float:
    """How far the path with the expected staleness and the heavy ball with β = 1 − 1/P and the rate η/P come apart."""
    path = expected_asynchronous_path(problem, learning_rate, workers, steps).points
    theta, velocity, gap = np.array(problem.start, dtype=float), np.zeros(len(problem.start)), 0.0
    for t in range(steps):
        velocity = (1 - 1 / workers) * velocity - learning_rate / workers * problem.gradient(theta)
        theta = theta + velocity
        gap = max(gap, float(np.abs(theta - path[t + 1]).max()))
    return gap


class SignTrap:
    """J = ½ |θ[0] + θ[1]| + |θ[0] − θ[1]|, with a subgradient of full length where a term is 0.

    >>> SignTrap().value(np.array([1.0, 1.0])), SignTrap().gradient(np.array([1.0, 1.0])).tolist()
    (1.0, [1.5, -0.5])
    """

    start = np.array([1.0, 1.0])

    def value(self, theta: np.ndarray) -> float:
        """J(θ)."""
        return float(0.5 * abs(theta[0] + theta[1]) + abs(theta[0] - theta[1]))

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        """A subgradient: the sign of 0 is 1."""
        plus = 1.0 if theta[0] + theta[1] >= 0 else -1.0
        minus = 1.0 if theta[0] - theta[1] >= 0 else -1.0
        return np.array([0.5 * plus + minus, 0.5 * plus - minus])


def bytes_and_kept(compressor: Compressor, gradient: np.ndarray, layout: Sequence[Place]) -> tuple[int, float]:
    """The bytes of a compressed gradient, and which share of ‖g‖² it has."""
    compressor.prepare(layout)
    message = compressor.compress(gradient)
    sent = compressor.decompress(message, gradient.size, gradient.dtype)
    return message.n_bytes, float(np.sum(np.square(sent, dtype=float)) / np.sum(np.square(gradient, dtype=float)))


def many_rounds(
    theta: float, minima: Sequence[float], curvatures: Sequence[float], learning_rate: float, local_steps: int
) -> float:
    """Where local SGD is after 1,000 rounds: each worker goes its H steps on its own parabola, then the mean is taken.

    >>> round(many_rounds(0.0, (-1.0, 1.0), (4.0, 1.0), 0.1, local_steps=2), 6)
    -0.542169
    """
    b, curvature = np.asarray(minima), np.asarray(curvatures)
    for _ in range(1000):
        own = np.full(len(b), theta)
        for _ in range(local_steps):
            own -= learning_rate * curvature * (own - b)
        theta = float(own.mean())
    return theta


def two_threads(model: SparseLogisticRegression, learning_rate: float, n_samples: int) -> float:
    """How many times as fast two threads are as one: each takes half of the samples, both change one θ, no lock."""

    def steps(theta: np.ndarray, samples: range) -> None:
        for i in samples:
            features, g = model.sample_gradient(theta, i)
            theta[features] -= learning_rate * g

    seconds = []
    for shares in ([range(n_samples)], [range(0, n_samples, 2), range(1, n_samples, 2)]):
        theta = model.start
        threads = [threading.Thread(target=steps, args=(theta, share)) for share in shares]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds.append(time.perf_counter() - begun)
    return seconds[0] / seconds[1]
