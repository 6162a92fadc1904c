"""The figures of chapter 02: what they plot is right, also at the ends of the sliders."""

from __future__ import annotations

from itertools import combinations

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnopt_utils.activations import log_softmax
from nnopt_utils.course import EXERCISES
from nnopt_utils.course.ch02_loss_functions.figures import (
    direction_of,
    fit_line,
    gaps_of_logits,
    line_with_outlier,
    outlier_data,
    outputs_of_units,
    penalty_path,
    polynomials,
    powers,
    ridge,
    slices,
    slices_of,
    three_ways,
    two_charges,
    weight_images,
    wrong_by,
)
from nnopt_utils.course.exercises.examine import examine
from nnopt_utils.losses import (
    half_squared_error,
    huber,
    l2_penalty,
    mean_absolute_error,
    mean_squared_error,
    softmax_cross_entropy,
)
from nnopt_utils.networks import MLP


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


def test_two_charges_are_smallest_at_mean_and_median():
    data, candidates = np.array([1.0, 2.0, 9.0]), np.linspace(0, 10, 1001)
    errors = candidates[:, None] - data
    (ax,) = two_charges(data, candidates, np.mean(errors**2, axis=1), np.mean(abs(errors), axis=1)).axes
    assert [line.get_label() for line in ax.lines if ":" in line.get_label()] == [
        "squared error: best at 4.00",
        "absolute error: best at 2.00",
    ]
    assert ax.lines[-1].get_xdata().tolist() == [1.0, 2.0, 9.0]


@pytest.mark.parametrize(("largest", "ends"), [(130, True), (60, False)])
def test_three_ways(largest, ends):
    gaps = np.linspace(0, largest, 2 * largest + 1).astype(np.float32)
    (ax,) = three_ways(gaps).axes
    drawn = lines(ax)
    np.testing.assert_allclose(drawn["from logits"][1], np.logaddexp(0, gaps.astype(float)), rtol=1e-6)
    assert drawn["clipped at 1e-7"][1][-1] == pytest.approx(-np.log(1e-7), rel=1e-4)
    assert np.isinf(drawn["softmax, then log"][1]).any() == ends and bool(ax.texts) == ends


def test_gaps_and_outputs_are_drawn_as_they_are():
    (ax,) = gaps_of_logits({0.0: np.array([1.0, 2.0]), 0.1: np.array([1.0, 1.5])}).axes
    assert lines(ax)["smoothing s = 0.1"][1].tolist() == [1.0, 1.5]
    (ax,) = outputs_of_units({("½ squared error", 2): [0.9, 0.8], ("cross-entropy", 2): [0.9, 0.1]}).axes
    assert lines(ax)["cross-entropy, start w = b = 2"][1].tolist() == [0.9, 0.1]


@pytest.mark.parametrize("strength", [1e-7, 1e-3, 10.0])
def test_ridge_has_no_gradient(strength):
    generator = np.random.default_rng(0)
    x = generator.uniform(-np.pi, np.pi, size=(15, 1))
    y = np.sin(x) + 0.3 * generator.normal(size=x.shape)
    weights, bias = ridge(x, y, strength)
    pulls = half_squared_error(powers(x) @ weights + bias, y)[1]
    assert abs(powers(x).T @ pulls + l2_penalty(weights, strength)[1]).max() < 1e-8 and abs(pulls.sum()) < 1e-8


def test_a_strength_in_the_middle_is_best_on_new_data():
    """Chapter 02 shows one draw of the data; of a hundred others nearly all say the same."""
    strengths = np.logspace(-7, 1, 17)
    best = []
    for seed in range(1, 101):
        on_data, on_new = penalty_path(strengths, seed)
        assert (np.diff(on_data) > 0).all()
        best.append(int(on_new.argmin()))
    assert np.mean([0 < index < 16 for index in best]) > 0.95
    figure = polynomials(strengths, on_data, on_new)
    np.testing.assert_allclose(lines(figure.axes[1])["500 new points"][1], on_new)


def test_weight_images_show_each_class():
    weights = np.random.default_rng(0).normal(size=(784, 10))
    axes = weight_images(weights).axes
    np.testing.assert_allclose(axes[3].images[0].get_array(), weights[:, 3].reshape(28, 28))
    assert [ax.get_title() for ax in axes[:10]] == list("0123456789")


def test_filter_normalised_slices_do_not_see_a_rescaling():
    generator = np.random.default_rng(0)
    network = MLP([5, 8, 3], seed=0)
    x, y, shares = (
        generator.normal(size=(30, 5)).astype(np.float32),
        generator.integers(0, 3, size=30),
        np.array([-1, 1.0]),
    )
    twin = network.copy()
    for tensor, factor in ((twin.weights[0], 5), (twin.biases[0], 5), (twin.weights[1], 0.2)):
        tensor *= factor
    raw, normalised = (
        {name: slices_of(each, x, y, shares, per_unit) for name, each in (("network", network), ("twin", twin))}
        for per_unit in (False, True)
    )
    np.testing.assert_allclose(normalised["network"], normalised["twin"], rtol=1e-4)
    assert not np.allclose(raw["network"], raw["twin"], rtol=0.1)
    assert np.linalg.norm(direction_of(network, False, 0)) == pytest.approx(10.0)
    third = {"third": raw["twin"]}
    figure = slices(shares, raw | third, normalised | third)
    assert [ax.get_title() for ax in figure.axes] == ["all directions of length 10", "filter-normalised"]


def test_filter_normalised_slices_do_see_a_factor_of_each_unit():
    """The function stays, and so do its outputs; what a random direction does to it does not."""
    generator = np.random.default_rng(0)
    network = MLP([5, 8, 3], seed=0, dtype="float64")
    x, y = generator.normal(size=(30, 5)), generator.integers(0, 3, size=30)
    twin, factors = network.copy(), np.exp(1.5 * generator.normal(size=8))
    twin.weights[0] *= factors
    twin.biases[0] *= factors
    twin.weights[1] /= factors[:, None]
    np.testing.assert_allclose(network.forward(x), twin.forward(x), rtol=1e-10)
    ours, other = (slices_of(each, x, y, np.array([-1, 1.0]), True).max(axis=1) for each in (network, twin))
    assert not np.allclose(ours, other, rtol=0.1)


# -- attacks on what the chapter says --------------------------------------------------------------------------------


def test_no_softmax_of_a_softmax_costs_less_than_the_perfect_answer():
    """Moving probability to the right class always lowers this loss, so the corner is its minimum."""
    generator = np.random.default_rng(0)
    bound = np.log(1 + 9 / np.e)
    for concentration in (0.01, 0.1, 1.0):
        rows = generator.dirichlet(np.full(10, concentration), size=5000)
        assert (-log_softmax(rows)[:, 0]).min() >= bound - 1e-12
    assert softmax_cross_entropy(np.eye(10)[:1], [0])[0] == pytest.approx(bound, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loss_from_logits_is_right_to_rounding(dtype):
    generator = np.random.default_rng(1)
    largest = 30 if dtype is np.float32 else 300
    for kind in range(2000):
        z = generator.normal(size=4) * 10 ** generator.uniform(-8, largest)
        if kind % 2:
            z = generator.choice([-1.0, 1.0], 4) * 10 ** generator.uniform(-3, 5, size=4)
        z = z.astype(dtype)
        wide = z.astype(np.longdouble)
        shifted = wide - wide.max()
        exact = shifted - np.log(np.exp(shifted).sum())
        assert (abs(log_softmax(z[None])[0] - exact) <= 4 * np.finfo(dtype).eps * np.maximum(1, abs(exact))).all()


def test_mean_and_median_are_the_best_constants():
    generator = np.random.default_rng(2)
    for _ in range(200):
        y = generator.normal(size=generator.integers(1, 9)) * 10 ** generator.uniform(-2, 3)
        others = generator.normal(size=50) * abs(y).max() * 2
        for loss, best in ((mean_squared_error, y.mean()), (mean_absolute_error, np.median(y))):
            least = loss(np.full(len(y), best), y)[0]
            assert all(loss(np.full(len(y), c), y)[0] >= least * (1 - 1e-12) for c in others)


def test_no_rate_brings_the_squared_error_back_from_far_off():
    """A unit at z whose best output is 1/3; above a rate of about 20 that output repels."""

    def arrives(rates, z, steps=300):
        z, far = np.full(len(rates), float(z)), np.zeros(len(rates))
        for step in range(steps + 1):
            p = 1 / (1 + np.exp(-z))
            if step > steps - 20:
                far = np.maximum(far, abs(p - 1 / 3))
            z = z - 2 * rates * (p - 1 / 3) * p * (1 - p)  # weight and bias both move
        return far < 0.02

    rates = 0.15 * np.logspace(0, 6, 5001)
    with np.errstate(over="ignore"):
        assert not arrives(rates, 12).any()
        assert 20 < rates[arrives(rates, 4)].max() < 20.6 and arrives(rates, 4).sum() > arrives(rates, 8).sum() > 0
    assert not arrives(np.array([20.0]), 12, steps=5000).any() and arrives(np.array([20.0]), 12, steps=8000).all()


def test_a_rate_that_leaves_the_plateau_crosses_the_valley_and_does_not_rest():
    rates, z, crossed = np.logspace(np.log10(20.3), np.log10(150_000), 5001), np.full(5001, 12.0), np.zeros(5001, bool)
    far = np.zeros(5001)
    with np.errstate(over="ignore"):
        for step in range(301):
            p = 1 / (1 + np.exp(-z))
            crossed |= p < 1 / 3
            if step > 280:
                far = np.maximum(far, abs(p - 1 / 3))
            z = z - 2 * rates * (p - 1 / 3) * p * (1 - p)
    assert crossed.sum() > 2500 and far.min() > 0.3


def test_outputs_that_are_right_and_sure_have_no_loss_left_in_float64():
    losses = [softmax_cross_entropy(np.array([[gap, 0.0]]), [0])[0] for gap in (36.0, 37.0)]
    assert losses[0] > 0 == losses[1]


def _shifted(which):
    def answer(logits):
        shifted = logits - which(logits)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))

    return answer


SHIFTS = {
    "nothing": np.zeros_like,
    "mean": lambda z: z.mean(axis=1, keepdims=True),
    "median": lambda z: np.median(z, axis=1, keepdims=True),
    "first": lambda z: z[:, :1],
    "last": lambda z: z[:, -1:],
    "smallest": lambda z: z.min(axis=1, keepdims=True),
    "middle of the range": lambda z: (z.max(axis=1, keepdims=True) + z.min(axis=1, keepdims=True)) / 2,
    "largest of the batch": lambda z: z.max(),
    "sum": lambda z: z.sum(axis=1, keepdims=True),
    "norm": lambda z: np.linalg.norm(z, axis=1, keepdims=True),
}


@pytest.mark.parametrize("shift", list(SHIFTS))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_other_shifts_than_the_largest_logit_are_refused(shift):
    answer = _shifted(SHIFTS[shift])

    def loss(logits, labels):
        return -answer(logits)[np.arange(len(labels)), labels].mean()

    def gradient(logits, labels):
        p = np.exp(logits - SHIFTS[shift](logits))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(labels)), labels] -= 1
        return p / len(labels)

    attempts = {"02.log_softmax": answer, "02.cross_entropy": loss, "02.cross_entropy_gradient": gradient}
    assert {name: examine(EXERCISES[name], attempt).status for name, attempt in attempts.items()} == dict.fromkeys(
        attempts, "wrong"
    )


@pytest.mark.parametrize(
    ("answer", "status"), [(6.91, "correct"), (6.9078, "correct"), (6.90, "wrong"), (6.92, "wrong")]
)
def test_two_decimals_are_two_decimals(answer, status):
    assert examine(EXERCISES["02.uniform_guess"], answer).status == status
