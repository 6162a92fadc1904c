"""Minutes are counted from words, code, formulas, figures and exercises."""

from __future__ import annotations

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from tools import minutes
from tools.twins import find_pairs


def code(source: str, *tags: str) -> NotebookNode:
    return new_code_cell(source, metadata={"tags": list(tags)})


def counted(*cells: NotebookNode) -> minutes.Minutes:
    return minutes.minutes_of([new_markdown_cell("## A section"), *cells])


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (new_markdown_cell("word " * 400), 2.0),
        (new_markdown_cell("<!-- formula: x -->\n\n$$a = b$$"), 15 / 60),
        (new_markdown_cell("a $b = c$ d\n\n```\nnot read\n```"), 3 / 200),
        (code("import numpy as np\nfrom a import (\n    b,\n)\n\n# a comment\nx = 1\ny = 2"), 12 / 60),
        (code('x = 1\nclaim(\n    "five words stand here now",\n    x == 1,\n)'), 6 / 60 + 5 / 200),
        (code("show_source(fit)"), 66 / 60),
        (code("table(rows)"), 21 / 60),
        (code("def f():\n    raise NotImplementedError", "stub"), 0.0),
    ],
)
def test_reading(cell: NotebookNode, expected: float) -> None:
    heading = 3 / minutes.WORDS_A_MINUTE  # "## A section"
    assert counted(cell).core == pytest.approx(expected + heading)


def test_exercises_the_quiz_and_what_goes_deeper() -> None:
    found = counted(
        new_markdown_cell("### Exercise 01.1 (predict): A\n\n### Exercise 01.2 (code): B"),
        new_markdown_cell("### Going deeper: C"),
        code("x = 1", "deeper"),
        new_markdown_cell("### Exercise 01.3 (open): D"),
        new_markdown_cell("## Quiz"),
        code('quiz("01.1")'),
    )
    doing = {(part.title, part.deeper): part.doing for part in found.parts}
    assert doing == {("A section", False): 9, ("C", True): 0, ("open exercises", True): 10, ("Quiz", False): 1}
    assert 0 < found.before_first_exercise < 0.1


def test_the_line_and_the_table_are_written_and_nothing_else() -> None:
    text = f"**Time** 9 seconds to run.\n\n{minutes.START}\n{minutes.END}\nrest"
    written = minutes.updated(text, counted(new_markdown_cell("word " * 1300)))
    assert written.startswith("**Time** 10 minutes for the core path with its exercises; 9 seconds to run.\n")
    assert "| A section | 7 min |  |" in written and written.endswith("rest")
    assert minutes.updated(written, counted(new_markdown_cell("word " * 1300))) == written


def test_a_text_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a line"):
        minutes.updated("**Time** 9 seconds to run.", counted())


@pytest.mark.parametrize("pair", find_pairs(), ids=lambda pair: pair.name)
def test_every_chapter_has_minutes(pair) -> None:
    found = minutes.minutes_of(minutes.read_twin(pair.twin).cells)
    assert found.core > 20
