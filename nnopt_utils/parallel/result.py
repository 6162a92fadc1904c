"""What a parallel training leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nnopt_utils.history import History


@dataclass
class ParallelHistory(History):
    """The record of a parallel training: a ``History``, and what the workers did.

    Attributes:
        workers: P, how many there were.
        updates: how many updates came of each worker, or, where all make each together, of all.
        bytes_sent: how many bytes each worker sent to others, in all.
        staleness: of each update, how many others came between the read of θ and it, in the order of the updates; empty
            where every update is made of gradients at the θ that it changes.
        order: of each update, the rank of its worker; empty where all make each together.

    Other attributes are :class:`~nnopt_utils.history.History`'s.

    Example:
        >>> history = ParallelHistory(seed=0, batch_size=32, n_samples=320, workers=2, staleness=np.array([0, 1, 1, 2]))
        >>> history.steps_per_epoch, history.mean_staleness
        (10, 1.0)
    """

    workers: int = 1
    updates: list[int] = field(default_factory=list)
    bytes_sent: list[int] = field(default_factory=list)
    staleness: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    order: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def mean_staleness(self) -> float:
        """Mean of ``staleness``; 0 where there is none."""
        return float(self.staleness.mean()) if self.staleness.size else 0.0

    def __repr__(self) -> str:
        text = f"ParallelHistory({self.workers} workers, {super().__repr__()[8:-1]}"
        if self.staleness.size:
            text += f", staleness {self.mean_staleness:.2f} on average, at most {self.staleness.max()}"
        return text + ")"
