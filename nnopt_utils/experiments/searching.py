"""The search: which runs there are, which of them are missing, and their rows."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from nnopt_utils._bars import progress_bar
from nnopt_utils._interrupts import deferred_interrupt
from nnopt_utils._validation import describe
from nnopt_utils.experiments.results import Results
from nnopt_utils.experiments.running import check_seeds, in_parallel
from nnopt_utils.experiments.spaces import Setting, Space
from nnopt_utils.experiments.store import Store, TableError, opened, stored
from nnopt_utils.experiments.tasks import RunResult, Task


class Run(NamedTuple):
    """One training: a setting of an optimizer, and a seed."""

    label: str
    setting: Setting
    seed: int

    @property
    def key(self) -> str:
        """By what the row of this run is found in a table."""
        return _key(self.label, self.setting.optimizer, self.setting.identity, self.seed)


def search(
    task: Task,
    spaces: Mapping[str, Space],
    seeds: Iterable[int] = (0, 1, 2),
    *,
    table: str | os.PathLike[str] | None = None,
    n_jobs: int = -1,
    progress: bool = True,
) -> Results:
    """Run every setting of every optimizer with every seed, and keep what came out.

    A run that diverges or fails is recorded as such and the search goes on. Runs are independent of each other and of
    their order: any number of jobs, and a cluster, give the same numbers, except seconds. (In another process an array
    lies elsewhere in memory; with some versions of NumPy that changes the last digit of a loss.)

    Args:
        task: what a run is.
        spaces: label → ``Space``, each of as many settings: whoever has more has more chances to look good.
        seeds: different integers >= 0. A seed fixes a run's initial weights and order of samples; all settings get
            the same seeds.
        table: a file for the rows, one JSON line a run, on disk as soon as the run is finished. If it holds runs of
            this search, only the missing ones are run. A search may grow: more labels, settings or seeds.
        n_jobs: how many processes, as in ``joblib``; default -1, all cores. Inside
            ``joblib.parallel_config(backend="dask")`` the runs go to the cluster, whatever this number.
        progress: show a bar of the runs, with the time left.

    Returns:
        The results. An interrupt (Ctrl-C, or the stop button) ends the search and returns those that are finished;
        the same call with the same table goes on there.

    Raises:
        ValueError: the budgets differ, a label has no settings, a seed comes twice.
        TableError: the table is another search's, in use or damaged.
        RuntimeError: a worker process died, e.g. for lack of memory; what is finished is in the table.

    Example:
        >>> from nnopt_utils.datasets import two_moons
        >>> from nnopt_utils.optimizers import SGD
        >>> x, y = two_moons(60)
        >>> task = Task([2, 8, 2], (x[:40], y[:40], x[40:], y[40:]), epochs=10)
        >>> spaces = {
        ...     "plain": Space(SGD, learning_rate=[0.001, 0.1]),
        ...     "momentum": Space(SGD, learning_rate=[0.001, 0.1], momentum=0.5),
        ... }
        >>> results = search(task, spaces, seeds=[0], n_jobs=1, progress=False)
        >>> results.best("plain").setting, results.best("momentum").setting
        (learning_rate=0.1, learning_rate=0.1)
    """
    spaces, seeds = _check_spaces(spaces), check_seeds(seeds)
    if not isinstance(task, Task):
        raise TypeError(f"task: got {describe(task)}; expected a Task")
    _check_equal(spaces, len(seeds), task)
    runs = _ordered(spaces, seeds)
    description, interrupted = {} if table is None else task.describe(), False
    rows = _known(stored(table, description), runs)
    if len(rows) < len(runs):
        with opened(table, description) as store:
            done = _known(store.rows, runs)
            missing = [run for run in runs if run.key not in done]
            interrupted = _run_all(task, missing, store, len(runs), n_jobs, progress)
            rows = _known(store.rows, runs)
    ordered = [rows[run.key] for run in sorted_runs(spaces, seeds) if run.key in rows]
    return Results(task, spaces, seeds, ordered, interrupted)


def sorted_runs(spaces: Mapping[str, Space], seeds: Sequence[int]) -> list[Run]:
    """Every run: by label, setting and seed, as given."""
    return [
        Run(label, setting, seed) for label, space in spaces.items() for setting in space.settings for seed in seeds
    ]


def _ordered(spaces: Mapping[str, Space], seeds: Sequence[int]) -> list[Run]:
    """Every run, in the order of running: a setting of each label in turn, so that an interruption is fair to all."""
    place = {id(setting): i for space in spaces.values() for i, setting in enumerate(space.settings)}
    return sorted(sorted_runs(spaces, seeds), key=lambda run: place[id(run.setting)])


def _run_all(task: Task, runs: list[Run], store: Store, total: int, n_jobs: int, progress: bool) -> bool:
    """Run what is missing and store each row as it comes; return whether that was interrupted."""
    if not runs:
        return False
    ends: Counter[str] = Counter()
    done = total - len(runs)
    with progress_bar(partial(_status, done, total, ends), total, done, shown=progress) as bar:
        results = in_parallel(
            [(task.without_data(), "run", run.setting, run.seed) for run in runs], task.arrays, n_jobs
        )
        try:
            for index, result in results:
                if result.status == "interrupted":
                    return True
                with deferred_interrupt() as interrupt:  # a row is in the file and in the results, or in neither
                    store.append(_row(runs[index], result, task))
                if interrupt():
                    return True
                ends[result.status] += 1
                bar.update()
        except KeyboardInterrupt:
            return True
        finally:
            results.close()
    return False


def _status(done: int, total: int, ends: Counter[str]) -> str:
    """What the bar says, with the runs that did not finish."""
    others = "".join(f", {n} {end}" for end, n in ends.items() if end != "finished")
    return f"search: {done + ends.total()} of {total} runs{others}"


def _row(run: Run, result: RunResult, task: Task) -> dict[str, Any]:
    finished = result.status == "finished"
    curves = {name: [_finite(value) for value in result.curves.get(name, [])] for name in task.metrics}
    finals = {name: values[-1] if finished and values else None for name, values in curves.items()}
    return {
        "label": run.label,
        "optimizer": run.setting.optimizer,
        "setting": run.setting.identity,
        "seed": run.seed,
        "status": result.status,
        "message": result.message,
        **finals,
        "steps": result.steps,
        "seconds": result.seconds[-1] if result.seconds else 0.0,
        "curves": {**curves, "seconds": result.seconds},
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _known(rows: list[dict[str, Any]], runs: list[Run]) -> dict[str, dict[str, Any]]:
    """The rows by their keys."""
    expected = {run.key for run in runs}
    known = {}
    for row in rows:
        try:
            key = _key(row["label"], row["optimizer"], row["setting"], row["seed"])
        except KeyError as error:
            raise TableError(f"table: a row has no {error}; mend the file, or use another") from None
        if key not in expected:
            setting = ", ".join(f"{name}={value}" for name, value in row["setting"].items())
            raise TableError(
                f"table: it holds a run that is not in this search: {row['label']!r} = {row['optimizer']}({setting}), "
                f"seed {row['seed']}; use another file, or add the run to the spaces and seeds"
            )
        known[key] = row
    return known


def _key(label: str, optimizer: str, setting: Mapping[str, Any], seed: int) -> str:
    return json.dumps([label, optimizer, setting, seed], sort_keys=True)


def _check_spaces(spaces: Any) -> dict[str, Space]:
    if not isinstance(spaces, Mapping) or not spaces:
        raise TypeError(f"spaces: got {describe(spaces)}; expected a dict of labels and Spaces")
    for label, space in spaces.items():
        if not isinstance(label, str) or not isinstance(space, Space):
            raise TypeError(f"spaces: got {describe(label)}: {describe(space)}; expected a text and a Space")
    return dict(spaces)


def _check_equal(spaces: Mapping[str, Space], n_seeds: int, task: Task) -> None:
    """The same number of settings, hence of runs and of steps, for every optimizer."""
    counts = {label: len(space) for label, space in spaces.items()}
    if len(set(counts.values())) == 1:
        return
    budgets = ", ".join(
        f"{label} {n} settings × {n_seeds} seeds × {task.epochs} epochs = {n * n_seeds * task.epochs}"
        for label, n in counts.items()
    )
    raise ValueError(
        f"spaces: got different budgets: {budgets}; expected the same for all. The optimizer with more settings "
        "has more chances to look good: give each as many"
    )
