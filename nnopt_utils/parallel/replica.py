"""Replicas: a copy of network and optimizer in each worker, all the same again after every round."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils._bars import progress_bar
from nnopt_utils._interrupts import deferred_interrupt
from nnopt_utils._validation import check_array, check_integer
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Optimizer
from nnopt_utils.parallel.result import ParallelHistory
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

Validation = tuple[np.ndarray, np.ndarray] | None


class Job(NamedTuple):
    """What every worker is told.

    ``replica`` is the class of the replicas, ``options`` what only its method needs.
    """

    replica: type[Replica]
    network: MLP
    optimizer: Optimizer
    epochs: int
    shares: np.ndarray
    history: ParallelHistory
    options: Any


class Outcome(NamedTuple):
    """What a worker has at its end, after its last whole round; when training is stopped, one may be a round ahead.

    ``saved`` is the state of its optimizer by the number of steps taken: after that round, and maybe after the next.
    """

    history: ParallelHistory
    theta: np.ndarray
    saved: dict[int, dict[str, Any]]
    outer: dict[str, Any] | None
    diverged: str

    @property
    def steps(self) -> int:
        return len(self.history.step_losses)


# -- in the parent's process -----------------------------------------------------------------------------------------


def check_shares(shares: Any, workers: int) -> np.ndarray:
    """Return the share of each worker, of a sum of 1."""
    if shares is None:
        return np.full(workers, 1 / workers)
    parts = check_array("shares", shares, shape=(workers,)).astype(np.float64)
    if not (parts > 0).all():
        raise ValueError(f"shares: got {parts.tolist()}; expected numbers > 0, one for each of {workers} workers")
    parts = parts / parts.max()  # so that the sum is finite
    return parts / parts.sum()


def shard(samples: np.ndarray, shares: np.ndarray, rank: int) -> np.ndarray:
    """The part of some samples that is a worker's: shares of their number, rounded so that each is in one part."""
    ends = np.rint(np.cumsum(shares) * len(samples)).astype(int)
    return samples[ends[rank - 1] if rank else 0 : ends[rank]]


def check_call(
    network: Any, optimizer: Any, data: Any, epochs: Any, batch_size: Any, workers: Any, history: Any
) -> tuple[np.ndarray, np.ndarray, Validation]:
    """Refuse what no method with replicas can take; return the data as ``check_training_data`` does."""
    check_network_and_optimizer(network, optimizer, epochs)
    checked = check_training_data(network, data)
    check_integer("epochs", epochs, low=1)
    check_integer("batch_size", batch_size, low=1)
    check_integer("workers", workers, low=1)
    if history is None:
        check_belongs(network, optimizer)
    return checked


def train_replicas(
    job: Job, x: np.ndarray, y: np.ndarray, validation: Validation, link_bytes: int, *, progress: bool
) -> ParallelHistory:
    """Run the workers; take over what they have in the end, also where one was killed."""
    history, epochs = job.history, job.epochs
    if history.epoch >= epochs:
        return history
    workers, total, done = history.workers, epochs * history.steps_per_epoch, len(history.step_losses)
    arrays = {"x": x, "y": y, "loss": ((1,), np.float64), "bytes_sent": ((workers,), np.int64)}
    arrays |= {"judged": ((1,), np.int64), "diverged": ((1,), np.int8)}
    arrays["figures"] = ((epochs - history.epoch if validation is not None else 1, 2), np.float64)
    if validation is not None:
        arrays |= {"x_val": validation[0], "y_val": validation[1]}
    with (
        deferred_interrupt() as interrupted,
        Team(_train, workers, job, arrays, seed=history.seed, link_bytes=link_bytes) as team,
    ):

        def status() -> str:
            if not team.progress[0]:
                return f"starting {workers} worker{'s' if workers > 1 else ''}"
            epoch = 1 + (done + int(team.progress[0])) // history.steps_per_epoch
            return f"epoch {min(epoch, epochs)} of {epochs}, loss {team.arrays['loss'][0]:.4g}"

        def watch() -> None:
            bar.update(done + int(team.progress[0]) - bar.n)
            if team.arrays["diverged"][0]:  # a worker has ended, and others may wait for it
                team.stop()

        with progress_bar(status, total, done, shown=progress) as bar:
            outcomes = team.run(watch, interrupted)
        return _take_over(job, outcomes, team, validation)


def _take_over(job: Job, outcomes: dict[int, Outcome], team: Team, validation: Validation) -> ParallelHistory:
    """Give network, optimizer and history what the worker has that has come farthest; pass a failure on."""
    history, diverged = job.history, ""
    history.interrupted = team.interrupted
    if outcomes:
        farthest, epochs_before = max(outcomes.values(), key=lambda outcome: outcome.steps), history.epoch
        history.bytes_sent = [a + int(b) for a, b in zip(history.bytes_sent, team.arrays["bytes_sent"], strict=True)]
        for name in ("train_loss", "learning_rate", "seconds", "step_losses", "epoch", "step"):
            setattr(history, name, getattr(farthest.history, name))
        history.updates = [farthest.steps] * team.size
        job.network.parameters[:] = farthest.theta
        _set_states(job, outcomes, farthest)
        judged = _judge(job, team, history.epoch - epochs_before, validation)
        diverged = next((outcome.diverged for outcome in outcomes.values() if outcome.diverged), judged)
    if team.failure is not None:
        team.failure.history = history
        raise team.failure
    if diverged:
        raise DivergenceError(diverged, history)
    return history


def _set_states(job: Job, outcomes: dict[int, Outcome], farthest: Outcome) -> None:
    """The optimizer gets worker 0's state; where each worker has another, the history keeps them all."""
    n = farthest.steps
    kept = {rank: outcome.saved[n] for rank, outcome in outcomes.items() if n in outcome.saved}
    first = kept[min(kept)]
    job.optimizer.set_state(first)
    job.optimizer.layout = job.network.layout
    if job.replica.keeps_states:
        job.history.optimizer_states = [kept.get(rank, first) for rank in range(job.history.workers)]
    if farthest.outer is not None:
        job.options.outer.set_state(farthest.outer)
        job.options.outer.layout = job.network.layout


def _judge(job: Job, team: Team, epochs: int, validation: Validation) -> str:
    """Take over worker 0's figures of each epoch; return what is wrong with the last, if something is."""
    if validation is None:
        return ""
    history, optimizer, judged = job.history, job.optimizer, int(team.arrays["judged"][0])
    figures = [(float(loss), float(accuracy)) for loss, accuracy in team.arrays["figures"][:judged]]
    if judged == epochs - 1 and history.step == 0:  # worker 0 ended before it had judged
        theta = optimizer.evaluation_parameters(job.network.parameters)
        with np.errstate(over="ignore", invalid="ignore"):
            figures.append(evaluation(job.network, *validation, theta))
    diverged = ""
    if figures and not math.isfinite(figures[-1][0]):
        diverged = _not_finite(history, optimizer, figures.pop()[0])
    history.val_loss += [loss for loss, _ in figures]
    history.val_accuracy += [accuracy for _, accuracy in figures]
    return diverged


def _not_finite(history: ParallelHistory, optimizer: Optimizer, loss: float) -> str:
    """What is said of a validation loss after an epoch's last step."""
    where = f"epoch {history.epoch}, step {history.steps_per_epoch}"
    return divergence_message(history, optimizer, where, f"the validation loss is {loss}")


# -- in the worker's process -----------------------------------------------------------------------------------------


def _train(worker: Worker) -> Outcome:
    job: Job = worker.settings
    return job.replica(worker, job).run()


class Replica(ABC):
    """A worker's copy of network and optimizer."""

    keeps_states = False  # has each worker's optimizer a state of its own?
    round_length = 1  # steps

    def __init__(self, worker: Worker, job: Job) -> None:
        self.worker, self.job = worker, job
        self.network, self.optimizer, self.history = job.network, job.optimizer, job.history
        self.optimizer.layout = self.network.layout
        self.x, self.y = worker.arrays["x"], worker.arrays["y"]
        self.observes = type(self.optimizer).observe is not Optimizer.observe

    @abstractmethod
    def round(self, order: Sequence[np.ndarray]) -> list[float]:
        """Take one step for each of some batches; leave all replicas the same; return the steps' losses.

        Raises:
            Stopped, DivergenceError: before anything was changed that ``outcome`` hands out.
        """

    @abstractmethod
    def outcome(self, diverged: str) -> Outcome:
        """What there is after the last whole round."""

    def run(self) -> Outcome:
        """Train until the end, or until the parent asks to stop."""
        diverged = ""
        with self.worker.until_stopped(), np.errstate(over="ignore", invalid="ignore"):
            try:
                while self.history.epoch < self.job.epochs and not self.worker.stopping:
                    self.epoch()
            except DivergenceError as error:
                diverged = str(error)
                self.worker.arrays["diverged"][0] = 1
        self.count_bytes()
        return self.outcome(diverged)

    def epoch(self) -> None:
        """Take the rest of an epoch's steps; worker 0 judges afterwards."""
        history, begun = self.history, time.perf_counter()
        order = batches(history.n_samples, history.batch_size, history.seed, history.epoch + 1)
        for start in range(history.step, len(order), self.round_length):
            if self.worker.stopping:
                return
            losses = self.round(order[start : start + self.round_length])
            history.step_losses += losses
            history.step += len(losses)
            self.count_bytes()
            if self.worker.rank == 0:
                self.worker.arrays["loss"][0] = losses[-1]
        history.finish_epoch(self.optimizer.learning_rate, time.perf_counter() - begun)
        if self.worker.rank == 0 and "x_val" in self.worker.arrays:
            self.judge()

    def judge(self) -> None:
        """Judge at the optimizer's evaluation parameters, where the parent finds it."""
        arrays, theta = self.worker.arrays, self.optimizer.evaluation_parameters(self.network.parameters)
        figures = evaluation(self.network, arrays["x_val"], arrays["y_val"], theta)
        arrays["figures"][arrays["judged"][0]] = figures
        arrays["judged"] += 1
        if not math.isfinite(figures.loss):
            raise DivergenceError(_not_finite(self.history, self.optimizer, figures.loss), self.history)

    def count_bytes(self) -> None:
        """Where the parent finds them, whatever becomes of this process."""
        self.worker.arrays["bytes_sent"][self.worker.rank] = self.worker.link.bytes_sent

    def gradient(self, samples: np.ndarray, out: Any) -> float:
        """Write the mean gradient of some samples; return their mean loss."""
        x, y = self.x.take(samples, axis=0), self.y.take(samples, axis=0)
        loss, _ = self.network.backpropagate(x, y, self.network.parameters, out=out)
        return loss

    def observe(self, samples: np.ndarray) -> None:
        """Show the optimizer some samples, if it wants to see them."""
        if self.observes:
            self.optimizer.observe(self.network, self.x.take(samples, axis=0), self.y.take(samples, axis=0))

    def diverge(self, step: int, what: str) -> DivergenceError:
        """The error for the k-th step of the round, k from 0."""
        where = f"epoch {self.history.epoch + 1}, step {self.history.step + step + 1}"
        return DivergenceError(divergence_message(self.history, self.optimizer, where, what), self.history)
