"""Every chapter's figures: each explorer is drawn at its start and at every corner of its controls."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from matplotlib.figure import Figure

from nnopt_utils.course.controls import LogSlider, check_controls, full_labels, log_slider
from tools.cell_code import calls
from tools.chapter import Chapter, load_chapters
from tools.twins import ROOT

CHAPTERS = load_chapters()


def figures_module(chapter: Chapter) -> Any:
    return importlib.import_module(f"nnopt_utils.course.ch{chapter.name}.figures")


def explorers(chapter: Chapter) -> Iterator[tuple[str, dict[str, Any], dict[str, str]]]:
    """The explorers of a chapter: name of the figure function, its controls and their labels."""
    names = {"log_slider": log_slider, **vars(figures_module(chapter))}
    for tree in chapter.trees.values():
        for call in calls(tree, "explore"):
            controls = {k.arg: eval(ast.unparse(k.value), dict(names)) for k in call.keywords if k.arg}
            labels = controls.pop("labels", None)
            yield ast.unparse(call.args[0]).removeprefix("figures."), controls, full_labels(controls, labels)


ALL = [(chapter, *explorer) for chapter in CHAPTERS for explorer in explorers(chapter)]
IDS = [f"{chapter.number}-{name}" for chapter, name, _, _ in ALL]


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


@pytest.mark.parametrize(
    ("chapter", "name", "controls"), [(chapter, name, controls) for chapter, name, controls, _ in ALL], ids=IDS
)
def test_an_explorer_is_drawn_at_the_ends_of_its_controls(chapter: Chapter, name: str, controls: dict[str, Any]):
    function = getattr(figures_module(chapter), name)
    check_controls(function, controls)
    for parameters in corners(controls):
        figure = function(**parameters)
        assert isinstance(figure, Figure), parameters
        assert any(ax.has_data() or ax.images or ax.patches for ax in figure.axes), parameters
        figure.clear()
        importlib.import_module("matplotlib.pyplot").close(figure)


# LaTeX's letters as characters: what a label and a formula have in common.
LETTERS = {
    name: unicodedata.lookup(f"GREEK SMALL LETTER {name.upper()}")
    for name in ["beta", "eta", "kappa", "delta", "sigma", "theta"]
}
LETTERS |= {"varepsilon": "ε", "varphi": "φ", "sqrt": "√", "lambda": "λ", "text": "", "_1": "₁", "_2": "₂"}


# Here the name means something else than in docs/notation.md: Huber's threshold, and an input of a graph.
OTHERWISE = [("02", "delta"), ("03", "v")]


def plain(text: str) -> str:
    r"""The text with LaTeX's letters as characters, without braces, dollars and spaces.

    >>> plain(r"where $\text{std}(W)\sqrt{\text{fan-in}}$ and $\beta_1$")
    'wherestd(W)√fan-inandβ₁'
    """
    for name, letter in LETTERS.items():
        text = re.sub(rf"\\{name}(?![a-z])", letter, text) if name.isalpha() else text.replace(name, letter)
    return re.sub(r"[\s{}$]", "", text)


def symbols_of() -> dict[str, set[str]]:
    """The symbols that docs/notation.md has for a name in the code."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / "docs" / "notation.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        names = re.findall(r"`(\w+)`", cells[2]) if len(cells) == 5 else []
        symbols = [plain(part) for part in re.split(r"[,=]", cells[1])] if names else []
        paired = len(names) == len(symbols)
        for index, name in enumerate(names):
            found.setdefault(name, set()).update([symbols[index]] if paired else symbols)
    return found


def test_symbols_of_the_notation():
    symbols = symbols_of()
    assert (symbols["kappa"], symbols["beta_2"], symbols["batch_size"]) == ({"κ"}, {"β₂"}, {"B"})


@pytest.mark.parametrize(("chapter", "labels"), [(chapter, labels) for chapter, _, _, labels in ALL], ids=IDS)
def test_controls_are_labelled_in_the_symbols_of_the_text(chapter: Chapter, labels: dict[str, str]):
    text = plain("\n".join(block.text for block in chapter.blocks if not block.is_code))
    for name, label in labels.items():
        words = [word for word in re.split(r"[\s/]+", label) if word]
        symbols = None if (chapter.number, name) in OTHERWISE else symbols_of().get(name)
        assert symbols is None or symbols & set(words), f"{name}: the label {label!r} has none of {symbols}"
        assert name not in LETTERS or LETTERS[name] in label, f"{name}: the label {label!r} spells out its letter"
        foreign = [word for word in words if word.strip("()") not in text and word not in text]
        assert not foreign, f"{name}: the chapter does not have {foreign}"


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
    code = "\n".join(cell.source for _, cell in chapter.code_cells()).replace("figures.", "")
    assert drawing and {name for name in drawing if f"{name}(" not in code and f"explore({name}" not in code} == set()


def test_explorers_are_found():
    assert {chapter.number for chapter, *_ in ALL} >= {f"{number:02d}" for number in range(3, 9)}
