"""Adafactor: Adam's denominators from one number a row and one a column."""

from __future__ import annotations

import math

import numpy as np

from nnopt_utils.layout import Place
from nnopt_utils.optimizers.hyperparameters import Rate, flag, not_negative, number, positive
from nnopt_utils.optimizers.tensors import TensorOptimizer


class Adafactor(TensorOptimizer):
    r"""Adafactor (Shazeer & Stern 2018): a second moment that costs a row and a column instead of a matrix.

    Of the squared gradients of an n × m matrix it keeps the means of the rows, R (n), and of the columns, C (m).
    Their product R Cᵀ / mean(R) is the guess at all n m of them: n + m numbers instead of n m. Below, θ stands
    for one tensor of the layout, and RMS(x) is ‖x‖ / √(number of entries).

    A weight matrix in ``"paper"`` and ``"keras"``:

    .. math::

        \hat\beta_t = 1 - t^{\kappa}, \quad
        \alpha_t = \max(\varepsilon_2, \operatorname{RMS}(\theta_t))\, \min(\eta_t, \frac{1}{\sqrt{t}}) \\
        R_t = \hat\beta_t R_{t-1} + (1 - \hat\beta_t) \operatorname{rowmean}(g_t^{\odot 2} + \varepsilon_1) \\
        C_t = \hat\beta_t C_{t-1} + (1 - \hat\beta_t) \operatorname{colmean}(g_t^{\odot 2} + \varepsilon_1) \\
        \hat V_t = \frac{R_t C_t^\top}{\operatorname{mean}(R_t)}, \quad
        U_t = g_t \oslash \hat V_t^{\odot 1/2} \\
        \theta_{t+1} = \theta_t - \alpha_t \frac{U_t}{\max(1, \operatorname{RMS}(U_t) / d)}

    A bias vector in ``"paper"`` and ``"keras"`` keeps its second moment whole:

    .. math::

        \hat\beta_t = 1 - t^{\kappa}, \quad
        \alpha_t = \max(\varepsilon_2, \operatorname{RMS}(\theta_t))\, \min(\eta_t, \frac{1}{\sqrt{t}}) \\
        v_t = \hat\beta_t v_{t-1} + (1 - \hat\beta_t) (g_t^2 + \varepsilon_1), \quad
        U_t = \frac{g_t}{\sqrt{v_t}} \\
        \theta_{t+1} = \theta_t - \alpha_t \frac{U_t}{\max(1, \operatorname{RMS}(U_t) / d)}

    A weight matrix in ``"pytorch"``, where ε₁ is not added to squares, but the least that a divisor may be:

    .. math::

        \hat\beta_t = 1 - t^{\kappa}, \quad
        \alpha_t = \max(\varepsilon_2, \operatorname{RMS}(\theta_t))\, \min(\eta_t, \frac{1}{\sqrt{t}}) \\
        R_t = \hat\beta_t R_{t-1} + (1 - \hat\beta_t) \operatorname{rowmean}(g_t^{\odot 2}) \\
        C_t = \hat\beta_t C_{t-1} + (1 - \hat\beta_t) \operatorname{colmean}(g_t^{\odot 2}) \\
        \hat V_t = \frac{R_t C_t^\top}{\max(\operatorname{mean}(R_t), \varepsilon_1)}, \quad
        U_t = g_t \oslash \max(\hat V_t^{\odot 1/2}, \varepsilon_1) \\
        \theta_{t+1} = \theta_t - \alpha_t \frac{U_t}{\max(1, \operatorname{RMS}(U_t) / d)}

    A bias vector in ``"pytorch"``:

    .. math::

        \hat\beta_t = 1 - t^{\kappa}, \quad
        \alpha_t = \max(\varepsilon_2, \operatorname{RMS}(\theta_t))\, \min(\eta_t, \frac{1}{\sqrt{t}}) \\
        v_t = \hat\beta_t v_{t-1} + (1 - \hat\beta_t)\, g_t^2, \quad
        U_t = \frac{g_t}{\max(\sqrt{v_t}, \varepsilon_1)} \\
        \theta_{t+1} = \theta_t - \alpha_t \frac{U_t}{\max(1, \operatorname{RMS}(U_t) / d)}

    The memory β̂ grows with t, so no bias correction is needed. The step is relative: its size is that of the weights
    times a rate of at most 1/√t. The last divisor is *update clipping*: no step is more than d times as long as meant.
    The paper sums over rows and columns where means are taken here; the factors n and m cancel.

    ==================  =======================  =======================  ==========================
    \                   paper                    keras                    pytorch
    ==================  =======================  =======================  ==========================
    learning_rate       0.01                     0.001                    0.01
    epsilon_1           1e-30, added to squares  1e-30, added to squares  machine ε of θ, least divisor
    weight_decay        decoupled, × η           decoupled, × η           decoupled, × η
    RMS(θ)              after the decay          after the decay          before the decay
    ==================  =======================  =======================  ==========================

    Args:
        learning_rate: η > 0 or a schedule: the largest relative step.
        beta_2_decay: κ <= 0, default −0.8.
        epsilon_1: ε₁ > 0, keeps quotients finite; default as in the table.
        epsilon_2: ε₂ >= 0, default 1e-3: smaller weights move as if they had this size.
        clip_threshold: d > 0, default 1: the largest root mean square of U.
        relative_step: ``False`` takes the rate η as it is, without the limit 1/√t.

    The state ``"row"`` holds the R of all matrices, one after the other, ``"column"`` the C, ``"v"`` the v of all
    vectors. Without a layout θ is one vector.

    Raises:
        ValueError: a value out of its range; another layout than that of the first step.

    Example:
        >>> from nnopt_utils.networks import MLP
        >>> network, optimizer = MLP([784, 64, 10]), Adafactor()
        >>> optimizer.layout = network.layout
        >>> optimizer.step(network.parameters, np.ones_like(network.parameters))
        >>> {name: slot.size for name, slot in optimizer.state.items()}  # 996 numbers for 50,890 parameters
        {'row': 848, 'column': 74, 'v': 74}

    Warning:
        Keras's ``relative_step=False`` changes nothing: its rule takes the least of η and 1/√t once more. Here it does
        what its name says. PyTorch's ε₁ is large in float32, 1.2e-7: where the mean square of a matrix's gradients is
        smaller, PyTorch's V̂ is too small, and only update clipping bounds the step.

    Source: N. Shazeer and M. Stern, "Adafactor: adaptive learning rates with sublinear memory cost", ICML 2018.
    """

    slots = ("row", "column", "v")
    owns_weight_decay = True
    learning_rate: Rate = Rate(default=0.01, keras=0.001)
    beta_2_decay: float = number(default=-0.8, high=0.0)
    epsilon_1: float | None = positive(default=1e-30, pytorch=None)
    epsilon_2: float = not_negative(default=1e-3)
    clip_threshold: float = positive(default=1.0)
    relative_step: bool = flag(default=True)

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        size = _rms(theta)
        theta -= self.learning_rate * self.weight_decay * theta
        if self.convention != "pytorch":  # PyTorch measures θ before its decay
            size = _rms(theta)
        eta = min(self.learning_rate, self.t**-0.5) if self.relative_step else self.learning_rate
        direction = self._direction(gradient, *slots)
        clipping = max(1.0, _rms(direction) / self.clip_threshold)
        theta -= max(self.epsilon_2, size) * eta / clipping * direction

    def _direction(self, gradient: np.ndarray, *slots: np.ndarray) -> np.ndarray:
        """Return U, the gradient divided by the root of its second moment."""
        pytorch = self.convention == "pytorch"
        epsilon_1 = float(np.finfo(gradient.dtype).eps) if self.epsilon_1 is None else self.epsilon_1
        added, least = (0.0, epsilon_1) if pytorch else (epsilon_1, 0.0)
        v = self._second_moment(gradient**2 + added, least, *slots)
        # In float32 the product of a row and a column that never had a gradient is 0, and so is the gradient there.
        return gradient / np.sqrt(np.maximum(v, max(least**2, float(np.finfo(v.dtype).tiny))))

    def _second_moment(self, squares: np.ndarray, least: float, *slots: np.ndarray) -> np.ndarray:
        """Average the squares into the state; return v or V, of the tensor's shape."""
        beta = 1 - self.t**self.beta_2_decay
        is_matrix = squares.ndim == 2
        means = [squares.mean(axis=1), squares.mean(axis=0)] if is_matrix else [squares]
        for slot, mean in zip(slots, means, strict=True):
            slot *= beta
            slot += (1 - beta) * mean
        if not is_matrix:
            return slots[0]
        row, column = slots
        return np.outer(row / max(float(row.mean()), least), column)

    # -- state of another shape than θ's -----------------------------------------------------------------------------

    def slot_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        places = self.places(shape)
        matrices = [place.shape for place in places if len(place.shape) == 2]
        sizes = {
            "row": sum(rows for rows, _ in matrices),
            "column": sum(columns for _, columns in matrices),
            "v": sum(place.size for place in places if len(place.shape) == 1),
        }
        return {name: (size,) for name, size in sizes.items() if size}

    def _slots_of(self, place: Place) -> list[np.ndarray]:
        assert self._shape is not None
        names = ("row", "column") if len(place.shape) == 2 else ("v",)
        earlier = [
            other
            for other in self.places(self._shape)
            if len(other.shape) == len(place.shape) and other.where.start < place.where.start
        ]
        starts = [sum(other.shape[axis] for other in earlier) for axis in range(len(names))]
        return [self.state[n][s : s + size] for n, s, size in zip(names, starts, place.shape, strict=True)]

    def _check_theta(self, theta: np.ndarray) -> None:
        super()._check_theta(theta)
        if self._shape is not None:
            have = {name: slot.shape for name, slot in self.state.items() if name in self.slots}
            wanted = self.slot_shapes(theta.shape)
            if have != wanted:
                raise ValueError(
                    f"layout: got one whose state has shapes {wanted}; expected that of the first step, {have} "
                    "(use a new optimizer for another layout)"
                )


def _rms(x: np.ndarray) -> float:
    """The root mean square: the size of a typical entry."""
    return float(np.linalg.norm(x)) / math.sqrt(x.size)
