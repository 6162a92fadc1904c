"""Shampoo: the gradient of a weight matrix, preconditioned from both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnopt_utils._validation import core
from nnopt_utils.optimizers.hyperparameters import Rate, choice, fraction, integer, not_negative
from nnopt_utils.second_order.factors import FactorOptimizer, multiplied, outer_product
from nnopt_utils.second_order.matrix_roots import inverse_root, inverse_root_of_diagonal

GRAFTINGS = ("sgd", "adagrad", "rmsprop")


class Shampoo(FactorOptimizer):
    r"""Shampoo (Gupta, Koren & Singer 2018): Adagrad with a matrix for each side of a weight matrix.

    Full-matrix Adagrad would divide the gradient of a layer by the root of an mn × mn matrix. Shampoo keeps two small
    ones instead, L of the rows (m × m) and R of the columns (n × n); their Kronecker product stands for the large one.

    A weight matrix, in the paper (Algorithm 1):

    .. math::

        L_t = L_{t-1} + g_t g_t^\top, \quad
        R_t = R_{t-1} + g_t^\top g_t \\
        D_t = (L_t + \varepsilon I_\text{in})^{-1/4}\, g_t\, (R_t + \varepsilon I_\text{out})^{-1/4} \\
        \theta_{t+1} = \theta_t - \eta_t D_t

    A bias vector has one side (Algorithm 2: with k sides the exponent is −1/(2k)); so has all of θ where there is no
    layout:

    .. math::

        L_t = L_{t-1} + g_t g_t^\top, \quad
        \theta_{t+1} = \theta_t - \eta_t (L_t + \varepsilon I)^{-1/2} g_t

    This is full-matrix Adagrad, also on a surface of two variables.

    A weight matrix with ``beta_2=0.8``, averages instead of sums, as later versions have it (vectors likewise):

    .. math::

        L_t = \beta_2 L_{t-1} + (1 - \beta_2)\, g_t g_t^\top, \quad
        R_t = \beta_2 R_{t-1} + (1 - \beta_2)\, g_t^\top g_t \\
        D_t = (\frac{1}{1 - \beta_2^t} L_t + \varepsilon I_\text{in})^{-1/4}\, g_t\,
            (\frac{1}{1 - \beta_2^t} R_t + \varepsilon I_\text{out})^{-1/4}

    A weight matrix with ``momentum=0.7``:

    .. math::

        m_t = \beta m_{t-1} + (1 - \beta)\, D_t, \quad
        \theta_{t+1} = \theta_t - \eta_t m_t

    *Grafting* (Anil et al. 2020) takes the direction from D and the length, tensor by tensor, from the step of another
    rule: the norm of g with ``"sgd"``; of g divided by the root of the sum of all g² with ``"adagrad"``; with
    ``"rmsprop"`` of g divided by the root of their average. A weight matrix with ``beta_2=0.8`` and
    ``grafting="rmsprop"``:

    .. math::

        v_t = \beta_2 v_{t-1} + (1 - \beta_2)\, g_t^{\odot 2}, \quad
        A_t = g_t \oslash (\frac{1}{1 - \beta_2^t} v_t)^{\odot 1/2} \\
        \theta_{t+1} = \theta_t - \eta_t \frac{\lVert A_t \rVert}{\lVert D_t \rVert} D_t

    After one step without ε, D is U Vᵀ of g = U Σ Vᵀ: the orthogonal matrix that Muon without momentum aims at.

    The roots are what Shampoo costs: about 11 n³ operations for a side of n, by eigenvectors in float64. They are
    computed at step 1 and every ``update_every`` steps; L and R grow at every step. ``optimizer.scalars["roots"]``
    counts them, ``optimizer.refresh_flops()`` estimates what all roots of a network cost.

    Args:
        learning_rate: η > 0, or a schedule.
        beta_2: β₂ in [0, 1), the memory of L and R; default ``None``: sums, as in the paper.
        momentum: β in [0, 1), default 0: an average of the steps D.
        epsilon: ε >= 0, added to the eigenvalues of L and R. In the paper L and R start at ε I, which is the same. With
            ε = 0 a direction that never had a gradient is not moved in.
        update_every: steps from one computation of the roots to the next, >= 1.
        grafting: ``None``, ``"sgd"``, ``"adagrad"`` or ``"rmsprop"`` (which needs β₂).
        max_dimension: a longer side has only the diagonal of its matrix; >= 1.

    The state ``"factors"`` holds L and R of all tensors, in float64, ``"roots"`` their roots;
    ``optimizer.matrices("factors")`` returns them by tensor.

    Raises:
        ValueError: a value out of its range; ``grafting="rmsprop"`` without β₂; another layout than that of the first
            step.

    Example:
        >>> from nnopt_utils.networks import MLP
        >>> network, optimizer = MLP([4, 3, 2]), Shampoo(learning_rate=0.1, epsilon=0.0)
        >>> optimizer.layout, before = network.layout, network.weights[0].copy()
        >>> optimizer.step(network.parameters, np.arange(23, dtype=np.float32) ** 2)
        >>> np.linalg.svd(before - network.weights[0], compute_uv=False).round(4)     # every direction moved by η
        array([0.1, 0.1, 0.1], dtype=float32)
        >>> [L.shape for L in optimizer.matrices("factors")["weights[0]"]], optimizer.scalars["roots"]
        ([(4, 4), (3, 3)], 6)
        >>> optimizer.refresh_flops() == 11 * (4**3 + 3**3 + 3**3 + 3**3 + 2**3 + 2**3)
        True

    Warning:
        Keras 3.15 and ``torch.optim`` have no Shampoo. ``tf.contrib`` of TensorFlow 1 had one, with η = 1, ε = 10⁻⁴, no
        roots for sides above 768, and momentum as an average of g, not of D. ε is an absolute number: what is small
        depends on the gradients, and with averages on how small they become. The roots of step 1 know one gradient:
        directions that it lacks are stretched by ε^(−1/4) from each side until the next roots. On MNIST
        (784-64-64-10, batch 2048, sums, ε = 10⁻⁴, η = 0.3, one seed) training diverged with ``update_every=5`` and not
        with 1; grafting bounds the step's length.

    Source: V. Gupta, T. Koren and Y. Singer, "Shampoo: preconditioned stochastic tensor optimization", ICML 2018
    (arXiv:1802.09568); averages and grafting: R. Anil et al., "Scalable second order optimization for deep learning",
    arXiv:2002.09018, 2020.
    """

    conventions = ("paper",)
    factor_slots = ("factors", "roots")
    flops_per_cube = 11.0  # 9 n³ for eigenvalues and vectors, 2 n³ for their product
    learning_rate: Rate = Rate(default=0.1)
    beta_2: float | None = fraction(default=None)
    momentum: float = fraction(default=0.0)
    epsilon: float = not_negative(default=1e-4)
    update_every: int = integer(default=1, low=1)
    grafting: str | None = choice(default=None, options=GRAFTINGS)
    max_dimension: int = integer(default=1024, low=1)

    def set_up(self) -> None:
        if self.grafting == "rmsprop" and self.beta_2 is None:
            raise ValueError(
                "beta_2: got None with grafting='rmsprop'; expected the memory of its averages, such as 0.99"
            )
        extra = [
            name for name, is_on in (("m", self.momentum), ("v", self.grafting in ("adagrad", "rmsprop"))) if is_on
        ]
        self.slots = (*self.factor_slots, *extra)
        self.scalars = {"roots": 0}

    def initial_state(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        # G Gᵀ squares the condition number of G: in float32 L's small eigenvalues may be rounding errors.
        state = super().initial_state(theta)
        return state | {"factors": state["factors"].astype(np.float64)}

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        k = gradient.ndim
        factors, roots = slots[:k], slots[k : 2 * k]
        more = dict(zip(self.slots[2:], slots[2 * k :], strict=True))
        self._observe(gradient, factors)
        if (self.t - 1) % self.update_every == 0:
            self._compute_roots(factors, roots)
        direction = gradient
        for axis, root in enumerate(roots):
            direction = multiplied(root, direction, axis)
        if self.grafting is not None:
            direction = direction * self._grafted_length(gradient, direction, more.get("v"))
        if "m" in more:
            m = more["m"]
            m *= self.momentum
            m += (1 - self.momentum) * direction
            direction = m
        theta -= self.learning_rate * direction

    def _observe(self, gradient: np.ndarray, factors: Sequence[np.ndarray]) -> None:
        """Add g gᵀ to L and gᵀ g to R."""
        gradient = gradient.astype(np.float64)
        for axis, H in enumerate(factors):
            self._collect(H, outer_product(gradient, axis, H.shape))

    def _collect(self, collected: np.ndarray, new: np.ndarray) -> None:
        """A sum without β₂, else an average."""
        if self.beta_2 is None:
            collected += new
        else:
            collected *= self.beta_2
            collected += (1 - self.beta_2) * new

    def _correction(self) -> float:
        """By how much averages are too small; 1 for sums."""
        return 1.0 if self.beta_2 is None else 1 - self.beta_2**self.t

    def _compute_roots(self, factors: Sequence[np.ndarray], roots: Sequence[np.ndarray]) -> None:
        p = 2 * len(factors)
        for H, root in zip(factors, roots, strict=True):
            inverse = core(inverse_root) if H.ndim == 2 else inverse_root_of_diagonal
            root[...] = inverse(H / self._correction(), p, self.epsilon)
            self.scalars["roots"] += H.ndim == 2

    def _grafted_length(self, gradient: np.ndarray, direction: np.ndarray, v: np.ndarray | None) -> float:
        """Return the factor that makes the direction as long as the other rule's step."""
        step = gradient
        if v is not None:
            if self.grafting == "adagrad":
                v += gradient**2
            else:
                self._collect(v, gradient**2)
            root = np.sqrt(v / (1.0 if self.grafting == "adagrad" else self._correction()))
            step = np.divide(gradient, root, out=np.zeros_like(gradient), where=root > 0)
        length = float(np.linalg.norm(direction))
        return float(np.linalg.norm(step)) / length if length else 0.0
