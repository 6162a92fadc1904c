"""Functions to minimise, with value, gradient, Hessian, minimum and start: what optimizers are tried on.

``quadratic``           a bowl with given curvatures, in any dimension
``surfaces``            test functions of two parameters, each hard in its own way
``regression``          logistic and softmax regression on data: convex, of any size
``nist``                27 nonlinear regressions whose best fit is certified
``objectives``          an objective of two functions, or of a network and data
======================  ==========================================================================
=======
=========================  ==========================================================================
``quadratic``              a bowl with given curvatures, in any dimension
``surfaces``               test functions of two parameters, each hard in its own way
``regression``             logistic and softmax regression on data: convex, of any size
``least_squares``          sums of squares: residuals, their Jacobian, and what these say of the Hessian
``more_garbow_hillstrom``  the 35 test problems of Moré, Garbow and Hillstrom (1981)
``nist``                   27 nonlinear regressions whose best fit is certified
``objectives``             an objective of two functions, or of a network and data
=========================  ==========================================================================

The base class ``Problem`` says what they have in common.
"""

from __future__ import annotations

from nnopt_utils._objective import Objective
from nnopt_utils._validation import check_choice
from nnopt_utils.problems.base import Domain, Problem
from nnopt_utils.problems.least_squares import LeastSquares
from nnopt_utils.problems.more_garbow_hillstrom import (
    IN_THE_PAPERS_ORDER,
    Bard,
    BiggsEXP6,
    Box3D,
    BrownAlmostLinear,
    BrownBadlyScaled,
    BrownDennis,
    BroydenBanded,
    BroydenTridiagonal,
    Chebyquad,
    DiscreteBoundaryValue,
    DiscreteIntegral,
    ExtendedPowellSingular,
    ExtendedRosenbrock,
    FreudensteinRoth,
    GaussianFit,
    Gulf,
    HelicalValley,
    JennrichSampson,
    KowalikOsborne,
    LinearFullRank,
    LinearRankOne,
    LinearRankOneZero,
    Meyer,
    Osborne1,
    Osborne2,
    Penalty1,
    Penalty2,
    PowellBadlyScaled,
    PowellSingular,
    Trigonometric,
    VariablyDimensioned,
    Watson,
    Wood,
)
from nnopt_utils.problems.nist import NIST, NistProblem, nist
from nnopt_utils.problems.objectives import FunctionObjective, NetworkObjective
from nnopt_utils.problems.quadratic import Quadratic
from nnopt_utils.problems.regression import LogisticRegression, SoftmaxRegression
from nnopt_utils.problems.surfaces import Beale, Himmelblau, Plateau, Ravine, Rosenbrock, Saddle, Surface

__all__ = [
    "MORE_GARBOW_HILLSTROM",
    "NIST",
    "PROBLEMS",
    "Bard",
    "Beale",
    "BiggsEXP6",
    "Box3D",
    "BrownAlmostLinear",
    "BrownBadlyScaled",
    "BrownDennis",
    "BroydenBanded",
    "BroydenTridiagonal",
    "Chebyquad",
    "DiscreteBoundaryValue",
    "DiscreteIntegral",
    "Domain",
    "ExtendedPowellSingular",
    "ExtendedRosenbrock",
    "FreudensteinRoth",
    "FunctionObjective",
    "GaussianFit",
    "Gulf",
    "HelicalValley",
    "Himmelblau",
    "JennrichSampson",
    "KowalikOsborne",
    "LeastSquares",
    "LinearFullRank",
    "LinearRankOne",
    "LinearRankOneZero",
    "LogisticRegression",
    "Meyer",
    "NetworkObjective",
    "NistProblem",
    "Objective",
    "Osborne1",
    "Osborne2",
    "Penalty1",
    "Penalty2",
    "Plateau",
    "PowellBadlyScaled",
    "PowellSingular",
    "Problem",
    "Quadratic",
    "Ravine",
    "Rosenbrock",
    "Saddle",
    "SoftmaxRegression",
    "Surface",
    "Trigonometric",
    "VariablyDimensioned",
    "Watson",
    "Wood",
    "get_problem",
    "nist",
]

#: The two-dimensional test functions with their default parameters, by name. A problem never changes, so it is shared.
PROBLEMS: dict[str, Problem] = {
    problem.name: problem
    for problem in (Quadratic(), Rosenbrock(), Beale(), Himmelblau(), Saddle(), Plateau(), Ravine())
}

#: The problems of Moré, Garbow and Hillstrom with their default sizes, by their number in the paper, 1 to 35.
MORE_GARBOW_HILLSTROM: dict[int, LeastSquares] = {i: cls() for i, cls in enumerate(IN_THE_PAPERS_ORDER, start=1)}


def get_problem(name: str) -> Problem:
    """The two-dimensional test function of this name, with its default parameters.

    Args:
        name: one of the keys of ``PROBLEMS``.

    Raises:
        ValueError: if there is no such problem; the message names the nearest.

    Example:
        >>> get_problem("rosenbrock").minimum.tolist()
        [1.0, 1.0]
        >>> get_problem("rosenbrok")
        Traceback (most recent call last):
        ...
        ValueError: name: got 'rosenbrok'; expected one of ... (did you mean 'rosenbrock'?)
    """
    return PROBLEMS[check_choice("name", name, PROBLEMS)]
