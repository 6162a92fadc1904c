"""Labelled bars with their values written out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from nnopt_utils._validation import check_choice, check_not_negative, check_number, describe
from nnopt_utils.plotting.style import COLOURS, check_labelled, own_or_new, styled


@styled
def plot_bars(
    values: Mapping[str, float],
    errors: Mapping[str, float] | None = None,
    ax: Axes | None = None,
    *,
    xlabel: str = "",
    value_format: str = "{:.3g}",
    log_scale: bool = False,
) -> Axes:
    """Draw one horizontal bar a label, the first on top, each with its value at its end.

    Args:
        values: label → value.
        errors: label → half the length of the error bar, >= 0, such as a standard deviation; default none.
        ax: where to draw; default a new figure.
        xlabel: what the values are, with their unit.
        value_format: how a value is written, as for ``str.format``; default three digits.
        log_scale: whether the values, then all > 0, are on a logarithmic scale; default no.

    Returns:
        The axes.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> ax = plot_bars({"SGD": 1.25, "Adam": 0.8}, xlabel="seconds an epoch", value_format="{:.2f} s")
        >>> [text.get_text() for text in ax.texts]
        ['1.25 s', '0.80 s']
    """
    numbers = {}
    for label, value in check_labelled("values", values, "a number").items():
        numbers[label] = check_number(f"values[{label!r}]", value)
        if log_scale and numbers[label] <= 0:
            raise ValueError(f"values[{label!r}]: got {value:g}; expected a number > 0 with log_scale=True")
    spread = dict.fromkeys(numbers, 0.0)
    for label, error in check_labelled("errors", errors, "a number >= 0").items() if errors else ():
        check_choice("errors", label, numbers)
        spread[label] = check_not_negative(f"errors[{label!r}]", error)
    texts = [_text(value_format, number) for number in numbers.values()]
    ax = own_or_new(ax, width=7.0, height=0.42 * len(numbers) + 1.0)
    widths, half = np.array(list(numbers.values())), np.array(list(spread.values()))
    ax.barh(list(numbers), widths, height=0.62, color=COLOURS["blue"], zorder=2)
    if errors:
        places = np.flatnonzero(half)
        ax.errorbar(
            widths[places], places, xerr=half[places], fmt="none", ecolor="black", elinewidth=1.2, capsize=3, zorder=3
        )
    if log_scale:
        ax.set_xscale("log", nonpositive="clip")
    for place, (width, error, text) in enumerate(zip(widths, half, texts, strict=True)):
        left = width < 0
        ax.annotate(
            text,
            (width - error if left else width + error, place),
            (-5 if left else 5, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize=9.5,
        )
    ax.margins(x=0.14)
    if log_scale:  # the shortest bar needs a length, too
        left, longest = 10.0 ** np.floor(np.log10(widths.min() / 2)), (widths + half).max()
        ax.set_xlim(left, longest * (longest / left) ** 0.16)
    else:
        ax.axvline(0.0, color="black", linewidth=0.8, zorder=3)
        if widths.min() >= 0:
            ax.set_xlim(left=0.0)
    ax.invert_yaxis()
    ax.grid(False, axis="y")
    ax.set_xlabel(xlabel)
    return ax


def _text(value_format: str, number: float) -> str:
    try:
        return value_format.format(number).replace("-", "−")
    except (AttributeError, ValueError, IndexError, KeyError):
        raise ValueError(f"value_format: got {describe(value_format)}; expected one like '{{:.3g}}'") from None
