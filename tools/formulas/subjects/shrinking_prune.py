"""Subjects of the docstrings about pruning."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils import compression
from nnopt_utils.networks import MLP
from tools.formulas.claims import Subject


def cubic(generator: np.random.Generator) -> list[dict[str, Any]]:
    s_0, s_n, n = float(generator.uniform(0.1, 0.3)), float(generator.uniform(0.6, 0.9)), 5
    rounds = range(n + 1)
    ends = {"s_0": s_0, "s_n": s_n, "n": n}
    return [{**ends, "s": {t: compression.gradual_sparsity(t, n, s_n, s_0)}, "t": t} for t in rounds]


def stored_bytes(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Groups of a power of two and of others, with and without a rest."""
    found = []
    for f, m, p in ((13, 4, 2), (12, 4, 2), (17, 5, 3), (11, 3, 2)):
        u, n, b = int(generator.integers(2, 5)), int(generator.integers(2, m)) if m > 3 else 2, 7
        B = compression.n_of_m_bytes(f, u, n, m, b)
        found.append({"B": B, "f": f, "m": m, "u": u, "n": n, "b": b, "p": p})
    return found


def weights_on_a_parabola(generator: np.random.Generator) -> dict[str, Any]:
    A = generator.normal(size=(4, 4))
    H, theta, q = A @ A.T + np.eye(4), generator.normal(size=4), int(generator.integers(4))
    return {"H": H, "theta": theta, "q": q + 1, "e_q": np.eye(4)[q]}  # q from 1, as on paper


def damage(generator: np.random.Generator) -> dict[str, Any]:
    names = weights_on_a_parabola(generator)
    return {**names, "Delta J": compression.obd_saliency(names["theta"], names["H"])}


def surgery(generator: np.random.Generator) -> dict[str, Any]:
    names = weights_on_a_parabola(generator)
    theta, inverse = names["theta"], np.linalg.inv(names["H"])
    after, left = compression.obs_delete(theta, inverse, names["q"] - 1)
    return {**names, "Delta J": compression.obs_saliency(theta, inverse), "theta'": after, "C": left}


def fewer_neurons(generator: np.random.Generator) -> dict[str, Any]:
    """Of five units the first two go: the others have the larger weights."""
    network, x = MLP([3, 5, 2], "tanh", seed=generator, dtype="float64"), generator.normal(size=(6, 3))
    network.weights[1][:2] *= 1e-3
    network.biases[1] = generator.normal(size=2)
    W, a = network.weights[1], network.activations(x)[1]
    mean, damping = a.mean(axis=0), 0.3
    A_s, A_r = (a - mean)[:, 2:], (a - mean)[:, :2]
    smaller = compression.remove_neurons(network, 3, x, "linear", damping)
    found = {"W'": smaller.weights[1], "b'": smaller.biases[1], "b": network.biases[1], "I": np.eye(3)}
    found |= {"A_s": A_s, "A_r": A_r, "W_s": W[2:], "W_r": W[:2], "bar_a_s": mean[2:], "bar_a_r": mean[:2]}
    return {**found, "lambda": damping * np.trace(A_s.T @ A_s) / 3}


PRUNING: dict[Any, Subject] = {
    compression.gradual_sparsity: Subject("gradual_sparsity", cubic),
    compression.n_of_m_bytes: Subject("n_of_m_bytes", stored_bytes),
    compression.obd_saliency: Subject("obd_saliency", damage),
    compression.obs_saliency: Subject("obs_saliency", surgery),
    compression.obs_delete: Subject("obs_delete", surgery),
    compression.remove_neurons: Subject("remove_neurons", fewer_neurons),
}
