"""Sums of squares: the residuals of the test problems of Moré, Garbow and Hillstrom, by the names of the paper."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils import problems, second_order
from nnopt_utils.second_order.levenberg_marquardt import damped_step
from nnopt_utils.second_order.residual_run import Linearized

Names = dict[str, Any]


def numbered(values: np.ndarray, first: int = 1) -> dict[int, Any]:
    """Numbers by their index, from the given one on."""
    return dict(enumerate(values, start=first))


def strided(names: Names, step: int) -> Names:
    """Each r and θ of blocks of a few, as one vector over all blocks: ``r_4i-3``."""
    ends = {k: f"_{step}i-{step - 1 - k}".removesuffix("-0") for k in range(step)}
    return {f"{name}{end}": names[name][k::step] for name in ("r", "theta") for k, end in ends.items()}


def helical_valley(names: Names) -> list[Names]:
    """On both sides of the first axis."""
    problem, theta = problems.HelicalValley(), names["theta"]
    both = [theta, theta * [-1, 1, 1]]
    return [{"theta": point, "r": problem.residuals(point)} for point in both]


def gulf(names: Names) -> Names:
    """Where the difference has both signs."""
    theta = np.array([50.0, 35.0, 1.5]) * names["theta"] / problems.Gulf().start
    return {"theta": theta, "r": problems.Gulf().residuals(theta)}


def ends(names: Names, first: int) -> Names:
    """The residuals up to one by their indices; those from there on have names of their own."""
    return {"r": numbered(names["r"][: first - 1])}


def penalty_2(names: Names) -> Names:
    r, n = names["r"], names["n"]
    return {"p": numbered(r[1:n], 2), "q": numbered(r[n:-1], 2), "r_2n": r[-1]}


def fixed_ends(names: Names) -> Names:
    """θ with zeros at both ends."""
    return {"theta": numbered(np.pad(names["theta"], 1), 0), "theta_n+1": 0.0}


def band(names: Names) -> Names:
    n = names["n"]
    return {"B": np.array([[float(-5 <= j - i <= 1 and j != i) for j in range(n)] for i in range(n)])}


def linear_rank_one_zero(names: Names) -> Names:
    """Another minimiser, whose first and last entries count for nothing."""
    n, m = names["n"], names["m"]
    minimum = names["theta*"] + np.eye(n)[0] + np.eye(n)[-1]
    return {**ends(names, m), "r_m": names["r"][-1], "theta*": minimum}


# What a problem's formula names beyond r, θ, n, m and the data.
MORE: dict[type, Any] = {
    problems.HelicalValley: helical_valley,
    problems.Gulf: gulf,
    problems.Watson: lambda names: {**ends(names, 30), "r_30": names["r"][29], "r_31": names["r"][30]},
    problems.ExtendedRosenbrock: lambda names: strided(names, 2),
    problems.ExtendedPowellSingular: lambda names: strided(names, 4),
    problems.Penalty1: lambda names: {"r_n+1": names["r"][-1]},
    problems.Penalty2: penalty_2,
    problems.VariablyDimensioned: lambda names: {"r_n+1": names["r"][-2], "r_n+2": names["r"][-1]},
    problems.BrownAlmostLinear: lambda names: {**ends(names, names["n"]), "r_n": names["r"][-1]},
    problems.DiscreteBoundaryValue: fixed_ends,
    problems.BroydenTridiagonal: fixed_ends,
    problems.BroydenBanded: band,
    problems.LinearFullRank: lambda names: {"r_m": names["r"][-1]},
    problems.LinearRankOneZero: linear_rank_one_zero,
}
OWNERS = [type(p) for i, p in problems.MORE_GARBOW_HILLSTROM.items() if i not in (1, 5)]


def least_squares(owner: Any, generator: np.random.Generator) -> Names | list[Names]:
    """The residuals near the standard start."""
    problem = owner()
    start, factor = problem.start, generator.uniform(0.7, 1.1, size=problem.dimension)
    theta = np.where(start == 0, factor, start * factor)
    names: Names = {"theta": theta, "r": problem.residuals(theta), "n": problem.dimension, "m": problem.n_residuals}
    names |= {data: getattr(problem, data) for data in ("y", "u") if hasattr(problem, data)}
    names["theta*"] = problem.minimum
    more = MORE[owner](names) if owner in MORE else {}
    return [{**names, **each} for each in more] if isinstance(more, list) else {**names, **more}


def sum_of_squares(generator: np.random.Generator) -> Names:
    """One with three residuals; their own Hessians by a complex step of the Jacobian."""
    problem, theta, h = problems.Beale(), generator.normal(size=2), 1e-30
    turned = np.array([problem._jacobian(theta + 1j * h * e).imag / h for e in np.eye(2)])
    names: Names = {"theta": theta, "J": problem.value, "nabla J": problem.gradient(theta), "m": 3}
    names |= {"r": problem.residuals(theta), "R": problem.jacobian(theta), "nabla^2 J": problem.hessian(theta)}
    return {**names, "nabla^2 r": numbered(turned.transpose(1, 0, 2))}


def nist_problem(generator: np.random.Generator) -> Names:
    """A curve with two parameters."""
    problem = problems.nist("Misra1a")
    theta = problem.start * generator.uniform(0.7, 1.3, size=2)

    def curve(x: float, theta: np.ndarray) -> float:
        return float(problem.predict(theta, [x])[0])

    return {"f": curve, "x": problem.x, "y": problem.y, "theta": theta, "r": problem.residuals(theta)}


def gauss_newton(generator: np.random.Generator) -> Names:
    """The first step."""
    problem, theta = problems.Beale(), generator.normal(size=2)
    after = second_order.gauss_newton(problem, theta, max_iterations=1).trajectory.points[1]
    names: Names = {"theta_t": theta, "theta_t+1": after, "p": after - theta}
    return {**names, "r": problem.residuals(theta), "R": problem.jacobian(theta)}


def levenberg_marquardt(generator: np.random.Generator) -> Names:
    """The first step, three tenths as long as Gauss–Newton's; its λ follows from the step."""
    problem, theta = problems.Bard(), problems.Bard().start * generator.uniform(0.8, 1.2, size=3)
    model = Linearized(problem.residuals(theta), problem.jacobian(theta))
    D, J = np.diag(model.lengths), problem.value
    delta = 0.3 * float(np.linalg.norm(D @ model.gauss_newton_step))
    p, _, promised = damped_step(model, model.lengths, delta)
    radius = delta / float(np.linalg.norm(D @ theta))
    after = second_order.levenberg_marquardt(problem, theta, max_iterations=1, radius=radius).trajectory.points[1]
    damping = -float(p @ model.R.T @ (model.r + model.R @ p)) / float(p @ D**2 @ p)
    names: Names = {"theta_t": theta, "theta_t+1": after, "p": p, "r": model.r, "R": model.R, "D": D, "Delta": delta}
    return {**names, "lambda": damping, "J": J, "rho": (J(theta) - J(theta + p)) / promised}
