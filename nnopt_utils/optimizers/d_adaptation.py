"""D-Adaptation: a rate found during training, from a lower bound of the distance to the minimum."""

from __future__ import annotations

import numpy as np

from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.optimizers.hyperparameters import Rate, fraction, positive


class DAdaptSGD(Optimizer):
    r"""SGD with D-Adaptation (Defazio & Mishchenko 2023): no rate to tune.

    The best rate of gradient descent is proportional to D = ‖θ₁ − θ*‖, which nobody knows. d_t, never more than D,
    grows from a tiny d₀ as soon as gradients show that the way is longer:

    .. math::

        \gamma_t = \eta_t \frac{d_{t-1}}{G_t}, \quad
        r_t = r_{t-1} + \gamma_t \langle g_t, s_{t-1} \rangle \\
        s_t = s_{t-1} + \gamma_t g_t, \quad
        z_t = z_{t-1} - \gamma_t g_t \\
        \theta_{t+1} = \beta \theta_t + (1 - \beta)\, z_t \\
        d_t = \max(d_{t-1}, \text{d\_coef} \frac{r_t}{\lVert s_t \rVert})

    G_t = ‖g₁‖ at every t, z₀ = θ₁, s₀ = 0, r₀ = 0.

    Why d_t <= D: without momentum θ_t = θ₁ − s_{t−1}. For a convex J, 0 <= Σ γ (J(θ_t) − J*) <= Σ γ ⟨g_t, θ_t − θ*⟩ =
    ⟨s, θ₁ − θ*⟩ − r <= ‖s‖ D − r. Hence r / ‖s‖ <= D, at any rate η. This is option II of the paper's Algorithm 1 with
    the paper's step of SGD. It holds for ``d_coef=1``, β = 0, full gradients and d₀ <= D.

    Args:
        learning_rate: a factor on the rate that is found, η > 0, or a schedule; default 1, and best left there.
        momentum: β in [0, 1), default 0.
        d0: d₀ > 0, default 1e-6: the first guess; it must not be above D.
        d_coef: > 0: a factor on the bound, default 1. The authors' code for SGD has 2, which is faster, but then d_t
            may reach 2 D.
        weight_decay: λ >= 0 of an L2 penalty, added to g, as in the authors' code.

    The numbers ``optimizer.scalars["d"]``, ``"r"`` and ``"G"`` belong to the state.

    Raises:
        ValueError: a value out of its range; ``convention="keras"`` or ``"pytorch"``, since neither has it.

    Example:
        >>> theta = np.array([3.0, 4.0])                # 5 from the minimum of θ²/2
        >>> optimizer = DAdaptSGD()
        >>> for _ in range(100):
        ...     optimizer.step(theta, 1.0 * theta)
        >>> 1 < optimizer.scalars["d"] <= 5, bool(np.linalg.norm(theta) < 0.01)
        (True, True)

    Warning:
        The theorem is about full gradients of a convex function. With mini-batches or a network d_t is an estimate, and
        gradients that all point the same way make it grow. Too large a d₀ is never corrected.

    Source: A. Defazio and K. Mishchenko, "Learning-rate-free learning by D-Adaptation", ICML 2023.
    """

    slots = ("s", "z")
    conventions = ("paper",)
    decoupled = ()
    learning_rate: Rate = Rate(default=1.0)
    momentum: float = fraction(default=0.0)
    d0: float = positive(default=1e-6)
    d_coef: float = positive(default=1.0)

    def set_up(self) -> None:
        self.scalars = {"d": self.d0, "r": 0.0, "G": 0.0}

    def initial_state(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        return super().initial_state(theta) | {"z": theta.copy()}

    def begin_step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        gradient = gradient + self.weight_decay * theta
        if not self.scalars["G"]:  # the first gradient, or the first that is not zero
            self.scalars["G"] = float(np.linalg.norm(gradient))
        gamma = self.learning_rate * self.scalars["d"] / self.scalars["G"] if self.scalars["G"] else 0.0
        self.this_step["gamma"] = gamma
        self.scalars["r"] += gamma * float(np.dot(gradient, self.state["s"]))

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        (s, z), gamma = slots, self.this_step["gamma"]
        s += gamma * gradient
        z -= gamma * gradient
        theta *= self.momentum
        theta += (1 - self.momentum) * z

    def end_step(self, theta: np.ndarray) -> None:
        length = float(np.linalg.norm(self.state["s"]))
        if length:
            self.scalars["d"] = max(self.scalars["d"], self.d_coef * self.scalars["r"] / length)


class DAdaptAdam(Optimizer):
    r"""Adam with D-Adaptation (Defazio & Mishchenko 2023): no rate to tune.

    As in :class:`DAdaptSGD`, d_t grows towards a distance from the start to the solution, here the largest over the
    coordinates. All sums are exponential averages with the memory √β₂, to suit Adam's:

    .. math::

        \gamma_t = \eta_t d_{t-1}, \quad
        \mu = \sqrt{\beta_2} \\
        r_t = \mu r_{t-1} + (1 - \mu)\, \gamma_t \langle g_t, \frac{s_{t-1}}{\sqrt{v_{t-1}} + \varepsilon} \rangle \\
        s_t = \mu s_{t-1} + (1 - \mu)\, \gamma_t g_t \\
        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, \gamma_t g_t \\
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 \\
        \theta_{t+1} = (1 - \gamma_t \lambda)\, \theta_t - \frac{m_t}{\sqrt{v_t} + \varepsilon} \\
        d_t = \max(d_{t-1}, \frac{r_t}{(1 - \mu) \lVert s_t \rVert_1})

    s₀ = 0, r₀ = 0. The rate stands inside m, so that a change of d reaches θ smoothly. There is no bias correction.

    Args:
        learning_rate: a factor on the rate that is found, η > 0, or a schedule; default 1, and best left there.
        beta_1: β₁ in [0, 1), default 0.9, the memory of m.
        beta_2: β₂ in [0, 1), default 0.999, the memory of v.
        epsilon: ε > 0, default 1e-8.
        d0: d₀ > 0, default 1e-6: the first guess, below any sensible rate.
        weight_decay: λ >= 0, decoupled, × γ.

    The numbers ``optimizer.scalars["d"]`` and ``"r"`` belong to the state.

    Raises:
        ValueError: a value out of its range; ``convention="keras"`` or ``"pytorch"``, since neither has it.

    Example:
        >>> theta = np.array([3.0, 0.04])
        >>> optimizer = DAdaptAdam()
        >>> for _ in range(300):
        ...     optimizer.step(theta, np.array([1.0, 100.0]) * theta)
        >>> 0.01 < optimizer.scalars["d"] < 3, bool(np.abs(theta).max() < 0.5)
        (True, True)

    Warning:
        Unlike that of :class:`DAdaptSGD`, this d has no theorem: Adam's averages are not the sums of the proof. As in
        version 3 of the authors' code, the inner product is divided by the root of v *before* this step's gradient
        enters it.

    Source: A. Defazio and K. Mishchenko, "Learning-rate-free learning by D-Adaptation", ICML 2023.
    """

    slots = ("m", "v", "s")
    conventions = ("paper",)
    owns_weight_decay = True
    learning_rate: Rate = Rate(default=1.0)
    beta_1: float = fraction(default=0.9)
    beta_2: float = fraction(default=0.999)
    epsilon: float = positive(default=1e-8)
    d0: float = positive(default=1e-6)

    def set_up(self) -> None:
        self.scalars = {"d": self.d0, "r": 0.0}

    def begin_step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        memory, gamma = self.beta_2**0.5, self.learning_rate * self.scalars["d"]
        self.this_step["gamma"] = gamma
        direction = self.state["s"] / (np.sqrt(self.state["v"]) + self.epsilon)
        self.scalars["r"] *= memory
        self.scalars["r"] += (1 - memory) * gamma * float(np.dot(gradient, direction))

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        m, v, s = slots
        gamma, memory = self.this_step["gamma"], self.beta_2**0.5
        s *= memory
        s += (1 - memory) * gamma * gradient
        m *= self.beta_1
        m += (1 - self.beta_1) * gamma * gradient
        v *= self.beta_2
        v += (1 - self.beta_2) * gradient**2
        theta -= gamma * self.weight_decay * theta
        theta -= m / (np.sqrt(v) + self.epsilon)

    def end_step(self, theta: np.ndarray) -> None:
        length = float(np.abs(self.state["s"]).sum())
        if length:
            d = self.scalars["r"] / ((1 - self.beta_2**0.5) * length)
            self.scalars["d"] = max(self.scalars["d"], d)
