"""Nonlinear conjugate gradients: five formulas, one method on a quadratic."""

import signal
import sys
from itertools import pairwise

import numpy as np
import pytest

from nnopt_utils.problems import (
    MORE_GARBOW_HILLSTROM,
    PROBLEMS,
    FunctionObjective,
    Quadratic,
    Rosenbrock,
)
from nnopt_utils.second_order import conjugate_gradients, nonlinear_cg

FORMULAS = sys.modules["nnopt_utils.second_order.nonlinear_cg"].FORMULAS
EXACT = 1e-9  # c₂ of line searches that find the minimum
every_formula = pytest.mark.parametrize("formula", FORMULAS)
SLOW_HERE = {10, 17, 18, 20}  # Meyer, Osborne 1, Biggs, Watson: thousands of steps, or none that double precision has


def equations(d=6, seed=0):
    generator = np.random.default_rng(seed)
    U = np.linalg.qr(generator.normal(size=(d, d)))[0]
    A, b = U @ np.diag(np.geomspace(1, 50, d)) @ U.T, generator.normal(size=d)
    problem = FunctionObjective(lambda x: float(x @ A @ x / 2 - b @ x), lambda x: A @ x - b, np.zeros(d))
    return A, b, problem


@every_formula
def test_on_a_quadratic_it_is_the_linear_method(formula):
    A, b, problem = equations()
    points = nonlinear_cg(problem, formula=formula, curvature=EXACT).trajectory.points
    assert len(points) == 7
    for k in range(1, 7):
        linear = conjugate_gradients(A, b, tolerance=0.0, max_iterations=k).x
        np.testing.assert_allclose(points[k], linear, rtol=1e-6, atol=1e-6)


@every_formula
def test_without_exact_line_searches_it_is_not(formula):
    A, b, problem = equations()
    points = nonlinear_cg(problem, formula=formula).trajectory.points
    assert np.abs(points[3] - conjugate_gradients(A, b, tolerance=0.0, max_iterations=3).x).max() > 1e-3


@pytest.mark.parametrize("formula", ["polak_ribiere_plus", "hestenes_stiefel_plus"])
def test_the_plus(formula):
    """Where the new gradient points against its change, the memory is dropped."""
    g, g_old, d = np.array([1.0, 0.1]), np.array([2.0, 0.0]), np.array([-2.0, 0.0])
    assert (g @ (g - g_old)) / (g_old @ g_old) < 0
    assert FORMULAS[formula](g, g_old, d) == 0


def test_hager_and_zhangs_bound():
    g, g_old, d = np.array([1.0, 1.0]), np.array([2.0, 1.2]), np.array([-200.0, 1.0])
    y = g - g_old
    formula = (y - 2 * d * (y @ y) / (d @ y)) @ g / (d @ y)
    assert FORMULAS["hager_zhang"](g, g_old, d) == pytest.approx(formula, rel=1e-12)
    g, d = 1e3 * np.array([-1.0, 3.0]), np.array([-2.0, 0.1])
    y = g - g_old
    formula, bound = (y - 2 * d * (y @ y) / (d @ y)) @ g / (d @ y), -1 / (np.linalg.norm(d) * 0.01)
    assert formula < bound
    assert FORMULAS["hager_zhang"](g, g_old, d) == pytest.approx(bound, rel=1e-12)


@every_formula
@pytest.mark.parametrize("name", PROBLEMS)
def test_it_converges_on_surfaces(name, formula):
    result = nonlinear_cg(PROBLEMS[name], formula=formula)
    assert result.converged, result.message


@pytest.mark.parametrize("number", set(MORE_GARBOW_HILLSTROM) - SLOW_HERE)
def test_it_converges_on_the_standard_problems(number):
    result = nonlinear_cg(MORE_GARBOW_HILLSTROM[number])
    assert result.converged and result.gradient_norm <= 1e-6, result.message


@pytest.mark.parametrize("formula", ["fletcher_reeves", "dai_yuan"])
def test_restarts_cure_jamming(formula, monkeypatch):
    module = sys.modules["nnopt_utils.second_order.nonlinear_cg"]
    restarted = nonlinear_cg(Rosenbrock(), formula=formula).n_iterations
    monkeypatch.setattr(module, "POWELL", np.inf)
    assert nonlinear_cg(Rosenbrock(), formula=formula).n_iterations > 1.5 * restarted


def test_every_step_leads_down():
    result = nonlinear_cg(Rosenbrock())
    points, values = result.trajectory.points, result.trajectory.values
    assert (np.diff(values) < 0).all()
    for before, after in pairwise(points):
        g = Rosenbrock().gradient(before)
        assert g @ (after - before) < 0


class TestEnds:
    def test_unbounded(self):
        result = nonlinear_cg(FunctionObjective(lambda x: -x.sum(), lambda x: -np.ones(2), np.zeros(2)))
        assert not result.converged and "is it unbounded below?" in result.message

    def test_a_wrong_gradient(self):
        result = nonlinear_cg(FunctionObjective(lambda x: x @ x, lambda x: -2 * x, np.ones(2)))
        assert not result.converged and result.message.endswith("is the gradient right?")

    @every_formula
    def test_what_is_not_finite_is_kept_out_of(self, formula):
        problem = FunctionObjective(
            lambda x: float(x[0] - np.log(x[0])) if x[0] > 0 else np.inf, lambda x: 1 - 1 / x, np.array([1e-3])
        )
        result = nonlinear_cg(problem, formula=formula)
        assert result.converged and result.x[0] == pytest.approx(1, abs=1e-6)

    @every_formula
    def test_exactly_at_the_minimum(self, formula):
        """The gradient is 0, and no formula is divided by it."""
        result = nonlinear_cg(Quadratic([1.0, 1.0]), [1.0, 0.0], formula=formula, tolerance=0.0)
        assert result.converged and result.value == 0

    def test_too_few_iterations(self):
        result = nonlinear_cg(Rosenbrock(), max_iterations=2)
        assert result.n_iterations == 2 and result.message.startswith("2 iterations did not bring")

    def test_an_interrupt(self):
        problem, calls = Rosenbrock(), []

        def value(x):
            calls.append(x)
            if len(calls) == 9:
                signal.raise_signal(signal.SIGINT)
            return problem.value(x)

        result = nonlinear_cg(FunctionObjective(value, problem.gradient, problem.start))
        assert result.message == "interrupted" and not result.converged
        assert result.value == result.trajectory.values.min() < 24.2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"formula": "polak_ribiere"}, ValueError, r"formula: .*did you mean 'polak_ribiere_plus'"),
        ({"tolerance": -1.0}, ValueError, r"tolerance: got -1\.0; expected a finite number >= 0"),
        ({"max_iterations": 0}, ValueError, r"max_iterations: got 0; expected an integer >= 1"),
        ({"curvature": 1.5}, ValueError, r"curvature: got 1\.5; expected a finite number > 0 and < 1"),
        ({"problem": Rosenbrock}, TypeError, r"problem: got the class Rosenbrock"),
    ],
)
def test_bad_input(options, error, message):
    with pytest.raises(error, match=message):
        nonlinear_cg(**{"problem": Rosenbrock(), **options})
