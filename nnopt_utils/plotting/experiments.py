"""What a search found: results against the learning rate, along the epochs, and the rates that work."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from nnopt_utils._validation import check_choice, describe
from nnopt_utils.experiments import Results
from nnopt_utils.experiments.bands import band_name
from nnopt_utils.experiments.tasks import METRICS
from nnopt_utils.plotting.style import GREY, PALE, legend, look, own_or_new, spaced_markers, styled, whole_numbers

_NAMES = {"val_loss": "validation loss", "train_loss": "training loss", "val_accuracy": "validation error"}
_MOST_DECADES = 6  # a loss of 1e30 just before divergence must not flatten all the others


@styled
def plot_rates(results: Results, metric: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the metric after the last epoch against the learning rate: the median over seeds and the band.

    Lower is better in every figure: of an accuracy its complement is drawn, the error. Everything but the rate is as in
    an optimizer's best setting, whose rate has a ring. A cross at the top marks rates at which runs diverged or failed:
    a large one if the median did. An optimizer whose rate was not searched is a horizontal line.

    Args:
        results: of ``search``.
        metric: one of the task's; default the one that decides.
        ax: where to draw; default a new figure.

    Returns:
        The axes.

    Raises:
        TypeError, ValueError: bad arguments, results in which nothing is finished.

    Example:
        >>> from nnopt_utils.datasets import two_moons
        >>> from nnopt_utils.experiments import Space, Task, search
        >>> from nnopt_utils.optimizers import SGD
        >>> x, y = two_moons(60)
        >>> task = Task([2, 8, 2], (x[:40], y[:40], x[40:], y[40:]), epochs=5)
        >>> spaces = {"SGD": Space(SGD, learning_rate=[0.01, 0.1, 1.0])}
        >>> ax = plot_rates(search(task, spaces, seeds=[0], n_jobs=1, progress=False))
        >>> ax.get_xlabel(), ax.get_xscale()
        ('learning rate', 'log')
    """
    metric, labels = _check(results, metric)
    ax = own_or_new(ax, width=7.5)
    ax.set_xscale("log")
    limits = _limits(ax, metric, [m for label in labels for m in _rate_values(results, label, metric)])
    lost = False
    for index, label in enumerate(labels):
        curve = _rate_curve(results, label, metric)
        if curve is None:
            best = results.best(label, metric)
            level = _shown(metric, np.array([best.median]))[0]
            if np.isfinite(level):
                ax.axhline(level, color=look(index).colour, linestyle=look(index).linestyle, label=label)
            continue
        _draw_band(ax, index, label, curve.rates, metric, curve, limits)
        chosen = int(np.argmin(_shown(metric, curve.median)))
        _ring(ax, index, curve.rates[chosen], _shown(metric, curve.median)[chosen])
        lost = _crosses(ax, index, curve.rates, curve.lost, _shown(metric, curve.median)) or lost
    ax.set(xlabel="learning rate", ylabel=_ylabel(metric, "after the last"))
    _legend(ax, results, lost)
    return ax


@styled
def plot_bands(results: Results, metric: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the metric along the epochs for the best setting of each optimizer: the median over seeds and the band.

    Lower is better, as in ``plot_rates``. The line of a median that diverged ends.

    Args:
        results: of ``search``.
        metric: one of the task's; default the one that decides.
        ax: where to draw; default a new figure.

    Returns:
        The axes.

    Raises:
        TypeError, ValueError: bad arguments, results in which nothing is finished.

    Example:
        >>> from nnopt_utils.datasets import two_moons
        >>> from nnopt_utils.experiments import Space, Task, search
        >>> from nnopt_utils.optimizers import SGD
        >>> x, y = two_moons(60)
        >>> task = Task([2, 8, 2], (x[:40], y[:40], x[40:], y[40:]), epochs=5)
        >>> spaces = {"SGD": Space(SGD, learning_rate=[0.01, 0.1, 1.0])}
        >>> results = search(task, spaces, seeds=[0, 1], n_jobs=1, progress=False)
        >>> ax = plot_bands(results, metric="val_loss")
        >>> ax.get_xlabel(), ax.get_ylabel(), len(ax.lines)
        ('epochs', 'validation loss after each epoch', 1)
    """
    metric, labels = _check(results, metric)
    ax = own_or_new(ax, width=7.5)
    curves = {label: results.curves(label, metric) for label in labels}
    limits = _limits(ax, metric, [_shown(metric, part) for c in curves.values() for part in (c.median, c.low, c.high)])
    for index, (label, curve) in enumerate(curves.items()):
        name = f"{label}, {results.best(label).setting!r}"
        _draw_band(ax, index, name, curve.epochs, metric, curve, limits)
    ax.set(xlabel="epochs", ylabel=_ylabel(metric, "after each"))
    whole_numbers(ax)
    _legend(ax, results, lost=False)
    return ax


@styled
def plot_robustness(results: Results, within: float = 0.01, ax: Axes | None = None) -> Axes:
    """Draw for each optimizer the range of learning rates that are nearly as good as its best one.

    The thick bar is the range of the median over seeds, with its length in decades ("≥" if it reaches an end of what
    was tried), the dot the best rate; thin bars are the ranges of the single seeds. Pale bars show what was tried.
    Optimizers whose rate was not searched are left out.

    Args:
        results: of ``search``.
        within: the tolerance in units of the metric; default 0.01, one percentage point of accuracy.
        ax: where to draw; default a new figure.

    Returns:
        The axes.

    Raises:
        TypeError, ValueError: bad arguments, results without any rate that was searched.

    Example:
        >>> from nnopt_utils.datasets import two_moons
        >>> from nnopt_utils.experiments import Space, Task, search
        >>> from nnopt_utils.optimizers import SGD
        >>> x, y = two_moons(60)
        >>> task = Task([2, 8, 2], (x[:40], y[:40], x[40:], y[40:]), epochs=5)
        >>> spaces = {"SGD": Space(SGD, learning_rate=[0.01, 0.1, 1.0])}
        >>> results = search(task, spaces, seeds=[0, 1], n_jobs=1, progress=False)
        >>> ax = plot_robustness(results, within=0.05)
        >>> ax.get_xlabel(), [label.get_text() for label in ax.get_yticklabels()]
        ('learning rates within 5 percentage points of the best', ['SGD'])
    """
    metric, labels = _check(results, None)
    labels = [label for label in labels if _rate_curve(results, label, metric) is not None]
    if not labels:
        raise ValueError("results: got a search over no learning rates; expected at least one optimizer with several")
    ax = own_or_new(ax, width=7.5, height=0.7 * len(labels) + 1.2)
    ax.set_xscale("log")
    for place, label in enumerate(labels):
        _draw_range(ax, place, results, label, within)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.grid(False, axis="y")
    points = 100 * within
    share = f"{points:g} percentage point{'' if points == 1 else 's'}"
    unit = share if METRICS[metric].larger_is_better else f"{within:g}"
    ax.set_xlabel(f"learning rates within {unit} of the best")
    return ax


def _check(results: Any, metric: Any) -> tuple[str, list[str]]:
    """The metric, and the optimizers of which some setting is finished."""
    if not isinstance(results, Results):
        raise TypeError(f"results: got {describe(results)}; expected the Results that search returned")
    metric = results.task.metric if metric is None else check_choice("metric", metric, results.task.metrics)
    labels = [label for label in results.labels if results.settings(label)]
    if not labels:
        raise ValueError("results: got a search in which no setting has all its seeds; go on with the search")
    return metric, labels


def _shown(metric: str, values: np.ndarray) -> np.ndarray:
    """What is drawn: lower is better."""
    return 1 - values if METRICS[metric].larger_is_better else values


def _rate_curve(results: Results, label: str, metric: str) -> Any:
    try:
        return results.rate_curve(label, metric)
    except ValueError:
        return None


def _rate_values(results: Results, label: str, metric: str) -> list[np.ndarray]:
    curve = _rate_curve(results, label, metric) or results.best(label, metric)
    return [_shown(metric, np.atleast_1d(part)) for part in (curve.median, curve.low, curve.high)]


def _limits(ax: Axes, metric: str, values: list[np.ndarray]) -> tuple[float, float]:
    """Set the vertical axis to the finite values, with room for crosses above; return its ends."""
    every = np.concatenate(values)
    finite = every[np.isfinite(every)]
    if not finite.size:
        finite = np.array([0.1, 1.0])
    low, high = float(finite.min()), float(finite.max())
    if low > 0:
        high = min(high, low * 10**_MOST_DECADES)
        ax.set_yscale("log")
        room = max(high / low, 2.0)
        limits = low / room**0.06, high * room**0.14
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if room < 200 else (1.0,)))
        ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        limits = low - 0.06 * (high - low or 1.0), high + 0.14 * (high - low or 1.0)
    if METRICS[metric].larger_is_better:
        ax.yaxis.set_major_formatter(PercentFormatter(xmax=1.0))
    elif low > 0 and high / low < 200:
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set_ylim(*limits)
    return limits


def _draw_band(
    ax: Axes, index: int, label: str, x: np.ndarray, metric: str, bands: Any, limits: tuple[float, float]
) -> None:
    colour, linestyle, marker = look(index)
    median, *ends = (_shown(metric, part) for part in (bands.median, bands.low, bands.high))
    top = 10 * limits[1] if limits[1] > 0 else limits[1] + 1.0  # above the axes: a band that goes on to infinity
    low, high = (np.clip(end, None, top) for end in (np.minimum(*ends), np.maximum(*ends)))
    seen = np.isfinite(median)
    ax.fill_between(x, low, high, where=seen.tolist(), color=colour, alpha=0.18, linewidth=0, zorder=2)
    ax.plot(
        x,
        np.where(seen, median, np.nan),
        color=colour,
        linestyle=linestyle,
        marker=marker,
        markevery=spaced_markers(len(x), index, 4),
        label=label,
        zorder=3,
    )


def _ring(ax: Axes, index: int, rate: float, value: float) -> None:
    if np.isfinite(value):
        ax.plot([rate], [value], "o", markersize=12, markerfacecolor="none", color=look(index).colour, zorder=4)


def _crosses(ax: Axes, index: int, rates: np.ndarray, lost: np.ndarray, median: np.ndarray) -> bool:
    """Mark rates with lost runs at the top, a line of marks an optimizer; return whether there are any."""
    height = 0.985 - 0.035 * index
    for at, size in ((lost > 0) & ~np.isfinite(median), 8.0), ((lost > 0) & np.isfinite(median), 4.5):
        if not at.any():  # a line without points would stand in the figure's corner, and take room there
            continue
        ax.plot(
            rates[at],
            np.full(at.sum(), height),
            "x",
            color=look(index).colour,
            markersize=size,
            markeredgewidth=2.0,
            transform=ax.get_xaxis_transform(),
            clip_on=False,
            zorder=5,
        )
    return bool(np.any(lost))


def _draw_range(ax: Axes, place: int, results: Results, label: str, within: float) -> None:
    curve, found = results.rate_curve(label), results.robustness(label, within)
    colour, _, marker = look(place)
    ax.plot(curve.rates[[0, -1]], [place, place], color=PALE, linewidth=14, solid_capstyle="butt", zorder=1)
    if not np.isfinite(curve.median).any():
        ax.annotate("diverged", (curve.rates[0], place), (5, 0), textcoords="offset points", va="center", zorder=4)
        return
    ax.plot([found.lowest, found.highest], [place, place], color=colour, linewidth=7, solid_capstyle="butt", zorder=2)
    ax.plot([found.best_rate], [place], marker, color="white", markeredgecolor="black", markersize=8, zorder=4)
    for i, (low, high) in enumerate(found.ranges.values()):
        height = place + 0.27 + 0.1 * i / max(len(found.ranges) - 1, 1)
        ax.plot([low, high], [height, height], color=GREY, linewidth=1.0, zorder=3)
    bound = "≥ " if found.open_below or found.open_above else ""
    ax.annotate(
        f"{bound}{found.decades:.1f} decades",
        (np.sqrt(found.lowest * found.highest), place),
        (0, 8),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=9.5,
    )


def _ylabel(metric: str, when: str) -> str:
    return f"{_NAMES[metric]} {when} epoch"


def _legend(ax: Axes, results: Results, lost: bool) -> None:
    """The optimizers, and what bands and crosses mean."""
    entries = list(ax.get_legend_handles_labels()[0])
    n = len(results.seeds)
    if n > 1:
        name = band_name(n)
        entries.append(Line2D([], [], color=PALE, linewidth=8, label=f"{name} of {n} seeds"))
    if lost:
        entries.append(Line2D([], [], color=GREY, linestyle="", marker="x", markeredgewidth=2.0, label="runs diverged"))
    legend(ax, entries)
