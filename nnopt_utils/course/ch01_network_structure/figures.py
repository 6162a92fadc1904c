"""Figures of chapter 01: pure functions of their parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from nnopt_utils.networks import MLP
from nnopt_utils.plotting import COLOURS, plot_layer_scales
from nnopt_utils.plotting.style import drop_minor_ticks, steady_figure

Function = Callable[[np.ndarray], np.ndarray]

TARGETS: dict[str, Function] = {
    "waves": lambda x: np.sin(2 * x) + 0.5 * x,
    "kink": lambda x: np.abs(x - 0.5),
    "cliff": lambda x: np.tanh(8 * x),
}


def interpolating_network(function: Function, width: int, low: float = -3, high: float = 3) -> MLP:
    """A ReLU network with one hidden layer that joins points of a function by straight lines; nothing is trained.

    Unit i switches on at the knot t_i; its outgoing weight is the change of slope there.

    Args:
        function: of an array of numbers.
        width: hidden units, >= 1: as many straight pieces.
        low, high: the interval.

    Example:
        >>> network = interpolating_network(np.abs, 2)
        >>> network.forward(np.array([[-3.0], [-1.0], [2.0]])).ravel()
        array([3., 1., 2.])
    """
    knots = np.linspace(low, high, width + 1)
    values = function(knots)
    slopes = np.diff(values) / np.diff(knots)
    network = MLP([1, width, 1], activation="relu", loss="mse", initializer="zeros", dtype="float64")
    network.weights[0][:] = 1.0
    network.biases[0][:] = -knots[:-1]
    network.weights[1][:, 0] = np.diff(slopes, prepend=0.0)
    network.biases[1][:] = values[0]
    return network


def relu_interpolation(width: int, target: str = "waves") -> Figure:
    """A function and the ReLU network of this width that joins its points (left), and the error (right)."""
    function = TARGETS[target]
    network = interpolating_network(function, width)
    x = np.linspace(-4.0, 4.0, 801)
    output = network.forward(x[:, None])[:, 0]
    inside = np.abs(x) <= 3.0
    figure, (left, right) = steady_figure(2, width=9.0, height=3.4)
    left.axvspan(-3.0, 3.0, color="0.93", zorder=0)
    left.plot(x, function(x), color=COLOURS["orange"], linewidth=4.0, label=f"target: {target}")
    left.plot(x, output, color=COLOURS["blue"], label="network")
    knots = -network.biases[0]
    left.plot(knots, function(knots), "o", color=COLOURS["blue"], markersize=4)
    left.set(xlabel="$x$", title=f"{width} hidden units")
    left.legend(loc="upper left")
    error = np.abs(output - function(x))
    right.plot(x[inside], error[inside], color=COLOURS["vermillion"])
    right.set(xlabel="$x$", ylabel="absolute error", title=f"largest in the interval: {error[inside].max():.2g}")
    right.set_ylim(bottom=0.0)
    return figure


def signal_through_layers(activation: str = "tanh", scale: float = 1.0, depth: int = 20, width: int = 200) -> Figure:
    r"""Size of the signal in each layer of a random network (left), and the last layer's values (right).

    ``scale`` is :math:`\text{std}(W)\sqrt{\text{fan-in}}`: 1 keeps the variance in a linear layer, √2 is He's.
    """
    layers = random_layers(activation, scale, depth, width)
    sizes = [float(np.sqrt(np.mean(a**2))) for a in layers]
    figure, (left, right) = steady_figure(2, width=9.0, height=3.4)
    plot_layer_scales({activation: sizes}, ax=left, ylabel=r"root mean square of $a^{(k)}$")
    left.get_legend().remove()
    drop_minor_ticks(left)
    left.set_title(f"{activation}, std of $W$ = {scale:.3g} / √fan-in")
    last = layers[-1].ravel()
    # In units of the largest value, so that a signal of 1e-15 is drawn, too.
    largest = float(np.abs(last).max()) or 1.0
    counts, edges = np.histogram(last / largest, np.linspace(-1, 1, 51))
    right.stairs(counts / last.size, edges, fill=True, color=COLOURS["blue"])
    right.set(
        xlabel=f"values of $a^{{({depth})}}$ / {largest:.2g}, the largest", ylabel="share of values", xlim=(-1, 1)
    )
    right.set_title(f"input 1, after {depth} layers {sizes[-1]:.2g}")
    return figure


def random_layers(activation: str, scale: float, depth: int, width: int = 200, seed: int = 0) -> list[np.ndarray]:
    """The activations of a random network, from its input (100 standard normal samples) to its last hidden layer."""

    def scaled(fan_in: int, fan_out: int, generator: np.random.Generator) -> np.ndarray:
        return generator.normal(0, scale / np.sqrt(fan_in), size=(fan_in, fan_out))

    network = MLP([width] * (depth + 1) + [1], activation, loss="mse", initializer=scaled, seed=seed, dtype="float64")
    x = np.random.default_rng([seed, 1]).normal(size=(100, width))
    return network.activations(x)[:-1]
