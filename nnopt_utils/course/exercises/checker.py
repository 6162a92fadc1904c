"""`check`, the object that learners call."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from typing import Any

from nnopt_utils._validation import describe
from nnopt_utils.course.console import say
from nnopt_utils.course.exercises.examine import examine
from nnopt_utils.course.exercises.exercise import Exercise
from nnopt_utils.course.progress import PROGRESS, Event
from nnopt_utils.course.quizzes import QUESTIONS
from nnopt_utils.course.registry import Registry
from nnopt_utils.course.result import CheckResult, unknown_name
from nnopt_utils.course.showing import show_result

EXERCISES: Registry[Exercise] = Registry("exercises", "EXERCISES", Exercise)


class Checker:
    """Checks answers to the exercises: ``check("04.gradient_descent_step", my_function)``.

    ``check.task(name)`` repeats a task, ``check.list(4)`` lists a chapter's exercises, ``check.summary()`` says what
    you have solved so far.
    """

    def __call__(
        self, name: str, answer: Any = None, *more: Any, solution: bool = False, counted: bool = True
    ) -> CheckResult:
        """Show whether ``answer`` is right, and if not, what is off.

        Args:
            name: the exercise, such as "04.gradient_descent_step".
            answer: your function (its name, without parentheses), or your value.
            more: nothing; a number with a comma, 3,26, arrives as two, and the result says so.
            solution: say that the answer is the course's own, fold it on the page, and do not count it.
            counted: False for a demonstration: your progress does not change.

        Returns:
            A result that is true if the answer is correct; a notebook shows nothing for it.

        Example:
            >>> def step(theta, gradient, learning_rate):
            ...     return theta - learning_rate * gradient
            >>> result = check("04.gradient_descent_step", step, solution=True)
            ✓ 04.gradient_descent_step: the course's own solution: correct. To first order this step changes J
            by −η‖g‖²: downhill, whatever the gradient is.
        """
        exercise = self._find(name)
        if exercise is None:
            result = unknown_name("exercise", "check", name, EXERCISES)
            show_result(result)
            return result
        result = _more_than_one(name, answer, *more) if more else examine(exercise, answer)
        show_result(result, solution)
        if counted and not solution and result.status != "not attempted":
            remark = PROGRESS.record(name, "solved" if result else "tried", result.mistake)
            if remark:
                say(remark)
        return result

    def task(self, name: str) -> None:
        """Print the task of an exercise."""
        exercise = self._find(name)
        unknown = unknown_name("exercise", "check", name, EXERCISES)
        say(unknown.message if exercise is None else f"{name}: {exercise.task}")

    def list(self, chapter: int | str | None = None) -> None:
        """Print the exercises of a chapter, or of all, with their tasks."""
        number = None if chapter is None else f"{chapter}".strip().zfill(2)
        exercises = [exercise for name, exercise in EXERCISES.items() if number in (None, name[:2])]
        if not exercises:
            known = ", ".join(EXERCISES.chapters())
            say(f"There are no exercises in chapter {number}. Chapters with exercises: {known}.")
        for exercise in exercises:
            say(f"{exercise.name}: {exercise.task}")

    def summary(self) -> None:
        """Print what you have solved, tried and not tried, and the mistakes that you met, chapter by chapter.

        Example:
            >>> check.summary()  # doctest: +ELLIPSIS
            Chapter 00
            ...
        """
        states, met = PROGRESS.states(), PROGRESS.mistakes()
        for number in sorted({*EXERCISES.chapters(), *QUESTIONS.chapters()}):
            say(f"Chapter {number}")
            _say_group("exercises", EXERCISES.chapter(number), states, met, "")
            _say_group("quiz", QUESTIONS.chapter(number), states, met, "quiz ")
        solved = sum(states.get(name) == "solved" for name in EXERCISES)
        right = sum(states.get(f"quiz {name}") == "solved" for name in QUESTIONS)
        exercises, questions = f"{solved} of {len(EXERCISES)}", f"{right} of {len(QUESTIONS)}"
        say(f"In all: {exercises} exercises solved, {questions} questions answered correctly.")

    def __repr__(self) -> str:
        return 'check("04.name", answer), check.task("04.name"), check.list(4), check.summary()'

    @staticmethod
    def _find(name: object) -> Exercise | None:
        return EXERCISES.get(name) if isinstance(name, str) else None


def _more_than_one(name: str, *answers: Any) -> CheckResult:
    shown = ", ".join(describe(answer) for answer in answers)
    message = f"{name}: not yet. You gave {len(answers)} answers: {shown}. Give one; a number has no comma: 3.5, 1203."
    return CheckResult(name, "wrong", message, mistake="slip:several_answers")


def _say_group(
    title: str, names: Iterable[str], states: dict[str, Event], met: dict[str, dict[str, int]], prefix: str
) -> None:
    """Say of one chapter's exercises or questions what became of them."""
    names = list(names)
    groups: dict[str, list[str]] = {"solved": [], "tried": [], "not tried": []}
    for name in names:
        groups[states.get(prefix + name, "not tried")].append(name.partition(".")[2])
    if not names:
        return
    say(f"  {title}: " + ", ".join(f"{len(members)} {state}" for state, members in groups.items()))
    for state, members in groups.items():
        if members:
            say(f"    {state:<9}  {', '.join(members)}")
    for name in names:
        for mistake, count in met.get(prefix + name, {}).items():
            say(f"    mistake    {name.partition('.')[2]}: {_short_name(name, mistake)} ×{count}")


def _short_name(name: str, mistake: str) -> str:
    """Return a few words for a mistake: the beginning of its hint, if the exercise has it still."""
    kind, _, key = mistake.partition(":")
    if kind == "option":
        return f"option {key}"
    exercise = EXERCISES.get(name)
    hint = next((known.hint for known in exercise.mistakes if known.key == key), "") if exercise else ""
    if kind == "mistake" and hint:
        return f'"{textwrap.shorten(hint, 50, placeholder=" …")}"'
    return re.sub(r"[-_]", " ", key)


check = Checker()
