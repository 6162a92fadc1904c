"""The figure of chapter 00 that readers move, and the texts that the README shares with the chapter."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nnopt_utils.course import EXERCISES
from nnopt_utils.course.ch00_introduction.figures import MOMENTS, digit_and_probabilities
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
