"""Figures of chapter 03: pure functions of their parameters."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnopt_utils.networks import MLP
from nnopt_utils.plotting import COLOURS, new_figure, plot_layer_scales
from nnopt_utils.plotting.style import drop_minor_ticks, steady_figure


class Node(NamedTuple):
    """A node of the graph of J = ½ p², p = s·v, s = u + v: its place, its value and ∂J/∂node."""

    name: str
    formula: str
    x: float
    y: float
    value: float
    gradient: float


# The order in which numbers appear: forward to J, then back to the inputs.
FORWARD = ["u", "v", "s", "p", "J"]
BACKWARD = ["J", "p", "s", "u", "v"]
EDGES = [("u", "s"), ("v", "s"), ("v", "p"), ("s", "p"), ("p", "J")]


def graph_values(u: float, v: float) -> dict[str, Node]:
    """Values and gradients of the five nodes."""
    s = u + v
    p = s * v
    return {
        "u": Node("u", "", 0.0, 1.0, u, p * v),
        "v": Node("v", "", 0.0, 0.0, v, p * v + p * s),
        "s": Node("s", "u + v", 1.2, 1.0, s, p * v),
        "p": Node("p", r"s \cdot v", 2.4, 0.5, p, p),
        "J": Node("J", r"\frac{1}{2}p^2", 3.6, 0.5, 0.5 * p**2, 1.0),
    }


def graph_walk(u: float, v: float, step: int = 10) -> Figure:
    """A computation graph after so many steps: 1 to 5 go forward (values), 6 to 10 backward (gradients)."""
    nodes = graph_values(u, v)
    local = {"us": 1.0, "vs": 1.0, "vp": nodes["s"].value, "sp": v, "pJ": nodes["p"].value}
    known, solved = FORWARD[:step], BACKWARD[: max(step - 5, 0)]
    figure, ax = new_figure(width=8.4, height=4.0)
    for tail, head in EDGES:
        _draw_edge(ax, nodes[tail], nodes[head], local[tail + head] if head in solved else None)
    for node in nodes.values():
        _draw_node(ax, node, node.name in known, node.name in solved)
    ax.set(xlim=(-0.75, 4.35), ylim=(-0.62, 1.62))
    ax.set_axis_off()
    now = f"forward, step {step} of 5" if step <= 5 else f"backward, step {step - 5} of 5"
    ax.set_title(rf"$J = \frac{{1}}{{2}}((u+v)\,v)^2$ at $u$ = {_short(u)}, $v$ = {_short(v)}: {now}")
    return figure


def _draw_edge(ax: Axes, tail: Node, head: Node, local: float | None) -> None:
    ax.annotate(
        "",
        (head.x, head.y),
        (tail.x, tail.y),
        arrowprops={"arrowstyle": "-|>", "color": "0.35", "shrinkA": 19, "shrinkB": 19, "linewidth": 1.2},
    )
    if local is not None:
        middle = (0.5 * (tail.x + head.x), 0.5 * (tail.y + head.y))
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        ax.text(*middle, f"×{_short(local)}", ha="center", va="center", fontsize=9.5, color="0.25", bbox=box)


def _draw_node(ax: Axes, node: Node, known: bool, solved: bool) -> None:
    ax.plot(node.x, node.y, "o", markersize=34, color="white", markeredgecolor="black", zorder=3)
    ax.text(node.x, node.y, f"${node.name}$", ha="center", va="center", fontsize=13, zorder=4)
    title = f"${node.name} = {node.formula}$" if node.formula else f"${node.name}$"
    if known:
        ax.text(
            node.x,
            node.y + 0.3,
            f"{title}\n= {_short(node.value)}",
            ha="center",
            va="bottom",
            fontsize=10,
            color=COLOURS["blue"],
        )
    if solved:
        text = rf"$\partial J/\partial {node.name}$ = {_short(node.gradient)}"
        ax.text(node.x, node.y - 0.3, text, ha="center", va="top", fontsize=10, color=COLOURS["vermillion"])


def _short(number: float) -> str:
    return f"{number:.4g}".replace("-", "−")


def messages(activations: list[np.ndarray], deltas: list[np.ndarray], weights: list[np.ndarray]) -> Figure:
    """A small network for one sample: a at each unit, W at each edge (blue), δ at each unit (vermillion)."""
    figure, ax = new_figure(width=8.4, height=3.8)
    heights = [np.linspace(0.5, -0.5, len(a)) if len(a) > 1 else np.zeros(1) for a in activations]
    for k, W in enumerate(weights):
        for i, j in np.ndindex(*W.shape):
            ends = [(k, heights[k][i]), (k + 1, heights[k + 1][j])]
            arrow = {"arrowstyle": "-|>", "color": "0.35", "shrinkA": 17, "shrinkB": 17, "linewidth": 1.2}
            ax.annotate("", ends[1], ends[0], arrowprops=arrow)
            share = 0.28  # nearer to the tail than the crossing of two edges
            place = [(1 - share) * tail + share * head for tail, head in zip(*ends, strict=True)]
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
            ax.text(*place, f"{W[i, j]:.3g}".replace("-", "−"), ha="center", va="center", fontsize=9.5, bbox=box)
    for k, (a, places) in enumerate(zip(activations, heights, strict=True)):
        for i, height in enumerate(places):
            ax.plot(k, height, "o", markersize=30, color="white", markeredgecolor="black", zorder=3)
            name = f"a^{{({k})}}_{i + 1}" if k < len(weights) else "o"
            text = f"${name}$ = {a[i]:.3f}".replace("-", "−")
            ax.text(k, height + 0.17, text, ha="center", va="bottom", color=COLOURS["blue"])
            if k > 0:
                text = rf"$\delta^{{({k})}}_{i + 1}$ = {deltas[k - 1][i]:.3f}".replace("-", "−")
                ax.text(k, height - 0.17, text, ha="center", va="top", color=COLOURS["vermillion"])
    ax.set(xlim=(-0.4, len(weights) + 0.4), ylim=(-0.95, 0.9))
    ax.set_axis_off()
    return figure


def error_signals(network: MLP, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """δ of every layer, from the first hidden one to the output."""
    return network.signals(x, y).deltas


def gradients_by_depth(depth: int, activation: str, scale: float, seed: int = 0) -> Figure:
    r"""Norms of δ in a network of ``depth`` hidden layers of 64 units.

    ``scale`` multiplies the weights' proper standard deviation: √(2/fan-in) for ReLU, √(1/fan-in) for the others.
    """
    gain = math.sqrt(2.0) if activation == "relu" else 1.0

    def scaled(fan_in: int, fan_out: int, generator: np.random.Generator) -> np.ndarray:
        return generator.normal(0, scale * gain / math.sqrt(fan_in), (fan_in, fan_out))

    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=(64, 64)), generator.integers(10, size=64)
    network = MLP([64] * (depth + 1) + [10], activation, initializer=scaled, seed=seed, dtype="float64")
    norms = np.array([np.linalg.norm(delta) for delta in error_signals(network, x, y)])
    figure, ax = steady_figure(width=7.0, height=3.8)
    plot_layer_scales({activation: norms}, ax=ax, first_layer=1, ylabel=r"$\|\delta^{(k)}\|$")
    ax.axhline(norms[-1], color="0.5", linestyle="--", linewidth=1.2)
    low, high = norms.min(), norms.max()
    ax.set_ylim(min(low / 3, norms[-1] / 100), max(high * 3, norms[-1] * 100))
    drop_minor_ticks(ax)
    # Between hidden layers only: the step from the output depends on its width.
    factor = (norms[0] / norms[-2]) ** (1 / (depth - 1)) if depth > 1 else norms[0] / norms[-1]
    ax.set_title(f"{activation}, {scale:g} × the proper scale: factor {factor:.2f} a layer on the way back")
    ax.get_legend().remove()
    return figure
