"""A network as a drawing: nodes, edges, and how many parameters there are where."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from nnopt_utils._validation import check_integer, describe
from nnopt_utils.plotting.style import COLOURS, GREY, PAGE_WIDTH, own_or_new, styled

_MOST_LAYERS = 12


@styled
def plot_network(layer_sizes: Sequence[int], ax: Axes | None = None, max_nodes: int = 8, labels: bool = True) -> Axes:
    r"""Draw a multilayer perceptron: one node a unit, one edge a weight.

    Layer k computes :math:`a^{(k)} = \varphi(a^{(k-1)} W^{(k)} + b^{(k)})`, with :math:`n_{k-1} n_k` weights and
    :math:`n_k` biases.
    A layer wider than ``max_nodes`` is drawn with dots in its middle.

    Args:
        layer_sizes: n_0, n_1, …, as in ``MLP``: 2 to 12 widths >= 1.
        ax: where to draw; default a new figure as wide as the network needs.
        max_nodes: the most nodes drawn a layer, >= 3; default 8.
        labels: whether to write the names and counts of weights and biases; default yes.

    Returns:
        The axes. Its title says the number of parameters d.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> plot_network([784, 64, 10]).get_title()
        '$d$ = 50,890 parameters'
    """
    sizes = _check_sizes(layer_sizes)
    check_integer("max_nodes", max_nodes, low=3)
    ax = own_or_new(ax, width=min(2.0 * len(sizes) + 1.0, PAGE_WIDTH), height=4.6)
    heights = [_node_heights(n, max_nodes) for n in sizes]
    for k in range(1, len(sizes)):
        edges = [[(k - 1, low), (k, high)] for low in heights[k - 1] for high in heights[k]]
        ax.add_collection(LineCollection(edges, colors=GREY, linewidths=0.5, alpha=0.45, zorder=1))
    for k, nodes in enumerate(heights):
        colour = COLOURS["sky"] if k == 0 else COLOURS["orange"] if k < len(sizes) - 1 else COLOURS["green"]
        ax.scatter(np.full(len(nodes), k), nodes, s=150, color=colour, edgecolors="black", linewidths=0.9, zorder=3)
        if len(nodes) < sizes[k]:
            gap = _hidden_at(nodes)
            ax.scatter(np.full(3, k), gap + np.array([-0.22, 0.0, 0.22]), s=7, color="black", zorder=3)
    top = max(nodes[0] for nodes in heights)
    ax.set(xlim=(-0.55, len(sizes) - 0.45), ylim=(-top - 0.6, top + 0.6))
    ax.set_axis_off()
    ax.set_title(f"$d$ = {_n_parameters(sizes):,} parameters", pad=10)
    if labels:
        _write_labels(ax, sizes, top)
    return ax


def _check_sizes(layer_sizes: Any) -> list[int]:
    if isinstance(layer_sizes, str) or not isinstance(layer_sizes, Sequence | np.ndarray):
        raise TypeError(f"layer_sizes: got {describe(layer_sizes)}; expected a list of widths, such as [784, 64, 10]")
    sizes = [check_integer(f"layer_sizes[{k}]", n, low=1) for k, n in enumerate(layer_sizes)]
    if not 2 <= len(sizes) <= _MOST_LAYERS:
        raise ValueError(f"layer_sizes: got {len(sizes)} widths; expected 2 to {_MOST_LAYERS}")
    return sizes


def _node_heights(n: int, max_nodes: int) -> np.ndarray:
    """Heights of the drawn nodes, from the top, around 0; a wide layer leaves out one place for dots."""
    shown = min(n, max_nodes)
    heights = (shown - 1) / 2 - np.arange(shown)
    return heights if n <= max_nodes else np.delete(heights, shown // 2)


def _hidden_at(nodes: np.ndarray) -> float:
    """Height of the place left out."""
    widest = int(np.argmax(nodes[:-1] - nodes[1:]))
    return float(nodes[widest] + nodes[widest + 1]) / 2


def _n_parameters(sizes: list[int]) -> int:
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))


def _write_labels(ax: Axes, sizes: list[int], top: float) -> None:
    """Biases above their nodes, weights above their edges, the layers' names and widths below."""
    last = len(sizes) - 1
    ax.figure.canvas.figure.draw_without_rendering()  # arranges the panels: only now is the size of the axes known
    box = ax.get_window_extent()
    width, height = box.width / ax.figure.dpi, box.height / ax.figure.dpi
    # Half a weights' label and half a biases' label share half the distance between two layers.
    letters = max(len(f"= {n * m:,}") + len(f"{m:,}") for n, m in pairwise(sizes))
    fontsize = float(np.clip(72 * width / (len(sizes) + 0.1) / (0.68 * letters), 6.0, 10.0))
    above, below = top + 0.5, -top - 0.5
    for k, n in enumerate(sizes):
        role = "input" if k == 0 else "output" if k == last else "hidden"
        name = "$a^{(0)} = x$" if k == 0 else f"$a^{{({k})}}$"
        ax.text(k, below, f"{name}\n$n_{{{k}}}$ = {n:,}\n{role}", ha="center", va="top", fontsize=fontsize)
        if k > 0:
            ax.text(
                k,
                above,
                f"$b^{{({k})}}$\n{n:,}",
                ha="center",
                va="bottom",
                fontsize=fontsize,
                color=COLOURS["vermillion"],
            )
            ax.text(
                k - 0.5,
                above,
                f"$W^{{({k})}}$\n{sizes[k - 1]:,} × {n:,}\n= {sizes[k - 1] * n:,}",
                ha="center",
                va="bottom",
                fontsize=fontsize,
                color=COLOURS["blue"],
            )
    # Three lines of text, in units of the distance between two nodes.
    lines = 3.6 * fontsize / 72 / height
    room = lines * (2 * top + 1.2) / (1 - 2 * lines)
    ax.set_ylim(below - room, above + room)
