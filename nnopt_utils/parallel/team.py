"""A team of processes that share memory: started with spawn, watched, and always ended.

What every parallel method needs of the operating system is here, and nothing of training.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import shutil
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import connection
from typing import Any, NamedTuple, Self, cast

import cloudpickle
import numpy as np
from threadpoolctl import threadpool_limits

from nnopt_utils._interrupts import deferred_interrupt

GRACE = 10.0  # seconds that workers have to end by themselves, before they are ended
PATIENCE = 60.0  # seconds that the others have for their step under way, when one was killed
POLL = 0.1  # seconds between two looks at the workers
SPINS = 1000  # times that a worker looks for a message before it goes to sleep: waking takes longer than most waits
HEADER = 64  # bytes before a message: how many numbers, and of which type


class WorkerError(RuntimeError):
    """A worker of a parallel training was killed, or raised an error; all workers have ended.

    Attributes:
        rank: which worker, 0 … P − 1.
        history: the training up to there (``None`` before there is any); the network has its parameters.

    Example:
        >>> error = WorkerError("worker 1 of 2 was killed by signal 9", rank=1)
        >>> error.rank, error.history
        (1, None)
    """

    def __init__(self, message: str, rank: int) -> None:
        super().__init__(message)
        self.rank = rank
        self.history: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.rank), {"history": self.history}


class Stopped(Exception):
    """Raised in a worker that waits for another when the parent has asked all to stop."""


class Block(NamedTuple):
    """Memory that all processes share, seen as an array."""

    memory: Any  # of multiprocessing: anonymous, so nothing of it can be left behind
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def view(self) -> np.ndarray:
        return np.frombuffer(self.memory, self.dtype, count=int(np.prod(self.shape))).reshape(self.shape)


# -- waiting for each other ------------------------------------------------------------------------------------------


class Bell:
    """A semaphore that a process waits at, and wakes from with :class:`Stopped` when the team is asked to stop.

    What a process wrote before it rang, another sees after it has waited: semaphores order the memory.
    """

    spins = SPINS

    def __init__(self, context: Any, stop: Any, value: int = 0) -> None:
        self._semaphore, self._stop = context.Semaphore(value), stop

    def wait(self) -> None:
        """Take one, and sleep until there is one."""
        acquire = self._semaphore.acquire
        for _ in range(self.spins):
            if acquire(False):
                break
        else:
            acquire()
        if self._stop[0]:
            self.ring()  # the parent rings each bell once: wake the next who waits here
            raise Stopped

    def ring(self) -> None:
        """Give one."""
        self._semaphore.release()

    def close(self) -> None:
        """Let go of the semaphore: its name goes with it."""
        self._semaphore = None


class Lock(Bell):
    """One process at a time: ``with lock:``."""

    def __init__(self, context: Any, stop: Any) -> None:
        super().__init__(context, stop, value=1)

    def __enter__(self) -> None:
        self.wait()

    def __exit__(self, *error: object) -> None:
        self.ring()


class Mailbox:
    """Room for one vector on its way from one worker to another."""

    def __init__(self, context: Any, stop: Any, n_bytes: int) -> None:
        self._memory = context.RawArray("b", HEADER + n_bytes)
        self._rooms: dict[int, np.ndarray] = {}
        self.full, self.empty = Bell(context, stop), Bell(context, stop, value=1)

    def put(self, values: np.ndarray) -> int:
        """Lay a vector in, as soon as the last one was taken; return its bytes."""
        kind = ord(values.dtype.char)
        room, header = self._room(kind), self._room(ord("q"), start=0)
        self.empty.wait()
        room[: len(values)] = values
        header[0], header[1] = len(values), kind
        self.full.ring()
        return values.nbytes

    def take(self) -> np.ndarray:
        """Take the vector out, as soon as there is one."""
        header = self._room(ord("q"), start=0)
        self.full.wait()
        values = self._room(int(header[1]))[: header[0]].copy()
        self.empty.ring()
        return values

    def _room(self, kind: int, start: int = HEADER) -> np.ndarray:
        """The memory as numbers of a type, given by its letter; made once, since a step asks eight times."""
        key = kind if start else 0
        room = self._rooms.get(key)
        if room is None:
            dtype = np.dtype(chr(kind))
            room = np.frombuffer(self._memory, dtype, (len(self._memory) - start) // dtype.itemsize, start)
            self._rooms[key] = room
        return room

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_rooms": {}}


class ProcessLink:
    """A worker's :class:`~nnopt_utils.parallel.Link` to the others, through a mailbox for every pair."""

    def __init__(self, rank: int, size: int, mailboxes: Mapping[tuple[int, int], Mailbox]) -> None:
        self.rank, self.size, self.bytes_sent = rank, size, 0
        self._mailboxes = mailboxes

    def send(self, to: int, values: np.ndarray) -> None:
        """Send a vector to the worker ``to``."""
        self.bytes_sent += self._mailboxes[self.rank, to].put(values)

    def receive(self, origin: int) -> np.ndarray:
        """Wait for the next vector of the worker ``origin``."""
        return self._mailboxes[origin, self.rank].take()


class Worker(NamedTuple):
    """What a worker's function is given.

    ``settings`` is what the parent gave to all. ``arrays`` are shared, and so is ``progress``, where each worker
    counts, at its rank, what the parent's bar shows. ``generator`` is the worker's own, seeded from the run's seed and
    its rank.
    """

    rank: int
    size: int
    settings: Any
    arrays: dict[str, np.ndarray]
    progress: np.ndarray
    locks: Sequence[Lock]
    link: ProcessLink
    generator: np.random.Generator
    stop: Any

    @property
    def stopping(self) -> bool:
        """Has the parent asked all to stop?"""
        return bool(self.stop[0])

    @contextmanager
    def until_stopped(self) -> Iterator[None]:
        """End the block, and no more, where a wait ends because the parent has asked all to stop."""
        with suppress(Stopped):
            yield


class _Start(NamedTuple):
    """What travels to a worker when it starts; the shared parts can travel then only.

    It is small: a pipe takes 64 kB at once, and with more the parent would wait until the worker reads it.
    """

    rank: int
    size: int
    job: Block
    seed: int
    blocks: dict[str, Block]
    progress: Block
    begun: Block
    locks: Sequence[Lock]
    mailboxes: Mapping[tuple[int, int], Mailbox]
    stop: Any
    pipe: Any


class Team:
    """P processes that run one function each, and end with the ``with`` block, however that ends.

    Args:
        function: of a :class:`Worker`; what it returns is its result. A module's own function, or a class's.
        workers: P.
        settings: any object, copied to every worker (by value, where it was defined in a notebook). What the function
            returns must be of types that can be imported.
        arrays: name → array to be shared (its values are copied in once), or (shape, dtype) for zeros.
        seed: of the workers' generators.
        n_locks: how many locks there shall be.
        link_bytes: largest message between two workers; 0: they send none.

    Its ``arrays`` and ``progress`` are the parent's views of what is shared.
    """

    def __init__(
        self,
        function: Callable[[Worker], Any],
        workers: int,
        settings: Any,
        arrays: Mapping[str, Any],
        *,
        seed: int = 0,
        n_locks: int = 0,
        link_bytes: int = 0,
    ) -> None:
        _check_may_start()
        self.size, self._seed = workers, seed
        self.interrupted = False
        self._context = multiprocessing.get_context("spawn")
        # By reference what can be imported, by value what a notebook defined.
        self._job = self._shared(np.frombuffer(cloudpickle.dumps((function, settings)), np.uint8))
        self._stop = self._context.RawArray("b", 1)
        _check_room(arrays)
        self._blocks = {name: self._shared(value) for name, value in arrays.items()}
        self._progress, self._begun = self._shared(((workers,), np.int64)), self._shared(((workers,), np.int8))
        self._locks = [Lock(self._context, self._stop) for _ in range(n_locks)]
        pairs = [(a, b) for a in range(workers) for b in range(workers) if a != b and link_bytes]
        self._mailboxes = {pair: Mailbox(self._context, self._stop, link_bytes) for pair in pairs}
        self.arrays = {name: block.view() for name, block in self._blocks.items()}
        self.progress = self._progress.view()
        self.processes: list[Any] = []
        self._pipes: list[Any] = []
        self._results: dict[int, Any] = {}
        self._failure: WorkerError | None = None
        self._interrupted: Callable[[], bool] = lambda: False

    def _shared(self, value: Any) -> Block:
        shape, dtype = value if isinstance(value, tuple) else (value.shape, value.dtype)
        n_bytes = max(1, int(np.prod(shape))) * np.dtype(dtype).itemsize
        block = Block(self._context.RawArray("b", n_bytes), tuple(shape), np.dtype(dtype))
        if not isinstance(value, tuple):
            block.view()[...] = value
        return block

    # -- from start to end -------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        for bell in self._bells():
            bell.spins = SPINS if self.size <= usable_cores() else 0  # else it would keep others from working
        try:
            with _interrupts_later(), _interrupts_blocked():
                for rank in range(self.size):
                    self._start(rank)
        except BaseException:
            self._end(0.0)
            raise
        return self

    def __exit__(self, kind: Any, *error: object) -> None:
        self._end(GRACE if kind is None else 0.0)

    def _start(self, rank: int) -> None:
        mine, theirs = self._context.Pipe(duplex=False)
        self._pipes.append(mine)
        own = {pair: mailbox for pair, mailbox in self._mailboxes.items() if rank in pair}
        start = _Start(
            rank, self.size, self._job, self._seed, self._blocks, self._progress, self._begun, self._locks, own,
            self._stop, theirs,
        )  # fmt: skip
        process = self._context.Process(target=_main, args=(start,), daemon=True, name=f"nnopt-worker-{rank}")
        try:
            process.start()
        finally:
            theirs.close()
        self.processes.append(process)

    def stop(self) -> None:
        """Ask all workers to stop, and wake those that wait."""
        if not self._stop[0]:
            self._stop[0] = 1
            for bell in self._bells():
                bell.ring()

    def _bells(self) -> Iterator[Bell]:
        yield from self._locks
        for mailbox in self._mailboxes.values():
            yield mailbox.full
            yield mailbox.empty

    def run(
        self, watch: Callable[[], Any] | None = None, interrupted: Callable[[], bool] | None = None
    ) -> dict[int, Any]:
        """Wait for all workers; return the results of those that have one, by rank.

        An interrupt, or a worker that was killed or raised an error, stops the others after their step under way; see
        ``interrupted`` and ``failure`` afterwards. A second interrupt raises ``KeyboardInterrupt``.

        Args:
            watch: called every tenth of a second, e.g. to draw a bar; it may call ``stop``.
            interrupted: of a ``deferred_interrupt`` around the call; default one of its own.
        """
        if interrupted is None:
            with deferred_interrupt() as own:
                return self.run(watch, own)
        self._interrupted = interrupted
        waiting, deadline = set(range(self.size)), float("inf")
        while waiting and time.monotonic() < deadline:
            self._look(waiting)
            if watch is not None:
                watch()
            if interrupted() or self._failure:
                self.stop()
            if self._failure and deadline == float("inf"):
                deadline = time.monotonic() + PATIENCE
        self.interrupted = interrupted()
        return dict(sorted(self._results.items()))

    @property
    def failure(self) -> WorkerError | None:
        """The first worker's error, if one was killed or raised an error."""
        return self._failure

    def _look(self, waiting: set[int]) -> None:
        """Hear what workers say, and see which have ended."""
        pipes: dict[Any, int] = {self._pipes[rank]: rank for rank in waiting}
        for pipe in connection.wait(list(pipes), timeout=POLL):
            rank = pipes[pipe]
            waiting.discard(rank)
            try:
                kind, said = cast("connection.Connection", pipe).recv()
            except (EOFError, OSError):  # it has ended and said nothing
                self.processes[rank].join(GRACE)
                if self._begun.view()[rank] or not self._interrupted():  # Ctrl-C can end what has not yet begun
                    self._fail(rank, self._how_it_ended(rank))
                continue
            if kind == "result":
                self._results[rank] = pickle.loads(said)
            else:
                self._fail(rank, f"raised an error:\n{said}")

    def _fail(self, rank: int, what: str) -> None:
        if self._failure is None:
            who = f"worker {rank} of {self.size} (process {self.processes[rank].pid})"
            self._failure = WorkerError(f"{who} {what}", rank)

    def _how_it_ended(self, rank: int) -> str:
        code = self.processes[rank].exitcode
        if code is not None and code < 0:
            names = {number.value: number.name for number in signal.Signals}
            return f"was killed by signal {-code} ({names.get(-code, 'unknown')})"
        hint = "" if self._begun.view()[rank] else f"; it had not begun: {MAIN_HINT}"
        return f"ended with exit code {code}, without a result{hint}"

    def _end(self, patience: float) -> None:
        """Leave nothing behind: ask, wait, end by force."""
        with _interrupts_later():
            self.stop()
            deadline = time.monotonic() + patience
            for process in self.processes:
                process.join(max(0.0, deadline - time.monotonic()))
                if process.is_alive():
                    process.kill()
                process.join()
                process.close()
            for pipe in self._pipes:
                pipe.close()
            for bell in self._bells():
                bell.close()
            self.processes, self._pipes = [], []


MAIN_HINT = (
    "a process that starts imports the script first, so in a script what starts workers stands below "
    "if __name__ == '__main__':"
)


def _check_room(arrays: Mapping[str, Any]) -> None:
    """Refuse what does not fit: writing to shared memory that is not there ends a process without a word."""
    sizes = {name: _bytes_of(value) for name, value in arrays.items()}
    places = [tempfile.gettempdir(), *filter(os.path.isdir, ["/dev/shm"])]
    free = max(shutil.disk_usage(place).free for place in places)
    if sum(sizes.values()) > free:
        largest = max(sizes, key=lambda name: sizes[name])
        raise MemoryError(
            f"shared memory: got {sum(sizes.values()) / 1e9:.3g} GB to share, most of it {largest!r}; expected at most "
            f"the {free / 1e9:.3g} GB that are free (fewer epochs in a call, or fewer data)"
        )


def _bytes_of(value: Any) -> int:
    shape, dtype = value if isinstance(value, tuple) else (value.shape, value.dtype)
    return math.prod(shape) * np.dtype(dtype).itemsize


def _check_may_start() -> None:
    """Refuse a start from a process that is still importing the script: it would start processes without end."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RuntimeError(f"workers: got a call from a process that is only starting; {MAIN_HINT}")


def usable_cores() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Let Ctrl-C wait in this thread and in what it starts: there it is the parent's alone. Windows cannot.

    Another thread may hear of it all the same: so this does not keep the start whole, ``_interrupts_later`` does.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Let an interrupt act after the block, as it would have without it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: received.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if received:
            signal.raise_signal(signal.SIGINT)


# -- in the worker's process -----------------------------------------------------------------------------------------


def _main(start: _Start) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    said: tuple[str, Any]
    try:
        with threadpool_limits(1):
            function, settings = pickle.loads(start.job.view().tobytes())
            start.begun.view()[start.rank] = 1
            said = ("result", pickle.dumps(function(_worker(start, settings))))
    except Stopped:
        said = ("result", pickle.dumps(None))
    except BaseException:
        said = ("error", traceback.format_exc())
    with suppress(OSError):  # the parent may be gone
        start.pipe.send(said)
    start.pipe.close()


def _worker(start: _Start, settings: Any) -> Worker:
    generator = np.random.default_rng(np.random.SeedSequence(start.seed).spawn(start.size)[start.rank])
    arrays = {name: block.view() for name, block in start.blocks.items()}
    link = ProcessLink(start.rank, start.size, start.mailboxes)
    return Worker(
        start.rank, start.size, settings, arrays, start.progress.view(), start.locks, link, generator, start.stop
    )


def _end_with_parent() -> None:
    """End this process when the parent has ended, however that happened."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
