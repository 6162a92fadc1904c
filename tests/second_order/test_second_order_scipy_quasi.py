"""Iterations and evaluations against the installed SciPy, on the same functions to the same tolerance."""

from statistics import median

import numpy as np
import pytest
import scipy
from scipy.optimize import minimize

from nnopt_utils.problems import MORE_GARBOW_HILLSTROM, PROBLEMS
from nnopt_utils.second_order import bfgs, lbfgs, nonlinear_cg

TOLERANCE, LONGEST = 1e-6, 1000
EVERY = {**PROBLEMS, **{type(p).__name__: p for p in MORE_GARBOW_HILLSTROM.values()}}
PAIRS = {
    "BFGS": (bfgs, {"gtol": TOLERANCE, "norm": 2, "maxiter": LONGEST}),
    "L-BFGS-B": (lbfgs, {"gtol": TOLERANCE, "ftol": 0.0, "maxiter": LONGEST, "maxfun": 100 * LONGEST}),
    "CG": (nonlinear_cg, {"gtol": TOLERANCE, "norm": 2, "maxiter": LONGEST}),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # SciPy's line search divides by 0 now and then
@pytest.mark.parametrize("method", PAIRS)
def test_no_more_steps_and_evaluations_than_scipy(method):
    ours, options = PAIRS[method]
    rows = []
    for name, problem in EVERY.items():
        mine = ours(problem, tolerance=TOLERANCE, max_iterations=LONGEST)
        with np.errstate(all="ignore"):
            theirs = minimize(
                lambda x, p=problem: (p.value(x), p.gradient(x)),
                problem.start,
                jac=True,
                method=method,
                options=options,
            )
        # By its largest entry, as L-BFGS-B measures it: what comes close enough counts as converged.
        reached = theirs.success and np.abs(theirs.jac).max() <= TOLERANCE
        rows.append((name, mine.n_iterations, theirs.nit, mine.n_evaluations, theirs.nfev, mine.converged, reached))
    print(f"\n{method}, SciPy {scipy.__version__}: iterations ours, theirs; evaluations ours, theirs; converged")
    for row in rows:
        print("{:24}{:6}{:6}{:8}{:6}  {} {}".format(*row))
    both = [row for row in rows if row[5] and row[6]]
    iterations = median(row[1] / row[2] for row in both)
    evaluations = median(row[3] / row[4] for row in both)
    said = f"{method} of SciPy {scipy.__version__}: {iterations:.2f} in iterations, {evaluations:.2f} in evaluations"
    print(f"median of {len(both)} ratios to {said}")
    assert len(both) >= 34
    assert sum(row[5] for row in rows) >= 0.9 * sum(row[6] for row in rows)
    assert iterations <= 1.3 and evaluations <= 1.3, said
