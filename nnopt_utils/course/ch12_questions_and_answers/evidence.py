"""Our measured figures, each with its conditions, from the committed tables of chapters 08 to 11.

The tables of chapters 08 and 09 are read row by row: their modules would first load the data of every search.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np

from nnopt_utils.course.ch08_adaptive_learning_rates import measured as optimizers
from nnopt_utils.course.ch08_adaptive_learning_rates.evidence import Difference, paired
from nnopt_utils.course.ch09_second_order_methods import measured as race
from nnopt_utils.course.ch09_second_order_methods.race import LOOKS, first_look
from nnopt_utils.course.ch10_parallel_training import scaling
from nnopt_utils.course.ch11_model_compression import deployed, distilled
from nnopt_utils.course.ch11_model_compression import measured as compression

NONE = "–"
LENET = "LeNet-300-100"
METRIC = {"digits": "val_accuracy", "words": "val_loss"}


@cache
def runs_of(table: str) -> list[dict[str, Any]]:
    """The runs of a committed search; the first line of a table says what was searched."""
    lines = (optimizers.FOLDER / f"{table}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[1:]]


def finals(table: str, label: str) -> np.ndarray:
    """The metric after the last epoch, seed by seed, of a label's setting with the best median.

    A lost run counts as the worst there is. Accuracies are turned into losses to choose, and back.
    """
    metric = METRIC["words" if "words" in table else "digits"]
    sign = 1.0 if metric == "val_loss" else -1.0
    by_setting: dict[str, dict[int, float]] = {}
    for run in runs_of(table):
        if run["label"] == label:
            loss = np.inf if run[metric] is None else sign * run[metric]
            by_setting.setdefault(repr(run["setting"]), {})[run["seed"]] = loss
    if not by_setting:
        raise ValueError(f"label: got {label!r}; expected one of the table {table}")
    best = min(by_setting.values(), key=lambda losses: float(np.median(list(losses.values()))))
    return sign * np.array([best[seed] for seed in sorted(best)])


def on_test(label: str) -> str:
    """Chapter 08's test results of a label on twenty fresh seeds; what was chosen stands before its colon.

    Args:
        label: of the table, such as ``"schedule: AdamW"``.
    """
    digits, words = (finals(f"08_{task}_fresh", label) for task in optimizers.TASKS)
    how = {
        "constant": "constant rate, tuned",
        "schedule": "warm-up and cosine, rate tuned",
        "tuned": "warm-up alone, twelve settings tried"
        if "schedule-free" in label
        else "warm-up and cosine, twelve settings tried",
    }[label.split(":")[0]]
    return (
        f"digits {100 * digits.mean():.1f} %, words {words.mean():.3f} nats "
        f"(test, mean of {digits.size} fresh seeds; {how})"
    )


def on_validation(label: str, group: str = "schedule") -> str:
    """Chapter 08's validation results of one of its twenty-one optimizers, at the best of nine rates.

    Args:
        label: of the table, such as ``"Adam"``.
        group: ``"schedule"`` or ``"constant"``.
    """
    digits, words = (finals(f"08_{task}_{group}", label) for task in optimizers.TASKS)
    how = {"schedule": "warm-up and cosine", "constant": "constant rate"}[group]
    return (
        f"digits {100 * np.median(digits):.1f} %, words {np.median(words):.3f} nats "
        f"(validation, median of {digits.size} seeds; {how}, best of nine rates)"
    )


def gain_of_schedule(label: str = "AdamW") -> str:
    """What warm-up and cosine gain over a constant rate, tuned for both: paired differences on twenty seeds."""
    digits, words = (_gain(task, label) for task in optimizers.TASKS)
    nats = f"{words.mean:+.3f} ± {words.half:.3f}".replace("-", "−")
    return (
        f"{label} against a constant rate: {digits} points on the digits, {nats} nats on the words "
        f"(test, {len(optimizers.FRESH)} fresh seeds, rate tuned both times)"
    )


def _gain(task: str, label: str) -> Difference:
    scale = 100.0 if task == "digits" else 1.0
    scheduled, constant = (
        scale * finals(f"08_{task}_fresh", f"{group}: {label}") for group in ("schedule", "constant")
    )
    return paired(scheduled, constant)


def steps_to_97_percent(label: str, batch_size: int) -> np.ndarray:
    """Chapter 09's steps until 97 % of the validation images, seed by seed; where they were not reached, all taken."""
    every, looks = LOOKS[batch_size]
    patience = 2  # as the fresh runs had
    found = {
        run["seed"]: run["curves"]["val_accuracy"] for run in runs_of(f"09_fresh_{batch_size}") if run["label"] == label
    }
    return every * np.array([min(first_look(found[seed]), patience * looks) for seed in sorted(found)])


def to_97_percent(label: str) -> str:
    """These steps at the smallest and the largest batch, beside Adam's."""
    parts = []
    for size in (race.BATCHES[0], race.BATCHES[-1]):
        ours, adam = (float(np.median(steps_to_97_percent(name, size))) for name in (label, "Adam"))
        parts.append(f"{ours:g} steps at batch {size:,} (Adam {adam:g})")
    return (
        f"{', '.join(parts)} to 97 % of MNIST's validation images "
        f"(784-64-64-10, median of {len(race.FRESH)} fresh seeds, best of 16 settings each)"
    )


def of_workers(label: str) -> str:
    """Chapter 10's simulated seconds to a hundredth of the loss, at the number of workers that is fastest."""
    by = scaling.fresh(scaling.rows())
    seconds = {workers: float(np.median(times)) for workers, times in by[label].items()}
    fastest, most = min(seconds, key=lambda workers: seconds[workers]), scaling.WORKERS[-1]
    return (
        f"fastest with {fastest} of up to {most:,} workers: {seconds[fastest]:.3g} s; "
        f"one worker {seconds[1]:.3g} s, {most:,} workers {seconds[most]:.3g} s "
        f"(simulated valley with noise, median of {len(scaling.FRESH)} fresh seeds, best of {len(scaling.RATES)} rates)"
    )


# -- compression -----------------------------------------------------------------------------------------------------


@cache
def _compressed() -> list[dict[str, Any]]:
    return compression.rows()


def file_bytes(**setting: Any) -> float:
    """Mean bytes of LeNet-300-100's file with this setting."""
    return float(compression.column(_compressed(), "bytes", network=LENET, **setting).mean())


def times_smaller(**setting: Any) -> float:
    """How many times smaller it is than the parameters as float32, on average."""
    return float(compression.times_smaller(_compressed(), LENET, **setting).mean())


def error_added(**setting: Any) -> str:
    """Points of test error that a setting adds to the dense network's."""
    added = compression.added(_compressed(), LENET, **setting)
    return f"{points(float(added.mean()))} of test error ({LENET}, mean of {added.size} seeds)"


def points(difference: float) -> str:
    """A difference in points, with its sign.

    >>> points(0.631), points(-0.047), points(-0.004)
    ('+0.63 points', '−0.05 points', '0.00 points')
    """
    shown = f"{difference:+.2f}"
    return ("0.00" if float(shown) == 0 else shown.replace("-", "−")) + " points"


def deep_compression() -> dict[str, Any]:
    """The setting of the smallest file with at most 0.1 points of validation error more."""
    method = "Deep Compression"
    return {"method": method} | compression.smallest(_compressed(), LENET, points=0.1, method=method)


def of_distillation() -> str:
    """Test errors of a student alone and taught, on all images."""
    lessons = distilled.rows()
    alone, taught = (distilled.fresh(lessons, label, 55_000) for label in (distilled.ALONE, distilled.TAUGHT))
    return (
        f"{alone.mean():.2f} % alone, {taught.mean():.2f} % taught by a teacher that saw shifted images "
        f"(test error of 784-64-64-10, mean of {len(distilled.FRESH)} fresh seeds, rate tuned)"
    )


def of_tickets() -> str:
    """Test errors after one epoch of a ticket, and of its mask with another start."""
    table = compression.rows(compression.TICKETS)
    ticket, other = (
        compression.column(table, "test", what=what, left=0.211, epochs=1) for what in ("ticket", "other start")
    )
    return (
        f"{ticket.mean():.2f} % with its own start, {other.mean():.2f} % with another "
        f"(test error after one epoch, {LENET}, 21.1 % left, mean of {ticket.size} seeds)"
    )


def of_integers() -> str:
    """The test error of the network that computes in integers alone."""
    errors = {row["name"]: 100 * (1 - row["accuracy"]) for row in deployed.rows()}
    integers, floats = errors["NumPy: 8 bits, integers alone"], errors["NumPy: float32"]
    return f"{integers:.2f} % of the test images wrong, float32 {floats:.2f} % ({LENET}, one seed)"
