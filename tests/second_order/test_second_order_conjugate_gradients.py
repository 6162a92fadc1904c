"""Conjugate gradients against solving, their bounds attacked, and what they meet where A is not positive definite."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse.linalg
from numpy.testing import assert_allclose, assert_array_equal

from nnopt_utils.second_order import conjugate_gradients


def positive(generator: np.random.Generator, eigenvalues: np.ndarray) -> np.ndarray:
    Q = np.linalg.qr(generator.normal(size=(len(eigenvalues), len(eigenvalues))))[0]
    return (Q * eigenvalues) @ Q.T


@pytest.mark.parametrize("d", [1, 2, 5, 20])
def test_at_most_d_steps(d):
    generator = np.random.default_rng(d)
    A, b = positive(generator, np.linspace(1, 20, d)), generator.normal(size=d)
    found = conjugate_gradients(A, b, tolerance=1e-9)
    assert found.converged and found.n_iterations <= d and found.n_products == found.n_iterations
    assert_allclose(found.x, np.linalg.solve(A, b), rtol=1e-7)
    assert found.negative_curvature is None


@pytest.mark.parametrize("distinct", [1, 2, 3])
def test_as_many_steps_as_there_are_distinct_eigenvalues(distinct):
    generator = np.random.default_rng(0)
    A = positive(generator, np.repeat([1.0, 5.0, 30.0][:distinct], 6))
    assert conjugate_gradients(A, generator.normal(size=6 * distinct)).n_iterations == distinct


def test_the_residuals_are_orthogonal_and_the_directions_conjugate():
    generator = np.random.default_rng(3)
    A, b = positive(generator, np.linspace(1, 10, 6)), generator.normal(size=6)
    seen: list[np.ndarray] = []
    conjugate_gradients(lambda p: seen.append(p) or A @ p, b, max_iterations=5)
    P = np.array(seen)
    assert_allclose(P @ A @ P.T, np.diag(np.diag(P @ A @ P.T)), atol=1e-12)
    R = np.array([b - A @ conjugate_gradients(A, b, max_iterations=k).x for k in range(1, 5)])
    assert_allclose(R @ R.T, np.diag(np.diag(R @ R.T)), atol=1e-12)


def errors(A: np.ndarray, b: np.ndarray, steps: int) -> np.ndarray:
    """‖x_k − x*‖_A for k = 0 … steps."""
    solution = np.linalg.solve(A, b)
    points = [np.zeros(len(b))] + [conjugate_gradients(A, b, max_iterations=k).x for k in range(1, steps + 1)]
    return np.array([np.sqrt((x - solution) @ A @ (x - solution)) for x in points])


def test_the_error_falls_as_fast_as_the_bound_says():
    """Random spectra and right sides, among them those from which the first step gains least."""
    generator = np.random.default_rng(0)
    closest, slowest = 0.0, -np.inf
    for trial in range(200):
        d = int(generator.integers(2, 9))
        kappa = float(np.exp(generator.uniform(0.1, 6)))
        eigenvalues = np.concatenate([[1, kappa], np.exp(generator.uniform(0, np.log(kappa), size=d - 2))])
        x = generator.normal(size=d) if trial % 2 else np.concatenate([[kappa, 1], np.zeros(d - 2)])
        q = (np.sqrt(kappa) - 1) / (np.sqrt(kappa) + 1)
        found = errors(np.diag(eigenvalues), eigenvalues * x, d)
        k = np.arange(d + 1)
        bound = 2 * q**k / (1 + q ** (2 * k)) * found[0]
        assert (found <= bound * (1 + 1e-6) + 1e-9 * found[0]).all()
        closest = max(closest, found[1] / bound[1])
        slowest = max(slowest, found[1] / found[0] - q)
    assert closest == pytest.approx(1, abs=1e-9)  # so no stronger bound holds for the first step
    assert slowest > 0.3  # and a single step may gain less than q


def test_a_start_a_preconditioner_and_a_function_lead_to_the_same_solution():
    generator = np.random.default_rng(1)
    A, b = positive(generator, np.geomspace(1, 1e4, 12)), generator.normal(size=12)
    solution = np.linalg.solve(A, b)
    start = solution + 1e-3 * generator.normal(size=12)
    kept = start.copy()
    near = conjugate_gradients(A, b, start, tolerance=1e-8)
    far = conjugate_gradients(lambda v: A @ v, b, tolerance=1e-8)
    exact = conjugate_gradients(A, b, preconditioner=lambda r: np.linalg.solve(A, r))
    assert_array_equal(start, kept)
    for found in (near, far, exact):
        assert found.converged
        assert_allclose(found.x, solution, rtol=1e-4, atol=1e-6)
    assert near.n_products == near.n_iterations + 1 and far.n_products == far.n_iterations
    assert exact.n_iterations == 1
    assert conjugate_gradients(A, b, solution).n_iterations <= 2
    assert_array_equal(conjugate_gradients(A, np.zeros(12)).x, np.zeros(12))


def test_a_diagonal_preconditioner_repairs_bad_scaling():
    generator = np.random.default_rng(2)
    scale = np.geomspace(1, 1e3, 30)
    A = scale[:, None] * positive(generator, np.linspace(1, 3, 30)) * scale
    b = generator.normal(size=30)
    without = conjugate_gradients(A, b, tolerance=1e-8)
    with_it = conjugate_gradients(A, b, tolerance=1e-8, preconditioner=lambda r: r / np.diag(A))
    assert with_it.converged and with_it.n_iterations * 3 < without.n_iterations


@pytest.mark.parametrize("preconditioned", [False, True])
def test_step_for_step_as_scipy(preconditioned):
    generator = np.random.default_rng(4)
    A, b = positive(generator, np.geomspace(1, 100, 15)), generator.normal(size=15)
    M = np.diag(1 / np.diag(A)) if preconditioned else np.eye(15)
    points: list[np.ndarray] = []
    scipy.sparse.linalg.cg(A, b, rtol=0, maxiter=8, M=M, callback=lambda x: points.append(x.copy()))
    for k, x in enumerate(points, start=1):
        ours = conjugate_gradients(A, b, tolerance=0.0, max_iterations=k, preconditioner=lambda r: M @ r)
        assert_allclose(ours.x, x, rtol=1e-9)


@pytest.mark.parametrize("eigenvalues", [[1.0, -2.0, 3.0], [-1.0, -1.0, -1.0], [1.0, 0.0, 2.0], [0.0, 0.0, 0.0]])
def test_without_a_positive_definite_matrix_it_stops_at_a_direction_that_shows_it(eigenvalues):
    A = positive(np.random.default_rng(5), np.array(eigenvalues))
    found = conjugate_gradients(A, np.random.default_rng(6).normal(size=3), tolerance=1e-12)
    p = found.negative_curvature
    assert p is not None and not found.converged and np.isfinite(found.x).all()
    assert p @ A @ p <= 1e-12 * (p @ p)


def test_the_most_steps():
    found = conjugate_gradients(np.diag(np.arange(1.0, 11.0)), np.ones(10), max_iterations=3)
    assert found.n_iterations == 3 and not found.converged and found.negative_curvature is None


def test_products_that_are_not_finite_end_it():
    found = conjugate_gradients(lambda v: v * np.nan, np.ones(3))
    assert not found.converged and found.negative_curvature is None and np.isfinite(found.x).all()


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((np.eye(3), np.ones(2)), {}, ValueError, r"matrix: got .*; expected shape \(2, 2\)"),
        ((np.ones(2), np.ones(2)), {}, ValueError, "matrix: got"),
        (([[1.0, 2.0], [0.0, 1.0]], np.ones(2)), {}, ValueError, "matrix: got .* not symmetric"),
        (("A", np.ones(2)), {}, TypeError, "matrix: got 'A'"),
        ((np.eye(2), np.ones((2, 1))), {}, ValueError, "b: got .*; expected 1 dimension"),
        ((np.eye(2), [1.0, np.nan]), {}, ValueError, "b: got .* with 1 NaN"),
        ((np.eye(2), np.ones(2), np.ones(3)), {}, ValueError, r"start: got .*; expected shape \(2,\)"),
        ((np.eye(2), np.ones(2)), {"tolerance": -1.0}, ValueError, "tolerance: got -1.0"),
        ((np.eye(2), np.ones(2)), {"tolerance": "small"}, TypeError, "tolerance: got 'small'"),
        ((np.eye(2), np.ones(2)), {"max_iterations": 0}, ValueError, "max_iterations: got 0"),
        ((np.eye(2), np.ones(2)), {"preconditioner": 2.0}, TypeError, "preconditioner: got 2.0"),
        ((np.eye(2), np.ones(2)), {"preconditioner": lambda r: -r}, ValueError, "preconditioner: got .* positive"),
    ],
)
def test_bad_arguments(arguments, options, error, message):
    with pytest.raises(error, match=message):
        conjugate_gradients(*arguments, **options)
