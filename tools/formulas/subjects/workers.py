"""Chapter 10: shares of a batch, numbers sent, limits of speed, late gradients, local steps, what is not sent."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils import parallel
from nnopt_utils.course.ch10_parallel_training.runs import SignTrap, batch_speedup
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.problems import Quadratic, Rosenbrock
from tools.formulas.subjects.register import subject


@subject()
def shards(generator: np.random.Generator) -> dict[str, Any]:
    """Three workers with one, two and four samples."""
    network = MLP([3, 2, 2], "tanh", seed=generator, dtype="float64")
    x, y, sizes = generator.normal(size=(7, 3)), generator.integers(0, 2, size=7), np.array([1, 2, 4])
    parts = np.split(np.arange(7), np.cumsum(sizes)[:-1])
    single = np.array([network.loss_and_gradient(x[part], y[part])[1] for part in parts])
    return {"g_B": network.loss_and_gradient(x, y)[1], "B": 7, "b": sizes, "g": single}


@subject()
def ring_numbers(generator: np.random.Generator) -> dict[str, Any]:
    P = int(generator.integers(2, 9))
    N = 6 * P
    sent = parallel.rehearse(parallel.ring_all_reduce, list(generator.normal(size=(P, N)))).bytes_sent[0] / 8
    return {"n_sent": sent, "P": P, "N": N}


@subject()
def amdahl_law(generator: np.random.Generator) -> dict[str, Any]:
    p, P = float(generator.uniform(0.2, 0.9)), int(generator.integers(2, 50))
    return {"S": parallel.amdahl(p, P), "p": p, "P": P}


@subject()
def larger_batches(generator: np.random.Generator) -> dict[str, Any]:
    noise, b, P = float(generator.uniform(50, 500)), int(generator.integers(4, 40)), int(generator.integers(2, 50))
    return {"S_batch": batch_speedup(noise, b, P), "B_noise": noise, "b": b, "P": P}


@subject()
def mean_staleness(generator: np.random.Generator) -> dict[str, Any]:
    """A simulated run, in which each worker reads when its last gradient was applied."""
    P, n = 3, 40
    cluster = parallel.Cluster(workers=P, distribution="exponential")
    run = parallel.simulate_asynchrony(Quadratic([1.0]), SGD(0.01), cluster, updates=n, seed=generator)
    last = [int(np.flatnonzero(run.applied_by == r)[-1]) + 1 for r in range(P)]
    return {"bar_tau": float(run.staleness.mean()), "U": n, "u": np.array(last), "P": P}


@subject()
def characteristic(generator: np.random.Generator) -> dict[str, Any]:
    """Below the best rate the largest root is real: it is the contraction itself."""
    tau = int(generator.integers(1, 5))
    a = float(generator.uniform(0.5, 0.9)) * parallel.best_rate(tau).rate
    return {"a": a, "tau": tau, "z": parallel.contraction(a, tau)}


@subject()
def delay_limit(generator: np.random.Generator) -> dict[str, Any]:
    tau = int(generator.integers(1, 9))
    return {"a": parallel.stability_limit(tau), "pi": np.pi, "tau": tau}


@subject()
def best_delayed_rate(generator: np.random.Generator) -> dict[str, Any]:
    tau = int(generator.integers(2, 6))
    best = parallel.best_rate(tau)
    return {"a": best.rate, "z": best.contraction, "tau": tau}


@subject(tolerance=1e-7)
def begotten_momentum(generator: np.random.Generator) -> dict[str, Any]:
    """β and the rate of the ball, solved for from three steps of the expected path."""
    P, eta, problem = int(generator.integers(2, 9)), float(generator.uniform(1e-4, 3e-4)), Rosenbrock()
    points = parallel.expected_asynchronous_path(problem, eta, P, steps=2).points
    first, second = np.diff(points, axis=0)
    system = np.column_stack([first, -problem.gradient(points[1])])
    beta, ball = np.linalg.solve(system, second)
    return {"beta": float(beta), "eta_ball": float(ball), "eta": eta, "P": P}


@subject()
def drift_point(generator: np.random.Generator) -> dict[str, Any]:
    c, curvatures, eta, H = generator.normal(size=3), generator.uniform(0.5, 3, size=3), 0.2, 3
    theta = parallel.local_sgd_fixed_point(c, curvatures, eta, H)
    return {"theta": theta, "c": c, "lambda": curvatures, "eta": eta, "H": H}


@subject()
def sign_trap(generator: np.random.Generator) -> dict[str, Any]:
    return {"J": SignTrap().value, "theta": generator.normal(size=2)}


@subject()
def error_feedback(generator: np.random.Generator) -> dict[str, Any]:
    """The second and the third step of a descent that sends one entry of two."""
    problem, eta = Quadratic([1.0, 3.0], start=generator.uniform(1, 2, size=2)), float(generator.uniform(0.05, 0.2))
    compressor = parallel.TopK(k=1)

    def C(x: np.ndarray) -> np.ndarray:
        return compressor.decompress(compressor.compress(x), 2, np.float64)

    points = parallel.compressed_descent(problem, eta, parallel.TopK(k=1, error_feedback=True), steps=3).points
    g = [problem.gradient(point) for point in points]
    errors = [points[t] - points[0] + eta * np.sum(g[:t], axis=0) for t in range(4)]  # all that is owed
    numbered: dict[str, Any] = {"theta": points, "g": g, "e": errors}
    return {name: dict(enumerate(rows, 1)) for name, rows in numbered.items()} | {"t": 3, "eta": eta, "C": C}
