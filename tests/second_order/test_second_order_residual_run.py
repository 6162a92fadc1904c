"""What methods for sums of squares share: a linear model that is blind to units, and an honest end."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from nnopt_utils.problems import Bard
from nnopt_utils.second_order.residual_run import Linearized, ResidualRun


def matrix(seed: int = 0, m: int = 7, d: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.normal(size=m), generator.normal(size=(m, d))


def test_the_model_of_the_residuals():
    r, R = matrix()
    model = Linearized(r, R)
    expected = np.linalg.lstsq(R, -r, rcond=None)[0]
    assert_allclose(model.gauss_newton_step, expected, rtol=1e-12)
    gained = r @ r - np.sum((r + R @ expected) ** 2)
    assert model.tangential**2 == pytest.approx(gained) and model.cosine == pytest.approx(np.sqrt(gained / (r @ r)))
    for p in np.random.default_rng(1).normal(size=(3, 3)):
        difference = np.sum((r + R @ p) ** 2) - np.sum((model.c + model.T @ p) ** 2)
        assert difference == pytest.approx(r @ r - gained)
    cosines = np.abs(r @ R) / np.linalg.norm(R, axis=0) / np.linalg.norm(r)
    assert model.column_cosine == pytest.approx(cosines.max()) and model.column_cosine <= model.cosine
    assert model.rank == 3 and model.value == r @ r


@pytest.mark.parametrize("units", [[1.0, 1e8, 1e-8], [1e-150, 1.0, 1e100]])
def test_units_change_nothing(units):
    r, R = matrix()
    plain, scaled = Linearized(r, R), Linearized(r, R * units)
    assert scaled.rank == plain.rank and scaled.cosine == pytest.approx(plain.cosine, rel=1e-12)
    assert_allclose(scaled.gauss_newton_step * units, plain.gauss_newton_step, rtol=1e-11)


def test_columns_that_say_the_same_count_once():
    r, R = matrix()
    model = Linearized(r, np.column_stack([R, 3 * R[:, 0], np.zeros(7)]))
    assert model.rank == 3 and model.cosine == pytest.approx(Linearized(r, R).cosine)
    assert np.isfinite(model.gauss_newton_step).all() and model.gauss_newton_step[-1] == 0


def test_a_small_column_hides_behind_no_large_ones():
    """Two columns equal but for rounding, and a tiny one that alone can lower J."""
    R = np.zeros((4, 3))
    R[0, :2], R[1, 1], R[1, 2] = 1.0, 1e-17, 1e-15
    model = Linearized(np.array([0.0, 1.0, 1.0, 0.0]), R)
    assert model.rank == 2 and model.cosine == pytest.approx(np.sqrt(0.5))


def test_more_parameters_than_residuals():
    r, R = matrix(m=2, d=5)
    model = Linearized(r, R)
    assert model.rank == 2 and model.cosine == pytest.approx(1.0)
    assert_allclose(r + R @ model.gauss_newton_step, 0, atol=1e-14)


def test_a_zero_jacobian_and_zero_residuals():
    assert Linearized(np.ones(3), np.zeros((3, 2))).rank == 0
    assert Linearized(np.ones(3), np.zeros((3, 2))).cosine == 0.0
    assert Linearized(np.zeros(3), np.ones((3, 2))).cosine == 0.0


def test_what_a_run_counts_and_remembers():
    problem = Bard()
    run = ResidualRun("m", problem, None, 1e-6, 10)
    assert (run.n_evaluations, run.n_gradients, run.n_hessians) == (1, 1, 0)
    assert run.value == problem.value(problem.start)
    assert_allclose(run.gradient, problem.gradient(problem.start))
    first = np.linalg.norm(problem.jacobian(problem.start), axis=0)
    assert_allclose(run.scale, first)
    x = problem.start * 1.1
    run.take(x, run.linearize(x, run.residuals_at(x)))
    assert (run.n_evaluations, run.n_gradients, run.n_iterations) == (2, 2, 1)
    here = np.linalg.norm(problem.jacobian(x), axis=0)
    assert ((here < first).any() and (here > first).any()) or not np.allclose(here, first)
    assert_allclose(run.scale, np.maximum(first, here))
    run.forget_scale()
    assert_allclose(run.scale, here)


def test_where_numbers_are_not_finite_there_is_no_model():
    run = ResidualRun("m", Bard(), None, 1e-6, 10)
    assert np.isnan(run.residuals_at(np.array([np.inf, 0, 0]))).all()
    assert run.linearize(run.x, np.array([np.inf] * 15)) is None
    assert run.value_and_gradient(np.array([np.nan, 0, 0]))[0] == np.inf
    assert run.model.value == run.value
