"""Schedules that only fall, or stay: the rate after k finished steps."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnopt_utils._validation import check_integer, check_not_negative, check_number, check_positive, describe
from nnopt_utils.schedules.shapes import SHAPES

__all__ = [
    "Constant",
    "CosineDecay",
    "ExponentialDecay",
    "InverseTimeDecay",
    "PiecewiseConstant",
    "PolynomialDecay",
    "StepDecay",
]


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
        check_positive("learning_rate", self.learning_rate)

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

    Warning:
        Keras has it as ``ExponentialDecay(η₀, s, c, staircase=True)``, PyTorch as ``StepLR``, where a step is
        whatever lies between two calls of ``scheduler.step()``: an epoch, in most code.
    """

    learning_rate: float
    factor: float
    every: int

    def __post_init__(self) -> None:
        check_positive("learning_rate", self.learning_rate)
        check_number("factor", self.factor, low=0.0, high=1.0, low_open=True)
        check_integer("every", self.every, low=1)

    def __call__(self, step: int) -> float:
        check_integer("step", step, low=0)
        return self.learning_rate * self.factor ** (step // self.every)


@dataclass(frozen=True)
class PiecewiseConstant:
    r"""Given rates between given steps: :math:`\eta_k = v_i, \; i = \sum_j [b_j \le k]`, v from 0.

    Args:
        boundaries: the steps from which the next rate holds, rising, each >= 1.
        values: the rates > 0, one more than boundaries.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> schedule = PiecewiseConstant([10, 20], [0.1, 0.05, 0.01])
        >>> [schedule(k) for k in (0, 9, 10, 19, 20)]
        [0.1, 0.1, 0.05, 0.05, 0.01]

    Warning:
        Keras's ``PiecewiseConstantDecay`` changes one step later: step ``boundaries[0]`` itself still has
        ``values[0]``. PyTorch's ``MultiStepLR`` changes where this one does.
    """

    boundaries: Sequence[int]
    values: Sequence[float]

    def __post_init__(self) -> None:
        boundaries, values = _as_tuple("boundaries", self.boundaries), _as_tuple("values", self.values)
        for index, boundary in enumerate(boundaries):
            low = 1 if index == 0 else boundaries[index - 1] + 1
            check_integer(f"boundaries[{index}]", boundary, low=low)
        for index, value in enumerate(values):
            check_positive(f"values[{index}]", value)
        if len(values) != len(boundaries) + 1:
            raise ValueError(
                f"values: got {len(values)} rates; expected {len(boundaries) + 1}, one more than boundaries"
            )
        object.__setattr__(self, "boundaries", boundaries)  # tuples, so that a schedule can be compared and hashed
        object.__setattr__(self, "values", values)

    def __call__(self, step: int) -> float:
        check_integer("step", step, low=0)
        return self.values[bisect_right(self.boundaries, step)]


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

    Warning:
        Keras names them the other way round, ``ExponentialDecay(η₀, decay_steps=s, decay_rate=c)``. PyTorch's
        ``ExponentialLR`` has s = 1.
    """

    learning_rate: float
    factor: float
    steps: int

    def __post_init__(self) -> None:
        check_positive("learning_rate", self.learning_rate)
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

    Warning:
        Keras divides the decay by a number of steps: its ``InverseTimeDecay(η₀, decay_steps=s, decay_rate=c)``
        is ours with ``decay=c / s``.

    Source: H. Robbins and S. Monro, "A stochastic approximation method", Annals of Mathematical Statistics
    22, 1951: the rates must sum to infinity and their squares must not.
    """

    learning_rate: float
    decay: float

    def __post_init__(self) -> None:
        check_positive("learning_rate", self.learning_rate)
        check_not_negative("decay", self.decay)

    def __call__(self, step: int) -> float:
        check_integer("step", step, low=0)
        return self.learning_rate / (1 + self.decay * step)


@dataclass(frozen=True)
class PolynomialDecay:
    r"""Fall along a power: :math:`\eta_k = \eta_s + (\eta_0 - \eta_s)(1 - k/s)^p`. With p = 1, a straight line.

    Args:
        learning_rate: η₀ > 0.
        steps: s >= 1; afterwards the rate stays at its end.
        end_learning_rate: η_s in [0, η₀]; default 0.
        power: p > 0; default 1.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> schedule = PolynomialDecay(0.1, steps=100)
        >>> schedule(0), schedule(50), schedule(100), schedule(200)
        (0.1, 0.05, 0.0, 0.0)

    Warning:
        Keras's ``end_learning_rate`` is 0.0001 by default, and its ``cycle=True`` has no counterpart here.
        PyTorch's ``PolynomialLR`` always ends at 0.

    Source: L.-C. Chen et al., "DeepLab: semantic image segmentation with deep convolutional nets, atrous
    convolution, and fully connected CRFs", IEEE TPAMI 40, 2018: the "poly" policy, p = 0.9, end 0.
    """

    learning_rate: float
    steps: int
    end_learning_rate: float = 0.0
    power: float = 1.0

    def __post_init__(self) -> None:
        rate = check_positive("learning_rate", self.learning_rate)
        check_integer("steps", self.steps, low=1)
        check_number("end_learning_rate", self.end_learning_rate, low=0.0, high=rate)
        check_positive("power", self.power)

    def __call__(self, step: int) -> float:
        check_integer("step", step, low=0)
        left = (1 - min(step, self.steps) / self.steps) ** self.power
        return self.end_learning_rate + (self.learning_rate - self.end_learning_rate) * left


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

    Warning:
        PyTorch's ``CosineAnnealingLR`` rises again after s steps, and its ``eta_min`` is a rate, not a share.

    Source: I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
    """

    learning_rate: float
    steps: int
    alpha: float = 0.0

    def __post_init__(self) -> None:
        check_positive("learning_rate", self.learning_rate)
        check_integer("steps", self.steps, low=1)
        check_number("alpha", self.alpha, low=0.0, high=1.0)

    def __call__(self, step: int) -> float:
        check_integer("step", step, low=0)
        wave = SHAPES["cosine"](min(step, self.steps) / self.steps)
        return self.learning_rate * (self.alpha + (1 - self.alpha) * wave)


def _as_tuple(name: str, value: Any) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name}: got {describe(value)}; expected a sequence of numbers")
    return tuple(item.item() if isinstance(item, np.generic) else item for item in value)
