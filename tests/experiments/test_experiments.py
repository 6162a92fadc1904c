"""Fair comparisons: equal budgets, honest medians, and a table that survives whatever happens to the search."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from itertools import pairwise

import numpy as np
import pytest

from nnopt_utils import _bars
from nnopt_utils._tables import Records
from nnopt_utils.datasets import Dataset, gaussian_blobs
from nnopt_utils.experiments import (
    Space,
    TableError,
    Task,
    fixed,
    log_uniform,
    search,
    store,
    uniform,
)
from nnopt_utils.experiments.bands import band, band_name, quantile
from nnopt_utils.experiments.identity import checksum
from nnopt_utils.experiments.searching import sorted_runs
from nnopt_utils.experiments.tasks import METRICS
from nnopt_utils.history import History
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Optimizer
from nnopt_utils.schedules import ExponentialDecay
from nnopt_utils.training import DivergenceError, fit

# -- a small task ----------------------------------------------------------------------------------------------------


def blobs(seed: int = 0, n: int = 90) -> Dataset:
    x, y = gaussian_blobs(n, noise=0.7, seed=seed)
    third = n // 3
    return Dataset(x[:third], y[:third], x[third : 2 * third], y[third : 2 * third], x[2 * third :], y[2 * third :])


def small_task(**changes) -> Task:
    return Task(**({"layer_sizes": [2, 8, 3], "data": blobs(), "epochs": 3, "batch_size": 10} | changes))


RATES = [0.01, 0.1, 0.5]


def two_spaces(rates=RATES) -> dict[str, Space]:
    return {"plain": Space(SGD, learning_rate=rates), "momentum": Space(SGD, learning_rate=rates, momentum=0.9)}


def run(task=None, spaces=None, seeds=(0, 1), n_jobs=1, **more):
    return search(task or small_task(), spaces or two_spaces(), seeds, n_jobs=n_jobs, progress=False, **more)


def timeless(results) -> list[dict]:
    """The rows without what the clock decides."""
    rows = []
    for row in results.rows:
        row = {name: value for name, value in row.items() if not name.startswith("seconds")}
        rows.append(row | {"curves": {k: v for k, v in row["curves"].items() if k != "seconds"}})
    return rows


class Explosive(SGD):
    """Diverges when its rate is 1 or more; fails in its first step when it is 0.5 or 0.6."""

    def update(self, theta, gradient, *slots):
        if self.learning_rate == 0.5:
            raise RuntimeError("this rule does not work")
        if self.learning_rate == 0.6:
            raise ValueError("learning_rate: this one least of all")
        super().update(theta, gradient, *slots)
        if self.learning_rate >= 1:
            theta *= 1e6


def recorded_task(values, **more) -> Task:
    """Runs whose accuracies are given, to check what follows from them: (rate, seed) → one an epoch."""
    epochs = max(map(len, values.values()))

    def train(network, optimizer, data, *, epochs, batch_size, seed, progress):
        accuracies = values[optimizer.learning_rate, seed]
        losses, seconds = [1 - value for value in accuracies], [0.5] * len(accuracies)
        steps = [0.0] * 10 * len(accuracies)
        history = History(seed, batch_size, 10, losses, losses, list(accuracies), seconds=seconds, step_losses=steps)
        if len(accuracies) < epochs:
            raise DivergenceError("boom", history)
        return history

    x, y = np.zeros((10, 2)), np.zeros(10, dtype=int)
    return Task([2, 2], (x, y, x, y), epochs, batch_size=1, train=train, **more)


# -- spaces ----------------------------------------------------------------------------------------------------------


def test_a_grid_is_every_combination_of_the_lists():
    space = Space(SGD, learning_rate=[0.1, 0.2], momentum=(0.0, 0.9), weight_decay=1e-3)
    values = [setting.values for setting in space.settings]
    assert values == [
        {"learning_rate": rate, "momentum": beta, "weight_decay": 1e-3} for rate in (0.1, 0.2) for beta in (0.0, 0.9)
    ]
    assert repr(space.settings[0]) == "learning_rate=0.1, momentum=0.0"
    assert repr(space) == "Space(SGD, learning_rate=[0.1, 0.2], momentum=(0.0, 0.9), weight_decay=0.001): 4 settings"


def test_an_array_of_rates_is_searched_and_written_as_numbers():
    space = Space(SGD, learning_rate=np.logspace(-3, -1, 3))
    assert [s.identity for s in space.settings] == [{"learning_rate": r} for r in (0.001, 0.01, 0.1)]
    assert all(type(s.identity["learning_rate"]) is float for s in space.settings)


def test_fixed_keeps_a_list_as_one_value():
    space = Space(dict, a=fixed([1, 2]), b=[3, 4])
    assert [setting.build() for setting in space.settings] == [{"a": [1, 2], "b": 3}, {"a": [1, 2], "b": 4}]


def test_random_search_draws_log_uniformly_and_repeatably():
    space = Space(SGD, learning_rate=log_uniform(1e-5, 1), momentum=uniform(0.5, 0.9), sample=400, seed=3)
    rates = np.array([s.values["learning_rate"] for s in space.settings])
    assert rates.min() >= 1e-5 and rates.max() <= 1
    counts = np.histogram(np.log10(rates), bins=5, range=(-5, 0))[0]
    assert counts.min() > 50  # 80 expected in each decade
    momenta = np.array([s.values["momentum"] for s in space.settings])
    assert abs(momenta.mean() - 0.7) < 0.02 and momenta.min() >= 0.5 and momenta.max() <= 0.9
    again = Space(SGD, learning_rate=log_uniform(1e-5, 1), momentum=uniform(0.5, 0.9), sample=400, seed=3)
    assert [s.identity for s in again.settings] == [s.identity for s in space.settings]
    fewer = Space(SGD, learning_rate=log_uniform(1e-5, 1), momentum=uniform(0.5, 0.9), sample=10, seed=3)
    assert [s.identity for s in fewer.settings] == [s.identity for s in space.settings][:10]  # a table may grow
    other = Space(SGD, learning_rate=log_uniform(1e-5, 1), momentum=uniform(0.5, 0.9), sample=10, seed=4)
    assert [s.identity for s in other.settings] != [s.identity for s in fewer.settings]


def test_random_search_of_lists_draws_without_repeating():
    space = Space(SGD, learning_rate=[0.1, 0.2, 0.3], momentum=[0.0, 0.9], sample=6, seed=0)
    assert len({repr(s) for s in space.settings}) == 6
    with pytest.raises(ValueError, match="sample: got 7; expected at most 6"):
        Space(SGD, learning_rate=[0.1, 0.2, 0.3], momentum=[0.0, 0.9], sample=7)


def test_a_schedule_is_built_from_the_rate():
    space = Space(SGD, learning_rate=[0.1, 0.2], schedule=lambda rate: ExponentialDecay(rate, 0.5, 10))
    first = space.settings[0]
    assert first.build().schedule == ExponentialDecay(0.1, 0.5, 10)
    assert first.identity == {"learning_rate": 0.1, "schedule": repr(ExponentialDecay(0.1, 0.5, 10))}
    by_hand = Space(SGD, learning_rate=[0.1], schedule=lambda rate: lambda step: rate / (1 + step))
    assert by_hand.settings[0].identity["schedule"].startswith("rates 0.1, 0.05, 0.0333333")
    assert by_hand.settings[0].build().learning_rate == 0.1


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Space(3), TypeError, "factory: got 3; expected an optimizer's class"),
        (lambda: Space(SGD, learning_rat=0.1), TypeError, "SGD has no such argument .did you mean learning_rate"),
        (lambda: Space(SGD, weight_deca=0.1), TypeError, "did you mean weight_decay"),
        (lambda: Space(SGD, learning_rate=[]), ValueError, r"learning_rate: got \[\]; expected at least one value"),
        (
            lambda: Space(SGD, learning_rate=["fast"]),
            TypeError,
            "learning_rate: got 'fast'; expected a finite number > 0",
        ),
        (lambda: Space(SGD, learning_rate=-0.1), ValueError, "learning_rate: got -0.1; expected a finite number > 0"),
        (lambda: Space(SGD, learning_rate=[0.1, 0.0]), ValueError, "learning_rate: got 0.0; expected a finite number"),
        (lambda: Space(SGD, learning_rate=0.1, momentum=[0.9, 1.5]), ValueError, "momentum: got 1.5; expected"),
        (
            lambda: Space(SGD, learning_rate=uniform(-2, -1), sample=3),
            ValueError,
            r"learning_rate: got -1\.\d+; expected",
        ),
        (lambda: Space(SGD, learning_rate=[0.1, 0.1]), ValueError, "got the setting learning_rate=0.1 twice"),
        (lambda: Space(SGD, learning_rate=log_uniform(0.1, 1)), ValueError, r"in a grid; expected a list, or sample="),
        (lambda: Space(SGD, learning_rate=uniform(0.1, 1), sample=0), ValueError, "sample: got 0"),
        (lambda: Space(SGD, schedule=lambda rate: rate), ValueError, "schedule: got .* without learning_rate"),
        (lambda: log_uniform(0, 1), ValueError, "low: got 0"),
        (lambda: uniform(1, 1), ValueError, "high: got 1"),
        (lambda: Space(dict, a=object()), ValueError, "whose repr holds an address"),
    ],
)
def test_bad_spaces_say_what_is_wrong(make, error, message):
    with pytest.raises(error, match=message):
        make()


# -- tasks -----------------------------------------------------------------------------------------------------------


def test_a_run_is_the_fit_of_the_same_seed():
    task, data = small_task(), blobs()
    network, optimizer = MLP([2, 8, 3], seed=1), SGD(0.1)
    history = fit(network, optimizer, data, epochs=3, batch_size=10, seed=1, progress=False)
    row = next(row for row in run(task).rows if row["seed"] == 1 and row["setting"] == {"learning_rate": 0.1})
    assert row["curves"]["val_loss"] == history.val_loss
    assert row["curves"]["train_loss"] == history.train_loss
    assert (row["val_accuracy"], row["steps"], row["status"]) == (history.val_accuracy[-1], 9, "finished")


class Guarded:
    """Data whose test set may not be asked for."""

    def __init__(self, data):
        self.x_train, self.y_train, self.x_val, self.y_val = data.x_train, data.y_train, data.x_val, data.y_val

    @property
    def x_test(self):
        raise AssertionError("the test set was looked at")

    y_test = x_test


def test_the_test_set_is_never_seen_by_a_search(tmp_path):
    results = run(small_task(data=Guarded(blobs())), table=tmp_path / "t.jsonl")
    assert len(results.rows) == 12
    results.summary(), results.best("plain"), repr(results)
    with pytest.raises(AssertionError, match="was looked at"):
        results.test("plain")


def test_arrays_instead_of_a_dataset_and_fewer_samples():
    data = blobs()
    arrays = (data.x_train, data.y_train, data.x_val, data.y_val)
    assert timeless(run(small_task(data=arrays))) == timeless(run())
    task = small_task(n_train=20)
    assert len(task.arrays[0]) == 20 and task.steps_per_epoch == 2
    with pytest.raises(ValueError, match="no test set"):
        run(small_task(data=arrays)).test("plain")


def test_regression_is_judged_by_the_loss():
    x = np.linspace(-1, 1, 40)[:, None]
    task = Task([1, 8, 1], (x, x**2, x, x**2), epochs=2, loss="mse", activation="tanh")
    results = run(task, {"SGD": Space(SGD, learning_rate=[0.01, 0.1])})
    assert task.metric == "val_loss" and tuple(task.metrics) == ("train_loss", "val_loss")
    assert results.best("SGD").median == min(s.median for s in results.settings("SGD"))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"data": blobs().x_train}, TypeError, r"expected a Dataset or \(x, y, x_val, y_val\)"),
        ({"data": (blobs().x_train, blobs().y_train)}, TypeError, "to choose on validation data"),
        ({"layer_sizes": [3, 3]}, ValueError, "x: got .* expected shape"),
        ({"epochs": 0}, ValueError, "epochs: got 0"),
        ({"n_train": 31}, ValueError, "n_train: got 31; expected an integer >= 1 and <= 30"),
        ({"metric": "val_acuracy"}, ValueError, "did you mean 'val_accuracy'"),
        ({"metric": "train_loss"}, ValueError, "metric: got 'train_loss'"),
        ({"target_accuracy": 0.9, "target_loss": 1.0}, ValueError, "expected at most one"),
    ],
)
def test_bad_tasks_say_what_is_wrong(changes, error, message):
    with pytest.raises(error, match=message):
        small_task(**changes)


def test_another_training_function_can_be_plugged_in():
    calls = []

    def train(network, optimizer, data, *, epochs, batch_size, seed, progress):
        calls.append(seed)
        return fit(network, optimizer, data, epochs=epochs, batch_size=batch_size, seed=seed, progress=progress)

    assert timeless(run(small_task(train=train))) == timeless(run())
    assert sorted(calls) == sorted([0, 1] * 6)


def test_an_optimizer_that_averages_is_judged_at_its_average():
    data, optimizer, network = blobs(), SGD(0.05, ema_momentum=0.99), MLP([2, 8, 3], seed=4)
    results = run(spaces={"SGD": Space(SGD, learning_rate=0.05, ema_momentum=0.99)})
    fit(network, optimizer, data, epochs=3, batch_size=10, seed=4, progress=False)
    average = optimizer.evaluation_parameters(network.parameters)
    expected = network.evaluate(data.x_test, data.y_test, parameters=average).accuracy
    assert results.test("SGD", seeds=[4], n_jobs=1).finals == {4: expected}
    assert expected != network.evaluate(data.x_test, data.y_test).accuracy


# -- budgets ---------------------------------------------------------------------------------------------------------


def test_unequal_budgets_are_refused():
    spaces = {"plain": Space(SGD, learning_rate=RATES), "momentum": Space(SGD, learning_rate=0.1, momentum=0.9)}
    with pytest.raises(ValueError, match=r"plain 3 settings × 2 seeds × 3 epochs = 18, momentum 1 settings × 2 seeds"):
        run(spaces=spaces)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"spaces": Space(SGD)}, TypeError, "spaces: got Space.* expected a dict"),
        ({"spaces": {"SGD": SGD}}, TypeError, "expected a text and a Space"),
        ({"seeds": 3}, TypeError, "seeds: got 3; expected several integers"),
        ({"seeds": ()}, ValueError, "expected at least one, each once"),
        ({"seeds": (1, 1)}, ValueError, "each once"),
        ({"seeds": (-1,)}, ValueError, "seeds: got -1"),
        ({"task": MLP([2, 2])}, TypeError, "task: got .* expected a Task"),
    ],
)
def test_bad_searches_say_what_is_wrong(arguments, error, message):
    with pytest.raises(error, match=message):
        run(**arguments)


# -- rows: diverged and failed runs too ------------------------------------------------------------------------------


def test_every_run_has_its_row_in_order():
    results = run(small_task(target_accuracy=0.5))
    expected = [(r.label, r.setting.identity, r.seed) for r in sorted_runs(two_spaces(), (0, 1))]
    assert [(row["label"], row["setting"], row["seed"]) for row in results.rows] == expected
    row = results.rows[0]
    assert list(row) == [
        "label", "optimizer", "setting", "seed", "status", "message", "train_loss", "val_loss", "val_accuracy",
        "steps", "seconds", "epochs_to_target", "steps_to_target", "seconds_to_target", "curves",
    ]  # fmt: skip
    assert row["seconds"] > 0 and row["curves"]["seconds"][-1] == row["seconds"]
    assert [len(curve) for curve in row["curves"].values()] == [3, 3, 3, 3]
    reached = [row for row in results.rows if row["epochs_to_target"]]
    assert reached and all(row["steps_to_target"] == 3 * row["epochs_to_target"] for row in reached)


def test_diverged_and_failed_runs_are_recorded_and_the_search_goes_on():
    space = Space(Explosive, learning_rate=[0.05, 0.5, 1.0, 0.6])
    results = run(spaces={"Explosive": space})
    assert [row["status"] for row in results.rows] == ["finished"] * 2 + ["failed"] * 2 + ["diverged"] * 2 + [
        "failed"
    ] * 2
    messages = [row["message"] for row in results.rows[::2]]
    assert messages[0] == "" and messages[1] == "RuntimeError: this rule does not work"
    assert messages[2].startswith("training diverged in epoch") and messages[3].startswith("ValueError: learning_rate")
    assert results.rows[4]["val_accuracy"] is None and len(results.rows[4]["curves"]["val_accuracy"]) < 3
    (row,) = results.summary()
    assert (row["diverged"], row["failed"], row["runs"], row["setting"]) == (2, 4, "8 of 8", "learning_rate=0.05")
    assert [s.median for s in results.settings("Explosive")][1:] == [-math.inf] * 3


def test_a_rate_of_a_million_diverges():
    results = run(small_task(epochs=5), {"SGD": Space(SGD, learning_rate=[0.1, 1e6], momentum=0.9)}, seeds=(0, 1, 2))
    lost = [row for row in results.rows if row["setting"]["learning_rate"] == 1e6]
    assert "diverged" in {row["status"] for row in lost}
    assert results.best("SGD").setting.values["learning_rate"] == 0.1


def test_results_in_which_everything_is_lost_can_be_shown():
    results = run(spaces={"Explosive": Space(Explosive, learning_rate=[1.0, 2.0])})
    assert "diverged" in repr(results) and "diverged" in results._repr_markdown_()
    assert results.best("Explosive").median == -math.inf
    assert results.robustness("Explosive").decades == 0


# -- what follows from the rows --------------------------------------------------------------------------------------


def test_quantiles_with_infinities():
    values = [3.0, 1.0, 2.0, 10.0, 4.0, 0.5]
    for share in (0.0, 0.25, 0.5, 0.6, 0.75, 1.0):
        assert quantile(values, share) == pytest.approx(np.quantile(values, share))
    assert quantile([1.0, 2.0, math.inf], 0.5) == 2.0
    assert quantile([1.0, math.inf], 0.5) == math.inf
    assert quantile([-math.inf, 0.9, 0.8], 0.25) == -math.inf
    assert band([1.0, 2.0, 3.0, 10.0]) == (2.5, 1.0, 10.0)
    assert band([1.0, 2.0, 3.0, 4.0, 100.0]) == (3.0, 2.0, 4.0)
    assert (band_name(4), band_name(5)) == ("min–max", "quartiles")


def recorded(finals, seeds, **more):
    """A search over rates whose last accuracies are given: rate → one a seed; ``None`` for a run that diverged."""
    values = {
        (rate, seed): [0.3] if value is None else [0.3, value]
        for rate, row in finals.items()
        for seed, value in zip(seeds, row, strict=True)
    }
    return run(recorded_task(values, **more), {"SGD": Space(SGD, learning_rate=list(finals))}, seeds)


def test_the_best_setting_has_the_best_median_of_the_last_epoch():
    values = {
        (0.1, 0): [0.9, 0.70], (0.1, 1): [0.9, 0.72], (0.1, 2): [0.9, 0.99],
        (0.2, 0): [0.1, 0.80], (0.2, 1): [0.1, 0.75], (0.2, 2): [0.1, 0.74],
    }  # fmt: skip
    results = run(recorded_task(values), {"SGD": Space(SGD, learning_rate=[0.1, 0.2])}, (0, 1, 2))
    best = results.best("SGD")  # not 0.1, whose mean of the last epoch and best epoch are better
    assert best.setting.values == {"learning_rate": 0.2}
    assert (best.median, best.low, best.high, best.finals) == (0.75, 0.74, 0.80, {0: 0.80, 1: 0.75, 2: 0.74})
    assert best.setting.build().learning_rate == 0.2
    assert results.best("SGD", "val_loss").median == pytest.approx(0.25)


def test_a_diverged_run_counts_as_the_worst_and_is_not_dropped():
    results = recorded({0.1: [0.99, None, None], 0.2: [0.5, 0.6, 0.4], 0.3: [0.9, 0.9, None]}, (0, 1, 2))
    assert [s.median for s in results.settings("SGD")] == [-math.inf, 0.5, 0.9]
    best = results.best("SGD")
    assert (best.setting.values["learning_rate"], best.diverged, best.low) == (0.3, 1, -math.inf)
    curves = results.curves("SGD")
    assert curves.median.tolist() == [0.3, 0.9] and curves.low.tolist() == [0.3, -math.inf]
    assert results.settings("SGD", "val_loss")[0].median == math.inf


def test_a_best_value_at_the_edge_of_the_space_is_pointed_out():
    assert recorded({0.1: [0.5], 0.2: [0.6], 0.3: [0.7]}, [0]).best("SGD").at_edge == ("learning_rate",)
    assert recorded({0.1: [0.5], 0.2: [0.8], 0.3: [0.7]}, [0]).best("SGD").at_edge == ()
    assert "learning_rate" in repr(recorded({0.1: [0.5], 0.2: [0.6], 0.3: [0.7]}, [0])).splitlines()[-1]


def test_robustness_is_the_range_of_rates_near_the_best():
    finals = {1e-4: [0.5, 0.5], 1e-3: [0.90, 0.90], 1e-2: [0.91, 0.93], 1e-1: [0.91, 0.92], 1.0: [None, None]}
    found = recorded(finals, (0, 1)).robustness("SGD", within=0.01)
    assert (found.best_rate, found.highest, found.open_below, found.open_above) == (
        1e-2,
        pytest.approx(0.1),
        False,
        False,
    )
    assert found.lowest == pytest.approx(10**-2.5)  # the medians are 0.90 and 0.92: half way down
    assert found.decades == pytest.approx(1.5)
    assert found.seed_decades == {0: pytest.approx(2.0), 1: pytest.approx(1 + 1 / 3)}
    assert found.ranges[0] == (pytest.approx(1e-3), pytest.approx(0.1))
    wide = recorded(finals, (0, 1)).robustness("SGD", within=0.5)
    assert wide.open_below and not wide.open_above and wide.decades == pytest.approx(3.0)


def test_robustness_of_a_loss_and_with_other_hyperparameters():
    finals = {0.1: [0.5], 0.2: [0.9], 0.3: [0.895]}
    assert recorded(finals, [0], metric="val_loss").robustness("SGD").best_rate == 0.2
    results = run(spaces={"SGD": Space(SGD, learning_rate=RATES, momentum=[0.0, 0.9])})
    curve = results.rate_curve("SGD")
    momentum = results.best("SGD").setting.values["momentum"]
    same = [s.median for s in results.settings("SGD") if s.setting.values["momentum"] == momentum]
    assert curve.rates.tolist() == RATES and curve.median.tolist() == same and curve.finals.shape == (2, 3)
    with pytest.raises(ValueError, match="no numbers of it to compare"):
        run(spaces={"SGD": Space(SGD, learning_rate=0.1)}).robustness("SGD")


def test_time_to_target_counts_runs_that_never_reach_it():
    values = {(0.1, 0): [0.5, 0.7, 0.9], (0.1, 1): [0.8, 0.9, 0.9], (0.1, 2): [0.1, 0.2, 0.3]}
    results = run(recorded_task(values), {"SGD": Space(SGD, learning_rate=0.1)}, (0, 1, 2))
    (row,) = results.time_to_target(0.8)
    assert row == {
        "label": "SGD", "setting": "learning_rate=0.1", "reached": "2 of 3",
        "epochs_to_target": 3, "steps_to_target": 30, "seconds_to_target": 1.5,
    }  # fmt: skip
    assert results.time_to_target(0.2, "val_loss")[0]["reached"] == "2 of 3"
    assert "never" in repr(results.time_to_target(0.9001))
    with pytest.raises(ValueError, match="the task has no target"):
        results.time_to_target()


def test_tables_read_well():
    rows = Records([{"label": "a|b", "x": 0.123456, "n": 3}, {"label": "c", "x": math.inf, "n": None}], {"x": "never"})
    assert repr(rows).splitlines() == ["label       x  n", "-----  ------  -", "a|b    0.1235  3", "c       never  –"]
    assert rows._repr_markdown_().splitlines()[1:3] == ["| :--- | ---: | ---: |", "| a\\|b | 0.1235 | 3 |"]
    results = run(small_task(target_accuracy=0.5))
    assert repr(results) == repr(run(small_task(target_accuracy=0.5)))  # no seconds in it
    assert results._repr_markdown_() == run(small_task(target_accuracy=0.5))._repr_markdown_()
    assert "seconds_to_target" in results.summary().columns
    assert repr(Records([])) == "\n"


def test_labels_and_metrics_are_checked():
    results = run()
    with pytest.raises(ValueError, match=r"label: got 'plane'.*did you mean 'plain'"):
        results.best("plane")
    with pytest.raises(ValueError, match="metric: got 'acc'"):
        results.curves("plain", "acc")


def test_the_chosen_setting_is_measured_on_the_test_set_once():
    data = blobs()
    results = run(small_task(data=data))
    found = results.test("momentum", seeds=[7, 8, 9], n_jobs=1)
    setting = results.best("momentum").setting
    for seed in (7, 8, 9):
        network = MLP([2, 8, 3], seed=seed)
        fit(network, setting.build(), data, epochs=3, batch_size=10, seed=seed, progress=False)
        assert found.finals[seed] == network.evaluate(data.x_test, data.y_test).accuracy
    assert found.metric == "test_accuracy" and found.setting is setting
    assert results.test("momentum", seeds=[7, 8, 9]) is found
    assert list(results.test("momentum", n_jobs=1).finals) == [0, 1]
    with pytest.raises(ValueError, match="each once"):
        results.test("momentum", seeds=[1, 1])


# -- the table on disk -----------------------------------------------------------------------------------------------


class Counted(Task):
    """Counts its runs, in this process."""

    done: int = 0

    def run(self, build, seed, arrays):
        Counted.done += 1
        return super().run(build, seed, arrays)


@pytest.fixture
def counted():
    Counted.done = 0
    return Counted([2, 8, 3], blobs(), epochs=3, batch_size=10)


def test_a_finished_search_is_not_run_again(tmp_path, counted):
    file = tmp_path / "new" / "folder" / "t.jsonl"
    first = run(counted, table=file)
    assert Counted.done == 12 and file.read_text().count("\n") == 13
    again = run(counted, table=file)
    assert Counted.done == 12 and again.rows == first.rows and repr(again) == repr(first)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert rows[0]["task"]["epochs"] == 3 and rows[1]["curves"]["val_loss"][-1] == rows[1]["val_loss"]


@pytest.mark.parametrize("torn", [b'{"label": "plain", "sta', b"\x00\x00", b'{"label": "plain"}'])
def test_a_search_that_was_killed_goes_on_where_it_was(tmp_path, counted, torn):
    whole = run()
    file = tmp_path / "t.jsonl"
    run(counted, table=file)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:6]) + torn)  # the header, five rows, and what the kill left of the sixth
    Counted.done = 0
    assert timeless(run(counted, table=file)) == timeless(whole)
    assert Counted.done == 7 and file.read_bytes().count(b"\n") == 13
    assert all(json.loads(line) for line in file.read_bytes().splitlines())


def test_a_search_may_grow(tmp_path, counted):
    file = tmp_path / "t.jsonl"
    run(counted, two_spaces([0.01, 0.1]), [0], table=file)
    Counted.done = 0
    assert timeless(run(counted, table=file)) == timeless(run())
    assert Counted.done == 12 - 4


def test_a_target_is_not_part_of_the_table(tmp_path):
    file = tmp_path / "t.jsonl"
    run(table=file)
    assert any(row["steps_to_target"] for row in run(small_task(target_accuracy=0.4), table=file).rows)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"epochs": 2}, r"another task \(epochs: 3 in the table, 2 here\)"),
        ({"data": blobs(seed=1)}, r"another task \(data: '"),
        ({"activation": "tanh", "batch_size": 5}, "activation: 'relu' in the table, 'tanh' here; batch_size: 10"),
    ],
)
def test_a_table_of_another_task_is_refused(tmp_path, task, message):
    file = tmp_path / "t.jsonl"
    run(table=file)
    before = file.read_bytes()
    with pytest.raises(TableError, match=message):
        run(small_task(**task), table=file)
    assert file.read_bytes() == before


def test_a_table_of_another_space_is_refused(tmp_path):
    file = tmp_path / "t.jsonl"
    run(table=file)
    before = file.read_bytes()
    for spaces in (two_spaces([0.01, 0.1]), {"momentum": two_spaces()["momentum"]}):
        with pytest.raises(TableError, match=r"a run that is not in this search: 'plain' = SGD.learning_rate="):
            run(spaces=spaces, table=file)
    other = two_spaces() | {"plain": Space(Explosive, learning_rate=RATES)}
    with pytest.raises(TableError, match="not in this search: 'plain' = SGD"):
        run(spaces=other, table=file)
    with pytest.raises(TableError, match="seed 1; use another file"):
        run(seeds=[0], table=file)
    assert file.read_bytes() == before


def test_functions_that_make_optimizers_are_known_by_what_they_make(tmp_path):
    file = tmp_path / "t.jsonl"
    run(spaces={"mine": Space(lambda rate: SGD(rate, momentum=0.5), rate=[0.1])}, table=file)
    run(spaces={"mine": Space(lambda rate: SGD(rate, momentum=0.5), rate=[0.1])}, table=file)
    with pytest.raises(TableError, match="not in this search"):
        run(spaces={"mine": Space(lambda rate: SGD(rate, momentum=0.9), rate=[0.1])}, table=file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"label,seed\n1,2\n", "line 1 of .* is damaged"),
        (b'{"a": 1}\n', "is not a table of experiments"),
        (b"notes", "is not a table of experiments"),
        (b'{"table": "nnopt experiments", "format": 99, "task": {}}\n', "has format 99; expected 1"),
    ],
)
def test_files_that_are_no_tables_are_left_alone(tmp_path, content, message):
    file = tmp_path / "t.jsonl"
    file.write_bytes(content)
    with pytest.raises(TableError, match=message):
        run(table=file)
    assert file.read_bytes() == content


def test_a_damaged_line_in_the_middle_is_an_error(tmp_path):
    file = tmp_path / "t.jsonl"
    run(table=file)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:3], b"{half\n", *lines[4:]]))
    with pytest.raises(TableError, match=r"line 4 of .* is damaged"):
        run(table=file)


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
def test_two_searches_do_not_write_one_table(tmp_path):
    file = tmp_path / "t.jsonl"

    def nested(network, optimizer, data, **arguments):
        with pytest.raises(TableError, match="another search is writing"):
            run(table=file)
        return fit(network, optimizer, data, **arguments)

    run(small_task(train=nested), {"SGD": Space(SGD, learning_rate=0.1)}, [0], table=file)


def test_a_finished_search_is_read_while_somebody_writes(tmp_path):
    """As by two kernels with the same chapter."""
    file = tmp_path / "t.jsonl"
    before = run(table=file)
    with store.opened(file, small_task().describe()):
        assert run(table=file).rows == before.rows


def test_a_table_that_may_only_be_read_serves_a_finished_search(tmp_path, monkeypatch):
    """As in a package that an administrator installed, for as many readers as there are."""
    file = tmp_path / "t.jsonl"
    before = run(table=file)

    def only_to_read(path, mode):
        if "a" in mode:
            raise PermissionError(13, "Permission denied", str(path))
        return open(path, mode)

    monkeypatch.setattr(store, "open", only_to_read, raising=False)
    with store.opened(file, small_task().describe()):
        assert run(table=file).rows == before.rows
    with pytest.raises(TableError, match=r"t.jsonl may only be read, and a run is to be added; copy it"):
        run(seeds=(0, 1, 2), table=file)
    with pytest.raises(PermissionError):
        run(table=tmp_path / "new.jsonl")


def test_non_finite_numbers_are_not_written(tmp_path):
    values = {(0.1, 0): [0.5, math.nan]}
    results = run(recorded_task(values), {"SGD": Space(SGD, learning_rate=0.1)}, [0], table=tmp_path / "t.jsonl")
    assert results.rows[0]["val_accuracy"] is None and results.best("SGD").median == -math.inf


# -- interruptions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inside_fit", [True, False])
def test_an_interrupt_returns_what_is_finished_and_the_search_goes_on_later(tmp_path, inside_fit):
    file, count = tmp_path / "t.jsonl", [0]

    def train(network, optimizer, data, **arguments):
        count[0] += 1
        if count[0] == 6 and not inside_fit:
            raise KeyboardInterrupt
        stop = (lambda step: os.kill(os.getpid(), signal.SIGINT)) if count[0] == 6 else None
        return fit(network, optimizer, data, callback=stop, **arguments)

    results = run(small_task(train=train), table=file)
    assert results.interrupted and results.missing == 7 and len(results.rows) == 5
    assert "5 runs, seeds 0, 1; 7 missing (interrupted)" in repr(results)
    # Settings without all seeds do not count: 0.1 of momentum has one of two.
    assert [s.setting.values["learning_rate"] for s in results.settings("plain")] == [0.01]
    rest = run(small_task(train=train), table=file)
    assert count[0] == 6 + 7 and not rest.interrupted and rest.missing == 0
    assert timeless(rest) == timeless(run())


def test_nothing_is_chosen_among_half_finished_settings():
    def train(network, optimizer, data, **arguments):
        if arguments["seed"] == 1:
            raise KeyboardInterrupt
        return fit(network, optimizer, data, **arguments)

    results = run(small_task(train=train))
    assert "not finished" in repr(results)
    with pytest.raises(ValueError, match="no setting of 'plain' has all its 2 seeds"):
        results.best("plain")


# Trains slowly enough to be stopped in the middle.
SCRIPT = """
import sys, time
from nnopt_utils.datasets import two_moons
from nnopt_utils.experiments import Space, Task, search
from nnopt_utils.optimizers import SGD
from nnopt_utils.training import fit

def train(network, optimizer, data, **arguments):
    time.sleep(0.1)
    return fit(network, optimizer, data, **arguments)

task = Task([2, 8, 2], two_moons(90) + two_moons(30), epochs=3, batch_size=10, train=train)
spaces = {"SGD": Space(SGD, learning_rate=[0.001 * k for k in range(1, 51)])}
results = search(task, spaces, seeds=(0, 1), table=sys.argv[1], n_jobs=2, progress=False)
print(len(results.rows), results.interrupted)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_real_search_on_two_processes_that_is_stopped(tmp_path, number):
    """Ctrl-C goes to the workers as well; a kill does not."""
    script, file = tmp_path / "script.py", tmp_path / "t.jsonl"
    script.write_text(textwrap.dedent(SCRIPT))
    process = subprocess.Popen(
        [sys.executable, script, file],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not (file.exists() and file.read_bytes().count(b"\n") >= 6):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=30)
    rows = [json.loads(line) for line in file.read_text().splitlines()[1:]]
    assert 5 <= len(rows) < 100 and {row["status"] for row in rows} == {"finished"}
    if number == signal.SIGINT:
        assert out.split() == [str(len(rows)), "True"], err
        assert "Traceback" not in err and "cancelled" not in err


# -- side by side ----------------------------------------------------------------------------------------------------


def test_any_number_of_jobs_gives_the_same_rows(tmp_path):
    spaces = two_spaces() | {
        "with a schedule": Space(SGD, learning_rate=RATES, schedule=lambda rate: ExponentialDecay(rate, 0.1, 9)),
        "explosive": Space(Explosive, learning_rate=[0.1, 0.5, 1.0]),
    }
    serial = run(spaces=spaces, n_jobs=1)
    parallel = run(spaces=spaces, n_jobs=2, table=tmp_path / "t.jsonl")
    assert timeless(parallel) == timeless(serial)
    assert parallel.test("plain", n_jobs=2).finals == serial.test("plain", n_jobs=1).finals


def test_large_data_is_shared_and_gives_the_same(monkeypatch):
    """From a megabyte on joblib hands the arrays over as files in memory."""
    data = blobs(n=60_000)
    assert data.x_train.nbytes // 2 < 1e6 < Task([2, 3], data, epochs=1, dtype="float64").arrays[0].nbytes * 4
    task = Task([2, 3], data, epochs=1, batch_size=500, dtype="float64")
    spaces = {"SGD": Space(SGD, learning_rate=[0.1])}
    assert timeless(run(task, spaces, n_jobs=2)) == timeless(run(task, spaces))


class Fatal(SGD):
    """Takes its process down with it, as a lack of memory does."""

    def update(self, theta, gradient, *slots):
        os._exit(1)


def test_a_worker_that_dies_is_an_error_that_says_so(tmp_path):
    spaces = {"fatal": Space(Fatal, learning_rate=[0.1, 0.2])}
    with pytest.raises(RuntimeError, match="a worker process died"):
        run(spaces=spaces, n_jobs=2, table=tmp_path / "t.jsonl")
    assert (tmp_path / "t.jsonl").read_text().count("\n") == 1


# -- progress --------------------------------------------------------------------------------------------------------


@pytest.fixture
def bars_at_once(monkeypatch):
    """Bars are on, and every update is drawn."""
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr(_bars, "DELAY", 1e-9)
    monkeypatch.setattr(_bars, "INTERVAL", 0.0)


@pytest.mark.usefixtures("bars_at_once")
def test_a_bar_counts_the_runs(capsys, monkeypatch):
    search(small_task(), {"E": Space(Explosive, learning_rate=[0.1, 0.5, 1.0])}, [0], n_jobs=1)
    bar = capsys.readouterr().err
    assert "search: 1 of 3 runs:  33%|" in bar and "00:00 left" in bar
    assert "search: 3 of 3 runs, 1 failed, 1 diverged: 100%|" in bar
    monkeypatch.setenv("TQDM_DISABLE", "1")
    search(small_task(), {"E": Space(SGD, learning_rate=[0.1])}, [0], n_jobs=1)
    monkeypatch.delenv("TQDM_DISABLE")
    run(spaces={"E": Space(SGD, learning_rate=[0.1])})
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_run_shows_no_bar(monkeypatch, n_jobs):
    """Not even one whose training asks for it; workers' bars would be written over one another."""

    def train(network, optimizer, data, **arguments):
        os.environ.pop("TQDM_DISABLE", None)
        with _bars.progress_bar(lambda: "run", 1) as bar:
            assert bar.disable
        return fit(network, optimizer, data, **arguments)

    monkeypatch.setenv("TQDM_DISABLE", "1")  # puts back what the run takes away
    assert {row["status"] for row in run(small_task(train=train), n_jobs=n_jobs).rows} == {"finished"}


# -- the package -----------------------------------------------------------------------------------------------------


def test_every_metric_has_a_direction():
    assert set(small_task().metrics) == set(METRICS)
    for metric in METRICS.values():
        better = 2.0 if metric.larger_is_better else 1.0
        assert metric.reaches(better, better) and metric.reaches(better, 3 - better)
        assert not metric.reaches(3 - better, better) and not metric.reaches(metric.worst, better)
        assert metric.goodness(better) > metric.goodness(3 - better) > metric.goodness(metric.worst)


def test_the_checksum_sees_values_types_and_shapes():
    x = np.arange(6.0)
    others = [x + 1, x.reshape(2, 3), x.astype(np.float32), x[:5]]
    assert len({checksum(array) for array in [x, *others]}) == 5
    assert checksum(x, x) != checksum(x)
    assert checksum(x[::2]) == checksum(x[::2].copy())


def test_importing_is_light():
    code = (
        "import nnopt_utils.experiments, sys; print([m for m in ('joblib', 'dask', 'distributed') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_the_example_of_the_package_runs_on_optimizers_only():
    assert all(isinstance(s.build(), Optimizer) for space in two_spaces().values() for s in space.settings)
    assert all(a.values != b.values for a, b in pairwise(two_spaces()["plain"].settings))
