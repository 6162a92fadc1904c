"""Gradient descent on problems of the library: steps, rates, bounds, line search, differences of gradients."""

from __future__ import annotations

from collections.abc import Callable
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


def axis(optimizer: Any, curvature: float, start: float, steps: int) -> list[float]:
    """Errors along one axis, before the first step and after each."""
    problem, theta = Quadratic([curvature]), np.array([start])
    errors = [start]
    for _ in range(steps):
        optimizer.step(theta, problem.gradient(theta))
        errors.append(float(theta[0]))
    return errors


@subject()
def heavy_ball_errors(generator: np.random.Generator) -> dict[str, Any]:
    curvature, eta, beta = (float(x) for x in generator.uniform(0.2, 0.9, size=3))
    before, here, after = axis(SGD(eta, momentum=beta), curvature, float(generator.normal()), 4)[-3:]
    return {"e_t-1": before, "e_t": here, "e_t+1": after, "eta": eta, "beta": beta, "lambda": curvature}


@subject(tolerance=1e-7)
def heavy_ball_factor(generator: np.random.Generator) -> list[dict[str, Any]]:
    """An overdamped axis: the long run's factor is the larger r, and the product of both shrinks areas."""
    beta, eta, curvature = float(generator.uniform(0.1, 0.2)), float(generator.uniform(0.1, 0.2)), 1.3
    errors = axis(SGD(eta, momentum=beta), curvature, 1.0, 60)
    larger = errors[-1] / errors[-2]
    first = axis(SGD(eta, momentum=beta), curvature, 1.0, 3)
    smaller = (first[2] - larger * first[1]) / (first[1] - larger * first[0])
    return [{"r": r, "beta": beta, "eta": eta, "lambda": curvature} for r in (larger, smaller)]


@subject()
def heavy_ball_best(generator: np.random.Generator) -> dict[str, Any]:
    """The rate and momentum at which both ends are critically damped, by halving an interval."""
    mu, L = sorted(float(x) for x in generator.uniform(0.5, 3, size=2))
    low, high = 1 / L, 4 / L
    for _ in range(200):
        eta = (low + high) / 2
        low, high = (eta, high) if (eta * L) ** 0.5 - 1 < 1 - (eta * mu) ** 0.5 else (low, eta)
    return {"eta": eta, "beta": (1 - (eta * mu) ** 0.5) ** 2, "L": L, "mu": mu, "kappa": L / mu}


RAISED = 0.7


def raised(problem: Quadratic) -> Callable[[np.ndarray], float]:
    """J with a smallest value that is not 0."""
    return lambda theta: problem.value(theta) + RAISED


@subject()
def smooth(generator: np.random.Generator) -> dict[str, Any]:
    """A round bowl, on which the bounds of L-smoothness and of strong convexity are attained."""
    L, T = float(generator.uniform(0.5, 3)), 4
    eta = float(generator.uniform(0.2, 0.6)) / L
    problem = Quadratic([L, L], minimum=generator.normal(size=2))
    theta, Delta = generator.normal(size=(2, 2))
    g = problem.gradient(theta)
    names: dict[str, Any] = {"J": raised(problem), "theta": theta, "Delta": Delta, "g": g, "L": L, "mu": problem.mu}
    names |= {"J*": RAISED, "theta_t": theta, "g_t": g, "eta": eta, "T": T, "theta_1": theta}
    return names | {"theta_t+1": moved(GradientDescent(eta), theta, g)}


@subject()
def sum_of_gradients(generator: np.random.Generator) -> dict[str, Any]:
    """Gradients g_1 … g_T of gradient descent with 1/L on a round bowl: the first step arrives."""
    L, T = float(generator.uniform(0.5, 3)), 4
    problem, theta = Quadratic([L, L], minimum=generator.normal(size=2)), generator.normal(size=2)
    names: dict[str, Any] = {"theta_1": theta.copy(), "J": raised(problem), "J*": RAISED, "L": L, "T": T}
    gradients = []
    for _ in range(T):
        gradients.append(problem.gradient(theta))
        theta = moved(GradientDescent(1 / L), theta, gradients[-1])
    return names | {"g": np.array(gradients)}


@subject()
def guaranteed_step(generator: np.random.Generator) -> dict[str, Any]:
    """One step of gradient descent with 1/L on a bowl: bounds that no function attains."""
    problem, theta = bowl(generator), generator.normal(size=2)
    names: dict[str, Any] = {"J": problem.value, "J*": problem.minimum_value, "L": problem.L, "mu": problem.mu}
    names |= {"theta_t": theta, "theta*": problem.minimum, "loose": True}
    return names | {"theta_t+1": moved(GradientDescent(1 / problem.L), theta, problem.gradient(theta))}


@subject()
def chebyshev_lengths(generator: np.random.Generator) -> dict[str, Any]:
    """Lengths whose inverses are the roots of the Chebyshev polynomial on [μ, L]."""
    mu, L = sorted(float(x) for x in generator.uniform(0.5, 3, size=2))
    roots = np.sort(np.polynomial.Chebyshev.basis(5, domain=[mu, L]).roots().real)[::-1]
    return {"eta": 1 / roots, "K": 5, "L": L, "mu": mu, "k": 2, "eta_k": 1 / roots[1]}


@subject()
def two_layer_linear(generator: np.random.Generator) -> dict[str, Any]:
    """One step of gradient descent on f = uᵀv/√m with the loss f²/2."""
    m, eta = 5, float(generator.uniform(0.2, 0.6))
    theta = generator.normal(size=2 * m)

    def read(theta: np.ndarray) -> tuple[float, float]:
        return float(theta[:m] @ theta[m:] / m**0.5), float(theta @ theta / m)

    f, curvature = read(theta)
    gradient = f * np.concatenate([theta[m:], theta[:m]]) / m**0.5
    f_new, curvature_new = read(moved(GradientDescent(eta), theta, gradient))
    names = {"f_t": f, "f_t+1": f_new, "lambda_t": curvature, "lambda_t+1": curvature_new, "eta": eta, "m": m}
    return names | {"u": theta[:m], "v": theta[m:], "f": f, "lambda": curvature}
