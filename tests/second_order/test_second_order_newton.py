"""Newton's method: published values, what it is drawn to, invariance, and every way in which it may end."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from odd_problems import Interrupted, NoCurvature, NotFinite, Shaped, Transformed, Wrapped, WrongSign

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
)
from nnopt_utils.second_order import newton

BOTH = pytest.mark.parametrize("damped", [False, True])


class Curve:
    """A function of one number, by its value and two derivatives."""

    def __init__(self, start, value, first, second):
        self.start = np.array([start])
        self.value = lambda theta: float(value(theta[0]))
        self.gradient = lambda theta: np.array([first(theta[0])])
        self.hessian = lambda theta: np.array([[second(theta[0])]])


class TestPure:
    @BOTH
    @pytest.mark.parametrize("kappa", [1.0, 100.0, 1e6])
    def test_one_step_on_a_quadratic(self, kappa, damped):
        problem = Quadratic(kappa=kappa, rotation=0.7, minimum=[-1.0, 2.0])
        result = newton(problem, [5.0, -3.0], max_iterations=1, damped=damped)
        assert result.n_iterations == 1
        assert_allclose(result.x, problem.minimum, atol=1e-12 * max(1, kappa / 100))
        many = Quadratic(np.geomspace(1, 100, 30), minimum=np.arange(30.0))
        assert_allclose(newton(many, max_iterations=1, damped=damped).x, np.arange(30.0), atol=1e-12)

    def test_rosenbrock_as_published(self):
        result = newton(Rosenbrock())
        published = [24.2, 4.731884, 1411.845, 0.05596552, 0.3131891, 1.8527e-11, 3.43e-20]
        assert_allclose(result.trajectory.values, published, rtol=1e-3)
        assert_allclose(result.trajectory.values[:5], published[:5], rtol=1e-6)
        assert (result.n_iterations, result.n_evaluations, result.n_gradients) == (6, 7, 7)
        assert result.converged and result.n_hessians == 7  # one a step, and one to see what it ended at

    def test_digits_double(self):
        """The minimum of x³/3 − 2x is √2: the error of the next step is e²/(2x)."""
        curve = Curve(1.5, lambda x: x**3 / 3 - 2 * x, lambda x: x**2 - 2, lambda x: 2 * x)
        points = newton(curve, tolerance=1e-12).trajectory.points[:, 0]
        error = points - np.sqrt(2)
        assert_allclose(error[1:4], error[:3] ** 2 / (2 * points[:3]), rtol=1e-3)

    def test_to_a_saddle(self):
        result = newton(Saddle())
        assert_allclose(result.x, [0, 0], atol=1e-12)
        assert result.converged
        assert result.message == "converged to a saddle: the Hessian there has a negative eigenvalue"
        saddle_of_beale = newton(Beale())
        assert_allclose(saddle_of_beale.x, [0, 1], atol=1e-12)
        assert "saddle" in saddle_of_beale.message

    def test_to_a_maximum(self):
        result = newton(Himmelblau(), [0.0, 0.0])
        assert result.value > 181 and result.value > result.trajectory.values[0]
        assert result.message == "converged to a maximum: every eigenvalue of the Hessian there is negative"

    def test_away_for_ever(self):
        """A small gradient far out on the plateau is no convergence."""
        result = newton(Plateau())
        distance = np.linalg.norm(result.trajectory.points, axis=1)
        assert (np.diff(distance) > 0.3 * distance[:-1]).all()  # each step a third farther
        assert not result.converged and result.message.startswith("diverged: the gradient is small, but")
        assert_array_equal(result.x, Plateau().start)  # the best point
        steep = newton(Plateau(), tolerance=0.0, max_iterations=20)
        assert not steep.converged and "20 iterations" in steep.message

    def test_on_log_cosh_far_out(self):
        """Convex, and still: beyond |x| = 1.09 each step is longer than the way back."""
        curve = Curve(1.2, lambda x: np.log(np.cosh(x)), np.tanh, lambda x: 1 / np.cosh(x) ** 2)
        pure = newton(curve)
        assert not pure.converged and pure.x == [1.2]
        assert newton(curve, [1.0]).converged
        damped = newton(curve, damped=True)
        assert damped.converged and abs(damped.x[0]) < 1e-6

    @pytest.mark.parametrize("seed", range(5))
    def test_other_coordinates_same_path(self, seed):
        generator = np.random.default_rng(seed)
        A = generator.normal(size=(2, 2)) + 2 * np.eye(2)
        for problem in (Rosenbrock(), Himmelblau(), Ravine()):
            there, here = newton(Transformed(problem, A), tolerance=1e-9), newton(problem, tolerance=1e-9)
            steps = min(there.n_iterations, here.n_iterations) + 1
            assert steps >= 5
            assert_allclose(there.trajectory.points[:steps] @ A.T, here.trajectory.points[:steps], atol=1e-10)
            assert_allclose(there.trajectory.values[:4], here.trajectory.values[:4], rtol=1e-9)

    def test_a_singular_hessian(self):
        for matrix in (np.diag([1.0, 0.0]), np.array([[0.1, 0.3], [0.3, 0.9]])):

            class Valley(Wrapped):
                start = np.array([1.0, 1.0])

                def __init__(self, H):
                    self.H = H

                def value(self, theta):
                    return float(theta @ self.H @ theta) / 2

                def gradient(self, theta):
                    return self.H @ theta

                def hessian(self, theta):
                    return self.H

            result = newton(Valley(matrix))
            assert not result.converged and result.message == "the Hessian is singular: it has no Newton step"
            assert_array_equal(result.x, [1.0, 1.0])
            damped = newton(Valley(matrix), damped=True)
            assert damped.converged and damped.value < 1e-12


class TestDamped:
    @pytest.mark.parametrize("problem", [Rosenbrock(), Beale(), Himmelblau(), Saddle(), Plateau(), Ravine()])
    def test_every_step_descends_to_a_minimum(self, problem):
        result = newton(problem, damped=True)
        assert result.converged
        assert result.value == pytest.approx(problem.minimum_value, abs=1e-11)
        assert (np.diff(result.trajectory.values) <= 1e-14).all()
        assert np.linalg.eigvalsh(problem.hessian(result.x)).min() > 0

    @pytest.mark.parametrize("y", [1e-2, -1e-2, 1e-5, 1e-9, -1e-12, 1e-300, 0.0])
    def test_leaves_the_saddle(self, y):
        """Also from next to the line that leads to it, and from the line itself: then from the saddle."""
        result = newton(Saddle(), [1.0, y], damped=True)
        assert result.converged and abs(result.x[1]) == pytest.approx(1, abs=1e-6)
        if abs(y) > 1e-6:
            assert np.sign(result.x[1]) == np.sign(y)

    def test_starts_on_saddle_and_maximum(self):
        assert abs(newton(Saddle(), [0.0, 0.0], damped=True).x[1]) == pytest.approx(1)
        top = newton(Himmelblau()).x
        result = newton(Himmelblau(), top, damped=True)
        assert result.converged and result.value < 1e-9

    def test_no_iteration_left_to_leave_it(self):
        result = newton(Saddle(), [1.0, 0.0], damped=True, max_iterations=1)
        assert_array_equal(result.x, [0.0, 0.0])
        assert "saddle" in result.message

    def test_a_hessian_of_zeros(self):
        """Next to the minimum of x⁴ + y⁴ it is almost 0, at an inflection it is."""
        curve = Curve(0.0, lambda x: x**3 + x + x**4, lambda x: 3 * x**2 + 1 + 4 * x**3, lambda x: 6 * x + 12 * x**2)
        result = newton(curve, damped=True)
        assert result.converged and result.value < 0
        flat = Curve(1.0, lambda x: x**4, lambda x: 4 * x**3, lambda x: 12 * x**2)
        assert newton(flat, damped=True).converged

    def test_a_regression(self):
        generator = np.random.default_rng(0)
        x = generator.normal(size=(50, 3))
        problem = LogisticRegression(x, x[:, 0] + generator.normal(size=50) > 0, l2=0.01)
        for damped in (False, True):
            result = newton(problem, tolerance=1e-10, damped=damped)
            assert_allclose(result.x, problem.minimum, atol=1e-6)
            assert result.n_iterations < 10


class TestEnds:
    @BOTH
    def test_interrupted(self, damped):
        result = newton(Interrupted(at=3), damped=damped)
        assert not result.converged and result.message == "interrupted"
        assert result.value == result.trajectory.values.min() < 24.2
        assert_array_equal(Rosenbrock().value(result.x), result.value)

    @BOTH
    def test_too_few_iterations(self, damped):
        result = newton(Rosenbrock(), max_iterations=2, damped=damped)
        assert not result.converged and result.message.startswith("2 iterations did not")
        assert result.value == result.trajectory.values.min()

    @BOTH
    @pytest.mark.parametrize("part", ["value", "gradient"])
    def test_values_that_are_not_finite(self, part, damped):
        result = newton(NotFinite(part), damped=damped)
        assert not result.converged and np.isfinite(result.value) and np.isfinite(result.x).all()
        assert "finite" in result.message or "no step" in result.message or "100 iterations" in result.message

    @BOTH
    def test_a_hessian_that_is_not_finite(self, damped):
        result = newton(NoCurvature(), damped=damped)
        assert not result.converged and result.message == "the Hessian is not finite"
        assert_array_equal(result.x, Rosenbrock().start)

    def test_a_wrong_gradient(self):
        result = newton(WrongSign(), damped=True)
        assert not result.converged and "the gradient is wrong" in result.message

    def test_already_there(self):
        result = newton(Rosenbrock(), [1.0, 1.0])
        assert result.converged and result.n_iterations == 0 and len(result.trajectory.points) == 1

    @BOTH
    def test_the_problem_and_the_start_are_untouched(self, damped):
        start = np.array([-1.2, 1.0])
        result = newton(Rosenbrock(), start, damped=damped)
        assert_array_equal(start, [-1.2, 1.0])
        assert result.x.dtype == np.float64
        assert newton(Rosenbrock(), start.astype(np.float32), damped=damped).x.dtype == np.float64


@pytest.mark.parametrize(
    ("problem", "start", "options", "error", "message"),
    [
        (abs, None, {}, TypeError, "problem: got .*; expected an object with value, gradient, hessian and start"),
        (FunctionObjective(np.sum, np.ones_like, [1.0]), None, {}, TypeError, "problem: got .* it lacks hessian"),
        (Rosenbrock, None, {}, TypeError, "problem: got the class Rosenbrock"),
        (Rosenbrock(), [1.0, 2.0, 3.0], {}, ValueError, r"start: got .*; expected shape \(2,\)"),
        (Rosenbrock(), [[1.0, 2.0]], {}, ValueError, "start: got .*; expected 1 dimension"),
        (Rosenbrock(), [1.0, np.inf], {}, ValueError, "start: got .* with 1 NaN or infinite"),
        (Rosenbrock(), [1e200, 0.0], {}, ValueError, "start: got a point where J is inf"),
        (Rosenbrock(), None, {"tolerance": -1e-6}, ValueError, "tolerance: got -1e-06"),
        (Rosenbrock(), None, {"tolerance": None}, TypeError, "tolerance: got None"),
        (Rosenbrock(), None, {"max_iterations": 0}, ValueError, "max_iterations: got 0"),
        (Rosenbrock(), None, {"max_iterations": 1.5}, TypeError, "max_iterations: got 1.5"),
        (Shaped("gradient"), None, {}, ValueError, r"problem: got gradient\(theta\) of shape \(2, 1\)"),
        (Shaped("hessian"), None, {}, ValueError, r"problem: got hessian\(theta\) of shape \(2,\).*expected \(2, 2\)"),
    ],
)
def test_bad_arguments(problem, start, options, error, message):
    with pytest.raises(error, match=message):
        newton(problem, start, **options)
