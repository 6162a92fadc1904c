"""The line search: what it promises, and how it fails."""

import math

import numpy as np
import pytest

from nnopt_utils.problems import MORE_GARBOW_HILLSTROM, PROBLEMS, FunctionObjective, Quadratic, Rosenbrock
from nnopt_utils.second_order import strong_wolfe

EVERY = {**PROBLEMS, **{type(p).__name__: p for p in MORE_GARBOW_HILLSTROM.values()}}


def line(value, slope, start=0.0):
    """A function of one variable."""
    return FunctionObjective(lambda x: value(x[0]), lambda x: np.array([slope(x[0])]), np.array([start]))


def along(problem, **options):
    return strong_wolfe(problem, problem.start, [1.0], **options)


@pytest.mark.parametrize("first", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("curvature", [0.9, 0.1, 0.001])
@pytest.mark.parametrize("name", EVERY)
def test_both_conditions_hold(name, curvature, first):
    problem = EVERY[name]
    theta, g = problem.start, problem.gradient(problem.start)
    found = strong_wolfe(problem, theta, -g / np.linalg.norm(g), first=first, curvature=curvature)
    d = -g / np.linalg.norm(g)
    assert found.step is not None, found.message
    assert problem.value(theta + found.step * d) <= problem.value(theta) + 1e-4 * found.step * g @ d
    assert abs(problem.gradient(theta + found.step * d) @ d) <= curvature * abs(g @ d) * (1 + 1e-9)
    assert found.n_evaluations <= 50 and found.message == ""


def test_what_is_returned_is_what_is_there():
    problem = Rosenbrock()
    g = problem.gradient(problem.start)
    found = strong_wolfe(problem, problem.start, -g)
    np.testing.assert_array_equal(found.x, problem.start - found.step * g)
    assert found.value == problem.value(found.x)
    np.testing.assert_array_equal(found.gradient, problem.gradient(found.x))


def test_on_a_quadratic_the_second_trial_is_its_minimum():
    problem = Quadratic([1.0, 7.0])
    theta = np.array([1.0, 2.0])
    g = problem.gradient(theta)
    found = strong_wolfe(problem, theta, -g, first=1.0, curvature=1e-3)
    assert found.n_evaluations == 3  # at θ, at 1, at the minimum of the cubic
    assert found.step == pytest.approx(g @ g / (g @ problem.hessian(theta) @ g), rel=1e-12)


def test_the_first_step_is_taken_where_it_will_do():
    found = strong_wolfe(Quadratic([1.0]), [3.0], [-1.0], first=2.5)
    assert (found.step, found.n_evaluations) == (2.5, 2)


def test_value_and_gradient_are_asked_for_together():
    class Counted(Rosenbrock):
        calls = 0

        def value_and_gradient(self, theta):
            self.calls += 1
            return super().value(theta), super().gradient(theta)

        def value(self, theta):
            raise AssertionError

        gradient = value

    problem = Counted()
    found = strong_wolfe(problem, problem.start, Rosenbrock().gradient(problem.start) * -1)
    assert found.n_evaluations == problem.calls > 2


@pytest.mark.parametrize("outside", [math.nan, math.inf, -math.inf])
def test_steps_are_shortened_where_j_is_not_finite(outside):
    problem = line(lambda x: (x - 1) ** 2 if x < 1.5 else outside, lambda x: 2 * (x - 1) if x < 1.5 else math.nan)
    found = along(problem, first=1e6)
    assert 0 < found.step < 1.5 and found.value < 1


def test_slopes_decide_where_values_cannot():
    """Of J = 10⁸ + (x − 1)² the sixteen digits end at 10⁻⁸; the minimum is found to ten digits."""
    problem = line(lambda x: 1e8 + (x - 1) ** 2, lambda x: 2 * (x - 1), start=1 + 1e-6)
    found = strong_wolfe(problem, problem.start, [-1.0], first=7e-7, curvature=2e-4)
    assert problem.value(problem.start) == problem.value([1.0])
    assert found.x[0] == pytest.approx(1, abs=1e-10)


class TestFailures:
    def test_uphill(self):
        problem = Rosenbrock()
        found = strong_wolfe(problem, problem.start, problem.gradient(problem.start))
        assert found.step is None and found.message.startswith("the direction leads up: its slope is")
        np.testing.assert_array_equal(found.x, problem.start)
        assert found.n_evaluations == 1 and found.value == problem.value(problem.start)

    def test_a_slope_of_zero(self):
        assert along(line(lambda x: x**2, lambda x: 2 * x)).message == "the direction leads up: its slope is 0"

    def test_unbounded(self):
        found = along(line(lambda x: -x, lambda x: -1.0))
        assert found.step is None and found.message.startswith("J still falls after a step of")
        assert found.value < -1e20 and found.n_evaluations == 50

    def test_a_wrong_sign(self):
        found = along(line(lambda x: x**2 + 1, lambda x: -2 * x, start=1.0))
        assert found.step is None and found.message.endswith("is the gradient right?")
        assert found.value == 2

    def test_a_constant_with_a_slope(self):
        found = along(line(lambda x: 1.0, lambda x: -1.0))
        assert found.step is None and found.message.endswith("is the gradient right?")

    def test_nothing_finite(self):
        found = along(line(lambda x: 0.0 if x == 0 else math.nan, lambda x: -1.0))
        assert found.step is None and found.message.startswith("J is not finite after any step down to")

    def test_a_kink(self):
        found = along(line(lambda x: 1 + abs(x - np.pi), lambda x: 1.0 if x > np.pi else -1.0), first=0.4)
        assert found.step is None and "seems to jump" in found.message
        assert found.value < 1 + 1e-6  # the best point is given all the same

    def test_the_end_of_double_precision(self):
        """A slope that no neighbouring number lessens."""
        problem = line(lambda x: 1e20 * (x - 1 / 3) ** 2 + 1e9, lambda x: 2e20 * (x - 1 / 3) - 1, start=1 / 3)
        found = along(problem, curvature=0.001)
        assert found.step is None and found.message.startswith("J changes in its last digits only")

    def test_too_few_evaluations(self):
        problem = Rosenbrock()
        found = strong_wolfe(problem, problem.start, -problem.gradient(problem.start), max_evaluations=3)
        assert found.step is None and found.message and found.n_evaluations == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first": 0.0}, r"first: got 0\.0; expected a finite number > 0"),
        ({"decrease": 0.5}, r"decrease: got 0\.5; expected a finite number > 0 and < 0\.5"),
        ({"curvature": 1e-4}, r"curvature: got 0\.0001; expected a finite number > 0\.0001 and < 1"),
        ({"curvature": 1.0}, r"curvature: got 1\.0; expected"),
        ({"max_evaluations": 1}, r"max_evaluations: got 1; expected an integer >= 2"),
        ({"direction": [1.0, 2.0, 3.0]}, r"direction: got float64 array of shape \(3,\); expected shape \(2,\)"),
        ({"direction": [np.nan, 1.0]}, r"direction: .*expected only finite numbers"),
        ({"theta": [[1.0, 2.0]]}, r"theta: got float64 array of shape \(1, 2\); expected 1 dimension"),
    ],
)
def test_bad_input(options, message):
    arguments = {"problem": Rosenbrock(), "theta": [0.0, 1.0], "direction": [1.0, 0.0], **options}
    with pytest.raises(ValueError, match=message):
        strong_wolfe(**arguments)


def test_bad_problems():
    with pytest.raises(TypeError, match="problem: got the class Rosenbrock"):
        strong_wolfe(Rosenbrock, [0.0, 1.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="theta: got a point where J is inf"):
        strong_wolfe(line(lambda x: math.nan, lambda x: 1.0), [0.0], [1.0])
