"""Inverse p-th roots of symmetric matrices: by eigenvectors, and by products alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils._validation import (
    check_array,
    check_integer,
    check_not_negative,
    check_positive,
    checked,
    describe,
)


def _symmetric(name: str, value: Any) -> np.ndarray:
    matrix = check_array(name, value, ndim=2)
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{name}: got {describe(matrix)}; expected a square one")
    # Each entry of a product such as G Gᵀ is rounded by itself, in some machines differently on the two sides.
    rounding = 1e3 * float(np.finfo(matrix.dtype).eps) * float(np.abs(matrix).max())
    difference = float(np.abs(matrix - matrix.T).max())
    if difference > rounding:
        raise ValueError(
            f"{name}: got one that differs from its transpose by up to {difference:.2g}; expected symmetry"
        )
    return matrix


def _root(name: str, value: Any) -> int:
    return check_integer(name, value, low=1)


def _iterations(name: str, value: Any) -> int:
    return check_integer(name, value, low=1)


@checked(matrix=_symmetric, p=_root, epsilon=check_not_negative)
def inverse_root(matrix: np.ndarray, p: int, epsilon: float = 0.0) -> np.ndarray:
    r"""Return the inverse p-th root of a symmetric positive semi-definite matrix.

    With A = Q Λ Qᵀ the root is taken of the eigenvalues:

    .. math::

        X = (A + \varepsilon I)^{-1/p}

    Where A + ε I is singular, X is the root of the pseudo-inverse: what A maps to 0, X maps to 0 too. An eigenvalue
    that is no larger than its own rounding error, n times the machine's precision times the largest, counts as 0; so
    does a negative one.

    Args:
        matrix: A, symmetric positive semi-definite, of shape (n, n).
        p: which root, an integer >= 1; p = 1 is the inverse itself.
        epsilon: ε >= 0, the *ridge*; default 0.

    Returns:
        X, of A's shape and type; the eigenvectors are computed in float64.

    Raises:
        TypeError, ValueError: A is not a finite symmetric matrix; p or ε out of its range.

    Example:
        >>> A = np.array([[5.0, 4.0], [4.0, 5.0]])       # eigenvalues 9 and 1
        >>> X = inverse_root(A, 2)
        >>> np.linalg.eigvalsh(X).round(12), np.allclose(X @ A @ X, np.eye(2))
        (array([0.33333333, 1.        ]), True)

    Warning:
        A itself must be known well: eigenvalues below the rounding error of its entries are noise, and an inverse root
        makes small eigenvalues matter most. With eigenvalues from 10⁻⁹ to 1 in a random basis, n = 784, p = 4 and
        ε = 10⁻⁹, rounding A to float32 changes X by 9 %, wherever the eigenvectors are computed; float32 eigenvectors
        took as long as float64's.

    Source: N. J. Higham, "Functions of matrices: theory and computation", SIAM 2008, section 7.
    """
    eigenvalues, vectors = np.linalg.eigh(matrix.astype(np.float64))
    rounding = len(matrix) * float(np.finfo(np.float64).eps) * max(float(eigenvalues[-1]), 0.0)
    shifted = np.where(eigenvalues > rounding, eigenvalues, 0.0) + epsilon
    return ((vectors * _inverse_power(shifted, p)) @ vectors.T).astype(matrix.dtype)


def inverse_root_of_diagonal(diagonal: np.ndarray, p: int, epsilon: float) -> np.ndarray:
    """The same of a diagonal matrix, of which only the diagonal is given and returned.

    >>> inverse_root_of_diagonal(np.array([16.0, 0.0]), 4, 0.0)
    array([0.5, 0. ])
    """
    return _inverse_power(diagonal + epsilon, p)


def _inverse_power(x: np.ndarray, p: int) -> np.ndarray:
    """x^(−1/p), entry by entry; 0 where x is 0."""
    return np.power(x, -1 / p, out=np.zeros_like(x), where=x > 0)


@checked(matrix=_symmetric, p=_root, epsilon=check_not_negative, tolerance=check_positive, max_iterations=_iterations)
def newton_inverse_root(
    matrix: np.ndarray, p: int, epsilon: float = 0.0, tolerance: float = 1e-10, max_iterations: int = 200
) -> np.ndarray:
    r"""Return the inverse p-th root of a symmetric positive definite matrix by products alone: coupled Newton steps.

    With c = (1 + p)/(2‖A + ε I‖), the start is X = c^{1/p} I and M = c (A + ε I). Each step, with
    T = ((1 + p) I − M)/p, is

    .. math::

        X \leftarrow X T, \qquad M \leftarrow T^p M, \qquad T = \frac{(1 + p) I - M}{p} .

    M tends to I and X to the root; Xᵖ (A + ε I) = M all the way. It suits processors that multiply matrices much faster
    than they find eigenvectors. Each step costs several products, and the number of steps grows with the logarithm of
    the condition number: on one core of a CPU, n = 784 and p = 4, it took 16 times as long as :func:`inverse_root`.

    Args:
        matrix: A, symmetric positive semi-definite, of shape (n, n).
        p: which root, an integer >= 1.
        epsilon: ε >= 0, the ridge; A + ε I must be positive definite.
        tolerance: largest entry of \|M − I\| to stop at, > 0; default 1e-10, which float32 cannot reach.
        max_iterations: at most so many steps; default 200.

    Returns:
        X, of A's shape, in float64.

    Raises:
        TypeError, ValueError: A is not a finite symmetric matrix; an argument out of its range.
        numpy.linalg.LinAlgError: no convergence: A + ε I is singular, indefinite or nearly so.

    Warning:
        A singular matrix whose zero eigenvalue was rounded to a tiny positive one may pass: its root is that of the
        rounding error. :func:`inverse_root` sees the eigenvalues and takes it for 0.

    Example:
        >>> A = np.array([[5.0, 4.0], [4.0, 5.0]])
        >>> np.abs(newton_inverse_root(A, 4) - inverse_root(A, 4)).max() < 1e-9
        np.True_

    Source: C.-H. Guo and N. J. Higham, "A Schur–Newton method for the matrix pth root and its inverse", SIAM Journal
    on Matrix Analysis and Applications 28, 2006; its use: R. Anil et al., arXiv:2002.09018, 2020.
    """
    identity = np.eye(len(matrix))
    shifted = matrix.astype(np.float64) + epsilon * identity
    size = float(np.linalg.norm(shifted))
    c = (1 + p) / (2 * size) if size else 1.0
    X, M = c ** (1 / p) * identity, c * shifted
    error = np.inf
    with np.errstate(over="ignore", invalid="ignore"):  # what diverges is told below
        for _ in range(max_iterations):
            X, M = newton_step(X, M, p)
            error = float(np.abs(M - identity).max())
            if error <= tolerance or not np.isfinite(error):
                break
    if not error <= tolerance:
        raise np.linalg.LinAlgError(
            f"newton_inverse_root: got |M − I| = {error:.2g} after {max_iterations} steps; expected at most "
            f"{tolerance:g}: A + εI is singular, indefinite or nearly so (a larger epsilon, or inverse_root)"
        )
    return X


def newton_step(X: np.ndarray, M: np.ndarray, p: int) -> tuple[np.ndarray, np.ndarray]:
    """One coupled step: X and M, after it."""
    T = ((1 + p) * np.eye(len(M)) - M) / p
    return X @ T, np.linalg.matrix_power(T, p) @ M
