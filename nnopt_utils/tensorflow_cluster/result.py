"""What a training on a cluster leaves behind, also when it fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from nnopt_utils.history import History


@dataclass
class ClusterHistory(History):
    """The record of a training on a TensorFlow cluster: a ``History``, and what the cluster did.

    Attributes:
        workers: how many workers there were.
        startup: seconds from the call until the first steps were done; of the last call, where there were several.
        staleness: of each asynchronous update, how many others came between the read of θ and it; empty if synchronous.
        lost: the workers that ended before an asynchronous training did, in this order, e.g. ``["worker 0"]``.

    Other attributes are :class:`~nnopt_utils.history.History`'s. An asynchronous training counts every update as a
    step; its ``step_losses`` stand in the order in which the batches were handed out.

    Example:
        >>> history = ClusterHistory(seed=0, batch_size=128, n_samples=55_000, workers=2, staleness=[0, 1, 1])
        >>> history.steps_per_epoch, history.workers
        (430, 2)
    """

    workers: int = 2
    startup: float = 0.0
    staleness: list[int] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        text = f"ClusterHistory({self.workers} workers, {super().__repr__()[8:-1]}"
        if self.staleness:
            mean = sum(self.staleness) / len(self.staleness)
            text += f", staleness {mean:.2f} on average, at most {max(self.staleness)}"
        return text + (f", lost {', '.join(self.lost)})" if self.lost else ")")


class ClusterError(RuntimeError):
    """A process of the cluster was killed, failed or went silent; all its processes have ended.

    Attributes:
        process: which one, e.g. ``"worker 1"``; empty where it was none alone.
        folder: what was kept of it: a log of each process, and the last checkpoint.
        history: the training up to the last checkpoint. Network and optimizer are as they were there: give it back as
            ``history`` to go on.

    Example:
        >>> error = ClusterError("worker 1 of 2 was killed by signal 9 (SIGKILL)", "worker 1", Path("logs"))
        >>> error.process, error.folder.name, error.history
        ('worker 1', 'logs', None)
    """

    def __init__(self, message: str, process: str, folder: Path) -> None:
        super().__init__(message)
        self.process, self.folder = process, folder
        self.history: ClusterHistory | None = None
