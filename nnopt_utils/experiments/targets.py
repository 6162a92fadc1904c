"""How soon a run reaches a target. Reaching is looked at where the metrics are measured: after each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnopt_utils.experiments.bands import band
from nnopt_utils.experiments.tasks import Task

COLUMNS = ("epochs_to_target", "steps_to_target", "seconds_to_target")


def first_reaching(row: dict[str, Any], goal: tuple[str, float], task: Task) -> tuple[float, ...] | None:
    """Epochs, steps and seconds of training of a run when it first reaches (metric, value); ``None`` if never."""
    metric, value = goal
    for epoch, measured in enumerate(row["curves"][metric], start=1):
        if measured is not None and task.metrics[metric].reaches(measured, value):
            return epoch, epoch * task.steps_per_epoch, row["curves"]["seconds"][epoch - 1]
    return None


def with_target(row: dict[str, Any], task: Task) -> dict[str, Any]:
    """A row with its times to the task's target, which is not part of what a table holds: it may change."""
    times: Sequence[float | None] = [None] * len(COLUMNS)
    if task.target is not None:
        times = first_reaching(row, task.target, task) or times
    before = {name: value for name, value in row.items() if name != "curves"}
    return {**before, **dict(zip(COLUMNS, times, strict=True)), "curves": row["curves"]}


def median_times(rows: Sequence[dict[str, Any]], goal: tuple[str, float], task: Task) -> dict[str, float]:
    """The median of the runs, of which one that never reaches the target counts as ∞."""
    times = [first_reaching(row, goal, task) or (np.inf,) * len(COLUMNS) for row in rows]
    return {name: band(column).median for name, column in zip(COLUMNS, zip(*times, strict=True), strict=True)}
