"""Second-order methods: steps that know how J curves.

Full-batch methods share one signature, ``method(problem, start=None, *, tolerance, max_iterations)``, and return a
``Result``. Stochastic ones are optimizers, for ``fit``.

======================  ===========================================================================================
``result``              what a full-batch method returns
``run``                 what full-batch methods share: checks, counting, the record, the ends
``own_labels``          what a network would say to labels that it drew itself
``fisher``              the Fisher matrix of a small network, true and empirical; the gradients of single samples
``observing``           optimizers that see more of a batch than its gradient
``natural_gradient``    ``NaturalGradient``, with the exact Fisher, for small networks
``kfac``                ``KFAC``, with a Kronecker product a layer
======================  ===========================================================================================
"""

from nnopt_utils.second_order.fisher import fisher_matrix, per_sample_gradients
from nnopt_utils.second_order.kfac import KFAC
from nnopt_utils.second_order.natural_gradient import NaturalGradient
from nnopt_utils.second_order.observing import ObservingOptimizer
from nnopt_utils.second_order.result import Result

__all__ = [
    "KFAC",
    "NaturalGradient",
    "ObservingOptimizer",
    "Result",
    "fisher_matrix",
    "per_sample_gradients",
]
