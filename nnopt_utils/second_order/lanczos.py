"""Eigenvalues of a matrix that is known by its products alone: the extreme ones, and the density of all."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nnopt_utils._validation import as_generator, check_integer, check_number, describe
from nnopt_utils.second_order._products import Product, check_product, times


class RitzPairs(NamedTuple):
    """What Lanczos's method knows of a symmetric matrix after k products.

    Attributes:
        values: the Ritz values, ascending, shape (k,): some are near eigenvalues, as a rule those at the ends first.
        weights: the squared part of the starting vector along each Ritz vector, shape (k,); they sum to 1.
        residuals: ‖H y − ν y‖ of each pair, shape (k,): an eigenvalue is as near as that, but for rounding.
        vectors: the Ritz vectors y, a column each, shape (d, k); orthonormal.

    Example:
        >>> pairs = lanczos(lambda v: np.array([1.0, 2.0, 9.0]) * v, 3, steps=3)
        >>> pairs.values.round(6), round(float(pairs.weights.sum()), 6)
        (array([1., 2., 9.]), 1.0)
    """

    values: np.ndarray
    weights: np.ndarray
    residuals: np.ndarray
    vectors: np.ndarray


class ExtremeEigenvalues(NamedTuple):
    """Both ends of a spectrum, as far as Lanczos's method has come.

    Attributes:
        smallest, largest: the outermost Ritz values. The true ends lie at them or farther out.
        smallest_residual, largest_residual: an eigenvalue is as near as that to each.

    Example:
        >>> ends = extreme_eigenvalues(lambda v: np.array([-2.0, 1.0, 9.0]) * v, 3)
        >>> round(ends.smallest, 6), round(ends.largest, 6)
        (-2.0, 9.0)
    """

    smallest: float
    largest: float
    smallest_residual: float
    largest_residual: float


class SpectralDensity(NamedTuple):
    """How the eigenvalues of a matrix are distributed.

    Attributes:
        at: the places where the density is given, ascending and evenly spaced, shape (m,).
        density: its values there, shape (m,); its integral is 1.
        values, weights: the nodes that were smoothed: the Ritz values of all probes, and the share of the spectrum that
            each stands for; the weights sum to 1.
        width: σ of the Gaussian that each node was smoothed with.

    Example:
        >>> spectrum = spectral_density(lambda v: np.linspace(0, 1, 50) * v, 50, steps=20, probes=5)
        >>> float(np.trapezoid(spectrum.density, spectrum.at).round(6)), float(spectrum.weights.sum().round(6))
        (1.0, 1.0)
    """

    at: np.ndarray
    density: np.ndarray
    values: np.ndarray
    weights: np.ndarray
    width: float


def lanczos(product: Product, dimension: int, steps: int = 50, seed: int | np.random.Generator = 0) -> RitzPairs:
    r"""Return the Ritz values of a symmetric matrix H in the space of v, H v, H² v, …, v a random direction.

    .. math:: \beta_k q_{k+1} = H q_k - \alpha_k q_k - \beta_{k-1} q_{k-1}, \qquad \alpha_k = q_k^\top H q_k

    The q are orthonormal, so H is in their space the matrix T with α on its diagonal and β beside it, whose eigenvalues
    are the Ritz values. In exact arithmetic three terms are enough; rounding loses the orthogonality as soon as a Ritz
    value converges, and finds its eigenvalue again and again. Therefore each q is made orthogonal to all before, twice.

    The weights make a quadrature: :math:`\sum_j w_j f(\nu_j) = v^\top f(H) v` for ‖v‖ = 1 and every polynomial f
    of degree below 2 k.

    Args:
        product: v ↦ H v, from and to arrays of shape (d,), such as ``MLP.hessian_operator`` returns.
        dimension: d >= 1.
        steps: number of products k >= 1; default 50. At most d are made, and fewer where the space is exhausted.
        seed: an integer or a ``numpy.random.Generator``, for v, uniform on the sphere; default 0.

    Returns:
        Ritz values, weights, residuals and vectors; it keeps k vectors of length d.

    Raises:
        TypeError, ValueError: bad arguments, or a product of another shape.

    Example:
        >>> H = np.diag(np.arange(1000.0))
        >>> pairs = lanczos(lambda v: H @ v, 1000, steps=120)
        >>> bool(abs(pairs.values[-1] - 999) < 0.01)
        True

    Source: C. Lanczos, "An iteration method for the solution of the eigenvalue problem of linear differential and
    integral operators", Journal of Research of the National Bureau of Standards 45, 1950; the quadrature: G. H. Golub,
    J. H. Welsch, "Calculation of Gauss quadrature rules", Mathematics of Computation 23, 1969.
    """
    check_product(product)
    check_integer("dimension", dimension, low=1)
    check_integer("steps", steps, low=1)
    generator = as_generator(seed)
    Q, alpha, beta = _tridiagonal(product, _direction(dimension, generator), min(steps, dimension))
    values, S = _eigenpairs(alpha, beta)
    return RitzPairs(values, S[0] ** 2, np.abs(beta[-1] * S[-1]), Q.T @ S)


def extreme_eigenvalues(
    product: Product, dimension: int, steps: int = 50, seed: int | np.random.Generator = 0
) -> ExtremeEigenvalues:
    """Return the smallest and the largest eigenvalue of a symmetric matrix, by Lanczos's method.

    Args:
        product, dimension, steps, seed: as in :func:`lanczos`. The residuals say whether the steps were enough.

    Raises:
        TypeError, ValueError: bad arguments, or a product of another shape.

    Example:
        >>> H = np.array([[2.0, 1.0], [1.0, 2.0]])
        >>> ends = extreme_eigenvalues(lambda v: H @ v, 2)
        >>> round(ends.smallest, 6), round(ends.largest, 6)
        (1.0, 3.0)

    Source: as :func:`lanczos`.
    """
    pairs = lanczos(product, dimension, steps, seed)
    first, last = (float(pairs.values[i]) for i in (0, -1))
    return ExtremeEigenvalues(first, last, float(pairs.residuals[0]), float(pairs.residuals[-1]))


def spectral_density(
    product: Product,
    dimension: int,
    steps: int = 60,
    probes: int = 1,
    width: float | None = None,
    points: int = 1000,
    seed: int | np.random.Generator = 0,
) -> SpectralDensity:
    r"""Estimate the density of the eigenvalues of a symmetric matrix, by stochastic Lanczos quadrature.

    .. math:: p(x) = \sum_j w_j \frac{1}{\sigma \sqrt{2 \pi}} e^{-(x - \nu_j)^2 / (2 \sigma^2)}

    over the Ritz values ν of all probes, with their weights divided by the number of probes. For a random direction v,
    uniform on the sphere, the mean of vᵀ f(H) v is tr f(H) / d, the mean of f over the spectrum. A single eigenvalue
    far from the others has the weight 1/d in the mean, and of one probe 1/d times a random number.

    Args:
        product: v ↦ H v, from and to arrays of shape (d,).
        dimension: d >= 1.
        steps: products a probe; default 60.
        probes: number of random directions >= 1; default 1. The error falls as 1/√(d · probes).
        width: σ > 0; default a hundredth of the range of the Ritz values.
        points: how many places to give the density at; default 1000.
        seed: an integer or a ``numpy.random.Generator``; default 0.

    Raises:
        TypeError, ValueError: bad arguments, a product of another shape, or a width below the distance of two places.

    Example:
        >>> spectrum = spectral_density(lambda v: np.repeat([0.0, 5.0], [90, 10]) * v, 100, steps=5, probes=20)
        >>> low = spectrum.at < 2.5
        >>> round(float(np.trapezoid(spectrum.density[low], spectrum.at[low])), 1)      # nine of ten eigenvalues are 0
        0.9

    Source: S. Ubaru, J. Chen, Y. Saad, "Fast estimation of tr(f(A)) via stochastic Lanczos quadrature", SIAM Journal on
    Matrix Analysis and Applications 38(4), 2017; of networks: B. Ghorbani, S. Krishnan, Y. Xiao, "An investigation into
    neural net optimization via Hessian eigenvalue density", ICML 2019.
    """
    check_product(product)
    check_integer("dimension", dimension, low=1)
    check_integer("steps", steps, low=1)
    check_integer("probes", probes, low=1)
    check_integer("points", points, low=2)
    if width is not None:
        check_number("width", width, low=0.0, low_open=True)
    generator = as_generator(seed)
    found = []
    for _ in range(probes):
        _, alpha, beta = _tridiagonal(product, _direction(dimension, generator), min(steps, dimension))
        values, S = _eigenpairs(alpha, beta)
        found.append((values, S[0] ** 2 / probes))
    values, weights = (np.concatenate(parts) for parts in zip(*found, strict=True))
    sigma = _default_width(values) if width is None else float(width)
    at = np.linspace(values.min() - 5 * sigma, values.max() + 5 * sigma, points)
    if at[1] - at[0] > sigma:
        raise ValueError(
            f"width: got {describe(sigma)} for places {at[1] - at[0]:.3g} apart; expected at least that, or more points"
        )
    bells = np.exp(-(((at[:, None] - values) / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi))
    return SpectralDensity(at, bells @ weights, values, weights, sigma)


def _default_width(values: np.ndarray) -> float:
    """A hundredth of the range; where all values are the same, of their size."""
    return float(np.ptp(values) or abs(values[0]) or 1.0) / 100


def _direction(dimension: int, generator: np.random.Generator) -> np.ndarray:
    """A random direction, uniform on the sphere."""
    v = generator.normal(size=dimension)
    return v / np.linalg.norm(v)


def _tridiagonal(product: Product, v: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The orthonormal q from v on, a row each, with α and β; the last β is what is left of the space."""
    Q = np.empty((steps, v.size))
    alpha, beta = np.zeros(steps), np.zeros(steps)
    q, largest = v, 0.0
    for k in range(steps):
        Q[k] = q
        r = times(product, q)
        alpha[k] = q @ r
        largest = max(largest, float(np.linalg.norm(r)))
        for _ in range(2):  # once leaves a rest as large as what it took away is to what remains
            r = r - Q[: k + 1].T @ (Q[: k + 1] @ r)
        beta[k] = np.linalg.norm(r)
        if beta[k] <= 1e-12 * largest:  # H leads nowhere new
            beta[k] = 0.0
            return Q[: k + 1], alpha[: k + 1], beta[: k + 1]
        q = r / beta[k]
    return Q, alpha, beta


def _eigenpairs(alpha: np.ndarray, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues and eigenvectors of T, α on the diagonal and all β but the last beside it."""
    values, S = np.linalg.eigh(np.diag(alpha) + np.diag(beta[:-1], 1) + np.diag(beta[:-1], -1))
    return values, S


__all__ = [
    "ExtremeEigenvalues",
    "RitzPairs",
    "SpectralDensity",
    "extreme_eigenvalues",
    "lanczos",
    "spectral_density",
]
