"""Learning rates against steps: several schedules on one axis, or a panel for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnopt_utils._validation import check_array, check_integer, describe
from nnopt_utils.plotting.style import (
    PAGE_WIDTH,
    check_labelled,
    legend,
    look,
    new_figure,
    own_or_new,
    panel_grid,
    remove_unused,
    styled,
    whole_numbers,
)


@styled
def plot_schedules(schedules: Mapping[str, Callable[[int], float]], steps: int, ax: Axes | None = None) -> Axes:
    r"""Draw learning rates :math:`\eta_k` against the number k of finished steps, from 0 to ``steps`` − 1.

    Args:
        schedules: label → a schedule, or any function of the number of finished steps.
        steps: how many steps, >= 1.
        ax: where to draw; default a new figure.

    Returns:
        The axes.

    Raises:
        TypeError, ValueError: bad arguments, a rate that is not finite.

    Example:
        >>> from nnopt_utils.schedules import Constant
        >>> ax = plot_schedules({"constant": Constant(0.1)}, steps=3)
        >>> ax.lines[0].get_ydata()
        array([0.1, 0.1, 0.1])
    """
    rates = _rates(schedules, steps)
    ax = own_or_new(ax, width=7.5, height=3.6)
    for index, (label, values) in enumerate(rates.items()):
        colour, linestyle, _ = look(index)
        ax.plot(np.arange(steps), values, color=colour, linestyle=linestyle, label=label)
    ax.set(xlabel="finished steps $k$", ylabel=r"learning rate $\eta_k$")
    ax.set_ylim(bottom=0.0)
    whole_numbers(ax)
    legend(ax)
    return ax


@styled
def plot_schedule_panels(schedules: Mapping[str, Callable[[int], float]], steps: int) -> Figure:
    r"""Draw learning rates as in ``plot_schedules``, each in a panel of its own: for more than five or so.

    All panels have the same axes, so that heights can be compared.

    Args:
        schedules: label → a schedule, or any function of the number of finished steps.
        steps: how many steps, >= 1.

    Returns:
        The figure.

    Raises:
        TypeError, ValueError: bad arguments, a rate that is not finite.

    Example:
        >>> from nnopt_utils.schedules import Constant, LinearWarmup
        >>> figure = plot_schedule_panels({"constant": Constant(0.1), "warm-up": LinearWarmup(0.1, 5)}, steps=10)
        >>> [ax.get_title() for ax in figure.axes]
        ['constant', 'warm-up']
    """
    rates = _rates(schedules, steps)
    rows, columns = panel_grid(len(rates), most_columns=4)
    width, height = min(max(2.6 * columns, 4.0), PAGE_WIDTH), 1.8 * rows + 0.5
    figure, axes = new_figure(rows, columns, width=width, height=height, sharex=True, sharey=True)
    panels = np.ravel(axes)
    for ax, (label, values) in zip(panels, rates.items(), strict=False):
        ax.plot(np.arange(steps), values, color=look(0).colour, linestyle="-")
        ax.set_title(label)
        whole_numbers(ax)
    panels[0].set_ylim(bottom=0.0)
    remove_unused(panels, len(rates), columns)
    figure.supxlabel("finished steps $k$", fontsize=10.5)
    figure.supylabel(r"learning rate $\eta_k$", fontsize=10.5)
    return figure


def _rates(schedules: Mapping[str, Callable[[int], float]], steps: int) -> dict[str, np.ndarray]:
    """Label → the rates of the first ``steps`` steps, checked."""
    check_integer("steps", steps, low=1)
    rates = {}
    for label, schedule in check_labelled("schedules", schedules, "a schedule").items():
        if not callable(schedule):
            raise TypeError(f"schedules[{label!r}]: got {describe(schedule)}; expected a function of the step")
        rates[label] = check_array(f"schedules[{label!r}]", [float(schedule(step)) for step in range(steps)])
    return rates
