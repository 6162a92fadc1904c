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
        "dJ/dPsi": slope,
        "dJ/dW": gradient,
    }


@subject()
def symmetric_grid(generator: np.random.Generator) -> dict[str, Any]:
    w, b = generator.normal(size=7), int(generator.integers(3, 6))
    w[-1] = -3.5 * (2 ** (b - 1) - 1)  # the largest, so that the library's scale, in float32, is exactly 3.5
    grid = compression.grid_for(w, b, symmetric=True, per="tensor")
    codes = grid.codes(w) - float(grid.zero_point)
    return {"s": float(grid.scale), "w": w, "b": b, "q": codes, "hat_w": grid.round(w), "round": np.rint}


@subject()
def eckart_young(generator: np.random.Generator) -> dict[str, Any]:
    """Singular values of a 5 × 4 matrix; those beyond the smaller side are 0."""
    W, r = generator.normal(size=(5, 4)), int(generator.integers(1, 4))
    factors = compression.truncated_svd(W, r)
    sigma = np.append(np.linalg.svd(W, compute_uv=False), 0.0)
    return {"W": W, "U": factors.first, "V": factors.second, "sigma": sigma, "r": r, "n": 5}


@subject()
def huffman_lengths(generator: np.random.Generator) -> dict[str, Any]:
    counts = generator.integers(1, 40, size=6)
    n = np.asarray(compression.code_lengths(counts), float)
    words = sum(len(word) for word in np.repeat([f"{0:0{int(bits)}b}" for bits in n], counts)) / counts.sum()
    return {"h": compression.entropy(counts), "p": counts / counts.sum(), "n": n, "bar_n": words}


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
        "Delta_q": compression.obs_saliency(theta, inverse)[q],
        "theta_q": theta[q],
        "M": inverse,
        "M_qq": inverse[q, q],
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


@subject()
def integer_layer(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Products that are rounded up, and down."""
    drawn = [_unit(generator) for _ in range(60)]
    parts = [(one["s_1"] * one["s_2"] / one["s_3"] * np.dot(one["q_1"] - one["z_1"], one["q_2"])) % 1 for one in drawn]
    return [one for one, part in zip(drawn, parts, strict=True) if 0.1 < part < 0.4 or 0.6 < part < 0.9]


def _unit(generator: np.random.Generator) -> dict[str, Any]:
    """One unit with four inputs, without a bias; the outputs' code is far from the ends of int8."""
    s_1, s_2 = generator.uniform(0.5, 2, size=2)
    q_1, q_2 = generator.integers(-20, 20, size=4), generator.integers(-9, 10, size=4)
    scales = [(float(s_1), 3), (25.0, -5)]
    network = compression.IntegerMLP([q_2[:, None]], [np.zeros(1, int)], [s_2], scales, loss="mse")
    q_3 = float(network.layers[0](q_1[None].astype(np.int8))[0, 0])
    letters = {"q_1": q_1.astype(float), "q_2": q_2.astype(float), "q_3": q_3, "z_1": 3, "z_3": -5}
    return letters | {"s_1": float(s_1), "s_2": float(s_2), "s_3": 25.0}
