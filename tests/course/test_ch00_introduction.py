"""The figure of chapter 00 that readers move, and the texts that the README shares with the chapter."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nnopt_utils.course import EXERCISES
from nnopt_utils.course.ch00_introduction.exercises import operations_per_sample
from nnopt_utils.course.ch00_introduction.figures import (
    MOMENTS,
    confusion_counts,
    digit_and_probabilities,
    plot_algorithms,
    plot_confusion,
    plot_rates,
    plot_resampled,
    plot_structures,
    running_mean,
    training_curves,
)
from nnopt_utils.course.ch00_introduction.runs import accuracies_after, lead
from nnopt_utils.course.console import wrapped
from nnopt_utils.course.exercises.examine import examine
from nnopt_utils.course.showing import result_text
from nnopt_utils.datasets import load_mnist

README = Path(__file__).resolve().parents[2] / "README.md"


def heights(figure: Figure) -> np.ndarray:
    return np.array([bar.get_height() for bar in figure.axes[1].patches if isinstance(bar, Rectangle)])


@pytest.mark.parametrize("steps", MOMENTS)
def test_probabilities_sum_to_one(steps: int) -> None:
    figure = digit_and_probabilities(index=3, steps=steps)
    assert isinstance(figure, Figure)
    assert heights(figure).shape == (10,)
    assert heights(figure).sum() == pytest.approx(1.0)


def test_shows_the_digit_asked_for() -> None:
    data = load_mnist()
    figure = digit_and_probabilities(index=4999, steps=0)
    picture = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(np.asarray(picture), data.x_val[4999].reshape(28, 28))
    assert figure.axes[0].get_title() == f"validation digit 4999: a {data.y_val[4999]}"


def test_only_mistakes_are_mistakes_and_start_again_after_the_last() -> None:
    for index in (0, 1, 4999):
        title = digit_and_probabilities(index, steps=1000, only_mistakes=True).axes[1].get_title()
        assert "(wrong)" in title


def is_right(index: int, steps: int) -> bool:
    figure = digit_and_probabilities(index, steps)
    plt.close(figure)
    return "(right)" in figure.axes[1].get_title()


def test_it_learns() -> None:
    right = {steps: sum(is_right(index, steps) for index in range(20)) for steps in (0, 1000)}
    assert right[0] < 10 < 15 < right[1000]


def test_is_pure() -> None:
    once, again = (digit_and_probabilities(index=11, steps=300) for _ in range(2))
    assert once is not again
    np.testing.assert_array_equal(heights(once), heights(again))


def test_unknown_moment() -> None:
    with pytest.raises(ValueError, match="steps: got 7; expected one of 0, 10"):
        digit_and_probabilities(index=0, steps=7)


def test_readme_quotes_the_check() -> None:
    """What the README promises a beginner is what the check says."""
    result = examine(EXERCISES["00.accuracy"], lambda predictions, labels: np.mean(predictions != labels))
    assert f"```\n{wrapped(result_text(result))}\n```" in README.read_text(encoding="utf-8")


def test_running_mean() -> None:
    steps, means = running_mean(np.arange(100.0), width=10)
    assert (steps[0], steps[-1], len(steps)) == (9, 99, 91)
    np.testing.assert_allclose(means, steps - 4.5)
    assert running_mean(np.arange(5.0))[1].tolist() == [2.0]  # fewer values than the mean is wide


def test_confusion_counts_the_mistakes_alone() -> None:
    counts = confusion_counts(np.array([4, 4, 4, 3, 0]), np.array([9, 9, 4, 5, 0]))
    assert counts.sum() == 3 and counts[4, 9] == 2 and counts[3, 5] == 1 and counts.trace() == 0


@pytest.mark.parametrize("losses", [np.geomspace(2, 0.1, 200), np.array([2.0, 1.0])])
def test_figures_draw_what_a_reader_may_give_them(losses: np.ndarray) -> None:
    training_curves(losses, [0.1, 0.9])
    plot_confusion(np.zeros((10, 10), dtype=int))
    plot_resampled(np.array([4, 5, 6]), right=5, n=10)
    plot_structures(np.array([0.1, 0.5]), {"784-10": np.array([[50.0, 90.0], [60.0, 91.0]])})
    plot_rates({0.1: losses, 2.0: losses}, {0.1: 90.0, 2.0: 10.0})
    bars = plot_algorithms({"one": [20.0, 40.0], "other": [95.0, 97.0]})
    assert [text.get_text() for text in bars.texts] == ["30.0", "96.0"]
    spans = [np.asarray(line.get_xdata()).tolist() for line in bars.lines]
    assert [20.0, 40.0] in spans and [95.0, 97.0] in spans  # from the smallest to the largest
    plt.close("all")


@pytest.fixture(scope="module")
def best_of_six_rates() -> dict[str, np.ndarray]:
    """The best accuracy of each structure over six rates, with 1 % and with 50 % of an epoch of 784-64-64-10."""
    data, found = load_mnist(), {}
    for sizes in ([784, 10], [784, 64, 64, 10], [784, 256, 256, 10]):
        steps = [round(share * 55_000 * 229_120 / (32 * operations_per_sample(sizes))) for share in (0.01, 0.5)]
        runs = [accuracies_after(sizes, steps, data, 1, rate) for rate in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)]
        found["-".join(map(str, sizes))] = np.max(runs, axis=0)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "winner"), [(0, "784-10"), (1, "784-64-64-10")])
def test_the_best_structure_depends_on_the_budget_at_every_ones_best_rate(
    best_of_six_rates: dict[str, np.ndarray], moment: int, winner: str
) -> None:
    accuracy = {name: found[moment] for name, found in best_of_six_rates.items()}
    assert accuracy.pop(winner) > max(accuracy.values()) + 0.005


def test_a_lead_is_an_interval() -> None:
    low, high = lead([3.0] * 5 + [5.0] * 5, [1.0] * 10)
    assert low < 3.0 < high and high - low == pytest.approx(2 * 2.26 * np.sqrt(10 / 9) / np.sqrt(10))
