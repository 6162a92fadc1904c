"""Subjects of the docstrings about quasi-Newton methods and nonlinear conjugate gradients."""

from __future__ import annotations

import sys
from typing import Any
from unittest.mock import patch

import numpy as np

from nnopt_utils.problems import FunctionObjective, Rosenbrock
from nnopt_utils.second_order import bfgs, bfgs_update, lbfgs, nonlinear_cg, strong_wolfe, two_loop
from tools.formulas.claims import Subject

# Beside the functions of their names, which the package exports in the modules' place.
line_search = sys.modules["nnopt_utils.second_order.strong_wolfe"]
FORMULAS = sys.modules["nnopt_utils.second_order.nonlinear_cg"].FORMULAS
INITIALS = ("PR", "FR", "HS", "DY", "HZ")


def barely_good_steps(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Steps that are only just short enough, after which the slope is only just flat enough: downhill, and uphill."""
    return [barely_good_step(generator, sign) for sign in (1, -1)]


def barely_good_step(generator: np.random.Generator, sign: int) -> dict[str, Any]:
    """Along d, J is a cubic with the two slopes and the difference that this takes; across, it is flat."""
    c_1, c_2, alpha, slope = generator.uniform([0.1, 0.5, 0.5, -3], [0.4, 0.9, 1.5, -2])
    square, cube = np.linalg.solve([[1, 1], [2, 3]], [(c_1 - 1) * slope, (sign * c_2 - 1) * slope])
    theta, u = generator.normal(size=2), np.array([0.6, 0.8])
    cubic = np.polynomial.Polynomial([0, slope, square / alpha, cube / alpha**2])

    def value(x: np.ndarray) -> float:
        return 1.0 + float(cubic(u @ (x - theta)))

    def gradient(x: np.ndarray) -> np.ndarray:
        return cubic.deriv()(u @ (x - theta)) * u

    d, problem = u + np.array([0.8, -0.6]), FunctionObjective(value, gradient, theta)
    c = {"decrease": c_1 * (1 - 1e-9), "curvature": c_2 * (1 + 1e-9)}
    found = strong_wolfe(problem, theta, d, first=alpha, max_evaluations=2, **c)
    names = {"J": value, "nabla J": gradient, "theta": theta, "g": gradient(theta), "d": d}
    return {**names, "alpha": found.step, "c_1": c_1, "c_2": c_2}


def pair(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    s, y = generator.normal(size=(2, 3))
    return s, y * np.sign(s @ y)


def learned(generator: np.random.Generator) -> dict[str, Any]:
    root, (s, y) = generator.normal(size=(3, 3)), pair(generator)
    M = root @ root.T + np.eye(3)
    return {"M_t": M, "M_t+1": bfgs_update(M, s, y), "s": s, "y": y, "I": np.eye(3)}


def both_loops(generator: np.random.Generator) -> dict[str, Any]:
    (s, y), g, gamma = pair(generator), generator.normal(size=3), float(generator.uniform(0.5, 2))
    rho = float(1 / (y @ s))
    M = np.array([two_loop(e, [(s, y, rho)], gamma) for e in np.eye(3)]).T
    return {"M": M, "g": g, "s": s, "y": y, "rho": rho, "gamma": gamma}


def two_steps(method: Any, problem: Any, start: np.ndarray) -> tuple[np.ndarray, list[Any]]:
    """The first three points of a run, and along which directions and with which steps it went there."""
    seen: list[Any] = []
    search = line_search.search

    def recorded(evaluate: Any, here: Any, direction: np.ndarray, *rest: Any) -> Any:
        found = search(evaluate, here, direction, *rest)
        seen.append((direction, found.step))
        return found

    with patch.object(line_search, "search", recorded):
        result = method(problem, start, max_iterations=2, tolerance=0.0)
    return result.trajectory.points, seen


def second_step(method: Any) -> Any:
    """Of a quasi-Newton method: M is what the first step teaches."""

    def draw(generator: np.random.Generator) -> dict[str, Any]:
        points, seen = two_steps(method, Rosenbrock(), generator.normal(size=2))
        while seen[1][1] == 1:
            points, seen = two_steps(method, Rosenbrock(), generator.normal(size=2))
        g = [Rosenbrock().gradient(point) for point in points]
        s, y = points[1] - points[0], g[1] - g[0]
        M = bfgs_update(np.eye(2) * (s @ y) / (y @ y), s, y)
        return {"theta_t": points[1], "theta_t+1": points[2], "g_t": g[1], "M_t": M, "alpha_t": seen[1][1]}

    return draw


def conjugate(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Two steps each: with a β > 0, and with one that would be < 0."""
    kinds: dict[bool, dict[str, Any]] = {}
    while len(kinds) < 2:
        names = conjugate_step(Rosenbrock(), generator.normal(size=2) / 10)
        was_restarted = (names["d_t+1"] == -names["g_t+1"]).all()
        if names["beta_HZ"] > -0.01 and (names["beta"] == 0 or not was_restarted):
            kinds[names["beta"] > 0] = names
    return list(kinds.values())


def conjugate_step(problem: Any, start: np.ndarray) -> dict[str, Any]:
    points, seen = two_steps(nonlinear_cg, problem, start)
    g_old, g, (d, alpha) = problem.gradient(points[0]), problem.gradient(points[1]), seen[0]
    names = {f"beta_{name}": formula(g, g_old, d) for name, formula in zip(INITIALS, FORMULAS.values(), strict=True)}
    names |= {"theta_t": points[0], "theta_t+1": points[1], "alpha_t": alpha, "beta": names["beta_PR"]}
    return {**names, "g_t": g_old, "g_t+1": g, "d_t": d, "d_t+1": seen[1][0]}


QUASI_NEWTON = {
    strong_wolfe: Subject("strong_wolfe", barely_good_steps, 1e-7),
    bfgs_update: Subject("bfgs_update", learned),
    bfgs: Subject("bfgs", second_step(bfgs)),
    two_loop: Subject("two_loop", both_loops),
    lbfgs: Subject("lbfgs", second_step(lbfgs)),
    nonlinear_cg: Subject("nonlinear_cg", conjugate),
}
