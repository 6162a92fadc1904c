"""Adam, with AMSGrad, in three conventions."""

from __future__ import annotations

import numpy as np

from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.optimizers.hyperparameters import Rate, flag, fraction, not_negative


class Adam(Optimizer):
    r"""Adam (Kingma & Ba 2015): momentum, divided by the size that gradients have had, coordinate by coordinate.

    ``"paper"`` and ``"pytorch"``, Algorithm 1:

    .. math::

        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 \\
        \hat m_t = \frac{m_t}{1 - \beta_1^t}, \quad
        \hat v_t = \frac{v_t}{1 - \beta_2^t} \\
        \theta_{t+1} = \theta_t - \eta_t \frac{\hat m_t}{\sqrt{\hat v_t} + \varepsilon}

    ``"keras"``, the form at the end of the paper's section 2: ε is added to the root of the *uncorrected* v,

    .. math::

        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 \\
        \theta_{t+1} = \theta_t - \eta_t \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \frac{m_t}{\sqrt{v_t} + \varepsilon}

    Both are one formula: Algorithm 1 with ε is Keras's with ε √(1 − β₂ᵗ). All squares, roots and quotients are taken
    entry by entry.

    ==================  ====================  ====================  ====================
    \                   paper                 keras                 pytorch
    ==================  ====================  ====================  ====================
    learning_rate       0.001                 0.001                 0.001
    beta_1, beta_2      0.9, 0.999            0.9, 0.999            0.9, 0.999
    epsilon             1e-8, beside √v̂       1e-7, beside √v       1e-8, beside √v̂
    amsgrad             max of v, no          max of v, then        max of v, then
                        bias correction       bias correction       bias correction
    weight_decay        decoupled, × η        decoupled, × η        L2, added to g
    ==================  ====================  ====================  ====================

    Args:
        beta_1: β₁ in [0, 1), the memory of m.
        beta_2: β₂ in [0, 1), the memory of v.
        epsilon: ε >= 0, keeps the quotient finite where gradients vanish.
        amsgrad: divide by the root of the largest v so far (Reddi et al. 2018), in ``state["v_max"]``.
        bias_correction: leave it on. Off, m and v start too small, and the first step is (1 − β₁)/√(1 − β₂)
            = 3.16 times too long: chapter 6 shows it.

    Raises:
        ValueError: a value out of its range.

    Example:
        >>> theta = np.array([1.0, 1.0])
        >>> Adam(learning_rate=0.1).step(theta, np.array([1000.0, 0.001]))
        >>> theta.round(4)                    # the first step is η in every coordinate, whatever its scale
        array([0.9, 0.9])

    Warning:
        Keras's ε matters much more than it looks: at t = 1 its 1e-7 acts like an ε of 3.2e-6 in Algorithm 1.
        With a gradient of 1e-6 and η = 0.001 the first step is 2.40e-4 in Keras and 9.90e-4 in PyTorch. A step is
        mostly shorter than η, but after a time of tiny gradients it can be (1 − β₁)/√(1 − β₂)/√(1 − β₁²/β₂) times
        as long: 7.27 η at the defaults, 1.17 η with β₂ = 0.95, never more than η only with β₂ = β₁. With
        L2 (``"pytorch"``) the penalty is divided by √v̂ too, so it hardly decays weights with large gradients: see
        :class:`AdamW`.

    Source: D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015; S. J. Reddi, S. Kale
    and S. Kumar, "On the convergence of Adam and beyond", ICLR 2018.
    """

    learning_rate: Rate = Rate(default=0.001)
    beta_1: float = fraction(default=0.9)
    beta_2: float = fraction(default=0.999)
    epsilon: float = not_negative(default=1e-8, keras=1e-7)
    amsgrad: bool = flag(default=False)
    bias_correction: bool = flag(default=True)

    def set_up(self) -> None:
        self.slots = ("m", "v", "v_max") if self.amsgrad else ("m", "v")

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        m, v, *rest = slots
        m *= self.beta_1
        m += (1 - self.beta_1) * gradient
        v *= self.beta_2
        v += (1 - self.beta_2) * gradient**2
        for v_max in rest:  # AMSGrad
            v = np.maximum(v_max, v, out=v_max)
        correction_1, correction_2 = self.corrections()
        # The paper's ε stands beside the root of the corrected v, Keras's beside that of v itself.
        epsilon = self.epsilon if self.convention == "keras" else self.epsilon * correction_2**0.5
        root = np.sqrt(v)
        root += epsilon  # in place: one array less to write than √v + ε
        theta -= self.learning_rate * correction_2**0.5 / correction_1 * m / root

    def corrections(self) -> tuple[float, float]:
        """Return 1 − β₁ᵗ and 1 − β₂ᵗ, by which m and v are too small; 1 where there is no bias correction.

        Example:
            >>> adam = Adam()
            >>> adam.step(np.ones(1), np.ones(1))
            >>> [round(correction, 4) for correction in adam.corrections()]      # after step 1: 1 − β₁ and 1 − β₂
            [0.1, 0.001]
        """
        if not self.bias_correction or (self.amsgrad and self.convention == "paper"):
            return 1.0, 1.0
        return 1 - self.beta_1**self.t, 1 - self.beta_2**self.t
