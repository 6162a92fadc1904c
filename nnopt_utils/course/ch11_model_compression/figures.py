"""Figures of chapter 11: pure functions of their parameters, and of the committed tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnopt_utils.activations import softmax
from nnopt_utils.compression import grid_for, k_means
from nnopt_utils.course.ch11_model_compression import measured, runs
from nnopt_utils.plotting import COLOURS, new_figure
from nnopt_utils.plotting.style import look, steady_figure

Rows = Sequence[dict[str, Any]]


def _mean_and_seeds(ax: Axes, x: Sequence[float], ys: Sequence[np.ndarray], index: int, label: str) -> None:
    """A line through the means over seeds, and a dot for each seed."""
    colour, linestyle, marker = look(index)
    ax.plot(x, [y.mean() for y in ys], color=colour, linestyle=linestyle, marker=marker, label=label)
    for place, y in zip(x, ys, strict=True):
        ax.plot([place] * len(y), y, color=colour, linestyle="", marker=".", markersize=3, alpha=0.6)


def pruning(rows: Rows, network: str) -> Figure:
    """Test error against the share of zero weights: cut at once, trained in rounds, and a dense network as a rival."""
    figure, ax = new_figure(width=7.5, height=4.2)
    steps = [sparsity for sparsity, _ in measured.ROUNDS[network]]
    labels = {
        "pruned": "cut at once",
        "pruned, trained on": "in rounds, with training",
        "dense, trained on": "dense, trained as long",
    }
    for index, (method, label) in enumerate(labels.items()):
        found = [measured.column(rows, "test", network=network, method=method, sparsity=s) for s in steps]
        _mean_and_seeds(ax, [100 * s for s in steps], found, index, label)
    ax.set(yscale="log", xlabel="weights that are zero, %", ylabel="wrong test images, %")
    ax.set_yticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
    ax.legend()
    return figure


def formats(shape: tuple[int, int]) -> Figure:
    """Bytes of a matrix in four formats against its sparsity, zeros at random places."""
    figure, ax = new_figure(width=7.0, height=4.0)
    sparsities = np.linspace(0, 0.995, 200)
    found = [runs.expected_bytes(shape, float(s)) for s in sparsities]
    for index, name in enumerate(found[0]):
        colour, linestyle, _ = look(index)
        ax.plot(100 * sparsities, [by[name] / 1000 for by in found], color=colour, linestyle=linestyle, label=name)
    ax.set(yscale="log", xlabel="zeros, %", ylabel="kilobytes", ylim=(1, 600))
    ax.set_yticks([1, 10, 100], ["1", "10", "100"])
    ax.legend()
    return figure


def grids(W: np.ndarray, bits: int) -> Figure:
    """The weights of two units with the grid of the whole matrix and their own, and the scales of all units."""
    figure, axes = new_figure(columns=3, width=9.0, height=3.4)
    whole, own = (grid_for(W, bits, symmetric=True, per=per) for per in ("tensor", "channel"))
    scales = np.ravel(own.scale)
    for ax, unit, name in zip(
        axes, (int(scales.argmax()), int(scales.argmin())), ("largest", "smallest"), strict=False
    ):
        ax.hist(W[:, unit], bins=60, color=COLOURS["sky"])
        steps = np.arange(-(2 ** (bits - 1) - 1), 2 ** (bits - 1))
        for height, scale, index, label in (
            (0.5, float(whole.scale), 1, "whole matrix"),
            (1.0, scales[unit], 0, "own"),
        ):
            colour, linestyle, _ = look(index)
            for place in steps * scale:
                ax.axvline(place, 0, height, color=colour, linestyle=linestyle, linewidth=1, label=label)
                label = "_"
        ax.set(
            title=f"the unit of the {name} scale",
            xlabel="weight",
            yscale="log",
            xlim=(-3.3 * scales.max(), 3.3 * scales.max()),
        )
    axes[0].set_ylabel("weights")
    axes[0].legend(title="grid", fontsize=8)
    axes[2].hist(scales, bins=20, color=COLOURS["sky"])
    axes[2].axvline(float(whole.scale), color=look(1).colour, linestyle=look(1).linestyle, label="whole matrix")
    axes[2].set(title="scales of the units", xlabel="scale s", ylabel="units")
    axes[2].legend(fontsize=8)
    return figure


def bits(rows: Rows, network: str) -> Figure:
    """Points of test error that rounding adds, against the bits of a weight."""
    figure, ax = new_figure(width=7.5, height=4.2)
    settings = {
        "one scale": {"method": "rounded", "per": "tensor"},
        "a scale a unit": {"method": "rounded", "per": "channel"},
        "the grid of GPTQ": {"method": "rounded to GPTQ's grid"},
        "GPTQ": {"method": "GPTQ"},
        "trained with rounding": {"method": "quantization-aware"},
    }
    for index, (label, values) in enumerate(settings.items()):
        chosen = measured.select(rows, network=network, **values)
        widths = sorted({row["bits"] for row in chosen}, reverse=True)
        found = [measured.added(rows, network, bits=width, **values) for width in widths]
        _mean_and_seeds(ax, widths, found, index, label)
    ax.set_yscale("symlog", linthresh=0.1, linscale=0.6)
    ax.set(xlabel="bits of a weight", ylabel="points of test error added", xlim=(8.3, 0.7))
    ax.set_yticks([-0.1, 0, 0.1, 1, 10, 100], ["−0.1", "0", "0.1", "1", "10", "100"])
    ax.axhline(0, color="black", linewidth=0.8)
    ax.legend()
    return figure


def clusters(weights: np.ndarray, k: int) -> Figure:
    """Weights, and the values that k clusters give them from three starts."""
    figure, axes = new_figure(columns=3, width=9.0, height=3.0, sharey=True)
    for ax, start in zip(axes, ("linear", "density", "random"), strict=True):
        found = k_means(weights, k, start=start)
        ax.hist(weights, bins=80, color=COLOURS["sky"])
        for value in found.centroids:
            ax.axvline(value, color=COLOURS["vermillion"], linewidth=0.8)
        error = np.sqrt(np.mean((found.values - weights) ** 2) / np.mean(weights**2))
        ax.set(title=f"{start} start: off by {error:.1%}", xlabel="weight")
    axes[0].set_ylabel("weights")
    return figure


def stages(rows: Rows, network: str, choice: Mapping[str, Any]) -> Figure:
    """Bytes after each stage of Deep Compression, and the test error, means of the seeds."""
    figure, ax = new_figure(width=7.5, height=3.4)
    sparsity = choice["sparsity"]
    parts = {
        "float32": {"method": "dense"},
        "pruned, trained on": {"method": "pruned, trained on", "sparsity": sparsity},
        "shared": {"method": "shared"} | dict(choice),
        "centroids trained": {"method": "Deep Compression"} | dict(choice),
    }
    for index, values in enumerate(parts.values()):
        kilobytes = measured.column(rows, "bytes", network=network, **values).mean() / 1000
        test = measured.column(rows, "test", network=network, **values).mean()
        ax.barh(index, kilobytes, color=COLOURS["blue"])
        ax.text(kilobytes * 1.06, index, f"{kilobytes:,.1f} kB, {test:.2f} % wrong", va="center", fontsize=9)
    ax.set_yticks(range(len(parts)), list(parts))
    ax.invert_yaxis()
    ax.set(xscale="log", xlim=(5, 6000), xlabel="kilobytes on disk")
    return figure


def temperatures(image: np.ndarray, logits: np.ndarray, at: Sequence[float] = (1.0, 4.0, 20.0)) -> Figure:
    """An image, and the probabilities of the ten digits from one vector of logits, a panel a temperature."""
    figure, (picture, *axes) = new_figure(columns=1 + len(at), width=9.0, height=2.8)
    picture.imshow(image.reshape(28, 28), cmap="gray_r")
    picture.set_axis_off()
    for ax, temperature in zip(axes, at, strict=True):
        ax.bar(range(len(logits)), softmax(logits[None] / temperature)[0], color=COLOURS["blue"])
        ax.set(title=f"T = {temperature:g}", xlabel="digit", yscale="log", ylim=(1e-6, 1.5))
        ax.set_xticks(range(len(logits)))
    axes[0].set_ylabel("probability")
    return figure


def paired(table: Mapping[str, np.ndarray], ylabel: str) -> Figure:
    """One number a seed for several ways, lines between those of one seed."""
    figure, ax = new_figure(width=6.0, height=3.6)
    values = np.array(list(table.values()))
    ax.plot(range(len(table)), values, color="0.7", linewidth=0.8)
    for index, found in enumerate(values):
        ax.plot([index] * len(found), found, color=look(index).colour, marker=look(index).marker, linestyle="")
        ax.plot([index - 0.12, index + 0.12], [found.mean()] * 2, color="black", linewidth=2)
    ax.set_xticks(range(len(table)), list(table))
    ax.set(ylabel=ylabel, xlim=(-0.5, len(table) - 0.5))
    return figure


def singular_values(matrices: Mapping[str, np.ndarray]) -> Figure:
    """Singular values, and the share of the squares that the largest r of them have."""
    figure, (left, right) = new_figure(columns=2, width=9.0, height=3.6)
    for index, (label, W) in enumerate(matrices.items()):
        values = np.linalg.svd(W, compute_uv=False)
        colour, linestyle, _ = look(index)
        numbers = np.arange(1, len(values) + 1)
        left.plot(numbers, values, color=colour, linestyle=linestyle, label=label)
        right.plot(numbers, np.cumsum(values**2) / np.sum(values**2), color=colour, linestyle=linestyle, label=label)
    left.set(xlabel="number r", ylabel="singular value", ylim=(0, None))
    right.set(xlabel="rank r", ylabel="share of the squares", ylim=(0, 1.03))
    left.legend()
    return figure


def front(rows: Rows, network: str) -> Figure:
    """Test error against bytes on disk, all methods: means over the seeds."""
    figure, ax = new_figure(width=9.0, height=5.2)
    shown = {"quantization-aware": "trained with rounding"}
    points = runs.points_of(rows, network, runs.METHODS)
    for index, method in enumerate(runs.METHODS):
        label = shown.get(method, method.replace(" on", ""))
        mine = np.array([(kilobytes, test) for name, _, kilobytes, test in points if name == method])
        colour, _, marker = look(index)
        ax.plot(*mine.T, color=colour, marker=marker, linestyle="", label=label)
    best = runs.pareto([(kilobytes, test) for _, _, kilobytes, test in points])
    ax.plot(*np.array(best).T, color="black", linewidth=1, drawstyle="steps-post", label="front")
    ax.set(xscale="log", yscale="log", xlabel="kilobytes on disk", ylabel="wrong test images, %", ylim=(1.3, 12))
    ax.set_yticks([1.5, 2, 3, 5, 10], ["1.5", "2", "3", "5", "10"])
    ax.tick_params(axis="y", which="minor", left=False, labelleft=False)
    ax.legend(fontsize=8)
    return figure


def where_bytes_go(sparsity: float, code_bits: int) -> Figure:
    """Bytes of LeNet-300-100's weights by part, for a sparsity and a number of bits a code, in four formats."""
    figure, (left, right) = steady_figure(2, width=9.0, height=3.9)
    found = runs.parts_of_weights(266_200, sparsity, code_bits)
    bottom = np.zeros(len(found))
    names = list(next(iter(found.values())))
    for index, part in enumerate(names):
        sizes = np.array([by[part] / 1000 for by in found.values()])
        left.bar(list(found), sizes, bottom=bottom, color=look(index).colour, label=part)
        bottom += sizes
    left.set(ylabel="kilobytes", ylim=(0, 1.08 * max(bottom.max(), 1)))
    left.legend(fontsize=8)
    ratios = 4 * 266_200 / 1000 / bottom
    right.bar(list(found), ratios, color=COLOURS["green"])
    for place, ratio in enumerate(ratios):
        right.text(place, ratio, f"{ratio:.1f}", ha="center", va="bottom", fontsize=9)
    right.set(ylabel="times smaller than float32", ylim=(0, 1.15 * ratios.max()))
    for ax in (left, right):
        ax.tick_params(axis="x", labelsize=8)
    return figure
