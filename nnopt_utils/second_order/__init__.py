"""Second-order methods: steps that know how J curves.

Full-batch methods share one signature, ``method(problem, start=None, *, tolerance, max_iterations)``, and return a
``Result``. Stochastic ones are optimizers, for ``fit``.

========================  =====================================================================================
``result``                what a full-batch method returns
``run``                   what full-batch methods share: checks, counting, the record, the ends
``armijo``                the backtracking that methods with a Hessian share
``newton``                Newton's method, pure and damped
``trust_region``          a ball in which the quadratic model is trusted (Steihaug–CG)
``conjugate_gradients``   linear conjugate gradients
``newton_cg``             Newton steps by conjugate gradients and a line search
``hessian_free``          Hessian-free: damped Gauss–Newton steps by conjugate gradients
``strong_wolfe``          the line search of quasi-Newton methods
``bfgs``                  BFGS: a matrix learnt from gradients
``lbfgs``                 L-BFGS: its product from the last pairs, in two loops
``nonlinear_cg``          nonlinear conjugate gradients
``residual_run``          what the methods for least squares share
``gauss_newton``          Gauss–Newton
``levenberg_marquardt``   Levenberg–Marquardt
``hutchinson``            diagonal and trace from random signs
``lanczos``               eigenvalues and the density of the spectrum from products
``own_labels``            what a network would say to labels that it drew itself
``fisher``                the Fisher matrix of a small network, true and empirical; gradients of single samples
``observing``             optimizers that see more of a batch than its gradient
``natural_gradient``      the natural gradient with the exact Fisher, for small networks
``kfac``                  K-FAC: a Kronecker product a layer
``matrix_roots``          inverse p-th roots of symmetric matrices
``factors``               what Shampoo and SOAP share: a square matrix for each side of a tensor
``shampoo``               Shampoo: Adagrad with a matrix for each side, with its roots counted
``soap``                  SOAP: Adam in the coordinates of Shampoo's eigenvectors
========================  =====================================================================================
"""

from nnopt_utils.second_order.bfgs import bfgs, bfgs_update
from nnopt_utils.second_order.conjugate_gradients import LinearResult, conjugate_gradients
from nnopt_utils.second_order.fisher import fisher_matrix, per_sample_gradients
from nnopt_utils.second_order.gauss_newton import gauss_newton
from nnopt_utils.second_order.hessian_free import hessian_free
from nnopt_utils.second_order.hutchinson import DiagonalEstimate, TraceEstimate, hutchinson_diagonal, hutchinson_trace
from nnopt_utils.second_order.kfac import KFAC
from nnopt_utils.second_order.lanczos import (
    ExtremeEigenvalues,
    RitzPairs,
    SpectralDensity,
    extreme_eigenvalues,
    lanczos,
    spectral_density,
)
from nnopt_utils.second_order.lbfgs import lbfgs, two_loop
from nnopt_utils.second_order.levenberg_marquardt import levenberg_marquardt
from nnopt_utils.second_order.matrix_roots import inverse_root, newton_inverse_root
from nnopt_utils.second_order.natural_gradient import NaturalGradient
from nnopt_utils.second_order.newton import newton
from nnopt_utils.second_order.newton_cg import newton_cg
from nnopt_utils.second_order.nonlinear_cg import nonlinear_cg
from nnopt_utils.second_order.observing import ObservingOptimizer
from nnopt_utils.second_order.result import Result
from nnopt_utils.second_order.shampoo import Shampoo
from nnopt_utils.second_order.soap import SOAP
from nnopt_utils.second_order.strong_wolfe import LineSearch, strong_wolfe
from nnopt_utils.second_order.trust_region import TrustRegionStep, steihaug, trust_region

__all__ = [
    "KFAC",
    "SOAP",
    "DiagonalEstimate",
    "ExtremeEigenvalues",
    "LineSearch",
    "LinearResult",
    "NaturalGradient",
    "ObservingOptimizer",
    "Result",
    "RitzPairs",
    "Shampoo",
    "SpectralDensity",
    "TraceEstimate",
    "TrustRegionStep",
    "bfgs",
    "bfgs_update",
    "conjugate_gradients",
    "extreme_eigenvalues",
    "fisher_matrix",
    "gauss_newton",
    "hessian_free",
    "hutchinson_diagonal",
    "hutchinson_trace",
    "inverse_root",
    "lanczos",
    "lbfgs",
    "levenberg_marquardt",
    "newton",
    "newton_cg",
    "newton_inverse_root",
    "nonlinear_cg",
    "per_sample_gradients",
    "spectral_density",
    "steihaug",
    "strong_wolfe",
    "trust_region",
    "two_loop",
]
