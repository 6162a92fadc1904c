"""The figures of chapter 02: what they plot is right, also at the ends of the sliders."""

from __future__ import annotations

from itertools import combinations

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnopt_utils.course.ch02_loss_functions.figures import fit_line, line_with_outlier, outlier_data, wrong_by
from nnopt_utils.losses import huber, mean_absolute_error


def lines(ax: Axes) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {line.get_label(): line.get_data() for line in ax.lines}


@pytest.mark.parametrize("logit", [-10.0, 0.0, 8.0, 16.0, 30.0])
def test_wrong_by(logit):
    figure = wrong_by(logit)
    assert isinstance(figure, Figure)
    values, slopes = (lines(ax) for ax in figure.axes)
    z, entropy = values["cross-entropy from the logit"]
    p = 1 / (1 + np.exp(-z))
    np.testing.assert_allclose(entropy, np.logaddexp(0, z), rtol=1e-12)
    np.testing.assert_allclose(slopes["cross-entropy from the logit"][1], p, rtol=1e-12)
    np.testing.assert_allclose(values["squared error of the sigmoid"][1], p**2, rtol=1e-12)
    np.testing.assert_allclose(slopes["squared error of the sigmoid"][1], 2 * p**2 * (1 - p), rtol=1e-6)
    clipped, dead = values["cross-entropy, clipped at 1e-7"][1], slopes["cross-entropy, clipped at 1e-7"][1]
    np.testing.assert_allclose(clipped, np.minimum(entropy, -np.log(1e-7)), rtol=1e-6)
    assert (dead[z > 16.2] == 0).all() and np.allclose(dead[abs(z) < 16], p[abs(z) < 16])
    assert f"loss at z = {logit:g}:" in figure.axes[0].get_title()
    # The dots lie on the curves, at the logit.
    dots = [line.get_xdata() for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert dots == [[logit]] * 3


@pytest.mark.parametrize("outlier", [-6.0, 2.8, 10.0])
@pytest.mark.parametrize("delta", [0.05, 5.0])
def test_line_with_outlier(outlier, delta):
    figure = line_with_outlier(outlier, delta)
    assert isinstance(figure, Figure)
    x, y = outlier_data(outlier)
    drawn = lines(figure.axes[0])
    slope, intercept = np.polyfit(x, y, 1)
    np.testing.assert_allclose(drawn["squared error"][1], intercept + slope * x, atol=1e-9)
    np.testing.assert_allclose(drawn["truth"][1], 1 + 2 * x)
    pulls = lines(figure.axes[1])
    error, pull = pulls[rf"Huber, $\delta$ = {delta:g}"]
    np.testing.assert_allclose(pull, np.clip(error, -delta, delta))
    np.testing.assert_allclose(pulls["squared error"][1], 2 * error, atol=1e-12)


@pytest.mark.parametrize("outlier", [-6.0, -4.0, 2.8, 10.0])
def test_line_of_least_absolute_error_is_the_best_through_two_points(outlier):
    """A line of least absolute error passes through two of the points, so all of these can be tried."""
    x, y = outlier_data(outlier)

    def error(intercept: float, slope: float) -> float:
        return mean_absolute_error(intercept + slope * x, y)[0]

    candidates = []
    for i, j in combinations(range(len(x)), 2):
        slope = (y[j] - y[i]) / (x[j] - x[i])
        candidates.append(error(y[i] - slope * x[i], slope))
    assert error(*fit_line(x, y, 0.0)) == pytest.approx(min(candidates), rel=1e-4)


@pytest.mark.parametrize("delta", [0.05, 0.3, 5.0])
def test_huber_line_has_no_gradient(delta):
    x, y = outlier_data(-4.0)
    intercept, slope = fit_line(x, y, delta)
    pulls = huber(intercept + slope * x, y, delta)[1]
    assert abs(pulls.sum()) < 1e-6 and abs(pulls @ x) < 1e-6


def test_only_the_outlier_differs():
    (x, y), (_, other) = outlier_data(-4.0), outlier_data(10.0)
    assert np.flatnonzero(y != other).tolist() == [9] and len(x) == 11
