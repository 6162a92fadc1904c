"""RAdam: Adam that waits until its averages can be trusted, in two conventions."""

from __future__ import annotations

import numpy as np

from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.optimizers.hyperparameters import Rate, fraction, not_negative


class RAdam(Optimizer):
    r"""RAdam (Liu et al. 2020): Adam with a warm-up that follows from the variance of 1/√v.

    ρ_t says how many gradients v_t has averaged, in effect. While it is small, 1/√v is so uncertain that RAdam takes
    plain momentum steps; after that r_t, which grows from near 0 to 1, scales Adam's.

    Both:

    .. math::

        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 \\
        \hat m_t = \frac{m_t}{1 - \beta_1^t}, \quad
        \ell_t = \frac{\sqrt{1 - \beta_2^t}}{\sqrt{v_t} + \varepsilon} \\
        \rho_\infty = \frac{2}{1 - \beta_2} - 1, \quad
        \rho_t = \rho_\infty - \frac{2 t \beta_2^t}{1 - \beta_2^t}, \quad
        r_t = \sqrt{\frac{(\rho_t - 4)(\rho_t - 2)\, \rho_\infty}{(\rho_\infty - 4)(\rho_\infty - 2)\, \rho_t}}

    ``"paper"``:

    .. math::

        \theta_{t+1} = \begin{cases}
            \theta_t - \eta_t r_t \ell_t \hat m_t & \text{if } \rho_t > 4 \\
            \theta_t - \eta_t \hat m_t & \text{otherwise}
        \end{cases}

    ``"pytorch"``, more cautious:

    .. math::

        \theta_{t+1} = \begin{cases}
            \theta_t - \eta_t r_t \ell_t \hat m_t & \text{if } \rho_t > 5 \\
            \theta_t - \eta_t \hat m_t & \text{otherwise}
        \end{cases}

    ==================  ========================  ========================
    \                   paper                     pytorch
    ==================  ========================  ========================
    learning_rate       0.001                     0.001
    beta_1, beta_2      0.9, 0.999                0.9, 0.999
    epsilon             1e-8, beside √v           1e-8, beside √v
    momentum steps      while ρ_t <= 4: t <= 4    while ρ_t <= 5: t <= 5
    weight_decay        decoupled, × η            L2, added to g
    ==================  ========================  ========================

    The paper writes no ε: this one is from its authors' code. Keras has no RAdam.

    Args:
        beta_1: β₁ in [0, 1), the memory of m.
        beta_2: β₂ in [0, 1), the memory of v. Up to 0.6 (2/3 in PyTorch) every step is a momentum step.
        epsilon: ε >= 0, keeps the quotient finite where gradients vanish.

    Raises:
        ValueError: a value out of its range; the ``convention`` ``"keras"``.

    Example:
        >>> theta = np.zeros(2)
        >>> optimizer = RAdam(learning_rate=0.1)
        >>> for _ in range(5):
        ...     optimizer.step(theta, np.array([1.0, 0.1]))
        ...     print(theta.round(4))         # four momentum steps, then Adam's times r_5 = 0.017
        [-0.1  -0.01]
        [-0.2  -0.02]
        [-0.3  -0.03]
        [-0.4  -0.04]
        [-0.4017 -0.0417]

    Warning:
        The first steps have the length of the gradient, not η: with gradients of size 100 they are 100 times as long
        as Adam's.

    Source: L. Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020, Algorithm 2.
    """

    slots = ("m", "v")
    conventions = ("paper", "pytorch")
    learning_rate: Rate = Rate(default=0.001)
    beta_1: float = fraction(default=0.9)
    beta_2: float = fraction(default=0.999)
    epsilon: float = not_negative(default=1e-8)

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        m, v = slots
        m *= self.beta_1
        m += (1 - self.beta_1) * gradient
        v *= self.beta_2
        v += (1 - self.beta_2) * gradient**2
        rate = self.learning_rate / (1 - self.beta_1**self.t)
        r = self.rectification()
        if r:
            theta -= rate * r * (1 - self.beta_2**self.t) ** 0.5 * m / (np.sqrt(v) + self.epsilon)
        else:
            theta -= rate * m

    def rectification(self) -> float:
        """Return r_t, or 0 while ρ_t is too small.

        Example:
            >>> optimizer, theta = RAdam(), np.ones(1)
            >>> factors = []
            >>> for _ in range(6):
            ...     optimizer.step(theta, np.ones(1))
            ...     factors.append(round(optimizer.rectification(), 3))
            >>> factors
            [0.0, 0.0, 0.0, 0.0, 0.017, 0.026]
        """
        power = self.beta_2**self.t
        last = 2 / (1 - self.beta_2) - 1
        rho = last - 2 * self.t * power / (1 - power)
        if rho <= (5 if self.convention == "pytorch" else 4):
            return 0.0
        return float((rho - 4) * (rho - 2) * last / ((last - 4) * (last - 2) * rho)) ** 0.5
