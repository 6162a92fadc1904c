"""Figures, experiments and counts of chapter 01."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from nnopt_utils.course import EXERCISES
from nnopt_utils.course.ch01_network_structure import runs
from nnopt_utils.course.ch01_network_structure.figures import (
    TARGETS,
    borders,
    dead_units,
    hidden_unit_images,
    interpolating_network,
    likeness_of_neighbours,
    pieces,
    pieces_of_the_plane,
    plane,
    random_layers,
    relu_interpolation,
    signal_through_layers,
    sizes_through_layers,
    trained_and_built,
    weight_paths,
    worked_network,
    worst_linear_fit,
)
from nnopt_utils.course.exercises.examine import examine
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.training import fit


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


# -- the other figures -----------------------------------------------------------------------------------------------


def test_worked_network_writes_every_number() -> None:
    layers = [(np.array([[1.5, 2.5], [3.5, 4.5]]), np.array([5.5, 6.5])), (np.array([[7.5], [8.5]]), np.array([9.5]))]
    texts = {text.get_text() for text in worked_network(layers).texts}
    weights = {"1.5", "2.5", "3.5", "4.5", "7.5", "8.5"}
    assert texts >= weights | {"$b$ = 5.5", "$b$ = 6.5", "$b$ = 9.5"} | {"$x_1$", "$x_2$"}


def test_hidden_unit_images_are_columns_and_their_change() -> None:
    start, end = np.random.default_rng(0).normal(size=(2, 784, 5))
    figure = hidden_unit_images(start, end, [3, 1])
    drawn = [ax.images[0].get_array() for ax in figure.axes]
    expected = [weights[:, unit].reshape(28, 28) for weights in (start, end, end - start) for unit in (3, 1)]
    np.testing.assert_array_equal(drawn, expected)
    for ax in figure.axes:  # white is 0 in all of them
        low, high = ax.images[0].get_clim()
        assert low == -high


def test_likeness_of_neighbours() -> None:
    noise = np.random.default_rng(0).normal(size=(784, 40))
    smooth = np.outer(np.tile(np.sin(np.arange(28) / 4), 28), np.ones(3))
    assert abs(likeness_of_neighbours(noise)) < 0.03
    assert likeness_of_neighbours(smooth) > 0.9


def random_relu(sizes: list[int], seed: int) -> MLP:
    network = MLP(sizes, activation="relu", seed=seed, dtype="float64")
    for b in network.biases:
        b[:] = np.random.default_rng(seed).normal(size=b.size)
    return network


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("m", [1, 3, 8])
def test_m_units_cut_the_plane_into_no_more_pieces_than_m_lines(m: int, seed: int) -> None:
    points = 10 * plane(100).reshape(-1, 2)
    assert pieces(random_relu([2, m, 2], seed), points).max() + 1 <= 1 + m + m * (m - 1) // 2


def test_pieces_are_all_found() -> None:
    """Three lines in general position: seven pieces."""
    network = MLP([2, 3, 1], activation="relu", loss="mse", initializer="zeros", dtype="float64")
    network.weights[0] = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    network.biases[0] = np.array([0.0, 0.0, -0.5])
    assert pieces(network, plane().reshape(-1, 2)).max() + 1 == 7


@pytest.mark.parametrize("sizes", [[2, 6, 2], [2, 5, 5, 2], [2, 4, 4, 4, 2]])
def test_relu_networks_are_linear_on_each_piece_and_tanh_is_not(sizes: list[int]) -> None:
    points = plane(80).reshape(-1, 2)
    network = random_relu(sizes, seed=1)
    assert worst_linear_fit(network, points, pieces(network, points)) < 1e-9
    smooth = MLP(sizes, activation="tanh", seed=1, dtype="float64")
    assert worst_linear_fit(smooth, points, pieces(smooth, points)) > 1e-3


def test_pictures_of_the_plane_show_pieces_and_accuracy() -> None:
    x, y = runs.MOONS
    networks = {"shallow": random_relu([2, 3, 2], 0), "deep": random_relu([2, 3, 3, 2], 0)}
    titles = [ax.get_title() for ax in pieces_of_the_plane(networks, x, y).axes]
    grid = plane().reshape(-1, 2)
    assert titles == [f"{name}: {pieces(network, grid).max() + 1} pieces" for name, network in networks.items()]
    shown = borders(networks, x, y)
    expected = [f"{name}: {network.evaluate(x, y).accuracy:.1%} right" for name, network in networks.items()]
    assert [ax.get_title() for ax in shown.axes] == expected
    assert all(ax.get_xlabel() == "$x_1$" and ax.get_ylabel() == "$x_2$" for ax in shown.axes)


def test_dead_units_draws_every_seed_and_the_mean() -> None:
    figure = dead_units({0.1: [0, 2], 1.0: [4, 8]}, {0.1: [1.0, 0.9], 1.0: [0.5, 0.7]}, width=9)
    for ax, means in zip(figure.axes, ([1, 6], [0.95, 0.6]), strict=True):
        np.testing.assert_allclose(ax.lines[0].get_ydata(), means)
        assert sum(len(line.get_xdata()) for line in ax.lines[1:]) == 4
    assert figure.axes[0].get_ylabel() == "dead units of 9"


def test_weight_paths_draw_equal_lines_thick_to_thin() -> None:
    same, apart = np.tile(np.arange(5.0)[:, None], 8), np.random.default_rng(0).normal(size=(5, 8))
    equal, different = weight_paths({"equal": same, "different": apart}).axes
    widths = [line.get_linewidth() for line in equal.lines]
    assert len(widths) == len(different.lines) == 8
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > widths[-1]
    assert len({line.get_linewidth() for line in different.lines}) == 1
    for j, line in enumerate(different.lines):
        np.testing.assert_array_equal(line.get_ydata(), apart[:, j])


def test_sizes_through_layers_draws_both_directions() -> None:
    forward, backward = np.array([1.0, 0.5, 0.25]), np.array([1e-3, 1e-2, 1e-1])
    left, right = sizes_through_layers({"name": (forward, backward)}).axes
    np.testing.assert_array_equal(left.lines[0].get_ydata(), forward)
    np.testing.assert_array_equal(right.lines[0].get_ydata(), backward)


def test_trained_and_built_draws_the_median() -> None:
    ax = trained_and_built({1: 0.5, 2: 0.2}, {1: [0.4, 0.6, 0.5], 2: [0.3, 0.1, 0.2]})
    built, trained = ax.lines
    np.testing.assert_allclose(built.get_ydata(), [0.5, 0.2])
    np.testing.assert_allclose(trained.get_ydata(), [0.5, 0.2])


# -- experiments -----------------------------------------------------------------------------------------------------


def test_training_that_diverges_is_no_error() -> None:
    assert all(math.isnan(value) for value in runs.train_on_moons(4, "relu", 1e30, seed=0))
    x, y = runs.MOONS
    assert runs.accuracy_or_step(MLP([2, 4, 2]), runs.SGD(1e30), (x, y, x, y), epochs=1) in range(1, 6)


def test_units_equal_on_both_sides_stay_equal_and_on_one_side_do_not() -> None:
    spread = {
        name: np.ptp(runs.watch_first_weights(start, steps=60).path, axis=1) for name, start in runs.STARTS.items()
    }
    assert spread["zero"].max() == 0
    assert spread["0.3"].max() < 1e-9
    assert spread["0.3, then random"][0] == 0
    assert spread["0.3, then random"][-1] > 0.1


@pytest.mark.parametrize("seed", [0, 4, 5])  # in the second layers of other seeds, such as 1, none comes back
def test_dead_units_come_back_only_if_the_layer_below_moves(seed: int) -> None:
    dead, alive = runs.units_that_come_back(seed)
    assert 0 < alive < dead
    assert runs.units_that_come_back(seed, moving_below=False) == (dead, 0)


def trained_hidden_spread(random_matrix: int) -> list[float]:
    """How far units of each hidden layer of 2-8-8-2 part when one of its three matrices starts random, two constant."""
    network = MLP([2, 8, 8, 2], activation="tanh", initializer=runs.constant, dtype="float64")
    random_numbers = np.random.default_rng(0).normal(0, 0.5, size=network.weights[random_matrix].shape)
    network.weights[random_matrix] = random_numbers
    fit(network, SGD(0.3), runs.MOONS, epochs=100, batch_size=200, progress=False)
    return [float(np.ptp(a, axis=1).max()) for a in network.activations(runs.MOONS[0])[1:-1]]


def test_units_part_where_a_matrix_before_or_behind_them_is_random() -> None:
    first, middle, last = (trained_hidden_spread(k) for k in range(3))
    assert first[0] > 0.01 and first[1] < 1e-9
    assert min(middle) > 0.01
    assert last[0] < 1e-9 and last[1] > 0.001


# -- answers to exercises --------------------------------------------------------------------------------------------


def drawn(std, draw="normal"):
    def initial_weights(fan_in, fan_out, activation, generator):
        size, scale = (fan_in, fan_out), std(fan_in, fan_out, activation)
        if draw == "uniform":
            return generator.uniform(-(3**0.5) * scale, 3**0.5 * scale, size)
        return generator.normal(0, scale, size)

    return initial_weights


def he(fan_in, fan_out, activation):
    return (2 / fan_in) ** 0.5


def glorot(fan_in, fan_out, activation):
    return (2 / (fan_in + fan_out)) ** 0.5


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (drawn(he), "All got He's variance"),
        (drawn(glorot), "All got Glorot's variance"),
        (drawn(lambda i, o, name: (glorot if name == "tanh" else he)(i, o, name)), "tanh alone got Glorot's"),
        (drawn(lambda i, o, name: (he if name == "relu" else glorot)(i, o, name), "uniform"), "numbers are uniform"),
        (drawn(lambda i, o, name: 0.3), "your numbers have the standard deviation 0.2995; expected 0.0706"),
        (lambda i, o, name, generator: generator.normal(size=i), "has the shape (400,); expected (400, 300)"),
        (lambda i, o, name, generator: 0.1, "has the shape ()"),
    ],
)
def test_wrong_initial_weights_get_a_sentence_about_them(answer, hint) -> None:
    result = examine(EXERCISES["01.initial_weights"], answer)
    assert result.status == "wrong"
    assert hint in result.message


@pytest.mark.parametrize("answer", [1153, 1173, 1202, 1204])
def test_a_count_is_never_nearly_right(answer: int) -> None:
    result = examine(EXERCISES["01.count_by_hand"], answer)
    assert result.status == "wrong"
    assert "exactly" not in result.message


def glorot_or_he(fan_in: int, fan_out: int, activation: str) -> float:
    return (2 / fan_in if activation == "relu" else 2 / (fan_in + fan_out)) ** 0.5


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda i, o, a, g: g.laplace(0, glorot_or_he(i, o, a) / 2**0.5, (i, o)), "not normal"),
        (lambda i, o, a, g: g.choice([-1, 1], (i, o)) * glorot_or_he(i, o, a), "not normal"),
        (lambda i, o, a, g: np.tile(g.normal(0, glorot_or_he(i, o, a), (i, o // 2)), 2), "equal weights"),
    ],
)
def test_weights_of_the_right_size_but_not_normal_or_not_different_are_refused(answer, hint) -> None:
    result = examine(EXERCISES["01.initial_weights"], answer)
    assert result.status == "wrong"
    assert hint in result.message
