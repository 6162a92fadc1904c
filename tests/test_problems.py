"""Every derivative against differences, every minimum against its conditions and SciPy, every bad argument named."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from nnopt_utils import problems
from nnopt_utils.datasets import gaussian_blobs, load_mnist, two_moons
from nnopt_utils.problems import (
    PROBLEMS,
    Beale,
    Himmelblau,
    LogisticRegression,
    Plateau,
    Quadratic,
    Ravine,
    Rosenbrock,
    Saddle,
    SoftmaxRegression,
    get_problem,
)


def moons_problem(l2=0.05, **options):
    return LogisticRegression(*two_moons(60, noise=0.3), l2=l2, **options)


def blobs_problem(l2=0.05, **options):
    return SoftmaxRegression(*gaussian_blobs(60, n_classes=4), l2=l2, **options)


MORE = {
    "quadratic_5d": Quadratic(eigenvalues=[1.0, 4.0, 0.1, 30.0, 2.0], minimum=[1, 2, 3, 4, 5], start=np.zeros(5)),
    "quadratic_1d": Quadratic([3.0]),
    "quadratic_turned": Quadratic(kappa=50, rotation=0.7, minimum=[-1.0, 2.0]),
    "rosenbrock_other": Rosenbrock(a=2.0, b=5.0),
    "ravine_other": Ravine(kappa=7.0),
    "logistic": moons_problem(),
    "logistic_no_penalty": moons_problem(l2=0.0),
    "softmax": blobs_problem(),
    "softmax_no_penalty": blobs_problem(l2=0.0),
}
ALL = {**PROBLEMS, **MORE}
every_problem = pytest.mark.parametrize("problem", ALL.values(), ids=ALL)
two_dimensional = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)


def random_points(problem, n=6):
    generator = np.random.default_rng(1)
    points = [problem.start, problem.minimum]
    return points + list(problem.minimum + 1.5 * generator.standard_normal((n, problem.dimension)))


def difference_gradient(function, theta, h=1e-5):
    steps = h * np.eye(len(theta))
    return np.array([(function(theta + step) - function(theta - step)) / (2 * h) for step in steps])


class TestEveryProblem:
    @every_problem
    def test_gradient_is_that_of_the_value(self, problem):
        for theta in random_points(problem):
            gradient = problem.gradient(theta)
            assert gradient.shape == (problem.dimension,) and gradient.dtype == np.float64
            expected = difference_gradient(problem.value, theta)
            assert_allclose(gradient, expected, rtol=1e-6, atol=1e-7 * (1 + abs(problem.value(theta))))

    @every_problem
    def test_hessian_is_that_of_the_gradient(self, problem):
        for theta in random_points(problem):
            hessian = problem.hessian(theta)
            assert hessian.shape == (problem.dimension,) * 2 and hessian.dtype == np.float64
            assert_array_equal(hessian, hessian.T)
            expected = difference_gradient(problem.gradient, theta)
            assert_allclose(hessian, expected, rtol=1e-6, atol=1e-7 * (1 + np.abs(hessian).max()))

    @every_problem
    def test_hessian_vector_product_is_hessian_times_vector(self, problem):
        vector = np.random.default_rng(2).standard_normal(problem.dimension)
        for theta in random_points(problem, 2):
            hessian = problem.hessian(theta)
            atol = 1e-13 * (1 + np.abs(hessian).max())
            assert_allclose(problem.hessian_vector_product(theta, vector), hessian @ vector, rtol=1e-11, atol=atol)

    @every_problem
    def test_minimum_meets_the_conditions(self, problem):
        assert problem.minima.shape[1] == problem.dimension
        assert_array_equal(problem.minima[0], problem.minimum)
        for minimum in problem.minima:
            assert np.linalg.norm(problem.gradient(minimum)) < 1e-7
            assert np.linalg.eigvalsh(problem.hessian(minimum)).min() > -1e-9
            assert problem.value(minimum) == pytest.approx(problem.minimum_value, abs=1e-12)

    @every_problem
    def test_nothing_is_lower(self, problem):
        generator = np.random.default_rng(3)
        for scale in (1e-3, 1e-1, 1.0, 10.0):
            for _ in range(50):
                theta = problem.minimum + scale * generator.standard_normal(problem.dimension)
                assert problem.value(theta) >= problem.minimum_value - 1e-14

    @every_problem
    def test_start_is_finite_and_not_the_minimum(self, problem):
        assert problem.start.shape == (problem.dimension,) and problem.start.dtype == np.float64
        assert problem.value(problem.start) > problem.minimum_value
        assert np.linalg.norm(problem.gradient(problem.start)) > 1e-3

    @every_problem
    def test_properties_are_new_arrays(self, problem):
        for name in ("start", "minimum", "minima"):
            before = getattr(problem, name).copy()
            getattr(problem, name)[...] = 99.0
            assert_array_equal(getattr(problem, name), before)
        theta = problem.start
        hessian = problem.hessian(theta)
        hessian[...] = 99.0
        gradient = problem.gradient(theta)
        gradient[...] = 99.0
        assert not (problem.hessian(theta) == 99.0).any() and not (problem.gradient(theta) == 99.0).any()

    @every_problem
    def test_theta_is_untouched_and_may_be_anything_like_an_array(self, problem):
        theta = random_points(problem)[2]
        before = theta.copy()
        theta.flags.writeable = False
        value, gradient, hessian = problem.value(theta), problem.gradient(theta), problem.hessian(theta)
        problem.hessian_vector_product(theta, theta)
        assert_array_equal(theta, before)
        assert type(value) is float
        assert problem.value(theta.tolist()) == value
        assert_array_equal(problem.gradient(theta.tolist()), gradient)
        assert_array_equal(problem.hessian(theta.tolist()), hessian)
        rounded = theta.astype(np.float32)
        assert problem.gradient(rounded).dtype == np.float64
        assert problem.value(rounded) == problem.value(rounded.astype(np.float64))

    @every_problem
    @pytest.mark.parametrize("method", ["value", "gradient", "hessian"])
    def test_bad_theta(self, problem, method):
        function, d = getattr(problem, method), problem.dimension
        for value in (np.nan, np.inf):
            theta = problem.start
            theta[0] = value
            with pytest.raises(ValueError, match=r"theta: got .* with 1 NaN or infinite value"):
                function(theta)
        for theta in (np.zeros(d + 1), np.zeros((d + 1, d + 1)), 1.0, []):
            with pytest.raises(ValueError, match=r"theta: got .*; expected"):
                function(theta)
        for theta in (["a"] * d, np.zeros(d, complex), [[1.0], [1.0, 2.0]]):
            with pytest.raises(TypeError, match=r"theta: got .*; expected an array of real numbers"):
                function(theta)

    @every_problem
    def test_bad_vector(self, problem):
        with pytest.raises(ValueError, match="vector: got"):
            problem.hessian_vector_product(problem.start, np.zeros(problem.dimension + 1))
        with pytest.raises(ValueError, match=r"vector: got .* NaN"):
            problem.hessian_vector_product(problem.start, np.full(problem.dimension, np.nan))

    @every_problem
    def test_repr_is_short(self, problem):
        assert repr(problem).startswith(type(problem).__name__) and len(repr(problem)) < 80


class TestTwoDimensional:
    def test_names(self):
        assert set(PROBLEMS) == {"quadratic", "rosenbrock", "beale", "himmelblau", "saddle", "plateau", "ravine"}
        for name, problem in PROBLEMS.items():
            assert problem.name == name and problem.dimension == 2 and get_problem(name) is problem

    @pytest.mark.parametrize(("name", "near"), [("rosenbrok", "rosenbrock"), ("Beale", "beale"), ("sadle", "saddle")])
    def test_unknown_name(self, name, near):
        with pytest.raises(ValueError, match=f"name: got .*; expected one of .*did you mean '{near}'"):
            get_problem(name)

    def test_name_of_another_type(self):
        with pytest.raises(ValueError, match="name: got None; expected one of"):
            get_problem(None)

    @two_dimensional
    def test_grids(self, problem):
        (x0, x1), (y0, y1) = problem.domain
        grid = np.stack(np.meshgrid(np.linspace(x0, x1, 5), np.linspace(y0, y1, 4)), axis=-1)
        values, gradients = problem.value(grid), problem.gradient(grid)
        assert values.shape == (4, 5) and gradients.shape == (4, 5, 2)
        for index in np.ndindex(4, 5):
            assert_allclose(values[index], problem.value(grid[index]), rtol=1e-14)
            assert_allclose(gradients[index], problem.gradient(grid[index]), rtol=1e-14)
        assert problem.value(grid[:1, :1]).shape == (1, 1)

    @two_dimensional
    def test_grid_of_another_width(self, problem):
        with pytest.raises(ValueError, match=r"theta: got float64 array of shape \(4, 3\); expected shape \(2,\)"):
            problem.value(np.zeros((4, 3)))

    @two_dimensional
    def test_domain_holds_start_and_minima(self, problem):
        (x0, x1), (y0, y1) = problem.domain
        for x, y in [problem.start, *problem.minima]:
            assert x0 < x < x1 and y0 < y < y1

    @two_dimensional
    def test_a_diverging_run_ends_without_a_warning(self, problem):
        theta = np.array([1e200, -1e200])
        problem.value(theta), problem.gradient(theta), problem.hessian(theta)

    @two_dimensional
    def test_the_path_of_steepest_descent_ends_at_a_minimum(self, problem):
        result = scipy.integrate.solve_ivp(
            lambda _, theta: -problem.gradient(theta), (0, 2_000), problem.start, method="LSODA", rtol=1e-9, atol=1e-10
        )
        assert_allclose(result.y[:, -1], problem.minimum, atol=1e-3)


class TestSurfaces:
    def test_rosenbrock(self):
        problem = Rosenbrock()
        assert problem.value([-1.2, 1.0]) == pytest.approx(24.2, rel=1e-14)
        eigenvalues = np.linalg.eigvalsh(problem.hessian(problem.minimum))
        assert eigenvalues[1] / eigenvalues[0] == pytest.approx(2508, abs=0.5)
        theta = np.array([0.3, -1.7])
        assert problem.value(theta) == pytest.approx(scipy.optimize.rosen(theta))
        assert_allclose(problem.gradient(theta), scipy.optimize.rosen_der(theta))
        assert_allclose(problem.hessian(theta), scipy.optimize.rosen_hess(theta))

    def test_newton_on_rosenbrock_takes_the_published_path(self):
        problem = Rosenbrock()
        theta, values = problem.start, []
        for _ in range(7):
            values.append(problem.value(theta))
            theta -= np.linalg.solve(problem.hessian(theta), problem.gradient(theta))
        assert_allclose(values[:6], [24.2, 4.731884, 1411.845, 0.05596552, 0.3131891, 1.8527e-11], rtol=1e-4)
        assert values[6] == pytest.approx(3.43e-20, rel=0.01)

    def test_beale(self):
        problem = Beale()
        assert problem.value([3.0, 0.5]) == 0.0
        assert problem.value([0.0, 0.0]) == 1.5**2 + 2.25**2 + 2.625**2
        assert_allclose(problem.gradient([0.0, 1.0]), 0.0)
        assert np.linalg.eigvalsh(problem.hessian([0.0, 1.0]))[0] < 0  # a saddle
        assert np.isfinite(problem.hessian([1.0, 0.0])).all()

    def test_himmelblau(self):
        problem = Himmelblau()
        assert problem.minima.shape == (4, 2) and problem.value(problem.minima).max() < 1e-25
        assert (np.linalg.eigvalsh(problem.hessian(problem.start)) < 0).all()

    def test_saddle(self):
        problem = Saddle()
        assert_array_equal(problem.gradient(problem.saddle), [0.0, 0.0])
        assert_array_equal(np.linalg.eigvalsh(problem.hessian(problem.saddle)), [-1.0, 1.0])
        assert_array_equal(problem.minima, [[0.0, 1.0], [0.0, -1.0]])
        theta = problem.start
        for _ in range(5):
            theta -= np.linalg.solve(problem.hessian(theta), problem.gradient(theta))
        assert_allclose(theta, problem.saddle, atol=1e-12)

    def test_plateau_is_flat_far_away(self):
        problem = Plateau()
        norms = [np.linalg.norm(problem.gradient([r, 0.0])) for r in (10.0, 20.0, 40.0)]
        assert norms[0] < 2e-3
        assert_allclose(np.divide(norms[:-1], norms[1:]), 8, rtol=0.03)  # like r⁻³
        inside, outside = np.sqrt(1 / 3) * 0.999, np.sqrt(1 / 3) * 1.001
        assert np.linalg.eigvalsh(problem.hessian([inside, 0.0]))[0] > 0
        assert np.linalg.eigvalsh(problem.hessian([outside, 0.0]))[0] < 0

    def test_ravine_condition_number(self):
        eigenvalues = np.linalg.eigvalsh(Ravine(kappa=100).hessian([0.0, 0.0]))
        assert eigenvalues[1] / eigenvalues[0] == pytest.approx(400, rel=0.01)

    @pytest.mark.parametrize(
        ("make", "name"),
        [
            (lambda value: Rosenbrock(a=value), "a"),
            (lambda value: Rosenbrock(b=value), "b"),
            (lambda value: Ravine(kappa=value), "kappa"),
        ],
    )
    def test_bad_arguments(self, make, name):
        with pytest.raises(ValueError, match=f"{name}: got nan"):
            make(float("nan"))
        with pytest.raises(TypeError, match=f"{name}: got '1'"):
            make("1")

    def test_out_of_range(self):
        with pytest.raises(ValueError, match="b: got 0"):
            Rosenbrock(b=0)
        with pytest.raises(ValueError, match=r"kappa: got 0\.5"):
            Ravine(kappa=0.5)

    @given(a=st.floats(-3, 3), b=st.floats(0.01, 1e4))
    def test_any_rosenbrock_has_its_minimum(self, a, b):
        problem = Rosenbrock(a, b)
        assert_allclose(problem.gradient(problem.minimum), 0, atol=1e-9)
        (x0, x1), (y0, y1) = problem.domain
        assert x0 < problem.minimum[0] < x1 and y0 < problem.minimum[1] < y1


class TestQuadratic:
    @given(kappa=st.floats(1, 1e6), rotation=st.floats(-10, 10), x=st.floats(-5, 5), y=st.floats(-5, 5))
    def test_any_condition_number_and_rotation(self, kappa, rotation, x, y):
        problem = Quadratic(kappa=kappa, rotation=rotation, minimum=[x, y])
        assert kappa == problem.L and problem.mu == 1.0 and problem.condition_number == kappa
        assert_allclose(np.linalg.eigvalsh(problem.matrix), [1.0, kappa], rtol=1e-9, atol=1e-9)
        assert_array_equal(problem.matrix, problem.matrix.T)
        away = problem.start - problem.minimum
        # every axis is one unit away, so the value is the sum of the curvatures over two
        assert problem.value(problem.start) == pytest.approx((1 + kappa) / 2, rel=1e-6)
        assert_allclose(problem.gradient(problem.start), problem.matrix @ away, rtol=1e-6, atol=1e-8 * kappa)
        assert problem.value(problem.minimum) == problem.minimum_value == 0.0
        assert_array_equal(problem.gradient(problem.minimum), [0.0, 0.0])
        first_axis = [np.cos(rotation), np.sin(rotation)]
        assert_allclose(problem.matrix @ first_axis, first_axis, atol=1e-9 * kappa)

    @given(rotation=st.floats(-4, 4), kappa=st.floats(1, 100))
    def test_newton_takes_one_step(self, rotation, kappa):
        problem = Quadratic(kappa=kappa, rotation=rotation, minimum=[1.0, -2.0])
        step = np.linalg.solve(problem.hessian(problem.start), problem.gradient(problem.start))
        assert_allclose(problem.start - step, problem.minimum, atol=1e-12)

    @given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=6))
    def test_any_dimension(self, eigenvalues):
        problem = Quadratic(eigenvalues)
        assert problem.dimension == len(eigenvalues)
        assert max(eigenvalues) == problem.L and problem.mu == min(eigenvalues)
        assert_array_equal(problem.matrix, np.diag(eigenvalues))
        assert_array_equal(problem.hessian(), problem.hessian(problem.start))
        assert (problem.domain is None) == (len(eigenvalues) != 2)

    def test_defaults(self):
        problem = Quadratic()
        assert problem.condition_number == 10 and problem.start.tolist() == [1.0, 1.0]
        assert problem.eigenvalues.tolist() == [1.0, 10.0]

    def test_gradient_descent_contracts_at_the_optimal_rate(self):
        problem = Quadratic(kappa=100, rotation=0.4)
        theta, rate = problem.start, 2 / (problem.L + problem.mu)
        before = np.linalg.norm(theta)
        for _ in range(50):
            theta -= rate * problem.gradient(theta)
        assert (np.linalg.norm(theta) / before) ** (1 / 50) == pytest.approx(99 / 101, abs=1e-9)

    def test_a_million_dimensions(self):
        problem = Quadratic(np.linspace(1, 2, 1_000_000))
        assert problem.value(problem.start) == pytest.approx(750_000)
        assert_array_equal(problem.hessian_vector_product(problem.start, problem.start), problem.eigenvalues)

    def test_arguments_are_copied(self):
        eigenvalues, minimum, start = np.array([1.0, 2.0]), np.array([1.0, 1.0]), np.array([3.0, 3.0])
        problem = Quadratic(eigenvalues, minimum=minimum, start=start)
        for array in (eigenvalues, minimum, start):
            array[0] = 77.0
        assert problem.eigenvalues.tolist() == [1.0, 2.0]
        assert problem.minimum.tolist() == [1.0, 1.0] and problem.start.tolist() == [3.0, 3.0]

    def test_start_at_the_minimum_has_a_domain(self):
        assert Quadratic(start=[0.0, 0.0]).domain == ((-1.0, 1.0), (-1.0, 1.0))

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"eigenvalues": [1.0, -1.0]}, ValueError, r"eigenvalues: got a smallest value of -1; .*Saddle"),
            ({"eigenvalues": [1.0, 0.0]}, ValueError, "eigenvalues: got a smallest value of 0"),
            ({"eigenvalues": [1.0, np.nan]}, ValueError, "eigenvalues: got .* NaN"),
            ({"eigenvalues": [[1.0, 2.0]]}, ValueError, "eigenvalues: got .*; expected 1 dimension"),
            ({"eigenvalues": []}, ValueError, "eigenvalues: got .*; expected at least one value"),
            ({"eigenvalues": "steep"}, TypeError, "eigenvalues: got 'steep'"),
            ({"kappa": 0.5}, ValueError, r"kappa: got 0\.5; expected a finite number >= 1"),
            ({"kappa": np.inf}, ValueError, "kappa: got inf"),
            ({"kappa": [10]}, TypeError, r"kappa: got \[10\]"),
            ({"eigenvalues": [1.0, 2.0], "kappa": 2.0}, ValueError, "kappa: got 2.0 together with eigenvalues"),
            ({"rotation": np.nan}, ValueError, "rotation: got nan"),
            ({"eigenvalues": [1, 2, 3], "rotation": 0.5}, ValueError, "rotation: got 0.5 in 3 dimensions"),
            ({"minimum": [1.0]}, ValueError, r"minimum: got .*; expected shape \(2,\)"),
            ({"start": [1.0, 2.0, 3.0]}, ValueError, r"start: got .*; expected shape \(2,\)"),
            ({"start": [1.0, np.nan]}, ValueError, "start: got .* NaN"),
        ],
    )
    def test_bad_arguments(self, arguments, error, message):
        with pytest.raises(error, match=message):
            Quadratic(**arguments)


def scipy_minimum(problem):
    return scipy.optimize.minimize(
        problem.value,
        problem.start,
        jac=problem.gradient,
        hess=problem.hessian,
        method="trust-exact",
        options={"gtol": 1e-10},
    )


class TestRegression:
    @pytest.mark.parametrize("make", [moons_problem, blobs_problem])
    @pytest.mark.parametrize("l2", [1e-6, 1e-3, 1.0])
    def test_minimum_against_scipy(self, make, l2):
        problem = make(l2=l2)
        result = scipy_minimum(problem)
        assert problem.minimum_value == pytest.approx(result.fun, abs=1e-13)
        weights, bias = problem.weights_and_bias(problem.minimum)
        scipy_weights, scipy_bias = problem.weights_and_bias(result.x)
        assert_allclose(weights, scipy_weights, atol=1e-5 * (1 + np.abs(weights).max()))
        if problem.n_outputs > 1:
            scipy_bias = scipy_bias - scipy_bias.mean()
            assert abs(bias.sum()) < 1e-12
        assert_allclose(bias, scipy_bias, atol=1e-5 * (1 + np.abs(bias).max()))

    @pytest.mark.parametrize("make", [moons_problem, blobs_problem])
    def test_minimum_without_a_penalty_against_scipy(self, make):
        problem = make(l2=0.0)
        assert problem.minimum_value == pytest.approx(scipy_minimum(problem).fun, abs=1e-12)

    @settings(max_examples=25)
    @given(
        seed=st.integers(0, 1000),
        n=st.integers(4, 40),
        n_features=st.integers(1, 6),
        n_classes=st.integers(2, 4),
        l2=st.floats(1e-4, 10),
        scale=st.sampled_from([0.1, 1.0, 10.0]),
    )
    def test_any_penalised_regression_has_a_minimum(self, seed, n, n_features, n_classes, l2, scale):
        generator = np.random.default_rng(seed)
        x, y = scale * generator.standard_normal((n, n_features)), np.arange(n) % n_classes
        problem = SoftmaxRegression(x, y, l2=l2)
        at_zero = np.linalg.norm(problem.gradient(problem.start))
        assert np.linalg.norm(problem.gradient(problem.minimum)) <= 2e-8 * at_zero
        if n_classes == 2:
            # Two outputs differ by w = w₁ − w₀ = 2w₁, so ‖W‖² = ½‖w‖²: the same problem with half the penalty.
            logistic = LogisticRegression(x, y, l2=l2 / 2)
            assert logistic.minimum_value == pytest.approx(problem.minimum_value, abs=1e-12)

    @pytest.mark.parametrize("make", [moons_problem, blobs_problem])
    def test_value_by_the_formula(self, make):
        problem = make(l2=0.3)
        theta = np.random.default_rng(0).standard_normal(problem.dimension)
        weights, bias = problem.weights_and_bias(theta)
        assert_array_equal(np.append(weights.ravel(), bias), theta)  # W row by row, then b
        x, y = two_moons(60, noise=0.3) if problem.n_outputs == 1 else gaussian_blobs(60, n_classes=4)
        p = problem.probabilities(theta, x)
        assert p.shape == (60, problem.n_outputs)
        of_label = np.where(y == 1, p[:, 0], 1 - p[:, 0]) if problem.n_outputs == 1 else p[np.arange(60), y]
        expected = -np.log(of_label).mean() + 0.15 * np.sum(weights**2)
        assert problem.value(theta) == pytest.approx(expected, rel=1e-12)
        expected_labels = (p[:, 0] > 0.5).astype(int) if problem.n_outputs == 1 else p.argmax(axis=1)
        assert_array_equal(problem.predict(theta, x), expected_labels)

    @pytest.mark.parametrize("make", [moons_problem, blobs_problem])
    def test_large_logits_are_stable(self, make):
        problem = make(l2=0.0)
        for scale in (1e3, 1e6):
            theta = scale * np.ones(problem.dimension) * np.where(np.arange(problem.dimension) % 2, 1, -1)
            assert np.isfinite(problem.value(theta)) and np.isfinite(problem.gradient(theta)).all()
            assert np.isfinite(problem.hessian(theta)).all()

    @pytest.mark.parametrize("make", [moons_problem, blobs_problem])
    def test_blocks_change_nothing(self, make, monkeypatch):
        whole = make()
        monkeypatch.setattr(problems.regression, "_BLOCK_VALUES", 14)
        blocks = make()
        assert len(blocks._blocks) > 5 and len(whole._blocks) == 1
        theta = np.random.default_rng(0).standard_normal(whole.dimension)
        assert blocks.value(theta) == pytest.approx(whole.value(theta), rel=1e-14)
        assert_allclose(blocks.gradient(theta), whole.gradient(theta), atol=1e-15)
        assert_allclose(blocks.hessian(theta), whole.hessian(theta), atol=1e-15)
        assert_allclose(
            blocks.hessian_vector_product(theta, theta), whole.hessian_vector_product(theta, theta), atol=1e-14
        )
        x = gaussian_blobs(60, n_classes=4)[0]
        assert_array_equal(blocks.predict(theta, x), whole.predict(theta, x))
        assert_allclose(blocks.minimum, whole.minimum, atol=1e-7)

    def test_without_the_preconditioner_the_minimum_is_the_same(self, monkeypatch):
        with_it = blobs_problem().minimum
        monkeypatch.setattr(problems.regression, "LARGEST_PRECONDITIONER", 0)
        assert_allclose(blobs_problem().minimum, with_it, atol=1e-6)

    def test_float32_data_are_not_copied_and_only_rounded_once(self):
        x, y = gaussian_blobs(200, n_classes=3)
        single = x.astype(np.float32)
        problem = SoftmaxRegression(single, y, l2=0.01)
        assert problem._x is single
        double = SoftmaxRegression(single.astype(np.float64), y, l2=0.01)
        theta = np.linspace(-1, 1, problem.dimension)
        assert problem.value(theta) == double.value(theta)
        assert_array_equal(problem.gradient(theta), double.gradient(theta))
        assert problem.minimum_value == pytest.approx(double.minimum_value, abs=1e-13)
        assert_allclose(problem.minimum, double.minimum, atol=1e-5)

    def test_data_are_untouched(self):
        x, y = gaussian_blobs(50)
        x_before, y_before = x.copy(), y.copy()
        problem = SoftmaxRegression(x, y, l2=0.1)
        problem.minimum, problem.hessian(problem.start), problem.predict(problem.start, x)
        assert_array_equal(x, x_before)
        assert_array_equal(y, y_before)
        x.flags.writeable = y.flags.writeable = False
        assert SoftmaxRegression(x, y, l2=0.1).minimum_value == problem.minimum_value

    def test_the_minimum_is_computed_once(self, monkeypatch):
        calls = []
        original = problems.regression.newton_cg
        monkeypatch.setattr(
            problems.regression, "newton_cg", lambda *args, **options: calls.append(1) or original(*args, **options)
        )
        problem = moons_problem()
        assert not calls
        assert_array_equal(problem.minimum, problem.minimum)
        assert problem.minimum_value < problem.value(problem.start) and len(calls) == 1

    def test_start_has_equal_probabilities(self):
        assert moons_problem().value(moons_problem().start) == pytest.approx(np.log(2))
        assert blobs_problem().value(blobs_problem().start) == pytest.approx(np.log(4))

    def test_boolean_labels(self):
        x, y = two_moons(40)
        assert LogisticRegression(x, y == 1, l2=0.1).minimum_value == LogisticRegression(x, y, l2=0.1).minimum_value

    def test_small_unsigned_labels(self):
        x, y = gaussian_blobs(40, n_classes=3)
        small = SoftmaxRegression(x, y.astype(np.uint8), l2=0.1)
        assert small.minimum_value == SoftmaxRegression(x, y, l2=0.1).minimum_value
        x, y = two_moons(40)
        small = LogisticRegression(x, y.astype(np.uint8), l2=0.1)
        assert small.minimum_value == LogisticRegression(x, y, l2=0.1).minimum_value


class TestNoMinimum:
    @pytest.mark.parametrize("make", [LogisticRegression, SoftmaxRegression])
    def test_separable(self, make):
        x, y = gaussian_blobs(40, n_classes=2, noise=0.1)
        problem = make(x, y)
        for _ in range(2):
            with pytest.raises(
                ValueError, match=r"minimum: there is none, because the classes are separable .* l2 > 0"
            ):
                _ = problem.minimum
        with pytest.raises(ValueError, match="separable"):
            _ = problem.minimum_value
        assert np.isfinite(problem.value(problem.start))  # the rest still works
        assert make(x, y, l2=1e-6).minimum_value > 0

    @pytest.mark.parametrize("make", [LogisticRegression, SoftmaxRegression])
    def test_separable_but_for_a_tie(self, make):
        # Both classes have a sample at 1: no line separates them, and still the loss falls for ever.
        x, y = [[0.0], [1.0], [1.0], [2.0]], [0, 0, 1, 1]
        with pytest.raises(ValueError, match=r"minimum: there is none, .* l2 > 0"):
            _ = make(x, y).minimum

    @pytest.mark.parametrize("l2", [0.0, 0.1])
    def test_class_without_samples(self, l2):
        x, y = gaussian_blobs(30, n_classes=3)
        with pytest.raises(ValueError, match="minimum: there is none, because class 3 has no sample"):
            _ = SoftmaxRegression(x, y, l2=l2, n_classes=5).minimum
        with pytest.raises(ValueError, match="class 1 has no sample"):
            _ = LogisticRegression(x, np.zeros(30, int), l2=l2).minimum

    def test_not_converged(self, monkeypatch):
        monkeypatch.setattr(problems.regression, "MAX_STEPS", 2)
        with pytest.raises(RuntimeError, match="minimum: not found; the Newton method stopped at a gradient of"):
            _ = blobs_problem().minimum


class TestRegressionArguments:
    @pytest.mark.parametrize("make", [LogisticRegression, SoftmaxRegression])
    @pytest.mark.parametrize(
        ("x", "y", "l2", "error", "message"),
        [
            ([[1.0], [np.nan]], [0, 1], 0.1, ValueError, "x: got .* with 1 NaN"),
            ([1.0, 2.0], [0, 1], 0.1, ValueError, "x: got .*; expected 2 dimensions"),
            (np.zeros((0, 2)), [], 0.1, ValueError, "x: got .*; expected at least one value"),
            ("pixels", [0, 1], 0.1, TypeError, "x: got 'pixels'"),
            ([[1.0], [2.0]], [0, 1, 1], 0.1, ValueError, "y: got 3 labels; expected 2"),
            ([[1.0], [2.0]], [-1, 1], 0.1, ValueError, "y: got values from -1"),
            ([[1.0], [2.0]], [0.0, 1.0], 0.1, ValueError, "y: got float64 array"),
            ([[1.0], [2.0]], [[0], [1]], 0.1, ValueError, "y: got int64 array"),
            ([[1.0], [2.0]], None, 0.1, ValueError, "y: got"),
            ([[1.0], [2.0]], [0, 1], -0.1, ValueError, "l2: got -0.1; expected a finite number >= 0"),
            ([[1.0], [2.0]], [0, 1], np.nan, ValueError, "l2: got nan"),
            ([[1.0], [2.0]], [0, 1], None, TypeError, "l2: got None"),
        ],
    )
    def test_bad_arguments(self, make, x, y, l2, error, message):
        with pytest.raises(error, match=message):
            make(x, y, l2=l2)

    def test_labels_out_of_range(self):
        with pytest.raises(ValueError, match="y: got values from 0 to 2; expected integers from 0 to 1"):
            LogisticRegression([[1.0], [2.0]], [0, 2])
        with pytest.raises(ValueError, match="y: got values from 0 to 2; expected integers from 0 to 1"):
            SoftmaxRegression([[1.0], [2.0]], [0, 2], n_classes=2)

    @pytest.mark.parametrize(("n_classes", "error"), [(1, ValueError), (2.0, TypeError), ("2", TypeError)])
    def test_n_classes(self, n_classes, error):
        with pytest.raises(error, match=f"n_classes: got {n_classes!r}"):
            SoftmaxRegression([[1.0], [2.0]], [0, 1], n_classes=n_classes)

    @pytest.mark.parametrize("method", ["predict", "probabilities"])
    def test_new_data_of_another_width(self, method):
        problem = moons_problem()
        with pytest.raises(ValueError, match=r"x: got .*; expected shape \(any, 2\)"):
            getattr(problem, method)(problem.start, [[1.0, 2.0, 3.0]])

    def test_a_hessian_beyond_a_gigabyte_is_refused(self):
        x = np.random.default_rng(0).standard_normal((20, 2_000))
        problem = SoftmaxRegression(x, np.arange(20) % 10, l2=0.1)
        message = r"hessian: 20,010 × 20,010 numbers would take 3\.2 GB; .*Use hessian_vector_product"
        with pytest.raises(ValueError, match=message):
            problem.hessian(problem.start)
        vector = np.random.default_rng(1).standard_normal(problem.dimension)
        theta = problem.start + 0.01
        expected = (problem.gradient(theta + 1e-5 * vector) - problem.gradient(theta - 1e-5 * vector)) / 2e-5
        assert_allclose(problem.hessian_vector_product(theta, vector), expected, atol=2e-6)


class TestMnist:
    """Softmax regression on real data: SciPy as the oracle, and the figures that chapter 02 cites."""

    def test_minimum_against_scipy(self):
        data = load_mnist()
        problem = SoftmaxRegression(data.x_train[:2_000], data.y_train[:2_000], l2=1e-2)
        result = scipy.optimize.minimize(
            problem.value,
            problem.start,
            jac=problem.gradient,
            method="L-BFGS-B",
            options={"gtol": 1e-7, "ftol": 0, "maxiter": 500},
        )
        assert problem.minimum_value == pytest.approx(result.fun, abs=1e-9)
        assert np.linalg.norm(problem.gradient(problem.minimum)) < 1e-7
        assert (problem.predict(problem.minimum, data.x_test) != data.y_test).mean() < 0.13

    @pytest.mark.slow
    def test_minimum_on_all_images(self):
        data = load_mnist()
        problem = SoftmaxRegression(data.x_train, data.y_train, l2=1e-4)
        assert problem.minimum_value == pytest.approx(0.26274, abs=1e-5)
        assert np.linalg.norm(problem.gradient(problem.minimum)) < 1e-6
        assert (problem.predict(problem.minimum, data.x_test) != data.y_test).mean() == pytest.approx(0.0748, abs=2e-4)
