"""Second-order methods: steps that know how J curves.

Full-batch methods share one signature, ``method(problem, start=None, *, tolerance, max_iterations)``, and return a
``Result``. Stochastic ones are optimizers, for ``fit``.

======================  ==========================================================================
``result``              what a full-batch method returns
``run``                 what full-batch methods share: checks, counting, the record, the ends
======================  ==========================================================================
"""

from nnopt_utils.second_order.result import Result

__all__ = [
    "Result",
]
