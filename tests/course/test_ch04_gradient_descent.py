"""The figures of chapter 04: what they show is right, also past the limit of stability."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.course.ch04_gradient_descent.figures import descent_on_a_ravine, four_runs, parabola_steps
from nnopt_utils.course.ch04_gradient_descent.full_batch import (
    edge_run,
    full_batch_run,
    paired_interval,
    sharpness,
    summary_of,
    two_layer_run,
)
from nnopt_utils.course.ch04_gradient_descent.rates import steps_to_a_millionth
from nnopt_utils.datasets import load_mnist
from nnopt_utils.optimizers import SGD


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.15, 0.2, 0.21])
def test_each_step_on_the_parabola_multiplies_theta_by_the_factor_in_the_title(rate: float):
    ax = parabola_steps(rate, curvature=10.0, steps=12).axes[0]
    theta = ax.lines[1].get_xdata()
    factor = 1 - 10 * rate
    np.testing.assert_allclose(theta, factor ** np.arange(13), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(ax.lines[1].get_ydata(), 5 * theta**2, rtol=1e-12)
    assert f"{factor:+.2f}" in ax.get_title()


def distances(**parameters: float | str) -> np.ndarray:
    """What the right panel of the ravine shows."""
    return descent_on_a_ravine(**parameters).axes[1].lines[0].get_ydata()  # type: ignore[arg-type]


@pytest.mark.parametrize("kappa", [1.0, 30.0, 1000.0])
def test_the_ravine_converges_below_twice_the_inverse_curvature_and_not_above(kappa: float):
    calm = distances(kappa=kappa, rate_share=1.9, momentum=0.0)
    assert (np.diff(calm) <= 0).all() and len(calm) == 61
    wild = descent_on_a_ravine(kappa=kappa, rate_share=2.2, momentum=0.0)
    assert wild.axes[1].get_title() == "diverges"
    limit = distances(kappa=kappa, rate_share=2.0, momentum=0.0)
    assert 0.1 * limit[0] < limit[-1] < 1.000001 * limit[0]  # the steep direction neither grows nor shrinks


@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_the_ravine_heavy_ball_follows_its_recursion(momentum: float):
    kappa, share = 30.0, 1.0
    curvatures = np.array([1 / kappa, 1.0])
    before = theta = np.linalg.norm([2.0, 2.0]) * np.array(
        [np.cos(np.pi / 4 - 0.4), np.sin(np.pi / 4 - 0.4)]
    )  # the start in the axes of the ravine, which is turned by 0.4
    expected = [np.linalg.norm(theta)]
    for _ in range(60):
        before, theta = theta, theta - share * curvatures * theta + momentum * (theta - before)
        expected.append(np.linalg.norm(theta))
    np.testing.assert_allclose(
        distances(kappa=kappa, rate_share=share, momentum=momentum), expected, rtol=1e-9, atol=1e-12
    )


def test_the_ravine_has_both_methods():
    ball = distances(kappa=100.0, rate_share=1.0, momentum=0.8, method="heavy ball")
    nesterov = distances(kappa=100.0, rate_share=1.0, momentum=0.8, method="Nesterov")
    assert not np.allclose(ball, nesterov) and nesterov[-1] < nesterov[0]


# -- what the chapter's claims rest on, attacked more widely than on the page -----------------------------------------


def test_the_catapult_follows_its_two_equations_and_stays_below_its_bound():
    generator = np.random.default_rng(1)
    for _ in range(60):
        width, share, seed = int(generator.integers(1, 300)), generator.uniform(0.1, 3.99), int(generator.integers(99))
        u, v = np.random.default_rng(seed).normal(size=(2, width))
        first = (u @ u + v @ v) / width
        eta, f, curvature = share / first, u @ v / np.sqrt(width), first
        run = two_layer_run(share, seed, width=width, steps=400)
        outputs = [f]
        for _ in range(400):
            f, curvature = (
                (1 - eta * curvature + eta**2 * f**2 / width) * f,
                curvature - eta * f**2 / width * (4 - eta * curvature),
            )
            outputs.append(f)
        np.testing.assert_allclose(run.outputs[:20], outputs[:20], rtol=1e-6, atol=1e-9)
        assert np.all(np.diff(run.curvatures) <= 1e-12)  # the curvature never grows
        assert np.sum(run.outputs**2) <= width * first / (eta * (4 - share)) * (1 + 1e-9)


def test_the_catapult_diverges_above_four_unless_it_starts_at_the_minimum():
    for seed in range(20):
        assert abs(two_layer_run(4.05, seed, width=100, steps=2000).outputs[-1]) > 1e6


@pytest.mark.parametrize("kappa", [2.0, 10.0, 1000.0])
def test_no_setting_of_the_heavy_ball_beats_the_derived_one(kappa: float):
    def radius(eta: np.ndarray, beta: np.ndarray) -> np.ndarray:
        both = []
        for curvature in (1.0, kappa):
            trace = 1 + beta - eta * curvature
            term = np.sqrt((trace**2 - 4 * beta).astype(complex))
            both.append(np.maximum(abs(trace + term), abs(trace - term)) / 2)
        return np.maximum(*both)

    generator, root = np.random.default_rng(0), np.sqrt(kappa)
    best = (root - 1) / (root + 1)
    eta, beta = 4 / (1 + root) ** 2, best**2
    assert radius(np.array(eta), np.array(beta)) == pytest.approx(best, abs=1e-6)
    near = generator.normal(size=(2, 20_000)) * 0.05
    assert (radius(eta * (1 + near[0]), np.clip(beta + near[1], 0, 0.9999)) >= best - 1e-6).all()
    assert (radius(generator.uniform(0, 4 / kappa, 20_000), generator.uniform(0, 1, 20_000)) >= best - 1e-6).all()


def test_sharpness_is_the_largest_eigenvalue():
    generator = np.random.default_rng(2)
    for _ in range(20):
        A = generator.normal(size=(6, 6))
        A = A @ A.T
        value, direction = sharpness(
            lambda theta, A=A: A @ theta, generator.normal(size=6), np.ones(6), iterations=2000
        )
        assert value == pytest.approx(np.linalg.eigvalsh(A)[-1], rel=1e-4)
        assert direction.shape == (6,)


def test_an_interval_is_for_ten_pairs_and_covers_as_often_as_it_says():
    with pytest.raises(ValueError, match="expected 10"):
        paired_interval(np.zeros(9))
    draws = np.random.default_rng(3).normal(size=(4000, 10))
    covered = [low <= 0 <= high for low, high in map(paired_interval, draws)]
    assert 0.935 < np.mean(covered) < 0.965


def test_a_run_that_diverges_ends_and_is_summarised():
    run = edge_run(50.0, steps=60)
    assert len(run[0]) < 60 and run[1].shape[1] == 2
    assert summary_of(run, 50.0, first=500).rises == 0.0
    mnist = load_mnist()
    diverged = full_batch_run(SGD, 1e30, 0, mnist, epochs=5)
    assert diverged.accuracy == 0.0 and len(diverged.losses) == 5


def test_counted_steps_agree_with_the_factor():
    for kappa in (2.0, 10.0, 100.0):
        assert steps_to_a_millionth(kappa) == int(np.ceil(np.log(1e-6) / np.log((kappa - 1) / (kappa + 1))))


def test_the_four_runs_are_what_the_diagnosis_says():
    rows = {row[0]: row[1:] for row in four_runs()}
    loss = {letter: [float(x) if "below" not in x else 0.0 for x in rows[f"{letter}: loss"]] for letter in "ABCD"}
    assert loss["D"] == sorted(loss["D"]) and loss["D"][-1] > 1e6 * loss["D"][0]
    assert loss["C"][-1] == 0.0
    assert loss["B"] == sorted(loss["B"], reverse=True) and loss["B"][-1] > 1e-3
    slope = [float(x) if "below" not in x else 0.0 for x in rows["A: gradient norm"]]
    assert abs(loss["A"][2]) < 0.01 and slope[2] < slope[3] and loss["A"][-1] == -0.25
