"""Examines an answer to an exercise.

`examine` never raises on anything a learner hands in, and never says only "wrong". It looks, in this order, for: not
attempted, an exception or a forgotten ``return``, a known mistake, a typical slip (`slips`), and else shows the first
case that differs. How to write an exercise is in ``docs/writing_checks.md``.
"""

from __future__ import annotations

from typing import Any

from nnopt_utils.course.exercises.exercise import Exercise, Verdict
from nnopt_utils.course.exercises.functions import examine_function
from nnopt_utils.course.exercises.values import examine_value
from nnopt_utils.course.result import CheckResult


def examine(exercise: Exercise, answer: Any) -> CheckResult:
    """Examine an answer and return the verdict; print nothing."""
    expected = exercise.expected()
    try:
        verdict = (examine_function if exercise.is_function else examine_value)(exercise, answer, expected)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a result that cannot even be looked at
        text = f"not yet. Your result cannot be compared: looking at it raised {type(error).__name__}."
        verdict = Verdict("wrong", text, "slip:cannot_be_compared")
    return CheckResult(exercise.name, verdict.status, f"{exercise.name}: {verdict.text}", verdict.mistake)
