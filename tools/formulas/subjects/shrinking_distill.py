"""Subjects of the docstrings about distillation."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils import compression
from nnopt_utils.activations import softmax
from tools.formulas.claims import Subject

N, K = 4, 3


def distillation_loss(generator: np.random.Generator) -> dict[str, Any]:
    z, v, labels = generator.normal(size=(N, K)), generator.normal(size=(N, K)), generator.integers(K, size=N)
    T, w = (float(drawn) for drawn in generator.uniform([1.5, 0.2], [5, 0.8]))
    value, gradient = compression.distillation_loss(z, labels, v, T, w)
    names = {"ell": value, "nabla ell": gradient, "n": N, "w": w, "T": T, "y": np.eye(K)[labels]}
    return {**names, "p": softmax(z), "tilde_p": softmax(z / T), "tilde_q": softmax(v / T)}


DISTILLATION: dict[Any, Subject] = {
    compression.distillation_loss: Subject("distillation_loss", distillation_loss),
}
