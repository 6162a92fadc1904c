"""Subjects of the docstrings about delayed gradients and speed-up."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils import parallel
from tools.formulas.claims import Subject


def at_the_limit(generator: np.random.Generator) -> list[dict[str, Any]]:
    return [{"a": parallel.stability_limit(tau), "pi": np.pi, "tau": tau} for tau in generator.integers(1, 9, size=2)]


def roots(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Below the best rate the largest root is real: it is the contraction itself."""
    drawn = []
    for tau in (1, 3):
        a = float(generator.uniform(0.5, 0.9)) * parallel.best_rate(tau).rate
        drawn.append({"a": a, "tau": tau, "z": parallel.contraction(a, tau)})
    return drawn


def best(generator: np.random.Generator) -> list[dict[str, Any]]:
    """For one curvature, and for two; φ is the angle of the largest root."""
    drawn = []
    for tau in (2, 3):
        one, (kappa, mu) = parallel.best_rate(tau), generator.uniform([2, 0.5], [20, 2])
        two = parallel.best_rate(tau, [mu, kappa * mu])
        pair = np.roots([1, -1, *[0] * (tau - 1), two.rate * kappa * mu])
        letters = {"a": one.rate, "z": one.contraction, "eta": two.rate, "rho": two.contraction, "tau": tau}
        drawn.append({**letters, "kappa": kappa, "mu": mu, "varphi": abs(np.angle(pair[np.abs(pair).argmax()]))})
    return drawn


def floor(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Autocovariances of all lags from Lyapunov's equation."""
    drawn = []
    for tau in (2, 3):
        eta, curvature, sigma = (float(x) for x in generator.uniform([0.05, 0.5, 0.5], [0.15, 1.5, 2]))
        A = np.eye(tau + 2, k=-1)
        A[0, 0], A[0, tau] = 1, -eta * curvature
        Q = np.zeros(A.size)
        Q[0] = (eta * sigma) ** 2
        gamma = np.linalg.solve(np.eye(A.size) - np.kron(A, A), Q)[: tau + 2]
        letters = {"eta": eta, "lambda": curvature, "sigma": sigma, "tau": tau, "k": 1}
        V = parallel.delayed_noise_floor(eta, curvature, tau, sigma)
        drawn.append({**letters, "gamma": dict(enumerate(gamma)), "V": V})
    return drawn


def speed(generator: np.random.Generator) -> dict[str, Any]:
    p, P = float(generator.uniform(0.2, 0.9)), int(generator.integers(2, 50))
    return {"p": p, "P": P}


def amdahl(generator: np.random.Generator) -> dict[str, Any]:
    letters = speed(generator)
    return {**letters, "S": parallel.amdahl(letters["p"], letters["P"])}


def gustafson(generator: np.random.Generator) -> dict[str, Any]:
    letters = speed(generator)
    return {**letters, "S": parallel.gustafson(letters["p"], letters["P"])}


def all_reduce(generator: np.random.Generator) -> dict[str, Any]:
    n, alpha, beta = (float(x) for x in generator.uniform(0.5, 3, size=3))
    P = int(generator.integers(9, 16))
    ring, tree = (parallel.all_reduce_seconds(n, P, alpha, beta, way) for way in ("ring", "tree"))
    return {"n": n, "P": P, "alpha": alpha, "beta": beta, "T_ring": ring, "T_tree": tree, "k": 4}


DELAYS: dict[Any, Subject] = {
    parallel.stability_limit: Subject("stability_limit", at_the_limit),
    parallel.contraction: Subject("contraction", roots),
    parallel.best_rate: Subject("best_rate", best, 1e-6),
    parallel.delayed_noise_floor: Subject("delayed_noise_floor", floor),
    parallel.amdahl: Subject("amdahl", amdahl),
    parallel.gustafson: Subject("gustafson", gustafson),
    parallel.all_reduce_seconds: Subject("all_reduce_seconds", all_reduce),
}
