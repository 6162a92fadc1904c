"""Data-parallel training: every worker has the whole network and a share of each batch."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils._bars import progress_bar
from nnopt_utils._validation import as_generator, called_as, check_array, check_choice, check_integer, describe
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import NonFiniteGradientError, Optimizer
from nnopt_utils.parallel.all_reduce import ALL_REDUCES
from nnopt_utils.parallel.compressors import Compressor
from nnopt_utils.parallel.result import ParallelHistory
from nnopt_utils.parallel.team import Team, Worker
from nnopt_utils.training import (
    DivergenceError,
    batches,
    check_network_and_optimizer,
    check_training_data,
    divergence_message,
)

USAGE = "data_parallel(network, optimizer, data, epochs=10, batch_size=32, workers=2)"


class _Job(NamedTuple):
    """What every worker is told."""

    network: MLP
    optimizer: Optimizer
    epochs: int
    shares: np.ndarray
    all_reduce: str
    compressor: Compressor | None
    history: ParallelHistory


class _Result(NamedTuple):
    """What a worker has at its end: replicas have the same, but one may be a step ahead when training is stopped."""

    history: ParallelHistory
    theta: np.ndarray
    state: dict[str, Any]
    bytes_sent: int
    diverged: str


@called_as(
    USAGE,
    n_workers="workers",
    num_workers="workers",
    world_size="workers",
    processes="workers",
    algorithm="all_reduce",
    compressor="compression",
)
def data_parallel(
    network: MLP,
    optimizer: Optimizer,
    data: Any,
    epochs: int = 10,
    batch_size: int = 32,
    seed: int | np.random.Generator = 0,
    *,
    workers: int = 2,
    shares: Sequence[float] | None = None,
    all_reduce: str = "ring",
    compression: Compressor | None = None,
    history: ParallelHistory | None = None,
    progress: bool = True,
) -> ParallelHistory:
    r"""Train a network on several processes that share each batch: the same steps as ``fit``, up to rounding.

    Each of P workers has the network, the optimizer, and in every step its shard of the batch, :math:`B_r` of B
    samples. It computes the mean gradient :math:`g_r` of these; an all-reduce gives everyone

    .. math:: g = \sum_r \frac{B_r}{B}\, g_r

    which is the gradient of the whole batch, and everyone takes the same step. The weights matter: the plain mean of
    the :math:`g_r` is another vector when shards are not equal.

    Args:
        network: what to train; its parameters change in place.
        optimizer: any; afterwards it has the state that the workers' copies have.
        data: a ``Dataset``, ``(x, y)``, or ``(x, y, x_val, y_val)``; the samples are shared, not copied for each.
        epochs: how many epochs in all, >= 1; default 10.
        batch_size: B >= 1, of all workers together; default 32.
        seed: fixes the order of the samples: the batches are those of ``fit`` with this seed.
        workers: P >= 1; default 2. Each is a process with one BLAS thread.
        shares: P positive numbers, what share of each batch each worker takes; default equal shares. A worker without a
            sample in a small batch adds zeros.
        all_reduce: ``"ring"`` (default) or ``"tree"``.
        compression: a ``Compressor``: workers send a compressed gradient instead. Its errors make the steps differ from
            ``fit``'s.
        history: of an earlier, shorter or interrupted call: training goes on there.
        progress: show one progress bar.

    Returns:
        The history. An interrupt ends the run after the step under way.

    Raises:
        WorkerError: a worker was killed or failed; names it. ``error.history`` is the training up to there, and the
            network and the optimizer are as that left them.
        DivergenceError: as in ``fit``.
        TypeError, ValueError: bad arguments; nothing is changed.

    Example:
        >>> from nnopt_utils.optimizers import SGD
        >>> from nnopt_utils.training import fit
        >>> x, y = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]]), np.array([0, 0, 0, 1, 1])
        >>> one, two = MLP([1, 2], dtype="float64"), MLP([1, 2], dtype="float64")
        >>> history = fit(one, SGD(learning_rate=1.0), (x, y), epochs=3, batch_size=4, progress=False)
        >>> parallel = data_parallel(two, SGD(learning_rate=1.0), (x, y), epochs=3, batch_size=4, progress=False)
        >>> bool(np.abs(one.parameters - two.parameters).max() < 1e-12), parallel.workers
        (True, 2)

    Source: Dean et al. (2012), *Large scale distributed deep networks*, NeurIPS (replicas of a model on shards of the
    data); Goyal et al. (2017), *Accurate, large minibatch SGD*, arXiv:1706.02677, Section 3 (what goes wrong in it).

    Warning:
        PyTorch's ``DistributedDataParallel`` takes the plain mean of the workers' gradients, which is right for shards
        of one size only. Keras's and TensorFlow's strategies add the workers' gradients: there the loss of a worker has
        to be divided by the size of the whole batch. In a script, the call stands below
        ``if __name__ == "__main__":``, since a spawned process imports the script first.
    """
    check_network_and_optimizer(network, optimizer, epochs)
    x, y, validation = check_training_data(network, data)
    check_integer("epochs", epochs, low=1)
    check_integer("batch_size", batch_size, low=1)
    check_integer("workers", workers, low=1)
    check_choice("all_reduce", all_reduce, ALL_REDUCES)
    parts = check_shares(shares, workers)
    if compression is not None and not isinstance(compression, Compressor):
        raise TypeError(
            f"compression: got {describe(compression)}; expected a Compressor, e.g. TopK(share=0.01), or None"
        )
    history = _begin(history, len(x), batch_size, seed, workers)
    optimizer.layout = network.layout
    job = _Job(network, optimizer, epochs, parts, all_reduce, compression, history)
    arrays = {"x": x, "y": y, "loss": ((1,), np.float64)}
    if validation is not None:
        arrays |= {"x_val": validation[0], "y_val": validation[1]}
    total, done = epochs * history.steps_per_epoch, len(history.step_losses)
    with Team(_train, workers, job, arrays, seed=history.seed, link_bytes=message_bytes(network)) as team:
        where = lambda: f"epoch {1 + (done + team.progress[0]) // history.steps_per_epoch} of {epochs}"  # noqa: E731
        status = lambda: f"{where()}, loss {team.arrays['loss'][0]:.4g}"  # noqa: E731
        with progress_bar(status, total, done, shown=progress) as bar:
            results = team.run(lambda: bar.update(done + int(team.progress[0]) - bar.n))
    return _finish(network, optimizer, history, results, team)


def check_shares(shares: Any, workers: int) -> np.ndarray:
    """Return the share of each worker, of a sum of 1."""
    if shares is None:
        return np.full(workers, 1 / workers)
    parts = check_array("shares", shares, shape=(workers,)).astype(np.float64)
    if not (parts > 0).all():
        raise ValueError(f"shares: got {parts.tolist()}; expected numbers > 0, one for each of {workers} workers")
    return parts / parts.sum()


def shard(batch: np.ndarray, shares: np.ndarray, rank: int) -> np.ndarray:
    """The part of a batch that is a worker's: shares of its length, rounded so that every sample is in one part."""
    ends = np.rint(np.cumsum(shares) * len(batch)).astype(int)
    return batch[ends[rank - 1] if rank else 0 : ends[rank]]


def message_bytes(network: MLP) -> int:
    """Room for the largest message: all numbers of θ and some more, with an index for each."""
    return (network.n_parameters + 64) * (network.dtype.itemsize + 8)


def _begin(
    history: ParallelHistory | None, n_samples: int, batch_size: int, seed: Any, workers: int
) -> ParallelHistory:
    if history is None:
        generator = as_generator(seed)
        drawn = int(generator.integers(2**63)) if isinstance(seed, np.random.Generator) else int(seed)
        new = ParallelHistory(seed=drawn, batch_size=batch_size, n_samples=n_samples, workers=workers)
        new.updates, new.bytes_sent = [0] * workers, [0] * workers
        return new
    if not isinstance(history, ParallelHistory):
        raise TypeError(f"history: got {describe(history)}; expected the ParallelHistory that an earlier call returned")
    if (history.n_samples, history.batch_size, history.workers) != (n_samples, batch_size, workers):
        raise ValueError(
            f"history: got one of {history.n_samples} samples in batches of {history.batch_size} on {history.workers} "
            f"workers; expected {n_samples} samples in batches of {batch_size} on {workers} workers, as in this call"
        )
    history.interrupted = False
    return history


def _finish(
    network: MLP, optimizer: Optimizer, history: ParallelHistory, results: dict[int, _Result], team: Team
) -> ParallelHistory:
    """Take over what the furthest worker has; pass its failure on."""
    if results:
        furthest = max(results.values(), key=lambda result: len(result.history.step_losses))
        sent = [results[r].bytes_sent if r in results else 0 for r in range(team.size)]
        network.parameters[:] = furthest.theta
        optimizer.set_state(furthest.state)
        optimizer.layout = network.layout
        before = history.bytes_sent
        validated = results[0].history if 0 in results else furthest.history
        vars(history).update(vars(furthest.history))
        history.val_loss, history.val_accuracy = validated.val_loss, validated.val_accuracy
        history.updates = [len(history.step_losses)] * team.size
        history.bytes_sent = [a + b for a, b in zip(before, sent, strict=True)]
        history.interrupted = team.interrupted
        if furthest.diverged:
            raise DivergenceError(furthest.diverged, history)
    if team.failure is not None:
        team.failure.history = history
        raise team.failure
    return history


# -- in the worker's process -----------------------------------------------------------------------------------------


def _train(worker: Worker) -> _Result:
    job: _Job = worker.settings
    replica = _Replica(worker, job)
    diverged = ""
    with worker.until_stopped(), np.errstate(over="ignore", invalid="ignore"):
        try:
            while replica.history.epoch < job.epochs and not worker.stopping:
                replica.epoch()
        except DivergenceError as error:
            diverged = str(error)
    return _Result(replica.history, job.network.parameters, job.optimizer.get_state(), worker.link.bytes_sent, diverged)


class _Replica:
    """A worker's copy of network and optimizer, which takes the same steps as all the others."""

    def __init__(self, worker: Worker, job: _Job) -> None:
        self.worker, self.job = worker, job
        self.network, self.optimizer, self.history = job.network, job.optimizer, job.history
        self.x, self.y = worker.arrays["x"], worker.arrays["y"]
        # The loss travels behind the gradient: one message, one wait.
        self.message = np.zeros(self.network.n_parameters + 1, self.network.dtype)
        self.gradient = self.network.cut(self.message[:-1])
        self.observes = type(self.optimizer).observe is not Optimizer.observe

    def epoch(self) -> None:
        """Take the rest of an epoch's steps; worker 0 judges afterwards."""
        history = self.history
        order = batches(history.n_samples, history.batch_size, history.seed, history.epoch + 1)
        begun = time.perf_counter()
        for batch in order[history.step :]:
            if self.worker.stopping:
                return
            self.step(batch)
        history.finish_epoch(self.optimizer.learning_rate, time.perf_counter() - begun)
        if self.worker.rank == 0 and "x_val" in self.worker.arrays:
            self.validate()

    def step(self, batch: np.ndarray) -> None:
        """The gradient of the whole batch, from everyone's shard, and one step."""
        history = self.history
        if self.observes:
            self.optimizer.observe(self.network, self.x.take(batch, axis=0), self.y.take(batch, axis=0))
        self._own_share(shard(batch, self.job.shares, self.worker.rank), len(batch))
        self._all_reduce()
        loss = float(self.message[-1])
        try:
            if not math.isfinite(loss):
                raise NonFiniteGradientError(f"the loss is {loss}")
            self.optimizer.step(self.network.parameters, self.message[:-1])
        except NonFiniteGradientError as error:
            where = f"epoch {history.epoch + 1}, step {history.step + 1}"
            raise DivergenceError(divergence_message(history, self.optimizer, where, str(error)), history) from None
        history.step_losses.append(loss)
        history.step += 1
        self.worker.progress[self.worker.rank] += 1
        if self.worker.rank == 0:
            self.worker.arrays["loss"][0] = loss

    def _own_share(self, mine: np.ndarray, n_batch: int) -> None:
        """B_r/B g_r, and the loss likewise, into the message."""
        if not len(mine):
            self.message[:] = 0.0
            return
        x, y = self.x.take(mine, axis=0), self.y.take(mine, axis=0)
        loss, _ = self.network.backpropagate(x, y, self.network.parameters, out=self.gradient)
        self.message[-1] = loss
        self.message *= len(mine) / n_batch

    def _all_reduce(self) -> None:
        link, sum_over_workers = self.worker.link, ALL_REDUCES[self.job.all_reduce]
        if self.job.compressor is None:
            sum_over_workers(self.message, link)
            return
        # A compressor gives the mean of what was sent; the shares are in the gradients already.
        self.message[:-1] = self.job.compressor.mean(self.message[:-1] * link.size, link)
        sum_over_workers(self.message[-1:], link)

    def validate(self) -> None:
        """Judge at the optimizer's evaluation parameters."""
        history = self.history
        judged = self.optimizer.evaluation_parameters(self.network.parameters)
        arrays = self.worker.arrays
        loss, accuracy = self.network.evaluate(arrays["x_val"], arrays["y_val"], parameters=judged)
        history.val_loss.append(loss)
        history.val_accuracy.append(accuracy)
