"""A parameter server: workers fetch θ, bring a gradient when they have it, and nobody waits for anybody."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import connection
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from nnopt_utils._bars import progress_bar
from nnopt_utils._interrupts import deferred_interrupt
from nnopt_utils._validation import (
    called_as,
    check_choice,
    check_integer,
    check_not_negative,
    describe,
)
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import NonFiniteGradientError, Optimizer
from nnopt_utils.optimizers.hyperparameters import rate_at
from nnopt_utils.parallel.result import ParallelHistory, begin_history
from nnopt_utils.parallel.team import POLL, Bell, Stopped, Team, Worker, WorkerError
from nnopt_utils.training import (
    DivergenceError,
    batches,
    check_belongs,
    check_network_and_optimizer,
    check_training_data,
    divergence_message,
    evaluation,
)

USAGE = "parameter_server(network, optimizer, data, epochs=10, batch_size=32, workers=2, staleness_bound=None)"
NAP = 0.05  # seconds: how soon a worker that is slowed down notices that it shall stop

Factor = Callable[[int], float]


@dataclass(repr=False)
class ServerHistory(ParallelHistory):
    """What a training with a :func:`parameter_server` leaves behind. Arrays have an entry an update, in their order.

    With ``order``, ``staleness`` and ``batches`` a run can be repeated in one process: update v, from 0, changes θ_v
    by the gradient of batch ``batches[v]`` of its epoch at θ_{v − τ}, τ = ``staleness[v]``.

    Attributes:
        batches: which batch of its epoch the gradient was of, from 0.
        gradient_seconds: from the moment its worker had θ to the finished gradient; a slow-down is in it.
        service_seconds: that the server took for the step, and to hand out θ afterwards.
        bytes_received: how many bytes of θ each worker fetched, in all.
        lost: ranks of the workers that ended on the way, in their order.

    ``bytes_sent`` counts gradients; the loss and a few counters, which travel beside them, are not counted.

    Example:
        >>> history = ServerHistory(seed=0, batch_size=1, n_samples=3, workers=2)
        >>> history.order, history.gradient_seconds = np.array([0, 1, 1]), np.array([0.1, 0.3, 0.5])
        >>> history.mean_gradient_seconds
        [0.1, 0.4]
    """

    batches: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    gradient_seconds: np.ndarray = field(default_factory=lambda: np.zeros(0))
    service_seconds: np.ndarray = field(default_factory=lambda: np.zeros(0))
    bytes_received: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)

    @property
    def mean_gradient_seconds(self) -> list[float]:
        """Mean of each worker's ``gradient_seconds``; NaN for one that brought no gradient."""
        own = [self.gradient_seconds[self.order == rank] for rank in range(self.workers)]
        return [float(seconds.mean()) if seconds.size else math.nan for seconds in own]


class _Job(NamedTuple):
    """What every worker is told."""

    network: MLP
    batch_size: int
    slow: list[float]


@called_as(
    USAGE,
    n_workers="workers",
    num_workers="workers",
    world_size="workers",
    processes="workers",
    bound="staleness_bound",
    max_staleness="staleness_bound",
    staleness="staleness_bound",
    s="staleness_bound",
    delays="slow",
    callback="data_parallel or fit, or none at all",
)
def parameter_server(
    network: MLP,
    optimizer: Optimizer,
    data: Any,
    epochs: int = 10,
    batch_size: int = 32,
    seed: int | np.random.Generator = 0,
    *,
    workers: int = 2,
    staleness_bound: int | None = None,
    staleness_aware: bool | Factor = False,
    slow: Mapping[int, float] | Sequence[float] | None = None,
    on_failure: str = "raise",
    history: ServerHistory | None = None,
    progress: bool = True,
) -> ServerHistory:
    r"""Train a network asynchronously: P processes compute gradients, a server applies each as it comes.

    The server, which is the calling process, owns θ and the optimizer. A worker is handed θ and a mini-batch, computes
    the gradient, and brings it; the server takes a step with it at once, and hands the worker the new θ and the next
    batch. So the gradient of a step is not of the θ that it changes. Its *staleness* τ is how many steps came between:
    with v for the number of steps taken,

    .. math:: \tau = v_{\text{applied}} - v_{\text{fetched}}

    and θ_v is changed by a gradient at θ_{v − τ}. It is counted for every step. θ is copied for each worker between two
    steps, so a gradient is of one of the θ_v, never of a mixture. One worker gives ``fit``'s steps.

    The batches of an epoch are ``fit``'s, handed out in ``fit``'s order. All have to be back before the next epoch
    begins: there workers do wait. Without a bound, with P workers and S >= P batches, the mean staleness of an epoch is
    (P − 1) (1 − P / 2S), *however fast or slow each worker is*, for every step adds one to each other gradient that is
    under way. Only the spread differs: a slow worker's gradients are staler, and the others' fresher.

    **A bound** makes it stale-synchronous parallel. A worker's clock c is how many of its gradients the server has
    taken in this call. With ``staleness_bound`` = s it is handed θ only when no worker's clock is below c − s; until
    then it waits. So c is at most s above the lowest clock when a gradient is begun, and at most s + 1 at any time.
    This bounds the staleness: while a worker of clock c computes, each other one gets from c − s at the lowest to
    c + s + 1 at most, hence

    .. math:: \tau \le (P - 1) (2 s + 1) .

    s = 0 is lockstep: everyone takes part once in each round, all gradients of a round are of one θ, and the r-th that
    is applied has staleness r − 1. (A round in which an epoch ends has two θ.)

    Args:
        network: what to train; its parameters change in place.
        optimizer: any but those that look at the batch themselves, such as ``KFAC``: the server has only gradients. One
            optimizer, one state, which advances with everyone's gradients.
        data: a ``Dataset``, ``(x, y)``, or ``(x, y, x_val, y_val)``; the samples are shared, not copied for each.
        epochs: how many epochs in all, >= 1; default 10.
        batch_size: B >= 1, of each gradient; default 32.
        seed: fixes the batches. The order in which workers come is up to the machine: with two or more, runs differ.
        workers: P >= 1; default 2. Each is a process with one BLAS thread; the server is one more.
        staleness_bound: s >= 0; default ``None``, no bound.
        staleness_aware: ``True``: a step has the rate η / τ where τ >= 1. Or a function of τ that gives the rate's
            factor, >= 0. Default ``False``. The rate is changed, not the gradient, whose scale Adam takes out again.
            Where a rule multiplies its whole velocity by the rate (PyTorch's SGD), older gradients' shares in the step
            shrink with it.
        slow: seconds that are added to each gradient of a worker, to see what a slow one does: ``{rank: seconds}``, or
            P numbers. Default none.
        on_failure: when a worker is killed or fails: ``"raise"`` (default), or ``"continue"`` with the others, who take
            over its batch; ``history.lost`` has its rank.
        history: of an earlier, shorter or interrupted call: training goes on there, with the batches that are not back.
        progress: show one progress bar.

    Returns:
        The history. ``step_losses`` are of the batches at the θ that their workers had, in the order of the steps;
        ``learning_rate`` is the optimizer's, before a factor for staleness. An interrupt ends the run after the step
        under way; gradients that are not back are dropped.

    Raises:
        WorkerError: a worker was killed or failed (or all were, with ``on_failure="continue"``); names it.
            ``error.history`` is the training up to there; network and optimizer are as the last step left them.
        DivergenceError: as in ``fit``.
        TypeError, ValueError: bad arguments; nothing is changed.

    Example:
        >>> from nnopt_utils.optimizers import SGD
        >>> x, y = np.arange(40.0)[:, None] / 40, np.arange(40) // 20
        >>> network = MLP([1, 2])
        >>> history = parameter_server(network, SGD(1.0), (x, y), epochs=5, batch_size=4, workers=2, progress=False)
        >>> len(history.staleness), round(history.mean_staleness, 9)      # 50 steps; 1 · (1 − 2/20)
        (50, 0.9)
        >>> sum(history.updates), sum(history.bytes_sent) == 50 * network.parameters.nbytes
        (50, True)

    Source: Dean et al. (2012), *Large scale distributed deep networks*, NeurIPS (Downpour SGD); Ho et al. (2013), *More
    effective distributed ML via a stale synchronous parallel parameter server*, NeurIPS (the bound); Zhang, Gupta, Lian
    and Liu (2016), *Staleness-aware async-SGD for distributed deep learning*, IJCAI (the rate).

    Warning:
        Ho et al. let workers add their own updates to a cached θ; here all go through the server's optimizer, and what
        is fetched is the newest θ. In a script, the call stands below ``if __name__ == "__main__":``, since a spawned
        process imports the script first.
    """
    check_network_and_optimizer(network, optimizer, epochs)
    x, y, validation = check_training_data(network, data)
    check_integer("epochs", epochs, low=1)
    check_integer("batch_size", batch_size, low=1)
    check_integer("workers", workers, low=1)
    if staleness_bound is not None:
        check_integer("staleness_bound", staleness_bound, low=0)
    factor = _factor(staleness_aware)
    seconds = _slow_downs(slow, workers)
    check_choice("on_failure", on_failure, ["raise", "continue"])
    _check_optimizer(optimizer, scaled=factor is not None)
    if history is None:
        check_belongs(network, optimizer)
    history = begin_history(ServerHistory, "parameter_server", history, len(x), batch_size, seed, workers)
    history.bytes_received = history.bytes_received or [0] * workers
    if history.epoch >= epochs:
        return history
    optimizer.layout = network.layout
    rules = _Rules(epochs, staleness_bound, factor, on_failure)
    total, done = epochs * history.steps_per_epoch, len(history.step_losses)
    with (
        deferred_interrupt() as interrupted,
        threadpool_limits(1, user_api="blas"),
        _ServedTeam(_Job(network, batch_size, seconds), x, y, history.seed, interrupted) as team,
    ):
        server = _Server(network, optimizer, history, rules, validation, team, interrupted)
        with progress_bar(server.status, total, done, shown=progress) as bar:
            server.run(bar.update)
    return history


# -- arguments -------------------------------------------------------------------------------------------------------


class _Rules(NamedTuple):
    """What the server keeps to."""

    epochs: int
    bound: int | None
    factor: Factor | None
    on_failure: str


def _factor(staleness_aware: Any) -> Factor | None:
    """Return the rate's factor as a function of τ, or None."""
    if isinstance(staleness_aware, bool | np.bool_):
        return (lambda tau: 1 / max(tau, 1)) if staleness_aware else None
    if not callable(staleness_aware) or isinstance(staleness_aware, type):
        raise TypeError(
            f"staleness_aware: got {describe(staleness_aware)}; expected True, False, or a function of τ that gives "
            "the rate's factor, e.g. lambda tau: 1 / (1 + tau)"
        )

    def factor(tau: int) -> float:
        return check_not_negative(f"staleness_aware({tau})", staleness_aware(tau))

    factor(0), factor(1)  # what is no such function is refused before anything has begun
    return factor


def _slow_downs(slow: Any, workers: int) -> list[float]:
    """Return the seconds to be added to each worker's gradients."""
    if slow is None:
        return [0.0] * workers
    if isinstance(slow, Mapping):
        for rank in slow:
            check_integer("slow: a rank", rank, low=0, high=workers - 1)
        slow = [slow.get(rank, 0.0) for rank in range(workers)]
    if not isinstance(slow, Sequence | np.ndarray) or isinstance(slow, str) or len(slow) != workers:
        raise ValueError(
            f"slow: got {describe(slow)}; expected {{rank: seconds}}, or {workers} numbers, one for each worker"
        )
    return [check_not_negative(f"slow[{rank}]", seconds) for rank, seconds in enumerate(slow)]


def _check_optimizer(optimizer: Optimizer, *, scaled: bool) -> None:
    """Refuse what cannot work from gradients alone, or at the rates that it is given."""
    name = type(optimizer).__name__
    if type(optimizer).observe is not Optimizer.observe:
        raise ValueError(
            f"optimizer: got {name}, which looks at the batch at the θ of its gradient; expected one that needs the "
            "gradient only: a server has nothing else"
        )
    if scaled and "learning_rate" not in optimizer.declared:
        raise ValueError(
            f"staleness_aware: got a factor for the rate of {name}, which computes its rate itself; expected False"
        )


# -- the team --------------------------------------------------------------------------------------------------------


class _Ring(Bell):
    """A bell that one may also listen for without waiting for ever.

    Who waits sleeps at once, and does not look a few hundred times first: with the server there is a process more than
    workers, and on as many cores as workers the one that looks keeps from running the one that it waits for.
    """

    def wait(self) -> None:
        self._semaphore.acquire()
        if self._stop[0]:
            self.ring()
            raise Stopped

    def heard(self, patience: float = 0.0) -> bool:
        """Take one, if there is one within so many seconds."""
        return bool(self._semaphore.acquire(patience > 0, patience or None))


class _Bells(NamedTuple):
    """Who rings whom."""

    fetched: Sequence[_Ring]  # of each worker: its θ and its batch are there
    brought: Sequence[_Ring]  # of each worker: its gradient is there
    door: _Ring  # somebody's gradient is there

    @classmethod
    def of(cls, bells: Sequence[Any]) -> _Bells:
        workers = len(bells) // 2
        return cls(bells[:workers], bells[workers:-1], bells[-1])


class _ServedTeam(Team):
    """A team whose parent is at work too. Each worker has a θ and a gradient in shared memory.

    Only one side has them at a time: the worker from the ring of ``fetched`` to that of ``brought``, else the server.
    """

    def __init__(self, job: _Job, x: np.ndarray, y: np.ndarray, seed: int, interrupted: Callable[[], bool]) -> None:
        workers, theta = len(job.slow), job.network.parameters
        shared: dict[str, Any] = {name: ((workers, len(theta)), theta.dtype) for name in ("thetas", "gradients")}
        shared |= {name: ((workers,), np.float64) for name in ("losses", "seconds")}
        shared |= {"jobs": ((workers,), np.int64), "rows": ((len(x),), np.int64)}
        super().__init__(_work, workers, job, {"x": x, "y": y} | shared, seed=seed)
        bells = [_Ring(self._context, self._stop) for _ in range(2 * workers + 1)]
        self.bells = _Bells.of(bells)
        self._interrupted = interrupted
        self._locks = bells  # type: ignore[assignment]  # what travels to the workers, and rings when all shall stop

    def ended(self, ranks: set[int]) -> Iterator[tuple[int, WorkerError]]:
        """Which of these workers have ended, and how."""
        pipes: dict[Any, int] = {self._pipes[rank]: rank for rank in ranks}
        for pipe in connection.wait(list(pipes), timeout=0):
            rank, self._failure = pipes[pipe], None
            self._look({rank})
            if (error := self.failure) is not None:
                yield rank, error


# -- the server ------------------------------------------------------------------------------------------------------


class _Server:
    """θ and the optimizer: hands out θ, takes gradients, takes a step with each."""

    def __init__(
        self,
        network: MLP,
        optimizer: Optimizer,
        history: ServerHistory,
        rules: _Rules,
        validation: tuple[np.ndarray, np.ndarray] | None,
        team: _ServedTeam,
        interrupted: Callable[[], bool],
    ) -> None:
        self.network, self.optimizer, self.history, self.rules = network, optimizer, history, rules
        self.validation, self.team, self.interrupted = validation, team, interrupted
        self.alive = set(range(team.size))
        self.turn = deque(range(team.size))  # who is asked first for a gradient: who was served last comes last
        self.version = len(history.step_losses)
        self.fetched = [0] * team.size  # the version that each worker has
        self.clocks = [0] * team.size
        self.at_work: dict[int, int] = {}  # rank -> number of its batch
        self.batches: deque[int] = deque()  # numbers of the batches that wait
        self.record = _Record(history)
        self.next_look = 0.0

    def run(self, count: Callable[[], Any]) -> None:
        """Serve until the last epoch is over or somebody interrupts."""
        history = self.history
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                self.gather()
                while history.epoch < self.rules.epochs and not self.interrupted():
                    self.epoch(count)
        finally:
            self.record.write()
            history.interrupted = self.interrupted()

    def status(self) -> str:
        """What the bar says."""
        history = self.history
        last = f"{history.step_losses[-1]:.4g}" if history.step_losses else "…"
        return f"epoch {history.epoch + 1} of {self.rules.epochs}, loss {last}"

    def gather(self) -> None:
        """Wait until everyone is there, so that all begin together."""
        absent = set(self.alive)
        while absent & self.alive and not self.interrupted():
            rank = self.next_ring()
            if rank is not None:
                absent.discard(rank)

    def epoch(self, count: Callable[[], Any]) -> None:
        """Serve the rest of an epoch; judge afterwards."""
        history = self.history
        order = batches(history.n_samples, history.batch_size, history.seed, history.epoch + 1)
        self.team.arrays["rows"][:] = np.concatenate(order)  # no worker reads it now
        self.batches = deque(sorted(set(range(len(order))) - set(self.record.of_this_epoch())))
        begun = time.perf_counter()
        self.hand_out()
        while history.step < len(order):
            if self.interrupted():
                return
            rank = self.next_ring()
            if rank is not None:
                self.serve(rank)
                count()
        self.finish_epoch(time.perf_counter() - begun)

    def serve(self, rank: int) -> None:
        """Take a worker's gradient, and hand out what can be handed out now."""
        begun = time.perf_counter()
        arrays, history = self.team.arrays, self.history
        staleness = self.version - self.fetched[rank]
        loss = float(arrays["losses"][rank])
        try:
            if not math.isfinite(loss):
                raise NonFiniteGradientError(f"the loss is {loss}")
            self.step(arrays["gradients"][rank], staleness)
        except NonFiniteGradientError as error:
            where = f"epoch {history.epoch + 1}, step {history.step + 1}"
            what = f"{error} (worker {rank}, staleness {staleness})"
            raise DivergenceError(divergence_message(history, self.optimizer, where, what), history) from None
        history.step_losses.append(loss)
        history.step += 1
        history.updates[rank] += 1
        history.bytes_sent[rank] += arrays["gradients"][rank].nbytes
        self.version += 1
        self.clocks[rank] += 1
        took, batch = float(arrays["seconds"][rank]), self.at_work.pop(rank)
        self.hand_out()
        self.record.add(rank, staleness, batch, took, time.perf_counter() - begun)

    def step(self, gradient: np.ndarray, staleness: int) -> None:
        factor = 1.0 if self.rules.factor is None else self.rules.factor(staleness)
        if factor == 1:
            self.optimizer.step(self.network.parameters, gradient)
            return
        with scaled_rate(self.optimizer, factor):
            self.optimizer.step(self.network.parameters, gradient)

    def hand_out(self) -> None:
        """θ and the next batch for everyone who has none and may go on."""
        arrays, bound = self.team.arrays, self.rules.bound
        slowest = min(self.clocks[rank] for rank in self.alive)
        for rank in sorted(self.alive - set(self.at_work)):
            if not self.batches:
                return
            if bound is not None and self.clocks[rank] - slowest > bound:
                continue
            self.at_work[rank] = self.batches.popleft()
            self.fetched[rank] = self.version
            arrays["thetas"][rank][:] = self.network.parameters
            arrays["jobs"][rank] = self.at_work[rank]
            self.history.bytes_received[rank] += arrays["thetas"][rank].nbytes
            self.team.bells.fetched[rank].ring()

    def next_ring(self) -> int | None:
        """The next worker who rang, in turn; None if nobody did for a while. Sees who has ended."""
        if time.monotonic() > self.next_look:
            self.look()
            self.next_look = time.monotonic() + POLL
        bells = self.team.bells
        for rank in self.turn:
            if bells.brought[rank].heard():
                while bells.door.heard():  # rung for what is seen in ``brought`` from now on
                    pass
                self.turn.remove(rank)
                self.turn.append(rank)
                return rank
        bells.door.heard(POLL)
        return None

    def look(self) -> None:
        """Go on without those who have ended, if that is wished."""
        for rank, error in self.team.ended(self.alive):
            self.alive.discard(rank)
            self.turn.remove(rank)
            self.history.lost.append(rank)
            if rank in self.at_work:
                self.batches.appendleft(self.at_work.pop(rank))
            if self.rules.on_failure == "raise" or not self.alive:
                error.history = self.history
                raise error
            self.hand_out()

    def finish_epoch(self, seconds: float) -> None:
        """Record the end of an epoch; judge at the optimizer's evaluation parameters."""
        history = self.history
        numbers = np.array(self.record.of_this_epoch())
        history.finish_epoch(self.optimizer.learning_rate, seconds)
        sizes = np.full(len(numbers), history.batch_size)  # the smaller, last batch need not have come last
        sizes[numbers == len(numbers) - 1] = history.n_samples - (len(numbers) - 1) * history.batch_size
        history.train_loss[-1] = float(np.average(history.step_losses[-len(numbers) :], weights=sizes))
        if self.validation is None:
            return
        judged = self.optimizer.evaluation_parameters(self.network.parameters)
        loss, accuracy = evaluation(self.network, *self.validation, judged)
        if not math.isfinite(loss):
            where = f"epoch {history.epoch}, step {history.steps_per_epoch}"
            what = f"the validation loss is {loss}"
            raise DivergenceError(divergence_message(history, self.optimizer, where, what), history)
        history.val_loss.append(loss)
        history.val_accuracy.append(accuracy)


class _Record:
    """What is noted of every step, in lists; arrays of the history in the end."""

    def __init__(self, history: ServerHistory) -> None:
        self.history = history
        self.order, self.staleness, self.batches = (
            column.tolist() for column in (history.order, history.staleness, history.batches)
        )
        self.took, self.service = history.gradient_seconds.tolist(), history.service_seconds.tolist()

    def add(self, rank: int, staleness: int, batch: int, took: float, service: float) -> None:
        self.order.append(rank)
        self.staleness.append(staleness)
        self.batches.append(batch)
        self.took.append(took)
        self.service.append(service)

    def of_this_epoch(self) -> list[int]:
        """Numbers of the batches whose gradients were applied in the epoch under way."""
        return list(self.batches[len(self.batches) - self.history.step :])

    def write(self) -> None:
        history = self.history
        history.order, history.staleness, history.batches = (
            np.array(column, dtype=np.int64) for column in (self.order, self.staleness, self.batches)
        )
        history.gradient_seconds, history.service_seconds = np.array(self.took), np.array(self.service)


@contextmanager
def scaled_rate(optimizer: Optimizer, factor: float) -> Iterator[None]:
    """Let an optimizer's rate, or its schedule's, be multiplied by a factor in the block."""
    given = optimizer.learning_rate if optimizer.schedule is None else optimizer.schedule
    optimizer.learning_rate = lambda finished: factor * rate_at(given, finished)
    try:
        yield
    finally:
        optimizer.learning_rate = given


# -- in the worker's process -----------------------------------------------------------------------------------------


def _work(worker: Worker) -> None:
    """Compute a gradient whenever θ is there."""
    job: _Job = worker.settings
    rank, arrays, bells = worker.rank, worker.arrays, _Bells.of(worker.locks)
    x, y, rows, size = arrays["x"], arrays["y"], arrays["rows"], job.batch_size
    theta, gradient = arrays["thetas"][rank], job.network.cut(arrays["gradients"][rank])
    with worker.until_stopped(), np.errstate(over="ignore", invalid="ignore"):
        _ring(bells, rank)  # here I am
        while True:
            bells.fetched[rank].wait()
            begun = time.perf_counter()
            start = int(arrays["jobs"][rank]) * size
            batch = rows[start : start + size]
            loss, _ = job.network.backpropagate(x.take(batch, axis=0), y.take(batch, axis=0), theta, out=gradient)
            _pause(job.slow[rank], worker)
            arrays["losses"][rank] = loss
            arrays["seconds"][rank] = time.perf_counter() - begun
            worker.progress[rank] += 1
            _ring(bells, rank)


def _ring(bells: _Bells, rank: int) -> None:
    """First one's own bell: the server that wakes at the door looks there."""
    bells.brought[rank].ring()
    bells.door.ring()


def _pause(seconds: float, worker: Worker) -> None:
    """Sleep so long, or until all shall stop."""
    end = time.perf_counter() + seconds
    while (left := end - time.perf_counter()) > 0 and not worker.stopping:
        time.sleep(min(left, NAP))
