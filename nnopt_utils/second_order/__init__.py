"""Second-order methods: steps that know how J curves.

Full-batch methods share one signature, ``method(problem, start=None, *, tolerance, max_iterations)``, and return a
``Result``. Stochastic ones are optimizers, for ``fit``.

======================  ==========================================================================
``hessian_free``        Newton's damped equations solved by products, for networks
``hutchinson``          trace and diagonal from random signs
``lanczos``             extreme eigenvalues, and the density of all
``result``              what a full-batch method returns
``run``                 what full-batch methods share: checks, counting, the record, the ends
======================  ==========================================================================
"""

from nnopt_utils.second_order.hessian_free import hessian_free
from nnopt_utils.second_order.hutchinson import (
    DiagonalEstimate,
    TraceEstimate,
    hutchinson_diagonal,
    hutchinson_trace,
)
from nnopt_utils.second_order.lanczos import (
    ExtremeEigenvalues,
    RitzPairs,
    SpectralDensity,
    extreme_eigenvalues,
    lanczos,
    spectral_density,
)
from nnopt_utils.second_order.result import Result

__all__ = [
    "DiagonalEstimate",
    "ExtremeEigenvalues",
    "Result",
    "RitzPairs",
    "SpectralDensity",
    "TraceEstimate",
    "extreme_eigenvalues",
    "hessian_free",
    "hutchinson_diagonal",
    "hutchinson_trace",
    "lanczos",
    "spectral_density",
]
