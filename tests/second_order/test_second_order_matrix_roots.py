"""Inverse roots of symmetric matrices: against their definition, against SciPy, and where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import fractional_matrix_power

from nnopt_utils.second_order import inverse_root, newton_inverse_root
from nnopt_utils.second_order.matrix_roots import inverse_root_of_diagonal

GENERATOR = np.random.default_rng(0)
ROOTS = [1, 2, 3, 4, 7]
both = pytest.mark.parametrize("root", [inverse_root, newton_inverse_root])


def matrix(eigenvalues: np.ndarray, seed: int = 0) -> np.ndarray:
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(eigenvalues), len(eigenvalues))))[0]
    return (Q * eigenvalues) @ Q.T


@both
@pytest.mark.parametrize("p", ROOTS)
@pytest.mark.parametrize("epsilon", [0.0, 0.3])
def test_its_p_th_power_is_the_inverse(root, p, epsilon):
    A = matrix(np.geomspace(0.01, 20, 8))
    X = root(A, p, epsilon)
    np.testing.assert_allclose(np.linalg.matrix_power(X, p) @ (A + epsilon * np.eye(8)), np.eye(8), atol=1e-9)
    np.testing.assert_allclose(X, X.T, atol=1e-10)
    assert np.linalg.eigvalsh(X).min() > 0  # of all roots the positive one


@both
@pytest.mark.parametrize("p", ROOTS)
def test_is_scipys(root, p):
    A = matrix(np.geomspace(0.01, 20, 8), seed=p)
    np.testing.assert_allclose(root(A, p), fractional_matrix_power(A, -1 / p), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("p", [2, 4])
def test_of_a_singular_matrix_it_is_the_root_of_the_pseudo_inverse(p):
    G = np.random.default_rng(1).normal(size=(6, 3))
    A = G @ G.T
    X = inverse_root(A, p)
    np.testing.assert_allclose(np.linalg.matrix_power(X, p), np.linalg.pinv(A), atol=1e-10)
    assert np.linalg.matrix_rank(X) == 3


def test_rounding_errors_count_as_zero():
    """Negative eigenvalues of −1e−17 must give no NaN, and those of 1e−17 no 1e+8."""
    G = np.random.default_rng(2).normal(size=(50, 2))
    A = G @ G.T
    assert np.linalg.eigvalsh(A)[:48].min() < 0 < np.abs(np.linalg.eigvalsh(A)[:48]).max()
    assert np.abs(np.linalg.eigvalsh(inverse_root(A, 4))[:48]).max() < 1e-12
    ridge = np.linalg.eigvalsh(inverse_root(A, 4, 1e-8))[2:]
    np.testing.assert_allclose(ridge, 100.0, rtol=1e-9)  # ε^(−1/4), in each direction that A does not know


def test_zero_has_the_root_zero_or_that_of_the_ridge():
    assert not inverse_root(np.zeros((3, 3)), 2).any()
    np.testing.assert_allclose(inverse_root(np.zeros((3, 3)), 2, 4.0), np.eye(3) / 2)


def test_float32_in_float32_out_with_float64_between():
    """Of a float32 matrix the root is as good as its float64 copy's, where float32's own eigenvalues are noise."""
    A = matrix(np.geomspace(1e-9, 1, 6)).astype(np.float32)
    A = (A + A.T) / 2
    X = inverse_root(A, 4, 1e-9)
    assert X.dtype == np.float32
    np.testing.assert_allclose(X, inverse_root(A.astype(np.float64), 4, 1e-9), rtol=1e-5, atol=1e-4)


def test_a_diagonal_has_the_same_root():
    d = np.array([16.0, 0.0, 2.0])
    for epsilon in (0.0, 0.1):
        np.testing.assert_allclose(
            np.diag(inverse_root_of_diagonal(d, 4, epsilon)), inverse_root(np.diag(d), 4, epsilon), atol=1e-15
        )


def test_the_argument_is_left_as_it_is():
    A = matrix(np.array([1.0, 2.0, 3.0]))
    before = A.copy()
    inverse_root(A, 2, 0.1)
    newton_inverse_root(A, 2, 0.1)
    np.testing.assert_array_equal(A, before)


@pytest.mark.parametrize("eigenvalues", [[0.0, 1.0, 2.0], [-1.0, 1.0, 2.0], [0.0, 0.0, 0.0]])
def test_newton_says_that_it_does_not_converge(eigenvalues):
    with pytest.raises(np.linalg.LinAlgError, match=r"got \|M − I\| = .* singular, indefinite or nearly so"):
        newton_inverse_root(np.diag(eigenvalues), 4)


def test_newton_needs_steps():
    A = matrix(np.geomspace(1e-6, 1, 5))
    with pytest.raises(np.linalg.LinAlgError, match="after 3 steps"):
        newton_inverse_root(A, 4, max_iterations=3)
    assert np.isfinite(newton_inverse_root(A, 4)).all()


@both
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("A", 2), TypeError, "matrix: got 'A'"),
        ((np.ones((2, 3)), 2), ValueError, "matrix: got float64 array of shape .2, 3.; expected a square one"),
        ((np.ones(3), 2), ValueError, "matrix: got"),
        (
            (np.array([[1.0, 2.0], [0.0, 1.0]]), 2),
            ValueError,
            "matrix: got one that differs from its transpose by up to 2",
        ),
        ((np.full((2, 2), np.nan), 2), ValueError, "matrix: got .* NaN"),
        ((np.eye(2), 0), ValueError, "p: got 0; expected an integer >= 1"),
        ((np.eye(2), 2.0), TypeError, "p: got 2.0; expected an integer >= 1"),
        ((np.eye(2), 2, -1.0), ValueError, "epsilon: got -1.0; expected a finite number >= 0"),
    ],
)
def test_bad_input_is_named(root, arguments, error, message):
    with pytest.raises(error, match=message):
        root(*arguments)
