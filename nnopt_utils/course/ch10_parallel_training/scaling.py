"""The simulated clusters of chapter 10: seconds to a target for 1 to 1,000 workers, each method at a rate of its own.

The table is part of the course. Make it anew after the simulation has changed (ten minutes on two cores)::

    rm data/experiments/10_scaling.jsonl
    python -m nnopt_utils.course.ch10_parallel_training.scaling

Simulated time does not depend on the machine: a test runs some rows again and finds the same numbers.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnopt_utils._folders import data_folder
from nnopt_utils.optimizers import SGD
from nnopt_utils.parallel import Cluster, simulate_asynchrony
from nnopt_utils.problems import Quadratic

TABLE = data_folder() / "experiments" / "10_scaling.jsonl"

WORKERS = (1, 4, 16, 64, 256, 1000)
RATES = tuple(round(first * 10.0**power, 6) for power in range(-4, 1) for first in (1, 2, 5))
SEEDS, FRESH = (0, 1), tuple(range(100, 110))

#: Number of workers → simulated seconds after which a run has failed.
PATIENCE = {1: 600.0, 4: 300.0, 16: 120.0, 64: 60.0, 256: 60.0, 1000: 60.0}

#: What is compared: the method and what it is called with.
METHODS: dict[str, dict[str, Any]] = {
    "synchronous": {"method": "synchronous"},
    "synchronous, 5 % backups": {"method": "synchronous", "backup_workers": 0.05},
    "asynchronous": {"method": "asynchronous"},
    "local, H = 16": {"method": "local", "local_steps": 16},
}


def problem() -> Quadratic:
    """A valley in 20 dimensions, with curvatures from 0.02 to 1."""
    return Quadratic(np.geomspace(0.02, 1, 20), start=np.ones(20))


def cluster(workers: int) -> Cluster:
    """50 ms a gradient, give or take a half; one in a hundred takes ten times as long; a gigabit network."""
    return Cluster(
        workers=workers,
        seconds_per_gradient=0.05,
        distribution="uniform",
        stalls=0.01,
        slowdown=10,
        latency=1e-4,
        bandwidth=1.25e8,
        server_seconds=1e-4,
    )


def run(label: str, workers: int, rate: float, seed: int, **changed: Any) -> dict[str, Any]:
    """One row: simulated seconds until J is 1 % of what it was, and megabytes that all sent until then.

    ``changed`` are other values of the cluster.
    """
    valley = problem()
    options = dict(METHODS[label])
    if "backup_workers" in options:
        options["backup_workers"] = round(options["backup_workers"] * workers)
    target = 0.01 * valley.value(valley.start)
    found = simulate_asynchrony(
        valley,
        SGD(rate),
        dataclasses.replace(cluster(workers), **changed),
        target=target,
        seconds=PATIENCE[workers],
        sigma=3.0,
        batch_size=32,
        message_bytes=220_200,
        seed=seed,
        **options,
    )
    there = bool(found.losses[-1] <= target)
    seconds, megabytes = float(f"{found.times[-1]:.6g}"), float(f"{found.bytes_sent / 1e6:.4g}")
    names = {"label": label, "workers": workers, "rate": rate, "seed": seed}
    return names | {"seconds": seconds if there else None, "megabytes": megabytes if there else None}


def rows() -> list[dict[str, Any]]:
    """The committed table."""
    return [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]


def seconds_of(
    found: Sequence[dict[str, Any]], label: str, workers: int, rate: float, seeds: Sequence[int]
) -> np.ndarray:
    """Seconds to the target, seed by seed; ∞ where it was not reached, or not run."""
    key = {(r["label"], r["workers"], r["rate"], r["seed"]): r["seconds"] for r in found}
    times = [key.get((label, workers, rate, seed)) for seed in seeds]
    return np.array([np.inf if time is None else time for time in times])


def best_rate(found: Sequence[dict[str, Any]], label: str, workers: int) -> float:
    """The rate with the smallest mean over the two tuning seeds."""
    return min(RATES, key=lambda rate: float(seconds_of(found, label, workers, rate, SEEDS).mean()))


def fresh(found: Sequence[dict[str, Any]]) -> dict[str, dict[int, np.ndarray]]:
    """Label → workers → seconds of the ten fresh seeds at the chosen rate."""
    return {
        label: {P: seconds_of(found, label, P, best_rate(found, label, P), FRESH) for P in WORKERS} for label in METHODS
    }


def changed(found: Sequence[dict[str, Any]], label: str, workers: int, **values: Any) -> tuple[float, float]:
    """Median seconds of the ten fresh seeds as they are, and on a cluster with other values, at the same rate."""
    rate = best_rate(found, label, workers)
    others = [run(label, workers, rate, seed, **values)["seconds"] for seed in FRESH]
    after = [np.inf if seconds is None else seconds for seconds in others]
    return float(np.median(seconds_of(found, label, workers, rate, FRESH))), float(np.median(after))


def measure(label: str, workers: int) -> list[dict[str, Any]]:
    """All rates on the tuning seeds, then the best on the fresh ones."""
    tuned = [run(label, workers, rate, seed) for rate in RATES for seed in SEEDS]
    chosen = best_rate(tuned, label, workers)
    return tuned + [run(label, workers, chosen, seed) for seed in FRESH]


def main() -> None:
    """Write the table."""
    from joblib import Parallel, delayed

    jobs = [delayed(measure)(label, workers) for workers in reversed(WORKERS) for label in METHODS]
    made = [line for part in Parallel(n_jobs=-1)(jobs) for line in part]
    TABLE.write_text("".join(json.dumps(line) + "\n" for line in made), encoding="utf-8")


if __name__ == "__main__":
    main()
