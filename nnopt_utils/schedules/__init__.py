"""Learning-rate schedules: the number of finished steps → learning rate.

``schedule(0)`` is the rate of the first step, as in Keras and PyTorch. A schedule is a small frozen object
that can be called, compared, printed, pickled and drawn; any function of one integer will do as well. A step that is no
integer from 0 on raises an error that names it.
"""

from nnopt_utils.schedules.composition import Compose
from nnopt_utils.schedules.decays import (
    Constant,
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstant,
    PolynomialDecay,
    StepDecay,
)
from nnopt_utils.schedules.restarts import CosineRestarts, OneCycle
from nnopt_utils.schedules.warmups import LinearWarmup, Warmup, WarmupStableDecay

__all__ = [
    "Compose",
    "Constant",
    "CosineDecay",
    "CosineRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LinearWarmup",
    "OneCycle",
    "PiecewiseConstant",
    "PolynomialDecay",
    "StepDecay",
    "Warmup",
    "WarmupStableDecay",
]
