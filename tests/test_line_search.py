"""Step lengths: conditions they must meet, an independent answer, bad arguments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import line_search as scipy_line_search

from nnopt_utils.line_search import backtracking, exact_quadratic, steepest_descent
from nnopt_utils.problems import Beale, Quadratic, Rosenbrock, Saddle

points = st.tuples(st.floats(-3, 3), st.floats(-3, 3)).map(np.array)


@given(theta=points)
def test_backtracking_meets_armijo_and_the_longer_step_does_not(theta: np.ndarray):
    problem = Rosenbrock()
    gradient = problem.gradient(theta)
    if np.linalg.norm(gradient) < 1e-6:
        return
    step = backtracking(problem, theta, -gradient)

    def enough(s: float) -> bool:
        return problem.value(theta - s * gradient) <= problem.value(theta) - 1e-4 * s * float(gradient @ gradient)

    assert enough(step)
    assert step == 1.0 or not enough(2 * step)


@given(theta=points.filter(lambda p: np.linalg.norm(p) > 1e-3), kappa=st.floats(1, 1e3))
def test_exact_step_is_the_lowest_point_of_the_line(theta: np.ndarray, kappa: float):
    problem = Quadratic([1.0, kappa])
    direction = -problem.gradient(theta)
    step = exact_quadratic(problem, theta, direction)
    lowest = problem.value(theta + step * direction)
    assert all(problem.value(theta + factor * step * direction) >= lowest for factor in (0.9, 0.99, 1.01, 1.1))
    # At the lowest point the new gradient is at a right angle to the line.
    after = problem.gradient(theta + step * direction)
    assert abs(after @ direction) <= 1e-8 * np.linalg.norm(direction) ** 2


def test_both_accept_what_scipy_accepts():
    problem, theta = Beale(), np.array([1.0, 1.0])
    direction = -problem.gradient(theta)
    scipys = scipy_line_search(problem.value, problem.gradient, theta, direction, c1=1e-4, c2=0.9)[0]
    armijo = problem.value(theta) + 1e-4 * scipys * float(problem.gradient(theta) @ direction)
    assert problem.value(theta + scipys * direction) <= armijo
    assert problem.value(theta + backtracking(problem, theta, direction) * direction) < problem.value(theta)


@pytest.mark.parametrize("kappa", [2.0, 10.0, 100.0])
def test_exact_steepest_descent_contracts_by_the_textbook_factor(kappa: float):
    """From (κ, 1) the error shrinks by exactly (κ − 1)/(κ + 1) a step: Kantorovich's bound is met."""
    run = steepest_descent(Quadratic([1.0, kappa]), 10, exact_quadratic, start=np.array([kappa, 1.0]))
    errors = np.linalg.norm(run.points, axis=1)
    assert np.allclose(errors[1:] / errors[:-1], (kappa - 1) / (kappa + 1), rtol=1e-10)


def test_steepest_descent_reaches_minima_and_never_goes_up():
    run = steepest_descent(Rosenbrock(), 20_000)
    assert (np.diff(run.values) <= 0).all()
    assert run.values[-1] < 1e-8
    assert run.points.shape == (run.steps + 1, 2) and not run.diverged


def test_steepest_descent_stops_at_the_minimum_and_leaves_its_start():
    start = np.zeros(2)
    run = steepest_descent(Quadratic([1.0, 2.0]), 10, start=start)
    assert run.steps == 0 and not start.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"direction": np.array([1.0, 1.0])}, "direction: got one with slope"),
        ({"direction": np.ones(3)}, "direction: got float64 array of shape"),
        ({"theta": np.array([np.nan, 1.0])}, "theta: got float64 array"),
        ({"first": 0.0}, "first: got 0.0; expected a finite number > 0"),
        ({"shrink": 1.0}, "shrink: got 1.0; expected a finite number > 0 and < 1"),
        ({"slope_share": -0.1}, "slope_share: got -0.1"),
    ],
)
def test_bad_arguments(arguments: dict, message: str):
    good = {"theta": np.array([1.0, 1.0]), "direction": np.array([-1.0, -2.0])}
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        backtracking(Quadratic([1.0, 2.0]), **{**good, **arguments})


def test_a_wrong_gradient_is_named():
    class Liar(Quadratic):
        def gradient(self, theta: np.ndarray) -> np.ndarray:
            return -super().gradient(theta)

    liar = Liar([1.0, 1.0])
    theta = np.array([1.0, 1.0])
    with pytest.raises(ValueError, match="is the gradient right"):
        backtracking(liar, theta, -liar.gradient(theta))


def test_exact_needs_curvature():
    with pytest.raises(ValueError, match="positive curvature"):
        exact_quadratic(Saddle(), np.array([0.0, 0.0]), np.array([0.0, 0.5]))
