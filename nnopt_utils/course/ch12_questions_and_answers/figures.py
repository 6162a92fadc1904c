"""Figures of chapter 12: pure functions of their parameters."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nnopt_utils.course.ch12_questions_and_answers.studies import (
    by_the_normal_law,
    simulated,
    studies,
)
from nnopt_utils.plotting import COLOURS
from nnopt_utils.plotting.style import steady_figure

SHOWN = 20
SIZES = (2, 3, 5, 10, 20, 50, 100)
ABOVE, UNDECIDED, BELOW = ("blue", "o", "-"), ("orange", "s", ":"), ("vermillion", "^", "-.")
#: The shares in their order: what each is called, and how it is drawn.
SHARES = (
    ("mean below 0", ("black", "D", "--")),
    ("whole interval above 0", ABOVE),
    ("whole interval below 0", BELOW),
)


def seeds_of_a_study(difference: float, deviation: float, seeds: int) -> Figure:
    """Twenty studies with their intervals, and the share of all studies that name the wrong winner against seeds."""
    figure, (left, right) = steady_figure(2, width=9.0, height=3.9)
    _some_studies(left, difference, deviation, seeds)
    _all_studies(right, difference, deviation, seeds)
    return figure


def _some_studies(ax: Axes, difference: float, deviation: float, seeds: int) -> None:
    means, halves = (deviation * values[:SHOWN] for values in studies(seeds))
    means = means + difference
    says = np.where(means - halves > 0, 0, np.where(means + halves < 0, 2, 1))
    kinds = [("above 0", ABOVE), ("not decided", UNDECIDED), ("below 0", BELOW)]
    for kind, (label, (colour, marker, _)) in enumerate(kinds):
        rows = np.flatnonzero(says == kind)
        ax.errorbar(means[rows], rows, xerr=halves[rows], fmt=marker, color=COLOURS[colour], linewidth=1.5, label=label)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.axvline(difference, color="black", linewidth=0.8, linestyle=":")
    reach = 6 * deviation / np.sqrt(seeds)
    ax.set(xlim=(min(difference - reach, -0.1 * reach), difference + 1.6 * reach), ylim=(-1, SHOWN + 3.5))
    ax.set(xlabel="mean difference, points", ylabel="study", title=f"{SHOWN} studies of {seeds} seeds")
    ax.set_yticks([0, 5, 10, 15], ["1", "6", "11", "16"])
    ax.legend(loc="upper center", ncols=3, fontsize=8, columnspacing=1.0)


def _all_studies(ax: Axes, difference: float, deviation: float, seeds: int) -> None:
    many = np.geomspace(SIZES[0], SIZES[-1], 60)
    law = np.array([by_the_normal_law(difference, deviation, n) for n in many])
    counted = np.array([simulated(difference, deviation, n) for n in SIZES])
    chosen = simulated(difference, deviation, seeds)
    for index, (label, (colour, marker, style)) in enumerate(SHARES):
        ax.plot(many, law[:, index], linestyle=style, color=COLOURS[colour], label=label)
        ax.plot(SIZES, counted[:, index], marker, color=COLOURS[colour], markersize=4)
        ax.plot(seeds, chosen[index], marker, color=COLOURS[colour], markersize=9)
    ax.axvline(seeds, color="0.6", linewidth=0.8, zorder=0)
    ax.set(xscale="log", ylim=(-0.04, 1.45), xlabel="seeds", ylabel="share of all studies")
    ax.set(title=f"{seeds} seeds: {100 * chosen.mean_below:.1f} % have the mean below 0")
    ax.set_xticks(SIZES, [str(n) for n in SIZES])
    ax.minorticks_off()
    ax.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    ax.legend(loc="upper left", fontsize=8)
