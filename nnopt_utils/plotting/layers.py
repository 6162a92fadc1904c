"""Activations layer by layer: do they keep their scale through a deep network?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnopt_utils._validation import check_array, check_integer, describe
from nnopt_utils.plotting.style import (
    COLOURS,
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

_MOST_LAYERS = 20


@styled
def plot_layer_histograms(
    activations: Sequence[Any], *, labels: Sequence[str] | None = None, first_layer: int = 0, bins: int = 40
) -> Figure:
    r"""Draw the distribution of the values of each layer, a panel each, on one scale of values.

    Args:
        activations: one array a layer, of any shape: ``network.activations(x)``, or gradients; 1 to 20 of them.
        labels: the panels' titles; default :math:`a^{(k)}`.
        first_layer: k of the first array, for the default titles; default 0, the input.
        bins: intervals, >= 2; default 40.

    Returns:
        The figure. Each panel has the standard deviation in its title.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> figure = plot_layer_histograms([np.array([-1.0, 1.0]), np.array([-0.5, 0.5])])
        >>> figure.axes[1].get_title()
        '$a^{(1)}$\nstd 0.5'
    """
    arrays = _check_layers(activations)
    check_integer("first_layer", first_layer, low=0)
    check_integer("bins", bins, low=2)
    names = [f"$a^{{({first_layer + k})}}$" for k in range(len(arrays))] if labels is None else list(labels)
    if len(names) != len(arrays):
        raise ValueError(f"labels: got {len(names)}; expected {len(arrays)}, one a layer")
    rows, columns = panel_grid(len(arrays), most_columns=5)
    width = min(max(2.2 * columns, 4.0), PAGE_WIDTH)
    figure, axes = new_figure(rows, columns, width=width, height=2.3 * rows + 0.3, sharex=True)
    panels = np.ravel(axes)
    edges = np.histogram_bin_edges([min(a.min() for a in arrays), max(a.max() for a in arrays)], bins)
    for ax, array, name in zip(panels, arrays, names, strict=False):
        ax.hist(array, edges, weights=np.full(array.size, 1 / array.size), color=COLOURS["blue"])
        ax.set_title(f"{name}\nstd {array.std():.3g}", fontsize=10)
        ax.locator_params(axis="both", nbins=4)
    remove_unused(panels, len(arrays), columns)
    figure.supxlabel("value", fontsize=10.5)
    figure.supylabel("share of values", fontsize=10.5)
    return figure


@styled
def plot_layer_scales(
    scales: Mapping[str, Sequence[float] | np.ndarray],
    ax: Axes | None = None,
    *,
    first_layer: int = 0,
    ylabel: str = "standard deviation",
) -> Axes:
    """Draw one number a layer, such as the standard deviation of its activations, on a logarithmic scale.

    Args:
        scales: label → one number >= 0 a layer. Zeros have no logarithm and are left out.
        ax: where to draw; default a new figure.
        first_layer: k of the first number; default 0, the input.
        ylabel: what the numbers are; default the standard deviation.

    Returns:
        The axes.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> ax = plot_layer_scales({"he_normal": [1.0, 0.9, 1.1]}, first_layer=1)
        >>> ax.lines[0].get_xdata()
        array([1, 2, 3])
    """
    check_integer("first_layer", first_layer, low=0)
    series = {}
    for label, values in check_labelled("scales", scales, "one number a layer").items():
        series[label] = check_array(f"scales[{label!r}]", values, ndim=1)
        if series[label].min() < 0:
            raise ValueError(f"scales[{label!r}]: got {series[label].min():g}; expected only numbers >= 0")
    if not any(np.any(values > 0) for values in series.values()):
        raise ValueError("scales: got only zeros; expected a number > 0, which a logarithmic scale can show")
    ax = own_or_new(ax, width=7.5)
    for index, (label, values) in enumerate(series.items()):
        colour, linestyle, marker = look(index)
        layers = np.arange(first_layer, first_layer + len(values))
        ax.plot(layers, values, color=colour, linestyle=linestyle, marker=marker, label=label)
    ax.set_yscale("log", nonpositive="mask")
    ax.set(xlabel="layer $k$", ylabel=ylabel)
    whole_numbers(ax)
    legend(ax)
    return ax


def _check_layers(activations: Any) -> list[np.ndarray]:
    if isinstance(activations, np.ndarray) or not isinstance(activations, Sequence):
        raise TypeError(f"activations: got {describe(activations)}; expected a list of arrays, one a layer")
    if not 1 <= len(activations) <= _MOST_LAYERS:
        raise ValueError(f"activations: got {len(activations)} layers; expected 1 to {_MOST_LAYERS}")
    return [check_array(f"activations[{k}]", array).ravel() for k, array in enumerate(activations)]
