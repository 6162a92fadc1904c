"""No check lets a reference with one thing changed through: a sign, a factor, a bound, the order of the results.

What is equal to the reference (on everything that the task speaks of) stands in ``equal_mutants.txt``, with the reason;
what a check does not refuse although it should, in ``surviving_mutants.txt``: that list only shrinks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nnopt_utils.course import EXERCISES
from nnopt_utils.course.exercises import Exercise, limits
from nnopt_utils.course.exercises.calling import Outcome
from nnopt_utils.course.exercises.functions import is_right
from nnopt_utils.course.exercises.variants import variants

HERE = Path(__file__).parent
FUNCTIONS = [name for name, exercise in EXERCISES.items() if exercise.is_function]


def listed(file: str) -> dict[str, str]:
    """Return the reasons by "exercise<tab>mutant"."""
    lines = (HERE / file).read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {"\t".join(row[:2]): row[2] if len(row) > 2 else "" for row in rows}


EQUAL = listed("equal_mutants.txt")
SURVIVING = listed("surviving_mutants.txt")


def passes(exercise: Exercise, answer: Any, expected: list[Outcome]) -> bool:
    try:
        return is_right(exercise, exercise.run(answer), expected)
    except Exception:  # what cannot be compared is refused
        return False


def mutants(name: str) -> dict[str, bool]:
    """Return whether a mutant passes, by its text."""
    exercise = EXERCISES[name]
    expected = exercise.expected()
    return {v.text: passes(exercise, v.function, expected) for v in variants(exercise.reference)}


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.5)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_mutants_are_refused(name: str, record_property: Any) -> None:
    found = mutants(name)
    assert len(found) >= 1, "the reference has no code that can be changed: write it with def"
    passed = {f"{name}\t{text}" for text, is_through in found.items() if is_through}
    record_property("mutants", len(found))
    print(f"{name}: {len(found) - len(passed)} of {len(found)} mutants refused")
    new = sorted(passed - set(EQUAL) - set(SURVIVING))
    assert not new, f"add a case that refuses them, or list them as equal with the reason: {new}"
    gone = sorted(key for key in {**EQUAL, **SURVIVING} if key.startswith(f"{name}\t") and key not in passed)
    assert not gone, f"these are refused now, or there are none such: take them out of the lists: {gone}"


def test_lists_name_exercises_and_reasons() -> None:
    assert {key.partition("\t")[0] for key in {**EQUAL, **SURVIVING}} <= set(FUNCTIONS)
    assert [key for key, reason in EQUAL.items() if len(reason) < 10] == []
    assert not set(EQUAL) & set(SURVIVING)
