"""The race of chapter 09: training up to a share of the validation images, looked at every few steps."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from nnopt_utils.history import History
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Optimizer
from nnopt_utils.training import DivergenceError, Step, fit

TARGET = 0.97  # of the validation images

#: Batch size → after how many steps each the validation images are looked at, and how many looks a run has.
LOOKS = {128: (10, 120), 512: (5, 100), 2048: (2, 120), 4096: (1, 200)}


def until_target(
    network: MLP,
    optimizer: Optimizer,
    arrays: Sequence[np.ndarray],
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    progress: bool,
) -> History:
    """Train as ``fit`` does, but look at the validation images every few steps, and end at the target.

    The history has an entry a look, where that of ``fit`` has one an epoch: ``epochs`` is the number of looks. Its
    seconds are those of training alone.
    """
    x, y, x_val, y_val = arrays
    every = LOOKS[batch_size][0]
    record = History(seed=seed, batch_size=batch_size, n_samples=len(x))
    losses: list[float] = []
    spent, begun = 0.0, time.perf_counter()

    def look(step: Step) -> bool:
        nonlocal spent, begun
        spent += time.perf_counter() - begun
        losses.append(step.loss)
        if step.t % every == 0:
            at = optimizer.evaluation_parameters(network.parameters)
            loss, accuracy = network.evaluate(x_val, y_val, parameters=at)
            record.train_loss.append(rounded(float(np.mean(losses[-every:]))))
            record.val_loss.append(rounded(loss))
            record.val_accuracy.append(accuracy)
            record.seconds.append(spent - sum(record.seconds))
            if accuracy >= TARGET or len(record.val_accuracy) == epochs:
                return True
        begun = time.perf_counter()
        return False

    try:
        fit(network, optimizer, (x, y), 1000, batch_size, seed, callback=look, progress=progress)
    except DivergenceError as error:
        raise DivergenceError(str(error), record) from None
    finally:
        record.step_losses = losses
    record.interrupted = len(record.val_accuracy) < epochs and record.val_accuracy[-1:] < [TARGET]
    return record


def rounded(loss: float) -> float:
    """Four digits: the tables have a hundred thousand losses, and nobody compares more."""
    return float(f"{loss:.4g}")


def first_look(accuracies: Sequence[float | None]) -> float:
    """The number of the first look, from 1, that saw the target reached; ∞ if none did."""
    hits = [k for k, accuracy in enumerate(accuracies, start=1) if accuracy is not None and accuracy >= TARGET]
    return hits[0] if hits else np.inf
