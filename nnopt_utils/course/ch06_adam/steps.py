"""Measures an optimizer on gradients that are given to it, not taken from a problem."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnopt_utils.optimizers import Optimizer


def lengths_on(optimizer: Optimizer, gradients: np.ndarray) -> np.ndarray:
    """Lengths of the steps in units of η, a row a step; every column is a parameter with gradients of its own."""
    theta, lengths = np.zeros(gradients.shape[1]), []
    for gradient in gradients:
        before = theta.copy()
        optimizer.step(theta, gradient)
        lengths.append(np.abs(theta - before) / optimizer.learning_rate)
    return np.array(lengths)


def decay(optimizer: Optimizer, sizes: Sequence[float], steps: int = 5000, copies: int = 100) -> np.ndarray:
    """Mean weight of each group after each step: all weights begin at 1, a group's gradients are noise of its size."""
    generator, theta, means = np.random.default_rng(6), np.ones(len(sizes) * copies), []
    for _ in range(steps):
        optimizer.step(theta, np.repeat(sizes, copies) * generator.normal(size=theta.size))
        means.append(theta.reshape(len(sizes), copies).mean(axis=1))
    return np.array(means)
