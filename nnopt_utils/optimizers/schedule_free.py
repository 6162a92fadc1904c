"""Schedule-free optimizers: averaging instead of a falling rate."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from nnopt_utils._validation import check_integer, check_number
from nnopt_utils.optimizers.base import Optimizer, Schedule


class _ScheduleFree(Optimizer):
    """What both share: the fast point z, its weighted average x, and θ between them."""

    owns_weight_decay = True

    def __init__(self, learning_rate: float | Schedule | None, warmup_steps: int, **common: Any) -> None:
        super().__init__(learning_rate, **common)
        self.warmup_steps = check_integer("warmup_steps", warmup_steps, low=0)
        if self.ema_momentum is not None:
            raise ValueError(
                f"ema_momentum: got {self.ema_momentum}; expected None, since schedule-free optimizers keep an average "
                "of their own"
            )
        self.scalars = {"largest_rate": 0.0, "weight_sum": 0.0}

    def initial_state(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        return super().initial_state(theta) | {"x": theta.copy(), "z": theta.copy()}

    def begin_step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        """Find this step's rate γ and the weight c of the new z in the average."""
        warmup = min(1.0, self.t / self.warmup_steps) if self.warmup_steps else 1.0
        self.rate = self.learning_rate * warmup * self._rate_correction()
        self.scalars["largest_rate"] = max(self.scalars["largest_rate"], self.rate)
        weight = self.scalars["largest_rate"] ** 2
        self.scalars["weight_sum"] += weight
        # A schedule that starts at rate 0 gives no weight yet.
        self.share = weight / self.scalars["weight_sum"] if weight else 0.0

    @abstractmethod
    def _rate_correction(self) -> float:
        """Return the factor that bias correction puts into γ."""

    def evaluation_parameters(self, theta: np.ndarray) -> np.ndarray:
        """Return the average x: the parameters to judge and to keep. θ is only where gradients are taken."""
        return self.state["x"].copy() if self.t else theta


class ScheduleFreeSGD(_ScheduleFree):
    r"""Schedule-free SGD (Defazio et al. 2024): a constant rate, and an average that makes the schedule needless.

    z makes the steps of SGD, x is the average of all z, and θ, where gradients are taken, lies between the two:

    .. math::

        \gamma_t = \eta_t \min(1, \frac{t}{\text{warmup\_steps}}), \quad
        \bar\gamma_t = \max(\bar\gamma_{t-1}, \gamma_t) \\
        z_t = z_{t-1} - \gamma_t (g_t + \lambda \theta_t) \\
        W_t = W_{t-1} + \bar\gamma_t^2, \quad
        c_t = \frac{\bar\gamma_t^2}{W_t}, \quad
        x_t = (1 - c_t)\, x_{t-1} + c_t z_t \\
        \theta_{t+1} = (1 - \beta)\, z_t + \beta x_t

    x₀ = z₀ = θ₁. At a constant rate without warm-up c_t = 1/t, and x is the plain mean of all z. With β = 0 this is
    Polyak's averaging of SGD, with β = 1 it would be primal averaging, taking gradients at the average itself.
    ``evaluation_parameters`` returns x, and ``fit`` validates there.

    Args:
        learning_rate: η > 0, default 1 as in the authors' code. A schedule is possible, but not needed.
        momentum: β in [0, 1), default 0.9.
        warmup_steps: over so many steps the rate rises linearly to η; default 0, no warm-up.
        **common: ``convention``, ``weight_decay``, ``clipvalue``, ``clipnorm``, ``global_clipnorm``,
            ``gradient_accumulation_steps``: see :class:`Optimizer`. ``weight_decay`` acts at θ, but moves z.
            ``ema_momentum`` is refused.

    Raises:
        ValueError: a value out of its range; ``convention="keras"`` or ``"pytorch"``, since neither has it.

    Example:
        >>> theta = np.array([1.0])
        >>> optimizer = ScheduleFreeSGD(learning_rate=0.5)
        >>> for _ in range(2):
        ...     optimizer.step(theta, 1.0 * theta)      # the gradient of θ²/2
        >>> theta.round(4), optimizer.evaluation_parameters(theta).round(4)
        (array([0.3625]), array([0.375]))

    Warning:
        θ is not the result: judge and keep ``evaluation_parameters(theta)``. As in the authors' code, but not in the
        paper's formula, a step is weighed by the largest rate so far, so that a falling rate keeps its full weight.

    Source: A. Defazio et al., "The road less scheduled", NeurIPS 2024.
    """

    slots = ("x", "z")
    conventions = ("paper",)
    defaults: ClassVar[dict[str, dict[str, Any]]] = {"paper": {"learning_rate": 1.0}}

    def __init__(
        self,
        learning_rate: float | Schedule | None = None,
        momentum: float = 0.9,
        warmup_steps: int = 0,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, warmup_steps, **common)
        self.momentum = check_number("momentum", momentum, low=0.0, high=1.0, high_open=True)

    def _rate_correction(self) -> float:
        return 1.0

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        x, z = slots
        z -= self.rate * (gradient + self.weight_decay * theta)
        x += self.share * (z - x)
        theta[:] = (1 - self.momentum) * z + self.momentum * x


class ScheduleFreeAdamW(_ScheduleFree):
    r"""Schedule-free AdamW (Defazio et al. 2024): RMSprop's steps, averaged; momentum comes from the averaging.

    ``"paper"``, Algorithm 1:

    .. math::

        \gamma_t = \eta_t \sqrt{1 - \beta_2^t} \min(1, \frac{t}{\text{warmup\_steps}}), \quad
        \bar\gamma_t = \max(\bar\gamma_{t-1}, \gamma_t) \\
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 \\
        z_t = z_{t-1} - \gamma_t (\frac{g_t}{\sqrt{v_t} + \varepsilon} + \lambda \theta_t) \\
        W_t = W_{t-1} + \bar\gamma_t^2, \quad
        c_t = \frac{\bar\gamma_t^2}{W_t}, \quad
        x_t = (1 - c_t)\, x_{t-1} + c_t z_t \\
        \theta_{t+1} = (1 - \beta_1)\, z_t + \beta_1 x_t

    ``"keras"``: every step has the same weight, ε stands beside the root of the corrected v, and x is not stored, but
    recovered from θ, which is where the decay acts,

    .. math::

        \gamma_t = \eta_t \min(1, \frac{t}{\text{warmup\_steps}}) \\
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2, \quad
        \hat v_t = \frac{v_t}{1 - \beta_2^t} \\
        z_t = z_{t-1} - \gamma_t \frac{g_t}{\sqrt{\hat v_t} + \varepsilon} \\
        \tilde x_t = \frac{(1 - \eta_t \lambda)\, \theta_t - (1 - \beta_1)\, z_t}{\beta_1}, \quad
        x_t = (1 - \frac{1}{t})\, \tilde x_t + \frac{1}{t} z_t \\
        \theta_{t+1} = (1 - \beta_1)\, z_t + \beta_1 x_t

    x₀ = z₀ = θ₁. ``evaluation_parameters`` returns x, and ``fit`` validates there.

    ==================  ======================  ======================
    \                   paper                   keras
    ==================  ======================  ======================
    learning_rate       0.0025                  0.0025
    beta_1, beta_2      0.9, 0.999              0.9, 0.999
    epsilon             1e-8, beside √v         1e-8, beside √v̂
    weight of step t    largest γ² so far       1
    weight_decay        0; γ λ θ off z          0; η λ θ off θ, hence
                                                η λ θ / β₁ off x
    recovers x with     –                       the new z
    ==================  ======================  ======================

    Args:
        learning_rate: η > 0, default 0.0025. A schedule is possible, but not needed.
        beta_1: β₁ in [0, 1) (in ``"keras"`` above 0): how near the average gradients are taken.
        beta_2: β₂ in [0, 1), the memory of v.
        epsilon: ε >= 0, keeps the quotient finite where gradients vanish.
        warmup_steps: over so many steps the rate rises linearly to η; default 0, no warm-up.
        **common: ``convention``, ``weight_decay``, ``clipvalue``, ``clipnorm``, ``global_clipnorm``,
            ``gradient_accumulation_steps``: see :class:`Optimizer`. ``ema_momentum`` is refused.

    Raises:
        ValueError: a value out of its range; ``convention="pytorch"``, since PyTorch has none.

    Example:
        >>> theta = np.array([1.0, 1.0])
        >>> optimizer = ScheduleFreeAdamW(learning_rate=0.1)
        >>> optimizer.step(theta, np.array([1000.0, 0.001]))
        >>> theta.round(4)                    # the first step is η in every coordinate, as Adam's
        array([0.9, 0.9])

    Warning:
        θ is not the result: judge and keep ``evaluation_parameters(theta)``. The paper's √(1 − β₂ᵗ) makes the first
        thousand steps weigh less. The authors' present code corrects v instead, as Keras does, and weighs by the
        largest rate so far, as here. Keras 3.15 on TensorFlow recovers the old x with the *new* z, though its comment
        says the old one: its x runs ahead by (1 − β₁)/β₁ of each step of z. The convention does what Keras does.

    Source: A. Defazio et al., "The road less scheduled", NeurIPS 2024, Algorithm 1.
    """

    slots = ("x", "z", "v")
    conventions = ("paper", "keras")
    defaults: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"learning_rate": 0.0025},
        "keras": {"learning_rate": 0.0025},
    }

    def __init__(
        self,
        learning_rate: float | Schedule | None = None,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, warmup_steps, **common)
        keras = self.convention == "keras"  # which divides by β₁
        self.beta_1 = check_number("beta_1", beta_1, low=0.0, low_open=keras, high=1.0, high_open=True)
        self.beta_2 = check_number("beta_2", beta_2, low=0.0, high=1.0, high_open=True)
        self.epsilon = check_number("epsilon", epsilon, low=0.0)

    def _rate_correction(self) -> float:
        return 1.0 if self.convention == "keras" else (1 - self.beta_2**self.t) ** 0.5

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        x, z, v = slots
        v *= self.beta_2
        v += (1 - self.beta_2) * gradient**2
        if self.convention == "keras":
            step = self.rate * gradient / (np.sqrt(v / (1 - self.beta_2**self.t)) + self.epsilon)
            z -= step
            # Keras finds the old x from θ = (1 − β₁) z + β₁ x, but with the decayed θ and the new z.
            x += ((1 - self.beta_1) * step - self.learning_rate * self.weight_decay * theta) / self.beta_1
            x += (z - x) / self.t
        else:
            z -= self.rate * (gradient / (np.sqrt(v) + self.epsilon) + self.weight_decay * theta)
            x += self.share * (z - x)
        theta[:] = (1 - self.beta_1) * z + self.beta_1 * x
