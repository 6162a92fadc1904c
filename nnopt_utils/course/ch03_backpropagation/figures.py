"""Figures of chapter 03: pure functions of their parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnopt_utils.networks import MLP
from nnopt_utils.plotting import COLOURS, new_figure, plot_layer_scales
from nnopt_utils.plotting.style import drop_minor_ticks, steady_figure


class Node(NamedTuple):
    """A node of the graph of J = ½ q², q = s·v, s = u + v: its place, its value and ∂J/∂node."""

    name: str
    formula: str
    x: float
    y: float
    value: float
    gradient: float


# The order in which numbers appear: forward to J, then back to the inputs.
FORWARD = ["u", "v", "s", "q", "J"]
BACKWARD = ["J", "q", "s", "u", "v"]
EDGES = [("u", "s"), ("v", "s"), ("v", "q"), ("s", "q"), ("q", "J")]


def graph_values(u: float, v: float) -> dict[str, Node]:
    """Values and gradients of the five nodes."""
    s = u + v
    q = s * v
    return {
        "u": Node("u", "", 0.0, 1.3, u, q * v),
        "v": Node("v", "", 0.0, 0.0, v, q * v + q * s),
        "s": Node("s", "u + v", 1.2, 1.3, s, q * v),
        "q": Node("q", r"s \cdot v", 2.4, 0.65, q, q),
        "J": Node("J", r"\frac{1}{2}q^2", 3.6, 0.65, 0.5 * q**2, 1.0),
    }


def graph_walk(u: float, v: float, step: int = 10) -> Figure:
    """A computation graph after so many steps: 1 to 5 go forward (values), 6 to 10 backward (gradients)."""
    nodes = graph_values(u, v)
    local = {"us": 1.0, "vs": 1.0, "vq": nodes["s"].value, "sq": v, "qJ": nodes["q"].value}
    known, solved = FORWARD[:step], BACKWARD[: max(step - 5, 0)]
    figure, ax = new_figure(width=8.4, height=4.4)
    for tail, head in EDGES:
        _draw_edge(ax, nodes[tail], nodes[head], local[tail + head] if head in solved else None)
    for node in nodes.values():
        _draw_node(ax, node, node.name in known, node.name in solved)
    ax.set(xlim=(-0.75, 4.35), ylim=(-0.62, 1.92))
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
    return f"{number + 0.0:.4g}".replace("-", "−")  # no "−0"


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


def signal_norms(depth: int, activation: str, scale: float, seed: int = 0) -> np.ndarray:
    """Norms of δ in a network of ``depth`` hidden layers of 64 units; ``scale`` as in `gradients_by_depth`."""
    gain = math.sqrt(2.0) if activation == "relu" else 1.0

    def scaled(fan_in: int, fan_out: int, generator: np.random.Generator) -> np.ndarray:
        return generator.normal(0, scale * gain / math.sqrt(fan_in), (fan_in, fan_out))

    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=(64, 64)), generator.integers(10, size=64)
    network = MLP([64] * (depth + 1) + [10], activation, initializer=scaled, seed=seed, dtype="float64")
    return np.array([np.linalg.norm(delta) for delta in error_signals(network, x, y)])


def gradients_by_depth(depth: int, activation: str, scale: float, seed: int = 0) -> Figure:
    r"""Norms of δ in a network of ``depth`` hidden layers of 64 units.

    ``scale`` multiplies the weights' proper standard deviation: √(2/fan-in) for ReLU, √(1/fan-in) for the others.
    """
    norms = signal_norms(depth, activation, scale, seed)
    figure, ax = steady_figure(width=7.0, height=3.8)
    plot_layer_scales({activation: norms}, ax=ax, first_layer=1, ylabel=r"$\|\delta^{(k)}\|$")
    ax.axhline(norms[-1], color="0.5", linestyle="--", linewidth=1.2)
    low, high = norms.min(), norms.max()
    ax.set_ylim(min(low / 3, norms[-1] / 100), max(high * 3, norms[-1] * 100))
    drop_minor_ticks(ax)
    # Between hidden layers only: the step from the output depends on its width.
    factor = (norms[0] / norms[-2]) ** (1 / (depth - 1)) if depth > 1 else norms[0] / norms[-1]
    arrives = f"{norms[0] / norms[-1]:.1e}".replace("-", "−")
    ax.set_title(f"{activation}, {scale:g} × the proper scale: factor {factor:.2f} a layer; arrives: {arrives}")
    ax.get_legend().remove()
    return figure


def arrival(depth: int, activation: str, scale: float, seed: int = 0) -> float:
    """How much of the error signal arrives at the first layer: ‖δ of layer 1‖ / ‖δ of the outputs‖."""
    norms = signal_norms(depth, activation, scale, seed)
    return float(norms[0] / norms[-1])


def plot_gradient_pictures(image: np.ndarray, label: int, gradient: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """An image, and the gradient of the first layer's weights for three units: smallest δ, largest δ, nearest to 0."""
    units = [int(np.argmin(delta)), int(np.argmax(delta)), int(np.argmin(abs(delta)))]
    _, axes = new_figure(1, 4, width=9.0, height=2.7)
    axes[0].imshow(image.reshape(28, 28), cmap="gray_r")
    axes[0].set_title(f"the input, a {label}")
    reach = abs(gradient).max()
    for ax, unit in zip(axes[1:], units, strict=True):
        ax.imshow(gradient[:, unit].reshape(28, 28), cmap="PuOr", vmin=-reach, vmax=reach)
        ax.set_title(f"unit {unit}: δ = {delta[unit] + 0.0:.3f}".replace("-", "−"))
    for ax in axes:
        ax.set_axis_off()
    return axes


def plot_symmetry_weights(weights: np.ndarray) -> Axes:
    """The weights of two hidden units, a bar for each of the six inputs."""
    _, ax = new_figure(width=7.0, height=3.4)
    for unit, (offset, colour) in enumerate([(-0.2, "blue"), (0.2, "orange")]):
        ax.bar(np.arange(1, 7) + offset, weights[:, unit], 0.38, color=COLOURS[colour], label=f"hidden unit {unit + 1}")
    ax.axvline(3.5, color="black", linestyle=":")
    ax.set(xlabel="input bit", ylabel="weight")
    ax.legend()
    return ax


def plot_cost(depths: Sequence[int], counted: Sequence[float]) -> Axes:
    """Operations of loss and gradient, divided by those of the loss alone, against the number of equal layers."""
    _, ax = new_figure(width=6.0, height=3.4)
    ax.semilogx(depths, counted, "o", color=COLOURS["blue"], label="counted, all operations")
    predicted = 3 - 1 / np.asarray(depths, dtype=float)
    ax.semilogx(depths, predicted, "--", color=COLOURS["vermillion"], label="matrix products, $3 - 1/\\ell$")
    ax.axhline(4, color="0.4", linestyle=":", label="bound of Griewank and Walther")
    ax.set(xlabel="number of layers $\\ell$", ylabel="cost: gradient / loss", ylim=(0, 4.5))
    ax.set_xticks(depths, labels=depths)
    ax.legend(loc="lower right")
    return ax


def plot_losses(losses: Mapping[str, Sequence[float]], guessing: float | None = None) -> Axes:
    """Training loss after each epoch, a curve a label."""
    _, ax = new_figure(width=6.4, height=3.8)
    colours = ("blue", "vermillion", "green", "orange")
    for (label, values), colour, marker in zip(losses.items(), colours, "os^D", strict=False):
        ax.plot(range(1, len(values) + 1), values, marker=marker, color=COLOURS[colour], label=label)
    if guessing is not None:
        ax.axhline(guessing, color="0.4", linestyle=":", label="guessing, ln 10")
    ax.set(xlabel="epochs", ylabel="training loss", ylim=(0, 1.7 * max(map(max, losses.values()))))
    ax.legend(loc="upper right", fontsize=9)
    return ax


class Differences(NamedTuple):
    """Central differences of exp at 1: the steps, the relative errors, and the predicted ones."""

    steps: np.ndarray
    errors: np.ndarray
    predicted: np.ndarray


def errors_of_differences(dtype: type) -> Differences:
    """Relative errors of central differences of exp at 1, for many steps h, computed in a precision."""
    one, epsilon = dtype(1), float(np.finfo(dtype).eps)
    steps = 10.0 ** np.arange(-13, 0.01, 0.25)
    steps = steps[steps > 10 * epsilon]
    ends = [(one + dtype(h), one - dtype(h)) for h in steps]
    # The step that is really taken is the difference of the rounded ends.
    slopes = np.array([(np.exp(above) - np.exp(below)) / (above - below) for above, below in ends], dtype=float)
    return Differences(steps, abs(slopes - np.e) / np.e, steps**2 / 6 + epsilon / steps)


def plot_differences(double: Differences, single: Differences) -> Axes:
    """Errors against h in two precisions: measured (marks) and predicted (dashed)."""
    _, ax = new_figure(width=6.6, height=3.9)
    for name, found, colour, marker in (("float64", double, "blue", "o"), ("float32", single, "vermillion", "s")):
        color = COLOURS[colour]
        ax.loglog(found.steps, found.errors, marker, markersize=4, color=color, label=f"{name}, measured")
        label = rf"{name}, $h^2/6 + \varepsilon/h$"
        ax.loglog(found.steps, found.predicted, "--", color=color, label=label)
    ax.set(xlabel="step $h$", ylabel="relative error", ylim=(1e-13, 10))
    ax.legend()
    return ax


def one_relu(theta: float | np.ndarray) -> np.ndarray:
    """½ (relu(θ) − 1)²: a kink at 0."""
    return np.asarray(0.5 * (np.maximum(theta, 0) - 1) ** 2)


def plot_kink(theta: float, h: float) -> Axes:
    """`one_relu`, its tangent at θ, and the secant of the central difference with step h."""
    secant = float(one_relu(theta + h) - one_relu(theta - h)) / (2 * h)
    line = np.linspace(-0.45, 0.65, 200)
    _, ax = new_figure(width=6.0, height=3.4)
    ax.plot(line, one_relu(line), color="black", label="$J$")
    ends = np.array([theta - h, theta + h])
    label = f"central difference, slope {secant:.2f}".replace("-", "−")
    ax.plot(ends, one_relu(ends), "o--", color=COLOURS["vermillion"], label=label)
    tangent = one_relu(theta) + (theta - 1) * (ends - theta)
    label = f"derivative, slope {theta - 1:.2f}".replace("-", "−")
    ax.plot(ends, tangent, color=COLOURS["blue"], linestyle="-.", label=label)
    ax.plot(theta, one_relu(theta), "s", color=COLOURS["blue"])
    ax.set(xlabel=r"$\theta$", ylabel="$J$")
    ax.legend()
    return ax
