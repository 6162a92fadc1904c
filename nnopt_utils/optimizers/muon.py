"""Muon: momentum made orthogonal, for the weight matrices of hidden layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, check_integer, checked
from nnopt_utils.optimizers.hyperparameters import Rate, flag, fraction, integer, not_negative, positive
from nnopt_utils.optimizers.tensors import TensorOptimizer


def _matrix(name: str, value: Any) -> np.ndarray:
    return check_array(name, value, ndim=2)


def _steps(name: str, value: Any) -> int:
    return check_integer(name, value, low=0)


@checked(G=_matrix, steps=_steps)
def newton_schulz(G: np.ndarray, steps: int = 5) -> np.ndarray:
    r"""Make a matrix nearly orthogonal: with G = U Σ Vᵀ, return U Σ′ Vᵀ whose Σ′ is near 1, without any SVD.

    The start X = G / (‖G‖ + 10⁻⁷) has singular values of at most 1. Each step is

    .. math::

        X \leftarrow a X + b\, X X^\top X + c\, (X X^\top)^2 X, \qquad a = 3.4445, \quad b = -4.7750, \quad c = 2.0315 .

    It leaves U and V as they are and turns each singular value σ into a σ + b σ³ + c σ⁵. The coefficients make small
    σ grow fast (3.4 times a step) at the price that σ does not settle at 1: five steps take every σ from 0.01 to 1
    of X into about [0.68, 1.13], and none above 1.21.

    Args:
        G: matrix of any shape.
        steps: number of steps >= 0.

    Returns:
        A matrix of G's shape and type.

    Raises:
        TypeError, ValueError: G is not a finite matrix; a negative number of steps.

    Example:
        >>> Q = newton_schulz(np.array([[3.0, 0.0], [0.0, 0.1]]))
        >>> np.linalg.svd(Q, compute_uv=False).round(2)
        array([1.13, 0.7 ])

    Source: K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
    """
    return _orthogonalized(G / (np.linalg.norm(G) + 1e-7), steps)


def _orthogonalized(X: np.ndarray, steps: int) -> np.ndarray:
    if X.shape[0] > X.shape[1]:  # the same result from the smaller of X Xᵀ and Xᵀ X
        return _orthogonalized(X.T, steps).T
    for _ in range(steps):
        A = X @ X.T
        X = 3.4445 * X + (-4.7750 * A + 2.0315 * A @ A) @ X
    return X


class Muon(TensorOptimizer):
    r"""Muon (Jordan et al. 2024): in the hidden layers, every direction of the momentum matrix gets the same length.

    Gradients of weight matrices are nearly of low rank: a few directions are long, all others short. Muon replaces the
    momentum by the nearest orthogonal matrix, so that the rare directions move as far as the others. NS are the five
    steps of :func:`newton_schulz`. The last weight matrix of the layout (the output layer) and all biases follow Adam
    instead; so does everything where there is no layout, hence on a surface of two variables Muon is Adam.

    A weight matrix in ``"paper"`` (the authors' code; with ``exclude_output=False`` the last one too):

    .. math::

        m_t = \beta m_{t-1} + (1 - \beta)\, g_t, \quad
        M_t = (1 - \beta)\, g_t + \beta m_t \\
        O_t = \operatorname{NS}(\frac{M_t}{\lVert M_t \rVert + 10^{-7}}) \\
        \theta_{t+1} = (1 - \eta_t \lambda)\, \theta_t
            - \eta_t \sqrt{\max(1, \frac{\operatorname{columns}(\theta_t)}{\operatorname{rows}(\theta_t)})}\, O_t

    A weight matrix in ``"keras"`` (with ``exclude_output=False`` the last one too): steps as long as Adam's (Liu et
    al. 2025),

    .. math::

        m_t = \beta m_{t-1} + g_t, \quad
        M_t = g_t + \beta m_t \\
        O_t = \operatorname{NS}(\frac{M_t}{\lVert M_t \rVert + 10^{-7}}) \\
        \theta_{t+1} = (1 - \eta_t \lambda)\, \theta_t
            - 0.2\, \eta_t \sqrt{\max(\operatorname{rows}(\theta_t), \operatorname{columns}(\theta_t))}\, O_t

    A weight matrix in ``"pytorch"`` (with ``exclude_output=False`` the last one too):

    .. math::

        m_t = \beta m_{t-1} + (1 - \beta)\, g_t, \quad
        M_t = (1 - \beta)\, g_t + \beta m_t \\
        O_t = \operatorname{NS}(\frac{M_t}{\max(\lVert M_t \rVert, 10^{-7})}) \\
        \theta_{t+1} = (1 - \eta_t \lambda)\, \theta_t
            - \eta_t \sqrt{\max(1, \frac{\operatorname{columns}(\theta_t)}{\operatorname{rows}(\theta_t)})}\, O_t

    Rows are a layer's inputs and columns its outputs; the authors and PyTorch keep the transpose, so their quotient is
    rows by columns. A bias vector in ``"paper"`` and ``"pytorch"``, AdamW with the rate α:

    .. math::

        \alpha_t = \eta_t \text{adam\_lr\_ratio} \\
        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t, \quad
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 \\
        \hat m_t = \frac{m_t}{1 - \beta_1^t}, \quad
        \hat v_t = \frac{v_t}{1 - \beta_2^t} \\
        \theta_{t+1} = (1 - \alpha_t \text{adam\_weight\_decay})\, \theta_t
            - \alpha_t \frac{\hat m_t}{\sqrt{\hat v_t} + \varepsilon}

    A bias vector in ``"keras"``:

    .. math::

        \alpha_t = \eta_t \text{adam\_lr\_ratio} \\
        m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t, \quad
        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^2 \\
        \theta_{t+1} = (1 - \eta_t \text{adam\_weight\_decay})\, \theta_t
            - \alpha_t \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \frac{m_t}{\sqrt{v_t} + \varepsilon}

    ========================  ===============  ===============  ===============
    \                         paper            keras            pytorch
    ========================  ===============  ===============  ===============
    learning_rate             0.02             0.001            0.001
    weight_decay              0                0.004            0.1
    adam_lr_ratio             0.015            1                1
    adam_beta_1, adam_beta_2  0.9, 0.95        0.9, 0.999       0.9, 0.999
    epsilon                   1e-10            1e-7             1e-8
    adam_weight_decay         0                0.004            0.01
    precision of NS           that of θ        that of θ        that of θ
    ========================  ===============  ===============  ===============

    Args:
        learning_rate: η > 0, or a schedule: the rate of hidden weight matrices.
        weight_decay: λ >= 0 of hidden weight matrices, decoupled in every convention.
        momentum: β in [0, 1), default 0.95.
        nesterov: ``False`` makes m itself orthogonal instead of M.
        ns_steps: number of Newton–Schulz steps >= 1, default 5.
        adam_lr_ratio: rate of the others, as a multiple of η; > 0.
        adam_beta_1, adam_beta_2: β₁, β₂ in [0, 1) of the others.
        epsilon: ε >= 0 of the others.
        adam_weight_decay: λ >= 0 of the others.
        exclude_output: ``False`` makes the last weight matrix orthogonal too.

    Raises:
        ValueError: a value out of its range.

    Example:
        >>> from nnopt_utils.networks import MLP
        >>> network, optimizer = MLP([4, 3, 2]), Muon(learning_rate=0.1)
        >>> optimizer.layout, before = network.layout, network.weights[0].copy()
        >>> optimizer.step(network.parameters, np.arange(23, dtype=np.float32) ** 2)
        >>> step = np.linalg.svd(before - network.weights[0], compute_uv=False)
        >>> bool(step.max() < 0.121)          # no direction moves by more than 1.21 η
        True

    Warning:
        The three have different lengths of a step, so a good η of one is not good for another: for a 784 × 64 matrix
        Keras's step is 0.2 √784 = 5.6 times the paper's. In Keras the output layer must be named in
        ``exclude_layers``; PyTorch's class takes matrices only, and its table column shows its AdamW for the rest. The
        authors and PyTorch run Newton–Schulz in bfloat16, which alone changes O by about 1 %.

    Source: K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024 (the authors' code); the
    length of Keras's step: J. Liu et al., arXiv:2502.16982, 2025.
    """

    slots = ("m", "v")
    owns_weight_decay = True
    learning_rate: Rate = Rate(default=0.001, paper=0.02)
    weight_decay: float = not_negative(default=0.0, keras=0.004, pytorch=0.1, kw_only=True)
    momentum: float = fraction(default=0.95)
    nesterov: bool = flag(default=True)
    ns_steps: int = integer(default=5, low=1)
    adam_lr_ratio: float = positive(default=1.0, paper=0.015)
    adam_beta_1: float = fraction(default=0.9)
    adam_beta_2: float = fraction(default=0.999, paper=0.95)
    epsilon: float = not_negative(default=1e-10, keras=1e-7, pytorch=1e-8)
    adam_weight_decay: float = not_negative(default=0.0, keras=0.004, pytorch=0.01)
    exclude_output: bool = flag(default=True)

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        m, v = slots
        if self._is_orthogonalized():
            self._muon_step(theta, gradient, m)
        else:
            self._adam_step(theta, gradient, m, v)

    def _is_orthogonalized(self) -> bool:
        """Is the tensor under way a weight matrix that does not follow Adam?"""
        matrices = [place for place in self.layout or () if len(place.shape) == 2]
        return self.place in (matrices[:-1] if self.exclude_output else matrices)

    def _muon_step(self, theta: np.ndarray, gradient: np.ndarray, m: np.ndarray) -> None:
        weight = 1.0 if self.convention == "keras" else 1 - self.momentum
        m *= self.momentum
        m += weight * gradient
        M = weight * gradient + self.momentum * m if self.nesterov else m
        size = float(np.linalg.norm(M))
        M = M / (max(size, 1e-7) if self.convention == "pytorch" else size + 1e-7)
        theta -= self.learning_rate * self.weight_decay * theta
        theta -= self.learning_rate * self._step_length(*theta.shape) * _orthogonalized(M, self.ns_steps)

    def _step_length(self, fan_in: int, fan_out: int) -> float:
        """By how much the step is longer than the orthogonal matrix."""
        if self.convention == "keras":
            return 0.2 * math.sqrt(max(fan_in, fan_out))
        return math.sqrt(max(1.0, fan_out / fan_in))

    def _adam_step(self, theta: np.ndarray, gradient: np.ndarray, m: np.ndarray, v: np.ndarray) -> None:
        rate = self.learning_rate * self.adam_lr_ratio
        m *= self.adam_beta_1
        m += (1 - self.adam_beta_1) * gradient
        v *= self.adam_beta_2
        v += (1 - self.adam_beta_2) * gradient**2
        correction_1, correction_2 = 1 - self.adam_beta_1**self.t, 1 - self.adam_beta_2**self.t
        # As in Adam: Keras's ε stands beside the root of v, the others' beside that of the corrected v.
        epsilon = self.epsilon if self.convention == "keras" else self.epsilon * correction_2**0.5
        theta -= (self.learning_rate if self.convention == "keras" else rate) * self.adam_weight_decay * theta
        theta -= rate * correction_2**0.5 / correction_1 * m / (np.sqrt(v) + epsilon)
