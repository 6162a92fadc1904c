"""Second-order methods: steps that know how J curves.

Full-batch methods share one signature, ``method(problem, start=None, *, tolerance, max_iterations)``, and return a
``Result``. Stochastic ones are optimizers, for ``fit``.

======================= ==========================================================================
``result``              what a full-batch method returns
``run``                 what full-batch methods share: checks, counting, the record, the ends
``armijo``              the line search that halves
``conjugate_gradients`` A x = b from products with A
``newton``              Newton's method, pure or damped
``trust_region``        Newton's method in a trust region, by Steihaug's conjugate gradients
``newton_cg``           Newton's method by conjugate gradients, with a line search
``strong_wolfe``        the line search that looks at slopes, too
``bfgs``                the inverse of the Hessian, learned from the gradients of all steps
``lbfgs``               the same from the last few steps, without a matrix
``nonlinear_cg``        conjugate gradients for what is no quadratic
======================= ==========================================================================
"""

from nnopt_utils.second_order.bfgs import bfgs, bfgs_update
from nnopt_utils.second_order.conjugate_gradients import LinearResult, conjugate_gradients
from nnopt_utils.second_order.lbfgs import lbfgs, two_loop
from nnopt_utils.second_order.newton import newton
from nnopt_utils.second_order.newton_cg import newton_cg
from nnopt_utils.second_order.nonlinear_cg import nonlinear_cg
from nnopt_utils.second_order.result import Result
from nnopt_utils.second_order.strong_wolfe import LineSearch, strong_wolfe
from nnopt_utils.second_order.trust_region import TrustRegionStep, steihaug, trust_region

__all__ = [
    "LineSearch",
    "LinearResult",
    "Result",
    "TrustRegionStep",
    "bfgs",
    "bfgs_update",
    "conjugate_gradients",
    "lbfgs",
    "newton",
    "newton_cg",
    "nonlinear_cg",
    "steihaug",
    "strong_wolfe",
    "trust_region",
    "two_loop",
]
