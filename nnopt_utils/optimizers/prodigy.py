"""Prodigy: Adam that finds its rate, faster than D-Adaptation."""

from __future__ import annotations

import numpy as np

from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.optimizers.hyperparameters import Rate, fraction, not_negative, positive


class Prodigy(Optimizer):
    r"""Prodigy (Mishchenko & Defazio 2024): Adam whose rate is an estimate of the distance to the minimum.

    The rate d grows from a tiny d₀. Where :class:`DAdaptAdam` asks how gradients agree with their sum, Prodigy asks how
    they agree with the way gone so far, and weighs each step by d², so that the early, too short steps are soon
    forgotten (the paper's Adam version; a is the start, a_t = θ₁ at every t):

    .. math::

        r_t = \sqrt{\beta_2} r_{t-1} + \eta_t d_{t-1}^2 \langle g_t, a_t - \theta_t \rangle \\
        s_t = \sqrt{\beta_2} s_{t-1} + \eta_t d_{t-1}^2 g_t \\
        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, d_{t-1} g_t \\
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, d_{t-1}^2 g_t^2 \\
        \theta_{t+1} = (1 - \eta_t d_{t-1} \lambda)\, \theta_t
            - \eta_t d_{t-1} \frac{m_t}{\sqrt{v_t} + d_{t-1} \varepsilon} \\
        d_t = \max(d_{t-1}, \text{d\_coef} \frac{r_t}{\lVert s_t \rVert_1})

    s₀ = 0, r₀ = 0. For a convex J, full gradients and ``d_coef=1``, d_t is never above the largest entry of
    \|θ₁ − θ*\|, if d₀ is not: Σ w ⟨g_t, θ_t − θ*⟩ >= 0 for any weights w, hence r <= ⟨s, θ₁ − θ*⟩.

    Args:
        learning_rate: a factor on the rate that is found, η > 0, or a schedule; default 1, and best left there.
        beta_1: β₁ in [0, 1), default 0.9, the memory of m.
        beta_2: β₂ in [0, 1), default 0.999, the memory of v; that of r and s is √β₂.
        epsilon: ε >= 0, default 1e-8.
        d0: d₀ > 0, default 1e-6: the first guess, below any sensible rate.
        d_coef: > 0, default 1: a factor on the estimate, the number to tune if one must (0.5 to 2).
        weight_decay: λ >= 0, decoupled, × η d.

    The numbers ``optimizer.scalars["d"]`` and ``"r"`` belong to the state, as does the start, ``state["a"]``.

    Raises:
        ValueError: a value out of its range; ``convention="keras"`` or ``"pytorch"``, since neither has it.

    Example:
        >>> theta = np.array([3.0, 0.04])
        >>> optimizer = Prodigy()
        >>> for _ in range(300):
        ...     optimizer.step(theta, np.array([1.0, 100.0]) * theta)
        >>> 0.01 < optimizer.scalars["d"] <= 3
        True

    Warning:
        The authors' code leaves out the paper's factor 1 − √β₂ of r and s, as here (it cancels), and multiplies ε by
        d_t instead of d_{t−1}: a difference only where √v is near d ε. With a constant rate the result oscillates; let
        η fall to 0 by a schedule.

    Source: K. Mishchenko and A. Defazio, "Prodigy: an expeditiously adaptive parameter-free learner", ICML 2024.
    """

    slots = ("m", "v", "s", "a")
    conventions = ("paper",)
    owns_weight_decay = True
    learning_rate: Rate = Rate(default=1.0)
    beta_1: float = fraction(default=0.9)
    beta_2: float = fraction(default=0.999)
    epsilon: float = not_negative(default=1e-8)
    d0: float = positive(default=1e-6)
    d_coef: float = positive(default=1.0)

    def set_up(self) -> None:
        self.scalars = {"d": self.d0, "r": 0.0}

    def initial_state(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        return super().initial_state(theta) | {"a": theta.copy()}

    def begin_step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        way = float(np.dot(gradient, self.state["a"] - theta))
        self.scalars["r"] *= self.beta_2**0.5
        self.scalars["r"] += self.learning_rate * self.scalars["d"] ** 2 * way

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        m, v, s, _ = slots
        eta, d = self.learning_rate, self.scalars["d"]
        s *= self.beta_2**0.5
        s += eta * d**2 * gradient
        m *= self.beta_1
        m += (1 - self.beta_1) * d * gradient
        v *= self.beta_2
        v += (1 - self.beta_2) * d**2 * gradient**2
        theta -= eta * d * self.weight_decay * theta
        theta -= eta * d * m / (np.sqrt(v) + d * self.epsilon)

    def end_step(self, theta: np.ndarray) -> None:
        length = float(np.abs(self.state["s"]).sum())
        if length:
            self.scalars["d"] = max(self.scalars["d"], self.d_coef * self.scalars["r"] / length)
