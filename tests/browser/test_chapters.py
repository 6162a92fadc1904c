"""Every chapter, as a learner runs it: opened in JupyterLab, Run All, saved. Progress bars and widgets are on."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from typing import Any

import nbformat
import pytest
import saved as notebooks
from nbformat import NotebookNode
from notebook_page import Beside, NotebookPage
from server import NOTEBOOKS, ROOT, Server

RESULTS = ROOT / "tests" / "results"
SCREENSHOTS = RESULTS / "browser"
CHAPTERS = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
SLOWER_THAN_STATED = 1.5
OUTER_SECONDS = 600

# What JupyterLab logs of itself, in every notebook, and no learner sees.
HARMLESS_LOG = (
    "The websocket_ping_timeout (90000) cannot be longer than",
    "Kernel is running over TCP without encryption",
)
LOGGED = re.compile(r"^\[[WEC] .*|.*(?:WARNING|ERROR|CRITICAL|Traceback).*", re.MULTILINE)


@dataclass
class Run:
    """What there is to judge after a Run All."""

    name: str
    committed: NotebookNode
    saved: NotebookNode
    seconds: float
    images: dict[int, list[int]]
    texts: list[dict[str, Any]]
    messages: list[str]
    beside: Beside
    log: str


@pytest.fixture(scope="module", params=CHAPTERS)
def run(request: pytest.FixtureRequest, open_notebook: Any, server: Server) -> Run:
    name = request.param
    committed = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    shutil.copy(NOTEBOOKS / f"{name}.ipynb", server.folder)
    logged = server.log.stat().st_size
    with open_notebook(name, seconds=OUTER_SECONDS) as page:
        seconds = page.run_all()
        saved = page.save()
        result = Run(
            name=name,
            committed=committed,
            saved=saved,
            seconds=seconds,
            images=page.images(),
            texts=page.rendered_texts(),
            messages=page.messages(),
            beside=page.beside,
            log=server.log_from(logged),
        )
        take_screenshots(page, committed)
    keep_seconds(result)
    return result


def take_screenshots(page: NotebookPage, notebook: NotebookNode) -> None:
    """The first page and what is worth a look, in both themes."""
    figures = [index for index, cell in enumerate(notebook.cells) if notebooks.count_images(cell)]
    places = {
        "glance": 0,
        "figure": figures[0],
        "explorer": notebooks.cells_tagged(notebook, "explorer")[0],
        "exercise": notebooks.cells_tagged(notebook, "check")[0],
        "quiz": notebooks.cell_with(notebook, "quiz("),
    }
    for theme in ("Dark", "Light"):  # the server remembers the last one
        page.theme(theme)
        for what, cell in places.items():
            page.show(cell)
            page.screenshot(SCREENSHOTS / f"{page.name}-{what}-{theme.lower()}.png")


def keep_seconds(run: Run) -> None:
    """Write what was measured to tests/results/browser.json, beside the other chapters."""
    path = RESULTS / "browser.json"
    measured = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    measured[run.name] = {"seconds": round(run.seconds, 1), "stated": notebooks.stated_seconds(run.committed)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(measured, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def test_every_cell_ran_without_an_error(run: Run):
    assert notebooks.errors(run.saved) == []


def test_nothing_stands_in_red(run: Run):
    """Neither the course's warnings nor the server's, such as "IOPub message rate exceeded"."""
    assert notebooks.stderr(run.saved) == []


def test_each_cell_shows_what_the_committed_notebook_shows(run: Run):
    """Every figure is there, and nothing is left over from a progress bar."""
    assert notebooks.differently_shown(run.committed, run.saved) == []


def test_figures_and_explorers_are_drawn(run: Run):
    expected = {index: notebooks.count_images(cell) for index, cell in enumerate(run.committed.cells)}
    expected |= {index: 1 for index in notebooks.cells_tagged(run.committed, "explorer")}
    drawn = {index: sum(width > 0 for width in widths) for index, widths in run.images.items()}
    assert sum(expected.values()) > 5
    assert {i: drawn.get(i, 0) for i in expected if drawn.get(i, 0) < expected[i]} == {}
    assert not [index for index, widths in run.images.items() if 0 in widths], "a picture is broken"


def test_formulas_are_rendered(run: Run):
    expected = {
        index: notebooks.count_formulas(cell.source)
        for index, cell in enumerate(run.committed.cells)
        if cell.cell_type == "markdown"
    }
    rendered = dict.fromkeys(expected, 0) | {t["cell"]: t["formulas"] for t in run.texts if t["cell"] in expected}
    assert sum(expected.values()) > 0
    assert {i: (rendered[i], n) for i, n in expected.items() if rendered[i] < n} == {}
    assert [text["cell"] for text in run.texts if text["errors"]] == []
    assert [found[0] for text in run.texts if (found := notebooks.RAW_FORMULA.search(text["text"]))] == []


def test_no_dialog_and_no_notification_came_up(run: Run):
    assert run.messages == []


def test_no_request_left_this_machine(run: Run):
    assert len(run.beside.requests) > 10
    assert run.beside.elsewhere == []


def test_the_browser_console_has_no_error(run: Run):
    assert run.beside.console == []


def test_the_server_logged_no_warning(run: Run):
    assert "Kernel started" in run.log
    assert [line for line in LOGGED.findall(run.log) if not any(known in line for known in HARMLESS_LOG)] == []


def test_a_saved_widget_can_be_shown_again(run: Run):
    assert len(run.saved.metadata.get("widgets", {})) == 1
    assert notebooks.views_without_state(run.saved) == []


def test_it_takes_no_longer_than_stated(run: Run):
    """Within the seconds of "At a glance" and half as much again, on a machine that does nothing else."""
    assert run.seconds <= SLOWER_THAN_STATED * notebooks.stated_seconds(run.committed)
