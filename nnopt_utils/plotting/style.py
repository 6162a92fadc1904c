"""The course's style: colours, line looks, new figures, legends. Global settings are never changed."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, ParamSpec, TypeVar

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from nnopt_utils._validation import check_integer, check_positive, describe

P = ParamSpec("P")
R = TypeVar("R")

# Neighbours differ in lightness too, so that a grey print still tells them apart. Yellow is too pale for lines.
COLOURS: dict[str, str] = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "vermillion": "#D55E00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "black": "#000000",
    "purple": "#CC79A7",
    "yellow": "#F0E442",
}
"""Okabe and Ito's palette, which colour-blind readers can tell apart.

Source: Okabe & Ito (2008), *Color Universal Design*, https://jfly.uni-koeln.de/color/
"""

PAGE_WIDTH = 9.0
"""Inches: at 100 pixels an inch a figure this wide fits a notebook's column on a small laptop, and is not scaled."""

GREY = "#5A5A5A"
PALE = "#D9D9D9"
_LINE_COLOURS = [colour for name, colour in COLOURS.items() if name != "yellow"]
_LINE_STYLES = ["-", "--", "-.", ":"]
_MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]

_SETTINGS: dict[str, Any] = {
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.size": 10.0,
    "axes.titlesize": 11.0,
    "axes.labelsize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.0,
}


class Look(NamedTuple):
    """How the series number ``index`` of a figure is drawn."""

    colour: str
    linestyle: str
    marker: str


def look(index: int) -> Look:
    """Colour, line style and marker of a series; all three change from one to the next.

    >>> look(0).colour == COLOURS["blue"], look(0).linestyle, look(1).linestyle
    (True, '-', '--')
    """
    return Look(
        _LINE_COLOURS[index % len(_LINE_COLOURS)],
        _LINE_STYLES[index % len(_LINE_STYLES)],
        _MARKERS[index % len(_MARKERS)],
    )


@contextmanager
def style() -> Iterator[None]:
    """The course's style as a context: matplotlib's defaults and a few settings, whatever the user has set.

    Example:
        >>> with style():
        ...     plt.rcParams["font.size"]
        10.0
    """
    interactive = matplotlib.is_interactive()
    try:
        with plt.style.context(["default", _SETTINGS]):
            try:
                yield
            finally:
                interactive = matplotlib.is_interactive()
    finally:
        # A notebook's backend is loaded with the first figure and then turns interactive mode on; were that
        # undone with the other settings, later figures would not be shown.
        matplotlib.interactive(interactive)


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a plotting function so that it draws in the course's style."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with style():
            return function(*args, **kwargs)

    return wrapper


def new_figure(
    rows: int = 1,
    columns: int = 1,
    width: float | None = None,
    height: float | None = None,
    *,
    sharex: bool = False,
    sharey: bool = False,
) -> tuple[Figure, Any]:
    """Make a figure in the course's style.

    Args:
        rows, columns: panels, >= 1; default one panel.
        width: in inches, > 0; default 7 for one column, else ``PAGE_WIDTH``.
        height: in inches, > 0; default 4.2 a row.
        sharex, sharey: whether the panels share an axis; default no.

    Returns:
        The figure, and its ``Axes``: one for one panel, else an array of shape (columns,), (rows,) or
        (rows, columns), as from ``plt.subplots``.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> figure, axes = new_figure(columns=2, width=8.0, height=3.0)
        >>> axes.shape, figure.get_size_inches()
        ((2,), array([8., 3.]))
        >>> plt.close(figure)
    """
    check_integer("rows", rows, low=1)
    check_integer("columns", columns, low=1)
    if width is None:
        width = 7.0 if columns == 1 else PAGE_WIDTH
    if height is None:
        height = 4.2 * rows
    check_positive("width", width)
    check_positive("height", height)
    with style():
        figure, axes = plt.subplots(rows, columns, figsize=(width, height), sharex=sharex, sharey=sharey)
        for ax in np.ravel(axes):
            dress(ax)
    return figure, axes


def steady_figure(columns: int = 1, *, width: float, height: float, right: float = 0.26) -> tuple[Figure, Any]:
    """Make a figure whose panels have fixed places: for one that is drawn anew whenever a slider moves.

    Nothing jumps when a label gets longer, and it is drawn in half the time: measuring all labels, as a layout that
    adapts does, costs as much as drawing them.

    Args:
        columns: panels, >= 1; default 1.
        width, height: in inches.
        right: inches that stay free at the right, for a legend; default almost none.

    >>> figure, axes = steady_figure(2, width=9.0, height=3.8)
    >>> [round(float(x), 2) for ax in axes for x in (ax.get_position().x0 * 9, ax.get_position().x1 * 9)]
    [0.9, 4.37, 5.27, 8.74]
    >>> plt.close(figure)
    """
    left, bottom, top, gap = 0.9, 0.55, 0.35, 0.9
    figure, axes = new_figure(1, columns, width=width, height=height)
    figure.set_layout_engine("none")
    panel = (width - left - right - (columns - 1) * gap) / columns
    for column, ax in enumerate(np.ravel(axes)):
        x = left + column * (panel + gap)
        ax.set_position((x / width, bottom / height, panel / width, 1 - (bottom + top) / height))
    return figure, axes


def dress(ax: Axes, grid: bool = True) -> None:
    """Fix what matplotlib would else take from the global settings when it draws: ticks are made that late."""
    ax.tick_params(which="both", direction="out", labelsize=9.5, color="black", labelcolor="black")
    ax.tick_params(which="major", length=3.5, width=0.8)
    ax.tick_params(which="minor", length=2.0, width=0.6)
    if grid:
        ax.grid(True, which="major", color=PALE, linewidth=0.7, linestyle="-", alpha=1.0)


def own_or_new(ax: Any, width: float | None = None, height: float | None = None) -> Axes:
    """Return the given axes, or those of a new figure."""
    if ax is None:
        return new_figure(width=width, height=height)[1]
    if not isinstance(ax, Axes):
        hint = "; choose one panel, such as axes[0]" if isinstance(ax, np.ndarray) else ""
        raise TypeError(f"ax: got {describe(ax)}; expected a matplotlib Axes or None{hint}")
    return ax


def check_labelled(name: str, value: Any, what: str) -> dict[str, Any]:
    """Return a non-empty dict with text as keys: what a figure with a legend draws.

    >>> check_labelled("runs", {}, "a Trajectory")
    Traceback (most recent call last):
    ...
    ValueError: runs: got {}; expected a dict of at least one label: a Trajectory
    """
    expected = f"expected a dict of at least one label: {what}"
    if not isinstance(value, Mapping) or not all(isinstance(label, str) for label in value):
        raise TypeError(f"{name}: got {describe(value)}; {expected}")
    if not value:
        raise ValueError(f"{name}: got {describe(value)}; {expected}")
    return dict(value)


def spaced_markers(n_points: int, index: int, n_series: int) -> tuple[int, int] | int:
    """Which points get a marker: all of a few, else about ten, shifted so that series do not hide each other's."""
    if n_points <= 20:
        return 1
    gap = -(-n_points // 10)
    return (index % n_series) * gap // n_series, gap


def whole_numbers(ax: Axes) -> None:
    """Ticks of a horizontal axis that counts: whole and round."""
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def drop_minor_ticks(ax: Axes) -> None:
    """Leave out the minor ticks of a logarithmic axis over decades: they have no labels and cost a fifth of a drawing.

    >>> ax = new_figure()[1]
    >>> ax.set_yscale("log")
    >>> _ = ax.set_ylim(1.0, 5.0); drop_minor_ticks(ax); len(ax.yaxis.get_minorticklocs()) > 0
    True
    >>> _ = ax.set_ylim(1e-4, 1.0); drop_minor_ticks(ax); len(ax.yaxis.get_minorticklocs()) > 0
    False
    >>> plt.close(ax.figure)
    """
    low, high = ax.get_ylim()
    if low > 0 and high >= 100 * low:
        ax.minorticks_off()


def panel_grid(n_panels: int, most_columns: int) -> tuple[int, int]:
    """Rows and columns for so many panels, as even as they can be.

    >>> panel_grid(6, most_columns=5)
    (2, 3)
    """
    rows = -(-n_panels // most_columns)
    return rows, -(-n_panels // rows)


def remove_unused(panels: np.ndarray, n_used: int, columns: int) -> None:
    """Remove the last panels of a grid; those above them, on a shared axis, then need tick labels of their own."""
    for ax in panels[n_used:]:
        ax.remove()
    for ax in panels[max(n_used - columns, 0) : n_used]:
        ax.tick_params(labelbottom=True)


def legend(ax: Axes, entries: Sequence[Artist] | None = None, beside: bool = False) -> None:
    """A legend beside the axes, where it hides nothing, if the figure makes or has room for it; else inside."""
    handles = ax.get_legend_handles_labels()[0] if entries is None else list(entries)
    labels = [str(handle.get_label()) for handle in handles]
    # A formula must not be cut into two lines.
    labels = [label if "$" in label else textwrap.fill(label, 30, break_long_words=False) for label in labels]
    # figure.get_layout_engine is None unless the figure arranges its panels itself.
    if beside or isinstance(ax.figure.get_layout_engine(), ConstrainedLayoutEngine):
        ax.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0, frameon=False)
    else:
        ax.legend(handles, labels, loc="best", frameon=True)
