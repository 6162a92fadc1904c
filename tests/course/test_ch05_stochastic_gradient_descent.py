"""Chapter 05: its figures, also at the ends of their sliders, and its longer experiments."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from nnopt_utils.course.ch05_stochastic_gradient_descent import experiments, figures
from nnopt_utils.course.ch05_stochastic_gradient_descent.figures import (
    CURVATURES,
    SAMPLE_VARIANCE,
    noise_cloud,
    predicted_floor,
)
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.training import batches, fit


def stationary_square(eta: float, curvature: float, variance: float, beta: float) -> float:
    """E θ² from the linear equation of the second moments of (θ, v): C = A C Aᵀ + Q, solved as it stands."""
    step = np.array([[1 - eta * curvature, beta], [-eta * curvature, beta]])  # acts on (θ, v)
    noise = eta**2 * variance * np.ones((2, 2))  # the same noise enters θ and v
    moments = np.linalg.solve(np.eye(4) - np.kron(step, step), noise.ravel())
    return float(moments[0])


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.9, 0.99])
@pytest.mark.parametrize(("eta", "curvature", "variance"), [(0.1, 1.0, 1.0), (0.5, 3.0, 0.2), (1.9, 1.0, 4.0)])
def test_floor_solves_the_equation_of_second_moments(
    eta: float, curvature: float, variance: float, beta: float
) -> None:
    expected = stationary_square(eta, curvature, variance, beta)
    assert predicted_floor(eta, curvature, variance, beta) == pytest.approx(expected, rel=1e-8)


def test_floor_without_momentum_is_that_of_the_chapter() -> None:
    for eta, published in ((0.1, 0.05263), (0.5, 0.3333), (1.0, 1.0)):
        assert predicted_floor(eta, 1.0, 1.0) == pytest.approx(published, abs=5e-5)


@pytest.mark.parametrize(("eta", "beta"), [(2.0, 0.0), (5.0, 0.0), (3.8, 0.9)])
def test_floor_is_infinite_where_the_method_diverges(eta: float, beta: float) -> None:
    assert predicted_floor(eta, 1.0, 1.0, beta) == math.inf


def predicted_line(figure: Figure) -> float:
    return float(figure.axes[1].lines[1].get_ydata()[0])


@pytest.mark.parametrize(("rate", "batch_size", "momentum"), [(0.3, 4, 0.0), (0.1, 1, 0.5), (1.0, 64, 0.0)])
def test_cloud_ends_on_the_predicted_floor(rate: float, batch_size: int, momentum: float) -> None:
    figure = noise_cloud(rate, batch_size, momentum)
    floors = [predicted_floor(rate, curvature, SAMPLE_VARIANCE / batch_size, momentum) for curvature in CURVATURES]
    assert predicted_line(figure) == pytest.approx(sum(floors))
    measured = figure.axes[1].lines[0].get_ydata()
    assert np.mean(measured[200:]) == pytest.approx(sum(floors), rel=0.05)
    (ellipse,) = (patch for patch in figure.axes[0].patches if isinstance(patch, Ellipse))
    np.testing.assert_allclose([ellipse.width, ellipse.height], 4 * np.sqrt(floors))


def test_cloud_begins_at_the_start() -> None:
    figure = noise_cloud(0.1, 16)
    assert figure.axes[1].lines[0].get_ydata()[0] == pytest.approx(45.0)


@pytest.mark.parametrize("rate", [0.01, 10**0.5])
@pytest.mark.parametrize("batch_size", [1, 256])
@pytest.mark.parametrize("momentum", [0.0, 0.98])
def test_cloud_at_the_ends_of_its_sliders(rate: float, batch_size: int, momentum: float) -> None:
    figure = noise_cloud(rate, batch_size, momentum)
    figure.canvas.draw()
    assert np.all(np.isfinite(figure.axes[1].lines[0].get_ydata()))


def test_cloud_says_that_it_diverges() -> None:
    figure = noise_cloud(3.0, 16)
    assert figure.axes[1].get_title() == "diverges"
    assert not figure.axes[0].patches


# -- what the chapter derives ----------------------------------------------------------------------------------------


def test_variance_without_replacement_over_all_batches() -> None:
    rows = np.random.default_rng(3).normal(size=(6, 4))
    spread = np.mean(np.sum((rows - rows.mean(axis=0)) ** 2, axis=1))
    for size in range(1, 7):
        means = np.array([rows[list(batch)].mean(axis=0) for batch in itertools.combinations(range(6), size)])
        found = np.mean(np.sum((means - rows.mean(axis=0)) ** 2, axis=1))
        assert found == pytest.approx(spread / size * (6 - size) / 5, abs=1e-12)


def test_average_and_last_iterate_at_4000_steps() -> None:
    last, average = experiments.expected_squares([0.5 / t**0.6 for t in range(1, 4001)], start=1.0)
    assert 4000 * last[-1] == pytest.approx(7.066, abs=1e-3)
    assert 4000 * average[-1] == pytest.approx(1.043, abs=1e-3)


def test_expected_squares_are_means_of_runs() -> None:
    generator, theta, total = np.random.default_rng(1), np.full(100_000, 2.0), np.zeros(100_000)
    rates = [0.7, 0.5, 0.3, 0.2]
    for eta in rates:
        theta = (1 - eta) * theta - eta * generator.normal(size=theta.size)
        total += theta
    last, average = experiments.expected_squares(rates, start=2.0)
    assert np.mean(theta**2) == pytest.approx(last[-1], rel=0.03)
    assert np.mean((total / 4) ** 2) == pytest.approx(average[-1], rel=0.03)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_losses_after_a_step_are_those_of_a_quadratic(batch_size: int) -> None:
    generator = np.random.default_rng(2)
    rows, root = generator.normal(loc=1.0, size=(40, 3)), generator.normal(size=(3, 3))
    hessian, signal, covariance = root @ root.T, rows.mean(axis=0), np.cov(rows.T, bias=True)
    rates = np.array([0.05, 0.2])
    charge = signal @ hessian @ signal + np.trace(hessian @ covariance) / batch_size
    expected = -rates * (signal @ signal) + rates**2 / 2 * charge
    found = experiments.losses_after_a_step(rows, hessian, rates, batch_size, draws=40_000)
    np.testing.assert_allclose(found, expected, rtol=0.05, atol=0.02)


@pytest.mark.parametrize("seed", range(12))
def test_no_strongly_convex_function_breaks_the_bound(seed: int) -> None:
    """Random curvatures between 1 and κ, starts, strengths and kinds of noise; the bound plus four standard errors."""
    generator = np.random.default_rng(seed)
    kappa, sigma, start = generator.choice([1, 2, 5, 20]), generator.choice([0.3, 1, 5]), generator.choice([-3, 0.3, 3])
    centres, widths = generator.uniform(-2, 2, size=(3, 1)), generator.uniform(0.5, 3, size=(3, 1))

    def gradient(theta: np.ndarray) -> np.ndarray:
        humps = (np.tanh(widths * (theta - centres)) + np.tanh(widths * centres)) / widths
        return theta + (kappa - 1) * np.mean(humps, axis=0)  # 0 at 0: that is the minimum

    theta = np.full(4000, float(start))
    for t in range(1, 101):
        if seed % 3 == 0:
            noise = generator.normal(size=theta.size)
        elif seed % 3 == 1:
            noise = generator.choice([-1.0, 1.0], size=theta.size)
        else:  # rare and large
            noise = np.where(generator.random(theta.size) < 0.02, 7.0, -1 / 7)
        theta = theta - (gradient(theta) + sigma * noise) / (t + kappa)
        bound = (kappa**2 * start**2 + t * sigma**2) / (t + kappa) ** 2
        assert np.mean(theta**2) <= bound + 4 * np.std(theta**2) / math.sqrt(theta.size), t


def test_speed_in_samples_times_floor_does_not_depend_on_the_batch_for_small_rates() -> None:
    for rate, batch_size in itertools.product([0.001, 0.1, 0.4], [1, 7, 256]):
        samples = -batch_size / math.log(1 - rate)
        assert samples * predicted_floor(rate, 1.0, 1 / batch_size) == pytest.approx(0.5, rel=0.05)


def test_cliff_has_its_gradient() -> None:
    cliff, theta = experiments.Cliff(), np.array([4.9, -2.3])
    numerical = [(cliff.value(theta + step) - cliff.value(theta - step)) / 2e-6 for step in 1e-6 * np.eye(2)]
    np.testing.assert_allclose(cliff.gradient(theta), numerical, rtol=1e-5)


def test_interval_of_paired_differences() -> None:
    mean, half = experiments.interval(np.arange(10.0))
    assert (mean, half) == pytest.approx((4.5, 2.262 * np.std(np.arange(10), ddof=1) / math.sqrt(10)))
    assert experiments.interval(np.arange(30.0))[1] > 2.045 * np.std(np.arange(30), ddof=1) / math.sqrt(30)


def test_reshuffling_ends_nearer() -> None:
    replaced, reshuffled = (experiments.regression_errors(again, seed=1)[-1] for again in (False, True))
    assert replaced > 10 * reshuffled


def test_curves_of_a_diverging_run_have_all_their_rows() -> None:
    generator = np.random.default_rng(0)
    data = generator.normal(size=(40, 4)).astype(np.float32), generator.integers(3, size=40)
    shapes, ends = [], []
    for rate in (0.01, 1e6):
        network = MLP([4, 5, 3], seed=0)
        rows = experiments.learning_curve(network, rate, data, data, batch_size=4, epochs=2, seed=0)
        shapes.append(rows.shape)
        ends.append(experiments.accuracy_at(rows[None], "samples", 80))
    assert shapes[0] == shapes[1]
    assert 0 <= min(ends) <= max(ends) <= 1


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.squared_errors(np.array([1, 2]), np.ones(2), np.ones(2), 1.0, 4),
        lambda: figures.floors_of_rates({0.1: np.ones(5), 2.5: np.ones(5)}),
        lambda: figures.falling_rates({"1 / t": np.ones(5)}),
        lambda: figures.last_against_average(np.ones(5), np.ones(5)),
        lambda: figures.floors_of_momenta([0.1, 0.2], {0.5: [0.05, 0.1]}),
        lambda: figures.lengths_of_steps({"inside": np.ones(9)}, 4),
        lambda: figures.bands_over_epochs({"reshuffled": np.ones((2, 5))}),
        lambda: figures.scales_over_epochs(np.ones((2, 3))),
        lambda: figures.scores_of_orders({"sorted": np.array([10.0, 12.0])}),
        lambda: figures.strongly_convex_runs({"parabola": np.ones(4)}, np.ones(4)),
    ],
)
def test_a_plot_has_named_axes(draw: Callable[[], Axes]) -> None:
    assert draw().get_xlabel()


def test_best_rates_are_dots_at_the_lowest_points() -> None:
    rates = np.linspace(0, 1, 11)
    figure = figures.rates_for_batch_sizes(rates, {1: rates**2 - 0.4 * rates, 4: rates**2 - rates}, 0.6, 2.0)
    assert [float(line.get_xdata()[0]) for line in figure.axes[0].lines[1:4:2]] == pytest.approx([0.2, 0.5])
    assert figure.axes[1].lines[0].get_ydata() == pytest.approx([0.2, 0.5])


def test_large_batches_draw_both_laws() -> None:
    figure = figures.large_batches(np.array([4, 16]), [0.05, 0.2], np.array([400, 100]), 40.0, 40.0, 0.4)
    assert figure.axes[1].lines[1].get_ydata()[0] == pytest.approx(440)
    assert figure.axes[0].lines[1].get_ydata()[0] == pytest.approx(0.4 / 11)


def test_fit_is_the_loop_of_the_chapter() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(50, 4)).astype(np.float32), generator.integers(3, size=50)
    ours, library, optimizer = MLP([4, 5, 3], seed=0), MLP([4, 5, 3], seed=0), SGD(0.1)
    for epoch in (1, 2):
        for batch in batches(50, batch_size=8, seed=0, epoch=epoch):
            optimizer.step(ours.parameters, ours.loss_and_gradient(x[batch], y[batch])[1])
    fit(library, SGD(0.1), (x, y), epochs=2, batch_size=8, seed=0, progress=False)
    assert np.array_equal(ours.parameters, library.parameters)
