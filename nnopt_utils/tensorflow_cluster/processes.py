"""What the programs of a cluster share: the batches that are left, the record, and how they end."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from threadpoolctl import threadpool_limits

from nnopt_utils.tensorflow_cluster.checkpoints import Checkpoint
from nnopt_utils.tensorflow_cluster.jobs import Job
from nnopt_utils.training import batches


class Diverged(Exception):
    """A loss stopped being finite; it has been said."""


def say(event: str, **values: Any) -> None:
    """Write a line of JSON to stdout, at once."""
    print(json.dumps({"event": event, **values}), flush=True)


def end_with_parent(folder: Path | None) -> None:
    """End this process as soon as its stdin is closed, and so when its parent has ended, however that did.

    A parent that was killed could not clean up: what it left in ``folder`` goes, too.
    """
    if folder is None:  # started in a shell, where it ends by itself or with Ctrl-C
        return

    def watch() -> None:
        # Not sys.stdin: it has a lock, which no thread may hold when the interpreter ends.
        while os.read(0, 1):
            pass
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def run(main: Callable[[], None]) -> NoReturn:
    """Run a program to its end, and leave at once: TensorFlow's own end waits for processes that may be gone."""
    code = 0
    try:
        main()
    except KeyboardInterrupt:
        code = 130
    except Diverged:
        pass
    except Exception:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def pieces(job: Job, done: int) -> Iterator[list[np.ndarray]]:
    """The batches, as ``fit`` takes them, after the first ``done``; cut where a checkpoint is due.

    That is every so many steps, and at the end of an epoch.
    """
    history = job.start.history
    while done < job.epochs * history.steps_per_epoch:
        epoch, step = divmod(done, history.steps_per_epoch)
        order = batches(history.n_samples, history.batch_size, history.seed, epoch + 1)
        piece = order[step : step + job.every]
        yield piece
        done += len(piece)


class Record:
    """The history of the run and its checkpoints, kept by one process of the cluster."""

    def __init__(self, job: Job) -> None:
        self.job, self.history = job, job.start.history
        self.seconds, self.since = 0.0, time.perf_counter()

    def add(self, losses: Sequence[float], parameters: np.ndarray, velocity: np.ndarray) -> None:
        """Take down what the steps of a piece gave, judge at the end of an epoch, and write the checkpoint."""
        history = self.history
        self.seconds += time.perf_counter() - self.since
        history.step_losses += losses
        history.step += len(losses)
        if history.step == history.steps_per_epoch:
            history.finish_epoch(self.job.learning_rate, self.seconds)
            self.seconds = 0.0
            self.validate(parameters)
        Checkpoint(parameters, velocity, history).save(self.job.checkpoint)
        accuracy = history.val_accuracy[-1] if history.val_accuracy else None
        say("steps", done=len(history.step_losses), loss=losses[-1], epoch=history.epoch, val_accuracy=accuracy)
        self.since = time.perf_counter()

    def validate(self, parameters: np.ndarray) -> None:
        """Judge θ on the validation data, where there are any."""
        if "x_val" not in self.job.arrays:
            return
        x, y = self.job.arrays["x_val"], self.job.arrays["y_val"]
        with threadpool_limits(1, user_api="blas"):
            loss, accuracy = self.job.network.evaluate(x, y, parameters=parameters)
        self.history.val_loss.append(loss)
        self.history.val_accuracy.append(accuracy)


def check_finite_losses(losses: Sequence[float], done: int) -> None:
    """End the program where a loss is no number any more: what follows would not be either."""
    for step, loss in enumerate(losses, start=done + 1):
        if not math.isfinite(loss):
            say("diverged", step=step, loss=str(loss))
            raise Diverged
