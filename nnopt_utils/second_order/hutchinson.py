"""Trace and diagonal of a matrix that is known by its products alone, from random signs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils._validation import as_generator, check_integer
from nnopt_utils.second_order._products import Product, check_product, times


class DiagonalEstimate(NamedTuple):
    """An estimate of a diagonal, entry by entry.

    Attributes:
        diagonal: the mean over the samples, shape (d,).
        standard_error: of that mean, estimated from the same samples, shape (d,).

    Example:
        >>> estimate = hutchinson_diagonal(lambda v: np.array([1.0, 2.0]) * v, 2)
        >>> estimate.diagonal, estimate.standard_error           # of a diagonal matrix each sample is exact
        (array([1., 2.]), array([0., 0.]))
    """

    diagonal: np.ndarray
    standard_error: np.ndarray


class TraceEstimate(NamedTuple):
    """An estimate of a trace.

    Attributes:
        trace: the mean over the samples.
        standard_error: of that mean, estimated from the same samples.

    Example:
        >>> hutchinson_trace(lambda v: np.array([1.0, 2.0]) * v, 2)
        TraceEstimate(trace=3.0, standard_error=0.0)
    """

    trace: float
    standard_error: float


def hutchinson_diagonal(
    product: Product, dimension: int, samples: int = 100, seed: int | np.random.Generator = 0
) -> DiagonalEstimate:
    r"""Estimate the diagonal of a symmetric matrix H from products with random signs z, ±1 with probability ½ each.

    .. math::

        q = z \odot (H z), \qquad \mathrm{E}[q_i] = h_i, \qquad
        \mathrm{Var}(q_i) = \lVert H_{i\cdot} \rVert^2 - h_i^2

    with h the diagonal and :math:`H_{i\cdot}` a row. The variance is the square of what stands beside the diagonal in
    a row: a diagonal that dominates its row needs few samples. The error falls as one over the root of their number.

    Args:
        product: v ↦ H v, from and to arrays of shape (d,), such as ``MLP.hessian_operator`` returns.
        dimension: d >= 1.
        samples: number of products >= 2; default 100.
        seed: an integer or a ``numpy.random.Generator``; default 0.

    Returns:
        The mean, and its standard error.

    Raises:
        TypeError, ValueError: bad arguments, or a product of another shape.

    Example:
        >>> H = np.array([[4.0, 1.0], [1.0, 3.0]])
        >>> estimate = hutchinson_diagonal(lambda v: H @ v, 2, samples=1000)
        >>> bool(np.all(abs(estimate.diagonal - [4, 3]) < 4 * estimate.standard_error))
        True

    Source: C. Bekas, E. Kokiopoulou, Y. Saad, "An estimator for the diagonal of a matrix", Applied Numerical
    Mathematics 57, 2007; the trace: :func:`hutchinson_trace`.
    """
    probes = _probes(product, dimension, samples, seed)
    mean, spread = np.zeros(dimension), np.zeros(dimension)
    for k, (z, Hz) in enumerate(probes, start=1):
        deviation = z * Hz - mean  # Welford's sums: nothing is subtracted that is nearly equal
        mean += deviation / k
        spread += deviation * (z * Hz - mean)
    return DiagonalEstimate(mean, np.sqrt(spread / (samples - 1) / samples))


def hutchinson_trace(
    product: Product, dimension: int, samples: int = 100, seed: int | np.random.Generator = 0
) -> TraceEstimate:
    r"""Estimate the trace of a symmetric matrix H, the sum of its eigenvalues, from products with random signs z.

    .. math::

        \mathrm{E}[z^\top H z] = \operatorname{tr}(H), \qquad
        \mathrm{Var}(z^\top H z) = 2 (\lVert H \rVert^2 - \lVert h \rVert^2)

    with h the diagonal of H, and Frobenius's norm of H.

    Args:
        product, dimension, samples, seed: as in :func:`hutchinson_diagonal`.

    Returns:
        The mean, and its standard error.

    Raises:
        TypeError, ValueError: bad arguments, or a product of another shape.

    Example:
        >>> H = np.array([[4.0, 1.0], [1.0, 3.0]])
        >>> trace, standard_error = hutchinson_trace(lambda v: H @ v, 2, samples=1000)
        >>> abs(trace - 7) < 4 * standard_error
        True

    Source: M. F. Hutchinson, "A stochastic estimator of the trace of the influence matrix for Laplacian smoothing
    splines", Communications in Statistics: Simulation and Computation 18(3), 1989.
    """
    values = np.array([z @ Hz for z, Hz in _probes(product, dimension, samples, seed)])
    return TraceEstimate(float(values.mean()), float(values.std(ddof=1)) / math.sqrt(samples))


def _probes(product: Product, dimension: int, samples: int, seed: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Random signs z with H z."""
    check_product(product)
    check_integer("dimension", dimension, low=1)
    check_integer("samples", samples, low=2)
    generator = as_generator(seed)
    return ((z, times(product, z)) for z in (generator.choice([-1.0, 1.0], size=dimension) for _ in range(samples)))


__all__ = ["DiagonalEstimate", "TraceEstimate", "hutchinson_diagonal", "hutchinson_trace"]
