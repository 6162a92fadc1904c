"""Distributed training of thousands of workers, simulated event by event: the loss against simulated seconds."""

from __future__ import annotations

import copy
import heapq
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnopt_utils._objective import Objective, check_objective
from nnopt_utils._validation import (
    as_generator,
    called_as,
    check_array,
    check_choice,
    check_integer,
    check_not_negative,
    check_number,
    check_positive,
    describe,
)
from nnopt_utils.optimizers import NonFiniteGradientError, Optimizer
from nnopt_utils.parallel.cluster import Cluster, Durations

METHODS = ("synchronous", "asynchronous", "stale_synchronous", "local")
# Which method an option belongs to.
OPTIONS = {
    "staleness_bound": "stale_synchronous",
    "local_steps": "local",
    "outer_optimizer": "local",
    "backup_workers": "synchronous",
}


@dataclass(frozen=True, eq=False)
class Simulation:
    """The record of ``simulate_asynchrony``: T updates of the shared θ leave T + 1 losses.

    Attributes:
        method, cluster: as given.
        times: simulated seconds at which θ was changed, ascending, shape (T + 1,); the first is 0, the start.
        losses: J(θ) from each of these times on, without noise, shape (T + 1,).
        staleness: how many updates came between the reading of the θ that an update's gradient was taken at and the
            update, shape (T,). Where workers wait for each other it is 0.
        applied_by: the worker whose gradient each update was, shape (T,); empty where all workers share an update.
        gradients: how many gradients went into the updates.
        bytes_sent: by all machines together.
        busy: the share of the time that each worker spent on gradients, also on those thrown away, shape (P,).
        seconds: how long the simulation lasts.
        theta: θ at its end, shape (d,).
        diverged: whether J, θ or a gradient stopped being finite: the run ends with the update that did it, which the
            record leaves out.

    Example:
        >>> from nnopt_utils.optimizers import SGD
        >>> from nnopt_utils.problems import Quadratic
        >>> run = simulate_asynchrony(Quadratic([1.0]), SGD(0.1), Cluster(workers=3), updates=6)
        >>> run.times, run.staleness, run.applied_by
        (array([0., 1., 1., 1., 2., 2., 2.]), array([0, 1, 2, 2, 2, 2]), array([0, 1, 2, 0, 1, 2]))
        >>> run
        Simulation(asynchronous, 3 workers: 6 updates in 2 s, J = 0.1058, mean staleness 1.5, idle 0 %, 96 bytes sent)
    """

    method: str
    cluster: Cluster
    times: np.ndarray
    losses: np.ndarray
    staleness: np.ndarray
    applied_by: np.ndarray
    gradients: int
    bytes_sent: int
    busy: np.ndarray
    seconds: float
    theta: np.ndarray
    diverged: bool

    @property
    def updates(self) -> int:
        """How often the shared θ was changed."""
        return len(self.losses) - 1

    @property
    def updates_per_second(self) -> float:
        """Updates a simulated second."""
        return self.updates / self.seconds if self.seconds else 0.0

    @property
    def idle_share(self) -> float:
        """The share of the workers' time that was spent waiting, for others or for messages."""
        return 1 - float(self.busy.mean())

    def loss_at(self, seconds: Any) -> Any:
        """Return J after so many simulated seconds: of the last update until then; infinite after a divergence.

        Args:
            seconds: a number, or an array of any shape, from 0 to the simulation's ``seconds``.

        Example:
            >>> from nnopt_utils.optimizers import SGD
            >>> from nnopt_utils.problems import Quadratic
            >>> cluster = Cluster(workers=2, seconds_per_gradient=[1.0, 10.0])
            >>> run = simulate_asynchrony(Quadratic([1.0]), SGD(0.5), cluster, seconds=5)
            >>> run.loss_at([0, 0.9, 1.0, 5.0]).round(4)
            array([0.5   , 0.5   , 0.125 , 0.0005])
        """
        asked = check_array("seconds", seconds)
        end = math.inf if self.diverged else self.seconds
        if not ((asked >= 0) & (asked <= end)).all():
            raise ValueError(
                f"seconds: got {describe(seconds)}; expected 0 <= seconds <= {end:g}, the simulation's end"
            )
        found = self.losses[np.searchsorted(self.times, asked, side="right") - 1]
        if self.diverged:
            found = np.where(asked >= self.seconds, math.inf, found)
        return float(found) if asked.ndim == 0 else found

    def __repr__(self) -> str:
        end = "diverged" if self.diverged else f"J = {self.losses[-1]:.4g}"
        parts = [f"{self.updates} updates in {self.seconds:.4g} s", end]
        if self.applied_by.size:
            parts.append(f"mean staleness {self.staleness.mean():.3g}")
        parts += [f"idle {100 * self.idle_share:.0f} %", f"{self.bytes_sent:,} bytes sent"]
        return f"Simulation({self.method}, {self.cluster.workers} workers: {', '.join(parts)})"


@called_as(
    "simulate_asynchrony(problem, optimizer, Cluster(workers=8), method='asynchronous', updates=1000)",
    workers="cluster=Cluster(workers=…)",
    n_workers="cluster=Cluster(workers=…)",
    latency="cluster=Cluster(latency=…)",
    bandwidth="cluster=Cluster(bandwidth=…)",
    stragglers="cluster=Cluster(stragglers=…)",
    steps="updates",
    n_steps="updates",
    time="seconds",
    budget="seconds",
    noise="sigma",
    staleness="staleness_bound",
    bound="staleness_bound",
    H="local_steps",
    lr="SGD(learning_rate=…), which is the optimizer's",
    learning_rate="SGD(learning_rate=…), which is the optimizer's",
    random_state="seed",
)
def simulate_asynchrony(
    problem: Objective,
    optimizer: Optimizer,
    cluster: Cluster,
    method: str = "asynchronous",
    *,
    updates: int | None = None,
    seconds: float | None = None,
    target: float | None = None,
    sigma: float = 0.0,
    batch_size: int = 1,
    message_bytes: int | None = None,
    staleness_bound: int | None = None,
    local_steps: int | None = None,
    outer_optimizer: Optimizer | None = None,
    backup_workers: int | None = None,
    start: np.ndarray | None = None,
    seed: int | np.random.Generator = 0,
) -> Simulation:
    r"""Train on an imagined cluster: which gradient arrives when, how stale it is, and what that does to the loss.

    Time is simulated, so that thousands of workers take seconds; the gradients are real ones, with Gaussian noise of
    variance σ²/B in every entry in the place of a mini-batch.

    ``"asynchronous"``: a worker sends its gradient to a server, which applies it at once and answers with the new θ.
    Gradients are applied in the order in which they were sent; the server's link in, its processor and its link out
    each serve one at a time. Whatever the speeds are, the mean staleness tends to P − 1 as updates become many.

    ``"stale_synchronous"``: the same, but a worker starts a gradient only while it is at most s gradients ahead of the
    slowest, counting those that were applied. So these numbers differ by at most s + 1. A worker that had to wait reads
    the θ of the moment in which it may start. With s = 0 all P gradients of a round are taken at the same θ, and are
    applied one by one.

    ``"synchronous"``: all workers take a gradient at the same θ; the mean of these is applied. A round lasts as long as
    its slowest worker and an all-reduce of the gradient. With b backup workers the round ends with the (P − b)-th
    gradient; the b others are thrown away.

    ``"local"``: each worker takes H steps of its own, with its own optimizer, whose state it keeps; then the mean of
    all θ is taken. A round lasts as long as the slowest worker's H gradients and an all-reduce of θ. An outer optimizer
    is given the way back, from the mean to the θ before, as its gradient.

    Args:
        problem: an ``Objective``, as in ``minimize``.
        optimizer: a new one. It is copied, so that it stays new. Its rate is that of one update (of a local step).
        cluster: a :class:`Cluster`.
        method: one of the four; default ``"asynchronous"``.
        updates: how many changes of the shared θ, >= 1: gradients of one worker, or rounds.
        seconds: > 0: how many simulated seconds. Give this, ``updates``, or both: whichever comes first ends the run.
        target: a loss: the run also ends with the first update after which J is at most that; at 0 seconds,
            where it is so at the start. Default: none.
        sigma: σ >= 0, the standard deviation of an entry of one sample's gradient; default 0.
        batch_size: B >= 1, samples a gradient; default 1. A gradient's seconds are the cluster's, whatever B.
        message_bytes: of a gradient, and of θ; default 8 d.
        staleness_bound: s >= 0, which ``"stale_synchronous"`` needs.
        local_steps: H >= 1, which ``"local"`` needs.
        outer_optimizer: of ``"local"``, e.g. ``SGD(0.7, momentum=0.9, nesterov=True)`` as in DiLoCo; it is copied.
            Default: the mean itself.
        backup_workers: 0 <= b < P, of ``"synchronous"``; default 0.
        start: θ_1, shape (d,); default ``problem.start``. All workers have it at 0 seconds.
        seed: of the durations and of the noise: an integer or a ``numpy.random.Generator``; default 0. With one seed
            the n-th gradient of a worker takes the same time, whatever the method.

    Returns:
        The record. An asynchronous update sends two messages (under a bound, a worker that waits at the end has not got
        the second), a round of all workers 2 (P − 1) times the bytes of one.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> from nnopt_utils.optimizers import SGD
        >>> from nnopt_utils.problems import Quadratic
        >>> cluster = Cluster(workers=100, stragglers=0.01, slowdown=10)
        >>> runs = {
        ...     method: simulate_asynchrony(Quadratic(kappa=10), SGD(0.002), cluster, method, seconds=100)
        ...     for method in ("synchronous", "asynchronous")
        ... }
        >>> [run.updates for run in runs.values()]                  # all wait for one; or 99 do not
        [10, 9910]
        >>> [round(run.idle_share, 2) for run in runs.values()]
        [0.89, 0.0]

    Source: Q. Ho et al., "More effective distributed ML via a stale synchronous parallel parameter server", NIPS 2013;
    J. Chen, X. Pan, R. Monga, S. Bengio, R. Jozefowicz, "Revisiting distributed synchronous SGD", 2016, arXiv
    1604.00981; A. Douillard et al., "DiLoCo: distributed low-communication training of language models", 2023, arXiv
    2311.08105.
    """
    check_objective(problem, start, "simulate_asynchrony(problem, optimizer, Cluster(workers=8))")
    _check_new("optimizer", optimizer)
    if not isinstance(cluster, Cluster):
        raise TypeError(f"cluster: got {describe(cluster)}; expected a Cluster, e.g. Cluster(workers=8)")
    check_choice("method", method, METHODS)
    options = _check_options(
        method,
        cluster,
        staleness_bound=staleness_bound,
        local_steps=local_steps,
        outer_optimizer=outer_optimizer,
        backup_workers=backup_workers,
    )
    if updates is None and seconds is None:
        raise ValueError("updates: got None, and seconds too; expected one of them, or both")
    run = _Run(problem, copy.deepcopy(optimizer), cluster, start, as_generator(seed))
    run.last = math.inf if updates is None else check_integer("updates", updates, low=1)
    run.until = math.inf if seconds is None else check_positive("seconds", seconds)
    run.target = -math.inf if target is None else check_number("target", target)
    run.sd = check_not_negative("sigma", sigma) / math.sqrt(check_integer("batch_size", batch_size, low=1))
    run.n_bytes = 8 * run.theta.size if message_bytes is None else check_integer("message_bytes", message_bytes, low=0)
    with np.errstate(over="ignore", invalid="ignore"):
        _WAYS[method](run, **options)
    return run.record(method)


# -- what all methods share ------------------------------------------------------------------------------------------


class _Run:
    """The shared θ, what was noted of it, and what the workers draw from."""

    last: float  # so many updates, or
    until: float  # so many seconds, or
    target: float  # a loss as low as that
    sd: float  # of the noise in a worker's gradient
    n_bytes: int

    def __init__(
        self, problem: Objective, optimizer: Optimizer, cluster: Cluster, start: Any, generator: np.random.Generator
    ) -> None:
        self.problem, self.optimizer, self.cluster = problem, optimizer, cluster
        given = check_array("start", problem.start if start is None else start, ndim=1)
        self.theta = np.array(given, dtype=np.float64)
        for_durations, self.noise = generator.spawn(2)
        self.durations = Durations(cluster, for_durations)
        self.times, self.losses = [0.0], [float(problem.value(self.theta))]
        if not math.isfinite(self.losses[0]):
            raise ValueError(f"start: got a point where the value is {self.losses[0]}; expected a finite value")
        self.staleness: list[int] = []
        self.applied_by: list[int] = []
        self.gradients = self.bytes_sent = 0
        self.busy = np.zeros(cluster.workers)  # seconds
        self.diverged = False
        self.broken_off = 0.0

    @property
    def updates(self) -> int:
        return len(self.losses) - 1

    @property
    def goes_on(self) -> bool:
        return not self.diverged and self.updates < self.last and self.losses[-1] > self.target

    @property
    def end(self) -> float:
        """When a run is over that has ended: with the update that broke it, its last one, or the time it was given."""
        if self.diverged:
            return self.broken_off
        return self.until if self.goes_on else self.times[-1]

    def draw(self, workers: int) -> np.ndarray:
        """Noise of a gradient each, shape (workers, d)."""
        return self.sd * self.noise.standard_normal((workers, self.theta.size))

    def update(self, change: Callable[[np.ndarray], Any], time: float, gradients: int, staleness: int = 0) -> bool:
        """Change θ in place and note it. Where the result is not finite, go back: the run has diverged."""
        before = self.theta.copy()
        try:
            change(self.theta)
            loss = float(self.problem.value(self.theta)) if np.isfinite(self.theta).all() else math.nan
        except NonFiniteGradientError:
            loss = math.nan
        if not math.isfinite(loss):
            self.theta[...] = before
            self.diverged, self.broken_off = True, time
            return False
        self.times.append(time)
        self.losses.append(loss)
        self.staleness.append(staleness)
        self.gradients += gradients
        return True

    def record(self, method: str) -> Simulation:
        return Simulation(
            method=method,
            cluster=self.cluster,
            times=np.array(self.times),
            losses=np.array(self.losses),
            staleness=np.array(self.staleness, dtype=np.int64),
            applied_by=np.array(self.applied_by, dtype=np.int64),
            gradients=self.gradients,
            bytes_sent=self.bytes_sent,
            busy=self.busy / self.end if self.end else self.busy,
            seconds=float(self.end),
            theta=self.theta,
            diverged=self.diverged,
        )


# -- a server, and workers that do not wait, or not for long --------------------------------------------------------


class _Server:
    """A link in, a processor and a link out: each serves one after the other, and remembers when it is free."""

    def __init__(self, cluster: Cluster, n_bytes: int) -> None:
        self.latency, self.transfer = cluster.latency, n_bytes / cluster.bandwidth
        self.seconds = cluster.server_seconds
        self.link_in = self.processor = self.link_out = 0.0

    def applies(self, sent: float) -> float:
        """When a gradient is applied that was sent then. Calls come in the order of sending."""
        self.link_in = max(sent + self.latency, self.link_in) + self.transfer
        self.processor = max(self.link_in, self.processor) + self.seconds
        return self.processor

    def answer_arrives(self, read: float) -> float:
        """When a worker has the θ that was read for it then."""
        self.link_out = max(read, self.link_out) + self.transfer
        return self.link_out + self.latency


class _Clocks:
    """How many gradients of each worker were applied, and who may start the next one."""

    def __init__(self, workers: int, bound: float) -> None:
        self.bound, self.slowest = bound, 0
        self.applied = [0] * workers
        self.how_many = Counter({0: workers})  # workers at each number
        self.waiting: list[int] = []

    def tick(self, worker: int) -> list[int]:
        """Count a gradient; return the workers that may start now."""
        self.how_many[self.applied[worker]] -= 1
        self.applied[worker] += 1
        self.how_many[self.applied[worker]] += 1
        if not self.how_many[self.slowest]:
            del self.how_many[self.slowest]
            self.slowest += 1  # all who wait are s + 1 ahead of the old slowest
            freed, self.waiting = sorted([*self.waiting, worker]), []
            return freed
        if self.applied[worker] - self.slowest <= self.bound:
            return [worker]
        self.waiting.append(worker)
        return []


def _asynchronous(run: _Run, staleness_bound: float = math.inf) -> None:
    P = run.cluster.workers
    server, clocks = _Server(run.cluster, run.n_bytes), _Clocks(P, staleness_bound)
    read, version = [run.theta.copy()] * P, [0] * P  # the θ that a worker works at, and after how many updates it was
    begun, done = np.zeros(P), run.durations.row(0).copy()  # of the gradient under way
    events = [(float(done[worker]), worker) for worker in range(P)]  # of two at the same time, the lower worker's
    heapq.heapify(events)
    while run.goes_on:
        sent, worker = heapq.heappop(events)
        time = server.applies(sent)
        if time > run.until:
            break
        gradient = run.problem.gradient(read[worker])
        if run.sd:
            gradient = gradient + run.draw(1)[0]
        run.bytes_sent += run.n_bytes
        if not run.update(_step(run.optimizer, gradient), time, 1, run.updates - version[worker]):
            break
        run.applied_by.append(worker)
        now = run.theta.copy()
        for free in clocks.tick(worker):
            read[free], version[free] = now, run.updates
            run.bytes_sent += run.n_bytes
            run.busy[free] += done[free] - begun[free]
            begun[free] = server.answer_arrives(time)
            done[free] = begun[free] + run.durations.of(clocks.applied[free], free)
            heapq.heappush(events, (float(done[free]), free))
    run.busy += np.clip(run.end, begun, done) - begun


def _step(optimizer: Optimizer, gradient: np.ndarray) -> Callable[[np.ndarray], None]:
    return lambda theta: optimizer.step(theta, gradient)


# -- rounds, at whose end all workers meet ---------------------------------------------------------------------------


def _synchronous(run: _Run, backup_workers: int = 0) -> None:
    P = run.cluster.workers
    counted = P - backup_workers
    all_reduce = run.cluster.all_reduce_seconds(run.n_bytes)
    while run.goes_on:
        seconds = run.durations.row(run.updates)
        in_time = np.argsort(seconds, kind="stable")[:counted]
        seconds = np.minimum(seconds, seconds[in_time[-1]])
        time = _end_of_round(run, seconds, all_reduce)
        if time is None:
            return
        gradient = run.problem.gradient(run.theta)
        if run.sd:
            gradient = gradient + run.draw(P)[np.sort(in_time)].mean(axis=0)
        run.update(_step(run.optimizer, gradient), time, counted)


def _local(run: _Run, local_steps: int, outer_optimizer: Optimizer | None = None) -> None:
    P, H = run.cluster.workers, local_steps
    all_reduce = run.cluster.all_reduce_seconds(run.n_bytes)
    outer = copy.deepcopy(outer_optimizer)
    # Without noise all workers do the same: one stands for all.
    thetas = np.empty((P if run.sd else 1, run.theta.size))
    workers = [(theta, copy.deepcopy(run.optimizer)) for theta in thetas]

    def round_of_all(theta: np.ndarray) -> None:
        thetas[...] = theta
        for _ in range(H):
            noise = run.draw(P) if run.sd else [0.0]
            for (own, optimizer), xi in zip(workers, noise, strict=True):
                optimizer.step(own, run.problem.gradient(own) + xi)
        mean = thetas.mean(axis=0)
        if outer is None:
            theta[...] = mean
        else:
            outer.step(theta, theta - mean)

    while run.goes_on:
        first = H * run.updates
        seconds = np.sum([run.durations.row(n) for n in range(first, first + H)], axis=0)
        time = _end_of_round(run, seconds, all_reduce)
        if time is None:
            return
        run.update(round_of_all, time, P * H)


def _end_of_round(run: _Run, seconds: np.ndarray, all_reduce: float) -> float | None:
    """When a round ends in which the workers compute for so many seconds; ``None`` where that is too late."""
    now = run.times[-1]
    time = now + float(seconds.max()) + all_reduce
    if time > run.until:
        run.busy += np.minimum(seconds, run.until - now)
        return None
    run.busy += seconds
    run.bytes_sent += 2 * (run.cluster.workers - 1) * run.n_bytes
    return time


_WAYS: dict[str, Callable[..., None]] = {
    "synchronous": _synchronous,
    "asynchronous": _asynchronous,
    "stale_synchronous": _asynchronous,
    "local": _local,
}


# -- checks ----------------------------------------------------------------------------------------------------------


def _check_new(name: str, optimizer: Any) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{name}: got {describe(optimizer)}; expected an Optimizer, e.g. SGD(learning_rate=0.1)")
    if optimizer.t:
        raise ValueError(f"{name}: got one that has taken {optimizer.t} steps; expected a new one")


def _check_options(method: str, cluster: Cluster, **options: Any) -> dict[str, Any]:
    """Those that were given; each must belong to the method, and some methods need theirs."""
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        if OPTIONS[name] != method:
            raise ValueError(
                f"{name}: got {describe(value)} for method={method!r}; expected it with method={OPTIONS[name]!r} only"
            )
    if method in ("stale_synchronous", "local"):
        needed = "staleness_bound" if method == "stale_synchronous" else "local_steps"
        if needed not in given:
            raise ValueError(f"{needed}: got None; expected an integer for method={method!r}, e.g. {needed}=4")
    if "staleness_bound" in given:
        check_integer("staleness_bound", given["staleness_bound"], low=0)
    if "local_steps" in given:
        check_integer("local_steps", given["local_steps"], low=1)
    if "outer_optimizer" in given:
        _check_new("outer_optimizer", given["outer_optimizer"])
    if "backup_workers" in given:
        check_integer("backup_workers", given["backup_workers"], low=0, high=cluster.workers - 1)
    return given


__all__ = ["Simulation", "simulate_asynchrony"]
