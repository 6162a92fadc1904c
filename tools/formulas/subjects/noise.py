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
        "B_noise": float(np.mean(np.sum((single - g) ** 2, axis=1)) / (g @ g)),
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
