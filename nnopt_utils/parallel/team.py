"""A team of processes that share memory: started with spawn, watched, and always ended.

What every parallel method needs of the operating system is here, and nothing of training.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
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
POLL = 0.1  # seconds between two looks at the workers
SPINS = 200  # times that a worker looks for a message before it goes to sleep: waking takes longer than most waits


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


class Stopped(Exception):
    """Raised in a worker that waits for another when the parent has asked all to stop."""


class Block(NamedTuple):
    """Memory that all processes share, seen as an array."""

    memory: Any  # of multiprocessing: anonymous, so nothing of it can be left behind
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def view(self) -> np.ndarray:
        return np.frombuffer(self.memory, self.dtype, count=int(np.prod(self.shape))).reshape(self.shape)


class Bell:
    """A semaphore that a process waits at, and wakes from with :class:`Stopped` when the team is asked to stop."""

    def __init__(self, context: Any, stop: Any, value: int = 0) -> None:
        self._semaphore, self._stop = context.Semaphore(value), stop

    def wait(self) -> None:
        """Take one, and sleep until there is one."""
        acquire = self._semaphore.acquire
        for _ in range(SPINS):
            if acquire(False):
                break
        else:
            acquire()
        if self._stop[0]:
            raise Stopped

    def ring(self) -> None:
        """Give one."""
        self._semaphore.release()


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
        self._memory = context.RawArray("b", n_bytes)
        self._length = context.RawArray("q", 1)
        self._dtype = context.RawArray("c", 8)
        self.full, self.empty = Bell(context, stop), Bell(context, stop, value=1)

    def put(self, values: np.ndarray) -> int:
        """Lay a vector in, as soon as the last one was taken; return its bytes."""
        self.empty.wait()
        room = np.frombuffer(self._memory, values.dtype, count=len(values))
        room[:] = values
        self._length[0], self._dtype.value = len(values), values.dtype.str.encode()
        self.full.ring()
        return values.nbytes

    def take(self) -> np.ndarray:
        """Take the vector out, as soon as there is one."""
        self.full.wait()
        values = np.frombuffer(self._memory, self._dtype.value.decode(), count=self._length[0]).copy()
        self.empty.ring()
        return values


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
    """What travels to a worker when it starts; the shared parts can travel then only."""

    rank: int
    size: int
    job: bytes
    seed: int
    blocks: dict[str, Block]
    progress: Block
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
        self.size, self._seed = workers, seed
        self._context = multiprocessing.get_context("spawn")
        self._job = _pickled((function, settings))
        self._stop = self._context.RawArray("b", 1)
        self._blocks = {name: self._shared(value) for name, value in arrays.items()}
        self._progress = self._shared(((workers,), np.int64))
        self._locks = [Lock(self._context, self._stop) for _ in range(n_locks)]
        pairs = [(a, b) for a in range(workers) for b in range(workers) if a != b and link_bytes]
        self._mailboxes = {pair: Mailbox(self._context, self._stop, link_bytes) for pair in pairs}
        self.arrays = {name: block.view() for name, block in self._blocks.items()}
        self.progress = self._progress.view()
        self.processes: list[Any] = []
        self._pipes: list[Any] = []
        self._results: dict[int, Any] = {}
        self._failure: WorkerError | None = None

    def _shared(self, value: Any) -> Block:
        shape, dtype = value if isinstance(value, tuple) else (value.shape, value.dtype)
        n_bytes = max(1, int(np.prod(shape))) * np.dtype(dtype).itemsize
        block = Block(self._context.RawArray("b", n_bytes), tuple(shape), np.dtype(dtype))
        if not isinstance(value, tuple):
            block.view()[...] = value
        return block

    # -- from start to end -------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        try:
            with _interrupts_ignored():  # a child inherits that: Ctrl-C is the parent's alone
                for rank in range(self.size):
                    self._start(rank)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def _start(self, rank: int) -> None:
        mine, theirs = self._context.Pipe(duplex=False)
        self._pipes.append(mine)
        start = _Start(
            rank, self.size, self._job, self._seed, self._blocks, self._progress, self._locks, self._mailboxes,
            self._stop, theirs,
        )  # fmt: skip
        process = self._context.Process(target=_main, args=(start,), daemon=True, name=f"nnopt-worker-{rank}")
        process.start()
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

    def run(self, watch: Callable[[], Any] | None = None) -> dict[int, Any]:
        """Wait for all workers; return the results of those that have one, by rank.

        An interrupt, or a worker that was killed or raised an error, stops the others after their step under way; see
        ``interrupted`` and ``failure`` afterwards.

        Args:
            watch: called every tenth of a second, e.g. to draw a bar.
        """
        with deferred_interrupt() as interrupted:
            waiting, deadline = set(range(self.size)), float("inf")
            while waiting and time.monotonic() < deadline:
                self._look(waiting)
                if watch is not None:
                    watch()
                if (interrupted() or self._failure) and deadline == float("inf"):
                    self.stop()
                    deadline = time.monotonic() + GRACE
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
        hint = ""
        if not self.progress.any():
            hint = "; in a script, what starts workers stands below: if __name__ == '__main__':"
        return f"ended with exit code {code}, without a result{hint}"

    def _end(self) -> None:
        """Leave nothing behind: ask, wait, end by force."""
        self.stop()
        deadline = time.monotonic() + (GRACE if self._failure is None else 1.0)
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
            process.join()
            process.close()
        for pipe in self._pipes:
            pipe.close()
        self.processes, self._pipes = [], []


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _pickled(job: Any) -> bytes:
    """By reference what can be imported, by value what a notebook defined."""
    return cloudpickle.dumps(job)


# -- in the worker's process -----------------------------------------------------------------------------------------


def _main(start: _Start) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    said: tuple[str, Any]
    try:
        with threadpool_limits(1):
            function, settings = pickle.loads(start.job)
            said = ("result", pickle.dumps(function(_worker(start, settings))))
    except BaseException:
        said = ("error", traceback.format_exc())
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
