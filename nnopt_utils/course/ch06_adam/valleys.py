"""The valley of chapter 06, and how a rule does in it at the best of a few rates."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nnopt_utils.optimizers import Optimizer
from nnopt_utils.problems import Quadratic
from nnopt_utils.training import Trajectory, minimize

RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 1.9, 3.0)


def valley(angle: float, kappa: float = 1000) -> Quadratic:
    """A valley of condition number κ, turned by an angle in degrees; the start turns with it."""
    return Quadratic([1 / kappa, 1.0], rotation=np.deg2rad(angle))


def late_loss(run: Trajectory) -> float:
    """The mean of J over the last 100 steps."""
    return float(np.mean(run.values[-100:]))


def best_run(problem: Quadratic, make: Callable[[float], Optimizer], rates: Sequence[float] = RATES) -> Trajectory:
    """The run of 300 steps with the smallest late loss, over the rates."""
    return min((minimize(problem, make(eta), 300) for eta in rates), key=late_loss)


def shown(loss: float) -> str:
    """A loss with two digits; below 1e-10 only that it is."""
    return f"{loss:.1e}" if loss > 1e-10 else "below 1e-10"
