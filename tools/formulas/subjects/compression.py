"""Subjects of the docstrings about compressed gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnopt_utils import parallel, problems
from nnopt_utils.layout import layout_of
from tools.formulas.claims import Subject

D, K = 5, 2


def journey(compressor: parallel.Compressor) -> Callable[[np.ndarray], np.ndarray]:
    """C: what a vector, or a matrix, is when it arrives."""

    def arrived(x: np.ndarray) -> np.ndarray:
        vector = np.ravel(x)
        return compressor.decompress(compressor.compress(vector), vector.size, vector.dtype).reshape(np.shape(x))

    return arrived


def error_feedback(generator: np.random.Generator) -> dict[str, Any]:
    """Three steps of one worker; x is what C was given."""
    noted: dict[int, np.ndarray] = {}

    class Noting(parallel.TopK):
        def compress(self, vector: np.ndarray) -> parallel.Message:
            noted[len(noted) + 1] = vector
            return super().compress(vector)

    compressor = Noting(k=K, error_feedback=True)
    g = dict(enumerate(generator.normal(size=(3, D)), 1))
    e = {0: np.zeros(D)}

    def step(vector: np.ndarray, link: parallel.Link) -> None:
        vector[:] = compressor.mean(vector, link)

    for t, gradient in g.items():
        parallel.rehearse(step, [gradient])
        e[t] = np.asarray(compressor.error)
    return {"g": g, "e": e, "x": noted, "t": 3, "C": journey(parallel.TopK(k=K))}


def top_k(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Entries of one size attain the bound."""
    names = {"C": journey(parallel.TopK(k=K)), "k": K, "d": D}
    equal = generator.uniform(0.5, 2) * generator.choice([-1, 1], size=D)
    return [{**names, "x": equal}, {**names, "x": generator.normal(size=D), "loose": True}]


def random_k(generator: np.random.Generator) -> dict[str, Any]:
    """All ten pairs of five entries: those that the library sent, until each had come."""
    x, random = generator.normal(size=D), parallel.RandomK(k=K, seed=generator)
    found: dict[tuple[int, ...], np.ndarray] = {}
    while len(found) < 10:
        sent = journey(random)(x)
        found[tuple(np.flatnonzero(sent))] = sent

    def outcome(sent: np.ndarray) -> dict[str, Any]:
        np.testing.assert_array_equal(sent, np.where(sent == 0, 0.0, x))
        return {"x": x, "C": lambda v: np.where(sent == 0, 0.0, v)}

    outcomes = [outcome(sent) for sent in found.values()]
    return {"k": K, "d": D, "E": outcomes, **outcomes[0]}


def signs(generator: np.random.Generator) -> dict[str, Any]:
    return {"C": journey(parallel.SignCompressor()), "x": generator.normal(size=D), "d": D}


def power_sgd(generator: np.random.Generator) -> dict[str, Any]:
    """Of a matrix M of full rank; P and Q′ from the message."""
    M, power = generator.normal(size=(6, 5)), parallel.PowerSGD(2, seed=generator)
    power.prepare(layout_of([("W", M.shape)]))
    P, Q, _ = power.compress(M.ravel()).arrays
    approximation = power.decompress(parallel.Message((P, Q, np.empty(0))), M.size, M.dtype).reshape(M.shape)
    return {"M": M, "P": P.reshape(6, 2), "Q'": Q.reshape(5, 2), "C": lambda _: approximation}


def compressed_descent(generator: np.random.Generator) -> dict[str, Any]:
    """The third step; the errors from what the compressor of another run of one, two and three steps owes."""
    problem, start = problems.Quadratic([1.0, 3.0, 0.5]), generator.normal(size=3)
    eta = dict(enumerate(generator.uniform(0.1, 0.3, size=3), 1))
    run = parallel.compressed_descent(
        problem, lambda t: float(eta[t + 1]), parallel.TopK(k=1, error_feedback=True), 3, start
    )
    theta = dict(enumerate(run.points, 1))
    g = {t: problem.gradient(theta[t]) for t in eta}
    compressor, e = parallel.TopK(k=1, error_feedback=True), {0: np.zeros(3)}

    def step(vector: np.ndarray, link: parallel.Link) -> None:
        vector[:] = compressor.mean(vector, link)

    for t in eta:
        parallel.rehearse(step, [eta[t] * g[t]])
        e[t] = np.asarray(compressor.error)
    return {"theta": theta, "g": g, "eta": eta, "e": e, "t": 3, "C": journey(parallel.TopK(k=1))}


COMPRESSION: dict[Any, Subject] = {
    parallel.Compressor: Subject("Compressor", error_feedback),
    parallel.TopK: Subject("TopK", top_k),
    parallel.RandomK: Subject("RandomK", random_k),
    parallel.SignCompressor: Subject("SignCompressor", signs),
    parallel.PowerSGD: Subject("PowerSGD", power_sgd),
    parallel.compressed_descent: Subject("compressed_descent", compressed_descent),
}
