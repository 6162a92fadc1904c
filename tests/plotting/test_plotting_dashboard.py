"""The dashboard: the data drawn is what was recorded, the picture is the one agreed on."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from nnopt_utils.diagnosis import Recorder
from nnopt_utils.history import History
from nnopt_utils.networks import MLP
from nnopt_utils.plotting import plot_dashboard

matplotlib.use("agg")


def made_run(probe: bool = True, epochs: int = 3) -> tuple[History, Recorder]:
    """A run made by formulas, of 30 steps."""
    steps = np.arange(30)
    history = History(0, 8, 80, step_losses=(2.3 * np.exp(-steps / 12)).tolist())
    history.val_loss = [1.6, 1.0, 0.7][:epochs]
    history.val_accuracy = [0.5, 0.7, 0.8][:epochs]
    watch = Recorder(MLP([2, 4, 4, 3]), probe=np.ones((2, 2)) if probe else None)
    layers = np.arange(3)
    watch.rates = [0.1] * 30
    watch.gradient_norms = [np.exp(-layers - t / 20) for t in steps]
    watch.update_norms = [1e-3 * (1 + layers) * np.exp(-t / 30) for t in steps]
    watch.weight_norms = [np.array([1.0, 1.0, 2.0]) for _ in steps]
    watch.unchanged = [np.array([0.0, 0.1, 0.02 * t]) for t in steps]
    if probe:
        watch.probed, watch.dead = [0, 10, 20, 30], [np.array([0.0, 0.25 * k]) for k in range(4)]
    return history, watch


@pytest.mark.mpl_image_compare(style="default", tolerance=2, savefig_kwargs={"dpi": 64}, deterministic=True)
def test_picture_dashboard():
    return plot_dashboard(*made_run(), chance=np.log(10))


def test_it_draws_what_was_recorded():
    history, watch = made_run()
    loss, accuracy, gradients, ratios, dead, unchanged = plot_dashboard(history, watch, chance=1.0).axes
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), history.step_losses)
    np.testing.assert_array_equal(loss.lines[1].get_xdata(), [10, 20, 30])
    np.testing.assert_array_equal(loss.lines[2].get_ydata(), [1.0, 1.0])
    np.testing.assert_allclose(accuracy.lines[0].get_ydata(), [50, 70, 80])
    for k in range(3):
        np.testing.assert_array_equal(gradients.lines[k].get_ydata(), np.array(watch.gradient_norms)[:, k])
        np.testing.assert_array_equal(ratios.lines[k].get_ydata(), watch.ratios()[:, k])
        np.testing.assert_allclose(unchanged.lines[k].get_ydata(), 100 * np.array(watch.unchanged)[:, k])
    assert [len(ax.lines) for ax in (gradients, ratios, dead, unchanged)] == [3, 4, 2, 3]
    np.testing.assert_array_equal(dead.lines[1].get_xdata(), [0, 10, 20, 30])


def test_a_run_that_ended_early_and_one_without_a_probe_are_drawn():
    history, watch = made_run(probe=False, epochs=0)
    axes = plot_dashboard(history, watch).axes
    assert len(axes[0].lines) == 1 and len(axes[4].lines) == 0
    axes[0].figure.canvas.draw()


def test_gradients_of_zero_leave_a_gap():
    history, watch = made_run()
    watch.gradient_norms = [np.array([0.0, 0.0, 0.0]) for _ in watch.rates]
    gradients = plot_dashboard(history, watch).axes[2]
    assert np.isnan(gradients.lines[0].get_ydata()).all() and gradients.get_yscale() == "linear"


def test_bad_arguments_are_named():
    history, watch = made_run()
    with pytest.raises(TypeError, match="history: got"):
        plot_dashboard([1.0], watch)
    with pytest.raises(TypeError, match="watch: got"):
        plot_dashboard(history, history)
    with pytest.raises(ValueError, match="watch: got a Recorder without any step"):
        plot_dashboard(history, Recorder(MLP([2, 3])))
