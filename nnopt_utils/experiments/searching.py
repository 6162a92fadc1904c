"""The search: which runs there are, which are missing, and running those side by side."""

from __future__ import annotations

import json
import math
import os
import warnings
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from nnopt_utils._interrupts import deferred_interrupt
from nnopt_utils._validation import check_integer, describe
from nnopt_utils.experiments.results import Results
from nnopt_utils.experiments.spaces import Setting, Space
from nnopt_utils.experiments.store import Store, TableError, opened
from nnopt_utils.experiments.tasks import BaseTask, Outcome


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
    task: BaseTask,
    spaces: Mapping[str, Space],
    seeds: Iterable[int] = (0, 1, 2),
    *,
    table: str | os.PathLike[str] | None = None,
    n_jobs: int = -1,
    equal_budget: bool = True,
    retry_failed: bool = False,
    progress: bool = True,
) -> Results:
    """Run every setting of every optimizer with every seed, and keep what came out.

    A run that diverges or fails is recorded as such and the search goes on. Runs are independent of each other and of
    their order: any number of jobs, and a cluster, give the same numbers, except seconds. (In another process an array
    lies elsewhere in memory; with some versions of NumPy that changes the last digit of a loss.)

    Args:
        task: what a run is: a ``Task`` or a ``FunctionTask``.
        spaces: label → ``Space``.
        seeds: different integers >= 0. A seed fixes a run's initial weights and order of samples; all settings get
            the same seeds.
        table: a file for the rows, one JSON line a run, on disk as soon as the run is finished. If it holds runs of
            this search, only the missing ones are run. A search may grow: more labels, settings or seeds.
        n_jobs: how many processes, as in ``joblib``; default -1, all cores. Inside
            ``joblib.parallel_config(backend="dask")`` the runs go to the cluster, whatever this number.
        equal_budget: whether all optimizers must have the same number of settings, hence of runs and epochs.
        retry_failed: run those again that the table holds as failed (not those that diverged).
        progress: show a bar of the runs, with the time left.

    Returns:
        The results. An interrupt (Ctrl-C, or the stop button) ends the search and returns those that are finished;
        the same call with the same table goes on there.

    Raises:
        ValueError: the budgets differ, a label has no settings, a seed comes twice.
        TableError: the table is another search's, in use or damaged.
        RuntimeError: a worker process died, e.g. for lack of memory; what is finished is in the table.

    Example:
        >>> from nnopt_utils.optimizers import SGD
        >>> from nnopt_utils.problems import Quadratic
        >>> from nnopt_utils.experiments import FunctionTask
        >>> task = FunctionTask(Quadratic([1.0, 10.0]), steps=50)
        >>> spaces = {
        ...     "plain": Space(SGD, learning_rate=[0.03, 0.1, 0.3]),
        ...     "momentum": Space(SGD, learning_rate=[0.03, 0.1, 0.3], momentum=0.5),
        ... }
        >>> results = search(task, spaces, seeds=[0], n_jobs=1, progress=False)
        >>> results.best("plain").setting, results.best("momentum").setting
        (learning_rate=0.1, learning_rate=0.1)
    """
    spaces, seeds = _check_spaces(spaces), _check_seeds(seeds)
    if not isinstance(task, BaseTask):
        raise TypeError(f"task: got {describe(task)}; expected a Task or a FunctionTask")
    if equal_budget:
        _check_equal(spaces, len(seeds), task)
    runs = _ordered(spaces, seeds)
    with opened(table, {} if table is None else task.describe()) as store:
        done = _known(store.rows, runs)
        missing = [run for run in runs if run.key not in done or (retry_failed and done[run.key]["status"] == "failed")]
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


def _run_all(task: BaseTask, runs: list[Run], store: Store, total: int, n_jobs: int, progress: bool) -> bool:
    """Run what is missing and store each row as it comes; return whether that was interrupted."""
    if not runs:
        return False
    hidden = not progress or bool(os.environ.get("TQDM_DISABLE"))
    ends: Counter[str] = Counter()
    with tqdm(total=total, initial=total - len(runs), unit="run", desc="search", disable=hidden) as bar:
        outcomes = in_parallel(
            [(task.without_data(), "run", run.setting, run.seed) for run in runs], task.arrays, n_jobs
        )
        try:
            for index, outcome in outcomes:
                if outcome.status == "interrupted":
                    return True
                with deferred_interrupt() as interrupt:  # a row is in the file and in the results, or in neither
                    store.append(_row(runs[index], outcome, task))
                if interrupt():
                    return True
                ends[outcome.status] += 1
                bar.set_postfix({end: n for end, n in ends.items() if end != "finished"}, refresh=False)
                bar.update()
        except KeyboardInterrupt:
            return True
        finally:
            outcomes.close()
    return False


def in_parallel(
    calls: list[tuple[BaseTask, str, Setting, int]], arrays: tuple[np.ndarray, ...], n_jobs: int
) -> Generator[tuple[int, Outcome], None, None]:
    """Yield (number of the call, outcome) in the order in which they finish."""
    import joblib  # takes 0.2 s, and only a search needs it
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    # One run a message: a finished run is on disk at once. The arrays are arguments of their own: joblib puts large
    # ones into shared memory once, and its Dask backend sends them to each worker once.
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1)
    outputs = parallel(joblib.delayed(execute)(i, *call, *arrays) for i, call in enumerate(calls))
    try:
        # Not `yield from`, which would hand the closing on before the warning is off.
        for index, outcome in outputs:  # noqa: UP028
            yield index, outcome
    except TerminatedWorkerError as error:
        raise RuntimeError(
            "a worker process died, most often for lack of memory. What is finished is in the table, if there is "
            "one; search again with a smaller n_jobs"
        ) from error
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib tells of the runs it cancels, which is what was asked for
            outputs.close()


def execute(
    index: int, task: BaseTask, kind: str, setting: Setting, seed: int, *arrays: np.ndarray
) -> tuple[int, Outcome]:
    """One run, in a worker: nothing that goes wrong in it may end the search."""
    method = task.test if kind == "test" else task.run
    try:
        with threadpool_limits(1, user_api="blas"):
            return index, method(setting.build, seed, arrays)
    except Exception as error:
        return index, Outcome("failed", f"{type(error).__name__}: {error}")


def _row(run: Run, outcome: Outcome, task: BaseTask) -> dict[str, Any]:
    finished = outcome.status == "finished"
    curves = {name: [_finite(value) for value in outcome.curves.get(name, [])] for name in task.metrics}
    finals = {name: values[-1] if finished and values else None for name, values in curves.items()}
    return {
        "label": run.label,
        "optimizer": run.setting.optimizer,
        "setting": run.setting.identity,
        "seed": run.seed,
        "status": outcome.status,
        "message": outcome.message,
        **finals,
        "steps": outcome.steps,
        "seconds": outcome.seconds[-1] if outcome.seconds else 0.0,
        "curves": {**curves, "seconds": outcome.seconds},
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _known(rows: list[dict[str, Any]], runs: list[Run]) -> dict[str, dict[str, Any]]:
    """The rows by their keys; of a run that was repeated, the last."""
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


def _check_seeds(seeds: Any) -> tuple[int, ...]:
    if isinstance(seeds, int | np.integer) or not isinstance(seeds, Iterable):
        raise TypeError(f"seeds: got {describe(seeds)}; expected several integers, e.g. (0, 1, 2)")
    checked = tuple(check_integer("seeds", seed, low=0) for seed in seeds)
    if not checked or len(set(checked)) < len(checked):
        raise ValueError(f"seeds: got {checked}; expected at least one, each once")
    return checked


def _check_equal(spaces: Mapping[str, Space], n_seeds: int, task: BaseTask) -> None:
    """The same number of settings, hence of runs and of steps, for every optimizer."""
    counts = {label: len(space) for label, space in spaces.items()}
    if len(set(counts.values())) == 1:
        return
    length = task.points[-1]
    unit = f"{task.axis}{'s' if length > 1 else ''}"
    budgets = ", ".join(
        f"{label} {n} settings × {n_seeds} seeds × {length} {unit} = {n * n_seeds * length}"
        for label, n in counts.items()
    )
    raise ValueError(
        f"spaces: got different budgets: {budgets}; expected the same for all. The optimizer with more settings "
        "has more chances to look good: give each as many, or allow it with equal_budget=False"
    )
