"""Examines an answer that is a value: a prediction, a choice, a list."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from nnopt_utils.course.comparing import Difference, compare, normalised, short, type_text
from nnopt_utils.course.exercises.calling import Outcome, call_safely, describe_error
from nnopt_utils.course.exercises.exercise import (
    Exercise,
    Mistake,
    Verdict,
    correct,
    not_attempted,
    not_yet,
    same,
)
from nnopt_utils.course.exercises.slips import Slip

ASKS_FOR_A_SHARE = re.compile(r"percent|%|\bshare|accurac|probabilit|fraction", re.IGNORECASE)


def examine_value(exercise: Exercise, answer: Any, expected: list[Outcome]) -> Verdict:
    """Return the verdict on a value, and its message."""
    if answer is None or answer is Ellipsis or isinstance(answer, NotImplementedError | type(NotImplemented)):
        return not_attempted(exercise)
    if callable(answer) and exercise.call is None:
        came = type_text(answer)
        text = f"A value is expected, and {came} came: call the function, with parentheses."
        return not_yet(exercise, Slip("not_called", text))
    [outcome], [want] = exercise.run(answer), expected
    if isinstance(outcome.error, NotImplementedError):
        return not_attempted(exercise)
    if outcome.error is not None:
        text = f"Your answer cannot be used: {describe_error(outcome.error)}"
        return not_yet(exercise, Slip(f"raised_{type(outcome.error).__name__}", text))
    difference = exercise.difference(outcome, want)
    if difference is None:
        return correct(exercise)
    mistake = known_wrong_value(exercise, outcome)
    if mistake:
        return not_yet(exercise, None, mistake)
    return not_yet(exercise, _value_slip(exercise, outcome.value, want.value, difference))


def known_wrong_value(exercise: Exercise, outcome: Outcome) -> Mistake | None:
    """Return the first mistake that is this value, or is true of it, or None."""
    for mistake in exercise.mistakes:
        if callable(mistake.wrong):
            fits = call_safely(mistake.wrong, (outcome.value,), (outcome.value,), [""])
            if fits.error is None and fits.value is not None and bool(fits.value):
                return mistake
        elif same(exercise, outcome, exercise.run(mistake.wrong)[0]):
            return mistake
    return None


def _value_slip(exercise: Exercise, got: Any, expected: Any, difference: Difference) -> Slip:
    """Say what is off about a predicted value, without telling the expected one."""
    if difference.kind == "custom":
        return Slip(f"another_{difference.kind}", f"{difference.message[0].upper()}{difference.message[1:]}.")
    if isinstance(expected, bool | np.bool_):
        if isinstance(got, bool | np.bool_):
            return Slip("another_choice", f"It is not {got}. Think again about the task: {exercise.task}")
        return Slip("another_type", f"Answer with True or False (no quotes); {type_text(got)} came.")
    if isinstance(expected, str) and isinstance(got, str):
        return _text_slip(exercise, got, expected)
    if difference.kind != "value":
        if not isinstance(expected, dict | list | tuple | np.ndarray) and isinstance(got, list | tuple | np.ndarray):
            return Slip("another_type", f"One number is expected, and {type_text(got)} came.")
        tip = " Give the number without quotes." if isinstance(got, str) else ""
        return Slip("another_type", f"{difference.message[0].upper()}{difference.message[1:]}.{tip}")
    if np.ndim(expected) == 0 and isinstance(expected, int | float | np.number) and not isinstance(got, complex):
        return _number_slip(exercise, float(np.asarray(got).item()), float(expected))
    return _list_slip(exercise, got, expected)


def _text_slip(exercise: Exercise, got: str, expected: str) -> Slip:
    choices = sorted({expected, *(m.wrong for m in exercise.mistakes if isinstance(m.wrong, str))}, key=normalised)
    if len(choices) > 1 and normalised(got) not in map(normalised, choices):
        return Slip("no_choice", f"{short(got)} is none of the choices: {', '.join(map(repr, choices))}.")
    return Slip("another_choice", f"It is not {short(got)}. Think again about the task: {exercise.task}")


def _number_slip(exercise: Exercise, got: float, expected: float) -> Slip:
    if not np.isfinite(got):
        return Slip("not_finite", f"Your answer is {short(got)}; a finite number is expected.")
    if compare(-got, expected, rtol=exercise.rtol, atol=exercise.atol) is None:
        return Slip("opposite_sign", "Your answer has the opposite sign.")
    for factor in (100.0, 0.01):
        if ASKS_FOR_A_SHARE.search(exercise.task) and np.isclose(got, expected * factor, rtol=1e-6, atol=0.0):
            size = "large" if factor > 1 else "small"
            return Slip("percent", f"Your answer is 100 times too {size}: percent, or a fraction of 1?")
    side = "large" if got > expected else "small"
    if np.isclose(got, expected, rtol=0.05, atol=0.0):
        # A count is not rounded: something small is left out or counted twice.
        text = "which things are counted, and how often?" if expected.is_integer() else "give it more exactly."
        return Slip("not_exact", f"{short(got)} is close, within 5 %, but too {side}: {text}")
    return Slip(f"too_{side}", f"{short(got)} is too {side}.")


def _list_slip(exercise: Exercise, got: Any, expected: Any) -> Slip:
    if not isinstance(expected, dict | list | tuple | np.ndarray):
        return Slip("another_choice", f"It is not {short(got)}. Think again about the task: {exercise.task}")
    keys = list(expected) if isinstance(expected, dict) else list(range(len(expected)))
    rtol, atol = exercise.rtol, exercise.atol
    wrong = [key for key in keys if compare(got[key], expected[key], rtol=rtol, atol=atol)]
    text = f"{len(keys) - len(wrong)} of {len(keys)} entries are right; first look at [{wrong[0]!r}]."
    return Slip("some_entries", text)
