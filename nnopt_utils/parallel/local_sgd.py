"""Local SGD: every worker takes H steps by itself, then the parameters are averaged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils._validation import called_as, check_choice, check_integer, describe
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import NonFiniteGradientError, Optimizer
from nnopt_utils.parallel.all_reduce import ALL_REDUCES, message_bytes
from nnopt_utils.parallel.replica import Job, Outcome, Replica, check_call, check_shares, shard, train_replicas
from nnopt_utils.parallel.result import ParallelHistory, begin_history
from nnopt_utils.parallel.team import Stopped, Worker
from nnopt_utils.training import check_belongs

USAGE = "local_sgd(network, optimizer, data, epochs=10, batch_size=32, workers=2, local_steps=8)"


class _Options(NamedTuple):
    """What a round is."""

    local_steps: int
    outer: Optimizer | None
    own_data: bool
    all_reduce: str


@called_as(
    USAGE,
    n_workers="workers",
    num_workers="workers",
    world_size="workers",
    H="local_steps",
    sync_every="local_steps",
    inner_steps="local_steps",
    outer_optimizer="outer",
)
def local_sgd(
    network: MLP,
    optimizer: Optimizer,
    data: Any,
    epochs: int = 10,
    batch_size: int = 32,
    seed: int | np.random.Generator = 0,
    *,
    workers: int = 2,
    local_steps: int = 8,
    outer: Optimizer | None = None,
    shares: Sequence[float] | None = None,
    own_data: bool = False,
    all_reduce: str = "ring",
    history: ParallelHistory | None = None,
    progress: bool = True,
) -> ParallelHistory:
    r"""Train a network on several processes that average their parameters once every H steps.

    In a round each of P workers takes H steps from the common θ, each with its share of the next batch, and comes to
    :math:`\theta_r`. Then all get the mean, weighted by the numbers of samples that each has seen in the round,

    .. math:: \theta \leftarrow \sum_r \frac{n_r}{n}\, \theta_r

    or, with an outer optimizer, one step of it from the θ of before, along what the mean has gone backwards:

    .. math:: \theta \leftarrow \text{outer}\Big(\theta,\; \theta - \sum_r \frac{n_r}{n}\, \theta_r\Big)

    The batches are those of ``fit``. With H = 1 and gradient descent the steps are ``fit``'s too, up to rounding: the
    mean of steps is the step with the mean. With another rule, or more steps, it is another algorithm. It sends a
    vector every H steps. See :func:`local_sgd_fixed_point` for where it ends when workers' data differ.

    Args:
        network: what to train; its parameters change in place.
        optimizer: of the local steps. Each worker has a copy, whose state (momentum, averages of gradients) stays its
            own and is not averaged. Afterwards ``optimizer`` has worker 0's, and the history has all. One that judges
            another point than θ (``ema_momentum``, schedule-free rules) is refused: only θ is averaged.
        data: a ``Dataset``, ``(x, y)``, or ``(x, y, x_val, y_val)``; validation is at the averaged θ.
        epochs: how many epochs in all, >= 1; default 10. An epoch ends with an average: its last round may be shorter.
        batch_size: B >= 1, of all workers together; default 32.
        seed: fixes the order of the samples: the batches are those of ``fit`` with this seed.
        workers: P >= 1; default 2.
        local_steps: H >= 1; default 8.
        outer: an optimizer for the averages, such as ``SGD(0.7, momentum=0.9, nesterov=True)``, DiLoCo's; default
            ``None``: take the mean, which ``SGD(1.0)`` does too, up to rounding. It keeps its state.
        shares: P positive numbers, what share of each batch each worker takes; default equal shares.
        own_data: False (default): any sample may come to any worker, so all draw from the same data. True: x is cut
            into P parts of these shares, in its order, and the samples of a batch go to the worker whose part they are
            of. With x sorted by label, workers see different labels.
        all_reduce: ``"ring"`` (default) or ``"tree"``.
        history: of an earlier, shorter or interrupted call: training goes on there.
        progress: show one progress bar.

    Returns:
        The history; the loss of a step is the mean over the workers, each at its own θ. An interrupt ends the run at
        the last average: the steps of an unfinished round are lost.

    Raises:
        WorkerError: as in :func:`data_parallel`, with the training up to the last average. The state of a killed
            worker's optimizer is lost: on resuming it gets that of the first one left.
        DivergenceError: as in ``fit``; the network is at the last average.
        TypeError, ValueError: bad arguments; nothing is changed.

    Example:
        >>> from nnopt_utils.optimizers import SGD
        >>> from nnopt_utils.training import fit
        >>> x, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
        >>> one, two = MLP([1, 2], dtype="float64"), MLP([1, 2], dtype="float64")
        >>> history = fit(one, SGD(learning_rate=1.0), (x, y), epochs=3, batch_size=4, progress=False)
        >>> history = local_sgd(
        ...     two, SGD(learning_rate=1.0), (x, y), epochs=3, batch_size=4, local_steps=1, progress=False
        ... )
        >>> bool(np.abs(one.parameters - two.parameters).max() < 1e-12)
        True

    Source: S. U. Stich, "Local SGD converges fast and communicates little", ICLR 2019; H. B. McMahan, E. Moore,
    D. Ramage, S. Hampson, B. Agüera y Arcas, "Communication-efficient learning of deep networks from decentralized
    data", AISTATS 2017 (with data of one's own, weighted by numbers of samples); the outer optimizer: A. Douillard et
    al., "DiLoCo: Distributed low-communication training of language models", arXiv:2311.08105, 2023.
    """
    x, y, validation = check_call(network, optimizer, data, epochs, batch_size, workers, history)
    check_integer("local_steps", local_steps, low=1)
    check_choice("all_reduce", all_reduce, ALL_REDUCES)
    parts = check_shares(shares, workers)
    if not isinstance(own_data, bool | np.bool_):
        raise TypeError(f"own_data: got {describe(own_data)}; expected True or False")
    _check_judges_theta(optimizer)
    _check_outer(network, optimizer, outer, fresh=history is None)
    history = begin_history(ParallelHistory, "local_sgd", history, len(x), batch_size, seed, workers)
    optimizer.layout = network.layout
    if outer is not None:
        outer.layout = network.layout
    options = _Options(min(local_steps, history.steps_per_epoch), outer, bool(own_data), all_reduce)
    job = Job(_Replica, network, optimizer, epochs, parts, history, options)
    n_bytes = message_bytes(network.n_parameters + options.local_steps, network.dtype, workers, all_reduce)
    return train_replicas(job, x, y, validation, n_bytes, progress=progress)


def _check_judges_theta(optimizer: Optimizer) -> None:
    """Refuse an optimizer that keeps an average of θ, which would stay its worker's own."""
    if optimizer.ema_momentum is not None or (
        type(optimizer).evaluation_parameters is not Optimizer.evaluation_parameters
    ):
        raise ValueError(
            f"optimizer: got {describe(optimizer)}, which judges an average of its own θ; expected one that judges θ "
            "(no ema_momentum, no schedule-free rule): θ alone is averaged over the workers"
        )


def _check_outer(network: MLP, optimizer: Optimizer, outer: Any, *, fresh: bool) -> None:
    if outer is None:
        return
    if not isinstance(outer, Optimizer) or outer is optimizer:
        what = "the optimizer of the local steps" if outer is optimizer else describe(outer)
        raise TypeError(
            f"outer: got {what}; expected another Optimizer, e.g. SGD(0.7, momentum=0.9, nesterov=True), or None"
        )
    if type(outer).observe is not Optimizer.observe:
        raise ValueError(
            f"outer: got {type(outer).__name__}, which looks at batches; expected one that needs gradients only"
        )
    if fresh:
        check_belongs(network, outer)


# -- in the worker's process -----------------------------------------------------------------------------------------


class _Replica(Replica):
    """A copy of network and optimizer that goes its own way for a round."""

    keeps_states = True

    def __init__(self, worker: Worker, job: Job) -> None:
        super().__init__(worker, job)
        options: _Options = job.options
        self.round_length, self.outer = options.local_steps, options.outer
        n = self.network.n_parameters
        # The losses of the steps travel behind θ.
        self.message = np.zeros(n + self.round_length, self.network.dtype)
        self.own_gradient = self.network.cut(np.zeros(n, self.network.dtype))
        self.average = self.network.parameters.copy()  # θ after the last average
        self.sum_over_workers = ALL_REDUCES[options.all_reduce]
        self.owner = _owners(len(self.x), job.shares) if options.own_data else None
        if job.history.optimizer_states:
            self.optimizer.set_state(job.history.optimizer_states[worker.rank])
            self.optimizer.layout = self.network.layout
        self.saved = {len(self.history.step_losses): self.optimizer.get_state()}

    def round(self, order: Sequence[np.ndarray]) -> list[float]:
        """H steps of one's own, then the mean of all θ."""
        n, theta = self.network.n_parameters, self.network.parameters
        losses = self.message[n : n + len(order)]
        seen = self._walk(order, losses)
        steps = len(self.history.step_losses)
        self.saved[steps + len(order)] = self.optimizer.get_state()
        self.message[:n] = theta
        self.message[:n] *= seen / sum(map(len, order))
        self.sum_over_workers(self.message[: n + len(order)], self.worker.link)
        self._take(self.message[:n], losses)
        del self.saved[steps]
        return [float(loss) for loss in losses]

    def _walk(self, order: Sequence[np.ndarray], losses: np.ndarray) -> int:
        """Take the steps; write one's part of their losses; return how many samples were seen."""
        losses[:] = 0.0
        seen = 0
        for k, batch in enumerate(order):
            if self.worker.stopping:
                raise Stopped
            mine = self._mine(batch)
            if len(mine):  # without a sample there is no step
                losses[k] = self._step(mine) * len(mine) / len(batch)
                seen += len(mine)
            if not math.isfinite(losses[k]):
                break
            self.worker.progress[self.worker.rank] += 1
        return seen

    def _mine(self, batch: np.ndarray) -> np.ndarray:
        if self.owner is None:
            return shard(batch, self.job.shares, self.worker.rank)
        return batch[self.owner[batch] == self.worker.rank]

    def _step(self, mine: np.ndarray) -> float:
        """One local step; NaN where there is no gradient to take it with: all hear of it at the average."""
        loss = self.gradient(mine, self.own_gradient)
        self.observe(mine)
        try:
            self.optimizer.step(self.network.parameters, self.own_gradient.vector)
        except NonFiniteGradientError:
            return math.nan
        return loss

    def _take(self, mean: np.ndarray, losses: np.ndarray) -> None:
        """The mean, or the outer optimizer's step towards it, becomes everyone's θ."""
        bad = np.flatnonzero(~np.isfinite(losses))
        if bad.size:
            raise self.diverge(int(bad[0]), f"the mean loss of the workers is {losses[bad[0]]}")
        if self.outer is None:
            self.average[:] = mean
        else:
            try:
                self.outer.step(self.average, self.average - mean)
            except NonFiniteGradientError as error:
                raise self.diverge(len(losses) - 1, f"outer: {error}") from None
        self.network.parameters[:] = self.average

    def outcome(self, diverged: str) -> Outcome:
        """All after the last average."""
        outer = None if self.outer is None else self.outer.get_state()
        return Outcome(self.history, self.average, self.saved, outer, diverged)


def _owners(n_samples: int, shares: np.ndarray) -> np.ndarray:
    """The rank of the worker that each sample belongs to."""
    lengths = [len(shard(np.arange(n_samples), shares, rank)) for rank in range(len(shares))]
    return np.repeat(np.arange(len(shares)), lengths)
