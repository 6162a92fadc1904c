"""Subjects of the docstrings about pruning."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils import compression
from nnopt_utils.networks import MLP
from tools.formulas.claims import Subject


def cubic(generator: np.random.Generator) -> dict[str, Any]:
    s_i, s_f, t_0, length = generator.uniform([0.1, 0.6, 1, 2], [0.3, 0.9, 3, 5])
    t = float(t_0 + generator.uniform(0.2, 0.8) * length)
    s = compression.sparsity_schedule(t, s_f, s_i, t_0, t_0 + length)
    return {"s_t": s, "s_i": s_i, "s_f": s_f, "t": t, "t_0": t_0, "t_1": t_0 + length}


def stored_bytes(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Groups of a power of two and of others, with and without a rest."""
    found = []
    for f, m, p in ((13, 4, 2), (12, 4, 2), (17, 5, 3), (11, 3, 2)):
        u, n, b = int(generator.integers(2, 5)), int(generator.integers(2, m)) if m > 3 else 2, 7
        B = compression.n_of_m_bytes((f, u), n, m, b)
        found.append({"B": B, "f": f, "m": m, "u": u, "n": n, "b": b, "p": p})
    return found


def weights_on_a_parabola(generator: np.random.Generator) -> dict[str, Any]:
    A = generator.normal(size=(4, 4))
    H, theta, q = A @ A.T + np.eye(4), generator.normal(size=4), int(generator.integers(4))
    return {"H": H, "theta": theta, "q": q + 1, "e_q": np.eye(4)[q]}


def damage(generator: np.random.Generator) -> dict[str, Any]:
    names = weights_on_a_parabola(generator)
    return {**names, "L": compression.obd_saliency(names["theta"], names["H"])}


def surgery(generator: np.random.Generator) -> dict[str, Any]:
    names = weights_on_a_parabola(generator)
    theta, inverse = names["theta"], np.linalg.inv(names["H"])
    after, left = compression.obs_delete(theta, inverse, names["q"] - 1)
    return {**names, "L": compression.obs_saliency(theta, inverse), "theta'": after, "C": left}


def fewer_neurons(generator: np.random.Generator) -> dict[str, Any]:
    """Of five units the first two go: the others have the larger weights."""
    network, x = MLP([3, 5, 2], "tanh", seed=generator, dtype="float64"), generator.normal(size=(6, 3))
    network.weights[1][:2] *= 1e-3
    network.biases[1] = generator.normal(size=2)
    smaller = compression.remove_neurons(network, 3, x)
    units = range(2)
    return {
        "b": network.biases[1],
        "b'": smaller.biases[1],
        "W": {i + 1: network.weights[1][i] for i in units},
        "bar_a": {i + 1: network.activations(x)[1][:, i].mean() for i in units},
    }


PRUNING: dict[Any, Subject] = {
    compression.sparsity_schedule: Subject("sparsity_schedule", cubic),
    compression.n_of_m_bytes: Subject("n_of_m_bytes", stored_bytes),
    compression.obd_saliency: Subject("obd_saliency", damage),
    compression.obs_saliency: Subject("obs_saliency", surgery),
    compression.obs_delete: Subject("obs_delete", surgery),
    compression.remove_neurons: Subject("remove_neurons", fewer_neurons),
}
