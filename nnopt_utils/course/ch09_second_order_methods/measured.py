"""The searches of chapter 09, whose tables are part of the course: what is run, and where the rows are.

Measure them anew after a rule or a default has changed (about 30 minutes on two quiet cores, by an estimate)::

    rm data/experiments/09_*.jsonl
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m nnopt_utils.course.ch09_second_order_methods.measured

It may be stopped and started again: what is in the tables is not run again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nnopt_utils._folders import data_folder
from nnopt_utils.course.ch09_second_order_methods.race import LOOKS, first_look, until_target
from nnopt_utils.datasets import load_mnist
from nnopt_utils.experiments.results import Results
from nnopt_utils.experiments.searching import search
from nnopt_utils.experiments.spaces import Setting, Space
from nnopt_utils.experiments.tasks import Task
from nnopt_utils.optimizers import SGD, Adam
from nnopt_utils.second_order import KFAC, SOAP, Shampoo

FOLDER = data_folder() / "experiments"
SEEDS = (0, 1)
FRESH = tuple(range(100, 110))

BATCHES = tuple(LOOKS)

#: Batch size → the lowest of the eight rates, each twice the one before; for SGD ten times as large.
LOWEST = {128: 0.0005, 512: 0.001, 2048: 0.002, 4096: 0.003}


def task_of(batch_size: int, patience: int = 1) -> Task:
    """784-64-64-10 on MNIST in batches of this size, up to 97 % of the validation images."""
    looks, data = patience * LOOKS[batch_size][1], load_mnist()
    return Task([784, 64, 64, 10], data=data, epochs=looks, batch_size=batch_size, train=until_target)


def spaces_of(batch_size: int) -> dict[str, Space]:
    """Sixteen settings for each method: what its users tune."""
    rates = [LOWEST[batch_size] * 2**k for k in range(8)]
    shampoo: dict[str, Any] = {"grafting": "rmsprop", "beta_2": 0.95, "momentum": 0.9, "update_every": 20}
    return {
        "SGD, momentum": Space(SGD, learning_rate=[10 * rate for rate in rates], momentum=[0.9, 0.95], nesterov=True),
        "Adam": Space(Adam, learning_rate=rates, beta_2=[0.95, 0.999]),
        "Shampoo": Space(Shampoo, learning_rate=rates, epsilon=[1e-8, 1e-4], **shampoo),
        "SOAP": Space(SOAP, learning_rate=rates, beta_2=[0.9, 0.99]),
        "K-FAC": Space(KFAC, damping=[0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0], learning_rate=[0.7, 1.0]),
    }


def tuned(batch_size: int, n_jobs: int = 1) -> Results:
    """Every setting of every method on two seeds."""
    table = FOLDER / f"09_tuned_{batch_size}.jsonl"
    return search(task_of(batch_size), spaces_of(batch_size), seeds=SEEDS, table=table, n_jobs=n_jobs)


def steps_to_target(results: Results, label: str, setting: Setting) -> np.ndarray:
    """Steps until the target, seed by seed; ∞ where it is not reached within the looks."""
    every = LOOKS[results.task.batch_size][0]
    rows = [r for r in results.rows if r["label"] == label and r["setting"] == setting.identity]
    return np.array([every * first_look(row["curves"]["val_accuracy"]) for row in rows])


def seconds_to_target(results: Results, label: str, setting: Setting) -> np.ndarray:
    """Seconds of training until the target, seed by seed."""
    rows = [r for r in results.rows if r["label"] == label and r["setting"] == setting.identity]
    looks = [first_look(row["curves"]["val_accuracy"]) for row in rows]
    return np.array(
        [row["curves"]["seconds"][int(k) - 1] if np.isfinite(k) else np.inf for row, k in zip(rows, looks, strict=True)]
    )


def steps_or_limit(results: Results, label: str, setting: Setting) -> np.ndarray:
    """Steps until the target, seed by seed; where it was not reached, those that were taken: fewer than it needs."""
    steps = steps_to_target(results, label, setting)
    return np.minimum(steps, LOOKS[results.task.batch_size][0] * results.task.epochs)


def by_method(
    races: Mapping[int, Results], cost: Callable[[Results, str, Setting], np.ndarray]
) -> dict[str, dict[int, np.ndarray]]:
    """Label → batch size → the cost of each seed, of races with one setting a label."""
    labels = next(iter(races.values())).labels
    return {
        label: {size: cost(results, label, results.spaces[label].settings[0]) for size, results in races.items()}
        for label in labels
    }


def best(results: Results, label: str) -> Setting:
    """The setting with the smallest mean number of steps; of equal ones the first."""
    return min(results.spaces[label].settings, key=lambda s: float(steps_to_target(results, label, s).mean()))


def fresh(batch_size: int, n_jobs: int = 1) -> Results:
    """The chosen setting of each method on ten seeds that no choice has seen, with twice the patience."""
    found = tuned(batch_size)
    spaces = {label: Space(found.spaces[label].factory, **best(found, label).values) for label in found.labels}
    table = FOLDER / f"09_fresh_{batch_size}.jsonl"
    return search(task_of(batch_size, patience=2), spaces, seeds=FRESH, table=table, n_jobs=n_jobs)


def untuned(n_jobs: int = 1) -> Results:
    """K-FAC with a rate, momentum and a KL clip that work with one damping and not with another, batches of 512."""
    spaces = {
        f"K-FAC, λ = {damping:g}": Space(KFAC, learning_rate=0.3, rescaling="kl_clip", damping=damping)
        for damping in (0.003, 0.1)
    }
    return search(task_of(512), spaces, seeds=FRESH, table=FOLDER / "09_untuned.jsonl", n_jobs=n_jobs)


def measure(n_jobs: int) -> None:
    """Everything that is not in the tables yet."""
    for batch_size in BATCHES:
        tuned(batch_size, n_jobs)
        fresh(batch_size, n_jobs)
    untuned(n_jobs)


if __name__ == "__main__":
    measure(n_jobs=-1)
