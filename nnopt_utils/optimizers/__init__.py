"""Optimizers: each changes θ in place by its rule, and knows nothing of what θ is.

>>> import numpy as np
>>> theta = np.array([1.0, 2.0])
>>> SGD(learning_rate=0.1).step(theta, np.array([1.0, 1.0]))
>>> theta
array([0.9, 1.9])
"""

from nnopt_utils.optimizers.adabelief import AdaBelief
from nnopt_utils.optimizers.adadelta import Adadelta
from nnopt_utils.optimizers.adafactor import Adafactor
from nnopt_utils.optimizers.adagrad import Adagrad
from nnopt_utils.optimizers.adam import Adam
from nnopt_utils.optimizers.adamax import Adamax
from nnopt_utils.optimizers.adamw import AdamW
from nnopt_utils.optimizers.base import CONVENTIONS, NonFiniteGradientError, Optimizer
from nnopt_utils.optimizers.d_adaptation import DAdaptAdam, DAdaptSGD
from nnopt_utils.optimizers.ftrl import Ftrl
from nnopt_utils.optimizers.gradient_descent import GradientDescent
from nnopt_utils.optimizers.lamb import LAMB
from nnopt_utils.optimizers.lion import Lion
from nnopt_utils.optimizers.muon import Muon, newton_schulz
from nnopt_utils.optimizers.nadam import Nadam
from nnopt_utils.optimizers.nesterov import Nesterov
from nnopt_utils.optimizers.prodigy import Prodigy
from nnopt_utils.optimizers.radam import RAdam
from nnopt_utils.optimizers.rmsprop import RMSprop
from nnopt_utils.optimizers.schedule_free import ScheduleFreeAdamW, ScheduleFreeSGD
from nnopt_utils.optimizers.sgd import SGD
from nnopt_utils.optimizers.tensors import TensorOptimizer
from nnopt_utils.optimizers.yogi import Yogi

__all__ = [
    "CONVENTIONS",
    "LAMB",
    "SGD",
    "AdaBelief",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "DAdaptAdam",
    "DAdaptSGD",
    "Ftrl",
    "GradientDescent",
    "Lion",
    "Muon",
    "Nadam",
    "Nesterov",
    "NonFiniteGradientError",
    "Optimizer",
    "Prodigy",
    "RAdam",
    "RMSprop",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "TensorOptimizer",
    "Yogi",
    "newton_schulz",
]
