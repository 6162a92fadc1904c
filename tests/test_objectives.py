"""Objectives made of functions, or of a network and data: what ``minimize``, line searches and plots take."""

import numpy as np
import pytest

from nnopt_utils.gradients import check_gradient
from nnopt_utils.line_search import steepest_descent
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, GradientDescent
from nnopt_utils.plotting import plot_contours, plot_trajectories
from nnopt_utils.problems import FunctionObjective, NetworkObjective
from nnopt_utils.training import fit, minimize


def network_and_data(dtype="float32"):
    generator = np.random.default_rng(0)
    network = MLP([3, 5, 2], "tanh", l2=0.01, seed=1, dtype=dtype)
    return network, generator.normal(size=(20, 3)), generator.integers(2, size=20)


class TestFunction:
    def test_is_what_it_is_made_of(self):
        bowl = FunctionObjective(lambda theta: float(theta @ theta), lambda theta: 2 * theta, [1, 2])
        assert bowl.start.tolist() == [1.0, 2.0] and bowl.start.dtype == np.float64
        assert bowl.value(bowl.start) == 5 and bowl.gradient(bowl.start).tolist() == [2, 4]
        bowl.start[:] = 9
        assert bowl.start.tolist() == [1.0, 2.0]

    def test_is_minimised(self):
        bowl = FunctionObjective(lambda theta: float(theta @ theta), lambda theta: 2 * theta, [1.0, 2.0])
        assert minimize(bowl, GradientDescent(0.1), steps=100).values[-1] < 1e-15
        assert steepest_descent(bowl, steps=20).values[-1] < 1e-15

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((1.0, max, [0.0]), "value: got 1.0; expected a function of theta"),
            ((max, np.zeros(2), [0.0]), "gradient: got float64 array .*; expected a function of theta"),
            ((max, max, [[0.0]]), "start: got .*; expected 1 dimension"),
            ((max, max, [np.nan]), "start: got .* NaN"),
        ],
    )
    def test_bad_arguments(self, arguments, message):
        with pytest.raises((TypeError, ValueError), match=message):
            FunctionObjective(*arguments)


def test_contours_of_objectives_of_two_parameters():
    network = MLP([1, 1], loss="half_mse", initializer="zeros")
    x = np.array([[-1.0], [1.0]])
    ours = FunctionObjective(lambda theta: 0.5 * theta @ theta + 0.5, lambda theta: theta, start=[0.0, 0.0])
    theirs = NetworkObjective(network, x, np.array([-1.0, 1.0]))
    domain = ((-2.0, 2.0), (-1.0, 1.0))
    for objective in (ours, theirs):
        assert plot_contours(objective, domain=domain).get_xlim() == (-2, 2)
        run = minimize(objective, GradientDescent(0.1), steps=5)
        assert plot_trajectories(objective, {"run": run}, domain=domain).get_ylim() == (-1, 1)
        with pytest.raises(TypeError, match=r"problem: got .*; expected .* or also domain=\(\(x0, x1\)"):
            plot_contours(objective)


class TestNetwork:
    def test_is_the_network_s_objective(self):
        network, x, y = network_and_data("float64")
        objective = NetworkObjective(network, x, y)
        assert objective.dimension == network.n_parameters and np.array_equal(objective.start, network.parameters)
        theta = objective.start + 0.1
        value, gradient = network.loss_and_gradient(x, y, parameters=theta)
        assert objective.value(theta) == value and np.array_equal(objective.gradient(theta), gradient)

    def test_never_changes(self):
        network, x, y = network_and_data()
        objective = NetworkObjective(network, x, y)
        start, value = objective.start, objective.value(objective.start)
        fit(network, SGD(0.1), (x, y), epochs=1, progress=False)
        objective.start[:] = 0
        assert np.array_equal(objective.start, start) and objective.value(start) == value

    def test_has_the_digits_of_float64_whatever_the_network_has(self):
        network, x, y = network_and_data("float32")
        objective = NetworkObjective(network, x, y)
        assert objective.gradient(objective.start).dtype == np.float64
        assert check_gradient(objective.value, objective.gradient, objective.start).passed

    def test_one_full_batch_is_minimize(self):
        network, x, y = network_and_data("float64")
        trajectory = minimize(NetworkObjective(network, x, y), GradientDescent(0.5), steps=5)
        history = fit(network, GradientDescent(0.5), (x, y), epochs=5, batch_size=20, progress=False)
        np.testing.assert_allclose(trajectory.values[:-1], history.step_losses, rtol=1e-12)
        np.testing.assert_allclose(trajectory.points[-1], network.parameters, rtol=1e-10)

    def test_line_searches_take_it(self):
        run = steepest_descent(NetworkObjective(*network_and_data()), steps=30)
        assert (np.diff(run.values) < 0).all()

    def test_value_and_gradient_in_one_pass(self):
        objective = NetworkObjective(*network_and_data())
        value, gradient = objective.value_and_gradient(objective.start)
        assert value == objective.value(objective.start)
        np.testing.assert_array_equal(gradient, objective.gradient(objective.start))

    @pytest.mark.parametrize("kind", ["hessian", "gauss_newton"])
    def test_products_are_the_network_s(self, kind):
        network, x, y = network_and_data("float64")
        objective = NetworkObjective(network, x, y)
        theta, v = np.random.default_rng(4).normal(size=(2, objective.dimension))
        expected = getattr(network, f"{kind}_vector_product")(x, y, v, parameters=theta)
        assert getattr(objective, f"{kind}_vector_product")(theta, v) == pytest.approx(expected, rel=1e-14)
        np.testing.assert_array_equal(getattr(objective, f"{kind}_operator")(theta)(v), expected)

    def test_hessian(self):
        objective = NetworkObjective(*network_and_data())
        theta = objective.start + 0.1
        H = objective.hessian(theta)
        moves = 1e-6 * np.eye(objective.dimension)
        columns = [(objective.gradient(theta + m) - objective.gradient(theta - m)) / 2e-6 for m in moves]
        np.testing.assert_allclose(H, columns, atol=1e-8)
        np.testing.assert_array_equal(H, H.T)

    def test_a_hessian_that_is_too_large_is_refused(self):
        objective = NetworkObjective(MLP([784, 64, 64, 10]), np.zeros((1, 784)), np.array([0]))
        with pytest.raises(
            ValueError, match=r"hessian: 55,050 × 55,050 numbers would take 24\.2 GB; expected at most 1"
        ):
            objective.hessian(objective.start)

    def test_bad_arguments(self):
        network, x, y = network_and_data()
        with pytest.raises(TypeError, match="network: got 'net'; expected an MLP"):
            NetworkObjective("net", x, y)
        with pytest.raises(ValueError, match="y: got values from 5 to 6"):
            NetworkObjective(network, x, y % 2 + 5)
