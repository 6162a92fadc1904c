"""Limits of time and memory for a learner's function: a loop that never ends gets a sentence, not a hung kernel.

The function runs in the caller's thread. Ten times a second somebody looks at the clock: in the main thread of Linux
and macOS the system's alarm, elsewhere (Windows, another thread) a second thread. What is over its limit is ended by an
exception, again and again until it gives way. One thing cannot be ended: a single call that never returns to Python,
such as ``sum(itertools.count())``, or a sleep where there is no alarm.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

SECONDS = 10.0  # for an answer on all cases of an exercise, which take milliseconds
MEGABYTES = 1000  # more than before the call
TICK = 0.1
PATIENCE = 3  # exceptions that a learner's code may swallow before every line of it raises one

# While a learner is asked for something, by input() or in a debugger, the clock may run.
_ASKING = {"bdb", "pdb", "IPython.core.debugger", "ipykernel.kernelbase"}


class OverLimit(BaseException):  # no Exception: `except Exception` in a learner's loop must let it through
    """A learner's function took too long or too much memory; the text says which."""


def within_limits(function: Callable[[], Any], seconds: float | None = None) -> Any:
    """Return what ``function()`` returns, or raise `OverLimit`.

    Args:
        function: what to call.
        seconds: how long it may take; `SECONDS` by default.

    Example:
        >>> within_limits(lambda: sum(range(4)))
        6
        >>> def endless():
        ...     while True:
        ...         pass
        >>> within_limits(endless, seconds=0.2)
        Traceback (most recent call last):
        nnopt_utils.course.exercises.limits.OverLimit: did not finish within 0.2 seconds
    """
    limit = SECONDS if seconds is None else seconds
    watch = (_Alarm if _alarm_is_free() else _Watchdog)(limit)
    try:
        with _limited_address_space():
            watch.start()
            try:
                return function()
            finally:
                watch.stop()
    except OverLimit as error:
        error.args = (watch.problem,)
        raise
    finally:
        watch.stop()  # once more: the alarm may have rung within the first


class _Watch:
    """Knows when a call that begins now is over its limits."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.deadline = time.monotonic() + seconds
        self.memory = megabytes_used()
        self.problem = ""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def is_over(self, frame: FrameType | None) -> bool:
        """Tell whether the call is over a limit, and note which."""
        if not self.problem and megabytes_used() - self.memory > MEGABYTES:
            self.problem = f"took more than {MEGABYTES} megabytes of memory"
        elif not self.problem and time.monotonic() > self.deadline and not _asks(frame):
            self.problem = f"did not finish within {self.seconds:.2g} seconds"
        return bool(self.problem)


class _Alarm(_Watch):
    """Looks at the clock in the main thread, when the system's alarm rings."""

    rung = 0
    stopped = True

    def start(self) -> None:
        self.stopped = False
        self.tracing = sys.gettrace()
        self.handler = signal.signal(signal.SIGALRM, self.ring) or signal.SIG_DFL
        signal.setitimer(signal.ITIMER_REAL, TICK, TICK)

    def stop(self) -> None:
        if self.stopped:
            return
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.handler)
        if self.rung > PATIENCE:
            sys.settrace(self.tracing)
        self.stopped = True

    def ring(self, number: int, frame: FrameType | None) -> None:
        if not self.is_over(frame):
            return
        self.rung += 1
        if self.rung > PATIENCE:
            _raise_at_the_next_line(frame)
        raise OverLimit


class _Watchdog(_Watch):
    """Looks at the clock from a second thread, and raises in the first."""

    def start(self) -> None:
        self.watched = threading.get_ident()
        self.lock = threading.Lock()
        self.over = threading.Event()
        threading.Thread(target=self.look, daemon=True).start()

    def stop(self) -> None:
        with self.lock:
            self.over.set()
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.watched), None)

    def look(self) -> None:
        while not self.over.wait(TICK):
            if not self.is_over(sys._current_frames().get(self.watched)):
                continue
            with self.lock:
                if not self.over.is_set():
                    error = ctypes.py_object(OverLimit)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.watched), error)


def _alarm_is_free() -> bool:
    has_alarm = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    return has_alarm and signal.getitimer(signal.ITIMER_REAL)[0] == 0.0


def _asks(frame: FrameType | None) -> bool:
    """Tell whether a learner is asked for something: their own call, not the cell that it stands in, waits."""
    while frame is not None and frame.f_code is not within_limits.__code__:
        if frame.f_globals.get("__name__") in _ASKING:
            return True
        frame = frame.f_back
    return False


def _raise_at_the_next_line(frame: FrameType | None) -> None:
    """Raise outside a ``try`` whose bare ``except`` swallows what is raised within it."""

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            raise OverLimit
        return trace

    while frame is not None and frame.f_code is not within_limits.__code__:
        frame.f_trace = trace
        frame = frame.f_back
    sys.settrace(trace)


def megabytes_used() -> float:
    """Return the memory that this process has in use, as far as the system tells."""
    return _pages(1)


def _pages(column: int) -> float:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[column]) * os.sysconf("SC_PAGESIZE") / 1e6
    except (OSError, AttributeError):
        return 0.0


@contextmanager
def _limited_address_space() -> Iterator[None]:
    """Let Linux refuse memory to what asks for it without end inside one call, such as list(itertools.count())."""
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    most = int((_pages(0) + 1.5 * MEGABYTES) * 1e6)
    soft = most if before[0] == resource.RLIM_INFINITY else min(most, before[0])
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
