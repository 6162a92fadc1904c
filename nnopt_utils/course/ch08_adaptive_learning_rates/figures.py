"""Figures of chapter 08: pure functions of their parameters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnopt_utils.course.ch08_adaptive_learning_rates.evidence import Difference
from nnopt_utils.experiments import Results
from nnopt_utils.plotting import COLOURS, new_figure
from nnopt_utils.plotting.style import steady_figure

# Coefficients a, b, c of σ → a σ + b σ³ + c σ⁵. All three take 1 to about 1; they differ in how fast small σ grow.
POLYNOMIALS = {
    "Muon": (3.4445, -4.7750, 2.0315),
    "cubic, converges": (1.5, -0.5, 0.0),
    "quintic, converges": (1.875, -1.25, 0.375),
}


def polynomial(sigma: np.ndarray, coefficients: str = "Muon", steps: int = 5) -> np.ndarray:
    """Apply σ → a σ + b σ³ + c σ⁵ so many times: what Newton–Schulz does to every singular value.

    >>> polynomial(np.array([0.0, 1.0]), steps=1).round(3)
    array([0.   , 0.701])
    """
    a, b, c = POLYNOMIALS[coefficients]
    for _ in range(steps):
        sigma = a * sigma + b * sigma**3 + c * sigma**5
    return sigma


def newton_schulz_map(steps: int, smallest: float = 0.01, coefficients: str = "Muon") -> Figure:
    """The polynomial after some steps (left), and what becomes of 40 singular values from ``smallest`` to 1 (right)."""
    figure, (left, right) = steady_figure(2, width=9.0, height=3.8)
    grid = np.geomspace(1e-3, 1, 2000)
    left.axhspan(0.68, 1.13, color="0.9", label="0.68 to 1.13")
    left.plot(grid, grid, color="0.6", linestyle=":", label="before")
    left.plot(grid, polynomial(grid, coefficients, steps), color=COLOURS["blue"], label=f"after {steps} steps")
    left.axvline(smallest, color=COLOURS["vermillion"], linestyle="--", linewidth=1)
    left.set(xscale="log", xlabel=r"singular value $\sigma$ before", ylabel="after", ylim=(0, 1.3))
    left.legend(loc="lower center", fontsize=8)

    before = np.geomspace(1, smallest, 40)
    after = polynomial(before, coefficients, steps)
    number = np.arange(1, 41)
    right.axhspan(0.68, 1.13, color="0.9")
    right.plot(number, before, "o", color="0.6", markersize=3, label="before")
    right.plot(number, after, "o", color=COLOURS["blue"], markersize=4, label="after")
    right.set(xlabel="number of the singular value", ylabel=r"$\sigma$", ylim=(0, 1.3))
    right.set_title(f"{coefficients}: from {after.min():.2f} to {after.max():.2f}")
    right.legend(fontsize=8)
    return figure


def falling_rates(curves: Mapping[tuple[str, float], np.ndarray]) -> Axes:
    """Effective rates along the steps: a colour for each rule, a line style for each size of the gradients."""
    _, ax = new_figure(width=6.5, height=3.8)
    for (name, size), rates in curves.items():
        colour = COLOURS["blue" if name == "Adagrad" else "vermillion"]
        line = "-" if size == 1 else "--"
        t = np.arange(1, len(rates) + 1)
        ax.loglog(t, rates, line, color=colour, label=f"{name}, gradients of size {size:g}")
    ax.axhline(0.01, color="0.5", linestyle=":", label="η = 0.01")
    ax.set(xlabel="step t", ylabel=r"effective rate $\eta/\sqrt{v_t}$", ylim=(1e-4, 1e4))
    ax.legend(fontsize=8, loc="upper right")
    return ax


def valleys(constant: Results, scheduled: Results, labels: list[str], ax: Axes) -> None:
    """The metric against the (top) rate: dashed at a constant rate, solid with the schedule, rings at the best."""
    for label, colour in zip(labels, COLOURS.values(), strict=False):
        for results, line in ((constant, "--"), (scheduled, "-")):
            curve = results.rate_curve(label)
            worse = 100 * (1 - curve.median) if results.task.metric == "val_accuracy" else curve.median
            worse = np.where(np.isfinite(worse), worse, np.nan)
            ax.plot(curve.rates, worse, line, color=colour, label=label if line == "-" else None, linewidth=1.4)
            k = int(np.nanargmin(worse))
            ax.plot(curve.rates[k], worse[k], "o", color=colour, markersize=7, markerfacecolor="none")
    ax.set_xscale("log")
    ax.set_xlabel("learning rate; with the schedule: its top")


def raised_tops(digits: tuple[Results, Results], words: tuple[Results, Results], labels: list[str]) -> Figure:
    """Validation error of the digits (left), loss of the words (right), against the rate, without and with schedule."""
    figure, (left, right) = new_figure(columns=2, width=9.0, height=3.8)
    valleys(*digits, labels, left)
    valleys(*words, labels, right)
    left.set(yscale="log", ylim=(3, 40), ylabel="validation error, %", title="digits")
    left.set_yticks([3, 5, 10, 20, 40], ["3", "5", "10", "20", "40"])
    left.minorticks_off()
    right.set(ylim=(2.25, 3.4), ylabel="validation loss, nats", title="words")
    right.plot([], [], "--", color="0.4", label="constant rate")
    right.legend(fontsize=8)
    return figure


def differences(panels: Mapping[str, Mapping[str, Difference]], margins: Mapping[str, float]) -> Figure:
    """Paired differences with their intervals, a panel a task; in the grey band two are level."""
    figure, axes = new_figure(columns=len(panels), width=9.0, height=4.6)
    for ax, (title, rows) in zip(axes, panels.items(), strict=True):
        margin = margins[title]
        ax.axvspan(-margin, margin, color="0.88")
        ax.axvline(0, color="0.4", linewidth=1)
        for place, (label, difference) in enumerate(rows.items()):
            group = label.split(":")[0]
            colour = {"constant": "orange", "schedule": "blue", "tuned": "green"}.get(group, "black")
            ax.errorbar(difference.mean, place, xerr=difference.half, fmt="o", color=COLOURS[colour], capsize=3)
        ax.set_yticks(range(len(rows)), list(rows) if ax is axes[0] else [""] * len(rows), fontsize=8)
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.set(title=title, xlabel="better than the reference by")
        ax.grid(False, axis="y")
    return figure
