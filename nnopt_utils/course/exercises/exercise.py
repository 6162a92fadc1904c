"""An exercise and its known mistakes."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from nnopt_utils.course.comparing import Difference, comparable, compare, short
from nnopt_utils.course.exercises import limits
from nnopt_utils.course.exercises.calling import Outcome, call_safely, parameter_names, recording, str_of
from nnopt_utils.course.exercises.slips import Slip
from nnopt_utils.course.result import Status

KEY_WORDS = 7  # of a hint: enough to be read, and to tell the mistakes of an exercise apart


class Verdict(NamedTuple):
    """What was found out about an answer: the result without the exercise's name."""

    status: Status
    text: str
    mistake: str = ""


@dataclass(frozen=True)
class Mistake:
    """A known mistake.

    Args:
        hint: what the learner is told.
        wrong: a small wrong implementation; for an exercise to predict, a wrong value or a predicate of the answer.
        example: a wrong value the predicate is true of (needed with a predicate, and for nothing else).
        key: what progress calls it; by default the first words of the hint. Give the old one when you edit these words.

    Example:
        >>> Mistake("The sign is wrong: θ − η g goes downhill.", lambda theta, gradient: theta + 0.1 * gradient).hint
        'The sign is wrong: θ − η g goes downhill.'
    """

    hint: str
    wrong: Any
    example: Any = None
    key: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.hint, str) or not self.hint.strip():
            raise ValueError(f"hint: got {self.hint!r}; expected a sentence")
        object.__setattr__(self, "key", self.key or key_of(self.hint))
        if not re.fullmatch(r"[\w-]+", self.key):
            raise ValueError(f"key: got {self.key!r}; expected words with hyphens between them")


def key_of(hint: str) -> str:
    """Return what progress calls a mistake with this hint.

    >>> key_of("You went up the hill: the gradient points to where the loss grows fastest.")
    'you-went-up-the-hill-the-gradient'
    """
    return "-".join(re.findall(r"\w+", hint.casefold())[:KEY_WORDS])


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """An exercise: with ``cases`` the answer is a function, without them a value.

    Args:
        name: ``NN.snake_case``, with the chapter's number.
        task: one sentence: what to write.
        reference: the right function, or the right value, or a function without parameters that computes it.
        cases: returns the argument tuples to call the function with, new ones at each call.
        mistakes: known wrong answers; the first that fits gives its hint.
        rtol: relative tolerance: numbers agree within ``atol + rtol * abs(expected)``.
        atol: absolute tolerance.
        in_place: the function changes its arguments: compare these after the call.
        compare: ``compare(got, expected)`` returns True, False, or a sentence that says what is off.
        call: ``call(answer, *case)`` uses an answer that is not simply a function or a value.
        describe_case: ``describe_case(*case)`` returns a short text for a case.
        hint: said with every wrong answer that no mistake recognises.
        explanation: said after "correct".

    Example:
        >>> square = Exercise(
        ...     name="00.square",
        ...     task="Write square(x).",
        ...     reference=lambda x: x * x,
        ...     cases=lambda: [(3.0,), (-2.0,)],
        ...     mistakes=[Mistake("That is twice x.", lambda x: 2 * x)],
        ... )
        >>> [outcome.value for outcome in square.expected()], square.parameters(1)
        ([9.0, 4.0], ['x'])
        >>> got, wanted = square.run(lambda x: 2 * x)[0], square.expected()[0]
        >>> square.views(got, wanted), square.difference(wanted, wanted) is None
        ([('your result', 6.0, 9.0)], True)
        >>> square.difference(got, wanted).message
        'your result is 6; 9 is expected'
    """

    name: str
    task: str
    reference: Any
    cases: Callable[[], Sequence[tuple[Any, ...]]] | None = None
    mistakes: Sequence[Mistake] = ()
    rtol: float = 1e-5
    atol: float = 1e-9
    in_place: bool = False
    compare: Callable[[Any, Any], bool | str] | None = None
    call: Callable[..., Any] | None = None
    describe_case: Callable[..., str] | None = None
    hint: str = ""
    explanation: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d\d\.[a-z][a-z0-9_]*", self.name):
            raise ValueError(f"name: got {self.name!r}; expected NN.snake_case, such as '04.gradient_descent_step'")
        if not self.task.strip():
            raise ValueError(f"{self.name}: task: got an empty text; expected one sentence")
        if self.reference is None:
            raise ValueError(f"{self.name}: reference: got None, which a learner gives for 'not attempted'")
        if self.in_place and self.cases is None:
            raise ValueError(f"{self.name}: in_place needs cases: a value has no arguments to change")
        keys = [mistake.key for mistake in self.mistakes]
        if len(set(keys)) < len(keys):
            raise ValueError(f"{self.name}: mistakes: got the keys {keys}; expected each once: give one its own key")
        for mistake in self.mistakes:
            if self.cases is not None and self.call is None and not callable(mistake.wrong):
                raise ValueError(f"{self.name}: wrong: got {mistake.wrong!r}; expected a function")
            if self.cases is None and callable(mistake.wrong) and mistake.example is None:
                raise ValueError(f"{self.name}: a predicate needs an example: {mistake.hint!r}")

    @property
    def is_function(self) -> bool:
        """Whether the answer is called with cases (else it is a value)."""
        return self.cases is not None

    def parameters(self, count: int) -> list[str]:
        """Return names for the arguments of a case."""
        if self.call is not None:
            return parameter_names(self.call, count + 1)[1:]  # the first one is the answer
        return parameter_names(self.reference, count)

    def run(self, answer: Any, seconds: float | None = None) -> list[Outcome]:
        """Use ``answer`` on every case, each time with new arguments; all cases together have so many seconds."""
        if self.cases is None:
            return [call_safely(self.call, (answer,), (answer,), [""]) if self.call else Outcome(answer)]
        outcomes: list[Outcome] = []
        deadline = time.monotonic() + (limits.SECONDS if seconds is None else seconds)
        for case, untouched in zip(self.cases(), self.cases(), strict=True):
            if outcomes and isinstance(outcomes[-1].error, limits.OverLimit):
                outcomes.append(outcomes[-1])  # it would not end here either
                continue
            returned: list[Any] = []
            function = answer if self.call is None else functools.partial(self.call, recording(answer, returned))
            left = max(deadline - time.monotonic(), limits.TICK)
            outcome = call_safely(function, case, untouched, self.parameters(len(case)), left)
            outcomes.append(replace(outcome, returned=tuple(returned)))
        return outcomes

    def expected(self) -> list[Outcome]:
        """Return what the reference does on every case."""
        reference = self.reference
        if self.cases is None and callable(reference) and not isinstance(reference, type):
            reference = reference()
        outcomes = self.run(reference)
        for outcome in outcomes:
            if outcome.error is not None:
                raise RuntimeError(f"{self.name}: the reference itself fails") from outcome.error
        return outcomes

    def views(self, got: Outcome, expected: Outcome) -> list[tuple[str, Any, Any]]:
        """Return what is compared in one case: (label, what came, what was expected)."""
        root = "your result" if self.is_function else "your answer"
        if not self.in_place:
            both = isinstance(got.value, dict) and isinstance(expected.value, dict)
            if self.call is not None and both and got.value.keys() == expected.value.keys():
                # A check's helper made the dicts of what the learner's function returned: it knows of none.
                return [(f'"{key}"', got.value[key], due) for key, due in expected.value.items()]
            return [(root, got.value, expected.value)]
        names = self.parameters(len(expected.after))
        pairs = zip(names, got.after, expected.after, strict=True)
        views = [(f"`{name}` after the call", g, e) for name, g, e in pairs if comparable(e)]
        return views + ([(root, got.value, expected.value)] if expected.value is not None else [])

    def difference(self, got: Outcome, expected: Outcome) -> Difference | None:
        """Return how one outcome differs from another, or None if they agree."""
        if got.error is not None or expected.error is not None:
            same = type(got.error) is type(expected.error)
            same = same and (got.error is None or str_of(got.error) == str_of(expected.error))  # type: ignore[arg-type]
            return None if same else Difference("type", "one raised an exception, the other did not")
        if self.compare is not None:
            verdict = self.compare(*((got.after, expected.after) if self.in_place else (got.value, expected.value)))
            if isinstance(verdict, str):
                return Difference("custom", verdict)
            return None if verdict else Difference("custom", f"your result {short(got.value)} is not what is asked for")
        for label, came, wanted in self.views(got, expected):
            found = compare(came, wanted, rtol=self.rtol, atol=self.atol, label=label)
            if found:
                return found
        return None


def same(exercise: Exercise, got: Outcome, other: Outcome) -> bool:
    """Tell whether an outcome is that of a mistake."""
    if got.error is None and other.error is None:
        if (got.value is None) != (other.value is None):
            return False
        plain = all(
            compare(came, wanted, rtol=exercise.rtol, atol=exercise.atol) is None
            for _, came, wanted in exercise.views(got, other)
        )
        if plain or exercise.compare is None:
            return plain
    try:
        return exercise.difference(got, other) is None
    except Exception:  # a custom comparison need not understand the results of mistakes
        return False


def not_attempted(exercise: Exercise) -> Verdict:
    return Verdict("not attempted", f"not attempted yet.\n{exercise.task}")


def correct(exercise: Exercise) -> Verdict:
    return Verdict("correct", "correct." + (f" {exercise.explanation}" if exercise.explanation else ""))


def not_yet(exercise: Exercise, slip: Slip | None, mistake: Mistake | None = None, besides: str = "") -> Verdict:
    """Put a wrong answer's verdict together.

    Args:
        exercise: what was answered; its own hint helps where no mistake's does.
        slip: what is off; None where the hint of the mistake says it.
        mistake: the known mistake that the answer is.
        besides: what else is off, on a line of its own.
    """
    hint = mistake.hint if mistake else exercise.hint
    text = f"not yet. {slip.text if slip else hint}{besides}"
    key = f"mistake:{mistake.key}" if mistake else f"slip:{slip.key if slip else ''}"
    return Verdict("wrong", text + (f"\nHint: {hint}" if hint and hint not in text else ""), key)
