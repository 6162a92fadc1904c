"""Hutchinson's estimates: mean, variance and standard error against the matrix itself."""

from itertools import product as combinations

import numpy as np
import pytest

from nnopt_utils.networks import MLP
from nnopt_utils.problems import NetworkObjective
from nnopt_utils.second_order import hutchinson_diagonal, hutchinson_trace


def symmetric(d=6, seed=0):
    A = np.random.default_rng(seed).normal(size=(d, d))
    return A + A.T


class Counted:
    """A product that remembers what it was asked for."""

    def __init__(self, H):
        self.H, self.asked = H, []

    def __call__(self, v):
        self.asked.append(v.copy())
        return self.H @ v


def off_diagonal(H):
    return H - np.diag(np.diag(H))


class TestDiagonal:
    def test_mean_and_variance_over_all_signs(self):
        """Not an estimate: every z once."""
        H = symmetric(5)
        samples = np.array([z * (H @ z) for z in map(np.array, combinations((-1.0, 1.0), repeat=5))])
        np.testing.assert_allclose(samples.mean(axis=0), np.diag(H), atol=1e-14)
        np.testing.assert_allclose(samples.var(axis=0), (off_diagonal(H) ** 2).sum(axis=1), atol=1e-13)

    def test_is_the_mean_of_what_was_asked(self):
        product = Counted(symmetric())
        estimate = hutchinson_diagonal(product, 6, samples=17, seed=3)
        samples = np.array([z * (product.H @ z) for z in product.asked])
        assert len(samples) == 17 and {-1.0, 1.0} == set(np.ravel(product.asked))
        np.testing.assert_allclose(estimate.diagonal, samples.mean(axis=0), atol=1e-14)
        np.testing.assert_allclose(estimate.standard_error, samples.std(axis=0, ddof=1) / 17**0.5, atol=1e-14)

    def test_mean_and_spread_of_many_estimates(self):
        H, m = symmetric(), 10
        runs = [hutchinson_diagonal(lambda v: H @ v, 6, samples=m, seed=s) for s in range(2000)]
        means = np.array([run.diagonal for run in runs])
        expected = np.sqrt((off_diagonal(H) ** 2).sum(axis=1) / m)
        assert (abs(means.mean(axis=0) - np.diag(H)) < 4.5 * expected / 2000**0.5).all()
        np.testing.assert_allclose(means.std(axis=0), expected, rtol=0.07)
        errors = np.mean([run.standard_error**2 for run in runs], axis=0) ** 0.5
        np.testing.assert_allclose(errors, expected, rtol=0.03)

    def test_diagonal_matrices_are_exact(self):
        h = np.array([1.0, -2.0, 1e-9])
        estimate = hutchinson_diagonal(lambda v: h * v, 3, samples=2)
        np.testing.assert_allclose(estimate.diagonal, h, rtol=1e-14)
        assert not estimate.standard_error.any()

    def test_of_a_network(self):
        generator = np.random.default_rng(1)
        network = MLP([2, 4, 3], "tanh", seed=1)
        objective = NetworkObjective(network, generator.normal(size=(30, 2)), generator.integers(3, size=30))
        H = objective.hessian(objective.start)
        estimate = hutchinson_diagonal(objective.hessian_operator(objective.start), len(H), samples=400)
        assert (abs(estimate.diagonal - np.diag(H)) <= 4.5 * estimate.standard_error + 1e-12).all()


class TestTrace:
    def test_mean_and_variance_over_all_signs(self):
        H = symmetric(5)
        samples = np.array([z @ H @ z for z in map(np.array, combinations((-1.0, 1.0), repeat=5))])
        assert samples.mean() == pytest.approx(np.trace(H), abs=1e-12)
        assert samples.var() == pytest.approx(2 * (off_diagonal(H) ** 2).sum(), rel=1e-12)

    def test_is_the_mean_of_what_was_asked(self):
        product = Counted(symmetric())
        estimate = hutchinson_trace(product, 6, samples=17, seed=3)
        samples = np.array([z @ product.H @ z for z in product.asked])
        assert estimate.trace == pytest.approx(samples.mean(), abs=1e-12)
        assert estimate.standard_error == pytest.approx(samples.std(ddof=1) / 17**0.5, rel=1e-12)

    def test_is_the_sum_of_the_diagonal_from_the_same_signs(self):
        H = symmetric()
        diagonal = hutchinson_diagonal(lambda v: H @ v, 6, samples=9, seed=5).diagonal
        assert hutchinson_trace(lambda v: H @ v, 6, samples=9, seed=5).trace == pytest.approx(diagonal.sum(), rel=1e-12)


@pytest.mark.parametrize("estimate", [hutchinson_diagonal, hutchinson_trace])
class TestArguments:
    def test_seeds(self, estimate):
        H = symmetric()
        first, again, other = (estimate(lambda v: H @ v, 6, samples=4, seed=s)[0] for s in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert np.any(first != other)
        np.testing.assert_array_equal(estimate(lambda v: H @ v, 6, 4, np.random.default_rng(1))[0], first)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                (np.eye(3), 3),
                r"product: got float64 array of shape \(3, 3\); expected a function v ↦ H v; of a matrix H",
            ),
            ((abs, 0), "dimension: got 0; expected an integer >= 1"),
            ((abs, 3.0), r"dimension: got 3\.0; expected an integer"),
            ((abs, 3, 1), "samples: got 1; expected an integer >= 2"),
            ((abs, 3, 5, None), "seed: got None"),
            ((lambda v: v[:2], 3), r"product\(v\): got .*; expected shape \(3,\)"),
            ((lambda v: v * np.nan, 3), r"product\(v\): got .* NaN"),
        ],
    )
    def test_bad_ones(self, estimate, arguments, message):
        with pytest.raises((TypeError, ValueError), match=message):
            estimate(*arguments)
