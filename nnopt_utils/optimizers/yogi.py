"""Yogi: Adam whose v changes by limited amounts."""

from __future__ import annotations

import numpy as np

from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.optimizers.hyperparameters import Rate, flag, fraction, not_negative


class Yogi(Optimizer):
    r"""Yogi (Zaheer et al. 2018): Adam whose v moves towards g² by (1 − β₂) g², not by a share of the distance.

    .. math::

        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t, \quad
        v_0 = \text{initial\_accumulator\_value} \\
        v_t = v_{t-1} - (1 - \beta_2)\, \operatorname{sign}(v_{t-1} - g_t^2)\, g_t^2 \\
        \theta_{t+1} = \theta_t - \eta_t \frac{m_t}{\sqrt{v_t} + \varepsilon}

    When gradients become small, Adam's v falls at once to match and its steps grow; Yogi's falls only as fast as the
    small g² allow. When gradients become large both react alike.

    Only ``"paper"``: Keras and PyTorch have no Yogi.

    Args:
        learning_rate: η > 0 or a schedule; default 0.01.
        beta_1: β₁ in [0, 1), the memory of m.
        beta_2: β₂ in [0, 1): v changes by at most (1 − β₂) g² a step.
        epsilon: ε >= 0, beside √v; default 1e-3.
        initial_accumulator_value: v_0 >= 0; default 1e-6.
        bias_correction: multiply the step by √(1 − β₂ᵗ)/(1 − β₁ᵗ), as the authors' code does and Algorithm 2 does not.

    Raises:
        ValueError: a value out of its range; a ``convention`` other than ``"paper"``.

    Example:
        >>> theta = np.array([1.0])
        >>> optimizer = Yogi(learning_rate=0.1)
        >>> for gradient in (1.0, 0.01):
        ...     optimizer.step(theta, np.array([gradient]))
        ...     print(optimizer.state["v"])   # down by 1e-3 · 1e-4 only; Adam's would lose 1e-3 of itself
        [0.001001]
        [0.0010009]

    Warning:
        The paper starts v from the squared gradient of a large mini-batch; its authors' code (TensorFlow Addons)
        from 1e-6, as here. The large ε makes Yogi plain momentum for gradients well below 1e-3.

    Source: M. Zaheer et al., "Adaptive methods for nonconvex optimization", NeurIPS 2018, Algorithm 2.
    """

    slots = ("m", "v")
    conventions = ("paper",)
    learning_rate: Rate = Rate(default=0.01)
    beta_1: float = fraction(default=0.9)
    beta_2: float = fraction(default=0.999)
    epsilon: float = not_negative(default=1e-3)
    initial_accumulator_value: float = not_negative(default=1e-6)
    bias_correction: bool = flag(default=False)

    def initial_state(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        return {"m": np.zeros_like(theta), "v": np.full_like(theta, self.initial_accumulator_value)}

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        m, v = slots
        square = gradient**2
        m *= self.beta_1
        m += (1 - self.beta_1) * gradient
        v -= (1 - self.beta_2) * np.sign(v - square) * square
        rate = self.learning_rate
        if self.bias_correction:
            rate *= (1 - self.beta_2**self.t) ** 0.5 / (1 - self.beta_1**self.t)
        theta -= rate * m / (np.sqrt(v) + self.epsilon)
