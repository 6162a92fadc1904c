"""AdaBelief: Adam divided by how far gradients are from what momentum predicts."""

from __future__ import annotations

import numpy as np

from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.optimizers.hyperparameters import Rate, fraction, positive


class AdaBelief(Optimizer):
    r"""AdaBelief (Zhuang et al. 2020): long steps where gradients come as expected, short ones where they surprise.

    .. math::

        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        s_t = \beta_2 s_{t-1} + (1 - \beta_2) (g_t - m_t)^2 + \varepsilon \\
        \hat m_t = \frac{m_t}{1 - \beta_1^t}, \quad
        \hat s_t = \frac{s_t}{1 - \beta_2^t} \\
        \theta_{t+1} = \theta_t - \eta_t \frac{\hat m_t}{\sqrt{\hat s_t} + \varepsilon}

    Adam averages g², AdaBelief the squared distance of g from m, the average of recent gradients.

    Only ``"paper"``: Keras and PyTorch have no AdaBelief.

    Args:
        learning_rate: η > 0 or a schedule; default 0.001.
        beta_1: β₁ in [0, 1), the memory of m.
        beta_2: β₂ in [0, 1), the memory of s.
        epsilon: ε > 0, in both places; default 1e-8.

    Raises:
        ValueError: a value out of its range; a ``convention`` other than ``"paper"``.

    Example:
        >>> theta = np.zeros(2)
        >>> optimizer = AdaBelief(learning_rate=0.1)
        >>> for sign in (1, -1, 1, -1):
        ...     optimizer.step(theta, np.array([1.0, sign]))
        >>> theta.round(2)                    # a steady gradient, and one that alternates
        array([-0.48, -0.14])

    Warning:
        ε adds up: √ŝ is never below √(ε/(1 − β₂)), which is 0.003 for the paper's 1e-8. Where gradients differ from
        their average by less, AdaBelief is plain momentum. The authors' later code takes 1e-16.

    Source: J. Zhuang et al., "AdaBelief optimizer: adapting stepsizes by the belief in observed gradients",
    NeurIPS 2020, Algorithm 2.
    """

    slots = ("m", "s")
    conventions = ("paper",)
    learning_rate: Rate = Rate(default=0.001)
    beta_1: float = fraction(default=0.9)
    beta_2: float = fraction(default=0.999)
    epsilon: float = positive(default=1e-8)

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        m, s = slots
        m *= self.beta_1
        m += (1 - self.beta_1) * gradient
        s *= self.beta_2
        s += (1 - self.beta_2) * (gradient - m) ** 2 + self.epsilon
        s_hat = s / (1 - self.beta_2**self.t)
        theta -= self.learning_rate / (1 - self.beta_1**self.t) * m / (np.sqrt(s_hat) + self.epsilon)
