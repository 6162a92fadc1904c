"""The figures of chapter 03: what they show is right, also at the ends of their sliders."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from nnopt_utils.course.ch03_backpropagation.figures import (
    error_signals,
    gradients_by_depth,
    graph_values,
    graph_walk,
    messages,
)
from nnopt_utils.gradients import central_difference
from nnopt_utils.networks import MLP


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize(("u", "v"), [(1.0, 2.0), (-3.0, 3.0), (0.5, -2.5), (0.0, 0.0)])
def test_graph_values_are_the_gradient(u: float, v: float) -> None:
    nodes = graph_values(u, v)
    estimate = central_difference(lambda t: 0.5 * ((t[0] + t[1]) * t[1]) ** 2, np.array([u, v]))
    np.testing.assert_allclose([nodes["u"].gradient, nodes["v"].gradient], estimate, rtol=1e-7, atol=1e-7)
    assert nodes["J"].value == 0.5 * ((u + v) * v) ** 2


@pytest.mark.parametrize("step", range(1, 11))
def test_graph_walk_shows_one_number_more_each_step(step: int) -> None:
    figure = graph_walk(1.0, 2.0, step)
    shown = texts(figure)
    assert sum("\n= " in text for text in shown) == min(step, 5)
    assert sum("partial" in text for text in shown) == max(step - 5, 0)
    assert figure.axes[0].get_title().endswith(f"step {step if step <= 5 else step - 5} of 5")


def test_graph_walk_draws_at_the_ends_of_its_sliders() -> None:
    for u in (-3.0, 3.0):
        for v in (-3.0, 3.0):
            graph_walk(u, v).canvas.draw()


def test_messages_shows_what_it_is_given() -> None:
    a = [np.array([1.0, 2.0]), np.array([0.5, -0.25]), np.array([0.125])]
    deltas = [np.array([0.1, -0.2]), np.array([0.3])]
    figure = messages(a, deltas, [np.array([[0.5, -0.3], [0.2, 0.4]]), np.array([[1.0], [-0.5]])])
    figure.canvas.draw()
    shown = " ".join(texts(figure))
    assert all(number in shown for number in ("1.000", "−0.250", "0.125", "−0.200", "0.300", "−0.5", "−0.3"))
    assert shown.count("delta") == 3


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_error_signals_sum_to_the_bias_gradients(activation: str) -> None:
    generator = np.random.default_rng(0)
    network = MLP([6, 5, 4, 3], activation, dtype="float64")
    network.parameters = generator.normal(size=network.n_parameters)
    x, y = generator.normal(size=(7, 6)), generator.integers(3, size=7)
    gradient = network.loss_and_gradient(x, y)[1]
    for delta, tensor in zip(error_signals(network, x, y), network.layout[1::2], strict=True):
        np.testing.assert_allclose(delta.sum(axis=0), gradient[tensor.where], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize(("depth", "scale"), [(1, 0.25), (1, 6.0), (30, 0.25), (30, 6.0)])
def test_gradients_by_depth_at_the_ends_of_its_sliders(activation: str, depth: int, scale: float) -> None:
    figure = gradients_by_depth(depth, activation, scale)
    figure.canvas.draw()
    norms = figure.axes[0].lines[0].get_ydata()
    assert len(norms) == depth + 1 and np.all(np.isfinite(norms)) and np.all(norms > 0)


def test_gradients_by_depth_knows_vanishing_and_exploding() -> None:
    def first_over_last(activation: str, scale: float) -> float:
        norms = gradients_by_depth(20, activation, scale).axes[0].lines[0].get_ydata()
        return float(norms[0] / norms[-1])

    assert first_over_last("sigmoid", 1.0) < 1e-10
    assert 0.1 < first_over_last("relu", 1.0) < 10
    assert first_over_last("relu", 2.0) > 1e4
