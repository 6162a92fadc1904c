"""K-FAC: a natural gradient whose Fisher matrix is, for each layer, a Kronecker product of two small matrices."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils.backpropagation import backward_pass, forward_pass
from nnopt_utils.layout import Place
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers.hyperparameters import Rate, choice, fraction, integer, positive
from nnopt_utils.r_operator import r_forward_pass, slopes_of
from nnopt_utils.second_order.observing import ObservingOptimizer
from nnopt_utils.second_order.own_labels import check_has_labels, expected_signals, sampled_signals

FIRST_STEPS = 3  # in which every new factor is decomposed: the first averages change fast


class Observed(NamedTuple):
    """What K-FAC keeps of a batch until its step; deltas only where the factors are measured."""

    network: MLP
    pre_activations: list[np.ndarray]
    activations: list[np.ndarray]
    deltas: list[np.ndarray]


class KFAC(ObservingOptimizer):
    r"""K-FAC (Martens & Grosse 2015): natural gradient with a Kronecker product for each layer, for ``fit``.

    The gradient of a layer, weights and biases together, is a sum over samples of outer products of what went in, a
    (with a 1 for the biases), and what came back, δ. K-FAC takes the two for independent: the layer's block of the
    Fisher matrix is then A ⊗ S, of two matrices as small as the layer is wide, and blocks between layers are left out.
    Both are measured on every batch and averaged (rows of a and δ are samples; δ answers labels that the model itself
    draws):

    .. math::

        \rho_t = \min(1 - \frac1t, \text{factor\_decay}) \\
        A_t = \rho_t A_{t-1} + (1 - \rho_t) \frac1n a^\top a, \quad
        S_t = \rho_t S_{t-1} + (1 - \rho_t) \frac1n \delta^\top \delta

    The direction Δ solves (A ⊗ S + λ I) vec Δ = vec g nearly, with the damping λ shared out to the factors so that both
    keep their scale. With the gradient G of the layer as a matrix, biases in the last row:

    .. math::

        \pi = \sqrt{\frac{\operatorname{tr} A_t / (n_\text{in} + 1)}{\operatorname{tr} S_t / n_\text{out}}} \\
        (A_t + \pi \sqrt{\lambda}\, I)\, \Delta_t\, (S_t + \frac{\sqrt{\lambda}}{\pi} I) = G_t

    How long the step is, ``rescaling`` says. ``"exact"`` is the paper's (sections 6.4 and 7): among all steps
    s = −α Δ_t + μ v_{t−1}, with any α and μ, one minimises the quadratic model of the batch with its exact Fisher
    matrix, :math:`\tfrac12 s^\top (F + \lambda I) s + g_t^\top s`; v_t is η_t times that s. With ``momentum=0`` there
    is only α; all other values of the momentum mean the same.

    ``"kl_clip"`` (Ba et al. 2017, section 5): rate and momentum are given, and the direction is cut to a trust region
    in which the answers of the model change by about κ/2 nats (the product goes over all layers):

    .. math::

        \nu = \min(1, \sqrt{\frac{\kappa}{\eta_t^2 \langle \Delta_t, G_t \rangle}}) \\
        v_t = \beta v_{t-1} - \eta_t \nu \Delta_t, \qquad \theta_{t+1} = \theta_t + v_t

    ``"none"`` is the same with ν = 1.

    A step runs in this order: clip g; average the factors; decompose them where it is due; Δ; its length; decay of the
    weights; θ.

    Args:
        learning_rate: η > 0, or a schedule; default 1, the model's minimum, for ``"exact"``. The others need one.
        momentum: β in [0, 1), default 0.9.
        damping: λ > 0, default 0.1, in units of the Fisher matrix. The network's own ``l2`` is added to it. It is the
            number to tune, over powers of 3 or 10.
        rescaling: ``"exact"`` (default), ``"kl_clip"`` or ``"none"``.
        kl_clip: κ > 0, default 0.01, for ``"kl_clip"`` only.
        factor_decay: the longest memory of A and S, in [0, 1), default 0.95. The first averages are plain means.
        factor_every: measure A and S every so many steps, >= 1, default 1; then t in ρ counts the measurements.
        update_every: decompose A and S every so many steps, >= 1, default 10, and in the first three steps.
        fisher: ``"true"`` (default): δ of labels drawn from the model; ``"empirical"``: δ of the data's labels.
        seed: of the labels drawn; those of step t come from (seed, t), so that a resumed run draws the same.
        weight_decay: >= 0, default 0, decoupled: before the step θ shrinks by η times this share.
        clipvalue, clipnorm, global_clipnorm: limit g before it is multiplied.

    In ``state`` stand ``"v"`` and, for layer k from 0, ``"A[k]"`` and ``"S[k]"``, with the eigenvalues and eigenvectors
    of the last decomposition, ``"values A[k]"`` and ``"vectors A[k]"``, from which Δ is solved for.

    Raises:
        ValueError: a value out of its range; ``step`` without ``observe``; ``gradient_accumulation_steps``, which it
            does not support; ``"mae"`` or ``"huber"`` with the true Fisher or ``"exact"``.

    Example:
        >>> from nnopt_utils.training import fit
        >>> x = np.random.default_rng(0).normal(size=(512, 2)) * [1, 0.01]      # the second input is nearly invisible
        >>> y = (x[:, 1] > 0).astype(int)
        >>> network = MLP([2, 8, 2], activation="tanh", seed=0)
        >>> history = fit(network, KFAC(damping=1e-5), (x, y), epochs=5, batch_size=128, progress=False)
        >>> network.evaluate(x, y).accuracy > 0.9
        True

    Warning:
        Neither Keras nor PyTorch has it. The paper also adapts λ as it goes (section 6.5), which is left out here, as
        is its block-tridiagonal variant. A λ or a κ that suits one network may fail on another.

    Source: J. Martens and R. Grosse, "Optimizing neural networks with Kronecker-factored approximate curvature", ICML
    2015, arXiv:1503.05671; ``"kl_clip"``: J. Ba, R. Grosse, J. Martens, "Distributed second-order optimization using
    Kronecker-factored approximations", ICLR 2017.
    """

    slots = ("v",)
    learning_rate: Rate = Rate(default=1.0)
    momentum: float = fraction(default=0.9)
    damping: float = positive(default=0.1)
    rescaling: str = choice(default="exact", options=("exact", "kl_clip", "none"))
    kl_clip: float = positive(default=0.01)
    factor_decay: float = fraction(default=0.95)
    factor_every: int = integer(default=1, low=1)
    update_every: int = integer(default=10, low=1)
    fisher: str = choice(default="true", options=("true", "empirical"))
    seed: int = integer(default=0, low=0)

    _direction: Any = None  # Δ of the step under way

    def begin_step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        if self._measures(self.t):
            self._average_factors()
        if self.t <= FIRST_STEPS or self.t % self.update_every == 0:
            self._decompose()
        self._direction = self._preconditioned(gradient)
        self.this_step["alpha"], self.this_step["mu"] = self._lengths(gradient)

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        (v,) = slots
        v *= self.this_step["mu"]
        v -= self.this_step["alpha"] * self.place.of(self._direction)
        theta += v

    # -- the factors -------------------------------------------------------------------------------------------------

    def look(self, network: MLP, x: np.ndarray, y: np.ndarray) -> Any:
        """Return what the batch does to the signals: forward and, where the factors are due, labels back."""
        loss = network.loss_function
        if self.fisher == "true" or self.rescaling == "exact":
            check_has_labels(loss)
        z, a = forward_pass(x, network.weights, network.biases, network.activation_functions)
        if not self._measures(self.t + 1):
            return Observed(network, z, a, [])
        if self.fisher == "true":
            signals = sampled_signals(loss, a[-1], np.random.default_rng([self.seed, self.t + 1]))
        else:
            signals = len(x) * np.asarray(loss.core(a[-1], y)[1])  # without the 1/n of the mean loss
        return Observed(network, z, a, backward_pass(signals, z, network.weights, network.activation_functions))

    def _measures(self, t: int) -> bool:
        return (t - 1) % self.factor_every == 0

    def _average_factors(self) -> None:
        measurements = (self.t - 1) // self.factor_every + 1
        rho = min(1 - 1 / measurements, self.factor_decay)
        for k, (a, delta) in enumerate(zip(self.seen.activations, self.seen.deltas, strict=False)):
            for name, factor in (("A", _second_moment_with_one(a)), ("S", delta.T @ delta / len(delta))):
                average = self.state[f"{name}[{k}]"]
                average *= rho
                average += (1 - rho) * factor

    def _decompose(self) -> None:
        for name in [name for name in self.state if name.startswith(("A[", "S["))]:
            # In float64: as fast as in float32 for the sizes of layers, and small eigenvalues are no rounding errors.
            values, vectors = np.linalg.eigh(self.state[name].astype(np.float64))
            self.state[f"values {name}"][:] = np.maximum(values, 0)
            self.state[f"vectors {name}"][:] = vectors

    def _preconditioned(self, gradient: np.ndarray) -> np.ndarray:
        """Δ of all layers. In the eigenvectors of A and S the damped factors are diagonal: solving is dividing."""
        root = math.sqrt(self.damping + self.seen.network.l2)
        direction = np.empty_like(gradient)
        for k, (G, delta) in enumerate(zip(self._by_layer(gradient), self._by_layer(direction), strict=True)):
            a, U = self.state[f"values A[{k}]"], self.state[f"vectors A[{k}]"]
            s, V = self.state[f"values S[{k}]"], self.state[f"vectors S[{k}]"]
            # The mean eigenvalue is the mean of the diagonal. A layer behind dead units has S = 0.
            pi = math.sqrt(a.mean() / s.mean()) if s.any() else 1.0
            damped = np.multiply.outer(a + pi * root, s + root / pi)
            delta[:] = U @ (U.T @ G @ V / damped) @ V.T
        return direction

    # -- the length of the step --------------------------------------------------------------------------------------

    def _lengths(self, gradient: np.ndarray) -> tuple[float, float]:
        """α and μ of the step v ← μ v − α Δ."""
        eta = self.learning_rate
        if self.rescaling == "exact":
            alpha, mu = self._model_minimum(gradient)
            return eta * alpha, eta * mu
        if self.rescaling == "kl_clip":
            squared_length = eta**2 * float(np.vdot(self._direction, gradient))
            if squared_length > self.kl_clip:
                eta *= math.sqrt(self.kl_clip / squared_length)
        return eta, self.momentum

    def _model_minimum(self, gradient: np.ndarray) -> tuple[float, float]:
        r"""Minimise the quadratic model of the batch over −α Δ + μ v: two equations."""
        network = self.seen.network
        directions = [-self._direction, self.state["v"]] if self.momentum else [-self._direction]
        D = np.array(directions, dtype=np.float64)
        changes = _fisher_root_times(self.seen, directions)
        B = changes @ changes.T / len(self.seen.activations[0]) + self.damping * D @ D.T
        if network.l2:
            W = np.array([np.concatenate([w.ravel() for w in network.views(v)[0]]) for v in D])
            B += network.l2 * W @ W.T
        minimum = np.linalg.lstsq(B, -D @ gradient)[0]  # of least norm: in the first step v is 0, and so is its μ
        return float(minimum[0]), float(minimum[1]) if self.momentum else 0.0

    # -- state -------------------------------------------------------------------------------------------------------

    def _by_layer(self, vector: np.ndarray) -> list[np.ndarray]:
        """Views of a vector of θ's shape, a matrix a layer: its weights, and its biases as the last row."""
        assert self.layout is not None
        return [
            vector[W.where.start : b.where.stop].reshape(W.shape[0] + 1, W.shape[1])
            for W, b in zip(self.layout[::2], self.layout[1::2], strict=True)
        ]

    def slot_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {"v": shape}
        for k, W in enumerate((self.layout or [])[::2]):
            for name, size in ((f"A[{k}]", W.shape[0] + 1), (f"S[{k}]", W.shape[1])):
                shapes |= {name: (size, size), f"values {name}": (size,), f"vectors {name}": (size, size)}
        return shapes

    def _slots_of(self, place: Place) -> list[np.ndarray]:
        return [place.of(self.state["v"])]


def _second_moment_with_one(a: np.ndarray) -> np.ndarray:
    """The mean of ã ãᵀ, where ã is a with a 1 at its end; a is not copied for it."""
    width = a.shape[1]
    A = np.empty((width + 1, width + 1), a.dtype)
    A[:-1, :-1] = a.T @ a / len(a)
    A[-1, :-1] = A[:-1, -1] = a.mean(axis=0)
    A[-1, -1] = 1
    return A


def _fisher_root_times(seen: Observed, directions: list[np.ndarray]) -> np.ndarray:
    """Return R v for each v, where n F = Rᵀ R: how the outputs change along v, as the signals of all labels see it."""
    network, outputs = seen.network, seen.activations[-1]
    slopes = slopes_of(seen.pre_activations, network.activation_functions)
    signals = expected_signals(network.loss_function, outputs)
    changes = [r_forward_pass(seen.activations, slopes, network.weights, *network.views(v))[0][-1] for v in directions]
    return np.array([np.einsum("kni,ni->kn", signals, change).ravel() for change in changes], dtype=np.float64)


__all__ = ["KFAC"]
