"""For tests of processes: what is left of them, who dies when, and scripts to run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from nnopt_utils.optimizers import SGD
from nnopt_utils.parallel.team import Team
from nnopt_utils.second_order import KFAC

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has the second only, and ends a process with it
SHARED = Path("/dev/shm")
ROOT = Path(__file__).parents[2]


class Watched:
    """The teams that were started within a test, and the names of their semaphores."""

    def __init__(self) -> None:
        self.teams: list[Team] = []
        self.names: list[str] = []

    def start(self, team: Team) -> None:
        self.teams.append(team)
        names = (bell._semaphore._semlock.name for bell in team._bells())
        self.names += [name.lstrip("/") for name in names if name]  # Windows has no names

    def semaphores(self) -> list[str]:
        return [name for name in self.names if (SHARED / f"sem.{name}").exists()]


@contextmanager
def nothing_left(monkeypatch: Any) -> Iterator[Watched]:
    """Within the block teams are watched; after it neither a process nor a semaphore or a shared file is left."""
    watched, enter = Watched(), Team.__enter__

    def watched_enter(team: Team) -> Team:
        watched.start(team)
        return enter(team)

    monkeypatch.setattr(Team, "__enter__", watched_enter)
    before = children()
    yield watched
    assert watched.teams and not children() - before
    assert not watched.semaphores()
    assert not files()


def children() -> set[int]:
    """Processes of this one, without the two helpers that Python starts and keeps."""
    found = psutil.Process().children(recursive=True)
    return {child.pid for child in found if not helps(child)}


def helps(process: psutil.Process) -> bool:
    try:
        return any("resource_tracker" in word or "forkserver" in word for word in process.cmdline())
    except psutil.NoSuchProcess:
        return True


def files() -> list[str]:
    """Of shared memory, where it can be seen; Python unlinks them at once."""
    return [path.name for path in SHARED.glob(f"pym-{os.getpid()}-*")] if SHARED.exists() else []


def open_files() -> int:
    process = psutil.Process()
    return process.num_fds() if hasattr(process, "num_fds") else process.num_handles()


def when(condition: Callable[[], bool], action: Callable[[], Any]) -> threading.Thread:
    """Do something as soon as something is so, from a thread; fail silently after a minute: the test will tell."""

    def wait() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if condition():
                action()
                return
            time.sleep(0.005)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def die_in_the_fifth_step(optimizer: Any, rank: int) -> None:
    if optimizer.t == 5 and multiprocessing.current_process().name == f"nnopt-worker-{rank}":
        os.kill(os.getpid(), KILL)


class Dying(SGD):
    """Gradient descent; worker 1 is killed in its fifth step."""

    def update(self, theta, gradient, *slots):  # type: ignore[no-untyped-def]
        die_in_the_fifth_step(self, rank=1)
        super().update(theta, gradient, *slots)


class DyingFirst(SGD):
    """The same with worker 0, which judges."""

    def update(self, theta, gradient, *slots):  # type: ignore[no-untyped-def]
        die_in_the_fifth_step(self, rank=0)
        super().update(theta, gradient, *slots)


class DyingKFAC(KFAC):
    """A rule that looks at batches; worker 1 is killed in its fifth step."""

    def update(self, theta, gradient, *slots):  # type: ignore[no-untyped-def]
        die_in_the_fifth_step(self, rank=1)
        super().update(theta, gradient, *slots)


class Slow(SGD):
    """Gradient descent that leaves time to interrupt it."""

    def update(self, theta, gradient, *slots):  # type: ignore[no-untyped-def]
        time.sleep(0.01)
        super().update(theta, gradient, *slots)


class Failing(SGD):
    """Gradient descent with an error in its third step."""

    def update(self, theta, gradient, *slots):  # type: ignore[no-untyped-def]
        if self.t == 3:
            raise KeyError("the third step")
        super().update(theta, gradient, *slots)


def start_script(path: Path, text: str) -> subprocess.Popen[str]:
    """Start a script in a process group of its own, as a terminal does."""
    path.write_text(text, encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        start_new_session=True,
    )
