"""The figures of chapter 06: what they show is right, also at the ends of their sliders."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.course.ch06_adam.figures import CORRECTIONS, adam_on_a_valley, effective_step, step_lengths
from nnopt_utils.optimizers import Adam


def measured_steps(optimizer: Adam, gradient: float, count: int) -> np.ndarray:
    """Steps of an optimizer under a constant gradient, in units of the rate."""
    theta, places = np.zeros(1), [0.0]
    for _ in range(count):
        optimizer.step(theta, np.array([gradient]))
        places.append(theta[0])
    return np.abs(np.diff(places)) / optimizer.learning_rate


@pytest.mark.parametrize("corrected", [True, False])
@pytest.mark.parametrize(
    ("beta_1", "beta_2", "epsilon", "gradient"),
    [(0.9, 0.999, 1e-8, 1.0), (0.0, 0.9, 1e-10, 1e-10), (0.99, 0.9999, 1.0, 1000.0), (0.5, 0.99, 1e-3, 1e-6)],
)
def test_step_lengths_are_those_of_adam(
    corrected: bool, beta_1: float, beta_2: float, epsilon: float, gradient: float
) -> None:
    optimizer = Adam(1.0, beta_1, beta_2, epsilon, bias_correction=corrected)
    predicted = step_lengths(np.arange(1, 31), beta_1, beta_2, epsilon, gradient, corrected, corrected)
    np.testing.assert_allclose(measured_steps(optimizer, gradient, 30), predicted, rtol=1e-6)


def test_step_lengths_by_hand() -> None:
    assert step_lengths(1, correct_m=False, correct_v=False) == pytest.approx(0.1 / np.sqrt(0.001), rel=1e-6)
    assert step_lengths(1, correct_m=True, correct_v=False) == pytest.approx(1 / np.sqrt(0.001), rel=1e-6)
    assert step_lengths(1, correct_m=False, correct_v=True) == pytest.approx(0.1, rel=1e-6)
    assert step_lengths([1, 10, 100], gradient=-3.0) == pytest.approx([1, 1, 1])
    assert step_lengths(5, epsilon=0.01, gradient=0.01) == pytest.approx(0.5)


@pytest.mark.parametrize("beta_1", [0.0, 0.9, 0.99])
@pytest.mark.parametrize("beta_2", [0.9, 0.9999])
@pytest.mark.parametrize(("epsilon", "gradient"), [(1e-10, 1000.0), (1.0, 1e-10), (1e-8, 1.0)])
def test_effective_step_draws_the_four_lines(beta_1: float, beta_2: float, epsilon: float, gradient: float) -> None:
    figure = effective_step(beta_1, beta_2, epsilon, gradient)
    figure.canvas.draw()
    (ax,) = figure.axes
    lines = {line.get_label(): line for line in ax.lines}
    assert set(lines) == set(CORRECTIONS)
    for label, corrections in CORRECTIONS.items():
        t, lengths = lines[label].get_data()
        assert t[0] == 1
        np.testing.assert_allclose(lengths, step_lengths(t, beta_1, beta_2, epsilon, gradient, *corrections))


def test_effective_step_tells_the_first_step() -> None:
    assert effective_step().axes[0].get_title() == "without correction the first step is 3.16 η long"


@pytest.mark.parametrize("learning_rate", [1e-3, 0.5, 10.0])
@pytest.mark.parametrize(("beta_1", "beta_2"), [(0.0, 0.0), (0.99, 0.9999), (0.9, 0.999)])
@pytest.mark.parametrize(("angle", "kappa"), [(0, 1.0), (90, 1e4), (45, 100.0)])
def test_adam_on_a_valley_draws(learning_rate: float, beta_1: float, beta_2: float, angle: float, kappa: float) -> None:
    figure = adam_on_a_valley(learning_rate, beta_1, beta_2, angle, kappa, steps=40)
    figure.canvas.draw()
    assert "after 40 steps" in figure.axes[1].get_title()


def test_adam_on_a_valley_shows_gradient_descent_at_its_predicted_factor() -> None:
    kappa = 50.0
    figure = adam_on_a_valley(0.5, 0.9, 0.999, 45, kappa)
    distances = {line.get_label(): line.get_ydata() for line in figure.axes[1].lines}
    factor = (distances["gradient descent"][-1] / distances["gradient descent"][0]) ** (1 / 200)
    assert factor == pytest.approx((kappa - 1) / (kappa + 1), abs=1e-6)
    assert f"{distances['Adam'][-1]:.2g}" in figure.axes[1].get_title()


def test_the_turn_matters_to_adam_but_not_to_gradient_descent() -> None:
    ends = {}
    for angle in (0, 45):
        figure = adam_on_a_valley(0.1, 0.9, 0.999, angle)
        ends[angle] = {line.get_label(): line.get_ydata()[-1] for line in figure.axes[1].lines}
    assert ends[0]["gradient descent"] == pytest.approx(ends[45]["gradient descent"])
    assert ends[45]["Adam"] > 10 * ends[0]["Adam"]
