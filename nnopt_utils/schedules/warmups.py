"""Schedules that begin with a rise: warm-up alone, before another schedule, and before a plateau."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nnopt_utils._validation import check_choice, check_integer, check_number, check_positive, describe
from nnopt_utils.schedules.shapes import SHAPES

__all__ = ["LinearWarmup", "Warmup", "WarmupStableDecay"]


@dataclass(frozen=True)
class LinearWarmup:
    r"""Rise in a straight line to η over s steps, then stay: :math:`\eta_k = \eta \min(1, (k+1)/s)`.

    Args:
        learning_rate: η > 0.
        steps: s >= 1. The first step already has η/s, so no step is wasted at rate zero.

    Example:
        >>> schedule = LinearWarmup(0.1, steps=4)
        >>> [round(schedule(k), 3) for k in range(6)]
        [0.025, 0.05, 0.075, 0.1, 0.1, 0.1]

    Warning:
        PyTorch's ``LinearLR`` begins at a third of η by default. To match: ``start_factor=1 / s`` and
        ``total_iters=s - 1``.

    Source: P. Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017.
    """

    learning_rate: float
    steps: int

    def __post_init__(self) -> None:
        check_positive("learning_rate", self.learning_rate)
        check_integer("steps", self.steps, low=1)

    def __call__(self, step: int) -> float:
        check_integer("step", step, low=0)
        return self.learning_rate * min(1.0, (step + 1) / self.steps)


@dataclass(frozen=True)
class Warmup:
    r"""Rise in a straight line over w steps to where another schedule begins, then follow it.

    .. math:: \eta_k = \eta'(0)\, (k + 1) / w \text{ for } k < w, \quad \text{else } \eta'(k - w)

    Args:
        after: the schedule η', which counts its steps from the end of the warm-up; or any function of the step.
        steps: w >= 1. The first step already has the share 1/w, the last the whole rate.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> from nnopt_utils.schedules import CosineDecay
        >>> schedule = Warmup(CosineDecay(0.1, steps=10), steps=4)
        >>> [round(schedule(k), 3) for k in (0, 1, 2, 3, 4, 9, 14)]
        [0.025, 0.05, 0.075, 0.1, 0.1, 0.05, 0.0]

    Warning:
        The warm-up of Keras's ``CosineDecay`` begins at ``initial_learning_rate``: with 0 there, its first step
        changes nothing, and the whole rate is reached one step later.

    Source: P. Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017.
    """

    after: Callable[[int], float]
    steps: int

    def __post_init__(self) -> None:
        if not callable(self.after):
            raise TypeError(f"after: got {describe(self.after)}; expected a schedule, or a function of the step")
        check_integer("steps", self.steps, low=1)

    def __call__(self, step: int) -> float:
        check_integer("step", step, low=0)
        if step < self.steps:
            return self.after(0) * (step + 1) / self.steps
        return self.after(step - self.steps)


@dataclass(frozen=True)
class WarmupStableDecay:
    r"""Rise, stay, fall at the very end: WSD. The plateau can be made longer without beginning anew.

    With w warm-up steps, d decay steps, s steps in all, and u the share of the fall that is over,

    .. math:: \eta_k = \eta\, (k + 1) / w \text{ for } k < w, \quad \text{else } \eta \text{ for } k < s - d, \quad
              \text{else } \eta\, (r + (1 - r) f(u)), \qquad u = (k - (s - d)) / d

    The shape f is 1 − u, (1 + cos πu)/2 or 1 − √u.

    Args:
        learning_rate: η > 0.
        steps: s, all steps of the training; afterwards the rate stays at its end.
        warmup_steps: w >= 0.
        decay_steps: d >= 0; w + d <= s.
        anneal: f: ``"linear"`` (default), ``"cosine"`` or ``"1-sqrt"``.
        alpha: r in [0, 1], the share that is left at the end; default 0.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> schedule = WarmupStableDecay(0.1, steps=100, warmup_steps=10, decay_steps=20)
        >>> [round(schedule(k), 3) for k in (0, 9, 10, 80, 90, 99, 100)]
        [0.01, 0.1, 0.1, 0.1, 0.05, 0.005, 0.0]

    Source: S. Hu et al., "MiniCPM: unveiling the potential of small language models with scalable training
    strategies", COLM 2024; the shapes: A. Hägele et al., "Scaling laws and compute-optimal training beyond fixed
    training durations", NeurIPS 2024.
    """

    learning_rate: float
    steps: int
    warmup_steps: int
    decay_steps: int
    anneal: str = "linear"
    alpha: float = 0.0

    def __post_init__(self) -> None:
        check_positive("learning_rate", self.learning_rate)
        steps = check_integer("steps", self.steps, low=1)
        warmup_steps = check_integer("warmup_steps", self.warmup_steps, low=0, high=steps)
        check_integer("decay_steps", self.decay_steps, low=0)
        if self.decay_steps > steps - warmup_steps:
            raise ValueError(
                f"decay_steps: got {self.decay_steps}; expected at most {steps - warmup_steps}, what "
                f"steps = {steps} leave after warmup_steps = {warmup_steps}"
            )
        check_choice("anneal", self.anneal, SHAPES)
        check_number("alpha", self.alpha, low=0.0, high=1.0)

    def __call__(self, step: int) -> float:
        check_integer("step", step, low=0)
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        decayed = min(step, self.steps) - (self.steps - self.decay_steps)
        if decayed <= 0:
            return self.learning_rate
        left = SHAPES[self.anneal](decayed / self.decay_steps)
        return self.learning_rate * (self.alpha + (1 - self.alpha) * left)
