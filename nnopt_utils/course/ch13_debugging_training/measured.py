"""What chapter 13 knows of many runs: what ``diagnose`` says of faults and of sound runs, and what wrong remedies do.

The table is part of the course. Make it anew after a change of a fault, a remedy or a sign (ten minutes on two quiet
cores)::

    python -m nnopt_utils.course.ch13_debugging_training.measured
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from nnopt_utils._folders import data_folder
from nnopt_utils.course.ch13_debugging_training.clinic import MARGIN
from nnopt_utils.faults import FAULTS, Run, Setup, apply_remedy, fit_healthy, fit_with_fault, train
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Adagrad, Adam, AdamW, Lion, Optimizer, RMSprop

TABLE = data_folder() / "experiments" / "13_diagnosed.jsonl"

ARCHITECTURES: dict[str, tuple[list[int], str]] = {
    "softmax regression": ([784, 10], "relu"),
    "784-64-64-10, ReLU": ([784, 64, 64, 10], "relu"),
    "784-300-100-10, GELU": ([784, 300, 100, 10], "gelu"),
    "784-64-64-64-64-10, tanh": ([784, 64, 64, 64, 64, 10], "tanh"),
    "784-32-32-32-10, leaky ReLU": ([784, 32, 32, 32, 10], "leaky_relu"),
}
OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {
    "SGD": partial(SGD, 0.1),
    "momentum": partial(SGD, 0.02, momentum=0.9),
    "Nesterov": partial(SGD, 0.02, momentum=0.9, nesterov=True),
    "Adagrad": partial(Adagrad, 0.01),
    "RMSprop": partial(RMSprop, 0.001),
    "Adam": partial(Adam, 0.001),
    "AdamW": partial(AdamW, 0.001),
    "Lion": partial(Lion, 0.0003),
}
PLANTED_SEEDS, SOUND_SEEDS, REMEDY_SEEDS = range(5), range(20), range(2)


def sound_setup(architecture: str, optimizer: str) -> Setup:
    """Three epochs of an architecture with an optimizer, at an ordinary rate."""
    sizes, activation = ARCHITECTURES[architecture]

    def network(seed: int) -> MLP:
        return MLP(sizes, activation=activation, seed=seed)

    def new(rate: float, steps: int) -> Optimizer:
        return OPTIMIZERS[optimizer]()

    return Setup(network=network, optimizer=new, epochs=3)


def planted_row(fault: str, seed: int) -> dict[str, Any]:
    """What is said of a fault."""
    return {"kind": "planted", "fault": fault, "seed": seed, **_said(fit_with_fault(fault, seed))}


def sound_row(architecture: str, optimizer: str, seed: int) -> dict[str, Any]:
    """What is said of a sound run."""
    names = {"architecture": architecture, "optimizer": optimizer}
    return {"kind": "sound", **names, "seed": seed, **_said(train(sound_setup(architecture, optimizer), seed))}


def remedy_row(fault: str, believed: str, seed: int) -> dict[str, Any]:
    """What the remedy for one fault does to another: is the run sound then?"""
    run = apply_remedy(FAULTS[fault].broken, believed, seed)
    enough = fit_healthy(fault, seed).test_accuracy - MARGIN
    said = _said(run)
    sound = not run.diverged and run.test_accuracy >= enough and not said["causes"]
    return {"kind": "remedy", "fault": fault, "believed": believed, "seed": seed, **said, "sound": bool(sound)}


def _said(run: Run) -> dict[str, Any]:
    return {"causes": run.diagnose().causes, "test": round(100 * run.test_accuracy, 2)}


def all_rows() -> Iterator[Callable[[], dict[str, Any]]]:
    """Every row that the table has, to be made."""
    yield from (partial(planted_row, fault, seed) for fault in FAULTS for seed in PLANTED_SEEDS)
    for architecture in ARCHITECTURES:
        yield from (partial(sound_row, architecture, name, seed) for name in OPTIMIZERS for seed in SOUND_SEEDS)
    yield from (partial(remedy_row, a, b, seed) for a in FAULTS for b in FAULTS for seed in REMEDY_SEEDS)


def rows(path: Path = TABLE) -> list[dict[str, Any]]:
    """The committed table."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def of_kind(kind: str) -> list[dict[str, Any]]:
    """The committed rows of a kind: ``"planted"``, ``"sound"`` or ``"remedy"``."""
    return [row for row in rows() if row["kind"] == kind]


def main() -> None:
    """Make the table anew."""
    from joblib import Parallel, delayed  # here: whoever reads the table needs no processes

    made = Parallel(n_jobs=-1, batch_size=8)(delayed(make)() for make in all_rows())
    TABLE.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made), encoding="utf-8")


if __name__ == "__main__":
    main()
