"""L-BFGS: its two loops, its path, its ends, and softmax regression on MNIST."""

import signal
from collections import deque

import numpy as np
import pytest

from nnopt_utils.datasets import load_mnist
from nnopt_utils.problems import (
    MORE_GARBOW_HILLSTROM,
    ExtendedRosenbrock,
    FunctionObjective,
    Rosenbrock,
    SoftmaxRegression,
)
from nnopt_utils.second_order import bfgs, bfgs_update, lbfgs, two_loop


def steps(d, m, seed=0):
    """Steps of positive curvature, oldest first."""
    generator = np.random.default_rng(seed)
    root = generator.normal(size=(d, d))
    H = root @ root.T + np.eye(d)
    return [(s, H @ s, 1 / (s @ H @ s)) for s in generator.normal(size=(m, d))]


class TestTwoLoop:
    @pytest.mark.parametrize("m", [0, 1, 2, 7])
    @pytest.mark.parametrize("scale", [None, 0.3])
    def test_is_the_product_with_the_matrix_of_bfgs(self, m, scale):
        pairs, g = steps(5, m), np.random.default_rng(1).normal(size=5)
        if scale is None:
            gamma = pairs[-1][0] @ pairs[-1][1] / (pairs[-1][1] @ pairs[-1][1]) if pairs else 1.0
        else:
            gamma = scale
        M = gamma * np.eye(5)
        for s, y, _ in pairs:
            M = bfgs_update(M, s, y)
        np.testing.assert_allclose(two_loop(g, deque(pairs), scale), M @ g, rtol=1e-12, atol=1e-12)

    def test_leaves_its_arguments(self):
        pairs, g = steps(5, 3), np.ones(5)
        before = [tuple(np.copy(part) for part in pair) for pair in pairs]
        two_loop(g, pairs)
        assert (g == 1).all()
        assert all(
            (a == b).all() for old, new in zip(before, pairs, strict=True) for a, b in zip(old, new, strict=True)
        )

    def test_bad_input(self):
        with pytest.raises(ValueError, match=r"gradient: got float64 array of shape \(1, 2\); expected 1 dimension"):
            two_loop(np.ones((1, 2)), [])
        with pytest.raises(TypeError, match=r"pairs: got .*; expected a deque or list of tuples \(s, y, rho\)"):
            two_loop(np.ones(2), [np.ones(2)])
        with pytest.raises(TypeError, match=r"pairs: got 3; expected"):
            two_loop(np.ones(2), 3)
        with pytest.raises(ValueError, match=r"scale: got 0\.0; expected a finite number > 0"):
            two_loop(np.ones(2), [], 0.0)


class TestPath:
    @pytest.mark.parametrize("number", [1, 7, 14, 21, 26, 30])
    def test_with_all_steps_and_the_first_scale_it_is_bfgs(self, number):
        problem = MORE_GARBOW_HILLSTROM[number]
        first, second = bfgs(problem), lbfgs(problem, memory=1000, rescale=False)
        same = min(len(first.trajectory.points), 20)  # further on, the last digits have grown
        np.testing.assert_allclose(
            first.trajectory.points[:same], second.trajectory.points[:same], rtol=1e-8, atol=1e-8
        )
        assert abs(first.n_iterations - second.n_iterations) <= 2

    def test_its_defaults_are_another_method(self):
        first, second = bfgs(Rosenbrock()).trajectory.points, lbfgs(Rosenbrock()).trajectory.points
        assert np.abs(first[:10] - second[:10]).max() > 0.01

    @pytest.mark.parametrize("number", set(MORE_GARBOW_HILLSTROM) - {10})  # Meyer's last digits do not reach 10⁻⁶
    def test_it_converges_on_the_standard_problems(self, number):
        result = lbfgs(MORE_GARBOW_HILLSTROM[number])
        assert result.converged and result.gradient_norm <= 1e-6, result.message

    @pytest.mark.parametrize("memory", [1, 3, 10])
    def test_any_memory_will_do(self, memory):
        assert lbfgs(Rosenbrock(), memory=memory).converged

    def test_a_thousand_parameters(self):
        result = lbfgs(ExtendedRosenbrock(1000))
        assert result.converged and np.abs(result.x - 1).max() < 1e-6
        assert result.n_evaluations < 150

    def test_value_and_gradient_are_asked_for_together(self):
        problem = SoftmaxRegression(np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 3, l2=0.01)
        calls = []

        class Counted:
            start = problem.start

            def value_and_gradient(self, theta):
                calls.append(theta)
                return problem.value_and_gradient(theta)

            def value(self, theta):
                raise AssertionError

            gradient = value

        result = lbfgs(Counted())
        assert result.converged and len(calls) == result.n_evaluations == result.n_gradients
        assert result.value == pytest.approx(problem.minimum_value, rel=1e-9)


class TestEnds:
    def test_unbounded(self):
        result = lbfgs(FunctionObjective(lambda x: -(x @ x), lambda x: -2 * x, np.ones(2)))
        assert not result.converged and "is it unbounded below?" in result.message

    def test_a_wrong_gradient(self):
        result = lbfgs(FunctionObjective(lambda x: x @ x, lambda x: 2 * x * [1, -1], np.array([0.1, 1.0])))
        assert not result.converged and result.message.endswith("is the gradient right?")

    def test_what_is_not_finite_is_kept_out_of(self):
        problem = FunctionObjective(
            lambda x: float(x[0] - np.log(x[0])) if x[0] > 0 else np.nan, lambda x: 1 - 1 / x, np.array([1e-3])
        )
        result = lbfgs(problem)
        assert result.converged and result.x[0] == pytest.approx(1, abs=1e-6)

    def test_an_interrupt(self):
        problem, calls = Rosenbrock(), []

        def value(x):
            calls.append(x)
            if len(calls) == 9:
                signal.raise_signal(signal.SIGINT)
            return problem.value(x)

        result = lbfgs(FunctionObjective(value, problem.gradient, problem.start))
        assert result.message == "interrupted" and not result.converged
        assert result.value == result.trajectory.values.min() < 24.2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"memory": 0}, ValueError, r"memory: got 0; expected an integer >= 1"),
        ({"memory": 2.5}, TypeError, r"memory: got 2\.5; expected an integer >= 1"),
        ({"tolerance": np.nan}, ValueError, r"tolerance: got nan; expected a finite number >= 0"),
        ({"max_iterations": 0}, ValueError, r"max_iterations: got 0; expected an integer >= 1"),
        ({"curvature": 0.0}, ValueError, r"curvature: got 0\.0; expected a finite number > 0 and < 1"),
        ({"start": [1.0]}, ValueError, r"start: got float64 array of shape \(1,\); expected shape \(2,\)"),
        ({"problem": 3}, TypeError, r"problem: got 3; expected an object with value, gradient and start"),
    ],
)
def test_bad_input(options, error, message):
    with pytest.raises(error, match=message):
        lbfgs(**{"problem": Rosenbrock(), **options})


@pytest.mark.slow
def test_softmax_regression_on_mnist():
    data = load_mnist()
    problem = SoftmaxRegression(data.x_train, data.y_train, l2=1e-4)
    result = lbfgs(problem, max_iterations=400, tolerance=1e-4)
    assert result.converged, result.message
    values = result.trajectory.values
    assert values[100] <= 0.2652
    assert 0.2627 <= result.value <= 0.2628
