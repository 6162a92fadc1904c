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
======================= ==========================================================================
"""

from nnopt_utils.second_order.conjugate_gradients import LinearResult, conjugate_gradients
from nnopt_utils.second_order.newton import newton
from nnopt_utils.second_order.newton_cg import newton_cg
from nnopt_utils.second_order.result import Result
from nnopt_utils.second_order.trust_region import TrustRegionStep, steihaug, trust_region

__all__ = [
    "LinearResult",
    "Result",
    "TrustRegionStep",
    "conjugate_gradients",
    "newton",
    "newton_cg",
    "steihaug",
    "trust_region",
]
