"""Figures of searches: medians, bands, lost runs and ranges are drawn where the results say."""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection

from nnopt_utils.experiments import Results, Space, Task, search
from nnopt_utils.history import History
from nnopt_utils.optimizers import SGD
from nnopt_utils.plotting import COLOURS, new_figure, plot_bands, plot_rates, plot_robustness
from nnopt_utils.training import DivergenceError

matplotlib.use("agg")

image_test = pytest.mark.mpl_image_compare(style="default", tolerance=2, savefig_kwargs={"dpi": 64}, deterministic=True)

RATES = [1e-4, 1e-3, 1e-2, 1e-1, 1.0]


def made_training(network, optimizer, data, *, epochs, batch_size, seed, progress) -> History:
    """Runs made by a formula: a valley over log η, falling over the epochs, one seed luckier than the other.

    At rate 1 every second run diverges, with momentum every run.
    """
    best = -1.7 + 1.7 * (0.5 - optimizer.momentum)
    distance = np.log10(optimizer.learning_rate) - best
    error = (0.02 + 0.03 * distance**2) * (1 + 0.15 * seed) * (1 + 3 * np.exp(-np.arange(5.0)))
    error = np.minimum(error, 0.9)
    lost = optimizer.learning_rate >= 1 and (seed % 2 == 1 or optimizer.momentum > 0)
    error = error[: 2 if lost else 5]
    curves = (error * 2).tolist(), (error * 3).tolist(), (1 - error).tolist()
    history = History(seed, batch_size, 1, *curves, seconds=[1.0] * len(error))
    if lost:
        raise DivergenceError("boom", history)
    return history


def given_training(loss: float | None) -> Any:
    """A training that ends each epoch with the same loss, or diverges in the first."""

    def train(network, optimizer, data, *, epochs, batch_size, seed, progress) -> History:
        if loss is None:
            raise DivergenceError("boom", History(seed, batch_size, 1))
        same = [loss] * epochs
        return History(seed, batch_size, 1, same, same, same, seconds=[1.0] * epochs)

    return train


def made_task(metric: str = "val_accuracy", train: Any = made_training) -> Task:
    x, y = np.zeros((1, 2)), np.zeros(1, dtype=int)
    return Task([2, 2], (x, y, x, y), epochs=5, metric=metric, train=train)


def run(spaces: dict[str, Space], task: Task, n_seeds: int = 3) -> Results:
    return search(task, spaces, range(n_seeds), n_jobs=1, progress=False)


@cache
def results(metric: str = "val_accuracy", n_seeds: int = 3) -> Results:
    task = made_task(metric)
    searched = {"SGD": Space(SGD, learning_rate=RATES), "momentum": Space(SGD, learning_rate=RATES, momentum=0.9)}
    given = {"a given rate": Space(SGD, learning_rate=0.02, momentum=0.5)}
    rows = [row for spaces in (searched, given) for row in run(spaces, task, n_seeds).rows]
    return Results(task, searched | given, range(n_seeds), rows)


SCENES: dict[str, Any] = {
    "rates": lambda: plot_rates(results()),
    "rates_loss": lambda: plot_rates(results("val_loss", 7)),
    "bands": lambda: plot_bands(results()),
    "bands_loss": lambda: plot_bands(results(n_seeds=7), "train_loss"),
    "robustness": lambda: plot_robustness(results()),
    "robustness_wide": lambda: plot_robustness(results(), within=0.3),
}


@pytest.mark.parametrize("scene", SCENES)
@image_test
def test_experiments_picture(scene):
    return SCENES[scene]().figure


@pytest.mark.parametrize("scene", SCENES)
def test_drawing_gives_no_warning_and_fits(scene):
    figure = SCENES[scene]().figure
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_visible() and text.get_text().strip()]
    box = figure.bbox
    for text in [*figure.axes[0].texts, figure.axes[0].xaxis.label, figure.axes[0].yaxis.label]:
        inside = text.get_window_extent(renderer)
        assert not text.get_text() or (inside.x0 >= box.x0 - 1 and inside.x1 <= box.x1 + 1), text.get_text()
    assert texts


def lines_of(ax: Axes) -> dict[str, Any]:
    return {line.get_label(): line for line in ax.lines}


def crosses(ax: Axes) -> list[tuple[str, float, float]]:
    """(colour, rate, size) of every cross."""
    marks = [line for line in ax.lines if line.get_marker() == "x"]
    return [(line.get_color(), float(x), line.get_markersize()) for line in marks for x in line.get_xdata()]


def test_rates_draws_the_medians_and_bands():
    ax, found = plot_rates(results()), results()
    for label in ("SGD", "momentum"):
        curve, line = found.rate_curve(label), lines_of(ax)[label]
        finite = np.isfinite(curve.median)
        assert line.get_xdata().tolist() == RATES
        np.testing.assert_allclose(line.get_ydata()[finite], 1 - curve.median[finite])
        assert np.isnan(line.get_ydata()[~finite]).all()
    given = lines_of(ax)["a given rate"]
    assert set(given.get_ydata()) == {1 - found.best("a given rate").median}
    bands = [part for part in ax.collections if isinstance(part, FillBetweenPolyCollection)]
    corners = bands[0].get_paths()[0].vertices
    curve = found.rate_curve("SGD")
    assert corners[:, 1].min() == pytest.approx(1 - curve.high.max())
    assert ax.get_xscale() == ax.get_yscale() == "log" and len(bands) == 2


def test_lost_runs_are_marked_at_the_top():
    """At rate 1, one of three runs of SGD diverged, and all of momentum."""
    ax = plot_rates(results())
    assert crosses(ax) == [(COLOURS["blue"], 1.0, 4.5), (COLOURS["orange"], 1.0, 8.0)]
    heights = [line.get_ydata()[0] for line in ax.lines if line.get_marker() == "x" and len(line.get_ydata())]
    assert all(0.9 < height <= 1 for height in heights)
    assert [text.get_text() for text in ax.get_legend().get_texts()][-2:] == ["min–max of 3 seeds", "runs diverged"]
    assert "runs diverged" not in [t.get_text() for t in plot_bands(results()).get_legend().get_texts()]


def test_the_best_rate_has_a_ring():
    rings = [line for line in plot_rates(results()).lines if line.get_markersize() == 12]
    assert [ring.get_xdata()[0] for ring in rings] == [
        results().best(label).setting.values["learning_rate"] for label in ("SGD", "momentum")
    ]


def test_bands_draws_the_chosen_settings_along_the_epochs():
    ax, found = plot_bands(results(n_seeds=7), "val_loss"), results(n_seeds=7)
    for line, label in zip(ax.lines, found.labels, strict=True):
        assert line.get_label() == f"{label}, {found.best(label).setting!r}"
        np.testing.assert_allclose(line.get_ydata(), found.curves(label, "val_loss").median)
        assert line.get_xdata().tolist() == [1, 2, 3, 4, 5]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epochs", "validation loss after each epoch")
    assert [text.get_text() for text in ax.get_legend().get_texts()][-1] == "quartiles of 7 seeds"


def test_robustness_draws_the_ranges():
    ax, found = plot_robustness(results()), results().robustness("SGD")
    thick = next(line for line in ax.lines if line.get_linewidth() == 7)
    assert thick.get_xdata() == pytest.approx([found.lowest, found.highest])
    thin = [line.get_xdata() for line in ax.lines if line.get_linewidth() == 1 and 0 < line.get_ydata()[0] < 0.5]
    assert [tuple(x) for x in thin] == [pytest.approx(pair) for pair in found.ranges.values()]
    assert ax.texts[0].get_text() == f"{found.decades:.1f} decades"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["SGD", "momentum"]
    assert "1 percentage point of" in ax.get_xlabel()
    assert plot_robustness(results(), within=0.3).texts[0].get_text().startswith("≥ ")


def test_everything_diverged_can_be_drawn():
    found = run({"SGD": Space(SGD, learning_rate=[10.0, 20.0])}, made_task(train=given_training(None)), 1)
    for plot in (plot_rates, plot_bands, plot_robustness):
        plot(found).figure.canvas.draw()
    assert len(crosses(plot_rates(found))) == 2
    assert plot_robustness(found).texts[0].get_text() == "diverged"


def test_values_of_zero_need_a_linear_axis():
    found = run({"SGD": Space(SGD, learning_rate=[0.5, 1.0])}, made_task("val_loss", given_training(0.0)), 1)
    assert plot_rates(found).get_yscale() == "linear"


@pytest.mark.parametrize("plot", [plot_rates, plot_bands, plot_robustness])
def test_own_axes_are_used_and_settings_stay(plot):
    before = dict(matplotlib.rcParams)
    _, ax = new_figure()
    assert plot(results(), ax=ax) is ax
    assert dict(matplotlib.rcParams) == before
    plt.close("all")


@pytest.mark.parametrize("plot", [plot_rates, plot_bands, plot_robustness])
def test_bad_arguments_say_what_is_wrong(plot):
    with pytest.raises(TypeError, match=r"results: got 3; expected the Results"):
        plot(3)
    empty = Results(made_task(), results().spaces, (0, 1, 2), [])
    with pytest.raises(ValueError, match="no setting has all its seeds"):
        plot(empty)
    if plot is not plot_robustness:
        with pytest.raises(ValueError, match="metric: got 'acc'"):
            plot(results(), "acc")


def test_robustness_needs_rates():
    found = run({"SGD": Space(SGD, learning_rate=0.1)}, made_task(), 1)
    with pytest.raises(ValueError, match="a search over no learning rates"):
        plot_robustness(found)
