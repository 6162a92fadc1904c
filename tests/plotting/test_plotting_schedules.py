"""The panels of learning rates: the data drawn is the data given, the picture is the one agreed on."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from nnopt_utils.plotting import plot_schedule_panels
from nnopt_utils.schedules import (
    Compose,
    Constant,
    CosineDecay,
    CosineRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LinearWarmup,
    OneCycle,
    PiecewiseConstant,
    PolynomialDecay,
    StepDecay,
    Warmup,
    WarmupStableDecay,
)

matplotlib.use("agg")

SCHEDULES = {
    "constant": Constant(0.1),
    "step": StepDecay(0.1, factor=0.5, every=25),
    "piecewise constant": PiecewiseConstant([20, 70], [0.1, 0.05, 0.01]),
    "exponential": ExponentialDecay(0.1, factor=0.1, steps=100),
    "inverse time": InverseTimeDecay(0.1, decay=0.1),
    "polynomial": PolynomialDecay(0.1, 100, power=2),
    "cosine": CosineDecay(0.1, 100),
    "cosine restarts": CosineRestarts(0.1, 14, t_mul=2, m_mul=0.8),
    "warm-up": LinearWarmup(0.1, 20),
    "warm-up, then cosine": Warmup(CosineDecay(0.1, 80), 20),
    "one cycle": OneCycle(0.1, 100),
    "warm-up, stable, decay": WarmupStableDecay(0.1, 100, 10, 30, anneal="1-sqrt"),
    "composed": Compose([(LinearWarmup(0.05, 10), 40), CosineDecay(0.1, 60)]),
    "any function": lambda k: 0.1 / (1 + k) ** 0.5,
}


@pytest.mark.mpl_image_compare(style="default", tolerance=2, savefig_kwargs={"dpi": 64}, deterministic=True)
def test_picture_schedule_panels():
    return plot_schedule_panels(SCHEDULES, steps=101)


@pytest.mark.parametrize("n", [1, 2, 4, 5, 14])
def test_each_panel_draws_its_schedule(n):
    chosen = dict(list(SCHEDULES.items())[:n])
    figure = plot_schedule_panels(chosen, steps=30)
    assert [ax.get_title() for ax in figure.axes] == list(chosen)
    for ax, schedule in zip(figure.axes, chosen.values(), strict=True):
        np.testing.assert_array_equal(ax.lines[0].get_xdata(), np.arange(30))
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), [schedule(k) for k in range(30)])
        assert ax.get_ylim() == figure.axes[0].get_ylim() and ax.get_ylim()[0] == 0.0
    figure.canvas.draw()  # warnings are errors: constrained layout only warns when it gives up
    renderer = figure.canvas.get_renderer()
    titles = [ax.title.get_window_extent(renderer) for ax in figure.axes]
    assert not any(a.overlaps(b) for i, a in enumerate(titles) for b in titles[i + 1 :])
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 for box in titles)


def test_settings_stay_and_the_users_do_not_change_the_picture():
    def pixels() -> np.ndarray:
        figure = plot_schedule_panels(SCHEDULES, steps=20)
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba()).copy()

    before = dict(matplotlib.rcParams)
    expected = pixels()
    assert dict(matplotlib.rcParams) == before
    with plt.style.context(["dark_background", {"font.size": 20, "axes.grid": True}]):
        found = pixels()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("schedules", "steps", "message"),
    [
        ({}, 5, "schedules: got {}"),
        ([Constant(0.1)], 5, "schedules: got"),
        ({"a": 0.1}, 5, r"schedules\['a'\]: got 0.1; expected a function of the step"),
        ({"a": Constant(0.1)}, 0, "steps: got 0"),
        ({"a": lambda k: np.inf}, 5, r"schedules\['a'\]: got"),
    ],
)
def test_bad_arguments_make_no_figure(schedules, steps, message):
    with pytest.raises((TypeError, ValueError), match=message):
        plot_schedule_panels(schedules, steps)
    assert not plt.get_fignums()
