"""Trust regions: Steihaug's step against its definition, saddles left, and every way in which a run may end."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from odd_problems import Interrupted, NoCurvature, NotFinite, Shaped, Wrapped, WrongSign

from nnopt_utils.problems import Beale, FunctionObjective, Himmelblau, Plateau, Quadratic, Ravine, Rosenbrock, Saddle
from nnopt_utils.second_order import steihaug, trust_region

SURFACES = [Rosenbrock(), Beale(), Himmelblau(), Saddle(), Plateau(), Ravine()]


def cauchy_decrease(A, g, radius):
    """How far the model falls along −g within the ball."""
    curvature, norm = g @ A @ g, np.linalg.norm(g)
    length = radius / norm if curvature <= 0 else min(norm**2 / curvature, radius / norm)
    return length * norm**2 - length**2 * curvature / 2


class TestSteihaug:
    @pytest.mark.parametrize("seed", range(40))
    def test_inside_the_ball_and_at_least_as_good_as_the_best_step_along_the_slope(self, seed):
        generator = np.random.default_rng(seed)
        d = int(generator.integers(1, 8))
        A = generator.normal(size=(d, d))
        A, g = A + A.T + generator.uniform(0, 4) * np.eye(d), generator.normal(size=d)
        radius = float(np.exp(generator.uniform(-3, 3)))
        found = steihaug(A, g, radius)
        s = found.step
        assert found.decrease == pytest.approx(-(g @ s + s @ A @ s / 2), rel=1e-9)
        assert found.decrease >= cauchy_decrease(A, g, radius) * (1 - 1e-9)
        assert np.linalg.norm(s) <= radius * (1 + 1e-9)
        assert found.on_boundary == (np.linalg.norm(s) >= radius * (1 - 1e-9))
        positive = np.linalg.eigvalsh(A).min() > 0
        if not found.on_boundary:
            assert positive
            assert_allclose(s, np.linalg.solve(A, -g), rtol=1e-6, atol=1e-9)
        if found.negative_curvature:
            assert found.on_boundary and not positive

    def test_it_saw_all_three_ends(self):
        kinds = set()
        for seed in range(40):
            generator = np.random.default_rng(seed)
            A = np.diag(generator.normal(size=3))
            found = steihaug(A + 0.5 * np.eye(3), generator.normal(size=3), 1.5)
            kinds.add((found.on_boundary, found.negative_curvature))
        assert kinds == {(False, False), (True, False), (True, True)}

    def test_a_tiny_radius_gives_steepest_descent(self):
        g = np.array([3.0, -4.0])
        assert_allclose(steihaug(np.diag([1.0, 2.0]), g, 1e-6).step, -1e-6 * g / 5, rtol=1e-9)

    def test_a_function_a_tolerance_and_the_most_steps(self):
        A, g = np.diag(np.arange(1.0, 11.0)), np.ones(10)
        assert_array_equal(steihaug(lambda v: A @ v, g, 5.0).step, steihaug(A, g, 5.0).step)
        assert steihaug(A, g, 5.0, max_iterations=2).n_products == 2
        rough = steihaug(A, g, 5.0, tolerance=0.3)
        assert np.linalg.norm(A @ rough.step + g) <= 0.3 * np.linalg.norm(g)
        assert rough.n_products < steihaug(A, g, 5.0).n_products
        assert not steihaug(A, np.zeros(10), 1.0).step.any()

    @pytest.mark.parametrize(
        ("arguments", "options", "error", "message"),
        [
            ((np.eye(3), np.ones(2), 1.0), {}, ValueError, "matrix: got"),
            (([[1.0, 2.0], [0.0, 1.0]], np.ones(2), 1.0), {}, ValueError, "matrix: got .* not symmetric"),
            ((np.eye(2), [np.nan, 1.0], 1.0), {}, ValueError, "gradient: got"),
            ((np.eye(2), np.ones(2), 0.0), {}, ValueError, "radius: got 0.0"),
            ((np.eye(2), np.ones(2), 1.0), {"tolerance": -1}, ValueError, "tolerance: got -1"),
            ((np.eye(2), np.ones(2), 1.0), {"tolerance": 1.0}, ValueError, "tolerance: got 1.0"),
            ((np.eye(2), np.ones(2), 1.0), {"max_iterations": 0}, ValueError, "max_iterations: got 0"),
        ],
    )
    def test_bad_arguments(self, arguments, options, error, message):
        with pytest.raises(error, match=message):
            steihaug(*arguments, **options)


class TestTrustRegion:
    @pytest.mark.parametrize("problem", SURFACES)
    @pytest.mark.parametrize("radius", [1e-3, 1.0, 100.0])
    def test_descends_to_a_minimum(self, problem, radius):
        result = trust_region(problem, radius=radius)
        assert result.converged and result.gradient_norm <= 1e-6
        assert result.value == pytest.approx(problem.minimum_value, abs=1e-9)
        assert (np.diff(result.trajectory.values) <= 1e-12).all()
        assert result.n_products > 0 and result.n_hessians == 0

    @pytest.mark.parametrize("y", [1e-2, -1e-2, 1e-5])
    def test_leaves_the_saddle(self, y):
        result = trust_region(Saddle(), [1.0, y])
        assert result.converged and result.x[1] == pytest.approx(np.sign(y), abs=1e-6)

    def test_does_not_notice_a_saddle_that_it_meets_exactly(self):
        """As its docstring says: on the line the gradient has no part across, so no product does."""
        result = trust_region(Saddle(), [1.0, 0.0])
        assert result.converged
        assert_array_equal(result.x, [0.0, 0.0])

    def test_one_step_on_a_quadratic_within_the_radius(self):
        problem = Quadratic(np.geomspace(1, 10, 20), minimum=np.zeros(20), start=np.full(20, 0.1))
        exact = trust_region(problem, max_iterations=30, tolerance=1e-10)
        assert exact.converged and exact.n_iterations < 10
        assert np.linalg.norm(exact.x) < 1e-10

    def test_no_step_is_longer_than_the_largest_radius(self):
        result = trust_region(Rosenbrock(), radius=0.1, max_radius=0.15)
        steps = np.linalg.norm(np.diff(result.trajectory.points, axis=0), axis=1)
        assert result.converged and 0.14 < steps.max() <= 0.15 * (1 + 1e-9)

    def test_products_or_else_the_hessian(self):
        class OnlyHessian:
            def __init__(self):
                inner = Rosenbrock()
                self.start, self.value, self.gradient, self.hessian = (
                    inner.start,
                    inner.value,
                    inner.gradient,
                    inner.hessian,
                )

        class Operator(OnlyHessian):
            def hessian_operator(self, theta):
                H = self.hessian(theta)
                return lambda vector: H @ vector

        results = [trust_region(problem) for problem in (OnlyHessian(), Operator(), Rosenbrock())]
        assert results[0].n_hessians == results[0].n_iterations > 0 and results[1].n_hessians == 0
        assert_array_equal(results[1].trajectory.points, results[0].trajectory.points)
        assert_allclose(results[2].trajectory.points, results[0].trajectory.points, rtol=1e-6)  # by a complex step
        assert results[1].n_products == results[2].n_products == results[0].n_products

    def test_interrupted(self):
        result = trust_region(Interrupted(at=4))
        assert not result.converged and result.message == "interrupted"
        assert result.value == result.trajectory.values.min() < 24.2

    @pytest.mark.parametrize("part", ["value", "gradient"])
    def test_values_that_are_not_finite(self, part):
        result = trust_region(NotFinite(part))
        assert not result.converged and np.isfinite(result.value) and np.isfinite(result.x).all()
        assert result.value <= result.trajectory.values[0]

    def test_a_hessian_that_is_not_finite(self):
        result = trust_region(NoCurvature())
        assert not result.converged and result.message == "a product with the Hessian is not finite"
        assert result.n_iterations == 0

    def test_a_wrong_gradient(self):
        result = trust_region(WrongSign())
        assert not result.converged and "the gradient is wrong" in result.message
        assert_array_equal(result.x, Rosenbrock().start)

    def test_a_singular_hessian(self):
        class Flat(Wrapped):
            """(x − y)²: the minimum is a line."""

            start = np.array([3.0, 1.0])
            H = np.array([[2.0, -2.0], [-2.0, 2.0]])

            def __init__(self):
                pass

            def value(self, theta):
                return float(theta @ self.H @ theta) / 2

            def gradient(self, theta):
                return self.H @ theta

            def hessian(self, theta):
                return self.H

        result = trust_region(Flat())
        assert result.converged
        assert_allclose(result.x, [2.0, 2.0])

    def test_too_few_iterations(self):
        assert trust_region(Rosenbrock(), max_iterations=3).message.startswith("3 iterations did not")

    @pytest.mark.parametrize(
        ("problem", "options", "error", "message"),
        [
            (FunctionObjective(np.sum, np.ones_like, [1.0]), {}, TypeError, "it lacks hessian_vector_product"),
            (Rosenbrock(), {"radius": 0.0}, ValueError, "radius: got 0.0"),
            (
                Rosenbrock(),
                {"radius": 2.0, "max_radius": 1.0},
                ValueError,
                "radius: got 2; expected at most max_radius",
            ),
            (Rosenbrock(), {"max_radius": "wide"}, TypeError, "max_radius: got 'wide'"),
            (Rosenbrock(), {"tolerance": np.nan}, ValueError, "tolerance: got nan"),
            (Rosenbrock(), {"max_iterations": -1}, ValueError, "max_iterations: got -1"),
            (Shaped("gradient"), {}, ValueError, r"problem: got gradient\(theta\) of shape \(2, 1\)"),
            (Shaped("product"), {}, ValueError, r"problem: got a product of shape \(2, 1\)"),
        ],
    )
    def test_bad_arguments(self, problem, options, error, message):
        with pytest.raises(error, match=message):
            trust_region(problem, **options)
