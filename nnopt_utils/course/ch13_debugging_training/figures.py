"""Figures of chapter 13: pure functions of their parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from matplotlib.figure import Figure

from nnopt_utils.faults import Run, Setup, train
from nnopt_utils.plotting import new_figure
from nnopt_utils.plotting.style import GREY, look, steady_figure


def two_checks(rows: Mapping[str, tuple[float, float]]) -> Figure:
    """The first loss of every fault, and its last loss on one batch."""
    figure, axes = new_figure(columns=2, width=9.0, height=5.6, sharey=True)
    names = list(rows)[::-1]
    places = np.arange(len(names))
    for ax, column, title in zip(
        axes, (0, 1), ("loss before the first step", "loss on one batch, 300 steps"), strict=True
    ):
        values = np.clip([rows[name][column] for name in names], 1e-5, 1e4)
        ax.hlines(places, 1e-5, values, color=GREY, linewidth=0.8)
        ax.plot(values, places, color=look(column).colour, marker=look(column).marker, linestyle="")
        ax.set(title=title, xscale="log", xlabel="cross-entropy, nats", ylim=(-2.6, len(names) - 0.3))
    axes[0].set_xlim(1, 2e3)
    axes[1].set_xlim(1e-5, 300)
    axes[0].axvline(math.log(10), color=GREY, linestyle=":", label="ln 10")
    axes[1].axvline(math.log(math.e + 9) - 1, color=GREY, linestyle=":", label="ln(e + 9) − 1")
    axes[0].set_yticks(places, [name.replace("_", " ") for name in names])
    for ax in axes:
        ax.legend(loc="lower right")
    return figure


def rates(tried: Sequence[float], losses: np.ndarray, ratios: np.ndarray) -> Figure:
    """Validation loss against the rate, a dot a seed, and the median update-to-weight ratio of the same runs."""
    figure, (left, right) = new_figure(columns=2, width=9.0, height=3.8)
    means = losses.mean(axis=1)
    left.plot(tried, means, color=look(0).colour, marker="o", label="mean")
    for seed in losses.T:
        left.plot(tried, seed, color=look(0).colour, linestyle="", marker=".", alpha=0.6)
    left.axhline(math.log(10), color=GREY, linestyle=":", label="ln 10")
    left.set(xscale="log", yscale="log", xlabel="rate η", ylabel="validation loss", title=f"{losses.shape[1]} seeds")
    left.set_yticks([0.3, 0.5, 1, 2], ["0.3", "0.5", "1", "2"])
    left.minorticks_off()
    left.legend()
    right.plot(tried, ratios, color=look(1).colour, marker="s")
    right.axhline(1e-3, color=GREY, linestyle=":", label="rule of thumb, 1e-3")
    right.set(xscale="log", yscale="log", xlabel="rate η", ylabel="median ratio", title="update-to-weight ratio")
    right.legend()
    return figure


def one_epoch(rate: float, batch_size: int) -> Figure:
    """Batch losses and update-to-weight ratios of one epoch at a rate, on 2,000 images."""
    run = _one_epoch(round(math.log10(rate), 2), batch_size)
    figure, (left, right) = steady_figure(2, width=9.0, height=3.6, right=0.9)
    steps = np.arange(1, len(run.watch.rates) + 1)
    left.plot(steps, np.minimum(run.history.step_losses, 1e3), color=look(0).colour, linewidth=1.0)
    left.axhline(math.log(10), color=GREY, linestyle=":", label="ln 10")
    left.set(yscale="log", ylim=(0.05, 2e3), xlim=(0, len(steps) + 1), xlabel="step", title="loss of the batch")
    ratios = np.clip(run.watch.ratios(), 1e-8, 1e3)
    for k, name in enumerate(run.watch.names):
        right.plot(steps, ratios[:, k], color=look(k).colour, linestyle=look(k).linestyle, label=name)
    right.axhline(1e-3, color=GREY, linestyle=":")
    right.set(yscale="log", ylim=(1e-8, 1e2), xlim=(0, len(steps) + 1), xlabel="step", title="update-to-weight ratio")
    left.legend(loc="upper right")
    right.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
    return figure


@lru_cache(maxsize=64)
def _one_epoch(exponent: float, batch_size: int) -> Run:
    return train(Setup(learning_rate=10.0**exponent, epochs=1, batch_size=batch_size), seed=0)


def coarse_numbers(rate: float) -> Figure:
    """The smallest change that moves a weight, by its size, in two formats, and a step of Adam."""
    figure, ax = new_figure(width=7.5, height=4.0)
    weights = np.logspace(-3, 1, 600)
    for index, (name, digits) in enumerate({"float16": 10, "bfloat16": 7}.items()):
        spacing = 2.0 ** (np.floor(np.log2(weights)) - digits)
        colour, linestyle, _ = look(index)
        ax.plot(weights, spacing / 2, color=colour, linestyle=linestyle, label=f"half a spacing of {name}")
    ax.axhline(rate, color=GREY, linestyle=":", label=f"an entry's step, η = {rate:g}")
    ax.set(xscale="log", yscale="log", xlabel="size of the weight", ylabel="smallest change that moves it")
    ax.legend()
    return figure


def clipping(runs: Mapping[str, Run]) -> Figure:
    """Gradient norms as they were and validation accuracy, for several limits."""
    figure, (left, right) = new_figure(columns=2, width=9.0, height=3.8)
    for index, (name, run) in enumerate(runs.items()):
        colour, linestyle, marker = look(index)
        norms = np.linalg.norm(run.watch.gradient_norms, axis=1)
        left.plot(np.maximum(norms, 1e-6), color=colour, linestyle=linestyle, linewidth=0.9, label=name)
        right.plot(
            np.arange(1, len(run.history.val_accuracy) + 1),
            [100 * share for share in run.history.val_accuracy],
            color=colour,
            linestyle=linestyle,
            marker=marker,
            label=name,
        )
    left.set(yscale="log", xlabel="step", title="gradient norm, before clipping")
    right.set(xlabel="epoch", title="validation accuracy", ylabel="%", ylim=(0, 100), xticks=range(1, 6))
    right.legend()
    return figure
