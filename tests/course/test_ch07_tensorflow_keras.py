"""The figure of chapter 07 that readers move, and what the chapter shares with the library."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks import accuracy
from nnopt_utils.course.ch07_tensorflow_keras import figures
from nnopt_utils.course.ch07_tensorflow_keras.exercises import overhead_and_speed
from nnopt_utils.course.ch07_tensorflow_keras.figures import WIDTHS, operations, step_milliseconds, time_per_step
from nnopt_utils.networks import MLP

ROOT = Path(__file__).resolve().parents[2]


def crossing(figure: Figure) -> int | None:
    found = re.search(r"from width (\d+) on", figure.axes[0].get_title())
    return int(found[1]) if found else None


@pytest.mark.parametrize("batch_size", [1, 32, 2048])
@pytest.mark.parametrize("overhead", [0.1, 5.0])
@pytest.mark.parametrize("update", [0.5, 10.0])
@pytest.mark.parametrize("speedup", [0.5, 20.0])
def test_every_corner_of_the_sliders(batch_size, overhead, update, speedup):
    figure = time_per_step(batch_size, overhead, update, speedup)
    ours, theirs = (line.get_ydata() for line in figure.axes[0].lines[:2])
    assert np.all(np.diff(ours) > 0) and np.all(np.diff(theirs) > 0) and theirs[0] > overhead
    width = crossing(figure)
    assert (width is None) == bool(np.all(theirs >= ours))
    if width is not None:
        place = int(np.flatnonzero(width == WIDTHS)[0])
        assert theirs[place] < ours[place] and (place == 0 or theirs[place - 1] >= ours[place - 1])


def test_what_moves_the_crossing():
    middle = crossing(time_per_step())
    assert crossing(time_per_step(batch_size=2048)) < middle < crossing(time_per_step(batch_size=128))
    assert crossing(time_per_step(batch_size=32)) is None
    assert crossing(time_per_step(framework_overhead=0.3)) < middle < crossing(time_per_step(framework_overhead=5.0))
    assert crossing(time_per_step(framework_update=1.0)) < middle < crossing(time_per_step(framework_update=10.0))
    assert crossing(time_per_step(framework_speedup=20.0)) < middle
    assert crossing(time_per_step(framework_speedup=0.5)) is None


def test_the_title_where_the_framework_falls_back_again():
    """The only setting of the sliders at which it does: searched over all 200,000."""
    title = time_per_step(batch_size=32, framework_overhead=0.1, framework_update=1.5, framework_speedup=0.5)
    assert title.axes[0].get_title() == "batch 32: the framework is ahead from width 4 to 406"


def test_the_title_of_two_equal_programs():
    figure = time_per_step(framework_overhead=0.1, framework_update=3.0, framework_speedup=1.0)
    assert figure.axes[0].get_title() == "batch 512: the framework is ahead at no width shown"


def test_a_figure_is_pure():
    once, again = time_per_step(), time_per_step()
    assert once is not again
    for left, right in zip(once.axes[0].lines, again.axes[0].lines, strict=True):
        np.testing.assert_array_equal(left.get_ydata(), right.get_ydata())


def test_operations_count_what_backpropagation_computes():
    assert operations([784, 64, 64, 10]) == 229_120
    assert operations([5, 3]) == 4 * 15  # no hidden layer: forward, and the gradient of the weights


def test_the_model_of_a_step():
    """Exercise 07.4 finds what does not depend on the batch, and the speed, that the figure's model was given."""
    parameters = MLP([784, 64, 64, 10]).n_parameters
    seconds = [1e-3 * step_milliseconds(64, b, overhead=1.0, update=3.0, speed=50.0) for b in (32, 512)]
    fixed, speed = overhead_and_speed((32, 512), seconds, operations([784, 64, 64, 10]))
    assert fixed == pytest.approx(1e-3 + 3e-9 * parameters) and speed == pytest.approx(50e9)


@pytest.mark.slow
@pytest.mark.usefixtures("keras")
def test_the_accuracy_benchmark_runs(capsys, tmp_path):
    accuracy.main(["--quick", "--json", str(tmp_path / "a.json")])
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 2 + len(accuracy.RUNS) and all(row.count("|") == 8 for row in rows)
    assert (tmp_path / "a.json").stat().st_size > 100


def test_the_chapter_quotes_the_benchmarks_networks():
    text = (ROOT / "nnopt_utils/course/ch07_tensorflow_keras/chapter.md").read_text(encoding="utf-8")
    for name, _, epochs, batch_size, n_seeds in accuracy.RUNS[:4]:
        assert f"| {name} | {epochs} | {batch_size} | {n_seeds} | " in text


def test_an_epoch_ends_where_validation_stands():
    shown = np.linspace(0.5, 0.9, 150)
    ax = figures.accuracy_of_an_epoch(shown, np.full(51, 0.95), 0.96)
    recent, whole, validation = ax.lines
    assert list(recent.get_xdata()[[0, -1]]) == [100, 150] and list(whole.get_ydata()[[0, -1]]) == [50, 90]
    assert (validation.get_xdata()[0], validation.get_ydata()[0]) == (150, 96)


def test_differences_are_drawn_from_step_1_on():
    losses, rival, same = np.ones(3), np.array([0.0, 1e-3, 2e-3]), np.zeros(3)
    drawn = [line.get_ydata() for line in figures.losses_side_by_side(losses, rival, same).lines[:3]]
    np.testing.assert_allclose(drawn, [losses, np.maximum(rival, 1e-9), np.full(3, 1e-9)])
    runs = {"relu": (rival, np.array([0, 2, 0])), "tanh": (same, np.zeros(3, int))}
    _, flips, _ = figures.differences_of_losses(runs).lines
    assert list(flips.get_xdata()) == [2]


def test_distances_have_a_dot_for_each_convention():
    paper, keras, bound = figures.distances_to_keras({"SGD": [0.0, 0.1], "Adam": [1e-6, 2.0]}).lines
    assert list(paper.get_xdata()) == [0.1, 2.0] and list(keras.get_xdata()) == [1e-8, 1e-6]
    assert bound.get_xdata()[0] == 1e-4


def test_a_ratio_above_one_is_keras_taking_longer():
    grid = {(16, 32): (1.0, 4.0), (64, 32): (2.0, 6.0), (16, 512): (1.0, 1.0), (64, 512): (4.0, 2.0)}
    small, large, _ = figures.keras_over_numpy(grid).lines
    assert list(small.get_ydata()) == [4, 3] and list(large.get_ydata()) == [1, 0.5]


def test_the_colour_of_a_confusion_matrix_counts_mistakes():
    counts = np.array([[9, 1], [0, 8]])
    ax = figures.confusion(counts)
    np.testing.assert_array_equal(ax.images[0].get_array(), [[0, 1], [0, 0]])
    assert sorted(text.get_text() for text in ax.texts) == ["1", "8", "9"]


def test_lenets_loss_is_a_mean_of_200_steps():
    (line, _) = figures.loss_of_lenet([2.0] * 400).lines
    assert len(line.get_xdata()) == 201 and np.allclose(line.get_ydata(), 2.0)
