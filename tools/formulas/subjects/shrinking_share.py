"""Subjects of the docstrings about weights that share values, and about low rank."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils import compression
from nnopt_utils.networks import MLP
from tools.formulas.claims import Subject


def clusters(generator: np.random.Generator) -> dict[str, Any]:
    w = generator.normal(size=12)
    found = compression.k_means(w, 3)
    E = sum((w[found.codes == j] ** 2).sum() - (found.codes == j).sum() * c**2 for j, c in enumerate(found.centroids))
    return {"w": w, "Z": np.eye(3)[found.codes], "c": found.centroids, "E": E}


def shared(generator: np.random.Generator) -> dict[str, Any]:
    codes = generator.permutation([0, 0, 0, 1, 2, 2])
    form = compression.Shared(codes, 3)
    c, (v, G_w), G_c = generator.normal(size=3), generator.normal(size=(2, 6)), np.empty(3)
    form.pull_back(G_w, c, G_c)
    return {"Z": np.eye(3)[codes], "c": c, "w": form.tensor(c), "G_w": G_w, "G_c": G_c, "v": v, "c'": form.encode(v)}


def truncated(generator: np.random.Generator) -> dict[str, Any]:
    W = generator.normal(size=(5, 4))
    U, V = compression.truncated_svd(W, 2)
    return {"W": W, "U": U, "V": V, "sigma": np.linalg.svd(W, compute_uv=False), "r": 2}


def energy(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Once the share is that of two singular values, exactly."""
    sigma = np.array([3.0, 2.0, 1.0, 1.0, 1.0])
    exact, W = np.diag(generator.permutation(sigma)), generator.normal(size=(5, 6))
    names = {"n": 5, "sigma": sigma, "e": 13 / 16, "r": compression.rank_for_energy(exact, 13 / 16)}
    values = np.linalg.svd(W, compute_uv=False)
    return [names, {"n": 5, "sigma": values, "e": 0.7, "r": compression.rank_for_energy(W, 0.7), "loose": True}]


def layers(generator: np.random.Generator) -> dict[str, Any]:
    n, m, r = (int(generator.integers(*limits)) for limits in ((12, 20), (8, 12), (2, 4)))
    network = MLP([n, m, 3], seed=generator)
    smaller = compression.low_rank(network, r, layers=[0])
    return {"n": n, "m": m, "r": r, "N": network.n_parameters, "N'": smaller.n_parameters}


def update(generator: np.random.Generator) -> dict[str, Any]:
    W_0, G = generator.normal(size=(2, 5, 4))
    form = compression.LowRankUpdate(W_0, 2, alpha=3.0)
    free, by_free = generator.normal(size=18), np.empty(18)
    form.pull_back(G, free, by_free)
    (A, B), (G_A, G_B) = form.factors(free), form.factors(by_free)
    names = {"W_0": W_0, "W": form.tensor(free), "A": A, "B": B, "alpha": 3.0, "r": 2}
    return {**names, "G": G, "G_A": G_A, "G_B": G_B}


SHARING: dict[Any, Subject] = {
    compression.k_means: Subject("k_means", clusters),
    compression.Shared: Subject("Shared", shared),
    compression.truncated_svd: Subject("truncated_svd", truncated),
    compression.rank_for_energy: Subject("rank_for_energy", energy),
    compression.low_rank: Subject("low_rank", layers),
    compression.LowRankUpdate: Subject("LowRankUpdate", update),
}
