"""The mistakes that everybody makes are named in every exercise of a kind."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.course import EXERCISES
from nnopt_utils.course.exercises.common import changed_code, named_mistakes
from nnopt_utils.course.exercises.examine import examine

STEPS = [
    name
    for name, exercise in EXERCISES.items()
    if exercise.is_function and exercise.call is None and "gradient" in exercise.parameters(3)
]


@pytest.mark.parametrize("name", STEPS)
def test_every_common_mistake_of_a_step_has_a_name(name: str) -> None:
    """Own mistakes of the exercise come first; whatever the words, no common mistake gets numbers only."""
    exercise = EXERCISES[name]
    for common in named_mistakes(exercise.reference):
        result = examine(exercise, common.wrong)
        if result:  # the same as the reference on all cases, such as ε = 0
            continue
        assert result.mistake.startswith("mistake:") or result.mistake == f"slip:{common.key}", result.message


def _weight_squared(theta, g, m, v, t, rate, b1, b2, e):
    m, v = b1 * m + (1 - b1) * g, b2 * v + ((1 - b2) * g) ** 2
    return theta - rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + e), m, v


@pytest.mark.parametrize(
    ("name", "wrong", "key"),
    [
        ("06.adam_step", _weight_squared, "weight_squared"),
        ("06.algorithm_1_epsilon", lambda e, t, b2: e / (1 - b2**t), "power_left_out"),
    ],
)
def test_one_change_of_the_code_is_named(name: str, wrong: object, key: str) -> None:
    result = examine(EXERCISES[name], wrong)
    assert result.status == "wrong"
    assert result.mistake.startswith("mistake:") or result.mistake == f"slip:{key}", result.message


def test_what_has_no_code_has_no_changes() -> None:
    assert changed_code(np.maximum) == []
