"""Rates as chapter 04 measures them: factors per step, distances, steps until a millionth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnopt_utils.optimizers import GradientDescent, Optimizer
from nnopt_utils.problems import Problem, Quadratic
from nnopt_utils.training import minimize


def measured_factor(distances: Sequence[float] | np.ndarray, first: int = 0, last: int = -1) -> float:
    """Average factor per step between two entries of a list of distances.

    Example:
        >>> measured_factor([8.0, 4.0, 2.0, 1.0])
        0.5
    """
    values = np.asarray(distances, dtype=np.float64)
    last = last % len(values)
    return float((values[last] / values[first]) ** (1 / (last - first)))


def distances_of(problem: Problem, optimizer: Optimizer, steps: int) -> np.ndarray:
    """Distance to the minimum before the first step and after each."""
    return np.linalg.norm(minimize(problem, optimizer, steps).points - problem.minimum, axis=1)


def steps_to_a_millionth(kappa: float) -> int:
    """Steps of the best constant rate until the distance is a millionth of the start's, counted.

    Example:
        >>> steps_to_a_millionth(2.0)
        13
    """
    bowl = Quadratic([1.0, kappa], start=np.array([1.0, 1.0]))
    errors = distances_of(bowl, GradientDescent(2 / (1.0 + kappa)), int(8 * kappa) + 10)
    return int(np.argmax(errors < 1e-6 * errors[0]))
