"""Adamax: Adam with the largest gradient instead of the mean square, in three conventions."""

from __future__ import annotations

import numpy as np

from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.optimizers.hyperparameters import Rate, fraction, not_negative


class Adamax(Optimizer):
    r"""Adamax (Kingma & Ba 2015): momentum, divided by the largest recent gradient of the coordinate.

    ``"paper"`` and ``"keras"``:

    .. math::

        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        u_t = \max(\beta_2 u_{t-1}, \lvert g_t \rvert) \\
        \theta_{t+1} = \theta_t - \frac{\eta_t}{1 - \beta_1^t} \frac{m_t}{u_t + \varepsilon}

    ``"pytorch"``, ε inside the maximum:

    .. math::

        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        u_t = \max(\beta_2 u_{t-1}, \lvert g_t \rvert + \varepsilon) \\
        \theta_{t+1} = \theta_t - \frac{\eta_t}{1 - \beta_1^t} \frac{m_t}{u_t}

    u needs no bias correction: the first gradient already makes it as large as it should be.

    ==================  ==================  ==================  ==================
    \                   paper               keras               pytorch
    ==================  ==================  ==================  ==================
    learning_rate       0.002               0.001               0.002
    beta_1, beta_2      0.9, 0.999          0.9, 0.999          0.9, 0.999
    epsilon             0                   1e-7, beside u      1e-8, inside max
    weight_decay        decoupled, × η      decoupled, × η      L2, added to g
    ==================  ==================  ==================  ==================

    Args:
        beta_1: β₁ in [0, 1), the memory of m.
        beta_2: β₂ in [0, 1), how fast a large gradient is forgotten.
        epsilon: ε >= 0. With 0, a coordinate that never had a gradient stays where it is (no 0/0).

    Raises:
        ValueError: a value out of its range.

    Example:
        >>> theta = np.array([1.0, 1.0])
        >>> Adamax(learning_rate=0.1).step(theta, np.array([1000.0, 0.001]))
        >>> theta.round(4)                    # the first step is η in every coordinate, whatever its scale
        array([0.9, 0.9])

    Warning:
        One huge gradient keeps the steps of its coordinate short for about 1/(1 − β₂) = 1000 steps: u only decays by
        the factor β₂, smaller gradients do not lower it.

    Source: D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, Algorithm 2.
    """

    slots = ("m", "u")
    learning_rate: Rate = Rate(default=0.002, keras=0.001)
    beta_1: float = fraction(default=0.9)
    beta_2: float = fraction(default=0.999)
    epsilon: float = not_negative(default=0.0, keras=1e-7, pytorch=1e-8)

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        m, u = slots
        epsilon = self.epsilon or np.finfo(u.dtype).tiny  # makes 0/0 zero and changes nothing else
        m *= self.beta_1
        m += (1 - self.beta_1) * gradient
        if self.convention == "pytorch":
            u[:] = divisor = np.maximum(self.beta_2 * u, np.abs(gradient) + epsilon)
        else:
            u[:] = np.maximum(self.beta_2 * u, np.abs(gradient))
            divisor = u + epsilon
        theta -= self.learning_rate / (1 - self.beta_1**self.t) * m / divisor
