"""Examines an answer that is a function: what it does on the cases, against the reference and the known mistakes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nnopt_utils.course.comparing import Difference, align, compare, is_numeric, short, type_text
from nnopt_utils.course.exercises.calling import (
    Outcome,
    Unusable,
    describe_error,
    learners_line,
    signature_problem,
    str_of,
    unfinished_stub,
)
from nnopt_utils.course.exercises.common import Common, changed_code, named_mistakes
from nnopt_utils.course.exercises.exercise import (
    Exercise,
    Mistake,
    Verdict,
    correct,
    not_attempted,
    not_yet,
    same,
)
from nnopt_utils.course.exercises.limits import OverLimit
from nnopt_utils.course.exercises.slips import Part, Slip, diagnose


def examine_function(exercise: Exercise, answer: Any, expected: list[Outcome]) -> Verdict:
    """Return the verdict on a function, and its message."""
    if answer is None or answer is Ellipsis or isinstance(answer, NotImplementedError):
        return not_attempted(exercise)
    problem = _cannot_be_called(exercise, answer)
    if problem:
        return not_yet(exercise, Slip("cannot_be_called", problem))

    outcomes = exercise.run(answer)
    for outcome in outcomes:
        if isinstance(outcome.error, NotImplementedError):
            left = unfinished_stub(outcome.error)
            return not_yet(exercise, Slip("stub_left", left)) if left else not_attempted(exercise)
    failure = _exception(exercise, outcomes) or _nothing_returned(exercise, outcomes, expected)
    if failure:
        return not_yet(exercise, failure, known_mistake(exercise, outcomes, expected))

    differences = differences_of(exercise, outcomes, expected)
    mutation = _changed_arguments(exercise, outcomes)
    if not any(differences) and not mutation:
        return correct(exercise)
    mistake = known_mistake(exercise, outcomes, expected)
    if mutation and exercise.call is not None and mistake is None:
        # The helper goes on with what was changed: whatever else is off may come from that.
        return not_yet(exercise, Slip("argument_changed", mutation[0].upper() + mutation[1:]))
    if not any(differences):
        changed = Slip("argument_changed", f"The result is right, but {mutation}")
        return not_yet(exercise, None if mistake else changed, mistake)
    besides = f"\nBesides, {mutation}" if mutation else ""
    if mistake:
        return not_yet(exercise, None, mistake, besides)
    slip = _common_mistake(exercise, outcomes, expected, named_mistakes)
    slip = slip or _typical_slip(exercise, outcomes, expected, differences)
    if slip is None or slip.key == "another_type":
        slip = _common_mistake(exercise, outcomes, expected, changed_code) or slip
    slip = slip or _first_case(exercise, outcomes, differences)
    return not_yet(exercise, slip, besides=besides)


def differences_of(exercise: Exercise, outcomes: list[Outcome], expected: list[Outcome]) -> list[Difference | None]:
    """Return how an answer differs from the reference, case by case."""
    return [exercise.difference(got, want) for got, want in zip(outcomes, expected, strict=True)]


def is_right(exercise: Exercise, outcomes: list[Outcome], expected: list[Outcome]) -> bool:
    """Tell whether an answer that did this is right."""
    return not any(differences_of(exercise, outcomes, expected)) and not _changed_arguments(exercise, outcomes)


def _cannot_be_called(exercise: Exercise, answer: Any) -> str | None:
    if exercise.call is not None or exercise.cases is None:
        return None
    if not callable(answer):
        return (
            f"A function is expected, and {type_text(answer)} came. "
            "Hand over the function itself, its name without parentheses: "
            f'check("{exercise.name}", my_function).'
        )
    case = exercise.cases()[0]
    return signature_problem(answer, case, exercise.parameters(len(case)))


def _exception(exercise: Exercise, outcomes: list[Outcome]) -> Slip | None:
    for i, outcome in enumerate(outcomes):
        if outcome.error is not None:
            text = _unusable(exercise, outcome) or describe_error(outcome.error)
            key = {OverLimit: "not_finished", Unusable: "unusable"}.get(type(outcome.error))
            return Slip(
                key or f"raised_{type(outcome.error).__name__}", f"{text}\nCalled with {_case_text(exercise, i)}."
            )
    return None


def _unusable(exercise: Exercise, outcome: Outcome) -> str | None:
    """Say what is wrong with an answer that made the check's own helper fail; None if the learner's code raised."""
    error = outcome.error
    assert error is not None
    if isinstance(error, Unusable):
        return f"Your function's result cannot be used: {str_of(error).rstrip('.?')}."
    if exercise.call is None or isinstance(error, OverLimit) or learners_line(error) is not None:
        return None
    if outcome.returned and outcome.returned[-1] is None:
        return "Your function returned nothing: did you forget `return`? (Printing a value does not return it.)"
    if outcome.returned:
        came = type_text(outcome.returned[-1])
        return f"Your function returned {came}, which does not have the form that the task asks for. {exercise.task}"
    return f"Your answer cannot be used as the task says: {str_of(error) or type(error).__name__}."


def _nothing_returned(exercise: Exercise, outcomes: list[Outcome], expected: list[Outcome]) -> Slip | None:
    missing = [got.value is None and want.value is not None for got, want in zip(outcomes, expected, strict=True)]
    if not any(missing):
        return None
    if all(missing):
        text = "Your function returned nothing: did you forget `return`? (Printing a value does not return it.)"
        return Slip("nothing_returned", text)
    first = _case_text(exercise, missing.index(True))
    text = f"Your function returned nothing for {first}: is there a way through it without `return`?"
    return Slip("nothing_returned_sometimes", text)


def _changed_arguments(exercise: Exercise, outcomes: list[Outcome]) -> str | None:
    changed = [] if exercise.in_place else list(dict.fromkeys(name for outcome in outcomes for name in outcome.changed))
    if not changed:
        return None
    names = " and ".join(f"`{name}`" for name in changed)
    return (
        f"your function changed its argument{'s' if len(changed) > 1 else ''} {names}, which the caller still needs: "
        "work on a new array (`a = a - b`, `a = np.sort(a)`, or a.copy() first), not on the old one (`a -= b`, "
        "`a[...] = b`, `a.sort()`)."
    )


def known_mistake(exercise: Exercise, outcomes: list[Outcome], expected: list[Outcome]) -> Mistake | None:
    """Return the first mistake that does the same in all cases, or None."""
    runs = [(mistake, exercise.run(mistake.wrong)) for mistake in exercise.mistakes]
    changed = any(outcome.changed for outcome in outcomes) and exercise.call is not None
    # First those that also change the same arguments; then, if the result is wrong anyway, those with the same result.
    for mistake, wrong in runs:
        same_changes = all(g.changed == w.changed for g, w in zip(outcomes, wrong, strict=True))
        if same_changes and _all_same(exercise, outcomes, wrong):
            return mistake
    if not changed and not _all_same(exercise, outcomes, expected):
        return next((mistake for mistake, wrong in runs if _all_same(exercise, outcomes, wrong)), None)
    return None


def _common_mistake(
    exercise: Exercise,
    outcomes: list[Outcome],
    expected: list[Outcome],
    mistakes: Callable[[Any], Iterable[Common]],
) -> Slip | None:
    """Return what the answer does if it is one of the mistakes that everybody makes."""
    other_type = any(type(got.value) is not type(want.value) for got, want in zip(outcomes, expected, strict=True))
    if other_type and not all(is_numeric(outcome.value) for outcome in outcomes):
        return None
    deadline = time.monotonic() + 2
    for common in mistakes(exercise.reference):
        if time.monotonic() > deadline:
            return None
        wrong = exercise.run(common.wrong, seconds=0.2)
        if _all_same(exercise, outcomes, wrong) and not _all_same(exercise, wrong, expected):
            return Slip(common.key, common.text)
    return None


def _all_same(exercise: Exercise, outcomes: list[Outcome], others: list[Outcome]) -> bool:
    return all(same(exercise, got, other) for got, other in zip(outcomes, others, strict=True))


def _typical_slip(
    exercise: Exercise, outcomes: list[Outcome], expected: list[Outcome], differences: list[Difference | None]
) -> Slip | None:
    first = next(difference for difference in differences if difference)
    if first.kind == "custom":
        return None
    if exercise.in_place:
        returned_instead = _new_value_returned(exercise, outcomes, expected)
        if returned_instead:
            return Slip("not_changed_in_place", returned_instead)
        spoiled = _too_much_changed(outcomes, expected)
        if spoiled:
            return Slip("too_much_changed", spoiled)
    if _swapped(exercise, outcomes, expected):
        return Slip("results_swapped", "Your results are right, but in the opposite order.")
    part = _part(exercise, outcomes, expected, first.label)
    found = diagnose(part) if part else None
    if found is None and first.kind in ("type", "shape"):
        found = _one_of_several(exercise, outcomes, expected)
    if found is None and first.kind == "type":
        found = Slip("another_type", f"{first.message[0].upper()}{first.message[1:]}.")
    return found


def _new_value_returned(exercise: Exercise, outcomes: list[Outcome], expected: list[Outcome]) -> str | None:
    if any(outcome.changed for outcome in outcomes):
        return None
    names = " and ".join(f"`{name}`" for name in dict.fromkeys(n for outcome in expected for n in outcome.changed))
    in_place = "`a -= b` or `a[...] = b`"
    if any(outcome.value is not None for outcome in outcomes) and all(outcome.value is None for outcome in expected):
        return f"Your function left {names} unchanged and returned a value: change {names} in place ({in_place})."
    return f"Your function left {names} unchanged: `a = a - b` makes a new array; change the old one ({in_place})."


def _too_much_changed(outcomes: list[Outcome], expected: list[Outcome]) -> str | None:
    due = {name for outcome in expected for name in outcome.changed}
    extra = list(dict.fromkeys(name for outcome in outcomes for name in outcome.changed if name not in due))
    if not extra:
        return None
    wanted = " and ".join(f"`{name}`" for name in sorted(due))
    return f"Your function changed {' and '.join(f'`{name}`' for name in extra)}, too: only {wanted} is to change."


def _swapped(exercise: Exercise, outcomes: list[Outcome], expected: list[Outcome]) -> bool:
    def in_opposite_order(got: Any, want: Any) -> bool:
        if not isinstance(got, list | tuple) or not isinstance(want, tuple) or len(got) != len(want) or len(want) < 2:
            return False
        return compare(tuple(reversed(got)), want, rtol=exercise.rtol, atol=exercise.atol) is None

    return all(in_opposite_order(got.value, want.value) for got, want in zip(outcomes, expected, strict=True))


def _one_of_several(exercise: Exercise, outcomes: list[Outcome], expected: list[Outcome]) -> Slip | None:
    """Notice that all layers' results came where the last one's is asked for."""
    for position, name in ((-1, "last"), (0, "first")):
        if all(
            isinstance(got.value, list | tuple)
            and len(got.value) > 1
            and compare(got.value[position], want.value, rtol=exercise.rtol, atol=exercise.atol) is None
            for got, want in zip(outcomes, expected, strict=True)
        ):
            came = type_text(outcomes[0].value)
            return Slip("one_of_several", f"Your function returned {came}: only the {name} of them is asked for.")
    return None


def _part(exercise: Exercise, outcomes: list[Outcome], expected: list[Outcome], label: str) -> Part | None:
    """Collect the part called ``label`` over all cases, if it is numbers in all of them."""
    got, wanted = [], []
    for outcome, want in zip(outcomes, expected, strict=True):
        for root, came, due in exercise.views(outcome, want):
            leaves = align(came, due, root)
            if isinstance(leaves, Difference):
                continue
            for leaf in leaves:
                if leaf.label == label and isinstance(leaf.expected, np.ndarray):
                    got.append(leaf.got)
                    wanted.append(leaf.expected)
    if not got or len(got) != len(outcomes):
        return None
    lengths, name = _lengths(exercise)
    return Part(label, got, wanted, lengths, name, exercise.rtol, exercise.atol)


def _lengths(exercise: Exercise) -> tuple[list[int], str]:
    """Return the length of the first array argument of each case, and its name."""
    assert exercise.cases is not None
    lengths, name = [], ""
    for case in exercise.cases():
        position = next((i for i, item in enumerate(case) if isinstance(item, np.ndarray) and item.ndim), None)
        lengths.append(0 if position is None else len(case[position]))
        if position is not None and not name:
            name = exercise.parameters(len(case))[position]
    return lengths, name


def _first_case(exercise: Exercise, outcomes: list[Outcome], differences: list[Difference | None]) -> Slip:
    wrong = [i for i, difference in enumerate(differences) if difference]
    wrong.sort(key=lambda i: _size(exercise, i))  # a small case is easily done by hand
    difference = differences[wrong[0]]
    assert difference is not None
    key, start = f"another_{difference.kind}", ""
    if len(wrong) < len(outcomes):
        key = "right_in_some_cases"
        start = f"It is right in {len(outcomes) - len(wrong)} of {len(outcomes)} cases. "
    if _right_for_numbers_only(exercise, differences):
        key = "right_for_numbers_only"
        start = "It is right for single numbers, but not for arrays: look for `if`, max() or int(). "
    return Slip(key, f"{start}With {_case_text(exercise, wrong[0])}:\n  {difference.message}.")


def _right_for_numbers_only(exercise: Exercise, differences: list[Difference | None]) -> bool:
    assert exercise.cases is not None
    # A list counts as an array, also one of arrays of several shapes, which np.ndim refuses.
    has_array = [
        any(isinstance(a, list) or (isinstance(a, np.ndarray) and a.ndim > 0) for a in case)
        for case in exercise.cases()
    ]
    wrong = [difference is not None for difference in differences]
    return 0 < sum(has_array) < len(has_array) and has_array == wrong


def _case_text(exercise: Exercise, index: int) -> str:
    assert exercise.cases is not None
    case = exercise.cases()[index]
    if exercise.describe_case is not None and not _shown_in_full(case):
        return exercise.describe_case(*case)
    if not case:
        return "no arguments"
    names = exercise.parameters(len(case))
    return ", ".join(f"{name} = {short(value)}" for name, value in zip(names, case, strict=True))


def _numbers(value: Any) -> float:
    """Count the numbers in an argument; more than any for what cannot be written down, such as a network."""
    if isinstance(value, np.ndarray):
        return value.size
    if isinstance(value, list | tuple):
        return sum(_numbers(item) for item in value)
    return 1 if isinstance(value, int | float | str | np.generic) else 1000


def _size(exercise: Exercise, index: int) -> float:
    assert exercise.cases is not None
    return _numbers(exercise.cases()[index])


def _shown_in_full(case: tuple[Any, ...]) -> bool:
    """Tell whether all numbers of a case may be shown, arrays among them; a case of numbers alone has its text."""
    has_arrays = any(isinstance(item, np.ndarray) for item in case)
    return has_arrays and _numbers(case) <= 30 and all(_numbers(item) <= 8 for item in case)
