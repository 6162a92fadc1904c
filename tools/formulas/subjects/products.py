"""Subjects of the docstrings about matrices that are known by their products."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from nnopt_utils import problems, second_order
from nnopt_utils.second_order.hessian_free import _next_damping
from tools.formulas.claims import Subject


def hutchinson(generator: np.random.Generator) -> dict[str, Any]:
    """All signs of three entries, each as probable as any other."""
    H = generator.normal(size=(3, 3))
    H += H.T
    signs = [np.array(z, dtype=float) for z in product((-1, 1), repeat=3)]
    outcomes = [{"z": z, "q": z * (H @ z)} for z in signs]
    return {"H": H, "h": np.diag(H), "E": outcomes, **outcomes[0]}


def hessian_free(generator: np.random.Generator) -> list[dict[str, Any]]:
    """The first step on a bowl, where conjugate gradients end exactly; and what follows a good, a bad, another step."""
    bowl, damping = problems.Quadratic([0.5, 3.0], rotation=0.4), float(generator.uniform(0.5, 2))
    start = generator.normal(size=2)
    run = second_order.hessian_free(bowl, start, max_iterations=1, damping=damping, curvature="hessian")
    s = run.trajectory.points[-1] - start
    names = {"B": bowl.hessian(start), "I": np.eye(2), "lambda": damping, "g": bowl.gradient(start), "s": s}
    return [{**names, "rho": rho, "lambda'": _next_damping(damping, rho)} for rho in (0.1, 0.24, 0.3, 0.7, 0.8)]


def lanczos(generator: np.random.Generator) -> dict[str, Any]:
    """The vectors that the library asks products of, and a power as f."""
    H = generator.normal(size=(5, 5))
    H += H.T
    asked: list[np.ndarray] = []

    def noted(q: np.ndarray) -> np.ndarray:
        asked.append(q.copy())
        return H @ q

    def power(a: Any) -> Any:
        return np.linalg.matrix_power(a, 5) if np.ndim(a) == 2 else a**5

    pairs, q = second_order.lanczos(noted, 5, steps=4, seed=generator), dict(enumerate(asked, 1))
    letters = {"H": H, "q": q, "alpha": {k: v @ H @ v for k, v in q.items()}, "k": 3, "v": q[1], "f": power}
    beta = {k: q[k] @ H @ q[k + 1] for k in (1, 2, 3)}
    return {**letters, "beta": beta, "w": pairs.weights, "nu": pairs.values}


def spectral_density(generator: np.random.Generator) -> dict[str, Any]:
    curvatures = generator.normal(size=6)
    spectrum = second_order.spectral_density(lambda v: curvatures * v, 6, steps=3, width=0.3, points=50, seed=generator)
    letters = {"w": spectrum.weights, "nu": spectrum.values, "sigma": spectrum.width}
    densities = dict(zip(spectrum.at, spectrum.density, strict=True))
    return {**letters, "p": densities.__getitem__, "x": spectrum.at[20]}


PRODUCTS: dict[Any, Subject] = {
    second_order.hutchinson_diagonal: Subject("hutchinson_diagonal", hutchinson),
    second_order.hutchinson_trace: Subject("hutchinson_trace", hutchinson),
    second_order.lanczos: Subject("lanczos", lanczos),
    second_order.spectral_density: Subject("spectral_density", spectral_density),
    second_order.hessian_free: Subject("hessian_free", hessian_free),
}
