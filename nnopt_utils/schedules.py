"""Learning-rate schedules: the number of finished steps → learning rate.

``schedule(0)`` is the rate of the first step, as in Keras and PyTorch. A schedule is a small frozen object
that can be called, printed and drawn; any function of one integer will do as well. A step that is no integer from 0 on
raises an error that names it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from nnopt_utils._validation import check_integer, check_number


@dataclass(frozen=True)
class Constant:
    r"""The same rate for ever: :math:`\eta_k = \eta_0`.

    Args:
        learning_rate: η₀ > 0.

    Example:
        >>> Constant(0.1)(1000)
        0.1
    """

    learning_rate: float

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, low=0.0, low_open=True)

    def __call__(self, step: int) -> float:
        check_integer("step", step, low=0)
        return self.learning_rate


@dataclass(frozen=True)
class StepDecay:
    r"""Multiply the rate by a factor every so many steps: :math:`\eta_k = \eta_0\, c^{\lfloor k / s \rfloor}`.

    Args:
        learning_rate: η₀ > 0.
        factor: c in (0, 1].
        every: s >= 1, in steps.

    Example:
        >>> schedule = StepDecay(0.1, factor=0.5, every=10)
        >>> schedule(9), schedule(10)
        (0.1, 0.05)
    """

    learning_rate: float
    factor: float
    every: int

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, low=0.0, low_open=True)
        check_number("factor", self.factor, low=0.0, high=1.0, low_open=True)
        check_integer("every", self.every, low=1)

    def __call__(self, step: int) -> float:
        check_integer("step", step, low=0)
        return self.learning_rate * self.factor ** (step // self.every)


@dataclass(frozen=True)
class ExponentialDecay:
    r"""Fall by the same factor every step: :math:`\eta_k = \eta_0\, c^{k / s}`.

    Args:
        learning_rate: η₀ > 0.
        factor: c in (0, 1], reached after ``steps`` steps.
        steps: s >= 1.

    Example:
        >>> ExponentialDecay(0.1, factor=0.1, steps=100)(100)
        0.010000000000000002
    """

    learning_rate: float
    factor: float
    steps: int

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, low=0.0, low_open=True)
        check_number("factor", self.factor, low=0.0, high=1.0, low_open=True)
        check_integer("steps", self.steps, low=1)

    def __call__(self, step: int) -> float:
        check_integer("step", step, low=0)
        return self.learning_rate * self.factor ** (step / self.steps)


@dataclass(frozen=True)
class InverseTimeDecay:
    r"""Fall like 1/k: :math:`\eta_k = \eta_0 / (1 + c\,k)`. With c = 1 this is η₀/t at step t = k + 1.

    Args:
        learning_rate: η₀ > 0.
        decay: c >= 0, per step.

    Example:
        >>> InverseTimeDecay(1.0, decay=1.0)(3)
        0.25

    Source: H. Robbins and S. Monro, "A stochastic approximation method", Annals of Mathematical Statistics
    22, 1951: the rates must sum to infinity and their squares must not.
    """

    learning_rate: float
    decay: float

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, low=0.0, low_open=True)
        check_number("decay", self.decay, low=0.0)

    def __call__(self, step: int) -> float:
        check_integer("step", step, low=0)
        return self.learning_rate / (1 + self.decay * step)


@dataclass(frozen=True)
class CosineDecay:
    r"""Half a cosine wave from η₀ to a share of it: :math:`\eta_k = \eta_0 (r + (1-r)\tfrac{1+\cos(\pi k/s)}{2})`.

    Args:
        learning_rate: η₀ > 0.
        steps: s >= 1; afterwards the rate stays at its end.
        alpha: r in [0, 1], the share that is left at the end; default 0 (the name is Keras's).

    Example:
        >>> schedule = CosineDecay(0.1, steps=100)
        >>> schedule(0), round(schedule(50), 6), schedule(100)
        (0.1, 0.05, 0.0)

    Source: I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
    """

    learning_rate: float
    steps: int
    alpha: float = 0.0

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, low=0.0, low_open=True)
        check_integer("steps", self.steps, low=1)
        check_number("alpha", self.alpha, low=0.0, high=1.0)

    def __call__(self, step: int) -> float:
        check_integer("step", step, low=0)
        wave = 0.5 * (1 + math.cos(math.pi * min(step, self.steps) / self.steps))
        return self.learning_rate * (self.alpha + (1 - self.alpha) * wave)


@dataclass(frozen=True)
class LinearWarmup:
    r"""Rise in a straight line to η₀ over s steps, then stay: :math:`\eta_k = \eta_0 \min(1, (k+1)/s)`.

    Args:
        learning_rate: η₀ > 0.
        steps: s >= 1. The first step already has η₀/s, so no step is wasted at rate zero.

    Example:
        >>> schedule = LinearWarmup(0.1, steps=4)
        >>> [round(schedule(k), 3) for k in range(6)]
        [0.025, 0.05, 0.075, 0.1, 0.1, 0.1]

    Source: P. Goyal et al., "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017.
    """

    learning_rate: float
    steps: int

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, low=0.0, low_open=True)
        check_integer("steps", self.steps, low=1)

    def __call__(self, step: int) -> float:
        check_integer("step", step, low=0)
        return self.learning_rate * min(1.0, (step + 1) / self.steps)
