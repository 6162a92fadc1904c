"""Hogwild: several processes change one shared θ, and nobody waits for anybody."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils._bars import progress_bar
from nnopt_utils._interrupts import deferred_interrupt
from nnopt_utils._validation import called_as, check_integer, describe
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, GradientDescent, NonFiniteGradientError, Optimizer
from nnopt_utils.optimizers.hyperparameters import rate_at
from nnopt_utils.parallel.result import ParallelHistory, begin_history
from nnopt_utils.parallel.sparse_logistic import SparseLogisticRegression
from nnopt_utils.parallel.team import Team, Worker
from nnopt_utils.training import (
    DivergenceError,
    batches,
    check_belongs,
    check_network_and_optimizer,
    check_training_data,
    divergence_message,
    evaluation,
)

USAGE = "hogwild(network, optimizer, data, epochs=10, batch_size=32, workers=2) or hogwild(sparse_model, SGD(0.5))"
CHUNK = 256  # sparse samples that a worker takes at a time: about a millisecond's work
NAP = 0.0005  # seconds between two looks whether all workers have started


class _Job(NamedTuple):
    """What every worker is told.

    The schedule's ``first_step`` is that of the history's first batch. ``states`` are of each worker's optimizer, where
    training goes on.
    """

    network: MLP | None
    optimizer: Optimizer
    first_step: int
    epochs: int
    n_samples: int
    batch_size: int
    seed: int
    states: list[dict[str, Any]]


class _Result(NamedTuple):
    """What a worker has at its end: its optimizer's state, and, if training diverged there, the step and why."""

    state: dict[str, Any]
    diverged: tuple[int, str] | None


@called_as(
    USAGE,
    network="model",
    n_workers="workers",
    num_workers="workers",
    processes="workers",
    n_jobs="workers",
    lock="locked",
)
def hogwild(
    model: MLP | SparseLogisticRegression,
    optimizer: Optimizer,
    data: Any = None,
    epochs: int = 10,
    batch_size: int | None = None,
    seed: int | np.random.Generator = 0,
    *,
    workers: int = 2,
    locked: bool = False,
    history: ParallelHistory | None = None,
    progress: bool = True,
) -> ParallelHistory:
    r"""Train on several processes that change the same θ in shared memory, without a lock.

    Each of P workers does, again and again, and whatever the others do:

    .. math:: \hat\theta = \text{what it reads of } \theta, \qquad g = \nabla J_{\text{batch}}(\hat\theta), \qquad
              \theta \leftarrow \text{optimizer}(\theta, g)

    *A network*: the worker copies θ, computes g there, and steps with its own copy of the optimizer on the shared θ.
    *A sparse logistic regression*: one sample at a time; only its features' weights are read and changed,
    θ_j ← θ_j − η g_j.

    What can go wrong, and is left to chance: θ is changed while it is being read, so :math:`\hat\theta` may be older in
    one number than in another; and ``θ -= …`` reads, subtracts and writes, so of two workers that change the same
    number in the same moment one may overwrite the other: an update of that number is *lost*. A number that is half of
    one update and half of another is not to be expected: processors of today write 4 or 8 aligned bytes at once. With
    ``locked=True`` one worker at a time reads, computes and writes: nothing is lost, and only the fetching of the data
    is done at the same time.

    Batches are handed out in ``fit``'s order, each to the next worker that asks (sparse samples up to 256 at a time): a
    lock guards that, but not θ. Nobody waits at the end of an epoch. With more than one worker two runs may differ,
    since no one controls who comes first. With one, the steps are ``fit``'s.

    Args:
        model: an ``MLP`` or a :class:`SparseLogisticRegression`; its parameters change in place.
        optimizer: for a network any; each worker has a copy, whose averages and t are of its own steps alone. A
            schedule is asked for the rate of the batch, by its place among all workers' batches. Afterwards the
            optimizer has the state of the copy that made the most steps. For a sparse model plain ``SGD`` or
            ``GradientDescent``: momentum, decay or clipping would look at all of θ. It is left as it was.
        data: for a network a ``Dataset``, ``(x, y)``, or ``(x, y, x_val, y_val)``; ``None`` for a sparse model, which
            has its own.
        epochs: how many epochs in all, >= 1; default 10.
        batch_size: for a network B >= 1, default 32; for a sparse model 1.
        seed: fixes the order of the samples; see ``training.batches``.
        workers: P >= 1; default 2. Each is a process with one BLAS thread.
        locked: whether a worker locks θ while it reads, computes and writes.
        history: of an earlier, shorter or interrupted call: training goes on there, at the next batch; each copy of the
            optimizer has its state again. (Where a worker did not end its last steps, as one that was killed or that
            waited for the lock, as many batches are left out, and others taken twice.)
        progress: show one progress bar.

    Returns:
        The history. ``step_losses``, ``order`` and ``staleness`` are in the order of the batches; a loss is what the
        batch's worker saw, at the θ that it had read. ``seconds`` count from when all workers have started.
        ``staleness``, of networks only, is how many updates of others were counted between a worker's read and its
        write; each is counted just after it is written, so with P workers a figure may be off by P − 1. After an epoch
        the worker that goes on to the next one validates, at the θ of that moment; after the last epoch this is done at
        the end. An interrupt ends the run after the steps under way.

    Raises:
        WorkerError: a worker was killed or failed; names it. The parameters are what they were then,
            ``error.history`` what was counted. There may be more in θ: up to 256 updates of a sparse model's killed
            worker, and what others did in later epochs before the end.
        DivergenceError: as in ``fit``; but θ may not be finite then, since a worker may step on after another has met
            what is not.
        TypeError, ValueError: bad arguments; nothing is changed.

    Example:
        >>> model = SparseLogisticRegression.generate(n_samples=500, n_features=5000, seed=0)
        >>> history = hogwild(model, SGD(learning_rate=1.0), epochs=3, workers=2, progress=False)
        >>> sum(history.updates), history.train_loss[-1] < 0.6 < history.train_loss[0]
        (1500, True)

    Source: Niu, Recht, Ré, Wright (2011), *Hogwild!: a lock-free approach to parallelizing stochastic gradient
    descent*, NeurIPS, arXiv:1106.5730, Section 3. The paper takes an addition to one number of θ to be atomic, so that
    no update is lost; NumPy's is not.

    Warning:
        An optimizer that writes θ from its own state, ``theta[:] = …``, as ``Nesterov``, ``FTRL`` and the schedule-free
        ones do, overwrites what others have done since its last step. In a script, the call stands below
        ``if __name__ == "__main__":``, since a spawned process imports the script first.
    """
    network = None if isinstance(model, SparseLogisticRegression) else model
    if network is None:
        arrays = _sparse_arrays(model, optimizer, data, batch_size)
    else:
        arrays = _dense_arrays(network, optimizer, data, epochs)
    check_integer("epochs", epochs, low=1)
    default = 1 if network is None else 32
    size = check_integer("batch_size", default if batch_size is None else batch_size, low=1)
    check_integer("workers", workers, low=1)
    if not isinstance(locked, bool | np.bool_):
        raise TypeError(f"locked: got {describe(locked)}; expected True or False")
    if history is None and network is not None:
        check_belongs(network, optimizer)
    n_samples = len(arrays["features" if network is None else "x"])
    history = begin_history(ParallelHistory, "hogwild", history, n_samples, size, seed, workers)
    if history.epoch >= epochs:
        return history
    done, steps = len(history.step_losses), history.steps_per_epoch
    first = optimizer.t if network is None else max(0, optimizer.t - done)
    states = history.optimizer_states
    job = _Job(network, optimizer, first, epochs, history.n_samples, size, history.seed, states)
    arrays |= _record_arrays(epochs, steps, workers)
    if network is not None:
        optimizer.layout = network.layout
        arrays["staleness"] = ((epochs, steps), np.int64)
    with (
        deferred_interrupt() as interrupted,
        Team(_work, workers, job, arrays, seed=history.seed, n_locks=2 if locked else 1) as team,
    ):
        _go_on_from(history, team.arrays)

        def status() -> str:
            epoch = 1 + (done + int(team.progress.sum())) // steps
            return f"epoch {min(epoch, epochs)} of {epochs}, loss {team.arrays['loss'][0]:.4g}"

        with progress_bar(status, epochs * steps, done, shown=progress) as bar:
            results = team.run(lambda: bar.update(done + int(team.progress.sum()) - bar.n), interrupted)
        return _finish(model, optimizer, history, results, team)


# -- before ----------------------------------------------------------------------------------------------------------


def _dense_arrays(model: Any, optimizer: Any, data: Any, epochs: Any) -> dict[str, Any]:
    """Check a network, its optimizer and its data; return what is shared."""
    if not isinstance(model, MLP):
        hint = "; the model comes first" if isinstance(optimizer, MLP | SparseLogisticRegression) else ""
        raise TypeError(f"model: got {describe(model)}; expected an MLP or a SparseLogisticRegression{hint}")
    check_network_and_optimizer(model, optimizer, epochs)
    x, y, validation = check_training_data(model, data)
    arrays = {"theta": model.parameters, "x": x, "y": y}
    if validation is not None:
        arrays |= {"x_val": validation[0], "y_val": validation[1]}
    return arrays


PLAIN = {"momentum": 0.0, "weight_decay": 0.0, "dampening": 0.0, "clipvalue": None, "clipnorm": None}
PLAIN |= {"global_clipnorm": None, "ema_momentum": None, "gradient_accumulation_steps": None}


def _sparse_arrays(model: Any, optimizer: Any, data: Any, batch_size: Any) -> dict[str, Any]:
    """Check that a step of the optimizer is θ_j − η g_j and touches nothing else; return what is shared."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer: got {describe(optimizer)}; expected an Optimizer, e.g. SGD(learning_rate=0.5)")
    changed = [name for name, plain in PLAIN.items() if getattr(optimizer, name, plain) != plain]
    if type(optimizer) not in (SGD, GradientDescent) or changed:
        what = type(optimizer).__name__ + (f" with {', '.join(changed)}" if changed else "")
        raise ValueError(
            f"optimizer: got {what}; expected plain SGD(learning_rate=…) for a sparse model: "
            "a step must change what its sample touches, and nothing else"
        )
    if data is not None:
        raise TypeError(f"data: got {describe(data)}; expected None, since a SparseLogisticRegression has its own data")
    if batch_size is not None and check_integer("batch_size", batch_size, low=1) != 1:
        raise ValueError(f"batch_size: got {batch_size}; expected 1, since a sparse model steps sample by sample")
    return {"theta": model.parameters, "features": model.indices, "values": model.signed_values}


def _record_arrays(epochs: int, steps: int, workers: int) -> dict[str, Any]:
    """What workers write down, each its own entries: nothing is lost. ``by`` is 1 + the rank of a step's worker."""
    return {
        "ready": ((workers,), np.int8),
        "halt": ((1,), np.int8),
        "open": ((1,), np.int8),
        "begun": ((1,), np.int64),
        "taken": ((1,), np.int64),
        "loss": ((1,), np.float64),
        "by": ((epochs, steps), np.int32),
        "losses": ((epochs, steps), np.float64),
        "seconds": ((epochs, workers), np.float64),
        "rates": ((epochs,), np.float64),
        "validated": ((epochs,), np.int8),
        "validation": ((epochs, 2), np.float64),
    }


def _go_on_from(history: ParallelHistory, arrays: dict[str, np.ndarray]) -> None:
    """Tell the workers where to begin, before they do: they wait for ``open``."""
    done, (epoch, step) = len(history.step_losses), (history.epoch, history.step)
    arrays["taken"][0] = arrays["begun"][0] = done
    if step:
        arrays["losses"][epoch, :step] = history.step_losses[-step:]
        arrays["by"][epoch, :step] = 1 + history.order[-step:]
        if "staleness" in arrays:
            arrays["staleness"][epoch, :step] = history.staleness[-step:]
    arrays["open"][0] = 1


# -- after -----------------------------------------------------------------------------------------------------------


def _finish(
    model: MLP | SparseLogisticRegression,
    optimizer: Optimizer,
    history: ParallelHistory,
    results: dict[int, _Result],
    team: Team,
) -> ParallelHistory:
    """Take over θ and what was written down; pass a failure on."""
    model.parameters[:] = team.arrays["theta"]
    epochs_before = history.epoch
    _record(history, team.arrays, team.size)
    history.interrupted = team.interrupted
    if isinstance(model, MLP):
        _take_states(history, optimizer, model, {rank: result.state for rank, result in results.items() if result})
    diverged = [result.diverged for result in results.values() if result and result.diverged]
    if diverged:
        step, what = diverged[0]
        where = f"epoch {1 + step // history.steps_per_epoch}, step {1 + step % history.steps_per_epoch}"
        raise DivergenceError(divergence_message(history, optimizer, where, what), history)
    if isinstance(model, MLP) and "x_val" in team.arrays:
        _validate(model, optimizer, history, team.arrays, epochs_before)
    if team.failure is not None:
        team.failure.history = history
        raise team.failure
    return history


def _record(history: ParallelHistory, arrays: dict[str, np.ndarray], workers: int) -> None:
    """Add what was counted to the history: whole epochs, and what there is of the next.

    Where a worker was killed, others may have gone on to later epochs before the parent noticed: that is left out.
    """
    old, before = history.epoch, history.epoch * history.steps_per_epoch
    by, losses = arrays["by"][old:], arrays["losses"][old:]
    done = by > 0
    finished = int(np.append(done.all(axis=1), False).argmin())
    done[finished + 1 :] = False
    ends = np.maximum.accumulate(np.append(0.0, arrays["seconds"][old:].max(axis=1)))  # epochs overlap a little
    del history.step_losses[before:]
    for epoch in range(finished):
        history.step_losses.extend(losses[epoch].tolist())
        history.finish_epoch(float(arrays["rates"][old + epoch]), float(ends[epoch + 1] - ends[epoch]))
    rest = losses[finished:][done[finished:]].tolist()
    history.step_losses.extend(rest)
    history.step = len(rest)
    history.order = np.append(history.order[:before], by[done] - 1)
    history.updates = np.bincount(history.order, minlength=workers).tolist()
    if "staleness" in arrays:
        history.staleness = np.append(history.staleness[:before], arrays["staleness"][old:][done])


def _take_states(
    history: ParallelHistory, optimizer: Optimizer, network: MLP, states: dict[int, dict[str, Any]]
) -> None:
    """The optimizer gets the state with the most steps; the history keeps them all."""
    if states:
        most = states[max(states, key=lambda rank: states[rank]["t"])]
        history.optimizer_states = [states.get(rank, most) for rank in range(history.workers)]
        optimizer.set_state(most)
    optimizer.layout = network.layout


def _validate(
    network: MLP, optimizer: Optimizer, history: ParallelHistory, arrays: dict[str, np.ndarray], epochs_before: int
) -> None:
    """Take over the workers' validations, and judge θ as it is now in the place of those that they did not come to."""
    now: tuple[float, float] | None = None
    for epoch in range(epochs_before, history.epoch):
        judged = tuple(arrays["validation"][epoch].tolist()) if arrays["validated"][epoch] else now
        if judged is None:
            theta = optimizer.evaluation_parameters(network.parameters)
            with np.errstate(over="ignore", invalid="ignore"):
                judged = now = evaluation(network, arrays["x_val"], arrays["y_val"], theta)
        loss, accuracy = judged
        if not math.isfinite(loss):
            where, what = f"epoch {epoch + 1}, step {history.steps_per_epoch}", f"the validation loss is {loss}"
            raise DivergenceError(divergence_message(history, optimizer, where, what), history)
        history.val_loss.append(loss)
        history.val_accuracy.append(accuracy)


# -- in the worker's process -----------------------------------------------------------------------------------------


def _work(worker: Worker) -> _Result:
    runner = _Sparse(worker) if worker.settings.network is None else _Dense(worker)
    with worker.until_stopped(), np.errstate(over="ignore", invalid="ignore"):
        runner.run()
    return _Result(runner.optimizer.get_state(), runner.diverged)


class _BatchSchedule:
    """A schedule that is asked for the rate of a step among all workers' steps, not among this worker's."""

    def __init__(self, schedule: Callable[[int], float]) -> None:
        self.schedule, self.step = schedule, 0

    def __call__(self, finished_steps: int) -> float:
        return self.schedule(self.step)


class _Runner(ABC):
    """A worker's way through the steps that it gets; what a step is, the subclasses know."""

    at_once = 1  # how many steps a worker takes from the queue

    def __init__(self, worker: Worker) -> None:
        self.worker, self.job, self.arrays = worker, worker.settings, worker.arrays
        self.optimizer: Optimizer = self.job.optimizer
        self.queue, *rest = worker.locks
        self.guard: AbstractContextManager[Any] = rest[0] if rest else nullcontext()
        self.theta, self.halt = self.arrays["theta"], self.arrays["halt"]
        self.steps_an_epoch = self.arrays["losses"].shape[1]
        self.diverged: tuple[int, str] | None = None

    @property
    def stopping(self) -> bool:
        """Has the parent asked all to stop, or has training diverged in some worker?"""
        return self.worker.stopping or bool(self.halt[0])

    def run(self) -> None:
        """Start together, then take steps until there are no more."""
        self.wait_for_all()
        begun, judging, now = time.perf_counter(), 0.0, -1
        for epoch, first, n in self.turns():
            if first == 0 and epoch * self.steps_an_epoch > self.arrays["begun"][0]:
                judging += self.judge(epoch - 1)
            if epoch != now:
                now, order = epoch, self.order(epoch)
            self.steps(epoch, first, n, order)
            self.arrays["seconds"][epoch, self.worker.rank] = time.perf_counter() - begun - judging

    def wait_for_all(self) -> None:
        """Starting a process takes longer than some runs: without this the first worker would be alone for a while."""
        ready, opened = self.arrays["ready"], self.arrays["open"]
        ready[self.worker.rank] = 1
        while not ((ready.all() and opened[0]) or self.stopping):
            time.sleep(NAP)

    def turns(self) -> Iterator[tuple[int, int, int]]:
        """Take the next steps that nobody has: their epoch, the first one's place there, and how many."""
        taken, steps = self.arrays["taken"], self.steps_an_epoch
        while not self.stopping:
            with self.queue:
                epoch, first = divmod(int(taken[0]), steps)
                n = min(self.at_once, steps - first)
                taken[0] += n
            if epoch >= self.job.epochs:
                return
            yield epoch, first, n

    @abstractmethod
    def order(self, epoch: int) -> Any:
        """The order of the samples in an epoch."""

    @abstractmethod
    def steps(self, epoch: int, first: int, n: int, order: Any) -> None:
        """Take n steps of an epoch, from its ``first`` on."""

    def judge(self, epoch: int) -> float:
        """Validate, if there are data for it; return the seconds that it took."""
        return 0.0

    def count(self, epoch: int, first: int, losses: Sequence[float], rate: float) -> None:
        """Write down the losses of steps, and then who made them: the parent reads what has a name."""
        end = first + len(losses)
        self.arrays["losses"][epoch, first:end] = losses
        self.arrays["by"][epoch, first:end] = 1 + self.worker.rank
        self.arrays["loss"][0] = losses[-1]
        self.worker.progress[self.worker.rank] += len(losses)
        if end == self.steps_an_epoch:
            self.arrays["rates"][epoch] = rate

    def diverge(self, epoch: int, step: int, what: str) -> None:
        """Tell all: nobody's steps are of use now."""
        self.diverged = epoch * self.steps_an_epoch + step, what
        self.halt[0] = 1


class _Dense(_Runner):
    """Steps of a network, a batch each, with this worker's own optimizer."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(worker)
        self.network: MLP = self.job.network
        if self.job.states:
            self.optimizer.set_state(self.job.states[worker.rank])
            self.optimizer.layout = self.network.layout
        self.gradient = self.network.cut(np.empty_like(self.network.parameters))
        self.x, self.y = self.arrays["x"], self.arrays["y"]
        self.schedule: _BatchSchedule | None = None
        if self.optimizer.schedule is not None:
            self.schedule = self.optimizer.learning_rate = _BatchSchedule(self.optimizer.schedule)

    def order(self, epoch: int) -> list[np.ndarray]:
        return batches(self.job.n_samples, self.job.batch_size, self.job.seed, epoch + 1)

    def steps(self, epoch: int, first: int, n: int, order: list[np.ndarray]) -> None:
        if self.schedule is not None:
            self.schedule.step = self.job.first_step + epoch * self.steps_an_epoch + first
        x, y = self.x.take(order[first], axis=0), self.y.take(order[first], axis=0)
        try:
            with self.guard:
                self.step(epoch, first, x, y)
        except NonFiniteGradientError as error:
            self.diverge(epoch, first, str(error))

    def step(self, epoch: int, number: int, x: np.ndarray, y: np.ndarray) -> None:
        """Read θ, compute g there, change θ."""
        network, counts = self.network, self.worker.progress
        seen = counts.sum()
        network.parameters[:] = self.theta
        self.optimizer.observe(network, x, y)
        loss, gradient = network.backpropagate(x, y, network.parameters, out=self.gradient)
        if not math.isfinite(loss):
            raise NonFiniteGradientError(f"the loss is {loss}")
        self.arrays["staleness"][epoch, number] = counts.sum() - seen
        self.optimizer.step(self.theta, gradient)
        self.count(epoch, number, [loss], self.optimizer.learning_rate)

    def judge(self, epoch: int) -> float:
        """Judge at the evaluation parameters of this worker's optimizer."""
        if "x_val" not in self.arrays:
            return 0.0
        begun = time.perf_counter()
        theta = self.optimizer.evaluation_parameters(self.theta).copy()
        judged = evaluation(self.network, self.arrays["x_val"], self.arrays["y_val"], theta)
        self.arrays["validation"][epoch] = tuple(judged)
        self.arrays["validated"][epoch] = 1
        return time.perf_counter() - begun


class _Sparse(_Runner):
    """Steps of a sparse logistic regression, a sample each."""

    def __init__(self, worker: Worker) -> None:
        super().__init__(worker)
        self.at_once = max(1, min(CHUNK, self.steps_an_epoch // (4 * worker.size)))
        # Rows as objects of their own, made once: cutting them out of an array takes as long as a product.
        self.rows = list(zip(self.arrays["features"], self.arrays["values"], strict=True))

    def order(self, epoch: int) -> np.ndarray:
        return np.concatenate(batches(self.job.n_samples, self.job.n_samples, self.job.seed, epoch + 1))

    def steps(self, epoch: int, first: int, n: int, order: np.ndarray) -> None:
        samples = order[first : first + n].tolist()
        rates = self.rates(epoch * self.steps_an_epoch + first, n)
        margins = descend(self.theta, [self.rows[i] for i in samples], rates, self.guard)
        losses = np.logaddexp(0.0, -np.array(margins))
        good = int(np.append(np.isfinite(losses), False).argmin())
        if good:
            self.count(epoch, first, losses[:good].tolist(), rates[-1])
        if good < n:
            self.diverge(epoch, first + good, f"the loss is {losses[good]}")

    def rates(self, step: int, n: int) -> list[float]:
        """The rates of n steps from this one on."""
        schedule, first = self.optimizer.schedule, self.job.first_step + step
        if schedule is None:
            return [self.optimizer.learning_rate] * n
        return [rate_at(schedule, t) for t in range(first, first + n)]


def descend(
    theta: np.ndarray,
    rows: Iterable[tuple[np.ndarray, np.ndarray]],
    rates: Iterable[float],
    guard: AbstractContextManager[Any],
) -> list[float]:
    """Step down the loss of one sample after the other, θ_j ← θ_j + η σ(−m) s x_j; return their margins m.

    σ(−m) is written as (1 − tanh(m/2))/2, which does not overflow.
    """
    take, tanh, margins = theta.take, math.tanh, []
    for (features, values), rate in zip(rows, rates, strict=True):
        with guard:
            margin = take(features).dot(values)
            theta[features] += rate * (1.0 - tanh(margin / 2)) / 2 * values
        margins.append(margin)
    return margins
