"""A learner's function that never ends, or takes all memory, gets a sentence."""

from __future__ import annotations

import itertools
import re
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnopt_utils.course import EXERCISES
from nnopt_utils.course.exercises import Exercise, Unusable, first_items, limits
from nnopt_utils.course.exercises.examine import examine
from nnopt_utils.course.exercises.limits import OverLimit, within_limits

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="sleeping functions are ended by an alarm")


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.5)


def double(x: float) -> float:
    return 2 * x


EXERCISE = Exercise(name="99.double", task="Write double(x).", reference=double, cases=lambda: [(1.0,), (2.0,), (3.0,)])


def endless(x: float) -> Any:
    while True:
        pass


def sleeping(x: float) -> Any:
    time.sleep(3600)


def careless(x: float) -> Any:
    while True:
        try:  # noqa: SIM105
            endless(x)
        except Exception:
            pass


def reckless(x: float) -> Any:
    while True:
        try:  # noqa: SIM105
            time.sleep(3600)
        except:  # noqa: E722
            pass


def hoarding(x: float) -> Any:
    kept = []
    while True:
        kept.append(np.ones(100_000))


ENDLESS = [endless, sleeping, careless, reckless]


@pytest.mark.parametrize("answer", ENDLESS)
def test_what_never_ends_gets_a_sentence(answer: Callable[[float], Any]) -> None:
    began = time.monotonic()
    result = examine(EXERCISE, answer)
    assert time.monotonic() - began < 5
    assert result.status == "wrong"
    assert "Your function did not finish within 0.5 seconds: a loop that never ends?" in result.message
    assert "Called with x = 1." in result.message
    assert result.mistake == "slip:not_finished"


def test_the_line_is_named() -> None:
    assert re.search(r"in line [23] of endless:  (while True:|pass)", examine(EXERCISE, endless).message)


def test_only_some_cases_never_end() -> None:
    assert "Called with x = 3." in examine(EXERCISE, lambda x: endless(x) if x == 3 else 2 * x).message


def test_memory_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS", 20.0)
    monkeypatch.setattr(limits, "MEGABYTES", 100)
    message = examine(EXERCISE, hoarding).message
    # On a busy machine the system's limit may come before ours is looked at.
    assert "took more than 100 megabytes of memory" in message or "a list that grows without end" in message
    assert limits.megabytes_used() >= 0


def test_in_another_thread() -> None:
    messages = []
    thread = threading.Thread(target=lambda: messages.append(examine(EXERCISE, endless).message))
    thread.start()
    thread.join(timeout=20)
    assert "did not finish within 0.5 seconds" in messages[0]


def test_right_answers_leave_no_trace() -> None:
    before = signal.getsignal(signal.SIGALRM)
    assert examine(EXERCISE, double)
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_alarm_of_somebody_else_is_left_alone() -> None:
    rung = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(OverLimit):
            within_limits(lambda: endless(1.0), seconds=0.4)
        assert rung
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_an_interrupt_is_the_learners() -> None:
    def interrupted(x: float) -> Any:
        signal.raise_signal(signal.SIGINT)
        endless(x)

    with pytest.raises(KeyboardInterrupt):
        examine(EXERCISE, interrupted)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_debugger_may_wait() -> None:
    namespace: dict[str, Any] = {"__name__": "pdb", "time": time}
    exec("def ask():\n    time.sleep(0.6)\n    return 3", namespace)
    assert within_limits(namespace["ask"], seconds=0.2) == 3


def test_first_items() -> None:
    assert first_items(range(3), 3) == [0, 1, 2]
    with pytest.raises(Unusable, match="more than 3 items"):
        first_items(itertools.count(), 3)


def test_endless_batches_get_a_sentence() -> None:
    def batches(x: Any, y: Any, batch_size: int, generator: Any) -> Any:
        while True:
            yield x[:batch_size], y[:batch_size]

    message = examine(EXERCISES["05.minibatches"], batches).message
    assert "it gave more than 100 items and went on, as an endless loop does." in message


def test_an_empty_batch_is_named() -> None:
    def batches(x: Any, y: Any, batch_size: int, generator: Any) -> Any:
        order = generator.permutation(len(x))
        for k in range(len(x) // batch_size + 1):
            rows = order[k * batch_size : (k + 1) * batch_size]
            yield x[rows], y[rows]

    assert "batch 3 of 4 is empty" in examine(EXERCISES["05.minibatches"], batches).message


def test_what_a_checks_helper_cannot_use_is_the_learners_result() -> None:
    message = examine(EXERCISES["01.initial_weights"], lambda *arguments: np.zeros(7)).message
    assert "your result has the shape (7,); expected (400, 300)" in message
    assert "IndexError" not in message
