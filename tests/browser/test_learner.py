"""What a learner does in a chapter: types answers, clicks at a quiz, moves a slider, and comes back another day."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
import saved as notebooks
from nbformat import NotebookNode
from notebook_page import NotebookPage
from server import NOTEBOOKS, Server

INTRODUCTION = "00_introduction"
EXPLORERS = (INTRODUCTION, "04_gradient_descent")
SECONDS = 600


@pytest.fixture
def fresh(server: Server) -> Any:
    """A new copy of a chapter: ``fresh("00_introduction")`` returns its cells."""

    def copy(name: str) -> NotebookNode:
        shutil.copy(NOTEBOOKS / f"{name}.ipynb", server.folder)
        return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)

    return copy


@pytest.fixture
def no_progress(server: Server) -> Iterator[None]:
    """Nothing is solved yet."""
    server.progress.unlink(missing_ok=True)
    yield
    server.progress.unlink(missing_ok=True)


def first_code_cell(notebook: NotebookNode) -> int:
    """The one with the imports."""
    return next(index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code")


def stub_and_check(notebook: NotebookNode, exercise: str) -> tuple[int, int]:
    """The cells of an exercise."""
    checks = notebooks.cells_tagged(notebook, "check")
    check = next(index for index in checks if notebook.cells[index].source.startswith(f'check("{exercise}"'))
    return check - 1, check


def answer(page: NotebookPage, stub: int, check: int, last_line: str) -> str:
    """Type the last line of a stub, run it and its check; return what the check says."""
    page.replace_last_line(stub, last_line)
    page.run(stub)
    page.run(check)
    return page.output_text(check)


def click_option(page: NotebookPage, question: int, letter: str, verdict: str) -> None:
    """Click at an option of a quiz and wait until the verdict is there."""
    options = page.outputs(question).get_by_role("button")
    options.filter(has_text=f"{letter})").first.click()
    page.outputs(question).get_by_role("status").filter(has_text=f"{letter}) {verdict}").wait_for()


BROKEN_LINK = "\uf127"
MARKS = "parts => parts.map(part => getComputedStyle(part, '::before').content)"


def assert_widgets_are_back(page: NotebookPage) -> None:
    """Nothing says "Error displaying widget: model not found"; words, and no broken links, say what to run."""
    assert "model not found" not in page.text() and "Error displaying widget" not in page.text()
    marks = page.page.locator(".jupyter-widgets-disconnected").evaluate_all(MARKS)
    assert any("run" in mark for mark in marks) and not any(BROKEN_LINK in mark for mark in marks)


def test_an_exercise_is_marked_and_still_there_another_day(fresh, no_progress, open_notebook, server):
    notebook = fresh(INTRODUCTION)
    imports = first_code_cell(notebook)
    stub, check = stub_and_check(notebook, "00.accuracy")
    explorer = notebooks.cells_tagged(notebook, "explorer")[0]

    with open_notebook(INTRODUCTION, seconds=SECONDS) as page:
        page.run_all()  # after that JupyterLab trusts the notebook, and shows its widgets when it is opened again
        wrong = answer(page, stub, check, "return np.mean(predictions != labels)")
        assert "not yet" in wrong and "the error rate" in wrong  # the hint for this mistake
        right = answer(page, stub, check, "return np.mean(predictions == labels)")
        assert "correct" in right and "not yet" not in right
        page.save()
        assert page.beside.elsewhere == [] and page.messages() == []

    # Another day: a new browser and a new kernel.
    with open_notebook(INTRODUCTION, seconds=SECONDS) as page:
        page.show(explorer)
        page.outputs(explorer).locator("img").wait_for()  # the last figure, from what was saved
        assert_widgets_are_back(page)
        assert "correct" in page.output_text(check)
        assert "return np.mean(predictions == labels)" in page.source(stub)
        page.run(imports)
        page.replace_last_line(check, "check.summary()")
        page.run(check)
        assert re.search(r"\b1 of \d+ exercises", page.output_text(check))
    assert "00.accuracy\tsolved" in server.progress.read_text(encoding="utf-8")


def test_a_quiz_is_answered_by_clicking_and_still_there_another_day(fresh, no_progress, open_notebook, server):
    notebook = fresh(INTRODUCTION)
    question = notebooks.cell_with(notebook, 'quiz("00.1"')
    with open_notebook(INTRODUCTION, seconds=SECONDS) as page:
        page.run_all()
        click_option(page, question, "b", "is not it")
        click_option(page, question, "a", "is correct")
        verdict = page.outputs(question).locator(".nnopt-verdict").first
        assert verdict.get_attribute("aria-live") == "polite"  # a screen reader says what comes
        fonts = "e => [e, e.querySelector('pre')].map(part => getComputedStyle(part).fontFamily)"
        assert len(set(verdict.evaluate(fonts))) == 1  # prose, as the question is
        page.save()

    with open_notebook(INTRODUCTION, seconds=SECONDS) as page:
        page.show(question)
        page.outputs(question).get_by_role("status").filter(has_text="a) is correct").wait_for()
        assert_widgets_are_back(page)
    assert "quiz 00.1\tsolved" in server.progress.read_text(encoding="utf-8")


def test_a_part_of_a_chapter_is_there_another_day(fresh, no_progress, open_notebook, server):
    """Of what was not run JupyterLab shows the HTML as it is, and of what was the widgets, as it trusts the copy."""
    notebook = fresh(INTRODUCTION)
    stub, check = stub_and_check(notebook, "00.accuracy")
    explorer = notebooks.cells_tagged(notebook, "explorer")[0]
    question = notebooks.cell_with(notebook, 'quiz("00.1"')
    with open_notebook(INTRODUCTION, seconds=SECONDS) as page:
        page.show(check)
        assert page.outputs(check).get_by_role("status").count() == 1  # from the course's run, with its role
        for cell in (first_code_cell(notebook), stub, check, explorer, question):
            page.run(cell)
        page.outputs(explorer).locator("img").wait_for()
        click_option(page, question, "b", "is not it")
        page.save()

    with open_notebook(INTRODUCTION, seconds=SECONDS) as page:
        page.show(question)
        page.outputs(question).get_by_role("status").filter(has_text="b) is not it").wait_for()
        page.show(explorer)
        page.outputs(explorer).get_by_role("slider").first.wait_for()
        page.outputs(explorer).locator("img").wait_for()
        assert_widgets_are_back(page)


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_follows_keyboard_and_mouse(name, fresh, open_notebook):
    notebook = fresh(name)
    explorer = notebooks.cells_tagged(notebook, "explorer")[0]
    with open_notebook(name, seconds=SECONDS) as page:
        page.run(first_code_cell(notebook))
        page.run(explorer)
        page.outputs(explorer).locator("img").wait_for()
        page.show(explorer)
        start = page.pixels(explorer)
        slider = page.outputs(explorer).get_by_role("slider").first

        slider.focus()
        value = slider.get_attribute("aria-valuenow")
        for _ in range(3):
            slider.press("ArrowRight")
        assert slider.get_attribute("aria-valuenow") != value
        by_keyboard = page.wait_for_other_pixels(explorer, start)

        handle = slider.bounding_box()
        middle = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
        page.page.mouse.move(*middle)
        page.page.mouse.down()
        page.page.mouse.move(middle[0] + 60, middle[1], steps=6)
        page.page.mouse.up()
        page.wait_for_other_pixels(explorer, by_keyboard)
        assert page.outputs(explorer).locator("pre:visible").count() == 0  # where errors are shown
