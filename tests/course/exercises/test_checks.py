"""The engine of the checks: what it says to every kind of answer."""

from __future__ import annotations

import builtins
import io
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnopt_utils.course import EXERCISES, check
from nnopt_utils.course.comparing import compare, short
from nnopt_utils.course.exercises import Exercise, Mistake
from nnopt_utils.course.exercises.examine import examine
from nnopt_utils.course.exercises.slips import factor_text
from nnopt_utils.course.progress import PROGRESS
from nnopt_utils.course.result import CheckResult

STEP = "04.gradient_descent_step"


@pytest.fixture(autouse=True)
def own_progress(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """No test reads or writes the real progress."""
    path = tmp_path / "progress.tsv"
    monkeypatch.setenv("NNOPT_PROGRESS", str(path))
    monkeypatch.setattr(PROGRESS, "_session", {})
    yield path


def cases() -> list[tuple[Any, ...]]:
    generator = np.random.default_rng(1)
    return [
        (generator.normal(size=(4, 3)), generator.normal(size=4)),
        (generator.normal(size=(5, 2)), generator.normal(size=5)),
    ]


def mean_rows(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(y @ x / len(x))


def function_exercise(**changes: Any) -> Exercise:
    arguments: dict[str, Any] = {
        "name": "99.mean_rows",
        "task": "Write mean_rows(x, y).",
        "reference": mean_rows,
        "cases": cases,
        "mistakes": [Mistake("Weights are missing here, look at y.", lambda x, y: x.mean(axis=0))],
    }
    return Exercise(**{**arguments, **changes})


def said(answer: Any, **changes: Any) -> str:
    result = examine(function_exercise(**changes), answer)
    assert result.status == "wrong"
    assert "cannot be compared" not in result.message
    return result.message


def correct(answer: Any, **changes: Any) -> bool:
    return bool(examine(function_exercise(**changes), answer))


# -- the verdicts ----------------------------------------------------------------------------------------------------


def test_correct() -> None:
    result = examine(function_exercise(explanation="It is a mean."), mean_rows)
    assert result.status == "correct"
    assert result
    assert result.message == "99.mean_rows: correct. It is a mean."


@pytest.mark.parametrize("answer", [None, ..., NotImplementedError()])
def test_nothing_given_is_not_attempted(answer: Any) -> None:
    result = examine(function_exercise(), answer)
    assert result.status == "not attempted"
    assert not result
    assert result.message == "99.mean_rows: not attempted yet.\nWrite mean_rows(x, y)."


def test_a_stub_with_written_lines_is_told_of_the_one_to_delete() -> None:
    def above(x: Any, y: Any) -> Any:
        total = y @ x
        total / len(x)
        raise NotImplementedError

    def below(x: Any, y: Any) -> Any:
        """Not written by the learner."""
        raise NotImplementedError
        return mean_rows(x, y)

    def untouched(x: Any, y: Any) -> Any:
        """Not written by the learner."""
        raise NotImplementedError

    assert "`raise NotImplementedError` is still there, in line 4 of above: delete it" in said(above)
    assert "in line 3 of below" in said(below)
    assert examine(function_exercise(), untouched).status == "not attempted"


def test_stub_is_not_attempted() -> None:
    def stub(x: Any, y: Any) -> None:
        raise NotImplementedError

    assert examine(function_exercise(), stub).status == "not attempted"


def test_known_mistake_gives_its_hint_and_no_other_text() -> None:
    message = said(lambda x, y: np.mean(x, axis=0))
    assert message == "99.mean_rows: not yet. Weights are missing here, look at y."


def test_general_hint_follows_unknown_mistakes_only() -> None:
    assert said(lambda x, y: x[0], hint="Think of y.").endswith("Hint: Think of y.")
    assert "Think of y." not in said(lambda x, y: x.mean(axis=0), hint="Think of y.")


def test_not_a_function() -> None:
    assert "its name without parentheses" in said(3.0)
    assert "the value 3 came" in said(3.0)
    assert "an array of shape (2,) came" in said(np.zeros(2))


def test_wrong_number_of_parameters() -> None:
    message = said(lambda x: x)
    assert "Your function takes (x); it must take 2: (x, y)." in message
    assert "no parameters" in said(lambda: 1)


def test_functions_without_a_signature_are_called() -> None:
    assert correct(np.maximum, reference=lambda x, y: np.maximum(x, y), cases=lambda: [(1.0, 2.0)], mistakes=[])


# -- exceptions ------------------------------------------------------------------------------------------------------


def test_exception_tells_type_text_line_and_arguments() -> None:
    def failing(x: Any, y: Any) -> Any:
        total = 0
        return 1 / total

    message = said(failing, cases=lambda: [(1.0, 2)], reference=lambda x, y: 0.5)
    assert "ZeroDivisionError: division by zero" in message
    assert "in line 3 of failing:  return 1 / total" in message
    assert "Called with x = 1, y = 2." in message


def test_exception_in_a_helper_names_the_helper() -> None:
    def helper() -> Any:
        raise KeyError("w")

    assert "in line 2 of helper" in said(lambda x, y: helper())


def test_exception_of_a_known_mistake_gives_its_hint_too() -> None:
    mistake = Mistake("math works on one number only.", lambda x, y: math.exp(x))
    message = said(lambda x, y: math.exp(x), mistakes=[mistake])
    assert "TypeError" in message
    assert message.endswith("Hint: math works on one number only.")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda x, y: 1 if x > 0 else 0, "np.where"),
        (lambda x, y: math.exp(x), "such as np.exp"),
        (lambda x, y: undefined_name, "Check the spelling"),  # type: ignore[name-defined]  # noqa: F821
        (lambda x, y: sys.exit(), "Do not call exit()"),
        (lambda x, y: None + 1, "Something is None"),
        (lambda x, y: x @ x, "ValueError"),
    ],
)
def test_exceptions_are_explained(answer: Any, expected: str) -> None:
    assert expected in said(answer)


def test_what_would_go_on_in_the_text_after_it_is_left_out() -> None:
    def colourful(x: Any, y: Any) -> Any:
        raise ValueError("\x1b[31mred\u202e back\tfar " + 300 * "w")

    message = said(colourful)
    assert "raised ValueError:  [31mred  back far www" in message and "www...\n" in message
    assert message.replace("\n", "").isprintable()


def test_output_goes_where_it_went_before(capsys: pytest.CaptureFixture[str]) -> None:
    def mute(theta: Any, gradient: Any, learning_rate: Any) -> Any:
        sys.stdout = sys.stderr = None
        return theta - learning_rate * gradient

    before = sys.stdout, sys.stderr
    assert check(STEP, mute, counted=False)
    assert (sys.stdout, sys.stderr) == before
    assert "correct" in capsys.readouterr().out


def test_endless_recursion() -> None:
    def endless(x: Any, y: Any) -> Any:
        return endless(x, y)

    assert "calls itself without end" in said(endless)


def test_exception_without_a_text() -> None:
    class BadError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def failing(x: Any, y: Any) -> Any:
        raise BadError

    assert "raised BadError." in said(failing)


def test_interrupt_passes_through() -> None:
    def interrupted(x: Any, y: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        examine(function_exercise(), interrupted)


def test_forgotten_return() -> None:
    assert "did you forget `return`?" in said(lambda x, y: None)
    assert "a way through it without `return`" in said(lambda x, y: mean_rows(x, y) if len(x) == 4 else None)


def test_broken_reference_is_not_blamed_on_the_learner() -> None:
    def broken(x: Any, y: Any) -> Any:
        raise ValueError

    with pytest.raises(RuntimeError, match="reference itself fails"):
        examine(function_exercise(reference=broken), mean_rows)


def test_result_that_cannot_be_looked_at() -> None:
    class Trap:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError

        __hash__ = None  # type: ignore[assignment]

    result = examine(function_exercise(reference=lambda x, y: {1, 2}, mistakes=[]), lambda x, y: Trap())
    assert result.status == "wrong"
    assert "raised RuntimeError" in result.message


# -- warnings, prints and arguments ----------------------------------------------------------------------------------


def test_numpy_warnings_are_silent_and_nan_is_reported() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        message = said(lambda x, y: np.log(-np.abs(mean_rows(x, y))))
    assert "Your result is NaN (not a number) in 3 of 3 entries, first at index [0]" in message


def test_prints_of_the_learner_pass(capsys: pytest.CaptureFixture[str]) -> None:
    def printing(x: Any, y: Any) -> Any:
        print("here")
        return mean_rows(x, y)

    assert correct(printing)
    assert capsys.readouterr().out == "here\nhere\n"


def test_changed_argument() -> None:
    def changing(x: np.ndarray, y: np.ndarray) -> Any:
        result = mean_rows(x, y)
        y *= 2
        return result

    message = said(changing)
    assert "The result is right, but your function changed its argument `y`" in message


def test_changed_argument_and_known_mistake() -> None:
    def changing(x: np.ndarray, y: np.ndarray) -> Any:
        y *= 2
        return x.mean(axis=0)

    message = said(changing)
    assert "Weights are missing" in message
    assert "Besides, your function changed its argument `y`" in message
    assert message.count("Weights are missing") == 1


def test_a_known_mistake_may_be_the_change_itself() -> None:
    def changing(x: np.ndarray, y: np.ndarray) -> Any:
        y /= len(y)
        return y @ x

    message = said(changing, mistakes=[Mistake("Keep the caller's weights.", changing)])
    assert message == "99.mean_rows: not yet. Keep the caller's weights."


def test_a_spoiled_argument_does_not_spoil_the_next_case() -> None:
    def changing(x: np.ndarray, y: np.ndarray) -> Any:
        x[...] = np.nan
        return np.zeros(x.shape[1])

    assert "changed its argument `x`" in said(changing)
    assert correct(mean_rows)


def test_results_in_one_shared_array_are_kept_apart() -> None:
    buffer = np.zeros(2)

    def reusing(x: np.ndarray) -> np.ndarray:
        buffer[...] = x
        return buffer

    shared = function_exercise(reference=lambda x: x.copy(), cases=lambda: [(np.ones(2),), (np.zeros(2),)], mistakes=[])
    assert examine(shared, reusing)


# -- typical slips ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda x, y: -mean_rows(x, y), "the opposite sign everywhere"),
        (lambda x, y: y @ x, "n times too large, where n is the length of `x`: a sum where the mean is expected"),
        (lambda x, y: y @ x / len(x) ** 2, "n times too small"),
        (lambda x, y: 2 * mean_rows(x, y), "it is 2 times what is expected"),
        (lambda x, y: mean_rows(x, y) / 2, "it is 1/2 times what is expected"),
        (lambda x, y: mean_rows(x, y) + 1, "it is 1 too large"),
        (lambda x, y: mean_rows(x, y) - 1, "it is 1 too small"),
        (lambda x, y: mean_rows(x, y) ** 2, "the square of what is expected"),
        (lambda x, y: mean_rows(x, y)[::-1], "in the opposite order"),
        (lambda x, y: 0 * x[0], "zero everywhere"),
        (lambda x, y: mean_rows(x, y).astype(int), "holds whole numbers"),
        (lambda x, y: mean_rows(x, y).astype(np.float16), "dtype float16"),
        (lambda x, y: mean_rows(x, y) * [[1], [1]], "has shape (2, 2); shape (2,) is expected"),
        (lambda x, y: mean_rows(x, y)[:, None], "the right numbers in shape (3, 1); shape (3,) is expected"),
        (lambda x, y: mean_rows(x, y)[:, None] - mean_rows(x, y), "a table of all pairs"),
        (lambda x, y: "text", "the text 'text'; an array of shape (3,) is expected"),
        (lambda x, y: [x[0], y[:1]], "a list of 2 entries, in which not all have one shape; an array of shape (3,)"),
        (lambda x, y: [*mean_rows(x, y)[:2], "c"], "which holds something that is not a number"),
        (lambda x, y: mean_rows(x, y) > 0, "dtype bool; a real number is expected"),
        (lambda x, y: mean_rows(x, y) + 1j, "dtype complex128; a real number is expected"),
        (lambda x, y: np.array([None] * 3), "holds something that is not a number"),
        (lambda x, y: mean_rows(x, y) / 0, "Your result is infinite"),
        (
            lambda x, y: (mean_rows(x, y), 1),
            "Your function returned a tuple of 2 entries: only the first of them is asked for",
        ),
        (lambda x, y: (yield), "a generator; an array of shape (3,) is expected"),
    ],
)
def test_typical_slips(answer: Callable[..., Any], expected: str) -> None:
    assert expected in said(answer)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda x: (x.T @ x[:, ::-1]).T, "Your result is transposed"),
        (lambda x: (x.T @ x)[0, 0], "has shape (); shape (3, 3) is expected"),
    ],
)
def test_matrix_slips(answer: Any, expected: str) -> None:
    matrix_cases = lambda: [(np.random.default_rng(2).normal(size=(4, 3)),)]  # noqa: E731
    assert expected in said(answer, reference=lambda x: x.T @ x[:, ::-1], cases=matrix_cases, mistakes=[])


def test_one_value_an_entry_instead_of_one_number() -> None:
    vectors = lambda: [(np.array([1.0, 4.0, 7.5]),), (np.array([2.0, -1.0]),)]  # noqa: E731
    assert "one number is expected, their mean" in said(
        lambda x: x**2, reference=lambda x: np.mean(x**2), cases=vectors, mistakes=[]
    )
    assert "one number is expected, their sum" in said(
        lambda x: x**2, reference=lambda x: np.sum(x**2), cases=vectors, mistakes=[]
    )


def test_single_precision_beyond_the_tolerance() -> None:
    def rough(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (mean_rows(x, y) * (1 + 5e-5 * y[:1])).astype(np.float32)

    assert "dtype float32. Calculate in float64" in said(rough)
    assert correct(lambda x, y: mean_rows(x, y).astype(np.float32), rtol=1e-12, atol=0.0)


def test_a_single_number_is_not_called_off_by_a_factor() -> None:
    message = said(lambda x: 3.0, reference=lambda x: 2.0, cases=lambda: [(1.0,)], mistakes=[])
    assert "With x = 1:\n  your result is 3; 2 is expected." in message


def test_first_case_that_differs() -> None:
    def half_right(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return mean_rows(x, y) + (np.array([0.0, 0.25]) if len(x) == 5 else 0.0)

    message = said(half_right)
    assert "It is right in 1 of 2 cases. With x = an array of shape (5, 2), y = [" in message
    assert "wrong in 1 of 2 entries, first at index [1]: -0.4862 where -0.7362 is expected." in message


def test_right_for_numbers_only() -> None:
    def relu(x: Any) -> Any:
        return np.maximum(x, 0.0)

    def scalar_relu(x: Any) -> Any:
        return x if np.all(x > 0) else 0.0 * x

    both = lambda: [(1.0,), (-2.0,), (np.array([1.0, -1.0]),)]  # noqa: E731
    assert "right for single numbers, but not for arrays" in said(scalar_relu, reference=relu, cases=both, mistakes=[])


def test_description_of_a_case() -> None:
    many = lambda: [(np.arange(120.0).reshape(60, 2) ** 2, np.ones(60))]  # noqa: E731
    message = said(lambda x, y: x[0], describe_case=lambda x, y: f"a batch of {len(x)}", cases=many)
    assert "With a batch of 60:" in message


def test_a_small_case_is_shown_in_full() -> None:
    message = said(lambda x: x[0], reference=two, cases=two_cases, mistakes=[], describe_case=lambda x: "a vector")
    assert "a vector" not in message
    message = said(lambda x: (x[0], x[1]), reference=two, cases=two_cases, mistakes=[], describe_case=lambda x: "?")
    assert "With x = [0.3, -4]:" in message


def test_messages_are_the_same_each_time() -> None:
    def wrong(x: np.ndarray, y: np.ndarray) -> Any:
        return mean_rows(x, y) * y[0]

    assert said(wrong) == said(wrong)


# -- nested results --------------------------------------------------------------------------------------------------


def two(x: np.ndarray) -> Any:
    return float(x @ x), 2 * x


def two_cases() -> list[tuple[Any, ...]]:
    return [(np.array([1.0, 2.0, -0.5]),), (np.array([0.3, -4.0]),)]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda x: (float(x @ x), x), "Your result[1] is off by a constant factor: it is 1/2 times"),
        (lambda x: (2 * x, float(x @ x)), "Your results are right, but in the opposite order"),
        (lambda x: float(x @ x), "the value 5.25; 2 results (return a, b, …) expected"),
        (lambda x: (float(x @ x), 2 * x, 0), "has 3 entries; 2 expected"),
        (lambda x: (x @ x + x[0], 2 * x), "With x = [0.3, -4]:\n  your result[0] is 16.39; 16.09 is expected."),
        (lambda x: (None, 2 * x), "Your result[0] is None; a real number is expected"),
    ],
)
def test_tuples(answer: Any, expected: str) -> None:
    assert expected in said(answer, reference=two, cases=two_cases, mistakes=[])


def test_a_list_does_for_a_tuple_and_numpy_numbers_for_numbers() -> None:
    assert correct(lambda x: [x @ x, 2 * x], reference=two, cases=two_cases, mistakes=[])
    assert correct(lambda x: (np.asarray(x @ x), 2 * x), reference=two, cases=two_cases, mistakes=[])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda x: {"value": 1.0}, "lacks 'slope'"),
        (lambda x: {"value": 1.0, "slope": 1, "more": 2}, "has 'more' too many"),
        (lambda x: [1.0], "a list of 1 entry; a dict with keys 'value', 'slope' is expected"),
        (lambda x: {"value": x[0], "slope": 2 * x}, "Your result['slope'] is off by a constant factor"),
    ],
)
def test_dicts(answer: Any, expected: str) -> None:
    def reference(x: np.ndarray) -> Any:
        return {"value": x[0], "slope": x}

    assert expected in said(answer, reference=reference, cases=two_cases, mistakes=[])


def test_text_results_ignore_capitals() -> None:
    assert correct(lambda x: " Diverges", reference=lambda x: "diverges", cases=lambda: [(1.0,)], mistakes=[])


def test_compare() -> None:
    assert compare({"a": [1, 2.0]}, {"a": [1, 2.0 + 1e-12]}) is None
    assert compare(np.array([np.nan]), np.array([np.nan])) is None
    assert compare(True, np.bool_(True)) is None
    difference = compare(1, True)
    assert difference is not None
    assert difference.message == "your result is a real number; True or False is expected"
    assert compare([1, 2], np.array([1.0, 2.0])) is None
    assert compare(500_001, 500_000, rtol=1e-5) is not None, "a count is exact"
    assert compare(500_000.0, 500_000, rtol=1e-5) is None
    assert compare((np.ones(2), 1), (np.ones(2), 1)) is None
    assert compare({1, 2}, {2, 1}) is None


def test_short_texts() -> None:
    assert short(np.array([1.0, -0.0, 1 / 3])) == "[1, 0, 0.3333]"
    assert short(np.zeros((9, 9))) == "an array of shape (9, 9)"
    assert short((1, {"a": True}, None)) == "(1, {'a': True}, None)"
    assert short(len) == "the function len"
    assert short(object()) == "an object"
    assert factor_text(1e-9) == "1e-09"


# -- in place, call, custom compare ----------------------------------------------------------------------------------


def in_place_exercise() -> Exercise:
    def step(theta: np.ndarray, gradient: np.ndarray) -> None:
        theta -= 0.1 * gradient

    def uphill(theta: np.ndarray, gradient: np.ndarray) -> None:
        theta += 0.1 * gradient

    return Exercise(
        name="99.step",
        task="Change theta in place.",
        reference=step,
        cases=lambda: [(np.array([1.0, 2.0]), np.array([0.5, -3.0]))],
        mistakes=[Mistake("You walked uphill.", uphill)],
        in_place=True,
    )


def test_in_place() -> None:
    exercise = in_place_exercise()

    def right(theta: np.ndarray, gradient: np.ndarray) -> Any:
        theta[...] = theta - 0.1 * gradient
        return theta

    def uphill(theta: np.ndarray, gradient: np.ndarray) -> None:
        theta[:] += gradient / 10

    def rebound(theta: np.ndarray, gradient: np.ndarray) -> None:
        theta = theta - 0.1 * gradient

    def returned(theta: np.ndarray, gradient: np.ndarray) -> Any:
        return theta - 0.1 * gradient

    def spoiled(theta: np.ndarray, gradient: np.ndarray) -> None:
        theta -= 0.1 * gradient
        gradient *= 0.5

    assert examine(exercise, right)
    assert "You walked uphill." in examine(exercise, uphill).message
    assert "left `theta` unchanged: `a = a - b` makes a new array" in examine(exercise, rebound).message
    assert "left `theta` unchanged and returned a value" in examine(exercise, returned).message
    assert "Your function changed `gradient`, too: only `theta` is to change." in examine(exercise, spoiled).message


def test_answers_that_need_a_call() -> None:
    class Counter:
        def __init__(self, start: float) -> None:
            self.value = start

        def add(self, x: float) -> None:
            self.value += x

    class Doubler(Counter):
        def add(self, x: float) -> None:
            self.value += 2 * x

    class Stub(Counter):
        def add(self, x: float) -> None:
            raise NotImplementedError

    def use(answer: Any, start: float, x: float) -> float:
        counter = answer(start)
        counter.add(x)
        return float(counter.value)

    exercise = Exercise(
        name="99.counter",
        task="Write a class.",
        reference=Counter,
        call=use,
        cases=lambda: [(1.0, 2.0), (0.0, 5.0)],
        mistakes=[Mistake("You added it twice.", Doubler)],
    )
    assert examine(exercise, Counter)
    assert "You added it twice." in examine(exercise, Doubler).message
    assert examine(exercise, Stub).status == "not attempted"
    assert "AttributeError" in examine(exercise, object).message or "TypeError" in examine(exercise, object).message
    assert "Called with start = 1, x = 2." in examine(exercise, 3).message


def test_custom_comparison() -> None:
    def same_line(got: Any, expected: Any) -> bool | str:
        if np.linalg.norm(got) == 0:
            return "the zero vector has no direction"
        return bool(abs(got @ expected) > 0.999 * np.linalg.norm(got) * np.linalg.norm(expected))

    exercise = function_exercise(
        compare=same_line,
        reference=lambda x: x,
        cases=lambda: [(np.array([1.0, 2.0]),)],
        mistakes=[Mistake("That is the normal, not the direction.", lambda x: x[::-1] * [1, -1])],
    )
    assert examine(exercise, lambda x: -3 * x)
    assert "the zero vector has no direction" in examine(exercise, lambda x: 0 * x).message
    assert "That is the normal" in examine(exercise, lambda x: np.array([-4.0, 2.0])).message
    assert "your result [1, 1] is not what is asked for" in examine(exercise, lambda x: np.ones(2)).message


# -- values ----------------------------------------------------------------------------------------------------------


def value_exercise(reference: Any, *mistakes: Mistake, **changes: Any) -> Exercise:
    return Exercise(name="99.value", task="Predict it.", reference=reference, mistakes=list(mistakes), **changes)


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        (0.2, 0.2),
        (0.2, np.float32(0.2) * 1.0000001),
        (12, 12.0),
        ("Momentum", "momentum "),
        (True, np.True_),
        ([1, 2, 3], (1, 2, 3)),
        ([1, 2, 3], np.array([1, 2, 3])),
        (np.array([1.0, 2.0]), [1, 2]),
        (["a", "b"], ["A", "b"]),
        (lambda: 0.5, 0.5),
        (0.2, [0.2]),
        (0.2, np.array(0.2)),
        (0.2, Fraction(1, 5)),
        (0.2, Decimal("0.2")),
        ([1, 2, 3], range(1, 4)),
    ],
)
def test_right_values(reference: Any, answer: Any) -> None:
    assert examine(value_exercise(reference), answer)


@pytest.mark.parametrize(
    ("reference", "answer", "expected"),
    [
        (0.2, 0.5, "0.5 is too large."),
        (0.2, -0.9, "-0.9 is too small."),
        (0.2, -0.2, "the opposite sign"),
        (0.2, 20.0, "20 is too large."),
        (1202, 1201, "too small: which things are counted, and how often?"),
        (0.2, 0.205, "close, within 5 %, but too large"),
        (0.2, float("nan"), "Your answer is nan; a finite number is expected"),
        (0.2, "0.2", "Give the number without quotes."),
        (0.2, [0.2, 0.2], "One number is expected, and a list of 2 entries came."),
        (0.2, abs, "call the function, with parentheses"),
        (0.2, True, "Your answer is True or False; a real number is expected"),
        (0.2, 0.2 + 1j, "a complex number; a real number is expected"),
        (True, False, "It is not False."),
        (True, "yes", "Answer with True or False"),
        (True, 1, "Answer with True or False"),
        ("momentum", "adam", "It is not 'adam'. Think again about the task: Predict it."),
        ("momentum", 3, "a text (in quotes) is expected"),
        ([1, 2, 3], [1, 2, 4], "2 of 3 entries are right; first look at [2]."),
        ([1, 2, 3], [1, 2], "has 2 entries; 3 expected"),
        (np.array([1.0, 2.0]), [1.0, 3.0], "1 of 2 entries are right"),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, "1 of 2 entries are right; first look at ['b']."),
        ({1, 2}, {1}, "It is not a set."),
    ],
)
def test_wrong_values(reference: Any, answer: Any, expected: str) -> None:
    result = examine(value_exercise(reference), answer)
    assert result.status == "wrong"
    assert expected in result.message


def test_known_wrong_values() -> None:
    exercise = value_exercise(
        0.2,
        Mistake("Differentiate twice, please.", 0.4),
        Mistake("Far too small for this.", lambda answer: answer < 0.05, example=0.01),
    )
    assert "Differentiate twice" in examine(exercise, 0.4).message
    assert "Far too small" in examine(exercise, 0.001).message
    assert examine(exercise, "text").status == "wrong"  # the predicate fails on it


def test_choices_are_listed() -> None:
    exercise = value_exercise(
        "slower", Mistake("No, noise slows the end.", "faster"), Mistake("Not the same.", "equal")
    )
    assert "none of the choices: 'equal', 'faster', 'slower'" in examine(exercise, "slow").message
    assert "noise slows" in examine(exercise, "FASTER").message


def test_value_not_attempted() -> None:
    for answer in (None, ..., NotImplemented):
        assert examine(value_exercise(3), answer).status == "not attempted"


def test_value_with_a_call() -> None:
    exercise = value_exercise(lambda: {"size": 3}, call=lambda answer: answer["size"])
    assert examine(exercise, {"size": 3, "more": 1})
    assert "Your answer cannot be used" in examine(exercise, 3).message


# -- faults of an author ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "mean"},
        {"name": "9.mean"},
        {"name": "09.Mean"},
        {"task": " "},
        {"reference": None},
        {"mistakes": [Mistake("Not a function.", 3)]},
        {"cases": None, "mistakes": [Mistake("A predicate alone.", abs)]},
        {"cases": None, "in_place": True, "mistakes": []},
    ],
)
def test_faulty_exercises_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        function_exercise(**changes)


def test_a_mistake_has_a_key_of_its_own() -> None:
    assert Mistake("You went uphill, I'd say!", 3).key == "you-went-uphill-i-d-say"
    assert Mistake("You went up.", 3, key="uphill").key == "uphill"
    for key in ("up hill", "up\thill", "up:hill"):
        with pytest.raises(ValueError, match="key: got"):
            Mistake("You went uphill.", 3, key=key)
    with pytest.raises(ValueError, match="expected each once"):
        value_exercise(0.2, Mistake("You went uphill.", 3), Mistake("You went uphill!", 4))


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (lambda x, y: -mean_rows(x, y), "opposite_sign"),
        (lambda x, y: mean_rows(x, y) * 3, "constant_factor"),
        (lambda x, y: None, "nothing_returned"),
        (lambda x, y: mean_rows(x, y)[:, None], "other_shape"),
        (lambda x, y: np.ones(7), "another_shape"),
        (lambda x, y: x[0] ** 3, "another_value"),
        (lambda x: x, "cannot_be_called"),
        (lambda x, y: x.undefined, "raised_AttributeError"),
        (lambda x, y: "text", "another_type"),
        (3, "cannot_be_called"),
    ],
)
def test_what_the_engine_finds_has_a_name(answer: Any, key: str) -> None:
    assert examine(function_exercise(mistakes=[]), answer).mistake == f"slip:{key}"


@pytest.mark.parametrize(
    ("answer", "key"),
    [(-0.2, "opposite_sign"), (20.0, "too_large"), (0.205, "not_exact"), (9, "too_large"), (abs, "not_called")],
)
def test_what_is_off_about_a_value_has_a_name(answer: Any, key: str) -> None:
    assert examine(value_exercise(0.2), answer).mistake == f"slip:{key}"


def test_right_and_not_attempted_have_no_mistake() -> None:
    assert [examine(value_exercise(0.2), answer).mistake for answer in (0.2, None)] == ["", ""]


def test_empty_hint_is_refused() -> None:
    with pytest.raises(ValueError, match="hint"):
        Mistake("", 3)


# -- check and its file ----------------------------------------------------------------------------------------------


def right_step(theta: Any, gradient: Any, learning_rate: Any) -> Any:
    return theta - learning_rate * gradient


def uphill_step(theta: Any, gradient: Any, learning_rate: Any) -> Any:
    return theta + learning_rate * gradient


def test_check_prints_once_and_returns_a_quiet_result(capsys: pytest.CaptureFixture[str]) -> None:
    result = check(STEP, right_step)
    assert capsys.readouterr().out.count(f"✓ {STEP}: correct.") == 1
    assert isinstance(result, CheckResult)
    result._ipython_display_()
    assert capsys.readouterr().out == ""
    assert repr(result) == f"CheckResult('{STEP}', 'correct')"


def test_long_lines_are_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    check(STEP)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100


def test_unknown_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert not check("04.gradient_step", right_step)
    assert f"Did you mean '{STEP}'" in capsys.readouterr().out
    check("03.gradient_descent_step", right_step)
    assert f"Did you mean '{STEP}'" in capsys.readouterr().out
    for name in ("", "zzz", "...", "77.x", "04", "04."):
        check(name, right_step)
        assert f"No exercise is called {name!r}." in capsys.readouterr().out
    check("<b>x\n" * 100, right_step)
    assert len(capsys.readouterr().out) < 200
    for other in (right_step, None, 3, ["04"]):
        check(other, STEP)  # type: ignore[arg-type]
        assert "The name of the exercise comes first, in quotes" in capsys.readouterr().out


def test_terminal_without_greek(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    check("θ", 3)
    assert b"No exercise is called '?'" in raw.getvalue()


def test_progress(own_progress: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(STEP)
    assert not own_progress.exists()
    check(STEP, right_step, solution=True)
    check(STEP, uphill_step, solution=True)
    check(STEP, uphill_step, counted=False)
    assert not own_progress.exists()
    check(STEP, uphill_step)
    check(STEP, uphill_step)
    check(STEP, lambda a, b, c: -c * b)
    check(STEP, lambda a, b, c: 1 / 0)
    check(STEP, uphill_step)
    check(STEP, right_step)
    check(STEP, lambda a, b, c: a)
    lines = own_progress.read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[1:] for line in lines] == [
        [STEP, "tried", "mistake:you-went-uphill-the-gradient-points-to"],
        [STEP, "tried", "mistake:you-returned-the-step-not-the-point"],
        [STEP, "tried", "slip:raised_ZeroDivisionError"],
        [STEP, "tried", "mistake:you-went-uphill-the-gradient-points-to"],
        [STEP, "solved"],
    ]
    assert all(len(line.split("\t")[0]) == len("2026-01-31 12:00:00") for line in lines)
    capsys.readouterr()
    check.summary()
    out = capsys.readouterr().out
    assert "Chapter 04" in out
    assert "solved     gradient_descent_step" in out
    met = [
        line.partition("gradient_descent_step: ")[2] for line in out.splitlines() if line.startswith("    mistake  ")
    ]
    assert met == [
        '"You went uphill: the gradient points to where J …" ×2',
        '"You returned the step, not the point it leads …" ×1',
        "raised ZeroDivisionError ×1",
    ]
    assert f"In all: 1 of {len(EXERCISES)} exercises solved" in out


def test_task_and_list(capsys: pytest.CaptureFixture[str]) -> None:
    check.task(STEP)
    assert EXERCISES[STEP].task[:50] in capsys.readouterr().out
    check.task("nothing")
    assert "No exercise is called" in capsys.readouterr().out
    check.list(4)
    assert STEP in capsys.readouterr().out
    check.list("98")
    assert "There are no exercises in chapter 98" in capsys.readouterr().out
    check.list()
    assert STEP in capsys.readouterr().out
    assert "check.summary()" in repr(check)


def test_every_kind_of_object_survives() -> None:
    """No object that a learner may hand in, nor one that their function may return, stops a check."""
    handed = [vars(builtins)[name] for name in sorted(vars(builtins)) if name not in ("input", "breakpoint", "help")]
    handed += [np.zeros(0), np.array(["a"]), np.array([None]), {}, {1: 2}, b"bytes", range(3), iter([1]), sys, math.inf]
    exercises = [function_exercise(), in_place_exercise(), value_exercise(0.5), value_exercise("text")]
    exercises += [
        value_exercise([1, 2]),
        value_exercise({"a": 1}),
        function_exercise(reference=two, cases=two_cases, mistakes=[]),
    ]
    for exercise in exercises:
        for thing in handed:
            if not callable(thing):  # calling exit() or print() is the learner's business, returning them is ours
                assert examine(exercise, thing).status != "correct"
            if exercise.is_function:
                assert examine(exercise, lambda *arguments, thing=thing: thing).status != "correct"
