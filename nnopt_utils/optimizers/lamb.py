"""LAMB: Adam whose step in each tensor is as long as the tensor's weights allow."""

from __future__ import annotations

import numpy as np

from nnopt_utils.optimizers.hyperparameters import Rate, fraction, not_negative
from nnopt_utils.optimizers.tensors import TensorOptimizer


class LAMB(TensorOptimizer):
    r"""LAMB (You et al. 2020): Adam's direction, with a step of length η ‖W‖ in each weight matrix and bias vector.

    Made for very large batches: no layer can move by more than the share η of its own size. Here θ stands for one
    tensor of the layout (without a layout, for all of θ).

    ``"paper"``, with φ(z) = z: the weight decay stands inside the direction,

    .. math::

        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 \\
        \hat m_t = \frac{m_t}{1 - \beta_1^t}, \quad
        \hat v_t = \frac{v_t}{1 - \beta_2^t} \\
        \delta_t = \frac{\hat m_t}{\sqrt{\hat v_t} + \varepsilon} + \lambda \theta_t \\
        \theta_{t+1} = \theta_t - \eta_t \frac{\lVert \theta_t \rVert}{\lVert \delta_t \rVert} \delta_t

    ``"keras"``: the weights shrink first, and the ratio is that of the shrunk weights,

    .. math::

        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t \\
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 \\
        \hat m_t = \frac{m_t}{1 - \beta_1^t}, \quad
        \hat v_t = \frac{v_t}{1 - \beta_2^t} \\
        \delta_t = \frac{\hat m_t}{\sqrt{\hat v_t} + \varepsilon}, \quad
        \tilde\theta_t = (1 - \eta_t \lambda)\, \theta_t \\
        \theta_{t+1} = \tilde\theta_t - \eta_t \frac{\lVert \tilde\theta_t \rVert}{\lVert \delta_t \rVert} \delta_t

    The quotient of norms is the *trust ratio*. It is 1 where θ or δ is zero: biases that start at zero take one Adam
    step first.

    ==================  =========================  =========================
    \                   paper                      keras
    ==================  =========================  =========================
    learning_rate       0.001                      0.001
    beta_1, beta_2      0.9, 0.999                 0.9, 0.999
    epsilon             1e-6                       1e-7
    weight_decay        0, inside the direction    0, decoupled, × η
    ==================  =========================  =========================

    Args:
        learning_rate: η > 0 or a schedule: the length of a step, relative to the tensor's norm.
        beta_1: β₁ in [0, 1), the memory of m.
        beta_2: β₂ in [0, 1), the memory of v.
        epsilon: ε >= 0, keeps the quotient finite where gradients vanish.

    Raises:
        ValueError: a value out of its range; ``convention="pytorch"``, since PyTorch has no LAMB.

    Example:
        >>> theta = np.array([3.0, 4.0])
        >>> LAMB(learning_rate=0.1).step(theta, np.array([1000.0, 0.0]))
        >>> theta.round(4)                    # a step of 0.1 ‖θ‖ = 0.5, whatever the gradient's size
        array([2.5, 4. ])

    Warning:
        Keras leaves the decay out of the trust ratio's direction, so its decayed step is longer than η ‖W‖. With a
        gradient and decay of the same size the two conventions part at the first step.

    Source: Y. You et al., "Large batch optimization for deep learning: training BERT in 76 minutes", ICLR 2020.
    """

    slots = ("m", "v")
    conventions = ("paper", "keras")
    owns_weight_decay = True
    learning_rate: Rate = Rate(default=0.001)
    beta_1: float = fraction(default=0.9)
    beta_2: float = fraction(default=0.999)
    epsilon: float = not_negative(default=1e-6, keras=1e-7)

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        m, v = slots
        m *= self.beta_1
        m += (1 - self.beta_1) * gradient
        v *= self.beta_2
        v += (1 - self.beta_2) * gradient**2
        direction = m / (1 - self.beta_1**self.t) / (np.sqrt(v / (1 - self.beta_2**self.t)) + self.epsilon)
        if self.convention == "keras":
            theta -= self.learning_rate * self.weight_decay * theta
        else:
            direction += self.weight_decay * theta
        theta -= self.learning_rate * _trust_ratio(theta, direction) * direction


def _trust_ratio(theta: np.ndarray, direction: np.ndarray) -> float:
    size, length = float(np.linalg.norm(theta)), float(np.linalg.norm(direction))
    return size / length if size and length else 1.0
