"""The right numbers are right in any container and width, in every exercise; wrong numbers are wrong in all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnopt_utils.course import EXERCISES
from nnopt_utils.course.exercises.examine import examine

FUNCTIONS = [n for n, exercise in EXERCISES.items() if exercise.is_function and inspect.isfunction(exercise.reference)]
CALLED = {name for name in FUNCTIONS if EXERCISES[name].call is not None}  # what comes is described, not compared


def is_number(value: Any) -> bool:
    return np.ndim(value) == 0 and isinstance(value, int | float | np.number) and not isinstance(value, bool)


def is_real(value: Any) -> bool:
    return isinstance(value, float | np.floating) or (isinstance(value, np.ndarray) and value.dtype.kind == "f")


def deep(change: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(deep(change, item) for item in value)
    return change(value)


def single(value: Any) -> Any:
    """Return arrays of real numbers in single precision."""
    return deep(lambda x: x.astype(np.float32) if isinstance(x, np.ndarray) and is_real(x) else x, value)


RIGHT: dict[str, Callable[[Any], Any]] = {
    "lists": lambda value: deep(lambda x: x.tolist() if isinstance(x, np.ndarray) else x, value),
    "a list for a tuple": lambda value: list(value) if isinstance(value, tuple) else value,
    "a tuple for a list": lambda value: tuple(value) if isinstance(value, list) else value,
    "shape (1,)": lambda value: deep(lambda x: np.array([x]) if is_number(x) else x, value),
    "arrays without a dimension": lambda value: deep(lambda x: np.array(x) if is_number(x) else x, value),
    "float32": lambda value: deep(lambda x: np.asarray(x, dtype=np.float32) if is_real(x) else x, value),
    "real numbers": lambda value: deep(lambda x: float(x) if is_number(x) else x, value),
}


def more(value: Any, last: bool) -> Any:
    """Change the first or the last number by a thousandth."""
    if isinstance(value, list | tuple):
        k = len(value) - 1 if last else 0
        return type(value)(more(item, last) if i == k else item for i, item in enumerate(value))
    changed = np.array(value, dtype=float)
    index = -1 if last else 0
    changed.flat[index] += max(1e-3 * abs(changed.flat[index]), 1e-3)
    return changed


WRONG: dict[str, Callable[[Any], Any]] = {
    "the first number": lambda value: more(value, last=False),
    "the last number": lambda value: more(value, last=True),
    "twice": lambda value: (value, value),
    "a text": str,
}


def answer(name: str, change: Callable[[Any], Any], arguments: Callable[[Any], Any] = lambda x: x) -> Any:
    reference = EXERCISES[name].reference

    def changed(*case: Any) -> Any:
        return change(reference(*map(arguments, case)))

    changed.__signature__ = inspect.signature(reference)  # type: ignore[attr-defined]
    return changed


@pytest.mark.parametrize("way", RIGHT)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_numbers_in_any_container(name: str, way: str) -> None:
    if name in CALLED and way == "shape (1,)":
        pytest.skip("the check's own helper takes the numbers")
    result = examine(EXERCISES[name], answer(name, RIGHT[way]))
    assert result, result.message


@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_numbers_from_single_precision(name: str) -> None:
    result = examine(EXERCISES[name], answer(name, lambda value: value, single))
    assert result, result.message


@pytest.mark.parametrize("way", WRONG)
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in CALLED])
def test_wrong_numbers(name: str, way: str) -> None:
    assert examine(EXERCISES[name], answer(name, WRONG[way])).status == "wrong"
