"""Runs of chapter 05 that are too long for its page."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nnopt_utils.datasets import Dataset
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.training import fit

GUESSING = 0.1  # the accuracy of a network that knows nothing of ten classes
# Student's t: the half width of a 95 % interval in standard errors, by the degrees of freedom.
QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
Data = tuple[np.ndarray, np.ndarray]


def learning_curve(
    network: MLP, learning_rate: float, data: Data, validation: Data, *, batch_size: int, epochs: int, seed: int
) -> np.ndarray:
    """Train with SGD, and return rows of (steps, samples, seconds, validation accuracy) at up to 20 moments.

    The time for judging does not count. A run that diverges guesses from there on.
    """
    per_epoch = -(-len(data[0]) // batch_size)
    looks = sorted(set(np.geomspace(1, epochs * per_epoch, 20).astype(int).tolist()))
    rows: list[tuple[float, ...]] = []
    begun, judging = time.perf_counter(), 0.0

    def look(step: Any) -> None:
        nonlocal judging
        if step.t in looks:
            now = time.perf_counter()
            rows.append((step.t, step.t * batch_size, now - begun - judging, network.evaluate(*validation).accuracy))
            judging += time.perf_counter() - now

    try:
        with np.errstate(over="ignore", invalid="ignore"):
            fit(
                network,
                SGD(learning_rate),
                data,
                epochs=epochs,
                batch_size=batch_size,
                seed=seed,
                callback=look,
                progress=False,
            )
    except ArithmeticError:
        seconds = rows[-1][2] if rows else 0.0
        rows += [(t, t * batch_size, seconds, GUESSING) for t in looks[len(rows) :]]
    return np.array(rows)


def compare_batch_sizes(
    new_network: Callable[[int], MLP],
    kinds: Mapping[str, tuple[int, int]],
    rates: Sequence[float],
    data: Data,
    validation: Data,
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Return for each kind, name -> (batch size, epochs), its best rate with seed 0, and curves of five new seeds."""
    chosen, curves = {}, {}
    for name, (batch_size, epochs) in kinds.items():

        def curve(eta: float, seed: int, batch_size: int = batch_size, epochs: int = epochs) -> np.ndarray:
            return learning_curve(
                new_network(seed), eta, data, validation, batch_size=batch_size, epochs=epochs, seed=seed
            )

        ends = {eta: curve(eta, 0)[-1, 3] for eta in rates}
        chosen[name] = max(ends, key=lambda eta: ends[eta])
        curves[name] = np.array([curve(chosen[name], seed) for seed in range(1, 6)])
    return chosen, curves


def accuracy_at(runs: np.ndarray, axis: str, place: float) -> float:
    """Return the mean accuracy of runs, as `learning_curve` gives them, at a place on the axis of steps or samples."""
    column = {"steps": 0, "samples": 1}[axis]
    return float(np.mean([np.interp(place, run[:, column], run[:, 3]) for run in runs]))


def interval(differences: np.ndarray) -> tuple[float, float]:
    """Return the mean of paired differences, and the half width of its 95 % interval (two or more seeds).

    >>> interval(np.array([1.0, 2.0, 3.0]))
    (2.0, 2.484...)
    """
    freedom = len(differences) - 1
    quantile = QUANTILES[freedom - 1] if freedom <= len(QUANTILES) else 2.13  # a little too wide for more
    return float(np.mean(differences)), float(quantile * np.std(differences, ddof=1) / math.sqrt(freedom + 1))


def losses_after_a_step(
    per_sample: np.ndarray, hessian: np.ndarray, rates: np.ndarray, batch_size: int, draws: int = 2000
) -> np.ndarray:
    """Return the mean change of a quadratic loss by one step along -g_B, for each rate: over drawn mini-batches.

    A quadratic changes by -η gᵀg_B + ½ η² g_Bᵀ H g_B, so a drawn mini-batch serves all rates.
    """
    generator = np.random.default_rng(batch_size)
    gradient, slope, curvature = per_sample.mean(axis=0), 0.0, 0.0
    for _ in range(draws):
        g_B = per_sample[generator.integers(len(per_sample), size=batch_size)].mean(axis=0)
        slope += gradient @ g_B / draws
        curvature += g_B @ hessian @ g_B / draws
    return -rates * slope + rates**2 / 2 * curvature


def expected_squares(rates: Sequence[float], start: float) -> tuple[np.ndarray, np.ndarray]:
    """Return E θ_t² and E θ̄_t² after each step on ½ θ² with noise of variance 1, exactly.

    The second moments of (θ_t, θ̄_t) follow a linear recursion.

    >>> last, average = expected_squares([1.0, 1 / 2, 1 / 3], start=10.0)
    >>> last.round(4).tolist()
    [1.0, 0.5, 0.3333]
    """
    square, mixed, average, rows = start**2, 0.0, 0.0, []
    for t, eta in enumerate(rates, start=1):
        square, mixed = (1 - eta) ** 2 * square + eta**2, (1 - eta) * mixed
        average = (1 - 1 / t) ** 2 * average + 2 * (1 - 1 / t) / t * mixed + square / t**2
        mixed = (1 - 1 / t) * mixed + square / t
        rows.append((square, average))
    return tuple(np.array(rows).T)


def mean_squares_to(
    minimum: float, gradient: Callable[[np.ndarray], np.ndarray], rates: Sequence[float], start: float, sigma: float
) -> np.ndarray:
    """Return E (θ_t - θ*)² after each step of SGD in one dimension: the mean of 4,000 runs."""
    generator = np.random.default_rng(11)
    theta, rows = np.full(4000, minimum + start), []
    for eta in rates:
        theta = theta - eta * (gradient(theta) + sigma * generator.normal(size=theta.size))
        rows.append(np.mean((theta - minimum) ** 2))
    return np.array(rows)


def regression_errors(reshuffled: bool, seed: int, epochs: int = 50) -> np.ndarray:
    """Squared distance to the solution after each epoch of strict SGD on 64 samples, at a falling rate."""
    generator = np.random.default_rng(0)
    features = generator.normal(size=(64, 4))
    targets = features @ np.ones(4) + 0.5 * generator.normal(size=64)
    solution = np.linalg.lstsq(features, targets, rcond=None)[0]
    generator, theta, errors = np.random.default_rng(seed), np.zeros(4), []
    for epoch in range(epochs):
        rate = 0.02 / (1 + epoch / 5)
        for i in generator.permutation(64) if reshuffled else generator.integers(64, size=64):
            theta = theta - rate * (features[i] @ theta - targets[i]) * features[i]
        errors.append(np.sum((theta - solution) ** 2))
    return np.array(errors)


def steps_to_target(
    network: MLP, learning_rate: float, data: Dataset, *, batch_size: int, seed: int, limit: int, target: float = 0.4
) -> int:
    """Return the steps until the validation loss is below the target, looked up ever more rarely; at most the limit."""
    optimizer, generator = SGD(learning_rate), np.random.default_rng([seed, batch_size])
    next_look = 10.0
    for t in range(1, limit + 1):
        batch = generator.integers(len(data.x_train), size=batch_size)
        try:
            optimizer.step(network.parameters, network.loss_and_gradient(data.x_train[batch], data.y_train[batch])[1])
        except ValueError:  # the gradient is no longer finite
            return limit
        if t >= next_look:
            if network.evaluate(data.x_val[:400], data.y_val[:400]).loss < target:
                return t
            next_look *= 1.07
    return limit


def best_rate_and_steps(
    data: Dataset, batch_size: int, rates: Sequence[float], likely: float, seeds: Sequence[int]
) -> tuple[float, float]:
    """Return the rate that needs the fewest steps to the target (median over seeds), and these steps.

    The rates next to the likely one are tried first: one that is twice as slow as another has lost.
    """
    medians: dict[float, float] = {}
    for eta in sorted(rates, key=lambda eta: abs(math.log(eta / likely))):
        limit = 2 * int(min(medians.values(), default=500))
        runs = [
            steps_to_target(MLP([784, 64, 64, 10], seed=seed), eta, data, batch_size=batch_size, seed=seed, limit=limit)
            for seed in seeds
        ]
        medians[eta] = float(np.median(runs))
    best = min(medians, key=lambda eta: medians[eta])
    return best, medians[best]


class Cliff:
    """The loss of one recurrent unit after 50 turns (Pascanu et al. 2013), θ = (w, b).

    h ← w s(h) + b from h = ½, with the sigmoid s; the loss is (s(h) - 0.7)².
    """

    name, domain, start = "cliff", ((4.3, 5.7), (-2.8, -1.8)), np.array([5.0, -2.2])

    def forward(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The unit's last output, and its derivatives with respect to w and b."""
        w, b = theta[..., 0], theta[..., 1]
        h, h_w, h_b = np.full_like(w, 0.5), np.zeros_like(w), np.zeros_like(w)
        for _ in range(50):
            s = 1 / (1 + np.exp(-h))
            h, h_w, h_b = w * s + b, s + w * s * (1 - s) * h_w, 1 + w * s * (1 - s) * h_b
        s = 1 / (1 + np.exp(-h))
        return s, s * (1 - s) * np.stack([h_w, h_b])

    def value(self, theta: np.ndarray) -> np.ndarray:
        """The loss."""
        return (self.forward(theta)[0] - 0.7) ** 2

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        """Its gradient."""
        s, derivatives = self.forward(theta)
        return 2 * (s - 0.7) * derivatives
