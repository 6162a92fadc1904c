"""The two searches of chapter 08, whose tables are part of the course: what is run, and where the rows are.

Measure them anew after a rule or a default has changed (about 10 minutes on two cores)::

    rm data/experiments/08_*.jsonl
    python -m nnopt_utils.course.ch08_adaptive_learning_rates.measured
"""

from __future__ import annotations

from nnopt_utils._folders import data_folder
from nnopt_utils.datasets import Dataset
from nnopt_utils.experiments.results import Results
from nnopt_utils.experiments.searching import search
from nnopt_utils.experiments.spaces import Space
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

FOLDER = data_folder() / "experiments"
SEEDS = (0, 1, 2)


def half_decades(first: int, last: int) -> list[float]:
    """Rates 10^first, 3·10^first, …, 10^last.

    >>> half_decades(-2, 0)
    [0.01, 0.03, 0.1, 0.3, 1.0]
    """
    return [float(f"{digit}e{power}") for power in range(first, last) for digit in (1, 3)] + [float(f"1e{last}")]


def optimizers_task(data: Dataset) -> Task:
    """784-64-64-10, 16,000 digits, 10 epochs of 125 steps: small enough for 693 runs."""
    return Task([784, 64, 64, 10], data=data, epochs=10, batch_size=128, n_train=16_000)


def optimizers_spaces() -> dict[str, Space]:
    """Eleven rates for each optimizer over five decades, everything else as its paper has it."""
    rates = half_decades(-5, 0)
    higher = half_decades(-4, 1)  # for those whose rate is of the order of 1
    return {
        "SGD": Space(SGD, learning_rate=higher),
        "SGD, momentum 0.9": Space(SGD, learning_rate=rates, momentum=0.9),
        "Adagrad": Space(Adagrad, learning_rate=rates),
        "Adadelta": Space(Adadelta, learning_rate=higher),
        "RMSprop": Space(RMSprop, learning_rate=rates),
        "Adam": Space(Adam, learning_rate=rates),
        "Adamax": Space(Adamax, learning_rate=rates),
        "Nadam": Space(Nadam, learning_rate=rates),
        "AdamW": Space(AdamW, learning_rate=rates),
        "RAdam": Space(RAdam, learning_rate=rates),
        "Yogi": Space(Yogi, learning_rate=rates),
        "AdaBelief": Space(AdaBelief, learning_rate=rates),
        "LAMB": Space(LAMB, learning_rate=rates),
        "Adafactor": Space(Adafactor, learning_rate=rates),
        "Lion": Space(Lion, learning_rate=rates),
        "Ftrl": Space(Ftrl, learning_rate=rates),
        "Muon": Space(Muon, learning_rate=rates),
        "schedule-free SGD": Space(ScheduleFreeSGD, learning_rate=higher),
        "schedule-free AdamW": Space(ScheduleFreeAdamW, learning_rate=rates),
        "D-Adaptation (Adam)": Space(DAdaptAdam, learning_rate=higher),
        "Prodigy": Space(Prodigy, learning_rate=higher),
    }


def optimizers(data: Dataset, n_jobs: int = 1) -> Results:
    """Return the search over all rates; what is in the table is not run again."""
    table = FOLDER / "08_optimizers.jsonl"
    return search(optimizers_task(data), optimizers_spaces(), seeds=SEEDS, table=table, n_jobs=n_jobs)


def defaults_task(data: Dataset) -> Task:
    """The article's network on all of MNIST for 10 epochs, as in the article, in batches of 128."""
    return Task([784, 64, 64, 10], data=data, epochs=10, batch_size=128)


def defaults_spaces() -> dict[str, Space]:
    """Every optimizer that Keras has, with Keras's defaults: ``compile(optimizer="adam")`` and nothing else."""
    classes = [SGD, Adagrad, Adadelta, RMSprop, Adam, AdamW, Adamax, Nadam, Lion, Ftrl, LAMB, Adafactor, Muon]
    return {cls.__name__: Space(cls, convention="keras") for cls in classes}


def defaults(data: Dataset, n_jobs: int = 1) -> Results:
    """Return the runs at the default rates; what is in the table is not run again."""
    return search(
        defaults_task(data), defaults_spaces(), seeds=SEEDS, table=FOLDER / "08_defaults.jsonl", n_jobs=n_jobs
    )


if __name__ == "__main__":
    from nnopt_utils.datasets import load_mnist

    mnist = load_mnist()
    optimizers(mnist, n_jobs=-1)
    defaults(mnist, n_jobs=-1)
