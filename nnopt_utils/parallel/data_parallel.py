"""Data-parallel training: every worker has the whole network and a share of each batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils._validation import called_as, check_choice, describe
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import NonFiniteGradientError, Optimizer
from nnopt_utils.parallel.all_reduce import ALL_REDUCES, message_bytes
from nnopt_utils.parallel.compressors import Compressor
from nnopt_utils.parallel.replica import Job, Outcome, Replica, check_call, check_shares, shard, train_replicas
from nnopt_utils.parallel.result import ParallelHistory, begin_history
from nnopt_utils.parallel.team import Worker

USAGE = "data_parallel(network, optimizer, data, epochs=10, batch_size=32, workers=2)"


class _Options(NamedTuple):
    """How gradients travel."""

    all_reduce: str
    compression: Compressor | None


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

    Each of P workers has the network, the optimizer, and in every step its shard of the batch, worker r b_r of the B
    samples. It computes their mean gradient g_r; an all-reduce gives everyone

    .. math:: g_B = \sum_r \frac{b_r}{B}\, g_r

    which is the gradient of the whole batch, and everyone takes the same step. The weights matter: the plain mean of
    the workers' gradients is another vector when shards are not equal.

    Args:
        network: what to train; its parameters change in place.
        optimizer: any; afterwards it has the state that the workers' copies have. A rule that looks at the batch itself
            sees all of it, in every worker: that part of the work is not shared.
        data: a ``Dataset``, ``(x, y)``, or ``(x, y, x_val, y_val)``; the samples are shared, not copied for each.
        epochs: how many epochs in all, >= 1; default 10.
        batch_size: B >= 1, of all workers together; default 32.
        seed: fixes the order of the samples: the batches are those of ``fit`` with this seed.
        workers: P >= 1; default 2. Each is a process with one BLAS thread.
        shares: P positive numbers, what share of each batch each worker takes; default equal shares. A worker without a
            sample in a small batch adds zeros.
        all_reduce: ``"ring"`` (default) or ``"tree"``.
        compression: a ``Compressor``: workers send a compressed gradient instead. Its errors make the steps differ from
            ``fit``'s. Each worker has a copy, which ends with the call, and with it what it still owed.
        history: of an earlier, shorter or interrupted call: training goes on there.
        progress: show one progress bar.

    Returns:
        The history. An interrupt (Ctrl-C, or the stop button) ends the run after the step under way. A second one acts
        at once: ``KeyboardInterrupt``, and everything is as before the call.

    Raises:
        WorkerError: a worker was killed or failed; names it. ``error.history`` is the training up to there, and the
            network and the optimizer are as that left them, as long as one worker is left; else as before the call.
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
    x, y, validation = check_call(network, optimizer, data, epochs, batch_size, workers, history)
    check_choice("all_reduce", all_reduce, ALL_REDUCES)
    parts = check_shares(shares, workers)
    if compression is not None and not isinstance(compression, Compressor):
        raise TypeError(
            f"compression: got {describe(compression)}; expected a Compressor, e.g. TopK(share=0.01), or None"
        )
    history = begin_history(ParallelHistory, "data_parallel", history, len(x), batch_size, seed, workers)
    optimizer.layout = network.layout
    job = Job(_Replica, network, optimizer, epochs, parts, history, _Options(all_reduce, compression))
    n_bytes = message_bytes(network.n_parameters + 1, network.dtype, workers, all_reduce)
    if compression is not None:
        n_bytes = 8 * (network.n_parameters + 64)  # values or indices of all parameters, and what else it may send
    return train_replicas(job, x, y, validation, n_bytes, progress=progress)


# -- in the worker's process -----------------------------------------------------------------------------------------


class _Replica(Replica):
    """A copy of network and optimizer, which takes the same steps as all the others."""

    def __init__(self, worker: Worker, job: Job) -> None:
        super().__init__(worker, job)
        # The loss travels behind the gradient: one message, one wait.
        self.message = np.zeros(self.network.n_parameters + 1, self.network.dtype)
        self.own_gradient = self.network.cut(self.message[:-1])
        self.sum_over_workers = ALL_REDUCES[job.options.all_reduce]
        self.compressor: Compressor | None = job.options.compression
        if self.compressor is not None:
            self.compressor.error = None  # of a run before
            if done := len(self.history.step_losses):  # going on: not the draws of the beginning again
                self.compressor.generator = np.random.default_rng([self.history.seed, done])
            self.compressor.prepare(self.network.layout)

    def round(self, order: Sequence[np.ndarray]) -> list[float]:
        """The gradient of the whole batch, from everyone's shard, and one step."""
        (batch,) = order
        self._own_share(shard(batch, self.job.shares, self.worker.rank), len(batch))
        try:
            self._all_reduce()
            self.observe(batch)  # not before: it must not remember a step that is never taken
            loss = float(self.message[-1])
            if not math.isfinite(loss):
                raise NonFiniteGradientError(f"the loss is {loss}")
            self.optimizer.step(self.network.parameters, self.message[:-1])
        except NonFiniteGradientError as error:
            raise self.diverge(0, str(error)) from None
        self.worker.progress[self.worker.rank] += 1
        return [loss]

    def _own_share(self, mine: np.ndarray, n_batch: int) -> None:
        """b_r/B g_r, and the loss likewise, into the message."""
        if not len(mine):
            self.message[:] = 0.0
            return
        self.message[-1] = self.gradient(mine, self.own_gradient)
        self.message *= len(mine) / n_batch

    def _all_reduce(self) -> None:
        link = self.worker.link
        if self.compressor is None:
            self.sum_over_workers(self.message, link)
            return
        # A compressor gives the mean of what was sent; the shares are in the gradients already.
        self.message[:-1] = self.compressor.mean(self.message[:-1] * link.size, link)
        self.sum_over_workers(self.message[-1:], link)

    def outcome(self, diverged: str) -> Outcome:
        """All after the last step."""
        saved = {len(self.history.step_losses): self.optimizer.get_state()}
        return Outcome(self.history, self.network.parameters, saved, None, diverged)
