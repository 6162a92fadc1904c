"""The figures of chapter 05: what they show is right, also at the ends of their sliders."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from nnopt_utils.course.ch05_stochastic_gradient_descent.figures import (
    CURVATURES,
    SAMPLE_VARIANCE,
    noise_cloud,
    predicted_floor,
)


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
