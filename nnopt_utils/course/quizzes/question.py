"""What a question is, and how an answer to it is marked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nnopt_utils.course.comparing import normalised, short, type_text
from nnopt_utils.course.result import CheckResult


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question of a quiz.

    Args:
        name: ``NN.k``, with the chapter's number and k = 1, 2, …
        text: the question.
        options: letter → (text of the option, explanation said when it is chosen).
        answer: the letter of the right option.

    Raises:
        ValueError: if the name, a text, the letters of the options or the answer are not of this form.

    Example:
        >>> options = {"a": ("0.5", "1 - 0.5 * 10 = -4: the error grows."), "b": ("0.15", "It lies below 2/L.")}
        >>> print(Question(name="04.9", text="L = 10. Which rate is small enough?", options=options, answer="b"))
        Question 04.9: L = 10. Which rate is small enough?
          a)  0.5
          b)  0.15
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

    def in_code(self) -> str:
        """Return how it is answered in code, shown with a letter that says nothing about the answer."""
        return f'quiz("{self.name}", "b")'

    def __str__(self) -> str:
        lines = [f"  {letter})  {text}" for letter, (text, _) in self.options.items()]
        return "\n".join([f"Question {self.name}: {self.text}", *lines])


def mark(question: Question, answer: Any) -> CheckResult:
    """Mark an answer; the message has the explanation of the chosen option. Nothing is printed.

    Args:
        question: the question.
        answer: a letter, or the text of an option; anything else is no attempt.

    Example:
        >>> options = {"a": ("0.5", "The error grows."), "b": ("0.15", "It lies below 2/L.")}
        >>> mark(Question(name="04.9", text="Which rate?", options=options, answer="b"), "B)").message
        'b) is correct. It lies below 2/L.'
    """
    if answer is None or answer is Ellipsis:
        return CheckResult(question.name, "not attempted", f"Answer with a letter: {question.in_code()}.")
    letter = chosen(question, answer)
    if letter is None:
        came = f"There is no option {short(answer)}" if isinstance(answer, str) else f"Got {type_text(answer)}"
        message = f"{came}: choose one of {', '.join(question.options)}, in quotes."
        return CheckResult(question.name, "not attempted", message)
    explanation = question.options[letter][1]
    if letter == question.answer:
        return CheckResult(question.name, "correct", f"{letter}) is correct. {explanation}")
    return CheckResult(question.name, "wrong", f"{letter}) is not it. {explanation}")


def chosen(question: Question, answer: Any) -> str | None:
    """Return the letter of the option that is meant by "b", "B", "b)" or the option's text; None if there is none."""
    if not isinstance(answer, str):
        return None
    letter = answer.strip().strip("().").casefold()
    if letter in question.options:
        return letter
    return next((key for key, (text, _) in question.options.items() if normalised(text) == normalised(answer)), None)
