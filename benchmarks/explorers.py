"""What it costs to redraw an explorer after its slider was moved: processor time, at its slowest position."""

from __future__ import annotations

import ast
import importlib
import itertools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.timing import Measurement, at_most, compared
from nnopt_utils.course.controls import LogSlider, log_slider
from nnopt_utils.course.explorers import FigureFunction, render
from nnopt_utils.plotting import new_figure
from tools.cell_code import calls
from tools.chapter import load_chapters

TARGET = at_most(0.25, of="median", unit="s")
CORNERS = 12
RANDOM = 6
REPEATS = 3


def measure(quick: bool = False) -> list[Measurement]:
    """Time every explorer of the course where it is slowest, beside two empty panels."""
    corners, others, repeats = (1, 0, 1) if quick else (CORNERS, RANDOM, REPEATS)
    figures = []
    for chapter, function, controls in explorers():
        tried = positions(controls, corners, others)
        seconds(function, tried[0])  # what is computed once, for all positions
        quickest = [min(seconds(function, values) for _ in range(repeats)) for values in tried]
        slowest = tried[int(np.argmax(quickest))]
        times, empty = [], []
        for _ in range(repeats):
            times.append(seconds(function, slowest))
            empty.append(seconds(two_panels, {}))
        name = f"{chapter} {function.__name__}, slowest of {len(tried)}"
        figures.append(compared("explorers", name, times, "two empty panels", empty, target=TARGET))
    return figures


def two_panels() -> Figure:
    """An ordinary figure of the usual size: its layout adapts to its labels, which an explorer's does not."""
    return new_figure(1, 2, width=9.0, height=3.8)[0]


def seconds(function: FigureFunction, values: dict[str, Any]) -> float:
    """Processor time, which a busy machine hardly lengthens, of making the figure and its PNG."""
    begun = time.process_time()
    render(function, values)
    return time.process_time() - begun


def explorers() -> Iterator[tuple[str, FigureFunction, dict[str, Any]]]:
    """The explorers of all chapters: the chapter's number, the figure function, its controls."""
    for chapter in load_chapters():
        module = importlib.import_module(f"nnopt_utils.course.ch{chapter.name}.figures")
        names = {"log_slider": log_slider, **vars(module)}
        for tree in chapter.trees.values():
            for call in calls(tree, "explore"):
                controls = {k.arg: eval(ast.unparse(k.value), dict(names)) for k in call.keywords if k.arg}
                controls.pop("labels", None)
                yield chapter.number, names[ast.unparse(call.args[0]).removeprefix("figures.")], controls


def positions(controls: dict[str, Any], corners: int, others: int) -> list[dict[str, Any]]:
    """The start, so many corners of the controls, evenly chosen, and so many random positions."""
    ends = {name: _ends(control) for name, control in controls.items()}
    product = list(itertools.product(*(values[1:] for values in ends.values())))
    chosen = [product[i] for i in np.unique(np.linspace(0, len(product) - 1, corners).astype(int))]
    generator = np.random.default_rng(0)
    drawn = [[_random(control, generator) for control in controls.values()] for _ in range(others)]
    start = [values[0] for values in ends.values()]
    return [dict(zip(controls, values, strict=True)) for values in (start, *chosen, *drawn)]


def _ends(control: Any) -> list[Any]:
    """The start of a control, then its two ends, or all its choices."""
    if isinstance(control, LogSlider):
        return [control.start, 10.0**control.low_exponent, 10.0**control.high_exponent]
    if isinstance(control, tuple):
        low, high, _, start = control
        return [start, low, high]
    return [control, False, True] if isinstance(control, bool) else [control[0], *control]


def _random(control: Any, generator: np.random.Generator) -> Any:
    if isinstance(control, LogSlider):
        return 10.0 ** float(generator.uniform(control.low_exponent, control.high_exponent))
    if isinstance(control, tuple):
        low, high, step, _ = control
        return low + step * int(generator.integers(round((high - low) / step) + 1))
    choices = [False, True] if isinstance(control, bool) else control
    return choices[int(generator.integers(len(choices)))]
