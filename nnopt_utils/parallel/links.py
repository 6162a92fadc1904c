"""What a process sees of the others: send an array to one, receive one from another; and a rehearsal within one."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

import numpy as np

from nnopt_utils._validation import check_array, describe

PATIENCE = 30.0  # seconds that a rehearsal waits for a message that does not come
POLL = 0.05  # seconds between two looks whether another has failed


class Link(Protocol):
    """The place of one of P workers among the others: what an all-reduce is written against.

    Attributes:
        rank: the worker's number, 0 … P − 1.
        size: P.

    Example:
        >>> def pass_on(vector, link):
        ...     link.send((link.rank + 1) % link.size, vector)
        ...     vector[:] = link.receive((link.rank - 1) % link.size)
        >>> [result.tolist() for result in rehearse(pass_on, [[1.0], [2.0], [3.0]]).results]
        [[3.0], [1.0], [2.0]]
    """

    rank: int
    size: int

    def send(self, to: int, values: np.ndarray) -> None:
        """Send a vector to the worker ``to``; it may be changed right afterwards. Its bytes are counted."""

    def receive(self, origin: int) -> np.ndarray:
        """Wait for the next vector that the worker ``origin`` sends to this one: an array of one's own."""


class Send(NamedTuple):
    """One message of a rehearsal.

    Attributes:
        step: when, counted from 1: one more than all that its sender had sent or waited for before.
        origin, to: the ranks of sender and receiver.
        values: what travelled, a copy.

    Example:
        >>> Send(1, 0, 1, np.ones(3)).n_bytes
        24
    """

    step: int
    origin: int
    to: int
    values: np.ndarray

    @property
    def n_bytes(self) -> int:
        """Size of the message's values in bytes."""
        return self.values.nbytes


class Rehearsal(NamedTuple):
    """What :func:`rehearse` returns.

    Attributes:
        results: each worker's vector afterwards.
        sends: all messages, by step, then by sender.

    Example:
        >>> Rehearsal([np.zeros(2)], []).bytes_sent
        [0]
    """

    results: list[np.ndarray]
    sends: list[Send]

    @property
    def bytes_sent(self) -> list[int]:
        """Bytes that each worker sent."""
        sent = [0] * len(self.results)
        for send in self.sends:
            sent[send.origin] += send.n_bytes
        return sent

    @property
    def steps(self) -> int:
        """Steps that have to follow each other: the longest chain of messages."""
        return max((send.step for send in self.sends), default=0)


def rehearse(exchange: Callable[[np.ndarray, Link], Any], vectors: Sequence[Any]) -> Rehearsal:
    """Run an exchange of P workers within this process, to look at and to test: threads, and every message kept.

    Args:
        exchange: a function of a worker's vector, which it changes in place, and of its :class:`Link`.
        vectors: one for each worker, 1-D; they are copied.

    Returns:
        The vectors afterwards, and the messages.

    Raises:
        ValueError: no vectors, or vectors of different lengths; an exchange that waits for ever.
        Exception: whatever the exchange raises.

    Example:
        >>> from nnopt_utils.parallel import ring_all_reduce
        >>> rehearsal = rehearse(ring_all_reduce, [[1.0, 2.0], [10.0, 20.0]])
        >>> rehearsal.results[0].tolist(), rehearsal.steps, rehearsal.bytes_sent
        ([11.0, 22.0], 2, [16, 16])
    """
    if not callable(exchange):
        raise TypeError(f"exchange: got {describe(exchange)}; expected a function of a vector and a link")
    copies = [
        check_array(f"vectors[{rank}]", vector, ndim=1, finite=False).copy() for rank, vector in enumerate(vectors)
    ]
    if not copies or len({len(copy) for copy in copies}) > 1:
        raise ValueError(
            f"vectors: got lengths {[len(copy) for copy in copies]}; expected one length, at least one vector"
        )
    network = _Rehearsal(len(copies))
    threads = [
        threading.Thread(target=network.run, args=(exchange, copy, r), daemon=True) for r, copy in enumerate(copies)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if network.errors:
        raise network.errors[0]
    return Rehearsal(copies, sorted(network.sends, key=lambda send: (send.step, send.origin, send.to)))


class _Rehearsal:
    """The threads' common ground: a queue for every pair, the record, the first error."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.queues: dict[tuple[int, int], queue.Queue[tuple[int, np.ndarray]]] = {
            (origin, to): queue.Queue() for origin in range(size) for to in range(size)
        }
        self.sends: list[Send] = []
        self.errors: list[BaseException] = []

    def run(self, exchange: Callable[[np.ndarray, Link], Any], vector: np.ndarray, rank: int) -> None:
        try:
            exchange(vector, _RehearsedLink(rank, self))
        except BaseException as error:
            self.errors.append(error)


class _RehearsedLink:
    """A link whose steps are logical: a message is sent one step after the last that was sent or had arrived before."""

    def __init__(self, rank: int, network: _Rehearsal) -> None:
        self.rank, self.size, self._network, self._step = rank, network.size, network, 0
        self._arrived = 0

    def send(self, to: int, values: np.ndarray) -> None:
        self._step = max(self._step, self._arrived) + 1
        copy = np.array(values)
        self._network.sends.append(Send(self._step, self.rank, to, copy))
        self._network.queues[self.rank, to].put((self._step, copy))

    def receive(self, origin: int) -> np.ndarray:
        step, values = self._wait(origin)
        self._arrived = max(self._arrived, step)
        return values.copy()

    def _wait(self, origin: int) -> tuple[int, np.ndarray]:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not self._network.errors:
            with suppress(queue.Empty):
                return self._network.queues[origin, self.rank].get(timeout=POLL)
        raise ValueError(f"exchange: worker {self.rank} waits for worker {origin}, which sends nothing")
