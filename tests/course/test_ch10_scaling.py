"""The committed table of chapter 10's simulated clusters: complete, with its best rates inside the grid, and true."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.course.ch10_parallel_training import scaling

FOUND = scaling.rows()
CELLS = [(label, workers) for label in scaling.METHODS for workers in scaling.WORKERS]


def test_the_table_has_every_run_once():
    keys = [(r["label"], r["workers"], r["rate"], r["seed"]) for r in FOUND]
    tuned = {(label, P, rate, seed) for label, P in CELLS for rate in scaling.RATES for seed in scaling.SEEDS}
    fresh = {(label, P, scaling.best_rate(FOUND, label, P), seed) for label, P in CELLS for seed in scaling.FRESH}
    assert len(keys) == len(set(keys)) and set(keys) == tuned | fresh


@pytest.mark.parametrize(("label", "workers"), CELLS)
def test_the_best_rate_lies_inside_the_grid_and_every_fresh_run_arrives(label: str, workers: int):
    best = scaling.best_rate(FOUND, label, workers)
    assert scaling.RATES[0] < best < scaling.RATES[-1]
    assert np.isfinite(scaling.seconds_of(FOUND, label, workers, best, scaling.FRESH)).all()


@pytest.mark.parametrize(
    ("label", "workers"),
    [("synchronous", 256), ("synchronous, 5 % backups", 1000), ("asynchronous", 64), ("local, H = 16", 64)],
)
def test_rows_are_found_again(label: str, workers: int):
    """To five digits: sums of random numbers may differ in the last one."""
    best = scaling.best_rate(FOUND, label, workers)
    row = next(r for r in FOUND if (r["label"], r["workers"], r["rate"], r["seed"]) == (label, workers, best, 103))
    again = scaling.run(label, workers, best, 103)
    assert again["seconds"] == pytest.approx(row["seconds"], rel=1e-5)
    assert again["megabytes"] == pytest.approx(row["megabytes"], rel=1e-3)


def test_what_is_changed_about_the_cluster_is_changed():
    best = scaling.best_rate(FOUND, "synchronous", 256)
    plain, calm = (scaling.run("synchronous", 256, best, 100, **values) for values in ({}, {"stalls": 0.0}))
    assert calm["seconds"] < plain["seconds"] / 2
