"""How much Newton's methods ask of a function, beside the installed SciPy's methods of the same kind.

Both stop at the same norm of the gradient. SciPy's own counts differ between its versions, so nothing is asserted of
them but the ratio.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import scipy
import scipy.optimize

from nnopt_utils.problems import MORE_GARBOW_HILLSTROM, Beale, Himmelblau, Ravine, Rosenbrock
from nnopt_utils.second_order import Result, newton, newton_cg, trust_region

SURFACES = [Rosenbrock(), Beale(), Himmelblau(), Ravine()]
PROBLEMS = [Himmelblau(), Ravine(), *MORE_GARBOW_HILLSTROM.values()]
LIMIT = 1000
TOLERANCE = 1e-6
RATIO = 1.3


@dataclass
class Counts:
    iterations: int
    evaluations: int
    gradients: int
    arrived: bool


def damped_newton(problem: Any, **options: Any) -> Result:
    return newton(problem, damped=True, **options)


def counts_of_scipy(problem: Any, method: str, max_iterations: int = LIMIT) -> Counts:
    """SciPy's method until the gradient is as small as ours has to be."""
    counts = Counts(0, 0, 0, False)

    def value(theta: np.ndarray) -> float:
        counts.evaluations += 1
        return problem.value(theta)

    def gradient(theta: np.ndarray) -> np.ndarray:
        counts.gradients += 1
        return problem.gradient(theta)

    def after_a_step(intermediate_result: Any) -> None:
        counts.iterations += 1
        counts.arrived = bool(np.linalg.norm(problem.gradient(intermediate_result.x)) <= TOLERANCE)
        if counts.arrived:
            raise StopIteration

    of_its_own = {"xtol": 1e-14} if method == "Newton-CG" else {"gtol": TOLERANCE}
    curvature = {"hess": problem.hessian} if method == "trust-exact" else {"hessp": problem.hessian_vector_product}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what SciPy meets on its way is not judged
        scipy.optimize.minimize(
            value,
            problem.start,
            jac=gradient,
            method=method,
            callback=after_a_step,
            options={"maxiter": max_iterations, **of_its_own},
            **curvature,
        )
    return counts


def ratios(problems: Sequence[Any], ours: Callable[..., Result], method: str) -> np.ndarray:
    """Iterations, evaluations and gradients, ours over SciPy's: a row for every problem that both solve."""
    rows = []
    print(f"\n{ours.__name__} over SciPy {scipy.__version__}'s {method}: iterations, evaluations, gradients")
    for problem in problems:
        theirs, result = counts_of_scipy(problem, method), ours(problem, tolerance=TOLERANCE, max_iterations=LIMIT)
        if not (theirs.arrived and result.converged):
            print(f"  {type(problem).__name__}: arrived: ours {result.converged}, SciPy's {theirs.arrived}")
            continue
        row = (
            result.n_iterations / theirs.iterations,
            result.n_evaluations / theirs.evaluations,
            result.n_gradients / theirs.gradients,
        )
        rows.append(row)
        print(f"  {type(problem).__name__}: " + ", ".join(f"{ratio:.2f}" for ratio in row))
    return np.array(rows)


@pytest.mark.parametrize(
    ("ours", "method"),
    [
        (trust_region, "trust-ncg"),
        (trust_region, "trust-exact"),
        (damped_newton, "trust-exact"),
        (newton_cg, "Newton-CG"),
    ],
)
def test_no_dearer_than_scipy(ours, method):
    found = ratios(PROBLEMS, ours, method)
    assert len(found) >= 0.8 * len(PROBLEMS)
    assert (np.median(found, axis=0) <= RATIO).all()


@pytest.mark.parametrize("ours", [trust_region, damped_newton, newton_cg])
def test_all_surfaces_are_solved(ours):
    assert all(ours(problem, tolerance=TOLERANCE).converged for problem in SURFACES)


def test_a_dearer_method_is_noticed():
    """Steps of at most 0.02: many of them."""

    def short_steps(problem: Any, **options: Any) -> Result:
        return trust_region(problem, radius=0.02, max_radius=0.02, **options)

    assert (np.median(ratios(SURFACES, short_steps, "trust-ncg"), axis=0) > RATIO).all()
