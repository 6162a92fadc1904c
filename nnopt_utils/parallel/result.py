"""What a parallel training leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from nnopt_utils._validation import as_generator, describe
from nnopt_utils.history import History


@dataclass
class ParallelHistory(History):
    """The record of a parallel training: a ``History``, and what the workers did.

    Attributes:
        method: the function that made it.
        workers: P, how many there were.
        updates: how many updates came of each worker, or, where all make each together, of all.
        bytes_sent: how many bytes each worker sent to others, in all.
        staleness: of each update, how many others came between the read of θ and it, in the order of the updates; empty
            where every update is made of gradients at the θ that it changes.
        order: of each update, the rank of its worker; empty where all make each together.
        optimizer_states: of each worker's optimizer, where each has a state of its own; what a resumed run needs.

    Other attributes are :class:`~nnopt_utils.history.History`'s.

    Example:
        >>> history = ParallelHistory(seed=0, batch_size=32, n_samples=320, workers=2, staleness=np.array([0, 1, 1, 2]))
        >>> history.steps_per_epoch, history.mean_staleness
        (10, 1.0)
    """

    method: str = ""
    workers: int = 1
    updates: list[int] = field(default_factory=list)
    bytes_sent: list[int] = field(default_factory=list)
    staleness: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    order: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    optimizer_states: list[dict[str, Any]] = field(default_factory=list)

    @property
    def mean_staleness(self) -> float:
        """Mean of ``staleness``; 0 where there is none."""
        return float(self.staleness.mean()) if self.staleness.size else 0.0

    def __repr__(self) -> str:
        text = f"ParallelHistory({self.workers} workers, {super().__repr__()[8:-1]}"
        if self.staleness.size:
            text += f", staleness {self.mean_staleness:.2f} on average, at most {self.staleness.max()}"
        return text + ")"


Kind = TypeVar("Kind", bound=ParallelHistory)


def begin_history(
    kind: type[Kind],
    method: str,
    history: Any,
    n_samples: int,
    batch_size: int,
    seed: int | np.random.Generator,
    workers: int,
) -> Kind:
    """Return a new history, or that of an earlier call, if it is one of such a call."""
    if history is None:
        generator = as_generator(seed)
        drawn = int(generator.integers(2**63)) if isinstance(seed, np.random.Generator) else int(seed)
        new = kind(seed=drawn, batch_size=batch_size, n_samples=n_samples, method=method, workers=workers)
        new.updates, new.bytes_sent = [0] * workers, [0] * workers
        return new
    if not isinstance(history, kind):
        raise TypeError(f"history: got {describe(history)}; expected the {kind.__name__} that an earlier call returned")
    if history.method not in ("", method):
        raise ValueError(f"history: got one of {history.method}; expected one of {method}")
    if (history.n_samples, history.batch_size, history.workers) != (n_samples, batch_size, workers):
        raise ValueError(
            f"history: got one of {history.n_samples} samples in batches of {history.batch_size} on {history.workers} "
            f"workers; expected {n_samples} samples in batches of {batch_size} on {workers} workers, as in this call"
        )
    history.interrupted = False
    return history
