"""The searches of chapter 08, whose tables are part of the course: what is run, and where the rows are.

Measure them anew after a rule or a default has changed (about 20 minutes on two quiet cores)::

    rm data/experiments/08_*.jsonl
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m nnopt_utils.course.ch08_adaptive_learning_rates.measured

It may be stopped and started again: what is in the tables is not run again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from nnopt_utils._folders import data_folder
from nnopt_utils.course.ch08_adaptive_learning_rates.words import WORDS, language
from nnopt_utils.datasets import load_mnist
from nnopt_utils.experiments.results import Results
from nnopt_utils.experiments.searching import search
from nnopt_utils.experiments.spaces import Range, Setting, Space, log_uniform
from nnopt_utils.experiments.tasks import Task
from nnopt_utils.optimizers import (
    LAMB,
    SGD,
    AdaBelief,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    DAdaptAdam,
    Ftrl,
    Lion,
    Muon,
    Nadam,
    Prodigy,
    RAdam,
    RMSprop,
    ScheduleFreeAdamW,
    ScheduleFreeSGD,
    Yogi,
)
from nnopt_utils.schedules import CosineDecay, Warmup

FOLDER = data_folder() / "experiments"
SEEDS = (0, 1, 2)
FRESH = tuple(range(100, 120))
TASKS = ("digits", "words")

# On fresh seeds with the rate alone tuned. Nadam led on the words with the schedule.
AT_CONSTANT = ("SGD", "AdamW")
WITH_SCHEDULE = ("SGD", "SGD, momentum 0.9", "AdamW", "Nadam")

# Label → class, other arguments, and the lowest of its nine rates as a power of ten, for the digits and for the words.
# Where a best rate was at an end of its nine, they were moved.
FAMILY: dict[str, tuple[type, dict[str, Any], float, float]] = {
    "SGD": (SGD, {}, -3.0, -2.0),
    "SGD, momentum 0.9": (SGD, {"momentum": 0.9}, -3.5, -2.5),
    "Adagrad": (Adagrad, {}, -3.5, -3.0),
    "Adadelta": (Adadelta, {}, -2.0, -1.0),
    "RMSprop": (RMSprop, {}, -4.5, -4.5),
    "Adam": (Adam, {}, -4.5, -4.0),
    "Adamax": (Adamax, {}, -4.0, -4.0),
    "Nadam": (Nadam, {}, -4.5, -4.0),
    "AdamW": (AdamW, {}, -4.5, -4.0),
    "RAdam": (RAdam, {}, -4.0, -4.0),
    "Yogi": (Yogi, {}, -4.5, -4.0),
    "AdaBelief": (AdaBelief, {}, -4.5, -4.0),
    "LAMB": (LAMB, {}, -4.0, -3.5),
    "Adafactor": (Adafactor, {}, -4.0, -3.5),
    "Lion": (Lion, {}, -5.5, -5.0),
    "Ftrl": (Ftrl, {}, -1.5, -1.0),
    "Muon": (Muon, {}, -4.0, -3.5),
    "schedule-free SGD": (ScheduleFreeSGD, {}, -2.0, -1.5),
    "schedule-free AdamW": (ScheduleFreeAdamW, {}, -4.0, -4.0),
    "D-Adaptation (Adam)": (DAdaptAdam, {}, -2.5, -2.5),
    "Prodigy": (Prodigy, {}, -2.5, -2.5),
}


def nine_rates(lowest: float) -> list[float]:
    """Nine rates in half decades from 10^lowest on: four decades.

    >>> nine_rates(-2.5)[:4]
    [0.003, 0.01, 0.03, 0.1]
    """
    first = round(2 * lowest)
    return [float(f"{3 if k % 2 else 1}e{k // 2}") for k in range(first, first + 9)]


def digits_task(data: Any = None) -> Task:
    """784-64-64-10, 8,000 digits, 6 epochs of 63 steps, judged by the accuracy."""
    data = load_mnist() if data is None else data
    return Task([784, 64, 64, 10], data=data, epochs=6, batch_size=128, n_train=8000)


def words_task(data: Any = None) -> Task:
    """256-64-256, 24,000 words, 4 epochs of 188 steps, judged by the loss."""
    data = language().data if data is None else data
    return Task([WORDS, 64, WORDS], data=data, epochs=4, batch_size=128, metric="val_loss")


def task_of(name: str, data: Any = None) -> Task:
    """The task of this name, "digits" or "words", on its own data or on these."""
    return {"digits": digits_task, "words": words_task}[name](data)


def warm_cosine(rate: float, steps: int) -> Any:
    """A tenth of the steps of warm-up, then half a cosine down to 0."""
    warm_up = steps // 10
    return Warmup(CosineDecay(rate, steps - warm_up), warm_up)


def schedule_of(task: Task) -> Callable[[float], Any]:
    """From a rate to the schedule over all steps of a task."""
    return partial(warm_cosine, steps=task.epochs * task.steps_per_epoch)


def optimizers_spaces(name: str, schedule: Callable[[float], Any] | None) -> dict[str, Space]:
    """Nine rates for each optimizer over four decades, everything else as its paper has it."""
    spaces = {}
    for label, (cls, others, *lowest) in FAMILY.items():
        rates = nine_rates(lowest[TASKS.index(name)])
        spaces[label] = Space(cls, learning_rate=rates, schedule=schedule, **others)
    return spaces


def optimizers(name: str, scheduled: bool, *, seeds: tuple[int, ...] = SEEDS, n_jobs: int = 1) -> Results:
    """Return the search over all rates, at a constant rate or with warm-up and cosine."""
    task = task_of(name)
    spaces = optimizers_spaces(name, schedule_of(task) if scheduled else None)
    table = FOLDER / f"08_{name}_{'schedule' if scheduled else 'constant'}.jsonl"
    return search(task, spaces, seeds=seeds, table=table, n_jobs=n_jobs)


def tuned_spaces(name: str, task: Task, settings: int = 12) -> dict[str, Space]:
    """What users tune, by random draws: as many for each of the five finalists, around the best rate found before."""
    digits, schedule = name == "digits", schedule_of(task)
    warm_up = task.epochs * task.steps_per_epoch // 10

    def around(rate: float) -> Range:
        return log_uniform(rate / 5, rate * 5)

    draws: dict[str, Any] = {"sample": settings, "seed": 8}
    return {
        "SGD, momentum": Space(
            SGD,
            learning_rate=around(0.2 if digits else 1.0),
            momentum=[0.7, 0.8, 0.9, 0.95, 0.98],
            nesterov=[False, True],
            weight_decay=log_uniform(1e-6, 1e-2),
            schedule=schedule,
            **draws,
        ),
        "AdamW": Space(
            AdamW,
            learning_rate=around(0.01),
            beta_1=[0.7, 0.8, 0.9, 0.95],
            beta_2=[0.9, 0.95, 0.98, 0.99, 0.999],
            epsilon=log_uniform(1e-10, 1e-3),
            weight_decay=log_uniform(1e-3, 1.0),
            schedule=schedule,
            **draws,
        ),
        "Lion": Space(
            Lion,
            learning_rate=around(0.003),
            beta_1=[0.7, 0.8, 0.9, 0.95],
            beta_2=[0.9, 0.95, 0.98, 0.99, 0.999],
            weight_decay=log_uniform(1e-3, 3.0),
            schedule=schedule,
            **draws,
        ),
        "Muon": Space(
            Muon,
            learning_rate=around(0.03 if digits else 0.1),
            momentum=[0.7, 0.8, 0.9, 0.95, 0.98],
            adam_lr_ratio=log_uniform(0.01, 1.0),
            weight_decay=log_uniform(1e-3, 1.0),
            schedule=schedule,
            **draws,
        ),
        "schedule-free AdamW": Space(
            ScheduleFreeAdamW,
            learning_rate=around(0.03 if digits else 0.01),
            beta_1=[0.7, 0.8, 0.9, 0.95, 0.98],
            beta_2=[0.9, 0.95, 0.98, 0.99, 0.999],
            weight_decay=log_uniform(1e-3, 1.0),
            warmup_steps=warm_up,
            **draws,
        ),
    }


def tuned(name: str, n_jobs: int = 1) -> Results:
    """Return the finalists' search: all that their users tune, with the schedule (schedule-free: only a warm-up)."""
    task = task_of(name)
    table = FOLDER / f"08_{name}_tuned.jsonl"
    return search(task, tuned_spaces(name, task), seeds=SEEDS, table=table, n_jobs=n_jobs)


def again(space: Space, setting: Setting) -> Space:
    """One setting of a search as a space of its own."""
    return Space(space.factory, schedule=space.schedule, **setting.values)


def fresh_spaces(name: str, task: Task) -> dict[str, Space]:
    """The chosen settings: by the rate alone (constant, schedule), by everything (tuned), by nothing (untuned)."""
    spaces = {}
    for group, scheduled, labels in (("constant", False, AT_CONSTANT), ("schedule", True, WITH_SCHEDULE)):
        results = optimizers(name, scheduled)
        for label in labels:
            spaces[f"{group}: {label}"] = again(results.spaces[label], results.best(label).setting)
    results = tuned(name)
    for label in results.labels:
        spaces[f"tuned: {label}"] = again(results.spaces[label], results.best(label).setting)
    untuned = Space(Adam, learning_rate=0.001, schedule=schedule_of(task))
    return spaces | {"untuned: Adam, 0.001": untuned}


def fresh(name: str, n_jobs: int = 1) -> Results:
    """Return the chosen settings on twenty seeds that no choice has seen, judged on the test data.

    The test data stand where a task has its validation data; nothing is chosen by them.
    """
    task = task_of(name)
    x, y, _, _, x_test, y_test = task.test_arrays
    judged = task_of(name, data=(x, y, x_test, y_test))
    table = FOLDER / f"08_{name}_fresh.jsonl"
    return search(judged, fresh_spaces(name, task), seeds=FRESH, table=table, n_jobs=n_jobs)


def defaults_task() -> Task:
    """The article's network on all of MNIST for 10 epochs, as in the article, in batches of 128."""
    return Task([784, 64, 64, 10], data=load_mnist(), epochs=10, batch_size=128)


def defaults_spaces() -> dict[str, Space]:
    """Keras's fourteen optimizers with Keras's defaults.

    Muon as Keras runs it by name: it orthogonalizes the output layer's matrix, too.
    """
    classes = [SGD, Adagrad, Adadelta, RMSprop, Adam, AdamW, Adamax, Nadam, Lion, Ftrl, LAMB, Adafactor]
    spaces = {cls.__name__: Space(cls, convention="keras") for cls in classes}
    spaces["Muon"] = Space(Muon, convention="keras", exclude_output=False)
    spaces["ScheduleFreeAdamW"] = Space(ScheduleFreeAdamW, convention="keras")
    return spaces


def defaults(n_jobs: int = 1) -> Results:
    """Return the runs at Keras's defaults; what is in the table is not run again."""
    return search(defaults_task(), defaults_spaces(), seeds=SEEDS, table=FOLDER / "08_defaults.jsonl", n_jobs=n_jobs)


def measure(n_jobs: int) -> None:
    """Everything that is not in the tables yet."""
    for name in TASKS:
        for scheduled in (False, True):
            optimizers(name, scheduled, n_jobs=n_jobs)
        tuned(name, n_jobs)
        fresh(name, n_jobs)
    defaults(n_jobs)


if __name__ == "__main__":
    measure(n_jobs=-1)
