"""Lanczos: Ritz values against numpy.linalg, the quadrature's exactness, and densities that sum to one."""

import numpy as np
import pytest

from nnopt_utils.networks import MLP
from nnopt_utils.problems import NetworkObjective
from nnopt_utils.second_order import extreme_eigenvalues, lanczos, spectral_density


def symmetric(eigenvalues, seed=0):
    """A matrix with these eigenvalues and random eigenvectors."""
    d = len(eigenvalues)
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]
    H = Q @ np.diag(eigenvalues) @ Q.T
    return (H + H.T) / 2


def bulk_and_outliers(d=200):
    """As a network's: most near 0, a few far out, some negative."""
    generator = np.random.default_rng(1)
    return np.concatenate([generator.normal(0, 0.1, size=d - 5), [3.0, 5.0, 8.0, 13.0, -1.5]])


class TestLanczos:
    @pytest.mark.parametrize("d", [1, 2, 7, 40])
    def test_all_steps_give_all_eigenvalues(self, d):
        H = symmetric(np.random.default_rng(d).normal(size=d))
        pairs = lanczos(lambda v: H @ v, d, steps=d)
        np.testing.assert_allclose(pairs.values, np.linalg.eigvalsh(H), atol=1e-12)
        np.testing.assert_allclose(H @ pairs.vectors, pairs.vectors * pairs.values, atol=1e-11)

    def test_outer_eigenvalues_come_first(self):
        H = symmetric(bulk_and_outliers())
        exact, found = np.linalg.eigvalsh(H), lanczos(lambda v: H @ v, 200, steps=40).values
        np.testing.assert_allclose(found[-4:], exact[-4:], rtol=1e-10)
        assert found[0] == pytest.approx(exact[0], rel=1e-10)

    def test_no_eigenvalue_is_found_twice(self):
        """Three terms alone lose their orthogonality here, and find 13 again."""
        H = symmetric(bulk_and_outliers())
        values = lanczos(lambda v: H @ v, 200, steps=120).values
        assert (values > 2).sum() == 4 and (values < -1).sum() == 1
        alpha, beta, q, before = [], [0.0], np.random.default_rng(0).normal(size=200), np.zeros(200)
        q /= np.linalg.norm(q)
        for _ in range(120):
            r = H @ q - beta[-1] * before
            alpha.append(q @ r)
            r -= alpha[-1] * q
            beta.append(np.linalg.norm(r))
            q, before = r / beta[-1], q
        textbook = np.linalg.eigvalsh(np.diag(alpha) + np.diag(beta[1:-1], 1) + np.diag(beta[1:-1], -1))
        assert (textbook > 2).sum() > 4

    def test_vectors_are_orthonormal_and_residuals_true(self):
        H = symmetric(bulk_and_outliers())
        pairs = lanczos(lambda v: H @ v, 200, steps=60)
        np.testing.assert_allclose(pairs.vectors.T @ pairs.vectors, np.eye(60), atol=1e-12)
        residuals = np.linalg.norm(H @ pairs.vectors - pairs.vectors * pairs.values, axis=0)
        np.testing.assert_allclose(pairs.residuals, residuals, atol=1e-11)
        distance = abs(pairs.values[:, None] - np.linalg.eigvalsh(H)).min(axis=1)
        assert (distance <= pairs.residuals + 1e-11).all()

    def test_weights_integrate_polynomials(self):
        """Exactly up to degree 2 k − 1, and no farther."""
        H = symmetric(np.linspace(-1, 1, 30))
        asked = []

        def noted(v):
            asked.append(v.copy())
            return H @ v

        k, power = 4, np.linalg.matrix_power
        pairs = lanczos(noted, 30, steps=k)
        v = asked[0]
        assert pairs.weights.sum() == pytest.approx(1) and np.linalg.norm(v) == pytest.approx(1)
        for degree in range(2 * k):
            assert pairs.weights @ pairs.values**degree == pytest.approx(v @ power(H, degree) @ v, abs=1e-13)
        assert abs(pairs.weights @ pairs.values ** (2 * k) - v @ power(H, 2 * k) @ v) > 1e-4

    def test_an_exhausted_space_ends_it(self):
        """A matrix with two eigenvalues needs two products, whatever its size; zero needs one."""
        calls = []

        def product(v):
            calls.append(1)
            return np.repeat([2.0, 5.0], 50) * v

        pairs = lanczos(product, 100, steps=30)
        np.testing.assert_allclose(pairs.values, [2, 5], rtol=1e-12)
        assert len(calls) == 2 and pairs.residuals.max() == 0
        assert lanczos(lambda v: 0 * v, 10).values.tolist() == [0.0]

    def test_at_most_d_steps(self):
        assert lanczos(lambda v: np.arange(1.0, 4.0) * v, 3, steps=50).values == pytest.approx([1, 2, 3])

    def test_scale_does_not_matter(self):
        H = symmetric(bulk_and_outliers())
        for scale in (1e-150, 1e100):
            values = lanczos(lambda v, scale=scale: scale * (H @ v), 200, steps=30).values
            np.testing.assert_allclose(values / scale, lanczos(lambda v: H @ v, 200, steps=30).values, atol=1e-9)


class TestExtreme:
    def test_of_a_network(self):
        generator = np.random.default_rng(1)
        network = MLP([3, 6, 4], "tanh", seed=1)
        objective = NetworkObjective(network, generator.normal(size=(40, 3)), generator.integers(4, size=40))
        H = objective.hessian(objective.start)
        ends = extreme_eigenvalues(objective.hessian_operator(objective.start), len(H), steps=len(H))
        exact = np.linalg.eigvalsh(H)
        assert (ends.smallest, ends.largest) == pytest.approx((exact[0], exact[-1]), rel=1e-8)

    def test_few_steps_stay_inside_and_know_how_far(self):
        H = symmetric(np.linspace(-1, 2, 300))
        ends = extreme_eigenvalues(lambda v: H @ v, 300, steps=8)
        assert -1 < ends.smallest < -0.5 and 1.5 < ends.largest < 2
        assert ends.smallest_residual > 1e-3 and ends.largest_residual > 1e-3


def integral(spectrum, of=1.0):
    return float(np.trapezoid(of * spectrum.density, spectrum.at))


class TestDensity:
    H = symmetric(bulk_and_outliers())

    def spectrum(self, **options):
        return spectral_density(lambda v: self.H @ v, 200, **{"steps": 40, "probes": 4, **options})

    @pytest.mark.parametrize("options", [{}, {"probes": 1}, {"width": 0.05, "points": 5000}, {"width": 3.0}])
    def test_integrates_to_one(self, options):
        spectrum = self.spectrum(**options)
        assert integral(spectrum) == pytest.approx(1, abs=1e-5)
        assert (spectrum.density >= 0).all() and spectrum.weights.sum() == pytest.approx(1)
        assert len(spectrum.at) == options.get("points", 1000) and len(spectrum.values) == 40 * options.get("probes", 4)

    def test_is_the_smoothed_quadrature(self):
        """Mean and second moment are those of the nodes, the second plus σ²."""
        spectrum = self.spectrum()
        mean, second = (float(spectrum.weights @ spectrum.values**m) for m in (1, 2))
        assert integral(spectrum, spectrum.at) == pytest.approx(mean, abs=1e-4)
        assert integral(spectrum, spectrum.at**2) == pytest.approx(second + spectrum.width**2, rel=1e-4)

    def test_moments_are_those_of_the_spectrum(self):
        """Of many probes, within their noise: of vᵀ Hᵐ v the variance is 2 (mean λ²ᵐ − (mean λᵐ)²) / (d + 2)."""
        exact, probes = np.linalg.eigvalsh(self.H), 300
        spectrum = self.spectrum(probes=probes, steps=6)
        for m in (1, 2, 3, 4):
            mean = np.mean(exact**m)
            noise = np.sqrt(2 * (np.mean(exact ** (2 * m)) - mean**2) / 202 / probes)
            assert abs(spectrum.weights @ spectrum.values**m - mean) < 4 * noise

    def test_bulk_and_outliers(self):
        spectrum = self.spectrum(probes=100, width=0.1, points=3000)
        bulk = abs(spectrum.at) < 0.8
        assert np.trapezoid(spectrum.density[bulk], spectrum.at[bulk]) == pytest.approx(195 / 200, abs=0.02)
        for outlier in (3.0, 5.0, 8.0, 13.0):
            near = abs(spectrum.at - outlier) < 0.5
            assert np.trapezoid(spectrum.density[near], spectrum.at[near]) == pytest.approx(1 / 200, rel=0.5)
        empty = (spectrum.at > 9) & (spectrum.at < 12)
        assert spectrum.density[empty].max() < 1e-10

    def test_one_eigenvalue(self):
        spectrum = spectral_density(lambda v: 3 * v, 5, steps=5)
        assert integral(spectrum) == pytest.approx(1, abs=1e-6) and integral(spectrum, spectrum.at) == pytest.approx(3)
        assert integral(spectral_density(lambda v: 0 * v, 5)) == pytest.approx(1, abs=1e-6)

    def test_a_width_that_the_places_cannot_show(self):
        with pytest.raises(
            ValueError, match=r"width: got 0\.0001 for places .* apart; expected at least that, or more"
        ):
            self.spectrum(width=1e-4)


@pytest.mark.parametrize("function", [lanczos, extreme_eigenvalues, spectral_density])
class TestArguments:
    def test_seeds(self, function):
        H = symmetric(bulk_and_outliers())
        first, again, other = (np.ravel(function(lambda v: H @ v, 200, 4, seed=s)[0]) for s in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert np.any(first != other)

    def test_float32_products(self, function):
        H = symmetric(bulk_and_outliers()).astype(np.float32)
        found, exact = (function(lambda v, H=H: H @ v.astype(H.dtype), 200, 20) for H in (H, H.astype(np.float64)))
        np.testing.assert_allclose(found[1], exact[1], rtol=0.01, atol=1e-3)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                (np.eye(3), 3),
                r"product: got float64 array of shape \(3, 3\); expected a function v ↦ H v; of a matrix H",
            ),
            ((abs, 0), "dimension: got 0; expected an integer >= 1"),
            ((abs, 3, 0), "steps: got 0; expected an integer >= 1"),
            ((lambda v: v[:2], 3), r"product\(v\): got .*; expected shape \(3,\)"),
            ((lambda v: v * np.nan, 3), r"product\(v\): got .* NaN"),
        ],
    )
    def test_bad_ones(self, function, arguments, message):
        with pytest.raises((TypeError, ValueError), match=message):
            function(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probes": 0}, "probes: got 0; expected an integer >= 1"),
        ({"points": 1}, "points: got 1; expected an integer >= 2"),
        ({"width": 0.0}, r"width: got 0\.0; expected a finite number > 0"),
        ({"seed": -1}, "seed: got -1"),
    ],
)
def test_bad_options_of_a_density(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        spectral_density(abs, 3, **options)
