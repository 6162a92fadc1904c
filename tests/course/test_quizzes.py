"""Questions and how they are marked; `quiz` where there is no page to click on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnopt_utils.course import check
from nnopt_utils.course.exercises import checker
from nnopt_utils.course.progress import PROGRESS, Progress
from nnopt_utils.course.quizzes import QUESTIONS, Question, asking, quiz

FIRST = Question(
    name="04.1",
    text="Which rate is small enough?",
    options={
        "a": ("0.5", "The error grows four times each step."),
        "b": ("0.15", "It lies below 2/L."),
        "c": ("Depends", "On a quadratic the start does not matter."),
    },
    answer="b",
)


class FakeQuestions(dict[str, Question]):
    def chapters(self) -> list[str]:
        return ["04"]

    def chapter(self, number: str) -> dict[str, Question]:
        return self if number == "04" else {}

    def nearest(self, name: object) -> list[str]:
        return ["04.1"] if name == "4.1" else []


@pytest.fixture(autouse=True)
def own_questions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for module in (asking, checker):
        monkeypatch.setattr(module, "QUESTIONS", FakeQuestions({"04.1": FIRST}))
    monkeypatch.setenv("NNOPT_PROGRESS", str(tmp_path / "progress.tsv"))
    monkeypatch.setattr(PROGRESS, "_session", {})
    yield


def test_question_without_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    result = quiz("04.1")
    assert result.status == "not attempted"
    assert capsys.readouterr().out == (
        "Question 04.1: Which rate is small enough?\n"
        "  a)  0.5\n"
        "  b)  0.15\n"
        "  c)  Depends\n"
        "\n"
        '○ Answer with a letter: quiz("04.1", "b").\n'
    )


@pytest.mark.parametrize("answer", ["b", "B", " b) ", "(b)", "0.15"])
def test_right_answer(answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert quiz("04.1", answer)
    assert capsys.readouterr().out.endswith("\n✓ b) is correct. It lies below 2/L.\n")


@pytest.mark.parametrize(
    ("answer", "text"), [("a", "a) is not it. The error grows"), ("c", "c) is not it. On a quadratic")]
)
def test_each_wrong_option_has_its_explanation(answer: str, text: str) -> None:
    result = quiz("04.1", answer)
    assert result.status == "wrong"
    assert result.message.startswith(text)


@pytest.mark.parametrize("answer", ["d", "", "ab", 2, ["b"], np.array(["b"]), np.zeros(2), 0.15, print, object(), True])
def test_other_answers_are_no_attempt(answer: Any) -> None:
    result = quiz("04.1", answer)
    assert result.status == "not attempted"
    assert "choose one of a, b, c, in quotes." in result.message
    assert Progress().states() == {}


def test_unknown_question(capsys: pytest.CaptureFixture[str]) -> None:
    assert not quiz("4.1", "b")
    assert "No question is called '4.1'. Did you mean '04.1'?" in capsys.readouterr().out
    quiz("99.1")
    assert "No question is called '99.1'. Chapters: 04." in capsys.readouterr().out
    quiz(4.1, "b")  # type: ignore[arg-type]
    assert 'comes first, in quotes: quiz("04.1", your_answer)' in capsys.readouterr().out


def test_progress_and_summary(capsys: pytest.CaptureFixture[str]) -> None:
    quiz("04.1", "b", solution=True)
    assert Progress().states() == {}
    quiz("04.1", "a")
    assert Progress().states() == {"quiz 04.1": "tried"}
    assert Progress().mistakes() == {"quiz 04.1": {"option:a": 1}}
    quiz("04.1", "b")
    assert Progress().states() == {"quiz 04.1": "solved"}
    capsys.readouterr()
    check.summary()
    out = capsys.readouterr().out
    assert "quiz: 1 solved, 0 tried, 0 not tried" in out
    assert out.rstrip().endswith("1 of 1 questions answered correctly.")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "04.one"},
        {"name": "4.1"},
        {"name": "04.0"},
        {"text": " "},
        {"answer": "d"},
        {"options": {"a": ("x", "y"), "c": ("x", "y")}},
        {"options": {"a": ("x", "y")}, "answer": "a"},
        {"options": {"a": ("x", "y"), "b": ("x", "")}},
        {"options": {"a": ("x", "y"), "b": "xy"}},
    ],
)
def test_faulty_questions_are_refused(changes: dict[str, Any]) -> None:
    arguments = {"name": "04.1", "text": "What?", "options": dict(FIRST.options), "answer": "b"}
    with pytest.raises(ValueError):
        Question(**{**arguments, **changes})


def test_registered_questions_are_found_in_the_package() -> None:
    folders = Path(checker.__file__).parents[1].glob("ch*/questions.py")
    assert QUESTIONS.chapters() == sorted(path.parent.name[2:4] for path in folders)
