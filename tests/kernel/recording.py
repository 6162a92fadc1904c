"""A kernel as JupyterLab starts it, with the progress bars on, and the messages that it sends to the page."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from jupyter_client.manager import KernelManager

import nnopt_utils
from tools.execute import KERNEL_ENVIRONMENT, NOT_FOR_KERNELS

CELL_SECONDS = 240.0  # much more than a cell takes: here messages are counted, not seconds
START_SECONDS = 60.0


class Message(NamedTuple):
    """One message: when the kernel sent it (in seconds), its type, and its content."""

    time: float
    kind: str
    content: dict[str, Any]


class Kernel:
    """Runs cells, one after the other."""

    def __init__(self, manager: KernelManager, client: Any) -> None:
        self._client = client
        self.interrupt = manager.interrupt_kernel

    def run(self, code: str, watch: Callable[[Message], object] = lambda message: None) -> list[Message]:
        """Run a cell and return its messages; ``watch`` sees each when it comes.

        Raises:
            TimeoutError: the cell takes too long, or the kernel is silent.
        """
        messages: list[Message] = []
        request = self._client.execute(code)
        deadline = time.monotonic() + CELL_SECONDS
        while True:
            try:
                raw = self._client.get_iopub_msg(timeout=max(deadline - time.monotonic(), 0.0))
            except queue.Empty:
                raise TimeoutError(f"not finished after {CELL_SECONDS:g} s:\n{code}") from None
            message = Message(raw["header"]["date"].timestamp(), raw["msg_type"], raw["content"])
            messages.append(message)
            watch(message)
            answers = raw["parent_header"].get("msg_id") == request
            if answers and message.kind == "status" and message.content["execution_state"] == "idle":
                return messages


@contextmanager
def started_kernel(folder: Path) -> Iterator[Kernel]:
    """A kernel of this Python, in a folder, that imports the package under test."""
    environment = {key: value for key, value in os.environ.items() if key not in NOT_FOR_KERNELS} | KERNEL_ENVIRONMENT
    del environment["TQDM_DISABLE"]
    environment["PYTHONPATH"] = str(Path(nnopt_utils.__file__).parents[1])
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(folder), env=environment)
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=START_SECONDS)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def most_in_a_second(messages: Sequence[Message]) -> int:
    """The largest number of messages that were sent within a second, whenever it begins."""
    times = sorted(message.time for message in messages)
    first = most = 0
    for last, now in enumerate(times):
        while now - times[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def streamed(messages: Sequence[Message], name: str) -> str:
    """What was printed to ``"stdout"`` or ``"stderr"``."""
    return "".join(m.content["text"] for m in messages if m.kind == "stream" and m.content["name"] == name)


def bar_messages(messages: Sequence[Message]) -> list[Message]:
    """Those that show, change or empty a bar."""
    return [m for m in messages if m.content.get("transient", {}).get("display_id", "").startswith("nnopt-bar-")]


def left_over(messages: Sequence[Message]) -> dict[str, dict[str, Any]]:
    """By its id, what each bar's output shows in the end."""
    return {m.content["transient"]["display_id"]: m.content["data"] for m in bar_messages(messages)}
