"""The figures of chapter 04: what they show is right, also past the limit of stability."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.course.ch04_gradient_descent.figures import descent_on_a_ravine, parabola_steps


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
