"""Chapter 09: the parabola at a point, steps that use it, and what is learnt or taken apart of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils.activations import get_activation
from nnopt_utils.backpropagation import forward_pass
from nnopt_utils.course.ch09_second_order_methods.figures import damped_step
from nnopt_utils.problems import HelicalValley, Himmelblau, PowellSingular, Rosenbrock
from nnopt_utils.r_operator import r_forward_pass, slopes_of
from nnopt_utils.second_order import bfgs_update, gauss_newton, newton
from tools.formulas.subjects import least_squares
from tools.formulas.subjects.register import subject


@subject()
def taylor_model(generator: np.random.Generator) -> dict[str, Any]:
    """Next to a minimum, where the curvature is a good part of all that J changes by."""
    problem, theta = Himmelblau(), np.array([3.0, 2.0]) + generator.uniform(0.03, 0.05, size=2)
    s = generator.uniform(0.02, 0.03, size=2)
    names = {"J": problem.value, "theta": theta, "s": s}
    return names | {"g": problem.gradient(theta), "H": problem.hessian(theta)}


@subject(tolerance=1e-7)
def newton_step(generator: np.random.Generator) -> dict[str, Any]:
    problem, theta = Rosenbrock(), np.array([-1.2, 1.0]) + 0.1 * generator.normal(size=2)
    after = newton(problem, theta, max_iterations=1).trajectory.points[1]
    names = {"theta_t": theta, "theta_t+1": after, "s": after - theta}
    return names | {"g": problem.gradient(theta), "H": problem.hessian(theta)}


@subject()
def root_step(generator: np.random.Generator) -> dict[str, Any]:
    e = float(generator.uniform(0.1, 0.5))
    return {"theta": float(np.sqrt(2)) * (1 + e), "e": e}


@subject()
def saddle_free(generator: np.random.Generator) -> dict[str, Any]:
    problem, theta, damping = HelicalValley(), generator.normal(size=3), float(generator.uniform(0.1, 0.5))
    nu, Q = np.linalg.eigh(problem.hessian(theta))
    names = {"s": damped_step(problem, theta, damping), "g": problem.gradient(theta), "lambda": damping}
    return names | {"nu": nu, "Q": Q}


@subject()
def r_forward(generator: np.random.Generator) -> dict[str, Any]:
    """The second of two layers."""
    x, functions = generator.normal(size=(3, 4)), [get_activation("tanh")]
    weights, biases = [generator.normal(size=shape) for shape in ((4, 5), (5, 2))], list(generator.normal(size=(2, 1)))
    dW, db = [generator.normal(size=W.shape) for W in weights], [generator.normal(size=n) for n in (5, 2)]
    z, a = forward_pass(x, weights, biases, functions)
    dot_z, dot_a = r_forward_pass(a, slopes_of(z, functions), weights, dW, db)
    names = {"a": a[1], "W": weights[1], "dot_W": dW[1], "dot_b": db[1]}
    return names | {"dot_z": dot_z[1], "dot_a": dot_a[0]}


@subject()
def secant(generator: np.random.Generator) -> dict[str, Any]:
    problem, theta = Rosenbrock(), generator.normal(size=2)
    s = 1e-3 * generator.normal(size=2)
    names = {"theta": theta, "s": s, "H": problem.hessian(theta), "nabla J": problem.gradient}
    return names | {"y": problem.gradient(theta + s) - problem.gradient(theta)}


@subject()
def bfgs_rule(generator: np.random.Generator) -> dict[str, Any]:
    root, s, y = generator.normal(size=(3, 3)), *generator.normal(size=(2, 3))
    y = y if s @ y > 0 else -y
    M = root @ root.T + np.eye(3)
    return {"M": M, "M_new": bfgs_update(M, s, y), "s": s, "y": y, "rho": float(1 / (y @ s)), "I": np.eye(3)}


@subject()
def sum_of_squares(generator: np.random.Generator) -> dict[str, Any]:
    return least_squares.sum_of_squares(generator)


@subject(tolerance=1e-7)
def gauss_newton_rule(generator: np.random.Generator) -> dict[str, Any]:
    problem, theta = PowellSingular(), generator.normal(size=4)
    after = gauss_newton(problem, theta, max_iterations=1).trajectory.points[1]
    return {"s": after - theta, "r": problem.residuals(theta), "R": problem.jacobian(theta)}


@subject()
def one_gradient(generator: np.random.Generator) -> dict[str, Any]:
    U, _, Vt = np.linalg.svd(generator.normal(size=(3, 3)))
    Sigma = np.diag(generator.uniform(0.5, 2, size=3))
    return {"g": U @ Sigma @ Vt, "U": U, "Sigma": Sigma, "V": Vt.T}
