"""Gradient descent with compressed steps: what compression does to a path, without any workers."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils._objective import Objective
from nnopt_utils._validation import called_as, describe
from nnopt_utils.history import Trajectory
from nnopt_utils.optimizers import GradientDescent
from nnopt_utils.parallel.compressors import Compressor
from nnopt_utils.training import minimize


@called_as(
    "compressed_descent(problem, learning_rate, compressor, steps=100)",
    n_steps="steps",
    epochs="steps",
    compression="compressor",
    lr="learning_rate",
    x0="start",
)
def compressed_descent(
    problem: Objective,
    learning_rate: float | Callable[[int], float],
    compressor: Compressor,
    steps: int,
    start: np.ndarray | None = None,
) -> Trajectory:
    r"""Run gradient descent on a function with one worker that compresses its steps.

    With error feedback, the step is what comes through of the step that is due:

    .. math::

        \theta_{t+1} = \theta_t - C(e_{t-1} + \eta_t g_t) \\
        e_t = e_{t-1} + \eta_t g_t - C(e_{t-1} + \eta_t g_t)

    so the point that owes nothing takes every step in full, by gradients from where the other one is:

    .. math:: \theta_{t+1} - e_t = (\theta_t - e_{t-1}) - \eta_t g_t

    Without, θ moves by −η_t C(g_t). The two can differ for ever: let J = ``abs(x + y) / 2 + abs(x - y)``. Its gradient
    is ½ s (1, 1) + τ (1, −1), with s and τ the signs of x + y and x − y. The second part is the longer one, so the
    signs of the entries are τ and −τ, whatever s is: a step by signs, with or without their scale, leaves x + y as it
    is. (At x = y that needs a subgradient with a τ above ½ or below −½; NumPy's sign, 0 there, walks straight down.)
    So from (1, 1), where x + y = 2, J is 1 or more after every step, at any rate (up to rounding).

    Args:
        problem: an ``Objective``, as for ``minimize``.
        learning_rate: η > 0 or a schedule: a function from the number of finished steps to a rate.
        compressor: a :class:`Compressor`; a copy of it is used. ``PowerSGD`` has to be prepared.
        steps: T >= 1.
        start: θ_1, shape (d,); default ``problem.start``.

    Returns:
        The trajectory of T + 1 points, in float64; J's own gradients are in its norms.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> from nnopt_utils.parallel import SignCompressor
        >>> from nnopt_utils.problems import FunctionObjective
        >>> def value(p):
        ...     return 0.5 * abs(p[0] + p[1]) + abs(p[0] - p[1])
        >>> def subgradient(p):
        ...     s, tau = (1.0 if p[0] >= -p[1] else -1.0), (1.0 if p[0] >= p[1] else -1.0)
        ...     return np.array([0.5 * s + tau, 0.5 * s - tau])
        >>> problem = FunctionObjective(value, subgradient, start=[1.0, 1.0])
        >>> def falling(t):
        ...     return 0.1 / (t + 1) ** 0.5
        >>> stuck = compressed_descent(problem, falling, SignCompressor(), steps=2000)
        >>> mended = compressed_descent(problem, falling, SignCompressor(error_feedback=True), steps=2000)
        >>> bool(stuck.values.min() > 0.999), bool(mended.values[-1] < 0.02)
        (True, True)

    Source: S. P. Karimireddy, Q. Rebjock, S. U. Stich, M. Jaggi, "Error feedback fixes SignSGD and other gradient
    compression schemes", ICML 2019, Algorithm 2 and its counterexamples.
    """
    if not isinstance(compressor, Compressor):
        raise TypeError(f"compressor: got {describe(compressor)}; expected a Compressor, e.g. TopK(share=0.01)")
    optimizer = _CompressedDescent(learning_rate)
    optimizer.compressor = copy.deepcopy(compressor)
    optimizer.compressor.error = None  # of a run before
    return minimize(problem, optimizer, steps, start)


class _Alone(NamedTuple):
    """The link of a worker without others."""

    rank: int = 0
    size: int = 1

    def send(self, to: int, values: np.ndarray) -> None:
        raise ValueError(f"to: got {to}; expected nothing to send")

    def receive(self, origin: int) -> np.ndarray:
        raise ValueError(f"origin: got {origin}; expected nothing to receive")


class _CompressedDescent(GradientDescent):
    block_size = sys.maxsize  # a vector is compressed as a whole
    compressor: Any = None

    def __repr__(self) -> str:
        return f"compressed_descent({self.compressor!r})"

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        if self.compressor.error_feedback:
            theta -= self.compressor.mean(self.learning_rate * gradient, _Alone())
        else:
            theta -= self.learning_rate * self.compressor.mean(gradient, _Alone())
