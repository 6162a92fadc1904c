"""Nadam: Adam with Nesterov momentum, in three conventions."""

from __future__ import annotations

import numpy as np

from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.optimizers.hyperparameters import Rate, fraction, not_negative


class Nadam(Optimizer):
    r"""Nadam (Dozat 2016): Adam whose momentum already looks one step ahead, with a momentum that grows.

    With a momentum μ_t that depends on the step,

    .. math::

        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 \\
        \hat m_t = \frac{\mu_{t+1} m_t}{1 - \prod_{i=1}^{t+1} \mu_i} + \frac{(1 - \mu_t)\, g_t}{1 - \prod_{i=1}^t \mu_i}
        \quad
        \hat v_t = \frac{v_t}{1 - \beta_2^t} \\
        \theta_{t+1} = \theta_t - \eta_t \frac{\hat m_t}{\sqrt{\hat v_t} + \varepsilon}

    ``"paper"``:

    .. math::

        \mu_t = \beta_1 (1 - 0.5 \cdot 0.96^{t / 250}) \\
        m_t = \mu_t m_{t-1} + (1 - \mu_t)\, g_t

    ``"pytorch"``: m averages with the constant β₁,

    .. math::

        \mu_t = \beta_1 (1 - 0.5 \cdot 0.96^{0.004 t}) \\
        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t

    ``"keras"``: the same, with a momentum that grows 250 times faster,

    .. math::

        \mu_t = \beta_1 (1 - 0.5 \cdot 0.96^t) \\
        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t

    The product of the μ's up to t is kept in ``scalars["mu_product"]``.

    ==================  ==================  ==================  ==================
    \                   paper               keras               pytorch
    ==================  ==================  ==================  ==================
    learning_rate       0.002               0.001               0.002
    beta_1, beta_2      0.9, 0.999          0.9, 0.999          0.9, 0.999
    epsilon             1e-8                1e-7                1e-8
    momentum_decay      0.004 = 1/250       1                   0.004
    m averages with     μ_t                 β₁                  β₁
    weight_decay        decoupled, × η      decoupled, × η      L2, added to g
    ==================  ==================  ==================  ==================

    The paper tunes its rate; 0.002 and β₁ = 0.9 are PyTorch's.

    Args:
        beta_1: β₁ in [0, 1), the momentum that μ_t grows to, from about half of it.
        beta_2: β₂ in [0, 1), the memory of v.
        epsilon: ε >= 0, keeps the quotient finite where gradients vanish.
        momentum_decay: ψ >= 0 in μ_t = β₁ (1 − 0.5 · 0.96^(ψ t)), how fast μ grows. Keras has no such argument.

    Raises:
        ValueError: a value out of its range.

    Example:
        >>> theta = np.array([1.0, 1.0])
        >>> optimizer = Nadam(learning_rate=0.1)
        >>> optimizer.step(theta, np.array([1000.0, 0.001]))
        >>> theta.round(4)                    # longer than η: 0.1 (μ₂ (1 − μ₁) / (1 − μ₁ μ₂) + 1)
        array([0.869, 0.869])

    Warning:
        In Keras μ has practically reached β₁ after 100 steps, in PyTorch after 25,000: over a short training the two
        are different optimizers. In Keras and PyTorch m is an average with β₁, but is corrected with the product of
        the μ's, as if they had averaged it.

    Source: T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR 2016 workshop.
    """

    slots = ("m", "v")
    learning_rate: Rate = Rate(default=0.002, keras=0.001)
    beta_1: float = fraction(default=0.9)
    beta_2: float = fraction(default=0.999)
    epsilon: float = not_negative(default=1e-8, keras=1e-7)
    momentum_decay: float = not_negative(default=0.004, keras=1.0)

    def set_up(self) -> None:
        self.scalars = {"mu_product": 1.0}

    def mu(self, t: int) -> float:
        """Return the momentum μ of step ``t``.

        Args:
            t: the step, from 1.

        Example:
            >>> [round(Nadam().mu(t), 4) for t in (1, 1000, 25_000)]
            [0.4501, 0.5178, 0.8924]
        """
        return self.beta_1 * (1 - 0.5 * 0.96 ** (self.momentum_decay * t))

    def begin_step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        self.scalars["mu_product"] *= self.mu(self.t)

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        m, v = slots
        mu, mu_next, product = self.mu(self.t), self.mu(self.t + 1), self.scalars["mu_product"]
        decay = mu if self.convention == "paper" else self.beta_1
        m *= decay
        m += (1 - decay) * gradient
        v *= self.beta_2
        v += (1 - self.beta_2) * gradient**2
        m_hat = mu_next / (1 - product * mu_next) * m + (1 - mu) / (1 - product) * gradient
        v_hat = v / (1 - self.beta_2**self.t)
        theta -= self.learning_rate * m_hat / (np.sqrt(v_hat) + self.epsilon)
