"""What a bar sends to a notebook's page: little, text only, and nothing stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from recording import Kernel, Message, bar_messages, left_over, most_in_a_second, started_kernel, streamed

PREPARED = """
import os, time
import numpy as np
from nnopt_utils.datasets import two_moons
from nnopt_utils.experiments import Space, Task, search
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.training import DivergenceError, fit

x, y = two_moons(40)

def train(epochs, rate=0.1, data=(x, y), **options):
    return fit(MLP([2, 4, 2], seed=0), SGD(rate), data, epochs=epochs, batch_size=len(x), **options)

def slow(step):
    time.sleep(0.02)
"""

# Each takes longer than the half second from which on there is a bar.
LONG = {
    "20,000 epochs of one step": "history = train(20_000)",
    "runs one after the other": "for _ in range(4): history = train(30, callback=slow)",
    "a run that its callback stops": "history = train(20_000, callback=lambda step: slow(step) or step.t == 50)",
    "a run that diverges": """
def diverge(step):
    slow(step)
    if step.t == 50:
        step.network.parameters[:] = np.nan
try:
    history = train(20_000, callback=diverge)
except DivergenceError as error:
    history = error.history
assert history.epoch == 50
""",
    "a run within a run": """
def inner(step):
    train(30, callback=slow)
history = train(2, callback=inner)
""",
    "a search on two processes, whose runs ask for bars": """
def with_bar(network, optimizer, data, **options):
    time.sleep(0.4)
    return fit(network, optimizer, data, callback=slow, **options | {"progress": True})
task = Task([2, 4, 2], (x, y, x, y), epochs=40, batch_size=40, train=with_bar)
results = search(task, {"SGD": Space(SGD, learning_rate=[0.1, 0.2])}, seeds=(0, 1), n_jobs=2)
assert len(results.rows) == 4
""",
}

SILENT = {
    "many short runs": "for _ in range(30): history = train(20)",
    "progress=False": "history = train(40, callback=slow, progress=False)",
    "TQDM_DISABLE": """
os.environ["TQDM_DISABLE"] = "1"
history = train(40, callback=slow)
del os.environ["TQDM_DISABLE"]
""",
}


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with started_kernel(tmp_path_factory.mktemp("notebooks")) as kernel:
        kinds = {message.kind for message in kernel.run(PREPARED)}
        assert kinds == {"status", "execute_input"}
        yield kernel


def assert_little_and_nothing_left(messages: list[Message]) -> None:
    kinds = {message.kind for message in messages} - {"status", "execute_input", "stream"}
    assert kinds == {"display_data", "update_display_data"}, "a bar; no error, no widget, nothing cleared"
    assert streamed(messages, "stderr") == ""
    bars = bar_messages(messages)
    assert {mime for message in bars for mime in message.content["data"]} == {"text/plain"}
    assert most_in_a_second(bars) <= 10
    assert list(left_over(messages).values()) == [{"text/plain": ""}], "one output, empty in the end"


@pytest.mark.parametrize("name", LONG)
def test_a_bar_sends_little_and_leaves_nothing(kernel: Kernel, name: str):
    assert_little_and_nothing_left(kernel.run(LONG[name]))


@pytest.mark.parametrize("name", SILENT)
def test_no_bar_sends_nothing(kernel: Kernel, name: str):
    assert {message.kind for message in kernel.run(SILENT[name])} == {"status", "execute_input"}


def test_an_interrupted_run_leaves_nothing(kernel: Kernel):
    def stop(message: Message) -> None:
        if message.kind == "display_data":
            kernel.interrupt()

    messages = kernel.run("history = train(20_000, callback=slow); print(history.interrupted)", watch=stop)
    assert_little_and_nothing_left(messages)
    assert streamed(messages, "stdout") == "True\n"


def test_what_the_cell_prints_stays(kernel: Kernel):
    messages = kernel.run("print('before'); history = train(40, callback=slow); print('after')")
    assert_little_and_nothing_left(messages)
    assert streamed(messages, "stdout") == "before\nafter\n"


def test_it_says_epoch_loss_and_time_left(kernel: Kernel):
    first = bar_messages(kernel.run("history = train(100, callback=slow)"))[0].content["data"]["text/plain"]
    assert first.startswith("epoch ") and " of 100, loss 0." in first and first.endswith(" left") and "█" in first


def test_each_cell_has_an_output_of_its_own(kernel: Kernel):
    one, other = (left_over(kernel.run("history = train(40, callback=slow)")) for _ in range(2))
    assert len(one) == len(other) == 1 and set(one) != set(other)


def test_messages_are_counted_in_a_sliding_second():
    def at(*times: float) -> list[Message]:
        return [Message(time, "status", {}) for time in times]

    assert most_in_a_second(at()) == 0
    assert most_in_a_second(at(0.9, 1.1, 1.8)) == 3
    assert most_in_a_second(at(0.0, 1.0, 2.0)) == 1


def test_the_kernel_has_the_package_under_test(kernel: Kernel):
    code = "import nnopt_utils; print(nnopt_utils.__file__)"
    import nnopt_utils

    assert Path(streamed(kernel.run(code), "stdout").strip()) == Path(nnopt_utils.__file__)
