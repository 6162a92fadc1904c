"""The walk over θ in blocks, against the same rule on whole arrays and against the textbook's lines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.timing import Measurement, at_least, compared, interleaved
from nnopt_utils.optimizers import SGD, Adam, Optimizer

SIZES = {55_050: 200, 1_000_000: 20, 20_000_000: 1}  # steps a repeat
QUICK_SIZES = {1_000: 5, 100_000: 2}


OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {
    "SGD, momentum": lambda: SGD(0.001, momentum=0.9),
    "Adam": lambda: Adam(0.001),
}
TARGETS = {("Adam", 20_000_000, "textbook"): at_least(2.5)}


def measure(quick: bool = False) -> list[Measurement]:
    """Time steps of two rules at three sizes.

    *whole arrays*: the library's step with θ as its only block. *textbook*: the formula, a new array a line, which
    unlike the library's step does not check that the gradient is finite.
    """
    figures = []
    with threadpool_limits(1, user_api="blas"):
        for n, steps in (QUICK_SIZES if quick else SIZES).items():
            for rule in OPTIMIZERS:
                times = interleaved(_functions(rule, n, steps), repeats=3 if quick else 15)
                per_step = {name: [seconds / steps for seconds in values] for name, values in times.items()}
                for rival in ("whole arrays", "textbook"):
                    what = f"a step of {rule}, {n:,} parameters: {rival}"
                    target = TARGETS.get((rule, n, rival))
                    figures.append(
                        compared("blocks", what, per_step[rival], "blocks", per_step["blocks"], target=target)
                    )
    return figures


def _functions(rule: str, n: int, steps: int) -> dict[str, Callable[[], None]]:
    gradient = np.random.default_rng(0).standard_normal(n, dtype=np.float32)
    textbook = _textbook_adam if rule == "Adam" else _textbook_momentum
    return {
        "blocks": _repeat(_library_step(rule, gradient), steps),
        "whole arrays": _repeat(_library_step(rule, gradient, block_size=n), steps),
        "textbook": _repeat(textbook(gradient), steps),
    }


def _repeat(step: Callable[[], None], times: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(times):
            step()

    return run


def _library_step(rule: str, gradient: np.ndarray, block_size: int | None = None) -> Callable[[], None]:
    optimizer, theta = OPTIMIZERS[rule](), np.zeros_like(gradient)
    if block_size is not None:
        optimizer.block_size = block_size  # type: ignore[misc]  # a class's constant, and here one object's
    return lambda: optimizer.step(theta, gradient)


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
