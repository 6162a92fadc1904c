"""The test problems of Moré, Garbow and Hillstrom with the values at which a method may end from the standard start."""

from __future__ import annotations

from nnopt_utils.problems import (
    MORE_GARBOW_HILLSTROM,
    BrownAlmostLinear,
    Chebyquad,
    LeastSquares,
    LinearFullRank,
    LinearRankOne,
    LinearRankOneZero,
    Penalty1,
    Penalty2,
    Watson,
)

# All 35 with their default sizes, and the other sizes whose minima the paper names.
PROBLEMS: list[LeastSquares] = [
    *MORE_GARBOW_HILLSTROM.values(),
    *(Watson(9), Watson(12), Penalty1(4), Penalty2(4), BrownAlmostLinear(30)),
    *(LinearFullRank(5, 50), LinearRankOne(5, 50), LinearRankOneZero(5, 50)),
    *(Chebyquad(7), Chebyquad(9), Chebyquad(10)),
]

# (problem, acceptable values): the smallest value first, then those of local minima, of saddles, and at infinity.
STANDARD: list[tuple[LeastSquares, tuple[float, ...]]] = [
    (problem, (problem.minimum_value, *getattr(problem, "other_values", ()))) for problem in PROBLEMS
]


def is_reached(problem: LeastSquares, value: float, accepted: tuple[float, ...]) -> bool:
    """Is the value one of those accepted, to 1e-6 relative? A zero counts from 1e-9 of the start's value, or of 1."""
    near_zero = 1e-9 * min(1.0, problem.value(problem.start))
    return any(abs(value - target) <= (1e-6 * target or near_zero) for target in accepted)
