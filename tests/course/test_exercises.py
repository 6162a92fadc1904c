"""Every exercise and question of the course: the reference passes, each known mistake gets its own hint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnopt_utils.course
from nnopt_utils.course import EXERCISES, QUESTIONS, check, quiz
from nnopt_utils.course.exercises import Exercise, Mistake
from nnopt_utils.course.exercises.calling import Outcome
from nnopt_utils.course.exercises.examine import examine
from nnopt_utils.course.quizzes import Question

KEYS = Path(__file__).with_name("mistake_keys.txt")
ALL_MISTAKES = [(name, i) for name, exercise in EXERCISES.items() for i in range(len(exercise.mistakes))]


@pytest.fixture(autouse=True)
def no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNOPT_PROGRESS", "off")


@pytest.fixture(params=list(EXERCISES))
def exercise(request: pytest.FixtureRequest) -> Exercise:
    return EXERCISES[request.param]


@pytest.fixture(params=[name for name, exercise in EXERCISES.items() if exercise.is_function])
def function_exercise(request: pytest.FixtureRequest) -> Exercise:
    return EXERCISES[request.param]


@pytest.fixture(params=list(QUESTIONS))
def question(request: pytest.FixtureRequest) -> Question:
    return QUESTIONS[request.param]


def right_answer(exercise: Exercise) -> Any:
    computed = not exercise.is_function and callable(exercise.reference) and not isinstance(exercise.reference, type)
    return exercise.reference() if computed else exercise.reference


def wrong_answer(mistake: Mistake) -> Any:
    return mistake.wrong if mistake.example is None else mistake.example


def arrays(outcome: Outcome) -> list[np.ndarray]:
    return [argument for argument in outcome.after if isinstance(argument, np.ndarray)]


def test_there_are_exercises() -> None:
    assert len(EXERCISES) > 0


def test_reference_passes(exercise: Exercise, capsys: pytest.CaptureFixture[str]) -> None:
    result = check(exercise.name, right_answer(exercise), solution=True)
    assert result, result.message
    assert capsys.readouterr().out.startswith(f"✓ {exercise.name}: the course's own solution: correct.")


def test_nothing_is_not_attempted(exercise: Exercise) -> None:
    result = examine(exercise, None)
    assert result.status == "not attempted"
    assert exercise.task in result.message


def test_a_decimal_comma_is_two_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("00.loss_of_a_guess", 3, 26).status == "wrong"
    said = " ".join(capsys.readouterr().out.split())
    assert said == (
        "✗ 00.loss_of_a_guess: not yet. You gave 2 answers: 3, 26. Give one; a number has no comma: 3.5, 1203."
    )


def test_stub_is_not_attempted(function_exercise: Exercise) -> None:
    exercise = function_exercise

    class Stub:
        def __init__(self, *arguments: object, **named: object) -> None:
            raise NotImplementedError

    def stub(*arguments: object, **named: object) -> None:
        raise NotImplementedError

    # An exercise with `call` may want a class; a function is called with its cases.
    results = [examine(exercise, answer) for answer in ((stub, Stub) if exercise.call else (stub,))]
    assert "not attempted" in [result.status for result in results], results[0].message


@pytest.mark.parametrize(("name", "position"), ALL_MISTAKES)
def test_each_mistake_gets_its_own_hint(name: str, position: int) -> None:
    exercise = EXERCISES[name]
    mistake = exercise.mistakes[position]
    result = examine(exercise, wrong_answer(mistake))
    assert result.status == "wrong", "the mistake passes as correct: the cases do not tell them apart"
    assert mistake.hint in result.message, "another text came out first"
    assert result.mistake == f"mistake:{mistake.key}", "progress would keep another mistake"
    others = [m.hint for m in exercise.mistakes if m is not mistake and m.hint in result.message]
    assert not others, "another mistake's hint is in the message, too"


def test_hints_are_different_sentences(exercise: Exercise) -> None:
    hints = [mistake.hint for mistake in exercise.mistakes]
    assert len(set(hints)) == len(hints)
    assert all(len(hint.split()) >= 4 for hint in hints), "a hint is a sentence"


def test_what_progress_calls_a_mistake_stays() -> None:
    """Counts of what learners met go on only under the same key."""
    recorded = KEYS.read_text(encoding="utf-8").splitlines()
    keys = [f"{name}\t{mistake.key}" for name, exercise in EXERCISES.items() for mistake in exercise.mistakes]
    lost, new = sorted(set(recorded) - set(keys)), sorted(set(keys) - set(recorded))
    assert not lost, f"an edited hint? Then keep its key, Mistake(…, key=…). If it is gone, take out its line: {lost}"
    assert not new, f"add to {KEYS.name}: {new}"


def test_hopeless_answers_get_a_sentence(exercise: Exercise) -> None:
    """Whatever comes, the message says more than "wrong", and nothing escapes."""
    answers: list[Any] = [
        lambda *arguments: object(),
        lambda *arguments: {},
        object(),
        "what?",
        np.full(3, np.nan),
        [],
        {},
    ]
    for answer in answers:
        result = examine(exercise, answer)
        assert result.status == "wrong"
        assert re.fullmatch(r"slip:\w+|mistake:[\w-]+", result.mistake), "whatever is wrong has a name"
        assert len(result.message.removeprefix(f"{exercise.name}: not yet. ")) > 20
        assert " at 0x" not in result.message, "an address differs from run to run"


def test_name_belongs_to_its_module(exercise: Exercise) -> None:
    assert re.fullmatch(r"\d\d\.[a-z][a-z0-9_]*", exercise.name)
    assert exercise.name in EXERCISES.chapter(exercise.name[:2])


def test_cases_are_new_and_the_same_each_time(function_exercise: Exercise) -> None:
    """A learner's function may spoil its arguments; randomness in cases is seeded."""
    assert function_exercise.cases is not None
    first, second = function_exercise.cases(), function_exercise.cases()
    assert len(first) == len(second) >= 1
    for one, other in zip(first, second, strict=True):
        for a, b in zip(one, other, strict=True):
            if isinstance(a, np.ndarray):
                assert not np.shares_memory(a, b), "cases() must build new arrays at each call"
                np.testing.assert_array_equal(a, b)


def test_reference_gives_the_same_each_time(exercise: Exercise) -> None:
    for one, other in zip(exercise.expected(), exercise.expected(), strict=True):
        assert exercise.difference(one, other) is None
        if exercise.is_function and not exercise.in_place:
            assert one.changed == (), "the reference changes its arguments: say in_place=True"


def test_texts_print_everywhere(exercise: Exercise) -> None:
    for text in [exercise.task, exercise.hint, exercise.explanation, *(m.hint for m in exercise.mistakes)]:
        assert "$" not in text and "\\" not in text, "texts are printed plainly: no LaTeX"


# -- questions -------------------------------------------------------------------------------------------------------


def test_number_of_questions() -> None:
    for chapter in QUESTIONS.chapters():
        names = list(QUESTIONS.chapter(chapter))
        assert 3 <= len(names) <= 5, f"chapter {chapter} has {len(names)} questions"
        assert names == [f"{chapter}.{k + 1}" for k in range(len(names))]


def test_every_option_has_its_own_explanation(question: Question, capsys: pytest.CaptureFixture[str]) -> None:
    explanations = [explanation for _, explanation in question.options.values()]
    assert len(set(explanations)) == len(explanations)
    assert len({text for text, _ in question.options.values()}) == len(explanations)
    for letter, (text, explanation) in question.options.items():
        result = quiz(question.name, letter, solution=True)
        assert result.status == ("correct" if letter == question.answer else "wrong")
        assert result.message.startswith(f"{letter}) is correct.") == (letter == question.answer)
        assert explanation in result.message
        assert "$" not in text + explanation + question.text, "texts are printed plainly: no LaTeX"
    assert capsys.readouterr().out


def test_no_length_gives_the_answer_away() -> None:
    """Whoever takes the longest option is always wrong or has chosen between equals; the shortest is no rule either."""
    shortest = 0
    for question in QUESTIONS.values():
        right = len(question.options[question.answer][0])
        wrong = [len(text) for letter, (text, _) in question.options.items() if letter != question.answer]
        assert right <= max(wrong), f"{question.name}: the right option is the longest one"
        assert right >= max(wrong) / 2, f"{question.name}: the right option is far shorter than the longest one"
        shortest += right < min(wrong)
    assert shortest <= len(QUESTIONS) / 2


def test_right_letters_are_spread() -> None:
    for letter in "abc":
        share = sum(question.answer == letter for question in QUESTIONS.values()) / len(QUESTIONS)
        assert 0.25 <= share <= 0.42, f"{letter} is right in {share:.0%} of the questions"


def test_a_task_calls_the_function_by_the_name_that_stands_in_the_chapter(function_exercise: Exercise) -> None:
    chapters = Path(nnopt_utils.course.__file__).parent.glob(f"ch{function_exercise.name[:2]}_*/chapter.md")
    [text] = [chapter.read_text(encoding="utf-8") for chapter in chapters]
    [stub] = re.findall(rf'^check\("{function_exercise.name}", (\w+)\)$', text, flags=re.MULTILINE)
    assert f"Write {stub}(" in function_exercise.task or f"class {stub}:" in text


def test_a_task_to_predict_says_what_to_replace() -> None:
    tasks = {name: exercise.task for name, exercise in EXERCISES.items() if not exercise.is_function}
    assert [name for name, task in tasks.items() if "replace none by" not in task.lower()] == []


def test_no_batch_at_all_is_not_called_a_batch_that_is_no_pair() -> None:
    message = examine(EXERCISES["05.minibatches"], lambda x, y, batch_size, generator: []).message
    assert "it gave no batch at all" in message and "pair" not in message.partition("Hint")[0]
