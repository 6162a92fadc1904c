"""The figures of chapter 03: what they show is right, also at the ends of their sliders."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from nnopt_utils.course.ch03_backpropagation.counting import count_operations
from nnopt_utils.course.ch03_backpropagation.exercises import graph_cases, slopes_on_a_graph
from nnopt_utils.course.ch03_backpropagation.figures import (
    arrival,
    error_signals,
    errors_of_differences,
    gradients_by_depth,
    graph_values,
    graph_walk,
    messages,
    one_relu,
    plot_cost,
    plot_differences,
    plot_gradient_pictures,
    plot_kink,
    plot_losses,
    plot_symmetry_weights,
)
from nnopt_utils.course.ch03_backpropagation.spoiled import MISTAKES, spoiled, verdict
from nnopt_utils.datasets import load_mnist
from nnopt_utils.gradients import central_difference
from nnopt_utils.initializers import glorot_uniform
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.training import fit


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
@pytest.mark.parametrize(("depth", "scale"), [(1, 0.25), (1, 20.0), (30, 0.25), (30, 20.0)])
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


@pytest.mark.parametrize(
    ("activation", "outside", "inside"),
    [
        ("sigmoid", (4.0, 20.0), (8.0, 10.0, 14.0)),
        ("tanh", (0.75, 3.0), (0.9, 1.5, 2.0)),
        ("relu", (0.75, 1.35), (0.9, 1.0, 1.15)),
    ],
)
def test_the_scales_at_which_the_signal_arrives(
    activation: str, outside: tuple[float, ...], inside: tuple[float, ...]
) -> None:
    """What the text says of the explorer's answer, on ten seeds, with 20 layers."""
    for scale in inside:
        assert all(0.01 < arrival(20, activation, scale, seed) < 100 for seed in range(10)), scale
    for scale in outside:
        assert not any(0.01 < arrival(20, activation, scale, seed) < 100 for seed in range(10)), scale


def test_slopes_on_a_graph_is_the_sum_over_all_paths() -> None:
    def over_paths(users: list[list[tuple[int, float]]], node: int) -> float:
        if node == len(users) - 1:
            return 1.0
        return float(sum(local * over_paths(users, user) for user, local in users[node]))

    for (users,) in graph_cases():
        paths = [over_paths(users, node) for node in range(len(users))]
        np.testing.assert_allclose(slopes_on_a_graph(users), paths, rtol=1e-12)


def test_operations_are_counted() -> None:
    network = MLP([5, 4, 3], seed=0, dtype="float64")
    counts = count_operations(network, np.ones((2, 5)), np.zeros(2, dtype=int))
    assert counts[:, 0].tolist() == [2 * 2 * (20 + 12), 2 * 2 * (20 + 12 + 12)]
    assert (counts[:, 1] > 0).all()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_one(mistake: str) -> None:
    """At general weights, batch and layers of one size, each changes the gradient (the buffer at its second call)."""
    generator = np.random.default_rng(0)
    theta, x, y = generator.normal(size=90), generator.normal(size=(5, 5)), generator.integers(5, size=5)
    found = []
    for name in (None, mistake):
        network = spoiled([5, 5, 5, 5], name, dtype="float64")
        network.parameters = theta
        network.loss_and_gradient(x, y)
        found.append(network.loss_and_gradient(x, y)[1].copy())
    assert np.linalg.norm(found[0] - found[1]) > 0.01 * np.linalg.norm(found[0])


def test_verdicts() -> None:
    assert verdict(None, [6, 5, 4, 3], 7) == "PASSES"
    assert verdict("sum, not mean", [6, 5, 4, 3], 1) == "PASSES"
    assert verdict("sum, not mean", [6, 5, 4, 3], 7) == "caught"
    assert verdict("W not transposed", [6, 5, 4, 3], 7) == "raises"


def test_central_differences_have_a_valley() -> None:
    double = errors_of_differences(np.float64)
    assert (double.errors <= 3 * double.predicted).all()
    assert 1e-7 < double.steps[double.errors.argmin()] < 1e-4
    assert double.errors[0] > 1e4 * double.errors.min() and double.errors[-1] > 1e4 * double.errors.min()


def test_figures_draw_what_they_are_given() -> None:
    generator = np.random.default_rng(0)
    axes = plot_gradient_pictures(
        generator.random((1, 784)), 5, generator.normal(size=(784, 4)), np.array([1, -2, -0.0, 3])
    )
    assert [ax.get_title() for ax in axes[1:]] == ["unit 1: δ = −2.000", "unit 3: δ = 3.000", "unit 2: δ = 0.000"]
    assert len(plot_symmetry_weights(generator.normal(size=(6, 2))).patches) == 12
    assert plot_cost([1, 2], [2.0, 2.5]).get_ylim()[1] > 4
    assert len(plot_losses({"a": [1.0, 0.5]}, guessing=2.3).lines) == 2
    plot_differences(errors_of_differences(np.float64), errors_of_differences(np.float32))
    assert plot_kink(0.1, 0.3).lines[2].get_label() == "derivative, slope −0.90"
    assert float(one_relu(-1.0)) == 0.5 and float(one_relu(1.0)) == 0.0
    plt.close("all")


def trained_loss(seed: int, learning_rate: float = 0.03, scale: float = 1.0) -> float:
    """The loss of ten hidden layers of sigmoids after eight epochs; Glorot's weights, times a scale."""

    def scaled(fan_in: int, fan_out: int, generator: np.random.Generator) -> np.ndarray:
        return scale * glorot_uniform(fan_in, fan_out, generator)

    data = load_mnist()
    network = MLP([784] + [32] * 10 + [10], "sigmoid", initializer=scaled, seed=seed)
    history = fit(
        network,
        SGD(learning_rate, momentum=0.9),
        (data.x_train[:2000], data.y_train[:2000]),
        epochs=8,
        batch_size=32,
        progress=False,
    )
    return history.train_loss[-1]


@pytest.mark.slow
def test_larger_starting_weights_alone_save_the_sigmoid() -> None:
    """What the text says of ten seeds, and of other rates for the usual start."""
    assert max(trained_loss(seed, scale=6.0) for seed in range(10)) < 2.0
    assert min(trained_loss(seed) for seed in range(10)) > 2.2
    assert min(trained_loss(0, rate) for rate in (0.003, 0.1, 0.3, 1.0, 3.0)) > 2.2


def test_tensorflow_says_the_same_of_the_graph() -> None:
    tensorflow = pytest.importorskip("tensorflow")
    u, v = tensorflow.Variable(1.0), tensorflow.Variable(2.0)
    with tensorflow.GradientTape() as tape:
        value = 0.5 * ((u + v) * v) ** 2
    assert [float(slope) for slope in tape.gradient(value, [u, v])] == [12.0, 30.0]
