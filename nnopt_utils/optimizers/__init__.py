"""Optimizers: each changes θ in place by its rule, and knows nothing of what θ is.

>>> import numpy as np
>>> theta = np.array([1.0, 2.0])
>>> SGD(learning_rate=0.1).step(theta, np.array([1.0, 1.0]))
>>> theta
array([0.9, 1.9])
"""

from nnopt_utils.optimizers.base import CONVENTIONS, NonFiniteGradientError, Optimizer
from nnopt_utils.optimizers.gradient_descent import GradientDescent
from nnopt_utils.optimizers.nesterov import Nesterov
from nnopt_utils.optimizers.sgd import SGD

__all__ = ["CONVENTIONS", "SGD", "GradientDescent", "Nesterov", "NonFiniteGradientError", "Optimizer"]
