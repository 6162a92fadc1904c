"""K-FAC: a natural gradient whose Fisher matrix is a Kronecker product a layer."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nnopt_utils.backpropagation import backward_pass, forward_pass
from nnopt_utils.layout import Place
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers.hyperparameters import Rate, choice, fraction, integer, positive
from nnopt_utils.second_order.observing import ObservingOptimizer
from nnopt_utils.second_order.own_labels import expected_signals, sampled_signals


class Batch(NamedTuple):
    """What K-FAC keeps of a batch until its step."""

    network: MLP
    pre_activations: list[np.ndarray]
    activations: list[np.ndarray]
    deltas: list[np.ndarray]


class KFAC(ObservingOptimizer):
    slots = ("v",)
    learning_rate: Rate = Rate(default=0.3)
    momentum: float = fraction(default=0.9)
    damping: float = positive(default=0.03)
    rescaling: str = choice(default="kl_clip", options=("kl_clip", "exact", "none"))
    kl_clip: float = positive(default=1e-2)
    factor_decay: float = fraction(default=0.95)
    factor_every: int = integer(default=1, low=1)
    update_every: int = integer(default=10, low=1)
    fisher: str = choice(default="true", options=("true", "empirical"))
    seed: int = integer(default=0, low=0)

    _direction: np.ndarray | None = None

    # -- the batch ---------------------------------------------------------------------------------------------------

    def look(self, network: MLP, x: np.ndarray, y: np.ndarray) -> Batch:
        z, a = forward_pass(x, network.weights, network.biases, network.activation_functions)
        if not self._measures(self.t + 1):
            return Batch(network, z, a, [])
        loss = network.loss_function
        if self.fisher == "true":
            signals = sampled_signals(loss, a[-1], np.random.default_rng([self.seed, self.t + 1]))
        else:
            signals = len(x) * loss.core(a[-1], y)[1]
        return Batch(network, z, a, backward_pass(signals, z, network.weights, network.activation_functions))

    def _measures(self, t: int) -> bool:
        return (t - 1) % self.factor_every == 0

    def begin_step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        if self._measures(self.t):
            self._average_factors()
        if self.t <= 3 or self.t % self.update_every == 0:
            self._decompose()
        self._direction = self._precondition(gradient)
        alpha, mu = self._rescaled(gradient)
        self.this_step |= {"alpha": alpha, "mu": mu}

    def update(self, theta: np.ndarray, gradient: np.ndarray, *slots: np.ndarray) -> None:
        (v,) = slots
        v *= self.this_step["mu"]
        v -= self.this_step["alpha"] * self.place.of(self._direction)
        theta += v

    # -- the factors -------------------------------------------------------------------------------------------------

    def _average_factors(self) -> None:
        k = (self.t - 1) // self.factor_every + 1
        memory = min(1 - 1 / k, self.factor_decay)
        for layer, (a, delta) in enumerate(zip(self.seen.activations, self.seen.deltas, strict=False)):
            for name, factor in (("A", _input_factor(a)), ("S", delta.T @ delta / len(delta))):
                average = self.state[f"{name}[{layer}]"]
                average *= memory
                average += (1 - memory) * factor

    def _decompose(self) -> None:
        for name, matrix in self.state.items():
            if name[:2] in ("A[", "S["):
                # In float64, which is no slower here and keeps small eigenvalues from becoming noise.
                values, vectors = np.linalg.eigh(matrix.astype(np.float64))
                self.state[f"values {name}"][:] = np.maximum(values, 0)
                self.state[f"vectors {name}"][:] = vectors

    def _precondition(self, gradient: np.ndarray) -> np.ndarray:
        gamma = math.sqrt(self.damping + self.seen.network.l2)
        direction = np.empty_like(gradient)
        pairs = zip(self._layers(gradient), self._layers(direction), strict=True)
        for layer, (G, out) in enumerate(pairs):
            a, U = (self.state[f"{what} A[{layer}]"] for what in ("values", "vectors"))
            s, V = (self.state[f"{what} S[{layer}]"] for what in ("values", "vectors"))
            pi = math.sqrt(a.mean() / s.mean()) if a.any() and s.any() else 1.0
            rotated = U.T @ G @ V
            rotated /= np.multiply.outer(a + pi * gamma, s + gamma / pi)
            out[:] = U @ rotated @ V.T
        return direction

    # -- the length --------------------------------------------------------------------------------------------------

    def _rescaled(self, gradient: np.ndarray) -> tuple[float, float]:
        eta = self.learning_rate
        if self.rescaling == "exact":
            alpha, mu = self._model_minimum(gradient)
            return eta * alpha, eta * mu
        if self.rescaling == "kl_clip":
            size = eta**2 * float(np.vdot(self._direction, gradient))
            eta *= min(1.0, math.sqrt(self.kl_clip / size)) if size > 0 else 1.0
        return eta, self.momentum

    def _model_minimum(self, gradient: np.ndarray) -> tuple[float, float]:
        directions = [-self._direction, self.state["v"]] if self.momentum else [-self._direction]
        moves = [_output_change(self.seen, v) for v in directions]
        signals = expected_signals(self.seen.network.loss_function, self.seen.activations[-1])
        slopes = [np.einsum("kni,ni->kn", signals, move) for move in moves]
        n = len(moves[0])
        weights = [np.concatenate([w.ravel() for w in self.seen.network.views(d)[0]]) for d in directions]
        l2 = self.seen.network.l2
        B = np.array(
            [
                [
                    float(np.vdot(slopes[i], slopes[j])) / n
                    + self.damping * float(np.vdot(directions[i], directions[j]))
                    + l2 * float(np.vdot(weights[i], weights[j]))
                    for j in range(len(directions))
                ]
                for i in range(len(directions))
            ]
        )
        c = np.array([float(np.vdot(d, gradient)) for d in directions])
        found = np.linalg.lstsq(B, -c)[0]
        return float(found[0]), float(found[1]) if self.momentum else 0.0

    # -- state -------------------------------------------------------------------------------------------------------

    def _layers(self, vector: np.ndarray) -> list[np.ndarray]:
        layout = self.layout
        return [
            vector[W.where.start : b.where.stop].reshape(W.shape[0] + 1, W.shape[1])
            for W, b in zip(layout[::2], layout[1::2], strict=True)
        ]

    def slot_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {"v": shape}
        for layer, W in enumerate((self.layout or [])[::2]):
            for name, size in (("A", W.shape[0] + 1), ("S", W.shape[1])):
                shapes |= {
                    f"{name}[{layer}]": (size, size),
                    f"values {name}[{layer}]": (size,),
                    f"vectors {name}[{layer}]": (size, size),
                }
        return shapes

    def _slots_of(self, place: Place) -> list[np.ndarray]:
        return [place.of(self.state["v"])]


def _input_factor(a: np.ndarray) -> np.ndarray:
    n, width = a.shape
    A = np.empty((width + 1, width + 1), a.dtype)
    A[:-1, :-1] = a.T @ a / n
    A[-1, :-1] = A[:-1, -1] = a.mean(axis=0)
    A[-1, -1] = 1
    return A


def _output_change(batch: Batch, vector: np.ndarray) -> np.ndarray:
    network = batch.network
    moved = None
    for k, (W, dW, db) in enumerate(zip(network.weights, *network.views(vector), strict=True)):
        change = batch.activations[k] @ dW + db
        if moved is not None:
            change += moved @ W
        if k == len(network.weights) - 1:
            return change
        moved = network.activation_functions[k].derivative(batch.pre_activations[k]) * change
