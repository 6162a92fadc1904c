"""Adadelta, in three conventions."""

from __future__ import annotations

import numpy as np

from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.optimizers.hyperparameters import Rate, fraction, positive


class Adadelta(Optimizer):
    r"""Adadelta (Zeiler 2012): steps as long as recent steps, so that no rate has to be chosen.

    All conventions:

    .. math::

        v_t = \rho v_{t-1} + (1 - \rho)\, g_t^2 \\
        \Delta_t = \frac{\sqrt{u_{t-1} + \varepsilon}}{\sqrt{v_t + \varepsilon}}\, g_t \\
        u_t = \rho u_{t-1} + (1 - \rho)\, \Delta_t^2 \\
        \theta_{t+1} = \theta_t - \eta_t \Delta_t

    v is the average squared gradient, u the average squared step: a step has the unit of θ, whatever the unit of J.

    ==================  ==================  ==================  ==================
    \                   paper               keras               pytorch
    ==================  ==================  ==================  ==================
    learning_rate       1                   0.001               1
    rho                 0.95                0.95                0.9
    epsilon             1e-6                1e-7                1e-6
    weight_decay        decoupled, × η      decoupled, × η      L2, added to g
    ==================  ==================  ==================  ==================

    The paper has no rate, which is η = 1.

    Args:
        rho: ρ in [0, 1), the memory of v and u.
        epsilon: ε > 0. It sets the length of the first steps: with ε = 0 θ would never move.

    Raises:
        ValueError: a value out of its range.

    Example:
        >>> theta = np.array([1.0, 1.0])
        >>> Adadelta().step(theta, np.array([1000.0, 1.0]))
        >>> 1 - theta.round(6)                # the first step is √(ε / (1 − ρ)), whatever the gradient
        array([0.004472, 0.004472])

    Warning:
        Keras's rate of 0.001 makes every step a thousand times shorter than the paper's. For the paper's algorithm,
        in Keras too, set ``learning_rate=1.0``.

    Source: M. D. Zeiler, "ADADELTA: an adaptive learning rate method", arXiv:1212.5701, 2012, Algorithm 1.
    """

    slots = ("v", "u")
    learning_rate: Rate = Rate(default=1.0, keras=0.001)
    rho: float = fraction(default=0.95, pytorch=0.9)
    epsilon: float = positive(default=1e-6, keras=1e-7)

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        v, u = slots
        v *= self.rho
        v += (1 - self.rho) * gradient**2
        step = np.sqrt((u + self.epsilon) / (v + self.epsilon)) * gradient
        u *= self.rho
        u += (1 - self.rho) * step**2
        theta -= self.learning_rate * step
