"""Figures of chapter 01: pure functions of their parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from nnopt_utils.networks import MLP
from nnopt_utils.plotting import COLOURS, new_figure, plot_layer_scales, plot_network
from nnopt_utils.plotting.style import drop_minor_ticks, steady_figure

Function = Callable[[np.ndarray], np.ndarray]
Layer = tuple[np.ndarray, np.ndarray]

TARGETS: dict[str, Function] = {
    "waves": lambda x: np.sin(2 * x) + 0.5 * x,
    "kink": lambda x: np.abs(x - 0.5),
    "cliff": lambda x: np.tanh(8 * x),
}
# The ground of the plane: light enough for points and lines on it.
PALE = ("#DCEAF4", "#FBEACB", "#DDEFE3", "#F3DFEA", "#E6E6E6", "#F6E3D7", "#E3E0F2", "#EFF3D0")


# -- the worked network, and what hidden units look for --------------------------------------------------------------


def worked_network(layers: Sequence[Layer]) -> Axes:
    """A small network with its numbers: weights on the edges, biases at the nodes, inputs x_1, x_2, …"""
    sizes = [layers[0][0].shape[0], *(W.shape[1] for W, _ in layers)]
    ax = plot_network(sizes, labels=False)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    for k, (W, b) in enumerate(layers):
        left, right = ((n - 1) / 2 - np.arange(n) for n in W.shape)
        for i, j in np.ndindex(W.shape):
            share = 0.24 + 0.13 * j if k == 0 else 0.4
            place = (k + share, left[i] + share * (right[j] - left[i]))
            ax.text(*place, f"{W[i, j]:g}", color=COLOURS["blue"], ha="center", va="center", bbox=box)
        for j, bias in enumerate(b):
            place = (k + 1, right[j] + 0.24)
            ax.text(*place, f"$b$ = {bias:g}", color=COLOURS["vermillion"], ha="center", va="center", bbox=box)
    for i, height in enumerate((sizes[0] - 1) / 2 - np.arange(sizes[0])):
        ax.text(-0.15, height, f"$x_{i + 1}$", ha="right", va="center")
    return ax


def hidden_unit_images(start: np.ndarray, end: np.ndarray, units: Sequence[int]) -> Figure:
    """Weights of hidden units as images, before training, after it, and their difference.

    Args:
        start, end: the first layer's weights, (784, units).
        units: which of them.
    """
    rows = {"at the start": start, "trained": end, "the change": end - start}
    figure, axes = new_figure(3, len(units), width=9.0, height=3.6)
    for panels, (name, weights) in zip(axes, rows.items(), strict=True):
        largest = np.abs(weights[:, list(units)]).max()
        for ax, unit in zip(panels, units, strict=True):
            picture = weights[:, unit].reshape(28, 28)
            ax.imshow(picture, cmap="RdBu", vmin=-largest, vmax=largest, interpolation="nearest")
            ax.set(xticks=[], yticks=[])
            ax.grid(False)
        panels[0].set_ylabel(name)
    for ax, unit in zip(axes[0], units, strict=True):
        ax.set_title(f"unit {unit}", fontsize=10)
    return figure


def likeness_of_neighbours(weights: np.ndarray) -> float:
    """Correlation between the weights of all pixels and those of the pixels to their right."""
    pictures = weights.reshape(28, 28, -1)
    return float(np.corrcoef(pictures[:, :-1].ravel(), pictures[:, 1:].ravel())[0, 1])


# -- the plane -------------------------------------------------------------------------------------------------------


def plane(points: int = 300) -> np.ndarray:
    """A grid over the half moons and a little around them, (points, points, 2)."""
    return np.stack(np.meshgrid(np.linspace(-1.6, 2.6, points), np.linspace(-1.1, 1.6, points)), axis=-1)


def hidden_units_on(network: MLP, points: np.ndarray) -> np.ndarray:
    """Which hidden ReLU units are on at each point, (n, all hidden units)."""
    return np.hstack([a > 0 for a in network.activations(points)[1:-1]])


def pieces(network: MLP, points: np.ndarray) -> np.ndarray:
    """Number the pieces of the plane on which the same hidden units are on: for each point (n, 2) that of its piece.

    Example:
        >>> network = MLP([2, 2, 1], loss="mse", initializer="zeros")
        >>> network.weights[0][:] = np.eye(2)             # one unit for each coordinate: the four quadrants
        >>> pieces(network, np.array([[1.0, 1.0], [1.0, -1.0], [2.0, 3.0], [-1.0, -1.0]]))
        array([2, 1, 2, 0])
    """
    return np.unique(hidden_units_on(network, points), axis=0, return_inverse=True)[1].ravel()


def worst_linear_fit(network: MLP, points: np.ndarray, numbers: np.ndarray) -> float:
    """How far a network's outputs are from the best linear map, on the piece of the plane where they are farthest.

    Args:
        points: (n, 2).
        numbers: of each point's piece, from :func:`pieces`.
    """
    outputs, with_ones = network.forward(points), np.hstack([points, np.ones((len(points), 1))])
    worst = 0.0
    for number in range(numbers.max() + 1):
        here = numbers == number
        best = with_ones[here] @ np.linalg.lstsq(with_ones[here], outputs[here], rcond=None)[0]
        worst = max(worst, float(np.abs(best - outputs[here]).max()))
    return worst


def borders(networks: Mapping[str, MLP], x: np.ndarray, y: np.ndarray) -> Figure:
    """Networks' answers on the plane, one panel each, and the samples."""
    figure, axes = new_figure(1, len(networks), width=9.0, height=3.4)
    grid = plane()
    for ax, (name, network) in zip(np.ravel(axes), networks.items(), strict=True):
        answers = network.predict(grid.reshape(-1, 2)).reshape(grid.shape[:2])
        ax.contourf(*np.moveaxis(grid, -1, 0), answers, [-1, 0.5, 2], colors=PALE[:2])
        _draw_samples(ax, x, y)
        ax.set_title(f"{name}: {network.evaluate(x, y).accuracy:.1%} right")
    return figure


def pieces_of_the_plane(networks: Mapping[str, MLP], x: np.ndarray, y: np.ndarray) -> Figure:
    """The pieces into which each ReLU network of two classes cuts the plane, its border (black), and the samples."""
    figure, axes = new_figure(1, len(networks), width=9.0, height=3.4)
    grid = plane()
    for ax, (name, network) in zip(np.ravel(axes), networks.items(), strict=True):
        flat = grid.reshape(-1, 2)
        numbers = pieces(network, flat).reshape(grid.shape[:2])
        order = np.random.default_rng(3).permutation(numbers.max() + 1)  # so that neighbours mostly differ
        image = order[numbers] % len(PALE)
        ax.pcolormesh(*np.moveaxis(grid, -1, 0), image, cmap=ListedColormap(PALE), vmin=0, vmax=len(PALE) - 1)
        for unit in hidden_units_on(network, flat).T:
            switch = unit.reshape(grid.shape[:2])
            if switch.any() and not switch.all():
                ax.contour(*np.moveaxis(grid, -1, 0), switch, [0.5], colors="0.55", linewidths=0.7)
        outputs = network.forward(flat)
        ax.contour(
            *np.moveaxis(grid, -1, 0),
            (outputs[:, 1] - outputs[:, 0]).reshape(grid.shape[:2]),
            [0],
            colors="black",
            linewidths=2.2,
        )
        _draw_samples(ax, x, y)
        ax.set_title(f"{name}: {numbers.max() + 1} pieces")
    return figure


def _draw_samples(ax: Axes, x: np.ndarray, y: np.ndarray) -> None:
    for label, (colour, marker) in enumerate([("blue", "o"), ("orange", "^")]):
        ax.plot(*x[y == label].T, marker, color=COLOURS[colour], markersize=4)
    ax.set(xlabel="$x_1$", ylabel="$x_2$", xlim=(-1.6, 2.6), ylim=(-1.1, 1.6))


# -- training --------------------------------------------------------------------------------------------------------


def dead_units(dead: Mapping[float, Sequence[int]], accuracy: Mapping[float, Sequence[float]], width: int) -> Figure:
    """Dead units (left) and accuracy (right) against the learning rate: seeds as dots, their mean as a line."""
    figure, axes = new_figure(1, 2, width=9.0, height=3.2)
    for ax, values, colour in zip(axes, (dead, accuracy), ("vermillion", "blue"), strict=True):
        rates = list(values)
        ax.plot(rates, [np.mean(values[rate]) for rate in rates], color=COLOURS[colour])
        for rate in rates:
            ax.plot([rate] * len(values[rate]), values[rate], "o", color=COLOURS[colour], alpha=0.5)
        ax.set(xlabel=r"learning rate $\eta$", xscale="log")
    axes[0].set_ylabel(f"dead units of {width}")
    axes[1].set_ylabel("training accuracy")
    return figure


def weight_paths(paths: Mapping[str, np.ndarray]) -> Figure:
    """Weights of a layer over the steps, a panel a start and a line a unit; equal lines are drawn thick to thin."""
    figure, axes = new_figure(1, len(paths), width=9.0, height=3.0)
    for ax, (name, path) in zip(axes, paths.items(), strict=True):
        equal = bool(np.ptp(path, axis=1).max() < 1e-6)
        for j, colour in zip(range(path.shape[1]), COLOURS.values(), strict=False):
            ax.plot(path[:, j], color=colour, linewidth=9 - j if equal else 1.6)
        ax.set_title(name, fontsize=10)
        ax.set_xlabel("step $t$")
    axes[0].set_ylabel("weights $W^{(1)}_{1j}$")
    return figure


def sizes_through_layers(sizes: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Mean squares of the activations (left) and root mean squares of the bias gradients (right), layer by layer."""
    figure, (left, right) = new_figure(1, 2, width=9.0, height=3.6)
    for ax, which in ((left, 0), (right, 1)):
        plot_layer_scales({name: pair[which] for name, pair in sizes.items()}, ax=ax, first_layer=1)
    left.set_ylabel("mean square of $a^{(k)}$")
    right.set_ylabel("root mean square, gradient of $b^{(k)}$")
    left.get_legend().remove()
    return figure


def trained_and_built(built: Mapping[int, float], trained: Mapping[int, Any]) -> Axes:
    """Error against width: of networks written down, and of trained ones (median and range of the seeds)."""
    widths, errors = list(trained), np.array(list(trained.values()))
    ax = new_figure(width=6.5, height=3.6)[1]
    ax.loglog(list(built), list(built.values()), "s-", color=COLOURS["blue"], label="written down")
    colour = COLOURS["vermillion"]
    ax.loglog(widths, np.median(errors, axis=1), "o--", color=colour, label=f"trained, median of {errors.shape[1]}")
    ax.fill_between(
        widths, errors.min(axis=1), errors.max(axis=1), color=colour, alpha=0.2, label="trained, smallest to largest"
    )
    ax.set(xlabel="hidden ReLU units", ylabel="root mean square error")
    ax.legend()
    return ax


# -- one hidden layer ------------------------------------------------------------------------------------------------


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
    left.set(xlabel="$x$", title=f"{width} hidden unit{'s' if width > 1 else ''}")
    left.legend(loc="upper left")
    error = np.abs(output - function(x))
    right.plot(x[inside], error[inside], color=COLOURS["vermillion"])
    right.set(xlabel="$x$", ylabel="absolute error", title=f"largest in the interval: {error[inside].max():.2g}")
    right.set_ylim(bottom=0.0)
    return figure


# -- many layers -----------------------------------------------------------------------------------------------------


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
    right.set_title(f"root mean square {sizes[0]:.2g} → {sizes[-1]:.2g}")
    return figure


def random_layers(activation: str, scale: float, depth: int, width: int = 200, seed: int = 0) -> list[np.ndarray]:
    """The activations of a random network, from its input (100 standard normal samples) to its last hidden layer."""

    def scaled(fan_in: int, fan_out: int, generator: np.random.Generator) -> np.ndarray:
        return generator.normal(0, scale / np.sqrt(fan_in), size=(fan_in, fan_out))

    network = MLP([width] * (depth + 1) + [1], activation, loss="mse", initializer=scaled, seed=seed, dtype="float64")
    x = np.random.default_rng([seed, 1]).normal(size=(100, width))
    return network.activations(x)[:-1]
