"""The rows of a search as a CSV file."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nnopt_utils.experiments.tasks import BaseTask


def write_csv(path: str | os.PathLike[str], rows: list[dict[str, Any]], task: BaseTask) -> Path:
    """Write one line a run: every hyperparameter and every point of the curves in a column of its own."""
    flat = [_flat(row, task) for row in rows]
    columns = sorted({name for row in flat for name in row}, key=_order(flat))
    file = Path(path).expanduser()
    with open(file, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        writer.writerows(flat)
    return file


def _flat(row: dict[str, Any], task: BaseTask) -> dict[str, Any]:
    flat: dict[str, Any] = {"label": row["label"], "optimizer": row["optimizer"], **row["setting"]}
    flat |= {name: value for name, value in row.items() if name not in ("setting", "curves", *flat)}
    for metric in task.metrics:
        for point, value in zip(task.points, row["curves"][metric], strict=False):
            flat[f"{metric}_{task.axis}_{point}"] = value
    return flat


def _order(flat: list[dict[str, Any]]) -> Callable[[str], Any]:
    """Columns in the order in which they first come, hyperparameters of all optimizers before the rest."""
    first: dict[str, tuple[int, int]] = {}
    for row in flat:
        group = 0
        for place, name in enumerate(row):
            group = 1 if name == "seed" else group
            first.setdefault(name, (group, place))
    return lambda name: (*first[name], name)
