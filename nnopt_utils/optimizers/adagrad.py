"""Adagrad, in three conventions."""

from __future__ import annotations

import numpy as np

from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.optimizers.hyperparameters import Rate, not_negative


class Adagrad(Optimizer):
    r"""Adagrad (Duchi, Hazan & Singer 2011): divide by the root of the sum of all squared gradients so far.

    ``"paper"`` and ``"pytorch"``, ε beside the root:

    .. math::

        v_t = v_{t-1} + g_t^2, \quad
        v_0 = \text{initial\_accumulator\_value} \\
        \theta_{t+1} = \theta_t - \eta_t \frac{g_t}{\sqrt{v_t} + \varepsilon}

    ``"keras"``, ε inside it:

    .. math::

        v_t = v_{t-1} + g_t^2, \quad
        v_0 = \text{initial\_accumulator\_value} \\
        \theta_{t+1} = \theta_t - \eta_t \frac{g_t}{\sqrt{v_t + \varepsilon}}

    v only grows: with gradients of constant size the steps shrink like 1/√t.

    ==========================  ================  ================  ================
    \                           paper             keras             pytorch
    ==========================  ================  ================  ================
    learning_rate               0.01              0.001             0.01
    initial_accumulator_value   0                 0.1               0
    epsilon                     1e-10, beside √v  1e-7, inside √    1e-10, beside √v
    weight_decay                decoupled, × η    decoupled, × η    L2, added to g
    ==========================  ================  ================  ================

    The paper calls ε δ and names no values: those of ``"paper"`` are PyTorch's.

    Args:
        initial_accumulator_value: v_0 >= 0, the same in every coordinate.
        epsilon: ε >= 0, keeps the quotient finite where every gradient was 0.

    Raises:
        ValueError: a value out of its range.

    Example:
        >>> theta = np.array([1.0, 1.0])
        >>> optimizer = Adagrad(learning_rate=0.1)
        >>> optimizer.step(theta, np.array([1000.0, 0.001]))
        >>> theta.round(4)                    # the first step is η in every coordinate, whatever its scale
        array([0.9, 0.9])
        >>> optimizer.step(theta, np.array([1000.0, 0.001]))
        >>> theta.round(4)                    # the second is η/√2
        array([0.8293, 0.8293])

    Warning:
        Keras's v_0 = 0.1 is larger than most squared gradients of a network: until v has outgrown it, Keras's Adagrad
        is plain gradient descent with the rate η/√0.1 = 3.16 η. With the default rate of 0.001 it hardly moves.

    Source: J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", Journal of Machine Learning Research 12, 2011, Figure 1 with diagonal matrices.
    """

    slots = ("v",)
    learning_rate: Rate = Rate(default=0.01, keras=0.001)
    initial_accumulator_value: float = not_negative(default=0.0, keras=0.1)
    epsilon: float = not_negative(default=1e-10, keras=1e-7)

    def initial_state(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        return {"v": np.full_like(theta, self.initial_accumulator_value)}

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        (v,) = slots
        v += gradient**2
        root = np.sqrt(v + self.epsilon) if self.convention == "keras" else np.sqrt(v) + self.epsilon
        theta -= self.learning_rate * gradient / root
