"""The questions at the end of each chapter: ``quiz("04.1")`` asks, ``quiz("04.1", "b")`` answers.

A chapter's questions are in its folder, ``chNN_name/questions.py``; how to write one is in ``docs/writing_checks.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nnopt_utils.course.comparing import normalised, short, type_text
from nnopt_utils.course.console import say
from nnopt_utils.course.progress import PROGRESS
from nnopt_utils.course.registry import Registry
from nnopt_utils.course.result import CheckResult, unknown_name


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question of a quiz.

    Args:
        name: ``NN.k``, with the chapter's number and k = 1, 2, …
        text: the question.
        options: letter → (text of the option, explanation said when it is chosen).
        answer: the letter of the right option.
    """

    name: str
    text: str
    options: Mapping[str, tuple[str, str]]
    answer: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d\d\.[1-9]\d*", self.name):
            raise ValueError(f"name: got {self.name!r}; expected NN.k, such as '04.1'")
        if not self.text.strip():
            raise ValueError(f"{self.name}: text: got an empty text; expected a question")
        letters = [chr(ord("a") + i) for i in range(len(self.options))]
        if list(self.options) != letters or len(letters) < 2:
            raise ValueError(f"{self.name}: options: got {list(self.options)}; expected two or more, named a, b, c, …")
        for letter, option in self.options.items():
            texts = [part for part in option if isinstance(part, str) and part.strip()]
            if isinstance(option, str) or len(option) != 2 or len(texts) != 2:
                raise ValueError(f"{self.name}: option {letter}: got {option!r}; expected (text, explanation)")
        if self.answer not in self.options:
            raise ValueError(f"{self.name}: answer: got {self.answer!r}; expected one of {', '.join(letters)}")

    def __str__(self) -> str:
        lines = [f"  {letter})  {text}" for letter, (text, _) in self.options.items()]
        return "\n".join([f"Question {self.name}: {self.text}", *lines])


def mark(question: Question, answer: Any) -> CheckResult:
    """Mark an answer; the message has the explanation of the chosen option. Nothing is printed."""
    if answer is None or answer is Ellipsis:
        return CheckResult(question.name, "not attempted", f'Answer with a letter: quiz("{question.name}", "a").')
    letter = _letter(question, answer)
    if letter is None:
        came = short(answer) if isinstance(answer, str) else type_text(answer)
        message = f"There is no option {came}: choose one of {', '.join(question.options)}, in quotes."
        return CheckResult(question.name, "not attempted", message)
    explanation = question.options[letter][1]
    if letter == question.answer:
        return CheckResult(question.name, "correct", f"{letter}) is correct. {explanation}")
    return CheckResult(question.name, "wrong", f"{letter}) is not it. {explanation}")


def _letter(question: Question, answer: Any) -> str | None:
    """Return the option that is meant: a letter, as "b", "B" or "b)", or the option's text."""
    if not isinstance(answer, str):
        return None
    letter = answer.strip().strip("().").casefold()
    if letter in question.options:
        return letter
    return next((key for key, (text, _) in question.options.items() if normalised(text) == normalised(answer)), None)


QUESTIONS: Registry[Question] = Registry("questions", "QUESTIONS", Question)


def quiz(name: str, answer: Any = None, solution: bool = False) -> CheckResult:
    """Print a question and, with an answer, whether it is right and why.

    Args:
        name: the question, such as "04.1".
        answer: the letter of your option.
        solution: mark the same, but do not count it as answered by you.

    Returns:
        A result that is true if the answer is correct; a notebook shows nothing for it.

    Example:
        >>> result = quiz("04.1", "a", solution=True)
        Question 04.1: ...
        >>> result.name
        '04.1'
    """
    question = QUESTIONS.get(name) if isinstance(name, str) else None
    if question is None:
        result = unknown_name("question", "quiz", name, QUESTIONS)
        say(result.message)
        return result
    result = mark(question, answer)
    say(f"{question}\n\n{result.message}")
    if not solution and result.status != "not attempted":
        remark = PROGRESS.record(f"quiz {name}", "solved" if result else "tried")
        if remark:
            say(remark)
    return result
