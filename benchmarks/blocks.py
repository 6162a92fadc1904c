"""The walk over θ in blocks, against the same rule on whole arrays and against the textbook's lines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.timing import Figure, figure, interleaved
from nnopt_utils.optimizers import SGD, Optimizer

SIZES = {55_050: 200, 1_000_000: 20, 20_000_000: 1}  # steps a repeat
QUICK_SIZES = {1_000: 5, 100_000: 2}


class ToyAdam(Optimizer):
    """Two averages, one root: what an adaptive rule costs. Not the course's Adam."""

    slots = ("m", "v")

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        m, v = slots
        m *= 0.9
        m += 0.1 * gradient
        v *= 0.999
        v += 0.001 * gradient * gradient
        m_hat = m / (1 - 0.9**self.t)
        v_hat = v / (1 - 0.999**self.t)
        theta -= self.learning_rate * m_hat / (np.sqrt(v_hat) + 1e-8)


def measure(quick: bool = False) -> list[Figure]:
    """Time steps of two rules at three sizes.

    *whole arrays*: the library's rule, called once on all of θ. *textbook*: the formula, a new array a line.
    Only the block walk, ``Optimizer.step``, also checks the gradient.
    """
    figures = []
    with threadpool_limits(1, user_api="blas"):
        for n, steps in (QUICK_SIZES if quick else SIZES).items():
            for rule in ("SGD, momentum", "toy Adam"):
                times = interleaved(_functions(rule, n, steps), repeats=3 if quick else 15)
                per_step = {name: [seconds / steps for seconds in values] for name, values in times.items()}
                for rival in ("whole arrays", "textbook"):
                    what = f"a step of {rule}, {n:,} parameters: {rival}"
                    figures.append(figure("blocks", what, per_step[rival], "blocks", per_step["blocks"]))
    return figures


def _functions(rule: str, n: int, steps: int) -> dict[str, Callable[[], None]]:
    gradient = np.random.default_rng(0).standard_normal(n, dtype=np.float32)
    textbook = _textbook_momentum if rule.startswith("SGD") else _textbook_adam
    return {
        "blocks": _repeat(_in_blocks(_optimizer(rule), gradient), steps),
        "whole arrays": _repeat(_on_whole_arrays(_optimizer(rule), gradient), steps),
        "textbook": _repeat(textbook(gradient), steps),
    }


def _optimizer(rule: str) -> Optimizer:
    return SGD(0.001, momentum=0.9) if rule.startswith("SGD") else ToyAdam(0.001)


def _repeat(step: Callable[[], None], times: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(times):
            step()

    return run


def _in_blocks(optimizer: Optimizer, gradient: np.ndarray) -> Callable[[], None]:
    theta = np.zeros_like(gradient)
    return lambda: optimizer.step(theta, gradient)


def _on_whole_arrays(optimizer: Optimizer, gradient: np.ndarray) -> Callable[[], None]:
    theta = np.zeros_like(gradient)
    slots = [np.zeros_like(gradient) for _ in optimizer.slots]

    def step() -> None:
        optimizer.t += 1
        optimizer.update(theta, gradient, *slots)

    return step


def _textbook_momentum(gradient: np.ndarray) -> Callable[[], None]:
    theta, velocity = np.zeros_like(gradient), np.zeros_like(gradient)

    def step() -> None:
        nonlocal theta, velocity
        velocity = 0.9 * velocity - 0.001 * gradient
        theta = theta + velocity

    return step


def _textbook_adam(gradient: np.ndarray) -> Callable[[], None]:
    theta, m, v = np.zeros_like(gradient), np.zeros_like(gradient), np.zeros_like(gradient)
    t = 0

    def step() -> None:
        nonlocal theta, m, v, t
        t += 1
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        m_hat = m / (1 - 0.9**t)
        v_hat = v / (1 - 0.999**t)
        theta = theta - 0.001 * m_hat / (np.sqrt(v_hat) + 1e-8)

    return step
