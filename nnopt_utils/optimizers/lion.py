"""Lion: the sign of the momentum, in two conventions."""

from __future__ import annotations

import numpy as np

from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.optimizers.hyperparameters import Rate, fraction


class Lion(Optimizer):
    r"""Lion (Chen et al. 2023): every coordinate moves by exactly η, in the direction of the momentum's sign.

    .. math::

        c_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        \theta_{t+1} = \theta_t - \eta_t \operatorname{sign}(c_t) \\
        m_t = \beta_2 m_{t-1} + (1 - \beta_2)\, g_t

    The direction is taken from c, in which the present gradient weighs 1 − β₁ = 0.1; the memory m, in which it weighs
    1 − β₂ = 0.01, is updated afterwards. One state array, half of Adam's.

    ==================  ==================  ==================
    \                   paper               keras
    ==================  ==================  ==================
    learning_rate       0.0001              0.001
    beta_1, beta_2      0.9, 0.99           0.9, 0.99
    weight_decay        decoupled, × η      decoupled, × η
    ==================  ==================  ==================

    PyTorch has no Lion.

    Args:
        learning_rate: η > 0 or a schedule. The authors advise a third to a tenth of AdamW's, and a weight decay that is
            larger by the same factor.
        beta_1: β₁ in [0, 1), the share of the memory in the direction.
        beta_2: β₂ in [0, 1), the memory of m.

    Raises:
        ValueError: a value out of its range; the ``convention`` ``"pytorch"``.

    Example:
        >>> theta = np.array([1.0, 1.0, 1.0])
        >>> Lion(learning_rate=0.1).step(theta, np.array([1000.0, -0.001, 0.0]))
        >>> theta.round(4)
        array([0.9, 1.1, 1. ])

    Warning:
        Steps do not shrink near a minimum, so the rate has to. And a coordinate whose gradients stay exactly zero goes
        on moving by η, for thousands of steps: m decays but keeps its sign.

    Source: X. Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, Algorithm 2.
    """

    slots = ("m",)
    conventions = ("paper", "keras")
    learning_rate: Rate = Rate(default=0.0001, keras=0.001)
    beta_1: float = fraction(default=0.9)
    beta_2: float = fraction(default=0.99)

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        (m,) = slots
        direction = np.sign(self.beta_1 * m + (1 - self.beta_1) * gradient)
        theta -= self.learning_rate * direction
        m *= self.beta_2
        m += (1 - self.beta_2) * gradient
