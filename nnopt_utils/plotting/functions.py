"""Functions of one number: activations with their derivatives, and approximations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnopt_utils._validation import check_array, check_positive, describe
from nnopt_utils.activations import get_activation
from nnopt_utils.plotting.style import (
    COLOURS,
    GREY,
    PAGE_WIDTH,
    check_labelled,
    legend,
    look,
    new_figure,
    own_or_new,
    panel_grid,
    remove_unused,
    styled,
)


@styled
def plot_activation(activation: Any, ax: Axes | None = None, reach: float = 5.0) -> Axes:
    r"""Draw an activation function :math:`\varphi(z)` (solid) and its derivative :math:`\varphi'(z)` (dashed).

    Args:
        activation: a name in ``ACTIVATIONS``, or an ``Activation``.
        ax: where to draw; default a new figure.
        reach: z goes from −reach to reach, > 0; default 5.

    Returns:
        The axes.

    Raises:
        TypeError, ValueError: bad arguments, an unknown name.

    Example:
        >>> plot_activation("relu").get_title()
        'relu'
    """
    check_positive("reach", reach)
    activation = _check_activation(activation)
    ax = own_or_new(ax, width=6.5, height=3.6)
    _draw_activation(activation, ax, reach)
    legend(ax)
    return ax


@styled
def plot_activations(names: Iterable[Any], reach: float = 5.0) -> Figure:
    """Draw several activation functions with their derivatives, a panel each.

    Args:
        names: names in ``ACTIVATIONS``, or ``Activation`` objects; at least one.
        reach: z goes from −reach to reach, > 0; default 5.

    Returns:
        The figure.

    Raises:
        TypeError, ValueError: bad arguments, an unknown name.

    Example:
        >>> [ax.get_title() for ax in plot_activations(["sigmoid", "tanh"]).axes]
        ['sigmoid', 'tanh']
    """
    check_positive("reach", reach)
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise TypeError(f"names: got {describe(names)}; expected a list of names, such as ['relu', 'tanh']")
    activations = [_check_activation(name) for name in names]
    if not activations:
        raise ValueError("names: got none; expected at least one name")
    rows, columns = panel_grid(len(activations), most_columns=4)
    figure, axes = new_figure(rows, columns, width=min(max(2.7 * columns, 4.0), PAGE_WIDTH), height=2.5 * rows + 0.4)
    panels = np.ravel(axes)
    for ax, activation in zip(panels, activations, strict=False):
        _draw_activation(activation, ax, reach)
    remove_unused(panels, len(activations), columns)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@styled
def plot_function_fit(x: Any, y: Any, predictions: Mapping[str, Any], ax: Axes | None = None) -> Axes:
    """Draw a function of one number, given by points, and what approximates it.

    Args:
        x: shape (n,) or (n, 1), in any order.
        y: the targets, as many.
        predictions: label → values at ``x``, as many; or a pair (points, values) of another grid.
        ax: where to draw; default a new figure.

    Returns:
        The axes.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> x = np.linspace(0.0, 1.0, 5)
        >>> ax = plot_function_fit(x, x**2, {"line": x})
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['data', 'line']
    """
    x = _column("x", x)
    y = _column("y", y, len(x))
    fits = {}
    for label, fit in check_labelled("predictions", predictions, "values").items():
        name = f"predictions[{label!r}]"
        points, values = fit if isinstance(fit, tuple) and len(fit) == 2 else (x, fit)
        points = _column(f"{name}[0]", points)
        values = _column(name, values, len(points))
        order = np.argsort(points, kind="stable")
        fits[label] = points[order], values[order]
    ax = own_or_new(ax, width=7.5)
    ax.plot(x, y, linestyle="none", marker="o", markersize=5, color=GREY, alpha=0.6, markeredgewidth=0.0, label="data")
    for index, (label, (points, values)) in enumerate(fits.items()):
        colour, linestyle, _ = look(index)
        ax.plot(points, values, color=colour, linestyle=linestyle, label=label)
    ax.set(xlabel="input $x$", ylabel="output $y$")
    legend(ax)
    return ax


def _check_activation(activation: Any) -> Any:
    if isinstance(activation, str):
        return get_activation(activation)
    if not all(hasattr(activation, name) for name in ("name", "value", "derivative")):
        raise TypeError(f"activation: got {describe(activation)}; expected a name, such as 'relu', or an Activation")
    return activation


def _draw_activation(activation: Any, ax: Axes, reach: float) -> None:
    z = np.linspace(-reach, reach, 1001)
    value, slope = activation.value(z), activation.derivative(z)
    # A jump, such as ReLU's derivative at 0, is no slanted line.
    slope = np.where(np.abs(np.diff(slope, append=slope[-1])) > 0.2, np.nan, slope)
    ax.axhline(0.0, color=GREY, linewidth=0.8, zorder=1)
    ax.plot(z, value, color=COLOURS["blue"], linestyle="-", label=r"$\varphi(z)$", zorder=3)
    ax.plot(z, slope, color=COLOURS["vermillion"], linestyle="--", label=r"$\varphi'(z)$", zorder=2)
    ax.set(title=activation.name, xlabel="$z$", xlim=(-reach, reach))


def _column(name: str, value: Any, length: int | None = None) -> np.ndarray:
    array = check_array(name, value)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or (length is not None and len(array) != length):
        wanted = "n" if length is None else length
        raise ValueError(f"{name}: got {describe(array)}; expected shape ({wanted},) or ({wanted}, 1)")
    return array
