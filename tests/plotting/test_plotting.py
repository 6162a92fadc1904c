"""Figures: the data drawn is the data given, nothing leaks or stays changed, the picture is the one agreed on."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnopt_utils import plotting
from nnopt_utils.activations import get_activation
from nnopt_utils.history import History, Trajectory
from nnopt_utils.optimizers import GradientDescent
from nnopt_utils.plotting import (
    COLOURS,
    new_figure,
    plot_activation,
    plot_activations,
    plot_bars,
    plot_contours,
    plot_convergence,
    plot_digits,
    plot_function_fit,
    plot_history,
    plot_layer_histograms,
    plot_layer_scales,
    plot_loss_slice,
    plot_network,
    plot_schedules,
    plot_trajectories,
    style,
)
from nnopt_utils.problems import Beale, Himmelblau, Plateau, Quadratic, Ravine, Rosenbrock, Saddle
from nnopt_utils.schedules import Constant, ExponentialDecay, StepDecay
from nnopt_utils.training import minimize

matplotlib.use("agg")

# Small enough to differ when one thin line or one label does; antialiasing between processors is far below.
image_test = pytest.mark.mpl_image_compare(style="default", tolerance=2, savefig_kwargs={"dpi": 64}, deterministic=True)


# -- what is drawn: small stand-ins, so that a picture depends on plotting alone -------------------------------------


@dataclass(frozen=True)
class Bowl:
    """(x² + 5y²) / 2, as a problem."""

    domain: Any = ((-2.0, 2.0), (-1.5, 1.5))
    minimum: Any = (0.0, 0.0)
    minimum_value: float = 0.0

    def value(self, theta):
        theta = np.asarray(theta)
        return (theta[..., 0] ** 2 + 5 * theta[..., 1] ** 2) / 2


SADDLE = SimpleNamespace(
    domain=((-1.0, 1.0), (-1.0, 1.0)), minimum=None, value=lambda theta: theta[..., 0] ** 2 - theta[..., 1] ** 2
)
FOUR_MINIMA = SimpleNamespace(
    domain=((-6.0, 6.0), (-6.0, 6.0)),
    minima=np.array([[3.0, 2.0], [-2.805118, 3.131312], [-3.779310, -3.283186], [3.584428, -1.848126]]),
    minimum_value=0.0,
    value=lambda t: (t[..., 0] ** 2 + t[..., 1] - 11) ** 2 + (t[..., 0] + t[..., 1] ** 2 - 7) ** 2,
)


def descend(
    rate: float, steps: int = 25, start: tuple[float, float] = (-1.8, 1.2), diverged: bool = False
) -> Trajectory:
    """Gradient descent on the bowl."""
    points = np.array([np.array(start) * (1 - rate * np.array([1.0, 5.0])) ** t for t in range(steps + 1)])
    norms = np.linalg.norm(points * [1.0, 5.0], axis=1)
    return Trajectory(points, Bowl().value(points), norms, diverged, f"GradientDescent({rate})")


def history(factor: float, epochs: int = 8, validated: bool = True) -> History:
    t = np.arange(1, epochs + 1)
    record = History(seed=0, batch_size=32, n_samples=640, epoch=epochs)
    record.train_loss = list(2.0 * factor**t)
    if validated:
        record.val_loss = list(2.0 * factor**t + 0.1)
        record.val_accuracy = list(1 - 0.5 * factor**t)
    return record


def digits(n: int) -> np.ndarray:
    """Strokes at n angles instead of handwriting, shape (n, 784), in [0, 1]."""
    v, u = np.mgrid[-1:1:28j, -1:1:28j]
    angles = np.pi * np.arange(n)[:, None, None] / n
    stroke = np.exp(-((u * np.sin(angles) - v * np.cos(angles)) ** 2) / 0.03) * (u**2 + v**2 < 0.6)
    return stroke.reshape(n, 784)


def layer_values() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [scale * generator.standard_normal((100, 20)) for scale in (1.0, 0.7, 0.4, 0.2, 0.1, 0.05)]


X = np.linspace(-1.0, 1.0, 31)
ALPHAS, BETAS = np.linspace(-1.0, 1.0, 41), np.linspace(-0.5, 1.5, 31)
SLICE = 0.3 + ALPHAS[:, None] ** 2 + 3 * (BETAS - 0.2 * ALPHAS[:, None]) ** 2
SCHEDULES = {
    "constant": Constant(0.1),
    "halved every 25": StepDecay(0.1, factor=0.5, every=25),
    "exponential": ExponentialDecay(0.1, factor=0.1, steps=100),
    "any function": lambda k: 0.1 / (1 + 0.1 * k),
}
RUNS = {"η = 0.1": descend(0.1), "η = 0.35": descend(0.35), "values": [4.0 * 0.5**t for t in range(15)]}

SCENES: dict[str, Any] = {
    "contours_bowl": lambda: plot_contours(Bowl()),
    "contours_even_levels": lambda: plot_contours(Bowl(), log_levels=False),
    "contours_saddle": lambda: plot_contours(SADDLE),
    "contours_four_minima": lambda: plot_contours(FOUR_MINIMA),
    "trajectories": lambda: plot_trajectories(
        Bowl(),
        {
            "GD, η = 0.1": descend(0.1),
            "GD, η = 0.38": descend(0.38),
            "GD, η = 0.45": descend(0.45, 40, diverged=True),
            "a second start": descend(0.05, 100, (1.7, 1.3)),
        },
    ),
    "convergence": lambda: plot_convergence(RUNS),
    "convergence_predicted": lambda: plot_convergence(
        {"η = 0.1": descend(0.1, 200), "η = 0.35": descend(0.35, 200)},
        predicted={"η = 0.1": 0.81, "η = 0.35": 0.75**2},
    ),
    "history_one": lambda: plot_history(history(0.6)),
    "history_several": lambda: plot_history(
        {
            "SGD": history(0.8, 30),
            "SGD with momentum 0.9 and Nesterov's change": history(0.6, 30),
            "Adam": history(0.5, 12),
        }
    ),
    "history_training_only": lambda: plot_history(history(0.6, validated=False)),
    "network_small": lambda: plot_network([2, 3, 1]),
    "network_mnist": lambda: plot_network([784, 128, 64, 10]),
    "network_deep": lambda: plot_network([784, 512, 512, 256, 256, 128, 64, 32, 16, 10], max_nodes=6),
    "network_bare": lambda: plot_network([3, 9, 2], max_nodes=5, labels=False),
    "digits": lambda: plot_digits(digits(5)),
    "digits_predicted": lambda: plot_digits(
        digits(11), np.arange(11) % 10, [0, 1, 7, 3, 4, 5, 8, 7, 8, 4, 0], columns=6
    ),
    "activation": lambda: plot_activation("gelu"),
    "activations": lambda: plot_activations(["sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus"]),
    "layer_histograms": lambda: plot_layer_histograms(layer_values()),
    "layer_scales": lambda: plot_layer_scales(
        {"he_normal": [1.0, 0.9, 1.0, 1.1, 0.95], "normal": [1.0, 0.1, 1e-2, 1e-3, 1e-4]}, first_layer=1
    ),
    "loss_slice": lambda: plot_loss_slice(ALPHAS, BETAS, SLICE),
    "loss_slice_log": lambda: plot_loss_slice(ALPHAS, BETAS, SLICE**4, log_levels=True, label="loss to the 4th"),
    "schedules": lambda: plot_schedules(SCHEDULES, steps=100),
    "function_fit": lambda: plot_function_fit(
        X, np.sin(3 * X), {"line": 1.1 * X, "cubic": 2.8 * X - 2.6 * X**3, "finer grid": (BETAS, np.cos(BETAS))}
    ),
    "bars": lambda: plot_bars({"SGD": 1.25, "Adam": 0.8, "a rule with a long name": 2.123456}, xlabel="seconds"),
    "bars_errors": lambda: plot_bars(
        {"SGD": 0.93, "Adam": -0.41, "L-BFGS": 0.2}, {"SGD": 0.05, "Adam": 0.1}, value_format="{:+.2f}"
    ),
    "bars_log": lambda: plot_bars({"float32": 4.0e5, "8 bits": 1.0e5, "1 bit": 1.25e4}, log_scale=True, xlabel="bytes"),
}


def draw(scene: str) -> Figure:
    result = SCENES[scene]()
    return result if isinstance(result, Figure) else result.figure


@pytest.mark.parametrize("scene", SCENES)
@image_test
def test_picture(scene):
    return draw(scene)


# -- text ------------------------------------------------------------------------------------------------------------


def text_boxes(figure: Figure) -> list[tuple[str, Any]]:
    """Every text that is drawn, with the box it covers."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    hidden = {id(text) for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for text in not_drawn(ax, axis)}
    texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts if id(text) not in hidden]


def not_drawn(ax: Axes, axis: Any) -> list[Any]:
    """Matplotlib keeps labels that it does not draw: of an axis switched off, of ticks outside the range."""
    every = [label for tick in (*axis.majorTicks, *axis.minorTicks) for label in (tick.label1, tick.label2)]
    if not ax.axison:
        return [*every, axis.label, axis.offsetText]
    drawn = {id(label) for tick in axis._update_ticks() for label in (tick.label1, tick.label2)}
    return [label for label in every if id(label) not in drawn]


@pytest.mark.parametrize("scene", SCENES)
def test_no_text_overlaps_another_or_leaves_the_figure(scene):
    figure = draw(scene)  # warnings are errors: constrained layout only warns when it gives up
    boxes = text_boxes(figure)
    assert boxes or scene == "digits"
    for index, (text, box) in enumerate(boxes):
        assert box.x0 >= -1 and box.y0 >= -1, text
        assert box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1, text
        for other, other_box in boxes[index + 1 :]:
            shared_width = min(box.x1, other_box.x1) - max(box.x0, other_box.x0)
            shared_height = min(box.y1, other_box.y1) - max(box.y0, other_box.y0)
            assert shared_width <= 1 or shared_height <= 1, f"{text!r} overlaps {other!r}"


# -- side effects ----------------------------------------------------------------------------------------------------

TAKES_AX: dict[str, Any] = {
    "contours": lambda ax: plot_contours(Bowl(), ax),
    "trajectories": lambda ax: plot_trajectories(Bowl(), {"a": descend(0.1)}, ax),
    "convergence": lambda ax: plot_convergence(RUNS, ax=ax),
    "network": lambda ax: plot_network([3, 2], ax),
    "digits": lambda ax: plot_digits(digits(3), ax=ax),
    "activation": lambda ax: plot_activation("relu", ax),
    "layer_scales": lambda ax: plot_layer_scales({"a": [1.0, 2.0]}, ax),
    "loss_slice": lambda ax: plot_loss_slice(ALPHAS, BETAS, SLICE, ax),
    "schedules": lambda ax: plot_schedules(SCHEDULES, 10, ax),
    "function_fit": lambda ax: plot_function_fit(X, X, {"same": X}, ax),
    "bars": lambda ax: plot_bars({"a": 1.0}, ax=ax),
}


@pytest.mark.parametrize("name", TAKES_AX)
def test_draws_on_the_given_axes_and_makes_no_figure(name):
    figure, (left, right) = new_figure(columns=2)
    before = plt.get_fignums()
    assert TAKES_AX[name](right) is right
    assert plt.get_fignums() == before == [figure.number]
    assert right.has_data() and not left.has_data()


@pytest.mark.parametrize("name", TAKES_AX)
def test_draws_on_plain_axes_too(name):
    figure, ax = plt.subplots()
    assert TAKES_AX[name](ax) is ax
    figure.canvas.draw()


@pytest.mark.parametrize("name", TAKES_AX)
@pytest.mark.parametrize("bad", [3, "ax", "array"])
def test_bad_axes(name, bad):
    if bad == "array":
        bad = new_figure(columns=2)[1]
    with pytest.raises(TypeError, match=r"ax: got .*; expected a matplotlib Axes or None"):
        TAKES_AX[name](bad)


@pytest.mark.parametrize("scene", SCENES)
def test_global_settings_stay_and_one_figure_is_made(scene, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *args, **kwargs: pytest.fail("a figure was shown"))
    before = dict(matplotlib.rcParams)
    figure = draw(scene)
    assert plt.get_fignums() == [figure.number]
    assert dict(matplotlib.rcParams) == before
    assert figure.dpi == 100


@pytest.mark.parametrize("scene", ["trajectories", "convergence", "history_one", "activations", "bars", "loss_slice"])
def test_the_users_settings_do_not_change_the_picture(scene):
    """Ticks are made when the figure is drawn, long after the style's context: nothing may be left to them."""

    def pixels() -> np.ndarray:
        figure = draw(scene)
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba()).copy()

    expected = pixels()
    with plt.style.context(["dark_background", {"font.size": 20, "xtick.direction": "in", "axes.grid": True}]):
        found = pixels()
    np.testing.assert_array_equal(found, expected)


def test_a_figure_is_in_the_style_and_the_style_ends():
    with style():
        assert plt.rcParams["axes.spines.top"] is False
    assert plt.rcParams["axes.spines.top"] is True
    figure, axes = new_figure(2, 3, width=9, height=4)
    assert axes.shape == (2, 3)
    assert figure.get_size_inches().tolist() == [9, 4]
    assert figure.get_layout_engine() is not None
    assert isinstance(new_figure()[1], Axes)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"rows": 0}, ValueError),
        ({"columns": 1.5}, TypeError),
        ({"width": 0.0}, ValueError),
        ({"height": "4"}, TypeError),
    ],
)
def test_bad_figure(arguments, error):
    with pytest.raises(error, match=rf"^{next(iter(arguments))}: got .*; expected"):
        new_figure(**arguments)


def test_everything_public_is_listed():
    functions = {name for name in vars(plotting) if name.startswith("plot_")}
    assert functions == {name for name in plotting.__all__ if name.startswith("plot_")}


def test_line_colours_differ_in_lightness():
    """Neighbours in a legend must differ in a grey print."""
    rgb = np.array([matplotlib.colors.to_rgb(colour) for name, colour in COLOURS.items() if name != "yellow"])
    lightness = rgb @ [0.2126, 0.7152, 0.0722]
    assert np.abs(np.diff(lightness)).min() > 0.05


# -- the data drawn is the data given --------------------------------------------------------------------------------


def by_label(ax: Axes) -> dict[str, Any]:
    return {line.get_label(): line for line in ax.lines}


def legend_texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_trajectories_data():
    trajectory, far = descend(0.1), descend(0.05, 30, (1.0, 1.0))
    ax = plot_trajectories(Bowl(), {"a": trajectory, "b": far})
    lines = by_label(ax)
    np.testing.assert_array_equal(lines["a"].get_xydata(), trajectory.points)
    np.testing.assert_array_equal(lines["b"].get_xydata(), far.points)
    assert sorted(map(tuple, lines["start"].get_xydata())) == [(-1.8, 1.2), (1.0, 1.0)]
    assert lines["minimum"].get_xydata().tolist() == [[0.0, 0.0]]
    assert (ax.get_xlim(), ax.get_ylim()) == ((-2.0, 2.0), (-1.5, 1.5))
    assert legend_texts(ax) == ["a", "b", "start", "minimum"]


def test_one_start_is_marked_once():
    ax = plot_trajectories(Bowl(), {"a": descend(0.1), "b": descend(0.2)})
    assert len(by_label(ax)["start"].get_xdata()) == 1


def test_a_path_to_the_end_of_the_world_keeps_its_direction():
    trajectory = descend(1.0e4, 30, diverged=True)
    assert np.abs(trajectory.points).max() > 1e130
    ax = plot_trajectories(Bowl(), {"a": trajectory})
    drawn = by_label(ax)["a (diverged)"].get_xydata()
    assert np.abs(drawn).max() <= 1.1e5
    ax.figure.canvas.draw()
    given = trajectory.points[10] / np.linalg.norm(trajectory.points[10])
    np.testing.assert_allclose(drawn[10] / np.linalg.norm(drawn[10]), given, atol=1e-12)


def test_minima_outside_the_domain_are_not_drawn():
    assert not plot_contours(Bowl(minimum=(5.0, 0.0))).lines
    assert len(plot_contours(FOUR_MINIMA).lines[0].get_xdata()) == 4
    assert not plot_contours(SADDLE).lines


def test_contours_see_the_function_the_right_way_round():
    """A function of the first parameter alone has upright contours."""
    problem = SimpleNamespace(domain=((0.0, 1.0), (0.0, 2.0)), value=lambda theta: theta[..., 0])
    ax = plot_contours(problem)
    lines = [path.vertices for path in ax.collections[-1].get_paths() if len(path.vertices) > 2]
    assert lines
    assert all(np.ptp(vertices[:, 0]) < 1e-9 for vertices in lines)


@pytest.mark.parametrize("kind", [Beale, Himmelblau, Plateau, Ravine, Rosenbrock, Saddle, Quadratic])
def test_the_courses_problems_are_drawn(kind):
    problem = kind([1.0, 100.0]) if kind is Quadratic else kind()
    run = minimize(problem, GradientDescent(1e-3), steps=30)
    ax = plot_trajectories(problem, {"run": run})
    ax.figure.canvas.draw()
    lines = by_label(ax)
    np.testing.assert_array_equal(lines["run"].get_xydata(), run.points)
    stars = lines["minimum" if len(problem.minima) == 1 else "minima"]
    np.testing.assert_array_equal(stars.get_xydata(), problem.minima)


def test_convergence_data():
    ax = plot_convergence({"a": descend(0.1), "b": [3.0, 2.0, 1.5]}, minimum_value=1e-6, predicted={"b": 0.5})
    lines = by_label(ax)
    np.testing.assert_array_equal(lines["a"].get_ydata(), descend(0.1).values - 1e-6)
    np.testing.assert_array_equal(lines["a"].get_xdata(), np.arange(26))
    np.testing.assert_array_equal(lines["b"].get_ydata(), np.array([3.0, 2.0, 1.5]) - 1e-6)
    predicted = lines["predicted $0.5^t$"]
    np.testing.assert_allclose(predicted.get_ydata(), (3.0 - 1e-6) * np.array([1.0, 0.5, 0.25]))
    assert predicted.get_color() == lines["b"].get_color() != lines["a"].get_color()
    assert predicted.get_linestyle() == "--" and lines["b"].get_linestyle() == "-"
    assert ax.get_yscale() == "log"
    assert legend_texts(ax) == ["a", "b", "predicted $0.5^t$"]


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0.5, "0.5"),
        (0.9998, "0.9998"),
        (0.99983, "0.99983"),
        (1.0, "1"),
        (1.05, "1.05"),
        (0.0, "0"),
        (0.98765, "0.9877"),
    ],
)
def test_a_predicted_rate_is_written_with_the_digits_that_matter(rate, text):
    ax = plot_convergence({"a": [2.0, 1.0]}, predicted={"a": rate})
    assert legend_texts(ax)[1] == f"predicted ${text}^t$"


def test_a_tiny_predicted_rate_is_mathematics():
    ax = plot_convergence({"a": [2.0, 1.0]}, predicted={"a": 1e-6})
    assert legend_texts(ax)[1] == r"predicted $(1 \cdot 10^{-6})^t$"
    ax.figure.canvas.draw()


def test_predictions_do_not_widen_the_scale():
    ax = plot_convergence({"a": [1.0] * 5000}, predicted={"a": 0.5})
    assert ax.get_ylim() == pytest.approx((1 / 3, 3.0))
    plot_convergence({"a": [1.0] * 5000}, predicted={"a": 2.0}).figure.canvas.draw()


def test_errors_at_rounding_are_left_out():
    ax = plot_convergence({"a": [1.0, 0.1, 0.0, -1e-17]})
    ax.figure.canvas.draw()
    assert ax.get_ylim()[0] > 1e-3
    assert ax.get_legend() is None or legend_texts(ax) == ["a"]


def test_history_data():
    record = history(0.6)
    figure = plot_history({"run": record, "other": history(0.5)})
    loss, accuracy = figure.axes
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), record.train_loss)
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), record.val_loss)
    np.testing.assert_array_equal(accuracy.lines[0].get_ydata(), record.val_accuracy)
    np.testing.assert_array_equal(loss.lines[0].get_xdata(), np.arange(1, 9))
    assert [line.get_linestyle() for line in loss.lines[:2]] == [":", "-"]
    assert legend_texts(accuracy) == ["run", "other", "training", "validation"]
    assert accuracy.get_ylabel() == "validation accuracy"
    figure.canvas.draw()
    assert all(label.get_text().endswith("%") for label in accuracy.get_yticklabels())


def test_one_history_has_no_label():
    assert legend_texts(plot_history(history(0.6)).axes[1]) == ["training", "validation"]
    only = plot_history(history(0.6, validated=False))
    assert len(only.axes) == 1 and legend_texts(only.axes[0]) == ["training"]


def test_schedules_data():
    ax = plot_schedules(SCHEDULES, steps=30)
    for label, schedule in SCHEDULES.items():
        line = by_label(ax)[label]
        np.testing.assert_array_equal(line.get_xdata(), np.arange(30))
        np.testing.assert_array_equal(line.get_ydata(), [schedule(k) for k in range(30)])
    assert legend_texts(ax) == list(SCHEDULES)
    assert len({line.get_linestyle() for line in ax.lines}) == 4


def test_network_counts():
    ax = plot_network([784, 128, 10])
    texts = [text.get_text() for text in ax.texts]
    assert ax.get_title() == "$d$ = 101,770 parameters"
    assert "$W^{(1)}$\n784 × 128\n= 100,352" in texts
    assert "$W^{(2)}$\n128 × 10\n= 1,280" in texts
    assert "$b^{(1)}$\n128" in texts and "$b^{(2)}$\n10" in texts
    assert "$a^{(0)} = x$\n$n_{0}$ = 784\ninput" in texts and "$a^{(2)}$\n$n_{2}$ = 10\noutput" in texts


@pytest.mark.parametrize(("n", "nodes", "dots"), [(1, 1, 0), (7, 7, 0), (8, 8, 0), (9, 7, 3), (784, 7, 3)])
def test_wide_layers_have_dots(n, nodes, dots):
    ax = plot_network([n, 1], labels=False)
    sizes = [len(collection.get_offsets()) for collection in ax.collections if hasattr(collection, "get_sizes")]
    layers = [size for size in sizes if size]
    assert layers == [nodes, *([dots] if dots else []), 1]
    assert not ax.texts


def test_edges_are_one_a_weight():
    ax = plot_network([3, 4, 2])
    edges = [len(c.get_segments()) for c in ax.collections if isinstance(c, matplotlib.collections.LineCollection)]
    assert edges == [12, 8]


def test_digits_data():
    images = digits(4)
    ax = plot_digits(images, labels=[1, 2, 3, 4], predictions=np.array([1, 2, 8, 4]), columns=3)
    assert len(ax.images) == 4
    for drawn, image in zip(ax.images, images, strict=True):
        np.testing.assert_array_equal(drawn.get_array(), image.reshape(28, 28))
        assert drawn.get_clim() == (0.0, 1.0)
    assert [text.get_text() for text in ax.texts] == ["1", "2", "3 → 8", "4"]
    assert [text.get_color() == COLOURS["vermillion"] for text in ax.texts] == [False, False, True, False]
    lefts, tops = [image.get_extent()[0] for image in ax.images], [image.get_extent()[3] for image in ax.images]
    assert lefts[0] < lefts[1] < lefts[2] and lefts[3] == lefts[0] and tops[3] < tops[0] == tops[2]


def test_one_image_and_weights_as_images():
    ax = plot_digits(np.linspace(-2.0, 3.0, 784), predictions=[5])
    assert ax.images[0].get_clim() == (-2.0, 3.0)
    assert [text.get_text() for text in ax.texts] == ["5"]
    assert len(plot_digits(np.zeros((2, 16))).images) == 2


def test_activation_data():
    ax = plot_activation(get_activation("tanh"), reach=3.0)
    value, slope = by_label(ax)[r"$\varphi(z)$"], by_label(ax)[r"$\varphi'(z)$"]
    z = np.asarray(value.get_xdata())
    assert (z[0], z[-1]) == (-3.0, 3.0)
    np.testing.assert_allclose(value.get_ydata(), np.tanh(z))
    np.testing.assert_allclose(slope.get_ydata(), 1 - np.tanh(z) ** 2)
    assert legend_texts(ax) == [r"$\varphi(z)$", r"$\varphi'(z)$"]


def test_the_derivative_of_relu_jumps():
    slope = np.asarray(by_label(plot_activation("relu"))[r"$\varphi'(z)$"].get_ydata())
    assert set(slope[np.isfinite(slope)]) == {0.0, 1.0}
    assert np.isnan(slope).sum() == 1


def test_activations_have_a_panel_each():
    figure = plot_activations(name for name in ["relu", "gelu", "elu", "tanh", "sigmoid"])
    assert [ax.get_title() for ax in figure.axes] == ["relu", "gelu", "elu", "tanh", "sigmoid"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [r"$\varphi(z)$", r"$\varphi'(z)$"]


def test_layer_histograms_data():
    arrays = layer_values()
    figure = plot_layer_histograms(arrays, first_layer=1, bins=25)
    assert len(figure.axes) == 6
    edges = np.linspace(min(a.min() for a in arrays), max(a.max() for a in arrays), 26)
    for k, (ax, array) in enumerate(zip(figure.axes, arrays, strict=True), start=1):
        shares = [patch.get_height() for patch in ax.patches]
        np.testing.assert_allclose(shares, np.histogram(array, edges)[0] / array.size)
        assert ax.get_title() == f"$a^{{({k})}}$\nstd {array.std():.3g}"
    assert plot_layer_histograms([np.zeros(5)], labels=["dead"]).axes[0].get_title() == "dead\nstd 0"


def test_layer_scales_data():
    scales = {"good": [1.0, 1.1, 0.9], "dying": np.array([1.0, 0.1, 0.0])}
    ax = plot_layer_scales(scales)
    for label, values in scales.items():
        np.testing.assert_array_equal(by_label(ax)[label].get_ydata(), values)
        np.testing.assert_array_equal(by_label(ax)[label].get_xdata(), [0, 1, 2])
    assert ax.get_yscale() == "log" and legend_texts(ax) == ["good", "dying"]


def test_loss_slice_the_right_way_round():
    ax = plot_loss_slice(ALPHAS, BETAS, np.broadcast_to(ALPHAS[:, None], (41, 31)))
    lines = [path.vertices for path in ax.collections[-1].get_paths() if len(path.vertices) > 2]
    assert lines and all(np.ptp(vertices[:, 0]) < 1e-9 for vertices in lines)
    assert ax.lines[0].get_xydata().tolist() == [[0.0, 0.0]]
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1.0, 1.0), (-0.5, 1.5))
    assert not plot_loss_slice(ALPHAS + 3, BETAS, SLICE).lines


def test_loss_slices_with_the_same_limits_have_the_same_levels():
    flat, steep = (plot_loss_slice(ALPHAS, BETAS, c * SLICE, limits=(0.0, 5.0)) for c in (0.01, 1.0))
    levels = [ax.collections[0].levels for ax in (flat, steep)]
    np.testing.assert_array_equal(*levels)
    assert levels[0][0] <= 0.0 and levels[0][-1] >= 5.0
    beyond = plot_loss_slice(ALPHAS, BETAS, 1 + 100 * SLICE, limits=(1.0, 8.0), log_levels=True)
    np.testing.assert_allclose(beyond.collections[0].levels[[0, -1]], [1.0, 8.0])
    beyond.figure.canvas.draw()
    for limits, log_levels in [((2.0, 1.0), False), ((0.0, 1.0), True)]:
        with pytest.raises(ValueError, match=r"limits: got .* expected .*lowest < highest"):
            plot_loss_slice(ALPHAS, BETAS, 1 + SLICE, limits=limits, log_levels=log_levels)


def test_flat_functions_are_drawn():
    plot_loss_slice(ALPHAS, BETAS, np.ones((41, 31))).figure.canvas.draw()
    plot_loss_slice(ALPHAS, BETAS, np.ones((41, 31)), log_levels=True).figure.canvas.draw()
    flat = SimpleNamespace(domain=Bowl().domain, minimum=(0, 0), value=lambda theta: np.zeros(theta.shape[:-1]))
    plot_contours(flat).figure.canvas.draw()


def test_function_fit_data():
    order = np.random.default_rng(0).permutation(len(X))
    x = X[order]
    ax = plot_function_fit(x[:, None], x**2, {"same": x**2, "grid": (ALPHAS, ALPHAS**3)})
    lines = by_label(ax)
    np.testing.assert_array_equal(lines["data"].get_xydata(), np.stack([x, x**2], axis=1))
    np.testing.assert_array_equal(lines["same"].get_xydata(), np.stack([X, X**2], axis=1))
    np.testing.assert_array_equal(lines["grid"].get_xydata(), np.stack([ALPHAS, ALPHAS**3], axis=1))
    assert legend_texts(ax) == ["data", "same", "grid"]


def test_bars_data():
    ax = plot_bars({"a": 2.0, "b": -1.0}, errors={"a": 0.5}, xlabel="seconds")
    assert [patch.get_width() for patch in ax.patches] == [2.0, -1.0]
    assert [text.get_text() for text in ax.texts] == ["2", "−1"]
    ax.figure.canvas.draw()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert ax.yaxis_inverted() and ax.get_xlabel() == "seconds"


def test_a_long_label_is_wrapped_and_a_formula_is_not():
    formula = r"$J(\theta) = \frac{1}{2} \theta^\top H \theta + b^\top \theta + c$ with all its terms"
    ax = plot_schedules({"a label that goes on and on and on": Constant(1.0), formula: Constant(2.0)}, steps=3)
    assert legend_texts(ax) == ["a label that goes on and on\nand on", formula]


# -- bad arguments ---------------------------------------------------------------------------------------------------

GOOD = descend(0.1)
ONE_PARAMETER = Trajectory(np.zeros((3, 1)), np.zeros(3), np.zeros(3), False, "")
BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: plot_contours(3), TypeError, "problem: got 3; expected a problem of two parameters"),
    (lambda: plot_contours(SimpleNamespace(domain=None, value=abs)), TypeError, "problem: got"),
    (lambda: plot_contours(Bowl(domain=((1, 0), (0, 1)))), ValueError, "domain: got"),
    (lambda: plot_contours(Bowl(domain=(0, 1))), ValueError, "domain: got"),
    (lambda: plot_contours(SimpleNamespace(domain=Bowl().domain, value=np.sum)), ValueError, "problem: value gave"),
    (lambda: plot_trajectories(Bowl(), GOOD), TypeError, "trajectories: got"),
    (lambda: plot_trajectories(Bowl(), {}), ValueError, "trajectories: got {}"),
    (lambda: plot_trajectories(Bowl(), {1: GOOD}), TypeError, "trajectories: got"),
    (lambda: plot_trajectories(Bowl(), {"a": GOOD.points}), TypeError, "trajectories['a']: got float64 array"),
    (lambda: plot_trajectories(Bowl(), {"a": ONE_PARAMETER}), TypeError, "trajectories['a']: got"),
    (lambda: plot_convergence([1.0, 0.5]), TypeError, "runs: got [1.0, 0.5]"),
    (lambda: plot_convergence({"a": [1.0, np.nan]}), ValueError, "runs['a']: got"),
    (lambda: plot_convergence({"a": [[1.0]]}), ValueError, "runs['a']: got"),
    (lambda: plot_convergence({"a": [1.0]}, minimum_value=2.0), ValueError, "runs['a']: got no value above"),
    (lambda: plot_convergence({"a": [1.0]}, minimum_value=None), TypeError, "minimum_value: got None"),
    (lambda: plot_convergence({"run": [1.0]}, predicted={"rum": 0.5}), ValueError, "did you mean 'run'?"),
    (lambda: plot_convergence({"a": [1.0]}, predicted={"a": -0.5}), ValueError, "predicted['a']: got -0.5"),
    (lambda: plot_history(3), TypeError, "histories: got 3"),
    (lambda: plot_history({"a": 3}), TypeError, "histories['a']: got 3"),
    (lambda: plot_history(History(0, 1, 1)), ValueError, "expected at least one finished epoch"),
    (lambda: plot_network(3), TypeError, "layer_sizes: got 3"),
    (lambda: plot_network([3]), ValueError, "layer_sizes: got 1 widths"),
    (lambda: plot_network([3] * 13), ValueError, "layer_sizes: got 13 widths"),
    (lambda: plot_network([3, 0]), ValueError, "layer_sizes[1]: got 0"),
    (lambda: plot_network([3, 2.5]), TypeError, "layer_sizes[1]: got 2.5"),
    (lambda: plot_network([3, 2], max_nodes=2), ValueError, "max_nodes: got 2"),
    (lambda: plot_digits(np.zeros((2, 783))), ValueError, "images: got"),
    (lambda: plot_digits(np.zeros((2, 28, 28))), ValueError, "images: got"),
    (lambda: plot_digits(np.full((2, 784), np.nan)), ValueError, "images: got"),
    (lambda: plot_digits(np.zeros((201, 784))), ValueError, "images: got 201"),
    (lambda: plot_digits(np.zeros((2, 784)), labels=[1]), ValueError, "labels: got"),
    (lambda: plot_digits(np.zeros((2, 784)), predictions=[1, 2, 3]), ValueError, "predictions: got"),
    (lambda: plot_digits(np.zeros((2, 784)), columns=0), ValueError, "columns: got 0"),
    (lambda: plot_activation("rleu"), ValueError, "did you mean 'relu'"),
    (lambda: plot_activation(3), TypeError, "activation: got 3"),
    (lambda: plot_activation("relu", reach=0.0), ValueError, "reach: got 0.0"),
    (lambda: plot_activations("relu"), TypeError, "names: got 'relu'"),
    (lambda: plot_activations([]), ValueError, "names: got none"),
    (lambda: plot_layer_histograms(np.zeros((3, 2))), TypeError, "activations: got"),
    (lambda: plot_layer_histograms([]), ValueError, "activations: got 0 layers"),
    (lambda: plot_layer_histograms([np.zeros(2), np.array([np.inf])]), ValueError, "activations[1]: got"),
    (lambda: plot_layer_histograms([np.zeros(2)], labels=["a", "b"]), ValueError, "labels: got 2"),
    (lambda: plot_layer_histograms([np.zeros(2)], bins=1), ValueError, "bins: got 1"),
    (lambda: plot_layer_scales({"a": [1.0, -1.0]}), ValueError, "scales['a']: got -1"),
    (lambda: plot_layer_scales({"a": [0.0]}), ValueError, "scales: got only zeros"),
    (lambda: plot_layer_scales({"a": [1.0]}, first_layer=-1), ValueError, "first_layer: got -1"),
    (lambda: plot_loss_slice(ALPHAS, BETAS, SLICE.T), ValueError, "values: got float64 array of shape (31, 41)"),
    (lambda: plot_loss_slice(ALPHAS[::-1], BETAS, SLICE), ValueError, "alphas: got"),
    (lambda: plot_loss_slice(ALPHAS, BETAS[:1], SLICE), ValueError, "betas: got"),
    (lambda: plot_loss_slice(ALPHAS, BETAS, SLICE - 1, log_levels=True), ValueError, "values: got"),
    (lambda: plot_schedules({"a": 0.1}, 5), TypeError, "schedules['a']: got 0.1"),
    (lambda: plot_schedules({"a": Constant(0.1)}, 0), ValueError, "steps: got 0"),
    (lambda: plot_schedules({"a": lambda k: np.inf}, 5), ValueError, "schedules['a']: got"),
    (lambda: plot_function_fit(X, X[1:], {"a": X}), ValueError, "y: got"),
    (lambda: plot_function_fit(X, X, {"a": X[1:]}), ValueError, "predictions['a']: got"),
    (lambda: plot_function_fit(X, X, {"a": (X, X[1:])}), ValueError, "predictions['a']: got"),
    (lambda: plot_function_fit(np.zeros((3, 2)), X, {"a": X}), ValueError, "x: got"),
    (lambda: plot_bars({"a": "1"}), TypeError, "values['a']: got '1'"),
    (lambda: plot_bars({"a": np.nan}), ValueError, "values['a']: got nan"),
    (lambda: plot_bars({"a": 0.0}, log_scale=True), ValueError, "values['a']: got 0"),
    (lambda: plot_bars({"a": 1.0}, {"b": 1.0}), ValueError, "errors: got 'b'"),
    (lambda: plot_bars({"a": 1.0}, {"a": -1.0}), ValueError, "errors['a']: got -1.0"),
    (lambda: plot_bars({"a": 1.0}, value_format="{:.2q}"), ValueError, "value_format: got"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[message for _, _, message in BAD])
def test_bad_arguments_make_no_figure(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
    assert "expected" in str(caught.value)
    assert not plt.get_fignums()


def test_a_bad_argument_leaves_given_axes_empty():
    ax = new_figure()[1]
    with pytest.raises(ValueError):
        plot_schedules({"good": Constant(0.1), "bad": lambda k: np.nan}, 5, ax)
    assert not ax.has_data()


def test_interactive_mode_switched_on_while_drawing_stays_on():
    """A notebook's backend switches it on when it is loaded, which is with the first figure."""
    before = matplotlib.is_interactive()
    try:
        matplotlib.interactive(False)
        with style():
            matplotlib.interactive(True)
        assert matplotlib.is_interactive()
    finally:
        matplotlib.interactive(before)
