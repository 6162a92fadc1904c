"""Subjects of the docstrings about Newton's method and conjugate gradients: runs of a step or two, looked at."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from nnopt_utils.second_order import conjugate_gradients, newton, newton_cg, steihaug, trust_region
from tools.formulas.claims import Subject

# Beside the function of its name, which the package exports in the module's place.
newton_cg_module = sys.modules["nnopt_utils.second_order.newton_cg"]
trust_region_module = sys.modules["nnopt_utils.second_order.trust_region"]


def positive(generator: np.random.Generator, d: int) -> np.ndarray:
    root = generator.normal(size=(d, d))
    return root @ root.T + np.eye(d)


def linear(generator: np.random.Generator) -> dict[str, Any]:
    """The second step of four, as seen by A and by the preconditioner; and two that attain the bound."""
    A, M, b = positive(generator, 4), np.diag(generator.uniform(1, 3, size=4)), generator.normal(size=4)
    p, r, z = [], [], []

    def product(v: np.ndarray) -> np.ndarray:
        p.append(v)
        return A @ v

    def precondition(v: np.ndarray) -> np.ndarray:
        r.append(v)
        z.append(np.linalg.solve(M, v))
        return z[-1]

    conjugate_gradients(product, b, tolerance=0.0, max_iterations=3, preconditioner=precondition)
    x = [conjugate_gradients(A, b, max_iterations=k, preconditioner=lambda v: v / np.diag(M)).x for k in (1, 2)]
    names = {"A": A, "x_k": x[0], "x_k+1": x[1], "x*": np.linalg.solve(A, b)}
    for name, values in (("p", p), ("r", r), ("z", z)):
        names |= {f"{name}_k": values[1], f"{name}_k+1": values[2]}
    error = x[0] - names["x*"]
    start, kappa = float(np.sqrt(error @ A @ error)), float(generator.uniform(2, 20))
    return {**names, "e_k": start, "e_0": start / worst_decrease(kappa), "kappa": kappa, "k": 2}


def worst_decrease(kappa: float) -> float:
    """e_2 / e_0 from where two steps gain least: their residual polynomial is then Chebyshev's."""
    eigenvalues = np.array([1.0, (1 + kappa) / 2, kappa])
    gaps = [np.prod(each - np.delete(eigenvalues, i)) for i, each in enumerate(eigenvalues)]
    solution = 1 / (eigenvalues * np.sqrt(np.abs(gaps)))
    error = conjugate_gradients(np.diag(eigenvalues), eigenvalues * solution, max_iterations=2).x - solution
    return float(np.sqrt(np.sum(eigenvalues * error**2) / np.sum(eigenvalues * solution**2)))


class Indefinite:
    """A quadratic with a negative curvature."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.U = np.linalg.qr(generator.normal(size=(3, 3)))[0]
        self.eigenvalues = np.array([-1.0, 1.0, 1.0]) * generator.uniform(0.5, 3, size=3)
        self.H, self.start = self.U @ np.diag(self.eigenvalues) @ self.U.T, generator.normal(size=3)

    def value(self, theta: np.ndarray) -> float:
        return float(theta @ self.H @ theta) / 2

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        return self.H @ theta

    def hessian(self, theta: np.ndarray) -> np.ndarray:
        return self.H


def one_newton_step(generator: np.random.Generator) -> dict[str, Any]:
    problem = Indefinite(generator)
    pure = newton(problem, max_iterations=1).trajectory.points
    damped = newton(problem, max_iterations=1, damped=True).trajectory.points
    names = {"theta_t": pure[0], "theta_t+1": pure[1], "d": damped[1] - damped[0]}
    return {**names, "H": problem.H, "g": problem.gradient(pure[0]), "U": problem.U, "lambda": problem.eigenvalues}


def model_in_a_ball(generator: np.random.Generator) -> dict[str, Any]:
    A, g = positive(generator, 3), generator.normal(size=3)
    radius = 0.5 * float(np.linalg.norm(np.linalg.solve(A, g)))
    found = steihaug(A, g, radius)
    return {"A": A, "g": g, "s": found.step, "Delta": radius, "m": lambda s: -found.decrease}


def share_of_the_promise(generator: np.random.Generator) -> dict[str, Any]:
    """The H of another point: so ρ is not 1."""
    problem, other = Indefinite(generator), Indefinite(generator)
    theta = problem.start
    g, H = problem.gradient(theta), other.H
    found = steihaug(H, g, 1.0)
    rho = trust_region_module.agreement(problem.value(theta), problem.value(theta + found.step), found.decrease)
    return {"J": problem.value, "theta": theta, "g": g, "H": H, "s": found.step, "rho": rho}


def how_exactly(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Far from a minimum and close to one."""
    gradients = [generator.normal(size=3) * scale for scale in (10, 1e-4)]
    return [{"g": g, "eta": newton_cg_module.forcing(float(np.linalg.norm(g)))} for g in gradients]


NEWTON = {
    conjugate_gradients: Subject("conjugate_gradients", linear, 1e-8),
    newton: Subject("newton", one_newton_step),
    steihaug: Subject("steihaug", model_in_a_ball),
    trust_region: Subject("trust_region", share_of_the_promise),
    newton_cg: Subject("newton_cg", how_exactly),
}
