"""Noisy gradients: mini-batches, their variance, the floor, averages of iterates."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, GradientDescent
from nnopt_utils.problems import Quadratic
from tools.formulas.subjects.descent import moved
from tools.formulas.subjects.register import subject


@subject()
def batches(generator: np.random.Generator) -> dict[str, Any]:
    """Five samples and all batches of two: with replacement, and without."""
    n, B = 5, 2
    network = MLP([2, 3, 1], "tanh", loss="half_mse", seed=generator, dtype="float64")
    theta, x, y = network.parameters.copy(), generator.normal(size=(n, 2)), generator.normal(size=(n, 1))

    def loss(theta: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
        return network.loss(np.atleast_2d(x), np.atleast_2d(y), theta)

    def gradient(theta: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return network.loss_and_gradient(np.atleast_2d(x), np.atleast_2d(y), theta)[1]

    single = np.array([gradient(theta, x[i], y[i]) for i in range(n)])
    g, chosen = gradient(theta, x, y), [1, 4]
    with_replacement = [list(pair) for pair in itertools.product(range(n), repeat=B)]
    without = [list(pair) for pair in itertools.combinations(range(n), B)]
    return {
        "J": lambda theta: loss(theta, x, y),
        "ell": loss,
        "nabla ell": gradient,
        "theta": theta,
        "x": x,
        "y": y,
        "n": n,
        "B": B,
        "g": g,
        "cal_B": [i + 1 for i in chosen],
        "g_B": gradient(theta, x[chosen], y[chosen]),
        "Sigma": np.cov(single.T, bias=True),
        "E_with": [{"g_B": single[batch].mean(axis=0)} for batch in with_replacement],
        "E_without": [{"g_B": single[batch].mean(axis=0)} for batch in without],
        "B_simple": float(np.mean(np.sum((single - g) ** 2, axis=1)) / (g @ g)),
    }


@subject()
def spread_of_gradients(generator: np.random.Generator) -> dict[str, Any]:
    """The gradients of single samples as rows."""
    single = generator.normal(size=(6, 3))
    return {"nabla ell": single, "g": single.mean(axis=0), "n": 6, "Sigma": np.cov(single.T, bias=True)}


@subject()
def noisy_parabola(generator: np.random.Generator) -> dict[str, Any]:
    curvature, sigma, eta = (float(x) for x in generator.uniform(0.2, 0.9, size=3))
    theta, xi = generator.normal(size=(2, 1))
    g = Quadratic([curvature]).gradient(theta) + sigma * xi
    names = {"theta_t": theta, "xi_t": xi, "g_t": g, "lambda": curvature, "sigma": sigma, "eta": eta}
    return names | {"theta_t+1": moved(GradientDescent(eta), theta, g)}


def floor(optimizer: Any, curvature: float, sigma: float) -> list[dict[str, Any]]:
    """± the root of E θ² at the floor: the noise of one step goes on through all later ones, and squares add up."""
    problem, theta, squares = Quadratic([curvature]), np.zeros(1), 0.0
    for t in range(6000):
        optimizer.step(theta, problem.gradient(theta) + (sigma if t == 0 else 0.0))
        squares += float(theta[0] ** 2)
    return [{"theta": sign * squares**0.5} for sign in (-1, 1)]


@subject()
def noise_floor(generator: np.random.Generator) -> dict[str, Any]:
    curvature, sigma, eta = (float(x) for x in generator.uniform(0.3, 0.9, size=3))
    return {"E": floor(GradientDescent(eta), curvature, sigma), "lambda": curvature, "sigma": sigma, "eta": eta}


@subject()
def momentum_floor(generator: np.random.Generator) -> dict[str, Any]:
    """At a small rate, for the approximation."""
    curvature, sigma, beta = (float(x) for x in generator.uniform(0.3, 0.9, size=3))
    eta = 0.02
    outcomes = floor(SGD(eta, momentum=beta), curvature, sigma)
    return {"E": outcomes, "lambda": curvature, "sigma": sigma, "eta": eta, "beta": beta}


@subject()
def running_average(generator: np.random.Generator) -> dict[str, Any]:
    theta, t = generator.normal(size=(5, 3)), 5
    means = {"bar_theta_t": theta.mean(axis=0), "bar_theta_t-1": theta[:4].mean(axis=0)}
    return {"theta": theta, "t": t, **means}


@subject()
def fading_average(generator: np.random.Generator) -> dict[str, Any]:
    gamma, theta = float(generator.uniform(0.5, 0.9)), generator.normal(size=3)
    optimizer = SGD(0.1, ema_momentum=gamma)
    for _ in range(3):
        before = optimizer.evaluation_parameters(theta).copy()
        optimizer.step(theta, generator.normal(size=3))
    after = optimizer.evaluation_parameters(theta)
    return {"bar_theta_t": after, "bar_theta_t-1": before, "theta_t": theta, "gamma": gamma}


def all_runs(rate: Any, curvature: float, sigma: float, generator: np.random.Generator, steps: int) -> dict[str, Any]:
    """Start, minimum and ends of runs of SGD on a parabola: one run for each choice of the signs of the noise."""
    start, minimum = generator.normal(size=(2, 1))
    outcomes = []
    for signs in itertools.product((-1, 1), repeat=steps):
        optimizer, theta = GradientDescent(rate), start.copy()
        for sign in signs:
            optimizer.step(theta, Quadratic([curvature]).gradient(theta - minimum) + sign * sigma)
        outcomes.append({"theta_t": theta})
    return {"theta_0": start, "theta*": minimum, "t": steps, "E": outcomes}


@subject()
def strongly_convex_step(generator: np.random.Generator) -> dict[str, Any]:
    """The parabola of the smallest curvature attains the bound."""
    mu, sigma, eta = (float(x) for x in generator.uniform(0.3, 0.9, size=3))
    run = all_runs(eta, mu, sigma, generator, steps=1)
    outcomes = [{"theta_t+1": outcome["theta_t"]} for outcome in run["E"]]
    names = {"mu": mu, "sigma": sigma, "eta": eta, "theta_t": run["theta_0"], "theta*": run["theta*"]}
    return names | {"E": outcomes} | outcomes[0]


@subject()
def strongly_convex(generator: np.random.Generator) -> dict[str, Any]:
    """Five steps at a constant rate on the parabola of the smallest curvature, which attains the bound."""
    mu, sigma, eta = (float(x) for x in generator.uniform(0.3, 0.9, size=3))
    return {"mu": mu, "sigma": sigma, "eta": eta} | all_runs(eta, mu, sigma, generator, steps=5)


@subject()
def strongly_convex_falling(generator: np.random.Generator) -> dict[str, Any]:
    """Five steps at rates that fall like 1/t on the parabola of the smallest curvature, which attains the bound."""
    mu, sigma = (float(x) for x in generator.uniform(0.3, 0.9, size=2))
    kappa = float(generator.uniform(1.5, 4.0))
    rate = lambda k: 1 / (mu * (k + 1 + kappa))  # noqa: E731
    return {"mu": mu, "sigma": sigma, "kappa": kappa} | all_runs(rate, mu, sigma, generator, steps=5)


@subject()
def one_noisy_step(generator: np.random.Generator) -> dict[str, Any]:
    """A regression's step along the gradient of each batch of two of five samples, drawn with replacement."""
    n, B, eta = 5, 2, float(generator.uniform(0.1, 0.5))
    x, y, theta = generator.normal(size=(n, 3)), generator.normal(size=n), generator.normal(size=3)
    single, H = (x @ theta - y)[:, None] * x, x.T @ x / n
    g = single.mean(axis=0)
    outcomes = [{"g_B": single[list(batch)].mean(axis=0)} for batch in itertools.product(range(n), repeat=B)]
    slope = float(np.mean([g @ outcome["g_B"] for outcome in outcomes]))
    curvature = float(np.mean([outcome["g_B"] @ H @ outcome["g_B"] for outcome in outcomes]))
    return {
        "J": lambda theta: float(np.mean((x @ theta - y) ** 2) / 2),
        "theta": theta,
        "eta": eta,
        "g": g,
        "H": H,
        "Sigma": np.cov(single.T, bias=True),
        "B": B,
        "E": outcomes,
        "eta_best": slope / curvature,  # where the mean loss after the step, a parabola in η, is smallest
    }
