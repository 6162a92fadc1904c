"""A question to click at: what is shown, and what a click does."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from nnopt_utils.course.progress import PROGRESS, Progress
from nnopt_utils.course.quizzes import QUESTIONS, Question, asking, panel, quiz
from nnopt_utils.course.quizzes.asking import remember
from nnopt_utils.course.quizzes.panel import WIDGET_VIEW, Panel

QUESTION = Question(
    name="04.1",
    text="Which rate is < 2/L? Call `f`.",
    options={
        "a": ("0.5", "The error grows."),
        "b": ("0.15", "It lies below `2/L`."),
        "c": ("It depends on <b>", "On a quadratic it does not."),
    },
    answer="b",
)


@pytest.fixture(autouse=True)
def own_progress(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("NNOPT_PROGRESS", str(tmp_path / "progress.tsv"))
    monkeypatch.setattr(PROGRESS, "_session", {})
    yield


@pytest.fixture
def asked() -> Panel:
    return Panel(QUESTION, remember=remember)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> list[Panel]:
    """The panels that are shown: as in a notebook."""
    shown: list[Panel] = []
    monkeypatch.setattr(asking, "can_be_clicked", lambda: True)
    monkeypatch.setattr(Panel, "show", lambda self: shown.append(self))
    return shown


def test_what_is_shown(asked: Panel) -> None:
    assert [button.description for button in asked.buttons.values()] == ["a)  0.5", "b)  0.15", "c)  It depends on <b>"]
    html = [child.value for child in asked.widget.children if hasattr(child, "value")]
    assert "<b>Question 04.1</b> Which rate is &lt; 2/L? Call <code>f</code>." in html[0]
    assert html[2].startswith('or in code: <code>quiz("04.1", "b")</code>')
    assert re.sub("<[^>]*>", "", asked.verdict.value) == ""


def test_text_without_the_widget(asked: Panel) -> None:
    bundle = asked._repr_mimebundle_()
    assert set(bundle) == {"text/plain", WIDGET_VIEW}
    assert bundle[WIDGET_VIEW]["model_id"] == asked.widget.model_id
    assert bundle["text/plain"] == (
        "Question 04.1: Which rate is < 2/L? Call `f`.\n"
        "  a)  0.5\n"
        "  b)  0.15\n"
        "  c)  It depends on <b>\n"
        "\n"
        'Run this cell and click an option, or answer in code: quiz("04.1", "b").'
    )


def test_a_wrong_click_is_corrected(asked: Panel) -> None:
    asked.buttons["a"].click()
    assert not asked.result
    assert Progress().states() == {"quiz 04.1": "tried"}
    assert Progress().mistakes() == {"quiz 04.1": {"option:a": 1}}
    assert asked.buttons["a"].description == "✗ a)  0.5"
    assert "nnopt-wrong" in asked.buttons["a"]._dom_classes
    assert 'role="status"' in asked.verdict.value
    assert "✗" in asked.verdict.value and "is not it." in asked.verdict.value
    asked.buttons["b"].click()
    assert asked.result
    assert Progress().states() == {"quiz 04.1": "solved"}
    assert Progress().mistakes() == {"quiz 04.1": {"option:a": 1}}
    assert [button.description for button in asked.buttons.values()] == [
        "a)  0.5",
        "✓ b)  0.15",
        "c)  It depends on <b>",
    ]
    assert [list(button._dom_classes) for button in asked.buttons.values()] == [[], ["nnopt-correct"], []]
    assert "is correct." in asked.verdict.value and "is not it." not in asked.verdict.value
    assert repr(asked).endswith("\n\n✓ b) is correct. It lies below `2/L`.")


def test_the_same_option_again_sends_nothing() -> None:
    recorded: list[str] = []

    def count(question: Question, letter: str) -> str:
        recorded.append(letter)
        return ""

    asked = Panel(QUESTION, remember=count)
    asked.buttons["a"].click()
    changes: list[Any] = []
    for widget in (asked.verdict, *asked.buttons.values()):
        widget.observe(changes.append)
    asked.buttons["a"].click()
    assert (recorded, changes) == (["a"], [])
    asked.buttons["c"].click()
    assert recorded == ["a", "c"]
    assert changes


def test_what_progress_says_is_shown() -> None:
    asked = Panel(QUESTION, remember=lambda question, letter: "(Not kept: disk full.)")
    asked.buttons["a"].click()
    assert "(Not kept: disk full.)" in asked.verdict.value
    assert repr(asked).endswith("\n(Not kept: disk full.)")


def test_quiz_in_a_notebook(page: list[Panel], capsys: pytest.CaptureFixture[str]) -> None:
    assert quiz("04.1").status == "not attempted"
    assert quiz("04.1", "zz").status == "not attempted"
    assert Progress().states() == {}
    assert quiz("04.1", "a").status == "wrong"
    assert [shown.letter for shown in page] == [None, None, "a"]
    assert "There is no option" in page[1].verdict.value
    assert "is not it." in page[2].verdict.value
    assert Progress().states() == {"quiz 04.1": "tried"}
    page[0].buttons["b"].click()
    assert Progress().mistakes() == {"quiz 04.1": {"option:a": 1, "option:b": 1}}
    page[0].buttons["c"].click()
    assert Progress().states() == {"quiz 04.1": "solved"}
    assert capsys.readouterr().out == ""


def test_a_demonstration_is_not_counted(page: list[Panel]) -> None:
    quiz("04.1", "c", solution=True)
    page[0].buttons["a"].click()
    assert page[0].result.status == "wrong"
    assert Progress().states() == {}


@pytest.mark.parametrize(("shell", "clickable"), [(None, False), (object(), False), (SimpleNamespace(kernel=1), True)])
def test_where_one_can_click(monkeypatch: pytest.MonkeyPatch, shell: Any, clickable: bool) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert panel.can_be_clicked() is clickable
    monkeypatch.setattr(panel.importlib.util, "find_spec", lambda name: None)
    assert panel.can_be_clicked() is False


@pytest.mark.parametrize("name", list(QUESTIONS))
def test_every_question_can_be_clicked_through(name: str) -> None:
    question = QUESTIONS[name]
    asked = Panel(question, remember=lambda question, letter: "")
    for letter, (text, _) in question.options.items():
        asked.buttons[letter].click()
        assert bool(asked.result) == (letter == question.answer)
        assert text in asked.buttons[letter].description
        assert text in repr(asked)


def test_in_a_kernel_each_call_shows_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a real kernel: several calls in a cell, none of them last, the letter's quotes forgotten."""
    cells = [
        "from nnopt_utils.course import quiz\nb = [0.1, 0.2]",
        'quiz("04.1")\nquiz("04.2", b)\nx = 1',
        'quiz("04.3", a)',
        'first = quiz("04.1", answer=c)\nassert first',
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(panel.__file__).parents[3]))
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    assert notebook.cells[0].outputs == []
    shown = [[output.data for output in cell.outputs] for cell in notebook.cells[1:]]
    assert [len(outputs) for outputs in shown] == [2, 1, 1]
    assert all(set(data) == {"text/plain", WIDGET_VIEW} for outputs in shown for data in outputs)
    assert "Run this cell and click an option" in shown[0][0]["text/plain"]
    assert "b) is not it." in shown[0][1]["text/plain"]
    assert "a) is not it." in shown[1][0]["text/plain"]
    assert "c) is correct." in shown[2][0]["text/plain"]
