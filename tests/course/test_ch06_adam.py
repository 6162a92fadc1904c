"""Chapter 06: what its figures show is right, also at the ends of their sliders; its claims under attack."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.course.ch06_adam import figures, printed
from nnopt_utils.course.ch06_adam.exercises import SLIPS, adam_step
from nnopt_utils.course.ch06_adam.figures import CORRECTIONS, adam_on_a_valley, effective_step, step_lengths
from nnopt_utils.course.ch06_adam.steps import decay, lengths_on
from nnopt_utils.course.ch06_adam.valleys import best_run, late_loss, shown, valley
from nnopt_utils.optimizers import Adam, AdamW, GradientDescent


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


# -- how long a step can be ------------------------------------------------------------------------------------------


def longest_possible(t: int, beta_1: float, beta_2: float) -> float:
    """The bound of the chapter for step t, summed term by term."""
    age = np.arange(t)
    a, b = (1 - beta_1) * beta_1**age, (1 - beta_2) * beta_2**age
    return float(np.sqrt((a**2 / b).sum()) * np.sqrt(1 - beta_2**t) / (1 - beta_1**t))


def test_the_longest_step_of_the_defaults_is_not_the_first_one_after_a_silence() -> None:
    ages = np.arange(10_000) - 9900
    growing = np.where(ages >= 0, (0.999 / 0.9) ** ages.clip(0), 0.0)
    lengths = lengths_on(Adam(1.0), np.stack([ages >= 0, growing], axis=1).astype(float))
    assert lengths[9900, 0] == pytest.approx(0.1 / np.sqrt(0.001), rel=1e-3)
    assert lengths[:, 0].max() == pytest.approx(6.57, abs=0.01)
    assert lengths[:, 0].argmax() == 9911  # the twelfth after the silence
    assert lengths[:, 1].max() == pytest.approx(7.2703, abs=1e-3)


@pytest.mark.parametrize(("beta_1", "beta_2"), [(0.9, 0.999), (0.9, 0.95), (0.9, 0.9), (0.95, 0.95), (0.5, 0.3)])
def test_no_gradients_that_a_search_finds_make_a_longer_step(beta_1: float, beta_2: float) -> None:
    """Hill climbing over the last 30 gradients, from many starts, comes near the bound and not above it."""
    generator, t = np.random.default_rng(12), 30
    bound = longest_possible(t, beta_1, beta_2)
    gradients = generator.standard_t(1.5, size=(t, 200))
    best = lengths_on(Adam(1.0, beta_1, beta_2, epsilon=0), gradients)[-1]
    for _ in range(600):
        signs = np.where(generator.random(gradients.shape) < 0.02, -1, 1)
        tried = gradients * signs * np.exp(0.3 * generator.normal(size=gradients.shape))
        lengths = lengths_on(Adam(1.0, beta_1, beta_2, epsilon=0), tried)[-1]
        better = lengths > best
        gradients[:, better], best[better] = tried[:, better], lengths[better]
    assert 0.8 * bound < best.max() <= bound * (1 + 1e-9)


def test_with_equal_memories_no_step_is_longer_than_the_rate() -> None:
    wild = np.random.default_rng(13).standard_t(1.0, size=(500, 500))
    assert lengths_on(Adam(1.0, 0.9, 0.9, epsilon=0), wild).max() <= 1 + 1e-9
    assert longest_possible(400, 0.9, 0.95) == pytest.approx(1.165, abs=1e-3)


# -- the four printed Adams ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "slip"), list(zip("abcd", SLIPS, strict=True)))
def test_one_of_the_printed_adams_is_right(name: str, slip: int) -> None:
    """The right one follows Algorithm 1 for 50 steps, the others do not; a gradient is zero at first."""
    step = getattr(printed, f"adam_{name}")
    gradients = np.random.default_rng(14).normal(size=(50, 3))
    gradients[:2, 0] = 0.0
    ours, theirs = (np.ones(3), np.zeros(3), np.zeros(3)), (np.ones(3), np.zeros(3), np.zeros(3))
    for t, g in enumerate(gradients, start=1):
        ours = adam_step(ours[0], g, ours[1], ours[2], t, 0.001, 0.9, 0.999, 1e-8)
        with np.errstate(invalid="ignore"):
            theirs = step(theirs[0], g, theirs[1], theirs[2], t)
    assert np.allclose(ours[0], theirs[0], rtol=0, atol=1e-9) == (slip == 0)


# -- what the chapter computes with ----------------------------------------------------------------------------------


def test_weights_decay_alike_under_adamw_only() -> None:
    sizes = (0.01, 100.0)
    alike = decay(AdamW(0.001, weight_decay=0.2), sizes, steps=500)
    apart = decay(Adam(0.001, weight_decay=0.2, convention="pytorch"), sizes, steps=500)
    assert alike.shape == (500, 2)
    assert alike[-1] == pytest.approx([(1 - 2e-4) ** 500] * 2, abs=0.01)
    assert apart[-1, 1] - apart[-1, 0] > 0.3


def test_a_valley_turns_with_its_start() -> None:
    assert late_loss(best_run(valley(0), GradientDescent)) == pytest.approx(
        late_loss(best_run(valley(33), GradientDescent))
    )
    assert shown(1e-11) == "below 1e-10"
    assert shown(1.94e-4) == "1.9e-04"


# -- figures ---------------------------------------------------------------------------------------------------------


def test_what_the_figures_draw_is_what_they_are_given() -> None:
    values = np.linspace(1.0, 0.1, 20)
    moving = np.arange(20) % 2.0
    (ax,) = figures.noisy_paths({"rule": values}, moving).axes
    assert [line.get_label() for line in ax.lines] == ["minimum: the mean of the samples", "rule"]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), moving)
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), values)

    (ax,) = figures.spikes([{"one": values}, {"one": 3 * values}, {"one": 2 * values}]).axes
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 2 * values)

    pairs = np.stack([values, -values], axis=1)
    for axes in (figures.two_coordinates({"a": pairs, "b": pairs}).axes, figures.decays(pairs, pairs, (1.0, 2.0)).axes):
        assert len(axes) == 2
        np.testing.assert_array_equal(axes[1].lines[1].get_ydata(), -values)

    (ax,) = figures.epsilons(values, {"ε": values**2}).axes
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), values**2)
    left, right = figures.regrets({"Adam": (values, -values)}, worst=0.5).axes
    np.testing.assert_array_equal(left.lines[0].get_ydata(), values)
    np.testing.assert_array_equal(right.lines[0].get_ydata(), -values)
    first, *_ = figures.layer_by_layer(np.ones((5, 3, 3))).axes
    assert [line.get_label() for line in first.lines] == ["layer 1", "layer 2", "layer 3"]


def test_dark_pixels_are_white_and_zeros_are_left_out_of_the_histogram() -> None:
    roots = np.full((28, 28), 0.5)
    roots[0, 0] = 0.0
    image = figures.pixels(roots, 1 / (roots + 1e-8)).axes[0].images[0].get_array()
    assert bool(np.ma.getmaskarray(image)[0, 0] or np.isnan(image[0, 0]))
    (ax,) = figures.histogram_of_sizes([np.array([0.0, 0.01, 0.01, 0.1])]).axes
    heights = ax.patches[0].get_xy()[:, 1]
    assert heights.max() == pytest.approx(0.5)
