"""Newton–CG: to minima of surfaces and of regressions, with preconditioners, and every way in which a run may end."""

from __future__ import annotations

import signal
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from odd_problems import Interrupted, NoCurvature, NotFinite, Shaped, WrongSign

from nnopt_utils.datasets import gaussian_blobs, load_mnist, two_moons
from nnopt_utils.problems import (
    Beale,
    FunctionObjective,
    Himmelblau,
    LogisticRegression,
    Plateau,
    Quadratic,
    Ravine,
    Rosenbrock,
    Saddle,
    SoftmaxRegression,
)
from nnopt_utils.second_order import newton_cg

SURFACES = [Rosenbrock(), Beale(), Himmelblau(), Saddle(), Plateau(), Ravine()]


class TestSurfaces:
    @pytest.mark.parametrize("problem", SURFACES)
    def test_descends_to_a_minimum(self, problem):
        result = newton_cg(problem)
        assert result.converged and result.gradient_norm <= 1e-6
        assert result.value == pytest.approx(problem.minimum_value, abs=1e-11)
        assert (np.diff(result.trajectory.values) <= 1e-12).all()
        assert result.n_products > 0 and result.n_hessians == 0

    def test_many_parameters(self):
        problem = Quadratic(np.geomspace(1, 1e4, 500), minimum=np.linspace(-1, 1, 500), start=np.zeros(500))
        result = newton_cg(problem, tolerance=1e-8)
        assert result.converged
        assert_allclose(result.x, problem.minimum, atol=1e-7)

    @pytest.mark.parametrize("y", [1e-2, -1e-5])
    def test_leaves_the_saddle(self, y):
        result = newton_cg(Saddle(), [1.0, y])
        assert result.converged and result.x[1] == pytest.approx(np.sign(y), abs=1e-6)

    def test_faster_than_linear(self):
        """The ratio of one gradient to the one before shrinks: three digits in the last step."""
        norms = newton_cg(Rosenbrock(), tolerance=1e-10).trajectory.gradient_norms
        assert norms[-1] / norms[-2] < 1e-3 and norms[-2] / norms[-3] < 0.1

    def test_no_product_beyond_the_tolerance(self):
        problem = Quadratic(np.geomspace(1, 1e3, 200), minimum=np.zeros(200), start=np.ones(200))
        costs = [newton_cg(problem, tolerance=tolerance).n_products for tolerance in (1e-1, 1e-4, 1e-8)]
        assert costs[0] < costs[1] < costs[2]

    def test_a_preconditioner_saves_products(self):
        eigenvalues = np.geomspace(1, 1e6, 100)
        plain = Quadratic(eigenvalues, minimum=np.zeros(100), start=np.ones(100))
        helped = SimpleNamespace(
            start=plain.start,
            value=plain.value,
            gradient=plain.gradient,
            hessian_vector_product=plain.hessian_vector_product,
            preconditioner=lambda theta: lambda r: r / eigenvalues,
        )
        without, with_it = newton_cg(plain), newton_cg(helped)
        assert without.converged and with_it.converged
        assert with_it.n_products == 1 and without.n_products > 50

    def test_the_most_products(self):
        problem = Quadratic(np.geomspace(1, 1e4, 50), minimum=np.zeros(50), start=np.ones(50))
        result = newton_cg(problem, max_products=3, max_iterations=5)
        assert 10 < result.n_products <= 15 < newton_cg(problem, max_iterations=5).n_products


class TestRegression:
    @pytest.mark.parametrize("l2", [0.0, 0.05])
    @pytest.mark.parametrize("kind", ["logistic", "softmax"])
    def test_the_minimum_that_the_problem_knows(self, kind, l2):
        x, y = two_moons(60, noise=0.3) if kind == "logistic" else gaussian_blobs(60, n_classes=4)
        problem = (LogisticRegression if kind == "logistic" else SoftmaxRegression)(x, y, l2=l2)
        result = newton_cg(problem, tolerance=1e-9)
        assert result.converged and result.value == pytest.approx(problem.minimum_value, abs=1e-12)
        assert result.n_gradients == result.n_evaluations  # in one pass
        gradient = problem.gradient(problem.minimum)
        assert np.linalg.norm(gradient) <= 1e-8 * np.linalg.norm(problem.gradient(problem.start))

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("kind", ["logistic", "softmax"])
    def test_what_it_asks_of_a_regression(self, kind, dtype):
        x, y = two_moons(80, noise=0.3) if kind == "logistic" else gaussian_blobs(80, n_classes=3)
        problem = (LogisticRegression if kind == "logistic" else SoftmaxRegression)(x.astype(dtype), y, l2=0.1)
        generator = np.random.default_rng(0)
        for _ in range(2):
            theta, v = generator.normal(size=(2, problem.dimension))
            value, gradient = problem.value_and_gradient(theta)
            assert value == pytest.approx(problem.value(theta), rel=1e-13)
            assert_array_equal(gradient, problem.gradient(theta))
            Hv = problem.hessian(theta) @ v
            accuracy = 1e-5 if dtype is np.float32 else 1e-12
            assert_allclose(problem.hessian_operator(theta)(v), Hv, atol=accuracy * np.abs(Hv).max())
            assert_allclose(problem.hessian_vector_product(theta, v), Hv, atol=1e-12 * np.abs(Hv).max())
        single = problem.hessian_operator(theta)(v) - Hv
        assert (np.abs(single).max() > 1e-9) == (dtype is np.float32)  # float32 products for float32 data

    def test_operators_at_two_points_do_not_mix(self):
        problem = LogisticRegression(*two_moons(40, noise=0.3), l2=0.1)
        here, there = np.zeros(3), np.ones(3)
        at_here, precondition = problem.hessian_operator(here), problem.preconditioner(here)
        expected = precondition(np.ones(3))
        at_there = problem.hessian_operator(there)
        problem.value_and_gradient(2 * there)
        assert_allclose(at_here(np.ones(3)), problem.hessian(here) @ np.ones(3), rtol=1e-12)
        assert_allclose(at_there(np.ones(3)), problem.hessian(there) @ np.ones(3), rtol=1e-12)
        assert_array_equal(precondition(np.ones(3)), expected)

    def test_the_preconditioner_is_symmetric_positive_and_exact_at_zero_but_for_the_bias(self):
        problem = SoftmaxRegression(*gaussian_blobs(60, n_classes=3), l2=0.1)
        solve = problem.preconditioner(problem.start)
        inverse = np.array([solve(e) for e in np.eye(problem.dimension)])
        assert_allclose(inverse, inverse.T, atol=1e-12)
        assert np.linalg.eigvalsh(inverse).min() > 0
        penalised = problem.hessian(problem.start) + np.diag([0.0] * 6 + [0.1] * 3)  # the bias, too
        assert_allclose(inverse @ penalised, np.eye(9), atol=1e-10)

    def test_it_saves_products(self, monkeypatch):
        x = load_mnist().x_train[:500], load_mnist().y_train[:500]
        with_it = newton_cg(SoftmaxRegression(*x, l2=1e-3), tolerance=1e-6)
        without = SoftmaxRegression(*x, l2=1e-3)
        monkeypatch.setattr(without, "preconditioner", lambda theta: lambda r: r)
        plain = newton_cg(without, tolerance=1e-6)
        assert with_it.converged and plain.converged
        assert with_it.n_products < plain.n_products / 2

    @pytest.mark.parametrize("l2", [0.0, 0.1])
    def test_an_interrupt_ends_the_search_for_the_minimum(self, l2, monkeypatch):
        problem = SoftmaxRegression(*gaussian_blobs(60, n_classes=4), l2=l2)
        original, calls = problem.hessian_operator, []

        def interrupting(theta):
            calls.append(1)
            if len(calls) == 2:
                signal.raise_signal(signal.SIGINT)
            return original(theta)

        monkeypatch.setattr(problem, "hessian_operator", interrupting)
        with pytest.raises(KeyboardInterrupt):
            _ = problem.minimum
        monkeypatch.undo()
        assert problem.minimum_value < problem.value(problem.start)  # asked again, it is found

    def test_large_data_in_blocks(self):
        """As it is used: float32 images, 7,850 parameters."""
        data = load_mnist()
        problem = SoftmaxRegression(data.x_train[:1000], data.y_train[:1000], l2=1e-2)
        result = newton_cg(problem, tolerance=1e-7)
        assert result.converged and result.n_iterations < 15 and result.n_products < 150
        assert result.value == pytest.approx(problem.minimum_value, abs=1e-12)


class TestEnds:
    def test_interrupted(self):
        result = newton_cg(Interrupted(at=4))
        assert not result.converged and result.message == "interrupted"
        assert result.value == result.trajectory.values.min() < 24.2

    @pytest.mark.parametrize("part", ["value", "gradient"])
    def test_values_that_are_not_finite(self, part):
        result = newton_cg(NotFinite(part))
        assert not result.converged and np.isfinite(result.value) and np.isfinite(result.x).all()
        assert result.value <= result.trajectory.values[0]

    def test_a_hessian_that_is_not_finite(self):
        result = newton_cg(NoCurvature())
        assert not result.converged and result.message == "a product with the Hessian is not finite"
        assert result.n_iterations == 0

    def test_a_wrong_gradient(self):
        result = newton_cg(WrongSign())
        assert not result.converged and "the gradient is wrong" in result.message
        assert_array_equal(result.x, Rosenbrock().start)

    def test_no_curvature_at_all(self):
        """A slope without an end: it goes down by growing steps, and says that it did not arrive."""
        slope = SimpleNamespace(
            start=np.array([1.0]),
            value=lambda theta: float(theta[0]),
            gradient=lambda theta: np.ones(1),
            hessian=lambda theta: np.zeros((1, 1)),
        )
        result = newton_cg(slope, max_iterations=5)
        assert not result.converged and result.value == -4.0

    def test_too_few_iterations(self):
        assert newton_cg(Rosenbrock(), max_iterations=3).message.startswith("3 iterations did not")

    @pytest.mark.parametrize(
        ("problem", "options", "error", "message"),
        [
            (FunctionObjective(np.sum, np.ones_like, [1.0]), {}, TypeError, "it lacks hessian_vector_product"),
            (Rosenbrock(), {"max_products": 0}, ValueError, "max_products: got 0"),
            (Rosenbrock(), {"tolerance": -1.0}, ValueError, "tolerance: got -1.0"),
            (Rosenbrock(), {"max_iterations": 2.0}, TypeError, "max_iterations: got 2.0"),
            (Shaped("gradient"), {}, ValueError, r"problem: got gradient\(theta\) of shape \(2, 1\)"),
            (Shaped("product"), {}, ValueError, r"problem: got a product of shape \(2, 1\)"),
        ],
    )
    def test_bad_arguments(self, problem, options, error, message):
        with pytest.raises(error, match=message):
            newton_cg(problem, **options)
