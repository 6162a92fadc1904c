"""Gradient descent: one step down the slope."""

from __future__ import annotations

import numpy as np

from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.optimizers.hyperparameters import Rate


class GradientDescent(Optimizer):
    r"""Gradient descent (Cauchy 1847): a step against the gradient.

    .. math::

        \theta_{t+1} = \theta_t - \eta_t\, g_t

    The same in the paper, in Keras and in PyTorch. Given the gradient of a mini-batch instead of the whole
    data it is stochastic gradient descent.

    Args:
        learning_rate: η > 0 or a schedule; default 0.01 (``"pytorch"``: 0.001).

    Example:
        >>> theta = np.array([1.0, 2.0])
        >>> GradientDescent(learning_rate=0.1).step(theta, np.array([10.0, -10.0]))
        >>> theta
        array([0., 3.])

    Source: A.-L. Cauchy, "Méthode générale pour la résolution des systèmes d'équations simultanées", Comptes
    Rendus 25 (1847), 536-538.
    """

    learning_rate: Rate = Rate(default=0.01, pytorch=0.001)

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        theta -= self.learning_rate * gradient
