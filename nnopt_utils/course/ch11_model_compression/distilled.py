"""Distillation, measured: 784-64-64-10 taught by 784-1200-1200-10, and alone, each at a rate of its own.

The table is part of the course, and so are the teacher's logits of the first 10,000 training images, with which the
chapter teaches a student of its own. Make both anew after a rule has changed (by an estimate
10 minutes on one quiet core)::

    rm data/experiments/11_distillation.jsonl data/experiments/11_teacher_logits.npy
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m nnopt_utils.course.ch11_model_compression.distilled

It may be stopped and started again: what is in the table is not run again.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from nnopt_utils._folders import data_folder
from nnopt_utils.compression import distill, teacher_logits
from nnopt_utils.datasets import Dataset, load_mnist
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.schedules import CosineDecay
from nnopt_utils.training import fit

FOLDER = data_folder() / "experiments"
TABLE, LOGITS = "11_distillation.jsonl", "11_teacher_logits.npy"

TEACHER, STUDENT = [784, 1200, 1200, 10], [784, 64, 64, 10]
TEACHER_EPOCHS, TEACHER_RATE, TEACHER_BATCH = 6, 0.001, 256
EPOCHS, TEMPERATURE, WEIGHT = 20, 4.0, 0.9

#: How many images a student sees → its batch size.
IMAGES = {55_000: 128, 10_000: 64}
FEW = 10_000

RATES = (0.001, 0.002, 0.005, 0.01, 0.02)
SEEDS, FRESH = (0, 1), tuple(range(100, 110))

#: Of the runs with and without T², on the few images, at one rate for all.
TEMPERATURES, RATE_OF_TEMPERATURES, SEEDS_OF_TEMPERATURES = (1.0, 2.0, 4.0, 8.0, 20.0, 40.0), 0.005, (0, 1, 2)

#: The students: what each is trained on. A teacher is named by the shifts, in pixels, of the images that it saw.
ALONE, SHIFTED, TAUGHT, BY_PLAIN = "alone", "alone, shifted images", "taught", "taught, teacher without shifts"
SHIFT = 1
TEACHERS = {TAUGHT: SHIFT, BY_PLAIN: 0}

#: Who is compared, on how many images.
CASES = (
    (TAUGHT, 55_000),
    (ALONE, 55_000),
    (SHIFTED, 55_000),
    (TAUGHT, FEW),
    (ALONE, FEW),
    (SHIFTED, FEW),
    (BY_PLAIN, 55_000),
)


def shifted(x: np.ndarray, pixels: int, generator: np.random.Generator) -> np.ndarray:
    """Every image moved by up to so many pixels each way, at random; what comes in is background.

    >>> dot = np.eye(784)[[28 * 14 + 14] * 100]                 # in row 14, column 14
    >>> rows, columns = np.divmod(shifted(dot, 1, np.random.default_rng(0)).argmax(axis=1), 28)
    >>> np.unique(rows), np.unique(columns)
    (array([13, 14, 15]), array([13, 14, 15]))
    """
    side = 28 + 2 * pixels
    framed = np.zeros((len(x), side, side), x.dtype)
    framed[:, pixels : pixels + 28, pixels : pixels + 28] = x.reshape(-1, 28, 28)
    rows, columns = generator.integers(0, 2 * pixels, size=(2, len(x)), endpoint=True)
    windows = np.lib.stride_tricks.sliding_window_view(framed, (28, 28), axis=(1, 2))
    return windows[np.arange(len(x)), rows, columns].reshape(len(x), 784)


def first(data: Dataset, n: int) -> Dataset:
    """The data with only so many training images."""
    return dataclasses.replace(data, x_train=data.x_train[:n], y_train=data.y_train[:n])


def fit_shifted(
    network: MLP, optimizer: Adam, data: Dataset, epochs: int, batch_size: int, seed: int, pixels: int = SHIFT
) -> None:
    """Train on images that are shifted anew in every epoch."""
    generator, history = np.random.default_rng([seed, pixels]), None
    for epoch in range(1, epochs + 1):
        images = shifted(data.x_train, pixels, generator), data.y_train
        history = fit(network, optimizer, images, epoch, batch_size, seed, history=history, progress=False)


def adam(rate: float, epochs: int, batch_size: int, n_images: int) -> Adam:
    """Adam with half a cosine wave over the whole run."""
    return Adam(CosineDecay(rate, steps=epochs * -(-n_images // batch_size)))


def errors(network: MLP, data: Dataset) -> dict[str, float]:
    """Wrong answers in percent."""
    return {
        f"{part}_error": round(100 * (1 - network.evaluate(x, y).accuracy), 2)
        for part, x, y in (("val", data.x_val, data.y_val), ("test", data.x_test, data.y_test))
    }


# -- runs ------------------------------------------------------------------------------------------------------------


def train_teacher(shift: int, data: Dataset) -> tuple[MLP, dict[str, Any]]:
    """The teacher and its row."""
    network, begun = MLP(TEACHER, seed=0), time.perf_counter()
    optimizer = adam(TEACHER_RATE, TEACHER_EPOCHS, TEACHER_BATCH, len(data.x_train))
    fit_shifted(network, optimizer, data, TEACHER_EPOCHS, TEACHER_BATCH, seed=0, pixels=shift)
    seconds = time.perf_counter() - begun
    names = {"kind": "teacher", "shift": shift, "seed": 0, "epochs": TEACHER_EPOCHS, "batch_size": TEACHER_BATCH}
    return network, {**names, "rate": TEACHER_RATE, **errors(network, data), "seconds": round(seconds, 1)}


def run(
    label: str,
    images: int,
    rate: float,
    seed: int,
    data: Dataset,
    logits: np.ndarray | None = None,
    temperature: float = TEMPERATURE,
    weight: float = WEIGHT,
) -> dict[str, Any]:
    """A student and its row; the teacher's logits, if it has one, are those of its images."""
    data, batch_size, network = first(data, images), IMAGES[images], MLP(STUDENT, seed=seed)
    optimizer, begun = adam(rate, EPOCHS, batch_size, images), time.perf_counter()
    pair, names = (data.x_train, data.y_train), {"kind": "student", "label": label, "images": images, "rate": rate}
    if logits is not None:
        distill(network, logits, optimizer, pair, temperature, weight, EPOCHS, batch_size, seed=seed, progress=False)
        names |= {"temperature": temperature, "weight": round(weight, 6)}
    elif label == SHIFTED:
        fit_shifted(network, optimizer, data, EPOCHS, batch_size, seed)
    else:
        fit(network, optimizer, pair, EPOCHS, batch_size, seed, progress=False)
    seconds = time.perf_counter() - begun
    names |= {"seed": seed, "epochs": EPOCHS, "batch_size": batch_size, **errors(network, data)}
    return {**names, "seconds": round(seconds, 2)}


def weight_without_square(temperature: float, weight: float = WEIGHT) -> float:
    """The weight with which the loss is, but for a factor, what it is at ``weight`` if T² is left out.

    (1 − w) : w is then (1 − w′) : w′ T². Adam does not see the factor.

    >>> round(weight_without_square(20.0, 0.9), 4)
    0.022
    """
    return weight / (weight + temperature**2 * (1 - weight))


# -- the table -------------------------------------------------------------------------------------------------------


def rows(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """What has been measured."""
    table = folder / TABLE
    return [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()] if table.exists() else []


def few_logits(folder: Path = FOLDER) -> np.ndarray:
    """What the teacher answers to the first 10,000 training images: float32, from a file in half precision."""
    return np.load(folder / LOGITS).astype(np.float32)


def errors_of(
    found: Sequence[dict[str, Any]], label: str, images: int, rate: float, seeds: Sequence[int], of: str = "test_error"
) -> np.ndarray:
    """Errors in percent, seed by seed; NaN where there is no such run."""
    key = {(r["label"], r["images"], r["rate"], r["seed"]): r[of] for r in found if r["kind"] == "student"}
    return np.array([key.get((label, images, rate, seed), np.nan) for seed in seeds])


def best_rate(found: Sequence[dict[str, Any]], label: str, images: int) -> float:
    """The rate with the smallest mean error on validation images over the two tuning seeds."""
    return min(RATES, key=lambda rate: float(errors_of(found, label, images, rate, SEEDS, of="val_error").mean()))


def fresh(found: Sequence[dict[str, Any]], label: str, images: int) -> np.ndarray:
    """Test errors in percent of the ten fresh seeds at the chosen rate."""
    return errors_of(found, label, images, best_rate(found, label, images), FRESH)


def errors_at(found: Sequence[dict[str, Any]], temperature: float, squared: bool) -> np.ndarray:
    """Test errors in percent of the runs at a temperature, with T² or without."""
    rows_there = (r for r in found if r["kind"] == "temperature")
    return np.array([r["test_error"] for r in rows_there if (r["temperature"], r["squared"]) == (temperature, squared)])


def teacher_row(found: Sequence[dict[str, Any]], label: str = TAUGHT) -> dict[str, Any]:
    """The row of a student's teacher."""
    return next(row for row in found if row["kind"] == "teacher" and row["shift"] == TEACHERS[label])


class _Measuring:
    """The tables of a folder while they are filled. A teacher is trained when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, load_mnist()
        self._logits: dict[int, np.ndarray] = {}

    def append(self, row: dict[str, Any]) -> None:
        with (self.folder / TABLE).open("a", encoding="utf-8") as table:
            table.write(json.dumps(row) + "\n")

    def case(self, label: str, images: int) -> None:
        """All rates on the tuning seeds, then the best on the fresh ones."""
        self.missing(label, images, RATES, SEEDS)
        self.missing(label, images, [best_rate(rows(self.folder), label, images)], FRESH)

    def temperatures(self) -> None:
        """Temperatures with T² and without, where they are not in the table yet."""
        for temperature in TEMPERATURES:
            for squared, weight in ((True, WEIGHT), (False, weight_without_square(temperature))):
                for seed in SEEDS_OF_TEMPERATURES[len(errors_at(rows(self.folder), temperature, squared)) :]:
                    logits = self.logits(TAUGHT, FEW)
                    row = run(TAUGHT, FEW, RATE_OF_TEMPERATURES, seed, self.data, logits, temperature, weight)
                    self.append({**row, "kind": "temperature", "squared": squared})

    def missing(self, label: str, images: int, rates: Sequence[float], seeds: Sequence[int]) -> None:
        """The runs that are not in the table yet."""
        for rate in rates:
            there = errors_of(rows(self.folder), label, images, rate, seeds)
            for seed, error in zip(seeds, there, strict=True):
                if np.isnan(error):
                    self.append(run(label, images, rate, seed, self.data, self.logits(label, images)))

    def logits(self, label: str, images: int) -> np.ndarray | None:
        """The teacher's, for the images of a student; ``None`` if it has no teacher."""
        if label not in TEACHERS:
            return None
        shift = TEACHERS[label]
        if (shift, images) == (SHIFT, FEW):
            if not (self.folder / LOGITS).exists():
                np.save(self.folder / LOGITS, self._all_logits(shift)[:FEW].astype(np.float16))
            return few_logits(self.folder)
        return self._all_logits(shift)[:images]

    def _all_logits(self, shift: int) -> np.ndarray:
        if shift not in self._logits:
            network, row = train_teacher(shift, self.data)
            self._logits[shift] = teacher_logits(network, self.data.x_train)
            if not any(r["kind"] == "teacher" and r["shift"] == shift for r in rows(self.folder)):
                self.append(row)
        return self._logits[shift]


def main(folder: Path = FOLDER) -> None:
    """Run everything that is not in the folder's table yet."""
    measuring = _Measuring(folder)
    with threadpool_limits(1, user_api="blas"):
        for label, images in CASES:
            measuring.case(label, images)
        measuring.temperatures()


if __name__ == "__main__":
    main()
