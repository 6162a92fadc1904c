"""SOAP: Adam in the coordinates of Shampoo's eigenvectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnopt_utils.layout import Place
from nnopt_utils.optimizers.hyperparameters import Rate, fraction, integer, not_negative
from nnopt_utils.second_order.factors import FactorOptimizer, multiplied, outer_product


class SOAP(FactorOptimizer):
    r"""SOAP (Vyas et al. 2024): Adam, run in slowly turning coordinates: the eigenvectors of Shampoo's L and R.

    Adam divides each coordinate by the size of its gradients, which is right where the coordinates are. Shampoo's
    matrices L and R, here averages, say in which directions gradients vary; SOAP turns the gradient of a weight matrix
    into their eigenvectors Q, takes Adam's step there, and turns the step back. A weight matrix, from step 2 on:

    .. math::

        G_t = Q_{\text{L}, t-1}^\top\, g_t\, Q_{\text{R}, t-1} \\
        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, G_t, \quad
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, G_t^{\odot 2} \\
        \hat m_t = \frac{m_t}{1 - \beta_1^{t-1}}, \quad
        \hat v_t = \frac{v_t}{1 - \beta_2^{t-1}} \\
        \theta_{t+1} = (1 - \eta_t \lambda)\, \theta_t
            - \eta_t\, Q_{\text{L}, t-1}\, (\hat m_t \oslash (\hat v_t^{\odot 1/2} + \varepsilon))\,
            Q_{\text{R}, t-1}^\top \\
        L_t = \beta_2 L_{t-1} + (1 - \beta_2)\, g_t g_t^\top, \quad
        R_t = \beta_2 R_{t-1} + (1 - \beta_2)\, g_t^\top g_t

    A bias vector follows Adam, from step 2 on as well; so does everything where there is no layout:

    .. math::

        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t, \quad
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 \\
        \hat m_t = \frac{m_t}{1 - \beta_1^{t-1}}, \quad
        \hat v_t = \frac{v_t}{1 - \beta_2^{t-1}} \\
        \theta_{t+1} = (1 - \eta_t \lambda)\, \theta_t - \eta_t \frac{\hat m_t}{\sqrt{\hat v_t} + \varepsilon}

    Step 1 changes no parameter: its gradient gives L, R and their eigenvectors, since a gradient seen in its own
    eigenvectors would look simpler than it is. After every ``precondition_frequency`` further steps, Q is renewed by
    one round of the power method: the columns of Q are sorted by their share of L, the largest first, and Q becomes
    the orthogonal factor of L Q = (new Q) · (triangular). m is turned into the new coordinates; v cannot be turned,
    and is only sorted as the columns are.

    The renewal is what SOAP costs beside Adam: about 20/3 n³ operations for a side of n.
    ``optimizer.scalars["refreshes"]`` counts renewed matrices, ``optimizer.refresh_flops()`` estimates what one
    renewal of a whole network costs.

    Args:
        learning_rate: η > 0, or a schedule.
        beta_1: β₁ in [0, 1), the memory of m.
        beta_2: β₂ in [0, 1), the memory of v, L and R.
        epsilon: ε >= 0, beside the root of v̂.
        weight_decay: λ >= 0, default 0, decoupled; not at step 1.
        precondition_frequency: steps from one renewal of Q to the next, >= 1.
        max_dimension: a longer side is not turned; >= 1. With 1 SOAP is Adam, a step late.

    The state ``"factors"`` holds L and R of all matrices, ``"bases"`` their Q; ``optimizer.matrices("bases")`` returns
    them by tensor.

    Raises:
        ValueError: a value out of its range; another layout than that of the first step.

    Example:
        >>> from nnopt_utils.networks import MLP
        >>> network, optimizer = MLP([4, 3, 2]), SOAP(learning_rate=0.1, epsilon=0.0)
        >>> optimizer.layout, before = network.layout, network.weights[0].copy()
        >>> gradient = np.arange(23, dtype=np.float32) ** 2
        >>> optimizer.step(network.parameters, gradient)
        >>> bool((network.weights[0] == before).all())              # step 1 only looks
        True
        >>> optimizer.step(network.parameters, -gradient[::-1])     # Adam's first step in turned coordinates
        >>> Q_L, Q_R = optimizer.matrices("bases")["weights[0]"]
        >>> np.abs(Q_L.T @ (before - network.weights[0]) @ Q_R).round(4)[:2]
        array([[0.1, 0.1, 0.1],
               [0.1, 0.1, 0.1]], dtype=float32)
        >>> round(optimizer.refresh_flops()), round(20 / 3 * (4**3 + 3**3 + 3**3 + 2**3))     # matrices only
        (840, 840)

    Warning:
        Keras 3.15 and ``torch.optim`` have no SOAP. The skipped first step, the sorted columns and the default values
        are those of the authors' code. It differs in this: its ``weight_decay`` is 0.01 by default and applied after
        the step; its ε stands beside the root of v, not of v̂, so that an ε of 10⁻⁸ there is one of
        10⁻⁸/√(1 − β₂ᵗ⁻¹) here. Kept in the parameters' own coordinates and turned at each step, m would give the same
        steps but for rounding.

    Source: N. Vyas et al., "SOAP: improving and stabilizing Shampoo using Adam", arXiv:2409.11321, 2024, and the
    authors' code, github.com/nikhilvyas/SOAP.
    """

    conventions = ("paper",)
    slots = ("factors", "bases", "m", "v")
    factor_slots = ("factors", "bases")
    owns_weight_decay = True
    # L Q and the product of the old and the new Q, 2 n³ each; the orthogonal factor, 8/3 n³.
    flops_per_cube = 20 / 3
    learning_rate: Rate = Rate(default=0.003)
    beta_1: float = fraction(default=0.95)
    beta_2: float = fraction(default=0.95)
    epsilon: float = not_negative(default=1e-8)
    precondition_frequency: int = integer(default=10, low=1)
    max_dimension: int = integer(default=10_000, low=1)

    def set_up(self) -> None:
        self.scalars = {"refreshes": 0}

    def _side_shape(self, place: Place, length: int) -> tuple[int, ...]:
        """Return the shape of L or R; (0,), an empty one, for a side that is not turned."""
        is_turned = len(place.shape) == 2 and length <= self.max_dimension
        return (length, length) if is_turned else (0,)

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        k = gradient.ndim
        factors, bases, (m, v) = slots[:k], slots[k : 2 * k], slots[2 * k :]
        if self.t > 1:
            theta -= self.learning_rate * self.weight_decay * theta
            theta -= self.learning_rate * self._adam_direction(gradient, bases, m, v)
        for axis, L in enumerate(factors):
            if L.size:
                L *= self.beta_2
                L += (1 - self.beta_2) * outer_product(gradient, axis, L.shape)
                if self.t == 1:
                    self._start(L, bases[axis])
                elif (self.t - 1) % self.precondition_frequency == 0:
                    self._refresh(L, bases[axis], axis, m, v)

    def _adam_direction(
        self, gradient: np.ndarray, bases: Sequence[np.ndarray], m: np.ndarray, v: np.ndarray
    ) -> np.ndarray:
        """Return Adam's step in the coordinates of the bases, turned back."""
        turned = gradient
        for axis, Q in enumerate(bases):
            turned = multiplied(Q.T, turned, axis) if Q.size else turned
        m *= self.beta_1
        m += (1 - self.beta_1) * turned
        v *= self.beta_2
        v += (1 - self.beta_2) * turned**2
        steps = self.t - 1  # of Adam: step 1 was skipped
        correction_1, correction_2 = 1 - self.beta_1**steps, 1 - self.beta_2**steps
        # ε beside the root of v̂ is ε √(1 − β₂ᵗ⁻¹) beside that of v. With ε = 0, 0/0 is no step.
        root = np.sqrt(v) + self.epsilon * correction_2**0.5
        direction = np.divide(m, root, out=np.zeros_like(m), where=root > 0) * (correction_2**0.5 / correction_1)
        for axis, Q in enumerate(bases):
            direction = multiplied(Q, direction, axis) if Q.size else direction
        return direction

    def _start(self, L: np.ndarray, Q: np.ndarray) -> None:
        """Take all eigenvectors of L, the largest eigenvalue's first."""
        Q[...] = np.linalg.eigh(L.astype(np.float64))[1][:, ::-1]
        self.scalars["refreshes"] += 1

    def _refresh(self, L: np.ndarray, Q: np.ndarray, axis: int, m: np.ndarray, v: np.ndarray) -> None:
        """Renew Q by one round of the power method; turn m, sort v."""
        product = L @ Q
        order = np.argsort(-np.sum(Q * product, axis=0), kind="stable")  # by the diagonal of Qᵀ L Q
        renewed = np.linalg.qr(product[:, order])[0]
        m[...] = multiplied(renewed.T @ Q, m, axis)
        v[...] = np.take(v, order, axis=axis)
        Q[...] = renewed
        self.scalars["refreshes"] += 1
