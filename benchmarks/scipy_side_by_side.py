"""Second-order methods against SciPy's, on the same functions: evaluations and seconds.

``python -m benchmarks.scipy_side_by_side`` prints the counts and times of every function.
"""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import scipy
from scipy.optimize import least_squares, minimize
from threadpoolctl import threadpool_limits

from benchmarks.timing import Measurement, Target, at_least, at_most, compared, interleaved
from nnopt_utils import second_order
from nnopt_utils._tables import markdown
from nnopt_utils.datasets import load_mnist
from nnopt_utils.problems import MORE_GARBOW_HILLSTROM, PROBLEMS, Problem, SoftmaxRegression
from nnopt_utils.problems.least_squares import LeastSquares

TOLERANCE, LONGEST = 1e-6, 1000
LARGEST = 100  # parameters
Solve = Callable[[Any], tuple[int, bool]]  # a problem → evaluations of J (or of the residuals), and: did it converge?


@dataclass(frozen=True)
class Rival:
    """One of SciPy's methods, and ours of the same kind.

    Attributes:
        ours: the name of a function of ``nnopt_utils.second_order``; what is not there is not compared.
        theirs: SciPy's name of the method.
        solve: runs SciPy's.
    """

    ours: str
    theirs: str
    solve: Solve

    @property
    def is_there(self) -> bool:
        return hasattr(second_order, self.ours)

    def solve_ours(self, problem: Any) -> tuple[int, bool]:
        method = getattr(second_order, self.ours)
        result = method(problem, tolerance=TOLERANCE, max_iterations=LONGEST)
        return result.n_evaluations, result.converged

    def functions(self) -> dict[str, Problem]:
        found = {**PROBLEMS, **{type(p).__name__: p for p in MORE_GARBOW_HILLSTROM.values()}}
        only = LeastSquares if self.theirs == "lm" else Problem
        return {name: p for name, p in found.items() if isinstance(p, only) and p.dimension <= LARGEST}


def minimizer(method: str, curvature: str = "", **options: Any) -> Solve:
    """SciPy's ``minimize``; convergence is judged by the gradient's largest entry, the norm of L-BFGS-B."""

    def solve(problem: Any) -> tuple[int, bool]:
        given = {curvature: getattr(problem, CURVATURE[curvature])} if curvature else {}
        found = minimize(
            lambda x: (problem.value(x), problem.gradient(x)),
            problem.start,
            jac=True,
            method=method,
            options={"maxiter": LONGEST, **options},
            **given,
        )
        return found.nfev, bool(np.abs(problem.gradient(found.x)).max() <= TOLERANCE)

    return solve


def levenberg_marquardt(problem: Any) -> tuple[int, bool]:
    """MINPACK's, to the last digits: its own tests say little of the gradient."""
    found = least_squares(
        problem.residuals, problem.start, problem.jacobian, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    return found.nfev, bool(np.linalg.norm(problem.gradient(found.x)) <= TOLERANCE)


CURVATURE = {"hess": "hessian", "hessp": "hessian_vector_product"}
RIVALS = [
    Rival("bfgs", "BFGS", minimizer("BFGS", gtol=TOLERANCE, norm=2)),
    Rival("lbfgs", "L-BFGS-B", minimizer("L-BFGS-B", gtol=TOLERANCE, ftol=0.0, maxfun=100 * LONGEST)),
    Rival("nonlinear_cg", "CG", minimizer("CG", gtol=TOLERANCE, norm=2)),
    Rival("newton_cg", "Newton-CG", minimizer("Newton-CG", "hessp", xtol=1e-10)),
    Rival("trust_region", "trust-exact", minimizer("trust-exact", "hess", gtol=TOLERANCE)),
    Rival("levenberg_marquardt", "lm", levenberg_marquardt),
]


def measure(quick: bool = False) -> list[Measurement]:
    """Evaluations and seconds of every pair of methods; then softmax regression on MNIST, to the same values.

    Measured is the processor's time, on one thread. Of the first the ratios are one a function, and their median is
    over the functions on which both converge. Of the second they are one a round, as everywhere.
    """
    figures = []
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # SciPy's, of divisions by 0 and of Hessians it does not need
        for rival in (each for each in RIVALS if each.is_there):
            rows = list(side_by_side(rival, repeats=1 if quick else 5, most=6 if quick else None))
            both = [row for row in rows if row.both]
            what, against = f"{rival.ours}, {len(both)} functions of ≤ {LARGEST} variables", f"SciPy's {rival.theirs}"
            for unit, name, target in (("evaluations", what, at_most(1.3)), ("s", what, at_most(1.5))):
                ours, theirs = ([row.amounts[unit][i] for row in both] for i in (0, 1))
                figures.append(compared("scipy", name, ours, against, theirs, unit=unit, target=target))
        figures += softmax_regression(quick)
    return figures


@dataclass(frozen=True)
class Row:
    """What one function took, ours first."""

    name: str
    amounts: dict[str, tuple[float, float]]
    both: bool


def side_by_side(rival: Rival, repeats: int, most: int | None = None) -> Iterator[Row]:
    """Every function once for the counts, and by turns for the seconds."""
    for name, problem in list(rival.functions().items())[:most]:
        (mine, is_mine), (theirs, is_theirs) = rival.solve_ours(problem), rival.solve(problem)
        both = is_mine and is_theirs
        calls = {"ours": _call(rival.solve_ours, problem), "theirs": _call(rival.solve, problem)}
        times = interleaved(calls, repeats if both else 1)
        seconds = median(times["ours"]), median(times["theirs"])
        yield Row(name, {"evaluations": (float(mine), float(theirs)), "s": seconds}, both)


def _call(solve: Solve, problem: Any) -> Callable[[], float]:
    """A call that measures the processor's time: on a busy machine a few milliseconds are mostly waiting."""

    def call() -> float:
        begun = time.process_time()
        solve(problem)
        return time.process_time() - begun

    return call


# -- softmax regression ----------------------------------------------------------------------------------------------


class Reached(Exception):
    """The last of the values is reached."""


class Watched:
    """A problem that notes after how many evaluations, and how many seconds, values are reached, and ends with them."""

    def __init__(self, problem: Any, values: list[float]) -> None:
        self.problem, self.values, self.start = problem, values, problem.start
        self.evaluations, self.reached, self.begun = 0, list[tuple[float, int]](), time.process_time()

    def value_and_gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = self.problem.value_and_gradient(theta)
        self.evaluations += 1
        while value <= self.values[len(self.reached)]:
            self.reached.append((time.process_time() - self.begun, self.evaluations))
            if len(self.reached) == len(self.values):
                raise Reached
        return value, gradient

    def value(self, theta: np.ndarray) -> float:
        return self.value_and_gradient(theta)[0]

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        return self.value_and_gradient(theta)[1]


def softmax_regression(quick: bool) -> list[Measurement]:
    """L-BFGS to two values of the loss on 55,000 images, d = 7,850; the optimum is 0.26274."""
    data = load_mnist()
    n, values = (1_000, [0.5, 0.3]) if quick else (len(data.x_train), [0.2652, 0.2630])
    problem = SoftmaxRegression(data.x_train[:n], data.y_train[:n], l2=1e-4)
    solvers: dict[str, Callable[[Any], Any]] = {
        "ours": lambda p: second_order.lbfgs(p, max_iterations=LONGEST),
        "ours, memory of 10 steps": lambda p: second_order.lbfgs(p, memory=10, max_iterations=LONGEST),
        "theirs": lambda p: minimize(
            p.value_and_gradient,
            p.start,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": LONGEST, "ftol": 0.0, "gtol": 0.0},
        ),
    }
    runs: dict[str, list[list[tuple[float, int]]]] = {name: [] for name in solvers}
    for round_number in range(1 if quick else 3):
        for name in solvers if round_number % 2 else reversed(list(solvers)):
            gc.collect()
            watched = Watched(problem, values)
            try:
                solvers[name](watched)
            except Reached:
                runs[name].append(watched.reached)
    figures = []
    for i, value in enumerate(values):
        for name in ("ours", "ours, memory of 10 steps"):
            for k, unit in ((1, "evaluations"), (0, "s")):
                theirs, ours = ([float(run[i][k]) for run in runs[key]] for key in ("theirs", name))
                what = f"softmax regression of {n:,} images to {value:g}: SciPy's L-BFGS-B"
                target: Target | None = at_least(1.0) if name == "ours" else None
                figures.append(compared("scipy", what, theirs, name, ours, unit=unit, target=target))
    return figures


def main() -> None:
    """Print a table for every pair of methods: evaluations and milliseconds, ours and SciPy's."""
    print(f"SciPy {scipy.__version__}, NumPy {np.__version__}")
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for rival in (each for each in RIVALS if each.is_there):
            rows = [["function", f"evaluations: {rival.ours}", rival.theirs, f"ms: {rival.ours}", rival.theirs, "both"]]
            for row in side_by_side(rival, repeats=3):
                evaluations = [f"{count:.0f}" for count in row.amounts["evaluations"]]
                rows.append([row.name, *evaluations, *(f"{1e3 * t:.2f}" for t in row.amounts["s"]), "yes" * row.both])
            print(f"\n{markdown(rows, right=[False, True, True, True, True, False])}")


if __name__ == "__main__":
    main()
