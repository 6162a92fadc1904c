"""Averages around a step: of the gradients of several calls before it, of the parameters after it."""

from __future__ import annotations

import numpy as np


def collected_mean(
    collected: np.ndarray, scalars: dict[str, float], gradient: np.ndarray, steps: int
) -> np.ndarray | None:
    """Add a gradient to the collected ones; return their mean once there are ``steps`` of them, and begin anew.

    >>> collected, scalars = np.zeros(1), {}
    >>> collected_mean(collected, scalars, np.array([1.0]), 2), collected_mean(collected, scalars, np.array([3.0]), 2)
    (None, array([2.]))
    """
    collected += gradient
    scalars["collected"] = scalars.get("collected", 0) + 1
    if scalars["collected"] < steps:
        return None
    mean = collected / scalars["collected"]
    collected[:] = scalars["collected"] = 0
    return mean


def mix_into(average: np.ndarray, theta: np.ndarray, weight: float, block_size: int) -> None:
    """Move an average by the share ``weight`` towards θ, block by block."""
    for start in range(0, theta.size, block_size):
        block = slice(start, start + block_size)
        average[block] += weight * (theta[block] - average[block])
