"""Backtracking for full-batch methods: halve a step until J falls enough."""

from __future__ import annotations

import numpy as np

from nnopt_utils.second_order.run import Run

SHARE = 1e-4  # of the promised decrease
HALVINGS = 40


def backtrack(run: Run, step: np.ndarray, curvature: float = 0.0) -> bool:
    """Move the run by the longest α s with α = 1, ½, ¼, … for which J falls enough; if there is none, end it.

    Enough is a share of what the model promises: J(x + α s) <= J(x) + 10⁻⁴ (α gᵀs + ½ α² c), where c <= 0 is the
    curvature sᵀH s, if the step relies on it. Close to a minimum J no longer changes in its last digits, so a rise of
    that size is let pass.

    Source: L. Armijo, "Minimization of functions having Lipschitz continuous first partial derivatives",
    Pacific Journal of Mathematics 16, 1966; J. Nocedal and S. Wright, "Numerical Optimization", 2006, algorithm 3.1.
    """
    slope = float(run.gradient @ step)
    if not (slope < 0 or (slope == 0 and curvature < 0)):
        run.stop(f"the direction does not lead down: its slope gᵀs is {slope:.3g}")
        return False
    rounding = 1e-14 * (1 + abs(run.value)) if curvature == 0 else 0.0
    in_one_pass = hasattr(run.problem, "value_and_gradient")
    for halvings in range(HALVINGS):
        alpha = 0.5**halvings
        x = run.x + alpha * step
        value, gradient = run.value_and_gradient(x) if in_one_pass else (run.value_at(x), None)
        if value <= run.value + SHARE * (alpha * slope + alpha**2 * curvature / 2) + rounding:
            return run.move_to(x, value, gradient)
    run.stop("no step along the direction lowers J: its last digits are reached, or the gradient is wrong")
    return False
