"""What the tests of the browser are made of tells right from wrong."""

from __future__ import annotations

import time

import pytest
import saved as notebooks
from chromium import COMMANDS, find_browser
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebook_page import Beside
from playwright.sync_api import Error

PICTURE = new_output("display_data", {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})
STDERR = new_output("stream", name="stderr", text="IOPub message rate exceeded.\n")


def printed(text: str):
    return new_output("stream", name="stdout", text=text)


def widget(model: str):
    return new_output("display_data", {notebooks.WIDGET_VIEW: {"model_id": model}, "text/plain": "explorer"})


def notebook(*outputs):
    cell = new_code_cell("1 + 1", execution_count=1, outputs=list(outputs))
    return new_notebook(cells=[cell])


@pytest.mark.parametrize(
    ("outputs", "kinds"),
    [
        ([], []),
        ([printed("a\n"), printed("b\n")], ["stdout"]),
        ([printed("a\n"), PICTURE, printed("b\n")], ["stdout", "display_data image/png text/plain", "stdout"]),
        ([printed(" \n"), new_output("display_data", {"text/plain": ""})], []),
        ([widget("m")], ["display_data text/plain"]),
        ([new_output("error", ename="E", evalue="", traceback=[])], ["error"]),
    ],
)
def test_what_a_cell_shows(outputs, kinds):
    assert notebooks.shown(notebook(*outputs).cells[0]) == kinds


def test_a_lost_figure_and_a_bar_left_over_are_noticed():
    bar = new_output("display_data", {"text/plain": " 40%|####      | 4/10"})
    kept = notebook(printed("a"), PICTURE)
    assert notebooks.differently_shown(kept, notebook(printed("b"), PICTURE)) == []
    assert len(notebooks.differently_shown(kept, notebook(printed("a")))) == 1
    assert len(notebooks.differently_shown(kept, notebook(bar, printed("a"), PICTURE))) == 1


def test_errors_stderr_and_cells_that_were_not_run_are_noticed():
    failed = notebook(new_output("error", ename="ValueError", evalue="no", traceback=[]))
    assert notebooks.errors(failed) == ["cell 0: ValueError: no"]
    failed.cells[0].metadata.tags = ["raises-exception"]
    assert notebooks.errors(failed) == []
    failed.cells[0].execution_count = None
    assert notebooks.errors(failed) == ["cell 0 was not run"]
    assert notebooks.stderr(notebook(PICTURE, STDERR)) == ["cell 0: IOPub message rate exceeded."]


def test_a_widget_without_its_state_is_noticed():
    saved = notebook(widget("there"), widget("gone"))
    saved.metadata.widgets = {notebooks.WIDGET_STATE: {"state": {"there": {}}}}
    assert notebooks.views_without_state(saved) == ["cell 0: a widget without its state"]


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ("no formula, \\$5 and `$x$`", 0),
        ("$x$ and $y$", 2),
        ("$$x\n= y$$", 1),
        ("$x$:\n\n$$y$$\n\n```\n$z$\n```", 2),
    ],
)
def test_formulas_are_counted(source, number):
    assert notebooks.count_formulas(source) == number


@pytest.mark.parametrize("text", [r"as \theta grows", "the loss $J$ is", r"\(x\)"])
def test_a_formula_that_is_not_rendered_is_noticed(text):
    assert notebooks.RAW_FORMULA.search(text)
    assert not notebooks.RAW_FORMULA.search("it costs $5, at most")


def test_the_stated_seconds_are_read():
    glance = new_markdown_cell("# 00\n\n**Time** 20 minutes to read, 25 seconds to run.")
    assert notebooks.stated_seconds(new_notebook(cells=[glance])) == 25


def test_requests_that_leave_the_machine_are_noticed():
    here = [
        "http://127.0.0.1:8888/lab",
        "ws://localhost:8888/api",
        "data:image/png;base64,AA",
        "blob:http://127.0.0.1:1/a",
    ]
    away = ["https://example.org/mathjax.js", "http://127.0.0.1.example.org/", "http://127.0.0.1:8888/lab/api/news"]
    assert Beside(requests=here + away).elsewhere == away


def test_a_browser_is_found_by_name_or_in_the_usual_places(tmp_path):
    program = tmp_path / COMMANDS[0]
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    assert find_browser({"PATH": str(tmp_path)}) == program
    assert find_browser({"PATH": "", "NNOPT_BROWSER": str(program)}) == program
    assert find_browser({"PATH": str(tmp_path), "NNOPT_BROWSER": str(tmp_path / "other")}) is None


def test_a_browser_that_takes_too_long_is_ended(open_notebook, server):
    begun = time.monotonic()
    with pytest.raises(Error), open_notebook("00_introduction", seconds=5) as page:
        page.page.wait_for_timeout(60_000)
    assert time.monotonic() - begun < 40
    assert server.sessions() == []
