"""The questions at the end of each chapter: ``quiz("04.1")`` asks, ``quiz("04.1", "b")`` answers.

A chapter's questions are in ``chapter_NN.py``; how to write one is in ``docs/writing_checks.md``.
"""

from __future__ import annotations

from typing import Any

from nnopt_utils.checks.checker import say, unknown_name
from nnopt_utils.checks.engine import CheckResult
from nnopt_utils.checks.progress import PROGRESS
from nnopt_utils.checks.registry import Registry
from nnopt_utils.quizzes.engine import Question, mark

__all__ = ["QUESTIONS", "Question", "quiz"]

QUESTIONS: Registry[Question] = Registry("nnopt_utils.quizzes", "QUESTIONS", Question)


def quiz(name: str, answer: Any = None, solution: bool = False) -> CheckResult:
    """Print a question and, with an answer, whether it is right and why.

    Args:
        name: the question, such as "04.1".
        answer: the letter of your option.
        solution: mark the same, but do not count it as answered by you.

    Returns:
        A result that is true if the answer is correct; a notebook shows nothing for it.
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
