"""SGD with momentum: heavy ball and the frameworks' Nesterov, in three conventions."""

from __future__ import annotations

import numpy as np

from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.optimizers.hyperparameters import Rate, flag, fraction, number


class SGD(Optimizer):
    r"""(Stochastic) gradient descent with momentum, plain or in Nesterov's form.

    ``"paper"`` and ``"keras"``: the rate is *inside* the velocity,

    .. math::

        v_t = \beta v_{t-1} - \eta_t g_t, \qquad \theta_{t+1} = \theta_t + v_t .

    This is Polyak's heavy ball, θ_{t+1} = θ_t − η_t g_t + β (θ_t − θ_{t−1}), with v_t = θ_{t+1} − θ_t. Nesterov's form,
    ``nesterov=True``, in ``"paper"`` and ``"keras"``:

    .. math::

        v_t = \beta v_{t-1} - \eta_t g_t, \qquad \theta_{t+1} = \theta_t + \beta v_t - \eta_t g_t .

    ``"pytorch"``: the rate is *outside*, and the first velocity is g itself,

    .. math::

        v_t = \beta v_{t-1} + (1 - \text{dampening})\, g_t, \qquad \theta_{t+1} = \theta_t - \eta_t v_t .

    Nesterov's form, ``nesterov=True``, in ``"pytorch"``:

    .. math::

        v_t = \beta v_{t-1} + g_t, \qquad \theta_{t+1} = \theta_t - \eta_t (g_t + \beta v_t) .

    ==================  ===============  ===============  ===============
    \                   paper            keras            pytorch
    ==================  ===============  ===============  ===============
    rate                in the velocity  in the velocity  outside it
    learning_rate       0.01             0.01             0.001
    momentum            0                0                0
    weight_decay        decoupled, × η   decoupled, × η   L2, added to g
    dampening           –                –                yes
    ==================  ===============  ===============  ===============

    Args:
        momentum: β in [0, 1).
        nesterov: use Nesterov's form. Then θ *is* the textbook's look-ahead point; :class:`Nesterov` has the
            textbook's two sequences.
        dampening: in [0, 1], ``"pytorch"`` only. With ``dampening=momentum`` the velocity is an exponential
            average of gradients: steps are 1 − β times as long.

    Raises:
        ValueError: a value out of its range; ``nesterov`` without momentum or with dampening; ``dampening``
            outside ``"pytorch"``.

    Example:
        >>> theta = np.array([1.0])
        >>> optimizer = SGD(learning_rate=0.1, momentum=0.9)
        >>> for _ in range(2):
        ...     optimizer.step(theta, np.array([1.0]))
        >>> theta.round(6)  # 1 - 0.1, then - (0.9 * 0.1 + 0.1)
        array([0.71])

    Warning:
        At a constant rate all three agree. As soon as the rate changes they do not: with the rate inside, the
        velocity still carries the old rate; with the rate outside, the whole step follows the new one.

    Source: B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", USSR
    Computational Mathematics and Mathematical Physics 4(5), 1964; I. Sutskever et al., "On the importance of
    initialization and momentum in deep learning", ICML 2013.
    """

    learning_rate: Rate = Rate(default=0.01, pytorch=0.001)
    momentum: float = fraction(default=0.0)
    nesterov: bool = flag(default=False)
    dampening: float = number(default=0.0, low=0.0, high=1.0)

    def set_up(self) -> None:
        if self.dampening and self.convention != "pytorch":
            raise ValueError(
                f"dampening: got {self.dampening} in convention {self.convention!r}; expected 0 outside 'pytorch'"
            )
        if self.nesterov and (not self.momentum or self.dampening):
            raise ValueError(
                f"nesterov: got True with momentum={self.momentum}, dampening={self.dampening}; "
                "expected a momentum above 0 and no dampening"
            )
        self.slots = ("velocity",) if self.momentum else ()

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        eta, beta = self.learning_rate, self.momentum
        if not slots:
            theta -= eta * gradient
            return
        (velocity,) = slots
        velocity *= beta
        if self.convention == "pytorch":
            velocity += gradient if self.t == 1 else (1 - self.dampening) * gradient
            theta -= eta * (gradient + beta * velocity if self.nesterov else velocity)
        else:
            velocity -= eta * gradient
            theta += beta * velocity - eta * gradient if self.nesterov else velocity
