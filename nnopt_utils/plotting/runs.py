"""What runs leave behind: convergence, training histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from nnopt_utils._validation import check_array, check_choice, check_not_negative, check_number, describe
from nnopt_utils.history import History, Trajectory
from nnopt_utils.plotting.style import (
    GREY,
    PAGE_WIDTH,
    check_labelled,
    legend,
    look,
    new_figure,
    own_or_new,
    spaced_markers,
    styled,
    whole_numbers,
)


@styled
def plot_convergence(
    runs: Mapping[str, Trajectory | Sequence[float] | np.ndarray],
    minimum_value: float = 0.0,
    predicted: Mapping[str, float] | None = None,
    ax: Axes | None = None,
    ylabel: str = r"error $J(\theta) - J^\star$",
) -> Axes:
    r"""Draw the error :math:`J(\theta) - J^\star` against the number of steps, on a logarithmic scale.

    A constant factor a step, :math:`\text{error}_t = \text{error}_0\, r^t`, is then a straight line. Errors of 0 or
    less (rounding, at the minimum) have no logarithm and are left out.

    Args:
        runs: label → a Trajectory, or the values of J after 0, 1, 2, … steps.
        minimum_value: J*; default 0.
        predicted: label of a run → the predicted factor r >= 0 a step: a dashed line in the run's colour.
        ax: where to draw; default a new figure.
        ylabel: what the values are.

    Returns:
        The axes.

    Raises:
        TypeError, ValueError: bad arguments, a run without any value above ``minimum_value``.

    Example:
        >>> ax = plot_convergence({"halving": [8.0, 4.0, 2.0, 1.0]}, predicted={"halving": 0.5})
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['halving', 'predicted $0.5^t$']
    """
    check_number("minimum_value", minimum_value)
    errors = {
        label: _errors(label, run, minimum_value) for label, run in check_labelled("runs", runs, "values").items()
    }
    rates = {} if not predicted else check_labelled("predicted", predicted, "a factor >= 0")
    for label, rate in rates.items():
        check_choice("predicted", label, errors)
        check_not_negative(f"predicted[{label!r}]", rate)
    ax = own_or_new(ax, width=7.5)
    for index, (label, error) in enumerate(errors.items()):
        colour, _, marker = look(index)
        every = spaced_markers(len(error), index, len(errors))
        steps = np.arange(len(error))
        ax.plot(steps, error, color=colour, linestyle="-", marker=marker, markevery=every, label=label, zorder=3)
        if label in rates:
            with np.errstate(over="ignore", under="ignore", invalid="ignore"):
                line = error[0] * np.power(float(rates[label]), steps)
            line = np.minimum(line, 1e250)  # the drawing library overflows on more
            name = f"predicted ${_number(rates[label])}^t$"
            # Wide and pale: it is seen even where the measured line lies exactly on it.
            ax.plot(steps, line, color=colour, dashes=(1.3, 0.8), linewidth=5.0, alpha=0.45, label=name, zorder=2)
    ax.set_yscale("log", nonpositive="mask")
    if rates:  # a prediction may fall for ever, where the measured error stops at rounding
        measured = np.concatenate([error[error > 0] for error in errors.values()])
        ax.set_ylim(measured.min() / 3, measured.max() * 3)
    ax.set(xlabel="steps taken $t$", ylabel=ylabel)
    whole_numbers(ax)
    legend(ax)
    return ax


@styled
def plot_history(histories: History | Mapping[str, History]) -> Figure:
    """Draw loss and validation accuracy against epochs.

    Args:
        histories: what ``fit`` returned, or label → that. Each must have finished at least one epoch.

    Returns:
        A figure: the loss (dotted for training, solid for validation), and the validation accuracy if there is one.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> history = History(seed=0, batch_size=32, n_samples=64, train_loss=[2.0, 1.0], epoch=2)
        >>> [ax.get_ylabel() for ax in plot_history(history).axes]
        ['loss']
    """
    single = isinstance(histories, History)
    records: dict[str, Any] = {"": histories} if single else check_labelled("histories", histories, "a History")
    for label, history in records.items():
        if not isinstance(history, History):
            raise TypeError(f"histories[{label!r}]: got {describe(history)}; expected the History that fit returned")
        if not history.train_loss:
            raise ValueError(f"histories[{label!r}]: got {history!r}; expected at least one finished epoch")
    validated = any(history.val_loss for history in records.values())
    figure, panels = new_figure(columns=2 if validated else 1, width=PAGE_WIDTH if validated else 7.0, height=3.8)
    panels = np.atleast_1d(panels)
    for index, (label, history) in enumerate(records.items()):
        colour, _, marker = look(index)
        for ax, values, linestyle in _history_lines(panels, history):
            every = spaced_markers(len(values), index, len(records))
            ax.plot(
                np.arange(1, len(values) + 1),
                values,
                color=colour,
                linestyle=linestyle,
                marker=marker,
                markersize=4,
                markevery=every,
                label=label,
            )
    for ax, ylabel in zip(panels, ["loss", "validation accuracy"], strict=False):
        ax.set(xlabel="epochs", ylabel=ylabel)
        whole_numbers(ax)
    if validated:
        panels[1].yaxis.set_major_formatter(PercentFormatter(xmax=1.0))
    _history_legend(panels[-1], list(records), validated)
    return figure


def _errors(label: str, run: Any, minimum_value: float) -> np.ndarray:
    values = run.values if isinstance(run, Trajectory) else run
    errors = check_array(f"runs[{label!r}]", values, ndim=1).astype(np.float64) - minimum_value
    if not np.any(errors > 0):
        raise ValueError(
            f"runs[{label!r}]: got no value above minimum_value = {minimum_value:g}; expected at least one"
        )
    return errors


def _number(value: float) -> str:
    """Three digits after the nines, so that 0.9998 does not become 1; a power of ten is not mathtext's ``e``."""
    value = float(value)
    digits = 3 if not 0.9 < value < 1.0 else min(12, 2 - int(np.floor(np.log10(1.0 - value))))
    text = f"{value:.{digits}g}"
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    return rf"({mantissa} \cdot 10^{{{int(exponent)}}})"


def _history_lines(panels: np.ndarray, history: History) -> list[tuple[Axes, list[float], str]]:
    lines = [(panels[0], history.train_loss, ":")]
    if history.val_loss:
        lines += [(panels[0], history.val_loss, "-"), (panels[1], history.val_accuracy, "-")]
    return lines


def _history_legend(ax: Axes, labels: list[str], validated: bool) -> None:
    """One entry a run, and one a line style; beside the last panel."""
    entries: list[Line2D] = []
    if labels != [""]:
        for index, label in enumerate(labels):
            colour, _, marker = look(index)
            entries.append(Line2D([], [], color=colour, marker=marker, markersize=4, label=label))
    colour = GREY if entries else look(0).colour
    entries.append(Line2D([], [], color=colour, linestyle=":", label="training"))
    if validated:
        entries.append(Line2D([], [], color=colour, linestyle="-", label="validation"))
    legend(ax, entries)
