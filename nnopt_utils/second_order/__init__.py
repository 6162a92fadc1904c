"""Second-order methods: steps that know how J curves.

Full-batch methods share one signature, ``method(problem, start=None, *, tolerance, max_iterations)``, and return a
``Result``. Stochastic ones are optimizers, for ``fit``.

=======================  ==========================================================================
``result``               what a full-batch method returns
``run``                  what full-batch methods share: checks, counting, the record, the ends
``residual_run``         the same for sums of squares, with a test of convergence of their own
``gauss_newton``         residuals made linear, again and again
``levenberg_marquardt``  the same, with steps no longer than the linear model is good for
=======================  ==========================================================================
"""

from nnopt_utils.second_order.gauss_newton import gauss_newton
from nnopt_utils.second_order.levenberg_marquardt import levenberg_marquardt
from nnopt_utils.second_order.result import Result

__all__ = [
    "Result",
    "gauss_newton",
    "levenberg_marquardt",
]
