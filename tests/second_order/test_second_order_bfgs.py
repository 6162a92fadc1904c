"""BFGS: its matrix, its path, its ends."""

import signal
from itertools import pairwise

import numpy as np
import pytest

from nnopt_utils.problems import (
    MORE_GARBOW_HILLSTROM,
    PROBLEMS,
    BrownDennis,
    FunctionObjective,
    Quadratic,
    Rosenbrock,
)
from nnopt_utils.second_order import bfgs, bfgs_update

EXACT = 1e-9  # c₂ of line searches that find the minimum


def bowl(d=6, seed=0):
    """A quadratic whose axes are not those of θ."""
    generator = np.random.default_rng(seed)
    U = np.linalg.qr(generator.normal(size=(d, d)))[0]
    H = U @ np.diag(np.geomspace(1, 50, d)) @ U.T
    start = generator.normal(size=d)
    return H, FunctionObjective(lambda x: float(x @ H @ x) / 2, lambda x: H @ x, start)


class TestUpdate:
    @pytest.mark.parametrize("seed", range(5))
    def test_is_the_formula(self, seed):
        generator = np.random.default_rng(seed)
        root, s, y, identity = generator.normal(size=(7, 7)), *generator.normal(size=(2, 7)), np.eye(7)
        y *= np.sign(s @ y)
        M = root @ root.T + identity
        rho = 1 / (y @ s)
        left = identity - rho * np.outer(s, y)
        found = bfgs_update(M, s, y)
        np.testing.assert_allclose(found, left @ M @ left.T + rho * np.outer(s, s), rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(found @ y, s, rtol=1e-9, atol=1e-10)
        np.testing.assert_array_equal(found, found.T)
        assert np.linalg.eigvalsh(found).min() > 0

    def test_is_the_nearest_matrix_that_takes_y_to_s(self):
        """In the norm ‖W^½ (M − M_t) W^½‖ of any W that takes s to y, no other symmetric one with M y = s is nearer."""
        generator = np.random.default_rng(0)
        H, _ = bowl(4)
        s = generator.normal(size=4)
        y, M = H @ s, np.diag(generator.uniform(1, 2, size=4))
        root = np.linalg.cholesky(H)
        found = bfgs_update(M, s, y)
        distance = np.linalg.norm(root.T @ (found - M) @ root)
        across = np.eye(4) - np.outer(y, y) / (y @ y)  # what is added must take y to 0
        for _ in range(200):
            other = generator.normal(size=(4, 4)) * 10 ** generator.uniform(-3, 0)
            other = found + across @ (other + other.T) @ across
            assert np.linalg.norm(root.T @ (other - M) @ root) > distance

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((np.ones((2, 3)), [1.0, 0.0], [1.0, 0.0]), r"M: got float64 array of shape \(2, 3\); expected"),
            ((np.eye(2), [1.0, 0.0, 0.0], [1.0, 0.0]), r"s: got float64 array of shape \(3,\); expected shape \(2,\)"),
            ((np.eye(2), [1.0, 0.0], [-1.0, 0.0]), r"y: got a change of the gradient with sᵀy = -1; expected sᵀy > 0"),
            ((np.eye(2), [1.0, 0.0], [0.0, 1.0]), r"y: .* expected sᵀy > 0"),
        ],
    )
    def test_bad_input(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            bfgs_update(*arguments)


class TestPath:
    @pytest.mark.parametrize("d", [1, 2, 4, 6])
    def test_with_exact_line_searches_a_quadratic_ends_in_d_steps_and_m_is_the_inverse(self, d):
        H, problem = bowl(d)
        result = bfgs(problem, curvature=EXACT, tolerance=1e-8)
        assert result.converged and result.n_iterations == d
        M, points = None, result.trajectory.points
        for before, after in pairwise(points):
            s, y = after - before, problem.gradient(after) - problem.gradient(before)
            M = bfgs_update(np.eye(d) * (s @ y) / (y @ y) if M is None else M, s, y)
        np.testing.assert_allclose(M, np.linalg.inv(H), rtol=1e-5, atol=1e-7)

    def test_the_path_does_not_depend_on_the_coordinates(self):
        """Under θ = A φ with an orthogonal A, which leaves the first step what it is."""
        _, problem = bowl(4)
        A = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0]
        turned = FunctionObjective(
            lambda x: problem.value(A @ x), lambda x: A.T @ problem.gradient(A @ x), A.T @ problem.start
        )
        first, second = bfgs(problem), bfgs(turned)
        np.testing.assert_allclose(second.trajectory.points @ A.T, first.trajectory.points, atol=1e-9)

    @pytest.mark.parametrize("number", set(MORE_GARBOW_HILLSTROM) - {10})  # Meyer's last digits do not reach 10⁻⁶
    def test_it_converges_on_the_standard_problems(self, number):
        result = bfgs(MORE_GARBOW_HILLSTROM[number])
        assert result.converged, result.message
        assert result.gradient_norm <= 1e-6

    def test_convergence_is_faster_than_linear(self):
        norms = bfgs(Rosenbrock(), tolerance=1e-12).trajectory.gradient_norms
        ratios = norms[1:] / norms[:-1]
        assert ratios[-3:].max() < 0.1

    def test_j_falls_with_every_step(self):
        for problem in PROBLEMS.values():
            values = bfgs(problem).trajectory.values
            assert (np.diff(values) < 1e-12 * np.abs(values[:-1])).all()

    def test_what_it_counts_is_what_it_asked(self):
        calls = []
        problem = FunctionObjective(
            lambda x: calls.append("J") or Rosenbrock().value(x),
            lambda x: calls.append("g") or Rosenbrock().gradient(x),
            Rosenbrock().start,
        )
        result = bfgs(problem)
        assert (calls.count("J"), calls.count("g")) == (result.n_evaluations, result.n_gradients)
        assert result.n_hessians == result.n_products == 0
        assert result.trajectory.steps == result.n_iterations and result.trajectory.optimizer == "bfgs"


class TestEnds:
    def test_at_the_minimum(self):
        result = bfgs(Rosenbrock(), [1.0, 1.0], tolerance=0.0)
        assert result.converged and result.n_iterations == 0 and result.n_evaluations == 1

    def test_too_few_iterations(self):
        result = bfgs(Rosenbrock(), max_iterations=3)
        assert not result.converged and result.n_iterations == 3
        assert result.message == "3 iterations did not bring the gradient's norm to 1e-06"

    def test_unbounded(self):
        result = bfgs(FunctionObjective(lambda x: -x.sum(), lambda x: -np.ones(2), np.zeros(2)))
        assert not result.converged and "is it unbounded below?" in result.message
        assert result.value < -1e20

    def test_a_gradient_with_a_wrong_sign(self):
        result = bfgs(FunctionObjective(lambda x: x @ x, lambda x: -2 * x, np.ones(2)))
        assert not result.converged and result.message.endswith("is the gradient right?")
        assert result.value == 2 and result.n_evaluations < 60

    def test_a_gradient_with_one_wrong_entry(self):
        result = bfgs(FunctionObjective(lambda x: x @ x, lambda x: 2 * x * [1, -1, 1], np.array([1.0, 0.1, 1.0])))
        assert not result.converged and result.message.endswith("is the gradient right?")

    @pytest.mark.parametrize("outside", [np.nan, np.inf])
    def test_what_is_not_finite_is_kept_out_of(self, outside):
        """J = x − ln x where x > 0: the first steps would lead to the other side."""

        def value(x):
            return float(x[0] - np.log(x[0])) if x[0] > 0 else outside

        def gradient(x):
            return 1 - 1 / x if x[0] > 0 else np.array([outside])

        result = bfgs(FunctionObjective(value, gradient, np.array([10.0])))
        assert result.converged and result.x[0] == pytest.approx(1, abs=1e-6)

    def test_a_gradient_that_ends(self):
        """Where J is finite but its gradient is not, no step ends."""
        problem = FunctionObjective(
            lambda x: float(x @ x), lambda x: 2 * x if np.abs(x).min() > 0.5 else x * np.nan, np.array([2.0, 3.0])
        )
        result = bfgs(problem)
        assert not result.converged and result.message
        assert np.isfinite(result.x).all() and result.value <= 13

    def test_double_precision_ends(self):
        result = bfgs(BrownDennis(), tolerance=1e-12)
        assert not result.converged and "double precision" in result.message
        assert result.value == pytest.approx(85822.20162635, rel=1e-12) and result.gradient_norm < 1e-3
        assert result.n_iterations < 100

    def test_an_interrupt(self):
        problem, calls = Rosenbrock(), []

        def gradient(x):
            calls.append(x)
            if len(calls) == 9:
                signal.raise_signal(signal.SIGINT)
            return problem.gradient(x)

        before = signal.getsignal(signal.SIGINT)
        result = bfgs(FunctionObjective(problem.value, gradient, problem.start))
        assert result.message == "interrupted" and not result.converged
        assert result.value == result.trajectory.values.min() < 24.2
        assert signal.getsignal(signal.SIGINT) is before

    def test_an_ascent_direction_is_left_for_the_steepest(self):
        """At a maximum along the line M is of no use; the run goes on and says nothing of it."""
        kinked = FunctionObjective(
            lambda x: float(abs(x[0]) + 10 * abs(x[1])), lambda x: np.sign(x) * [1.0, 10.0], np.array([3.3, 0.7])
        )
        result = bfgs(kinked)
        assert result.message and result.value < 0.5


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"tolerance": -1.0}, ValueError, r"tolerance: got -1\.0; expected a finite number >= 0"),
        ({"max_iterations": 0}, ValueError, r"max_iterations: got 0; expected an integer >= 1"),
        ({"max_iterations": 2.5}, TypeError, r"max_iterations: got 2\.5"),
        ({"curvature": 1.0}, ValueError, r"curvature: got 1\.0; expected a finite number > 0 and < 1"),
        ({"start": [[1.0, 2.0]]}, ValueError, r"start: got float64 array of shape \(1, 2\)"),
        ({"start": [np.nan, 2.0]}, ValueError, r"start: .* expected only finite numbers"),
        ({"problem": Rosenbrock}, TypeError, r"problem: got the class Rosenbrock; expected an instance"),
        ({"problem": abs}, TypeError, r"problem: got .*; expected an object with value, gradient and start"),
    ],
)
def test_bad_input(options, error, message):
    with pytest.raises(error, match=message):
        bfgs(**{"problem": Rosenbrock(), **options})


def test_a_start_without_a_finite_value():
    with pytest.raises(ValueError, match="start: got a point where J is inf; expected a finite value and gradient"):
        bfgs(FunctionObjective(lambda x: np.nan, lambda x: x, np.ones(1)))


def test_the_start_is_left_as_it_is():
    start = np.array([-1.2, 1.0])
    bfgs(Quadratic([1.0, 2.0]), start)
    assert start.tolist() == [-1.2, 1.0]
