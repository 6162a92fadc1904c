"""RMSprop, plain or centred, with or without momentum, in three conventions."""

from __future__ import annotations

import numpy as np

from nnopt_utils.optimizers.base import Optimizer
from nnopt_utils.optimizers.hyperparameters import Rate, flag, fraction, not_negative


class RMSprop(Optimizer):
    r"""RMSprop (Hinton 2012): divide by the root of an average of recent squared gradients.

    ``"paper"`` and ``"keras"``, ε inside the root:

    .. math::

        v_t = \rho v_{t-1} + (1 - \rho)\, g_t^2 \\
        \theta_{t+1} = \theta_t - \eta_t \frac{g_t}{\sqrt{v_t + \varepsilon}}

    ``"pytorch"``, ε beside it:

    .. math::

        v_t = \rho v_{t-1} + (1 - \rho)\, g_t^2 \\
        \theta_{t+1} = \theta_t - \eta_t \frac{g_t}{\sqrt{v_t} + \varepsilon}

    ``"paper"`` and ``"keras"`` when ``momentum=0.9``, the rate inside u:

    .. math::

        u_t = \beta u_{t-1} + \eta_t \frac{g_t}{\sqrt{v_t + \varepsilon}} \\
        \theta_{t+1} = \theta_t - u_t

    ``"pytorch"`` when ``momentum=0.9``, the rate outside u:

    .. math::

        u_t = \beta u_{t-1} + \frac{g_t}{\sqrt{v_t} + \varepsilon} \\
        \theta_{t+1} = \theta_t - \eta_t u_t

    ``"paper"`` and ``"keras"`` when ``centered=True``: the mean square less the squared mean, an estimate of
    the gradient's variance,

    .. math::

        m_t = \rho m_{t-1} + (1 - \rho)\, g_t \\
        \theta_{t+1} = \theta_t - \eta_t \frac{g_t}{\sqrt{v_t - m_t^2 + \varepsilon}}

    ``"pytorch"`` when ``centered=True``:

    .. math::

        m_t = \rho m_{t-1} + (1 - \rho)\, g_t \\
        \theta_{t+1} = \theta_t - \eta_t \frac{g_t}{\sqrt{v_t - m_t^2} + \varepsilon}

    ==================  ==================  ==================  ==================
    \                   paper               keras               pytorch
    ==================  ==================  ==================  ==================
    learning_rate       0.001               0.001               0.01
    rho                 0.9                 0.9                 0.99 (``alpha``)
    epsilon             1e-7, inside √      1e-7, inside √      1e-8, beside √v
    momentum            rate inside u       rate inside u       rate outside u
    weight_decay        decoupled, × η      decoupled, × η      L2, added to g
    ==================  ==================  ==================  ==================

    Hinton's slide has ρ = 0.9, no ε and no rate; momentum, centring and the place of ε are Graves's (2013), who
    took η = 1e-4, ρ = 0.95, momentum = 0.9 and ε = 1e-4. The other values of ``"paper"`` are Keras's.

    Args:
        rho: ρ in [0, 1), the memory of v and m.
        momentum: β in [0, 1), the memory of u, in ``state["u"]``.
        epsilon: ε >= 0, keeps the quotient finite where gradients vanish.
        centered: subtract the squared average gradient, in ``state["m"]``.

    Raises:
        ValueError: a value out of its range.

    Example:
        >>> theta = np.array([1.0, 1.0])
        >>> RMSprop(learning_rate=0.1).step(theta, np.array([1000.0, 1.0]))
        >>> theta.round(4)                    # v starts at 0, uncorrected: the first step is η/√(1 − ρ)
        array([0.6838, 0.6838])

    Warning:
        An ε inside the root acts like √ε beside it: Keras's 1e-7 stops the division for gradients below 3e-4,
        PyTorch's 1e-8 for gradients below 1e-8. And where gradients hardly change, the centred v − m² comes close to 0
        and steps become huge; rounding can even make it negative, which is NaN in Keras and PyTorch. Here it is cut
        off at 0.

    Source: G. Hinton, N. Srivastava and K. Swersky, "Neural networks for machine learning", lecture 6e, 2012;
    A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850, 2013, equations 38–41.
    """

    learning_rate: Rate = Rate(default=0.001, pytorch=0.01)
    rho: float = fraction(default=0.9, pytorch=0.99)
    momentum: float = fraction(default=0.0)
    epsilon: float = not_negative(default=1e-7, pytorch=1e-8)
    centered: bool = flag(default=False)

    def set_up(self) -> None:
        self.slots = ("v", *(["m"] if self.centered else []), *(["u"] if self.momentum else []))

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        eta, slot = self.learning_rate, dict(zip(self.slots, slots, strict=True))
        root = self.root(gradient, slot)
        if not self.momentum:
            theta -= eta * gradient / root
            return
        u = slot["u"]
        u *= self.momentum
        if self.convention == "pytorch":
            u += gradient / root
            theta -= eta * u
        else:
            u += eta * gradient / root
            theta -= u

    def root(self, gradient: np.ndarray, slot: dict[str, np.ndarray]) -> np.ndarray:
        """Take the gradient into v (and m), and return the root that divides the step.

        Args:
            gradient: g.
            slot: the state arrays by name, changed in place.

        Example:
            >>> RMSprop(rho=0.75).root(np.array([2.0, 0.0]), {"v": np.zeros(2)}).round(4)      # √(¼ · 4 + ε), √ε
            array([1.e+00, 3.e-04])
        """
        v = slot["v"]
        v *= self.rho
        v += (1 - self.rho) * gradient**2
        if self.centered:
            m = slot["m"]
            m *= self.rho
            m += (1 - self.rho) * gradient
            v = np.maximum(v - m**2, 0)  # rounding may bring it below 0
        return np.sqrt(v) + self.epsilon if self.convention == "pytorch" else np.sqrt(v + self.epsilon)
