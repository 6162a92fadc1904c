"""k-means on a line: against a slow version, against SciPy, and what follows from its rules."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.cluster.vq import kmeans2

from nnopt_utils.compression import k_means

STARTS = ["linear", "density", "random"]
numbers = arrays(np.float64, array_shapes(max_dims=2, max_side=30), elements=st.integers(-40, 40).map(lambda i: i / 8))


def squared_error(values, found):
    return float(((np.asarray(values, np.float64) - found.centroids.astype(np.float64)[found.codes]) ** 2).sum())


def slow_lloyd(values, centroids, iterations):
    """By the definition: all distances, and means; no centroid may become empty."""
    for _ in range(iterations):
        codes = np.abs(values[:, None] - centroids[None]).argmin(axis=1)
        centroids = np.array([values[codes == j].mean() for j in range(len(centroids))])
    return centroids, codes


def linear_start(values, k):
    return np.linspace(values.min(), values.max(), k)


def density_start(values, k):
    line = np.sort(values)
    return np.array([line[int((j + 0.5) * len(line) / k)] for j in range(k)])


class TestAgainstOthers:
    @pytest.mark.parametrize(("start", "begin"), [("linear", linear_start), ("density", density_start)])
    @pytest.mark.parametrize("k", [1, 2, 7, 16])
    def test_slow_lloyd(self, start, begin, k):
        values = np.random.default_rng(k).uniform(-1, 1, size=400)
        found = k_means(values, k, start)
        centroids, codes = slow_lloyd(values, begin(values, k), 400)
        np.testing.assert_allclose(found.centroids, centroids, rtol=0, atol=1e-14)
        assert np.array_equal(found.codes, codes)

    def test_scipy(self):
        values = np.random.default_rng(0).normal(size=3000)
        found = k_means(values, 16, "density")
        centroids, codes = kmeans2(values, density_start(values, 16), iter=1000, minit="matrix", missing="raise")
        np.testing.assert_allclose(found.centroids, centroids, rtol=0, atol=1e-13)
        assert np.array_equal(found.codes, codes)

    def test_random_start_draws_values(self):
        """Different seeds may end in different minima, one seed in one."""
        values = np.random.default_rng(0).normal(size=500)
        found = {tuple(k_means(values, 5, "random", seed=seed).centroids) for seed in range(4)}
        assert len(found) > 1
        assert k_means(values, 5, "random", seed=1).centroids.tolist() in [list(each) for each in found]


class TestWhatFollows:
    @pytest.mark.parametrize("start", STARTS)
    @pytest.mark.parametrize("draw", ["normal", "two lumps", "few values", "outliers"])
    def test_error_does_not_rise(self, start, draw):
        generator = np.random.default_rng(3)
        values = {
            "normal": generator.normal(size=2000),
            "two lumps": np.r_[generator.normal(-5, 0.1, size=50), generator.normal(5, 0.1, size=1950)],
            "few values": generator.integers(0, 40, size=2000).astype(float),
            "outliers": np.r_[generator.normal(size=2000), 1e3, -1e4],
        }[draw]
        errors = [squared_error(values, k_means(values, 20, start, max_iterations=n)) for n in range(1, 60)]
        assert all(later <= earlier * (1 + 1e-10) for earlier, later in pairwise(errors))
        assert errors[-1] < errors[0] or draw == "few values"  # where it may start in a minimum

    @given(values=numbers, k=st.integers(1, 12), start=st.sampled_from(STARTS))
    def test_fixed_point_of_both_steps(self, values, k, start):
        found = k_means(values, k, start)
        different = np.unique(values)
        assert len(found.centroids) == min(k, len(different))
        assert (np.diff(found.centroids) > 0).all() and found.codes.shape == values.shape
        assert set(found.codes.ravel()) == set(range(len(found.centroids)))
        distances = np.abs(values[..., None] - found.centroids)
        chosen = np.take_along_axis(distances, found.codes[..., None], axis=-1)[..., 0]
        assert (chosen <= distances.min(axis=-1) + 1e-12).all()
        means = [values[found.codes == j].mean() for j in range(len(found.centroids))]
        np.testing.assert_allclose(found.centroids, means, rtol=0, atol=1e-13)

    @given(values=numbers, start=st.sampled_from(STARTS))
    def test_enough_clusters_lose_nothing(self, values, start):
        found = k_means(values, np.unique(values).size + 2, start)
        assert np.array_equal(found.values, values)

    @given(values=numbers, k=st.integers(1, 6), start=st.sampled_from(["linear", "density"]))
    def test_order_and_scale_do_not_matter(self, values, k, start):
        found, doubled = k_means(values, k, start), k_means(2 * values, k, start)
        backwards = k_means(values.ravel()[::-1], k, start)
        np.testing.assert_array_equal(doubled.centroids, 2 * found.centroids)
        np.testing.assert_array_equal(backwards.centroids, found.centroids)
        np.testing.assert_array_equal(backwards.codes[::-1], found.codes.ravel())

    def test_a_large_offset_cancels_little(self):
        values = np.random.default_rng(0).uniform(size=5000)
        near, far = k_means(values, 8), k_means(values + 2.0**20, 8)
        np.testing.assert_allclose(far.centroids - 2.0**20, near.centroids, atol=1e-8)

    @pytest.mark.parametrize("start", STARTS)
    def test_empty_clusters_are_used_elsewhere(self, start):
        """A linear start has most of its centroids in the gap; no start leaves one without values."""
        values = np.r_[np.linspace(0, 1, 100), np.linspace(1000, 1001, 100)]
        found = k_means(values, 10, start)
        assert np.bincount(found.codes, minlength=10).min() > 0
        assert squared_error(values, found) < squared_error(values, k_means(values, 2)) / 3


class TestTypesAndTime:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_dtype_is_kept_and_values_are_left(self, dtype):
        values = np.random.default_rng(0).normal(size=(30, 4)).astype(dtype)
        before = values.copy()
        found = k_means(values, 4)
        assert found.centroids.dtype == dtype and np.array_equal(values, before)
        assert found.values.shape == (30, 4)

    def test_a_layer_takes_milliseconds(self):
        values = np.random.default_rng(0).normal(size=784 * 300).astype(np.float32)
        begin = time.perf_counter()
        k_means(values, 32)
        assert time.perf_counter() - begin < 1.0  # about 0.04; a loop over all distances takes 10 s and more

    def test_refused(self):
        for options, message in [
            ({"clusters": 0}, "clusters: got 0; expected an integer >= 1"),
            ({"clusters": 2, "start": "forgy"}, "start: got 'forgy'; expected one of 'linear', 'density', 'random'"),
            ({"clusters": 2, "max_iterations": 0}, "max_iterations: got 0"),
        ]:
            with pytest.raises(ValueError, match=message):
                k_means([1.0, 2.0], **options)
        with pytest.raises(ValueError, match=r"values: .* 1 NaN"):
            k_means([1.0, np.nan], 2)
        with pytest.raises(TypeError, match="seed: got None"):
            k_means([1.0, 2.0], 2, seed=None)
