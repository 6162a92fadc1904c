"""The dashboard of a run: six panels of what a ``Recorder`` kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnopt_utils._validation import check_number, describe
from nnopt_utils.diagnosis import Recorder
from nnopt_utils.history import History
from nnopt_utils.plotting.style import GREY, PAGE_WIDTH, look, new_figure, styled

RULE_OF_THUMB = 1e-3


@styled
def plot_dashboard(history: History, watch: Recorder, chance: float | None = None) -> Figure:
    """Draw what tells a sound run from a broken one: loss, accuracy, and layer by layer gradients, steps and units.

    Args:
        history: of the run; its steps are those that ``watch`` recorded.
        watch: the run's ``Recorder``.
        chance: the loss of a network that knows nothing, such as ln K: a line in the first panel.

    Returns:
        The figure: loss, validation accuracy, gradient norm, update-to-weight ratio with a line at 1e-3, share of dead
        units, share of entries with a gradient that a step left as they were.

    Raises:
        TypeError, ValueError: bad arguments; a recorder without any step.

    Example:
        >>> from nnopt_utils.networks import MLP
        >>> from nnopt_utils.optimizers import SGD
        >>> from nnopt_utils.training import fit
        >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([0, 1, 1])
        >>> network = MLP([1, 8, 2], seed=0)
        >>> watch = Recorder(network, probe=x)
        >>> history = fit(network, SGD(learning_rate=0.1), (x, y), epochs=30, callback=watch, progress=False)
        >>> figure = plot_dashboard(history, watch, chance=0.693)
        >>> [ax.get_title() for ax in figure.axes][:3]
        ['loss', 'validation accuracy', 'gradient norm']
    """
    if not isinstance(history, History):
        raise TypeError(f"history: got {describe(history)}; expected a History")
    if not isinstance(watch, Recorder):
        raise TypeError(f"watch: got {describe(watch)}; expected a Recorder")
    if not watch.rates:
        raise ValueError("watch: got a Recorder without any step; expected one that was the callback of a run")
    figure, axes = new_figure(2, 3, width=PAGE_WIDTH, height=5.2)
    loss, accuracy, gradients, ratios, dead, unchanged = axes.ravel()
    steps = np.arange(1, len(watch.rates) + 1)
    ends = history.steps_per_epoch * np.arange(1, len(history.val_loss) + 1)
    _loss(loss, history, ends, chance)
    accuracy.plot(ends, [100 * share for share in history.val_accuracy], color=look(0).colour, marker="o")
    accuracy.set(title="validation accuracy", ylabel="%", ylim=(0, 102))
    _layers(gradients, steps, watch.gradient_norms, watch.names)
    gradients.set(title="gradient norm")
    _layers(ratios, steps, watch.ratios(), watch.names)
    ratios.axhline(RULE_OF_THUMB, color=GREY, linestyle=":", linewidth=1.2)
    ratios.set(title="update-to-weight ratio")
    if watch.dead:
        _layers(dead, watch.probed, 100 * np.array(watch.dead), watch.names, logarithmic=False)
    dead.set(title="dead units", ylabel="%", ylim=(-3, 103))
    _layers(unchanged, steps, 100 * np.array(watch.unchanged), watch.names, logarithmic=False)
    unchanged.set(title="entries that did not move", ylabel="%", ylim=(-3, 103))
    for ax in axes.ravel():
        ax.set_xlim(0, len(steps) * 1.02)
    for ax in axes[1]:
        ax.set_xlabel("step")
    handles, labels = gradients.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncol=min(len(labels), 9), fontsize=8.5)
    return figure


def _loss(ax: Axes, history: History, ends: np.ndarray, chance: float | None) -> None:
    steps = np.arange(1, len(history.step_losses) + 1)
    ax.plot(steps, history.step_losses, color=look(0).colour, linewidth=0.8, alpha=0.8, label="batch")
    if len(ends):
        ax.plot(ends, history.val_loss, color=look(1).colour, marker="o", linestyle="--", label="validation")
    if chance is not None:
        ax.axhline(check_number("chance", chance), color=GREY, linestyle=":", linewidth=1.2, label="ln K")
    losses = np.array([*history.step_losses, *history.val_loss])
    if losses.min() > 0 and losses.max() > 30 * losses.min():
        ax.set_yscale("log")
    ax.set_title("loss")
    ax.legend(fontsize=8)


def _layers(ax: Axes, steps: Any, values: Any, names: Sequence[str], logarithmic: bool = True) -> None:
    """A line a layer; zeros have no place on a logarithmic axis and are left out."""
    table = np.asarray(values, dtype=float)
    if logarithmic:
        table = np.where(table > 0, table, np.nan)
    for k in range(table.shape[1]):
        colour, linestyle, _ = look(k)
        ax.plot(steps, table[:, k], color=colour, linestyle=linestyle, linewidth=1.1, label=names[k])
    if logarithmic and np.isfinite(table).any():
        ax.set_yscale("log")
