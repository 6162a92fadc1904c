"""The 35 test problems of Moré, Garbow and Hillstrom: sums of squares with standard starts and known minima.

==============  ==========================================================================
``systems``     small systems of equations, each with its own trap
``curves``      curves fitted to data
``any_size``    problems of any number of parameters
``equations``   systems of n equations with neighbours
``linear``      linear functions, of full rank and of rank 1
==============  ==========================================================================

Numbers 1 and 5 of the paper, ``Rosenbrock`` and ``Beale``, are among the surfaces. ``minimum`` has a closed form, or
all digits of float64, or is found by Newton's method; where it is known for some sizes only, others are an error.
``other_values`` are those of local minima, saddles and limits at infinity where methods are known to end.

Source: J. J. Moré, B. S. Garbow, K. E. Hillstrom, "Testing unconstrained optimization software", ACM TOMS 7(1), 1981,
17–41, https://doi.org/10.1145/355934.355936
"""

from __future__ import annotations

from nnopt_utils.problems.least_squares import LeastSquares
from nnopt_utils.problems.more_garbow_hillstrom.any_size import (
    BrownAlmostLinear,
    Chebyquad,
    ExtendedPowellSingular,
    ExtendedRosenbrock,
    Penalty1,
    Penalty2,
    Trigonometric,
    VariablyDimensioned,
    Watson,
)
from nnopt_utils.problems.more_garbow_hillstrom.curves import (
    Bard,
    BiggsEXP6,
    Box3D,
    BrownDennis,
    GaussianFit,
    Gulf,
    JennrichSampson,
    KowalikOsborne,
    Meyer,
    Osborne1,
    Osborne2,
)
from nnopt_utils.problems.more_garbow_hillstrom.equations import (
    BroydenBanded,
    BroydenTridiagonal,
    DiscreteBoundaryValue,
    DiscreteIntegral,
)
from nnopt_utils.problems.more_garbow_hillstrom.linear import LinearFullRank, LinearRankOne, LinearRankOneZero
from nnopt_utils.problems.more_garbow_hillstrom.systems import (
    BrownBadlyScaled,
    FreudensteinRoth,
    HelicalValley,
    PowellBadlyScaled,
    PowellSingular,
    Wood,
)
from nnopt_utils.problems.surfaces import Beale, Rosenbrock

__all__ = [
    "IN_THE_PAPERS_ORDER",
    "Bard",
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
    "ExtendedPowellSingular",
    "ExtendedRosenbrock",
    "FreudensteinRoth",
    "GaussianFit",
    "Gulf",
    "HelicalValley",
    "JennrichSampson",
    "KowalikOsborne",
    "LinearFullRank",
    "LinearRankOne",
    "LinearRankOneZero",
    "Meyer",
    "Osborne1",
    "Osborne2",
    "Penalty1",
    "Penalty2",
    "PowellBadlyScaled",
    "PowellSingular",
    "Trigonometric",
    "VariablyDimensioned",
    "Watson",
    "Wood",
]

IN_THE_PAPERS_ORDER: tuple[type[LeastSquares], ...] = (
    *(Rosenbrock, FreudensteinRoth, PowellBadlyScaled, BrownBadlyScaled, Beale, JennrichSampson, HelicalValley, Bard),
    *(GaussianFit, Meyer, Gulf, Box3D, PowellSingular, Wood, KowalikOsborne, BrownDennis, Osborne1, BiggsEXP6),
    *(Osborne2, Watson, ExtendedRosenbrock, ExtendedPowellSingular, Penalty1, Penalty2, VariablyDimensioned),
    *(Trigonometric, BrownAlmostLinear, DiscreteBoundaryValue, DiscreteIntegral, BroydenTridiagonal, BroydenBanded),
    *(LinearFullRank, LinearRankOne, LinearRankOneZero, Chebyquad),
)
