"""Schedule-free optimizers: averaging instead of a falling rate."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.optimizers.hyperparameters import Rate, fraction, integer, not_negative


class _ScheduleFree(Optimizer):
    """What both share: the fast point z, its weighted average x, and θ = (1 − β) z + β x between them.

    Of the three one is redundant. z is kept, and x follows from it and θ; with β = 0, where θ is z, x is kept.
    """

    owns_weight_decay = True

    @property
    @abstractmethod
    def beta(self) -> float:
        """How near the average x θ lies."""

    def set_up(self) -> None:
        if self.ema_momentum is not None:
            raise ValueError(
                f"ema_momentum: got {self.ema_momentum}; expected None, since schedule-free optimizers keep an average "
                "of their own"
            )
        self.slots = ("z" if self.beta else "x", *self.slots[1:])
        self.scalars = {"largest_rate": 0.0, "weight_sum": 0.0}

    def initial_state(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        return super().initial_state(theta) | {self.slots[0]: theta.copy()}

    def weigh(self, gamma: float) -> None:
        """Keep this step's rate γ, and find from it the weight c of the new z in the average."""
        self.scalars["largest_rate"] = max(self.scalars["largest_rate"], gamma)
        weight = self.scalars["largest_rate"] ** 2
        self.scalars["weight_sum"] += weight
        # A schedule that starts at rate 0 gives no weight yet.
        self.this_step = {"gamma": gamma, "c": weight / self.scalars["weight_sum"] if weight else 0.0}

    def x_and_z(self, theta: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return both points, from θ and from the one that is kept."""
        return ((theta - (1 - self.beta) * kept) / self.beta, kept) if self.beta else (kept, theta)

    def evaluation_parameters(self, theta: np.ndarray) -> np.ndarray:
        """Return the average x: the parameters to judge and to keep. θ is only where gradients are taken."""
        return self.x_and_z(theta, self.state[self.slots[0]])[0].copy() if self.t else theta


def warmed_up(t: int, warmup_steps: int) -> float:
    """Return the factor, at most 1, of the rate in step t."""
    return min(1.0, t / warmup_steps) if warmup_steps else 1.0


class ScheduleFreeSGD(_ScheduleFree):
    r"""Schedule-free SGD (Defazio et al. 2024): a constant rate, and an average that makes the schedule needless.

    z makes the steps of SGD, x is the average of all z, and θ, where gradients are taken, lies between the two:

    .. math::

        \gamma_t = \eta_t \min(1, \frac{t}{\text{warmup\_steps}}), \quad
        \bar\gamma_t = \max(\bar\gamma_{t-1}, \gamma_t) \\
        x_{t-1} = \frac{\theta_t - (1 - \beta)\, z_{t-1}}{\beta} \\
        z_t = z_{t-1} - \gamma_t (g_t + \lambda \theta_t) \\
        W_t = W_{t-1} + \bar\gamma_t^2, \quad
        c_t = \frac{\bar\gamma_t^2}{W_t}, \quad
        x_t = (1 - c_t)\, x_{t-1} + c_t z_t \\
        \theta_{t+1} = (1 - \beta)\, z_t + \beta x_t

    z₀ = θ₁. At a constant rate without warm-up c_t = 1/t, and x is the plain mean of all z. With β = 0 this is
    Polyak's averaging of SGD, with β = 1 it would be primal averaging, taking gradients at the average itself.
    x takes no memory, since it follows from θ and z (with β = 0 it is kept, and z is θ).
    ``evaluation_parameters`` returns x, and ``fit`` validates there.

    Args:
        learning_rate: η > 0, default 1 as in the authors' code. A schedule is possible, but not needed.
        momentum: β in [0, 1), default 0.9.
        warmup_steps: over so many steps the rate rises linearly to η; default 0, no warm-up.
        weight_decay: λ >= 0, default 0; acts at θ, but moves z.
        ema_momentum: refused; schedule-free has an average of its own.

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

    slots = ("z",)
    conventions = ("paper",)
    learning_rate: Rate = Rate(default=1.0)
    momentum: float = fraction(default=0.9)
    warmup_steps: int = integer(default=0, low=0)

    @property
    def beta(self) -> float:
        return self.momentum

    def begin_step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        self.weigh(self.learning_rate * warmed_up(self.t, self.warmup_steps))

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        x, z = self.x_and_z(theta, *slots)
        z -= self.this_step["gamma"] * (gradient + self.weight_decay * theta)
        x += self.this_step["c"] * (z - x)
        theta[:] = (1 - self.beta) * z + self.beta * x


class ScheduleFreeAdamW(_ScheduleFree):
    r"""Schedule-free AdamW (Defazio et al. 2024): RMSprop's steps, averaged; momentum comes from the averaging.

    ``"paper"``, Algorithm 1:

    .. math::

        \gamma_t = \eta_t \sqrt{1 - \beta_2^t} \min(1, \frac{t}{\text{warmup\_steps}}), \quad
        \bar\gamma_t = \max(\bar\gamma_{t-1}, \gamma_t) \\
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 \\
        x_{t-1} = \frac{\theta_t - (1 - \beta_1)\, z_{t-1}}{\beta_1} \\
        z_t = z_{t-1} - \gamma_t (\frac{g_t}{\sqrt{v_t} + \varepsilon} + \lambda \theta_t) \\
        W_t = W_{t-1} + \bar\gamma_t^2, \quad
        c_t = \frac{\bar\gamma_t^2}{W_t}, \quad
        x_t = (1 - c_t)\, x_{t-1} + c_t z_t \\
        \theta_{t+1} = (1 - \beta_1)\, z_t + \beta_1 x_t

    ``"keras"``: every step has the same weight, ε stands beside the root of the corrected v, and the old x follows from
    the new z and from θ, which is where the decay acts,

    .. math::

        \gamma_t = \eta_t \min(1, \frac{t}{\text{warmup\_steps}}) \\
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2, \quad
        \hat v_t = \frac{v_t}{1 - \beta_2^t} \\
        z_t = z_{t-1} - \gamma_t \frac{g_t}{\sqrt{\hat v_t} + \varepsilon} \\
        \tilde x_t = \frac{(1 - \eta_t \lambda)\, \theta_t - (1 - \beta_1)\, z_t}{\beta_1}, \quad
        x_t = (1 - \frac{1}{t})\, \tilde x_t + \frac{1}{t} z_t \\
        \theta_{t+1} = (1 - \beta_1)\, z_t + \beta_1 x_t

    z₀ = θ₁. ``evaluation_parameters`` returns x, and ``fit`` validates there; in ``"keras"`` it returns θ, since Keras
    judges and saves there: it computes x on the way, but never sets the weights to it. With β₁ = 0, where θ is z, x is
    kept instead of z.

    ==================  ======================  ======================
    \                   paper                   keras
    ==================  ======================  ======================
    learning_rate       0.0025                  0.0025
    beta_1, beta_2      0.9, 0.999              0.9, 0.999
    epsilon             1e-8, beside √v         1e-8, beside √v̂
    weight of step t    largest γ² so far       1
    weight_decay        0; γ λ θ off z          0; η λ θ off θ, hence
                                                η λ θ / β₁ off x
    the old x from      the old z               the new z
    judged at           x                       θ
    ==================  ======================  ======================

    Args:
        learning_rate: η > 0, default 0.0025. A schedule is possible, but not needed.
        beta_1: β₁ in [0, 1) (in ``"keras"`` above 0): how near the average gradients are taken.
        beta_2: β₂ in [0, 1), the memory of v.
        epsilon: ε >= 0, keeps the quotient finite where gradients vanish.
        warmup_steps: over so many steps the rate rises linearly to η; default 0, no warm-up.
        weight_decay: λ >= 0, default 0; where it acts is in the table.
        ema_momentum: refused; schedule-free has an average of its own.

    Raises:
        ValueError: a value out of its range; ``convention="pytorch"``, since PyTorch has none.

    Example:
        >>> theta = np.array([1.0, 1.0])
        >>> optimizer = ScheduleFreeAdamW(learning_rate=0.1)
        >>> optimizer.step(theta, np.array([1000.0, 0.001]))
        >>> theta.round(4)                    # the first step is η in every coordinate, as Adam's
        array([0.9, 0.9])

    Warning:
        In ``"paper"`` θ is not the result: judge and keep ``evaluation_parameters(theta)``. The paper's √(1 − β₂ᵗ)
        makes the first thousand steps weigh less. The authors' present code corrects v instead, as Keras does, and
        weighs by the largest rate so far, as here. Keras 3.15 on TensorFlow recovers the old x with the *new* z, though
        its comment says the old one: its x runs ahead by (1 − β₁)/β₁ of each step of z. The convention does what Keras
        does.

    Source: A. Defazio et al., "The road less scheduled", NeurIPS 2024, Algorithm 1.
    """

    slots = ("z", "v")
    conventions = ("paper", "keras")
    learning_rate: Rate = Rate(default=0.0025)
    beta_1: float = fraction(default=0.9)
    beta_2: float = fraction(default=0.999)
    epsilon: float = not_negative(default=1e-8)
    warmup_steps: int = integer(default=0, low=0)

    def set_up(self) -> None:
        super().set_up()
        if self.convention == "keras" and not self.beta_1:
            raise ValueError("beta_1: got 0.0 in convention 'keras'; expected a number above 0, by which Keras divides")

    @property
    def beta(self) -> float:
        return self.beta_1

    def begin_step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        gamma = self.learning_rate * warmed_up(self.t, self.warmup_steps)
        self.weigh(gamma if self.convention == "keras" else gamma * (1 - self.beta_2**self.t) ** 0.5)

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        kept, v = slots
        gamma = self.this_step["gamma"]
        v *= self.beta_2
        v += (1 - self.beta_2) * gradient**2
        if self.convention == "keras":
            kept -= gamma * gradient / (np.sqrt(v / (1 - self.beta_2**self.t)) + self.epsilon)
            # Keras finds the old x from the decayed θ, and from the new z.
            x, z = self.x_and_z((1 - self.learning_rate * self.weight_decay) * theta, kept)
            x += (z - x) / self.t
        else:
            x, z = self.x_and_z(theta, kept)
            z -= gamma * (gradient / (np.sqrt(v) + self.epsilon) + self.weight_decay * theta)
            x += self.this_step["c"] * (z - x)
        theta[:] = (1 - self.beta) * z + self.beta * x

    def evaluation_parameters(self, theta: np.ndarray) -> np.ndarray:
        """Return x; in Keras, which never goes there, θ."""
        return theta if self.convention == "keras" else super().evaluation_parameters(theta)
