"""FTRL-Proximal: for sparse linear models, in two conventions."""

from __future__ import annotations

import numpy as np

from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.optimizers.hyperparameters import Rate, not_negative, number


class Ftrl(Optimizer):
    r"""FTRL-Proximal (McMahan et al. 2013), "follow the regularized leader": θ is the minimiser of all so far.

    Both:

    .. math::

        n_t = n_{t-1} + g_t^2, \quad
        n_0 = \text{initial\_accumulator\_value} \\
        z_t = z_{t-1} + g_t + 2 s\, \theta_t - \frac{\sqrt{n_t} - \sqrt{n_{t-1}}}{\eta_t}\, \theta_t, \quad
        s = \text{l2\_shrinkage}

    ``"paper"``:

    .. math::

        \theta_{t+1} = \frac{\max(-\lambda_1, \min(z_t, \lambda_1)) - z_t}{(\beta + \sqrt{n_t}) / \eta_t + \lambda_2}

    ``"keras"``, λ₂ counts twice:

    .. math::

        \theta_{t+1} = \frac{\max(-\lambda_1, \min(z_t, \lambda_1)) - z_t}{(\beta + \sqrt{n_t}) / \eta_t + 2 \lambda_2}

    θ is exactly 0 wherever ``|z|`` is at most λ₁. Without penalties, at a constant rate, every step but the first is
    Adagrad's with ε = β: θ_{t+1} = θ_t − η g_t / (β + √n_t). With another ``learning_rate_power`` p, n^(−p) stands for
    √n.

    =========================  ==================  ==================
    \                          paper               keras
    =========================  ==================  ==================
    learning_rate              0.001               0.001
    learning_rate_power        −0.5                −0.5
    initial_accumulator_value  0                   0.1
    beta                       1                   0
    l1, l2                     0, 0                0, 0
    penalty of l2              ½ λ₂ θ²             λ₂ θ²
    weight_decay               decoupled, × η      decoupled, × η
    =========================  ==================  ==================

    The paper tunes its rate α; 0.001 is Keras's. Keras calls the penalties ``l1_regularization_strength``,
    ``l2_regularization_strength`` and ``l2_shrinkage_regularization_strength``. PyTorch has no Ftrl.

    Args:
        learning_rate_power: p <= 0; the rate falls like n^p, and 0 keeps it constant.
        initial_accumulator_value: n_0 >= 0, the same in every coordinate.
        l1: λ₁ >= 0.
        l2: λ₂ >= 0.
        l2_shrinkage: s >= 0, an L2 penalty s θ² that is part of the gradient, but not of n.
        beta: β >= 0, smooths the first steps.

    Raises:
        ValueError: a value out of its range; the ``convention`` ``"pytorch"``; ``initial_accumulator_value``, ``beta``
            and ``l2`` all 0, which is 0/0 where a gradient is 0.

    Example:
        >>> theta = np.zeros(2)
        >>> optimizer = Ftrl(learning_rate=1.0, l1=0.5)
        >>> for _ in range(3):
        ...     optimizer.step(theta, np.array([1.0, 0.1]))
        >>> theta.round(4)                    # the sum of gradients 0.3 is below l1: exactly 0
        array([-1.0302,  0.    ])

    Warning:
        Made for linear models that start at 0: z starts at 0, whatever θ is, so the first step forgets where θ was.
        A coordinate whose first gradient is 0 becomes 0, and in Keras θ_2 = θ_1 (1 − √(n_0/n_1)) − η g_1/√n_1. A deep
        network with small gradients loses its random weights at once: at the default rate it stays at chance on MNIST.

    Source: H. B. McMahan et al., "Ad click prediction: a view from the trenches", KDD 2013, Algorithm 1.
    """

    slots = ("n", "z")
    conventions = ("paper", "keras")
    learning_rate: Rate = Rate(default=0.001)
    learning_rate_power: float = number(default=-0.5, high=0.0)
    initial_accumulator_value: float = not_negative(default=0.0, keras=0.1)
    l1: float = not_negative(default=0.0)
    l2: float = not_negative(default=0.0)
    l2_shrinkage: float = not_negative(default=0.0)
    beta: float = not_negative(default=1.0, keras=0.0)

    def set_up(self) -> None:
        if not (self.initial_accumulator_value or self.beta or self.l2):
            raise ValueError(
                "initial_accumulator_value: got 0 together with beta=0 and l2=0; expected one of the three above 0, "
                "else a zero gradient gives 0/0"
            )

    def initial_state(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        return {"n": np.full_like(theta, self.initial_accumulator_value), "z": np.zeros_like(theta)}

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        n, z = slots
        eta, power = self.learning_rate, -self.learning_rate_power
        l2 = 2 * self.l2 if self.convention == "keras" else self.l2
        root_before = n**power
        n += gradient**2
        root = n**power
        z += gradient + 2 * self.l2_shrinkage * theta - (root - root_before) / eta * theta
        theta[:] = (np.clip(z, -self.l1, self.l1) - z) / ((self.beta + root) / eta + l2)
