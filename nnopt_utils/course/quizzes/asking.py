"""``quiz``: finds a question, shows it, marks an answer and remembers it."""

from __future__ import annotations

from typing import Any

from nnopt_utils.course.console import say
from nnopt_utils.course.progress import PROGRESS
from nnopt_utils.course.quizzes.panel import Panel, can_be_clicked
from nnopt_utils.course.quizzes.question import Question, chosen, mark
from nnopt_utils.course.registry import Registry
from nnopt_utils.course.result import CheckResult, unknown_name
from nnopt_utils.course.showing import result_text, show_result

QUESTIONS: Registry[Question] = Registry("questions", "QUESTIONS", Question)


def quiz(name: str, answer: Any = None, solution: bool = False) -> CheckResult:
    """Show a question, with options to click in a notebook; with an answer also whether it is right, and why.

    Args:
        name: the question, such as "04.1".
        answer: the letter of your option; without one the question is asked.
        solution: mark the same, but do not count it as answered by you.

    Returns:
        A result that is true if the answer is correct; a notebook shows nothing more for it.

    Example:
        >>> result = quiz("04.1", "c", solution=True)
        Question 04.1: Gradient descent with rate η runs on a quadratic ...
        >>> bool(result)
        True
    """
    question = QUESTIONS.get(name) if isinstance(name, str) else None
    if question is None:
        result = unknown_name("question", "quiz", name, QUESTIONS)
        show_result(result)
        return result
    result = mark(question, answer)
    recorder = _forget if solution else remember
    remark = recorder(question, answer)
    if can_be_clicked():
        Panel(question, answer, remark, remember=recorder).show()
    else:
        say("\n".join(filter(None, [f"{question}\n\n{result_text(result)}", remark])))
    return result


def remember(question: Question, answer: Any) -> str:
    """Record an answer that is an option, and return what the learner should be told about that: usually nothing."""
    letter = chosen(question, answer)
    if letter is None:
        return ""
    if letter == question.answer:
        return PROGRESS.record(f"quiz {question.name}", "solved")
    return PROGRESS.record(f"quiz {question.name}", "tried", mistake=f"option:{letter}")


def _forget(question: Question, answer: Any) -> str:
    return ""
