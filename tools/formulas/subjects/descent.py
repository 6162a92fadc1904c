"""Gradient descent on problems of the library: steps, rates, bounds, line search, differences of gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils.gradients import central_difference
from nnopt_utils.line_search import backtracking
from nnopt_utils.optimizers import SGD, GradientDescent, Nesterov
from nnopt_utils.problems import Quadratic, Rosenbrock
from tools.formulas.subjects.register import subject


def bowl(generator: np.random.Generator) -> Quadratic:
    rotation, minimum = float(generator.uniform(0.2, 1.2)), generator.normal(size=2)
    return Quadratic(generator.uniform(0.5, 3, size=2), rotation=rotation, minimum=minimum)


def moved(optimizer: Any, theta: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """θ after one step."""
    theta = theta.copy()
    optimizer.step(theta, gradient)
    return theta


@subject()
def gradient_step(generator: np.random.Generator) -> dict[str, Any]:
    """Plain SGD on a gradient, and gradient descent on a bowl."""
    problem, theta, eta = bowl(generator), generator.normal(size=2), float(generator.uniform(0.1, 0.5))
    g = problem.gradient(theta)
    names = {"theta": theta, "g": g, "theta_new": moved(SGD(eta), theta, g), "eta": eta}
    names |= {"theta_t": theta, "g_t": g, "theta_t+1": moved(GradientDescent(eta), theta, g)}
    return names | {"nabla J": problem.gradient}


@subject()
def parabola_step(generator: np.random.Generator) -> dict[str, Any]:
    curvature, eta = float(generator.uniform(0.5, 3)), float(generator.uniform(0.1, 0.5))
    problem, theta = Quadratic([curvature]), generator.normal(size=1)
    after = moved(GradientDescent(eta), theta, problem.gradient(theta))
    return {"theta_t": theta, "theta_t+1": after, "eta": eta, "L": curvature}


@subject()
def quadratic(generator: np.random.Generator) -> dict[str, Any]:
    problem, theta = bowl(generator), generator.normal(size=2)
    names: dict[str, Any] = {"J": problem.value, "theta": theta, "theta*": problem.minimum, "A": problem.hessian(theta)}
    names |= {"kappa": problem.condition_number, "L": problem.L, "mu": problem.mu}
    return names | {"nabla J": problem.gradient(theta), "nabla^2 J": problem.hessian(theta)}


@subject()
def errors_along_axes(generator: np.random.Generator) -> dict[str, Any]:
    curvatures, eta = generator.uniform(0.5, 3, size=3), float(generator.uniform(0.1, 0.5))
    problem, error = Quadratic(curvatures), generator.normal(size=3)
    after = moved(GradientDescent(eta), error, problem.gradient(error))
    return {"error": error, "error_new": after, "lambda": curvatures, "eta": eta}


@subject()
def best_rate(generator: np.random.Generator) -> dict[str, Any]:
    """The rate at which the fastest and the slowest axis are equally slow, by halving an interval."""
    mu, L = sorted(generator.uniform(0.5, 3, size=2))
    low, high = 1 / L, 2 / L
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if 1 - middle * mu > middle * L - 1 else (low, middle)
    problem, theta = Quadratic([mu, L]), np.array([1.0, 0.0])
    factor = moved(GradientDescent(low), theta, problem.gradient(theta))[0]
    return {"eta": low, "L": L, "mu": mu, "kappa": problem.condition_number, "factor": factor}


@subject()
def convergence_bounds(generator: np.random.Generator) -> dict[str, Any]:
    problem, t = bowl(generator), int(generator.integers(3, 9))
    L, theta_1 = problem.L, generator.normal(size=2)
    plain, fast, nesterov = theta_1.copy(), theta_1.copy(), Nesterov(1 / L)
    for _ in range(t):
        plain = moved(GradientDescent(1 / L), plain, problem.gradient(plain))
        nesterov.step(fast, problem.gradient(fast))
    names: dict[str, Any] = {"J": problem.value, "J*": problem.minimum_value, "L": L, "t": t, "loose": True}
    names["theta*"] = problem.minimum
    return names | {"theta_1": theta_1, "theta_t+1": plain, "x_t": nesterov.state["x"].copy()}


@subject(tolerance=1e-7)
def armijo(generator: np.random.Generator) -> dict[str, Any]:
    """A bowl on which the first step is only just short enough: the condition is attained."""
    c = float(generator.uniform(0.2, 0.6))
    problem, theta = Quadratic([2 * (1 - c) / 0.6] * 2), generator.normal(size=2)
    g = problem.gradient(theta)
    s = backtracking(problem, theta, -g, first=0.6, slope_share=c * (1 - 1e-9))
    return {"J": problem.value, "theta": theta, "g": g, "s": s, "c": c}


@subject(tolerance=1e-7)
def difference_of_values(generator: np.random.Generator) -> dict[str, Any]:
    theta, h = generator.normal(size=2), 0.1
    value = Rosenbrock().value
    return {"J": value, "theta": theta, "h": h, "e": np.eye(2), "hat_g": central_difference(value, theta, h)}


@subject()
def difference_of_gradients(generator: np.random.Generator) -> dict[str, Any]:
    problem, theta = Rosenbrock(), generator.normal(size=2)
    H, v = problem.hessian(theta), generator.normal(size=2)
    return {"H": H, "v": v, "h": 1e-3, "g": problem.gradient, "theta": theta}


@subject()
def badly_scaled(generator: np.random.Generator) -> dict[str, Any]:
    theta = generator.normal(size=2)
    return {"J": Quadratic([1.0, 10_000.0]).value, "theta": theta}
