"""The sparse logistic regression, against a dense one and against counting."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.gradients import check_gradient
from nnopt_utils.optimizers import GradientDescent
from nnopt_utils.parallel import SparseLogisticRegression
from nnopt_utils.problems import LogisticRegression
from nnopt_utils.training import minimize


def small(seed=0, **settings):
    return SparseLogisticRegression.generate(
        **{"n_samples": 30, "n_features": 12, "nonzeros": 4, "seed": seed} | settings
    )


def dense(model):
    """Its samples as rows of a matrix."""
    x = np.zeros((model.n_samples, model.n_features))
    np.put_along_axis(x, model.indices, model.values, axis=1)
    return x


@pytest.fixture
def theta():
    return np.random.default_rng(5).normal(size=12)


class TestObjective:
    def test_value_and_gradient_are_those_of_a_dense_regression_without_a_bias(self, theta):
        model = small()
        other, with_bias = LogisticRegression(dense(model), model.labels), np.append(theta, 0.0)
        assert model.value(theta) == pytest.approx(other.value(with_bias), rel=1e-13)
        np.testing.assert_allclose(model.gradient(theta), other.gradient(with_bias)[:-1], rtol=1e-12, atol=1e-15)

    def test_the_gradient_is_that_of_the_value(self, theta):
        model = small()
        assert check_gradient(model.value, model.gradient, theta).passed

    def test_the_gradient_is_the_mean_of_the_samples_gradients(self, theta):
        model, mean = small(), np.zeros(12)
        for i in range(model.n_samples):
            features, values = model.sample_gradient(theta, i)
            assert features.tolist() == model.indices[i].tolist()
            mean[features] += values / model.n_samples
        np.testing.assert_allclose(mean, model.gradient(theta), rtol=1e-12, atol=1e-15)

    def test_large_margins_neither_overflow_nor_warn(self):
        model = SparseLogisticRegression([[0], [0]], [[1.0], [-1.0]], [1, 1])
        assert model.value([2000.0]) == 1000.0
        assert model.gradient([2000.0]).tolist() == [0.5]
        assert model.sample_gradient([2000.0], 1)[1].tolist() == [1.0]
        assert model.sample_gradient([2000.0], 0)[1].tolist() == [0.0]

    def test_it_can_be_minimised(self):
        run = minimize(small(), GradientDescent(learning_rate=10.0), steps=100)
        assert run.values[-1] < 0.5 * run.values[0]

    def test_accuracy_counts_the_labels_that_are_more_probable(self, theta):
        model = small()
        right = [int(z > 0) == label for z, label in zip(dense(model) @ theta, model.labels, strict=True)]
        assert model.accuracy(theta) == np.mean(right)
        assert model.accuracy(np.zeros(12)) == np.mean(model.labels == 0)

    def test_the_start_is_a_new_array(self):
        model = small()
        model.start[:] = 1.0
        assert not model.start.any() and not model.parameters.any()


class TestGenerate:
    def test_the_same_seed_gives_the_same_data(self):
        one, two, other = small(seed=1), small(seed=np.random.default_rng(1)), small(seed=2)
        assert np.array_equal(one.indices, two.indices) and np.array_equal(one.values, two.values)
        assert np.array_equal(one.labels, two.labels)
        assert not np.array_equal(one.values, other.values)

    @pytest.mark.parametrize("skew", [0.0, 1.0])
    def test_no_feature_is_twice_in_a_sample_and_all_are_in_range(self, skew):
        model = small(n_samples=500, skew=skew)
        assert all(len(set(row)) == 4 for row in model.indices.tolist())
        assert set(model.indices.ravel().tolist()) == set(range(12))

    def test_all_features_in_every_sample(self):
        assert (np.sort(small(nonzeros=12).indices, axis=1) == np.arange(12)).all()

    def test_features_are_uniform_without_skew(self):
        model = small(n_samples=30_000)
        share = np.bincount(model.indices.ravel(), minlength=12) / model.n_samples
        np.testing.assert_allclose(share, 4 / 12, atol=5 * np.sqrt(1 / 3 * 2 / 3 / 30_000))

    def test_features_follow_the_skew(self):
        """The first is drawn with probability w_j / Σ w; the second with w_k / (Σ w − w_j) after j."""
        model = small(n_samples=30_000, n_features=3, nonzeros=2, skew=1.5)
        w = np.array([1.0, 2**-1.5, 3**-1.5]) / (1 + 2**-1.5 + 3**-1.5)
        first = np.bincount(model.indices[:, 0], minlength=3) / model.n_samples
        np.testing.assert_allclose(first, w, atol=0.015)
        without = [sum(w[j] * w[k] / (1 - w[j]) for j, k in pairs) for pairs in ([(1, 2), (2, 1)], [(0, 2), (2, 0)])]
        share = np.bincount(model.indices.ravel(), minlength=3) / model.n_samples
        np.testing.assert_allclose(1 - share[:2], without, atol=0.015)

    def test_samples_are_about_of_length_one_and_labels_follow_weights(self):
        model = SparseLogisticRegression.generate(4000, 50, 10, seed=3)
        assert np.linalg.norm(model.values, axis=1).mean() == pytest.approx(1.0, abs=0.05)
        # Most labels can be learned, not all: of logits 4 z about a seventh has the less probable label.
        run = minimize(model, GradientDescent(learning_rate=20.0), steps=300)
        assert 0.80 < model.accuracy(run.points[-1]) < 0.92


class TestConflicts:
    @pytest.mark.parametrize("skew", [0.0, 1.0])
    @pytest.mark.parametrize("n_samples", [30, 37])
    def test_against_sets(self, skew, n_samples):
        model = small(n_samples=n_samples, n_features=40, skew=skew)
        samples = [set(row) for row in model.indices.tolist()]
        found = model.conflicts()
        assert found.largest_sample == 4
        assert found.most_popular_feature == max(np.mean([j in e for e in samples]) for j in range(40))
        assert found.most_met_sample == max(np.mean([bool(e & other) for other in samples]) for e in samples)

    def test_dense_samples_all_meet(self):
        assert small(nonzeros=12).conflicts() == (12, 1.0, 1.0)


class TestModel:
    def test_a_copy_has_its_own_parameters_and_the_same_data(self):
        model = small()
        other = model.copy()
        other.parameters += 1.0
        assert not model.parameters.any() and other.indices is model.indices
        assert type(other) is SparseLogisticRegression and repr(other) == repr(model)

    @pytest.mark.parametrize(
        ("arguments", "error", "says"),
        [
            (([0, 1], [[1.0]], [0]), ValueError, r"indices: got .*\(2,\); expected integers, shape \(n, k\)"),
            (([[0.0]], [[1.0]], [0]), ValueError, "indices: got float64 array.*expected integers"),
            (([[-1]], [[1.0]], [0]), ValueError, "indices: got values from -1 to -1; expected integers >= 0"),
            (([[0, 3]], [[1.0, 1.0]], [0], 3), ValueError, "indices: got values from 0 to 3; .* from 0 to 2"),
            (([[0, 1], [2, 2]], np.ones((2, 2)), [0, 1]), ValueError, "indices: got a feature twice in row 1"),
            (([[0, 1]], [[1.0]], [0]), ValueError, r"values: got .*expected shape \(1, 2\)"),
            (([[0]], [[np.nan]], [0]), ValueError, "values: got .*NaN"),
            (([[0]], [[1.0]], [2]), ValueError, "labels: got values from 2 to 2"),
            (([[0]], [[1.0]], [0], 0), ValueError, "n_features: got 0"),
        ],
    )
    def test_bad_data_are_refused(self, arguments, error, says):
        with pytest.raises(error, match=says):
            SparseLogisticRegression(*arguments)

    @pytest.mark.parametrize(
        ("settings", "says"),
        [
            ({"nonzeros": 13}, "nonzeros: got 13; expected an integer >= 1 and <= 12"),
            ({"n_samples": 0}, "n_samples: got 0"),
            ({"skew": -1.0}, "skew: got -1.0"),
        ],
    )
    def test_bad_sizes_are_refused(self, settings, says):
        with pytest.raises(ValueError, match=says):
            small(**settings)

    def test_other_names_are_explained(self):
        with pytest.raises(TypeError, match="did you mean n_features"):
            SparseLogisticRegression.generate(d=10)

    def test_theta_and_i_are_checked(self):
        with pytest.raises(ValueError, match=r"theta: .*expected shape \(12,\)"):
            small().value(np.zeros(3))
        with pytest.raises(ValueError, match="i: got 30"):
            small().sample_gradient(np.zeros(12), 30)
