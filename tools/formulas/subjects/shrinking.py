"""Chapter 11: masks, grids, codes, what a deleted weight costs, soft targets, low-rank updates, integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils import activations, compression
from nnopt_utils.compression.forms import Form
from nnopt_utils.losses import softmax_cross_entropy
from tools.formulas.subjects.register import subject


def pulled_back(form: Form, gradient: np.ndarray, free: np.ndarray) -> np.ndarray:
    out = np.empty(form.free_shape)
    form.pull_back(gradient, free, out)
    return out


@subject()
def masked_weights(generator: np.random.Generator) -> dict[str, Any]:
    """What the mask takes away is not kept in code: here it is any number, and its gradient zero."""
    shape = (4, 3)
    kept, Psi, gradient = generator.random(shape) < 0.5, generator.normal(size=shape), generator.normal(size=shape)
    kept[0, 0], kept[1, 1] = True, False
    form, slope = compression.Masked(kept), np.zeros(shape)
    slope[kept] = pulled_back(form, gradient, Psi[kept])
    return {
        "W": form.tensor(Psi[kept]),
        "m": kept.astype(float),
        "Psi": Psi,
        "nabla_Psi J": slope,
        "nabla_W J": gradient,
    }


@subject()
def huffman_bounds(generator: np.random.Generator) -> dict[str, Any]:
    """Between the bounds; at the lower one where all shares are powers of ½."""
    counts = generator.integers(1, 40, size=6)
    n = np.asarray(compression.code_lengths(counts), float)
    return {"H": compression.entropy(counts), "p": counts / counts.sum(), "n": n, "loose": True}


@subject()
def surgeon(generator: np.random.Generator) -> dict[str, Any]:
    """One weight of four, on a parabola."""
    A = generator.normal(size=(4, 4))
    H = A @ A.T + np.eye(4)
    theta, q = generator.normal(size=4), int(generator.integers(4))
    inverse = np.linalg.inv(H)
    after, _ = compression.obs_delete(theta, inverse, q)
    return {
        "d": after - theta,
        "Delta J": compression.obs_saliency(theta, inverse)[q],
        "theta": theta,
        "H": H,
        "q": q + 1,
        "e_q": np.eye(4)[q],
    }


@subject()
def distillation(generator: np.random.Generator) -> dict[str, Any]:
    z, v = generator.normal(size=(2, 3, 4))
    labels = generator.integers(0, 4, size=3)
    w, T = float(generator.uniform(0.2, 0.8)), float(generator.uniform(2, 5))
    return {
        "J": compression.distillation_loss(z, labels, v, temperature=T, weight=w)[0],
        "w": w,
        "T": T,
        "y": np.eye(4)[labels],
        "z": z,
        "v": v,
        "p": activations.softmax,
        "ell": lambda targets, logits: softmax_cross_entropy(logits, targets)[0],
    }


@subject()
def lora_update(generator: np.random.Generator) -> dict[str, Any]:
    form = compression.LowRankUpdate(generator.normal(size=(4, 3)), rank=2, alpha=3.0)
    free = generator.normal(size=form.n_free)
    A, B = form.factors(free)
    return {"W": form.tensor(free), "W_0": form.base, "A": A, "B": B, "alpha": 3.0, "r": 2}
