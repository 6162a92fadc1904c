"""Figures and counts of chapter 01."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from nnopt_utils.course import EXERCISES
from nnopt_utils.course.ch01_network_structure.figures import (
    TARGETS,
    interpolating_network,
    random_layers,
    relu_interpolation,
    signal_through_layers,
)
from nnopt_utils.course.exercises.examine import examine
from nnopt_utils.networks import MLP


@pytest.mark.parametrize("target", list(TARGETS))
@pytest.mark.parametrize("width", [1, 2, 7, 40])
def test_interpolating_network_joins_the_knots(target: str, width: int) -> None:
    function = TARGETS[target]
    network = interpolating_network(function, width)
    knots = np.linspace(-3, 3, width + 1)
    x = np.linspace(-3, 3, 301)
    np.testing.assert_allclose(network.forward(x[:, None])[:, 0], np.interp(x, knots, function(knots)), atol=1e-12)


@pytest.mark.parametrize("target", list(TARGETS))
@pytest.mark.parametrize("width", [1, 40])
def test_relu_interpolation_draws_the_network(target: str, width: int) -> None:
    figure = relu_interpolation(width, target)
    assert isinstance(figure, Figure)
    drawn_target, drawn_network, drawn_knots = figure.axes[0].lines
    x = np.asarray(drawn_target.get_xdata())
    np.testing.assert_allclose(drawn_target.get_ydata(), TARGETS[target](x))
    output = interpolating_network(TARGETS[target], width).forward(x[:, None])[:, 0]
    np.testing.assert_allclose(drawn_network.get_ydata(), output)
    assert len(drawn_knots.get_xdata()) == width
    assert np.abs(figure.axes[1].lines[0].get_xdata()).max() <= 3.0


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid", "leaky_relu", "elu", "gelu", "linear"])
@pytest.mark.parametrize("scale", [0.2, 3.0])
@pytest.mark.parametrize("depth", [2, 50])
def test_signal_through_layers_draws_every_layer(activation: str, scale: float, depth: int) -> None:
    figure = signal_through_layers(activation, scale, depth)
    assert isinstance(figure, Figure)
    expected = [np.sqrt(np.mean(a**2)) for a in random_layers(activation, scale, depth)]
    assert len(expected) == depth + 1
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), expected)
    (bars,) = figure.axes[1].patches
    assert bars.get_data().values.sum() == pytest.approx(1.0)


def test_scale_of_the_layers_is_std_times_root_of_fan_in() -> None:
    layers = random_layers("linear", 0.5, 5, width=400)
    sizes = [np.mean(a**2) for a in layers]
    np.testing.assert_allclose(np.divide(sizes[1:], sizes[:-1]), 0.25, rtol=0.1)


@pytest.mark.parametrize(
    ("sizes", "parameters"),
    [
        ([784, 64, 64, 10], 55_050),
        ([784, 300, 100, 10], 266_610),
        ([784, 2500, 2000, 1500, 1000, 500, 10], 11_972_510),
    ],
)
def test_counts_are_those_of_keras(sizes: list[int], parameters: int) -> None:
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((sizes[0],)), *(keras.layers.Dense(n) for n in sizes[1:])])
    assert model.count_params() == MLP(sizes, initializer="zeros").n_parameters == parameters


def test_a_wrong_answer_about_lists_of_matrices_gets_a_sentence() -> None:
    exercise = EXERCISES["01.collapse"]
    result = examine(exercise, lambda weights, biases: (weights[0] @ weights[1], biases[0] @ weights[1] + biases[1]))
    assert result.status == "wrong"
    assert "right in 1 of 2 cases" in result.message
