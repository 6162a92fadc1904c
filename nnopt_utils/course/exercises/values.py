"""Examines an answer that is a value: a prediction, a choice, a list."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils.course.comparing import Difference, compare, normalised, short, type_text
from nnopt_utils.course.exercises.calling import Outcome, call_safely, describe_error
from nnopt_utils.course.exercises.exercise import Exercise, correct, not_attempted, not_yet, same
from nnopt_utils.course.result import Status


def examine_value(exercise: Exercise, answer: Any, expected: list[Outcome]) -> tuple[Status, str]:
    """Return the verdict on a value, and its message."""
    if answer is None or answer is Ellipsis or isinstance(answer, NotImplementedError | type(NotImplemented)):
        return not_attempted(exercise)
    if callable(answer) and exercise.call is None:
        came = type_text(answer)
        return not_yet(exercise, f"A value is expected, and {came} came: call the function, with parentheses.")
    [outcome], [want] = exercise.run(answer), expected
    if isinstance(outcome.error, NotImplementedError):
        return not_attempted(exercise)
    if outcome.error is not None:
        return not_yet(exercise, f"Your answer cannot be used: {describe_error(outcome.error)}")
    difference = exercise.difference(outcome, want)
    if difference is None:
        return correct(exercise)
    hint = known_wrong_value(exercise, outcome)
    return not_yet(exercise, hint or _value_slip(exercise, outcome.value, want.value, difference), hint)


def known_wrong_value(exercise: Exercise, outcome: Outcome) -> str:
    """Return the hint of the first mistake that is this value, or is true of it; or an empty text."""
    for mistake in exercise.mistakes:
        if callable(mistake.wrong):
            fits = call_safely(mistake.wrong, (outcome.value,), (outcome.value,), [""])
            if fits.error is None and fits.value is not None and bool(fits.value):
                return mistake.hint
        elif same(exercise, outcome, exercise.run(mistake.wrong)[0]):
            return mistake.hint
    return ""


def _value_slip(exercise: Exercise, got: Any, expected: Any, difference: Difference) -> str:
    """Say what is off about a predicted value, without telling the expected one."""
    if difference.kind == "custom":
        return f"{difference.message[0].upper()}{difference.message[1:]}."
    if isinstance(expected, bool | np.bool_):
        if isinstance(got, bool | np.bool_):
            return f"It is not {got}. Think again about the task: {exercise.task}"
        return f"Answer with True or False (no quotes); {type_text(got)} came."
    if isinstance(expected, str) and isinstance(got, str):
        return _text_slip(exercise, got, expected)
    if difference.kind != "value":
        tip = " Give the number without quotes." if isinstance(got, str) else ""
        return f"{difference.message[0].upper()}{difference.message[1:]}.{tip}"
    if np.ndim(expected) == 0 and isinstance(expected, int | float | np.number) and not isinstance(got, complex):
        return _number_slip(float(got), float(expected))
    return _list_slip(exercise, got, expected)


def _text_slip(exercise: Exercise, got: str, expected: str) -> str:
    choices = sorted({expected, *(m.wrong for m in exercise.mistakes if isinstance(m.wrong, str))}, key=normalised)
    if len(choices) > 1 and normalised(got) not in map(normalised, choices):
        return f"{short(got)} is none of the choices: {', '.join(map(repr, choices))}."
    return f"It is not {short(got)}. Think again about the task: {exercise.task}"


def _number_slip(got: float, expected: float) -> str:
    if not np.isfinite(got):
        return f"Your answer is {short(got)}; a finite number is expected."
    if got == -expected:
        return "Your answer has the opposite sign."
    for factor in (100.0, 0.01):
        if np.isclose(got, expected * factor, rtol=1e-6, atol=0.0):
            return f"Your answer is 100 times too {'large' if factor > 1 else 'small'}: percent, or a fraction of 1?"
    side = "large" if got > expected else "small"
    if np.isclose(got, expected, rtol=0.05, atol=0.0):
        return f"{short(got)} is close, within 5 %, but too {side}: give it more exactly."
    return f"{short(got)} is too {side}."


def _list_slip(exercise: Exercise, got: Any, expected: Any) -> str:
    if not isinstance(expected, dict | list | tuple | np.ndarray):
        return f"It is not {short(got)}. Think again about the task: {exercise.task}"
    keys = list(expected) if isinstance(expected, dict) else list(range(len(expected)))
    rtol, atol = exercise.rtol, exercise.atol
    wrong = [key for key in keys if compare(got[key], expected[key], rtol=rtol, atol=atol, lenient=True)]
    return f"{len(keys) - len(wrong)} of {len(keys)} entries are right; first look at [{wrong[0]!r}]."
