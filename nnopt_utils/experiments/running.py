"""Runs side by side: on all cores of this computer, or on a cluster."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from nnopt_utils._bars import without_bars
from nnopt_utils._validation import check_integer, describe
from nnopt_utils.experiments.spaces import Setting
from nnopt_utils.experiments.tasks import RunResult, Task


def in_parallel(
    calls: list[tuple[Task, str, Setting, int]], arrays: tuple[np.ndarray, ...], n_jobs: int
) -> Generator[tuple[int, RunResult], None, None]:
    """Yield (number of the call, result) in the order in which they finish."""
    import joblib  # takes 0.2 s, and only a search needs it
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    # One run a message: a finished run is on disk at once. The arrays are arguments of their own: joblib puts large
    # ones into shared memory once, and its Dask backend sends them to each worker once.
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1)
    outputs = parallel(joblib.delayed(_run_once)(i, *call, *arrays) for i, call in enumerate(calls))
    try:
        # Not `yield from`, which would hand the closing on before the warning is off.
        for index, result in outputs:  # noqa: UP028
            yield index, result
    except TerminatedWorkerError as error:
        raise RuntimeError(
            "a worker process died, most often for lack of memory. What is finished is in the table, if there is "
            "one; search again with a smaller n_jobs"
        ) from error
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib tells of the runs it cancels, which is what was asked for
            outputs.close()


def _run_once(
    index: int, task: Task, kind: str, setting: Setting, seed: int, *arrays: np.ndarray
) -> tuple[int, RunResult]:
    """One run, in a worker: nothing that goes wrong in it may end the search."""
    method = task.test if kind == "test" else task.run
    try:
        # Without bars, as workers would write theirs into one another's.
        with threadpool_limits(1, user_api="blas"), without_bars():
            return index, method(setting.build, seed, arrays)
    except Exception as error:
        return index, RunResult("failed", f"{type(error).__name__}: {error}")


def check_seeds(seeds: Any) -> tuple[int, ...]:
    """Return the seeds as a tuple if they are different integers >= 0."""
    if isinstance(seeds, int | np.integer) or not isinstance(seeds, Iterable):
        raise TypeError(f"seeds: got {describe(seeds)}; expected several integers, e.g. (0, 1, 2)")
    checked = tuple(check_integer("seeds", seed, low=0) for seed in seeds)
    if not checked or len(set(checked)) < len(checked):
        raise ValueError(f"seeds: got {checked}; expected at least one, each once")
    return checked
