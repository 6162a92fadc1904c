"""Every chapter's figures: each explorer is drawn at its start and at every corner of its controls."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from matplotlib.figure import Figure

from nnopt_utils.course.explorers import LogSlider, check_controls, log_slider
from tools.cell_code import calls
from tools.chapter import Chapter, load_chapters

CHAPTERS = load_chapters()


def figures_module(chapter: Chapter) -> Any:
    return importlib.import_module(f"nnopt_utils.course.ch{chapter.name}.figures")


def explorers(chapter: Chapter) -> Iterator[tuple[str, dict[str, Any]]]:
    """The explorers of a chapter: name of the figure function, and its controls."""
    names = {"log_slider": log_slider, **vars(figures_module(chapter))}
    for tree in chapter.trees.values():
        for call in calls(tree, "explore"):
            controls = {k.arg: eval(ast.unparse(k.value), dict(names)) for k in call.keywords if k.arg}
            yield ast.unparse(call.args[0]), controls


ALL = [(chapter, name, controls) for chapter in CHAPTERS for name, controls in explorers(chapter)]


def ends(control: Any) -> list[Any]:
    """The values of a control that are tried: its start and its ends, or all its choices."""
    if isinstance(control, LogSlider):
        return [control.start, 10.0**control.low_exponent, 10.0**control.high_exponent]
    if isinstance(control, tuple):
        low, high, _, start = control
        return [start, low, high]
    return [control, not control] if isinstance(control, bool) else list(control)


def corners(controls: dict[str, Any], most: int = 60) -> list[dict[str, Any]]:
    """The start, then each control by itself at its values, then corners of all, evenly chosen."""
    values = {name: ends(control) for name, control in controls.items()}
    start = {name: choices[0] for name, choices in values.items()}
    single = [start | {name: choice} for name, choices in values.items() for choice in choices]
    product = [dict(zip(values, combination, strict=True)) for combination in itertools.product(*values.values())]
    return single + product[:: max(1, len(product) // most)]


@pytest.mark.parametrize(("chapter", "name", "controls"), ALL, ids=[f"{c.number}-{name}" for c, name, _ in ALL])
def test_an_explorer_is_drawn_at_the_ends_of_its_controls(chapter: Chapter, name: str, controls: dict[str, Any]):
    function = getattr(figures_module(chapter), name)
    check_controls(function, controls)
    for parameters in corners(controls):
        figure = function(**parameters)
        assert isinstance(figure, Figure), parameters
        assert any(ax.has_data() or ax.images or ax.patches for ax in figure.axes), parameters
        figure.clear()
        importlib.import_module("matplotlib.pyplot").close(figure)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_every_figure_function_is_used_by_its_chapter(chapter: Chapter):
    """A figure that no chapter draws is dead; one that is drawn stands in the chapter's own folder."""
    module = figures_module(chapter)
    drawing = {
        name
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and inspect.get_annotations(function, eval_str=True).get("return") is Figure
    }
    code = "\n".join(cell.source for _, cell in chapter.code_cells())
    assert drawing and {name for name in drawing if f"{name}(" not in code and f"explore({name}" not in code} == set()


def test_explorers_are_found():
    assert {chapter.number for chapter, _, _ in ALL} >= {f"{number:02d}" for number in range(3, 9)}
