"""Parallel training of the article's network: when a second process pays, and what each method does in a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.fit import LAYER_SIZES
from benchmarks.frameworks import RIVALS, worker
from benchmarks.timing import Measurement, at_least, compared, interleaved
from nnopt_utils._commands import has_tensorflow
from nnopt_utils.datasets import load_mnist
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Adam, Optimizer
from nnopt_utils.parallel import (
    PowerSGD,
    SignCompressor,
    TopK,
    data_parallel,
    hogwild,
    local_sgd,
    parameter_server,
)
from nnopt_utils.training import fit

Images = tuple[np.ndarray, np.ndarray]
Train = Callable[..., Any]

BATCH_SIZES = (32, 128, 512, 2048)
BATCH_SIZE = 128  # of all methods side by side
ONE, TWO = "one process", "two processes, data_parallel"
RING = "data_parallel, ring"
METHODS: dict[str, Train] = {
    ONE: fit,
    RING: data_parallel,
    "data_parallel, tree": partial(data_parallel, all_reduce="tree"),
    "data_parallel, 1 % of the entries": partial(data_parallel, compression=TopK(share=0.01, error_feedback=True)),
    "data_parallel, signs": partial(data_parallel, compression=SignCompressor(error_feedback=True)),
    "data_parallel, PowerSGD": partial(data_parallel, compression=PowerSGD(error_feedback=True)),
    "parameter_server": parameter_server,
    "hogwild, no lock": hogwild,
    "hogwild, a lock": partial(hogwild, locked=True),
    "local_sgd, H = 1": partial(local_sgd, local_steps=1),
    "local_sgd, H = 8": partial(local_sgd, local_steps=8),
}
JAX = next(rival for rival in RIVALS if rival.package == "jax")
BESIDE_JAX = at_least(0.69)  # what one process reached


def measure(quick: bool = False) -> list[Measurement]:
    """Time 784-64-64-10 in one process and on two, by turns.

    Second epochs are timed: in the first one processes wait for each other's start, and TensorFlow traces. What the
    start takes is a row of its own.
    """
    data = load_mnist()
    n, rounds = (2_000, 1) if quick else (55_000, 5)
    images = data.x_train[:n], data.y_train[:n]
    with threadpool_limits(1, user_api="blas"):
        return [
            *_by_batch_size(images, rounds),
            *_methods(images, rounds),
            *_clusters(images, 1 if quick else 3),
            *_beside_jax(images, rounds),
        ]


class _Run(NamedTuple):
    """A training of two epochs: seconds of the second, seconds that were no step's, bytes that an epoch sends."""

    epoch: float
    start: float
    bytes_sent: float


def _run(train: Train, images: Images, batch_size: int, optimizer: Optimizer | None = None) -> _Run:
    begun = time.perf_counter()
    history = train(
        MLP(LAYER_SIZES, seed=0), optimizer or SGD(0.1), images, epochs=2, batch_size=batch_size, progress=False
    )
    start = time.perf_counter() - begun - sum(history.seconds)
    sent = [*getattr(history, "bytes_sent", ()), *getattr(history, "bytes_received", ())]
    return _Run(history.seconds[1], start, sum(sent) / 2)


def _kept(runs: list[_Run], *arguments: Any) -> Callable[[], float]:
    """A function for ``interleaved``, which keeps what else a run tells."""

    def timed() -> float:
        runs.append(_run(*arguments))
        return runs[-1].epoch

    return timed


# -- one process and two, by the size of the batch -------------------------------------------------------------------


def _by_batch_size(images: Images, rounds: int) -> list[Measurement]:
    figures, start = [], []
    for size in BATCH_SIZES:
        runs: list[_Run] = []
        ways: dict[str, Callable[[], Any]] = {
            ONE: partial(_epoch, fit, images, size),
            TWO: _kept(runs, data_parallel, images, size),
        }
        times = interleaved(ways, rounds, warmups=min(rounds - 1, 1))
        figures.append(compared("parallel", f"{_what(images, size)}: {TWO}", times[TWO], ONE, times[ONE]))
        if size == BATCH_SIZE:
            seconds = [run.start for run in runs[-rounds:]]  # without the warm-up's
            against = f"{_what(images, size)}: {ONE}"
            start.append(compared("parallel", f"start and end of {TWO}", seconds, against, times[ONE]))
    return [*figures, _first_that_pays(figures), *start]


def _what(images: Images, batch_size: int, rule: str = "SGD") -> str:
    return f"an epoch of {len(images[0]):,}, {rule}, batch {batch_size:,}"


def _epoch(*arguments: Any) -> float:
    return _run(*arguments).epoch


def _first_that_pays(figures: list[Measurement]) -> Measurement:
    """The row again of the smallest batch from which on two processes are faster; that of the largest, if none is."""
    paying = [all(figure.ratio < 1 for figure in figures[k:]) for k in range(len(figures))]
    first = paying.index(True) if any(paying) else None
    sizes = ", ".join(f"{size:,}" for size in BATCH_SIZES)
    found = "none" if first is None else f"{BATCH_SIZES[first]:,}"
    return replace(figures[-1 if first is None else first], name=f"the batch of {sizes} from which {TWO}, pay: {found}")


# -- all methods -----------------------------------------------------------------------------------------------------


def _methods(images: Images, rounds: int) -> list[Measurement]:
    """Updates and bytes a second: a row each, the bytes beside those of a ring."""
    runs: dict[str, list[_Run]] = {name: [] for name in METHODS}
    ways = {name: _kept(runs[name], train, images, BATCH_SIZE) for name, train in METHODS.items()}
    times = interleaved(ways, rounds, warmups=min(rounds - 1, 1))
    sent = {name: runs[name][-1].bytes_sent for name in METHODS}
    return _rates(images, times, sent, RING)


def _clusters(images: Images, rounds: int) -> list[Measurement]:
    """The same of TensorFlow's clusters of two workers, where it is installed."""
    if not has_tensorflow():
        return []
    from nnopt_utils.tensorflow_cluster import train_asynchronous, train_synchronous

    synchronous, asynchronous = "TensorFlow, synchronous", "TensorFlow, asynchronous"
    methods: dict[str, Train] = {ONE: fit, synchronous: train_synchronous, asynchronous: train_asynchronous}
    ways = {name: partial(_epoch, train, images, BATCH_SIZE) for name, train in methods.items()}
    times = interleaved(ways, rounds, warmups=0)
    # TensorFlow does not count. Two workers that sum up send θ's size each; without them θ is read, a step is sent to
    # it, and the coordinator sends the images.
    both = 2 * MLP(LAYER_SIZES).parameters.nbytes * _updates(images)
    sent = {synchronous: both, asynchronous: both + sum(part.nbytes for part in images)}
    return _rates(images, times, sent, synchronous)


def _updates(images: Images) -> int:
    return -(-len(images[0]) // BATCH_SIZE)


def _rates(
    images: Images, times: dict[str, list[float]], sent: Mapping[str, float], bytes_against: str
) -> list[Measurement]:
    """Rows of updates a second, then of bytes a second of those that send any."""
    updates = {name: [_updates(images) / seconds for seconds in values] for name, values in times.items()}
    n_bytes = {name: [sent[name] / seconds for seconds in times[name]] for name in times if sent.get(name)}
    figures = []
    for unit, rates, against in (("updates/s", updates, ONE), ("B/s", n_bytes, bytes_against)):
        for name, values in rates.items():
            what = f"SGD, batch {BATCH_SIZE}: {name}"
            figures.append(compared("parallel", what, values, against, rates[against], unit=unit))
    return figures


# -- both cores, beside JAX ------------------------------------------------------------------------------------------


def _beside_jax(images: Images, rounds: int) -> list[Measurement]:
    """The article's epoch with Adam; JAX in a process of its own, where it is installed."""
    ways: dict[str, Callable[[], float]] = {
        name: lambda train=train: _run(train, images, BATCH_SIZE, Adam()).epoch  # type: ignore[misc]
        for name, train in {ONE: fit, TWO: data_parallel}.items()
    }
    with ExitStack() as stack:
        if JAX.is_installed:
            ways[JAX.name] = partial(stack.enter_context(worker(JAX, len(images[0]))), BATCH_SIZE)
        times = interleaved(ways, rounds, warmups=min(rounds - 1, 1))
    figures = []
    for against in (ONE, TWO):
        for name in times:
            if name != against:
                target = BESIDE_JAX if (name, against) == (JAX.name, TWO) else None
                what = f"{_what(images, BATCH_SIZE, 'Adam')}: {name}"
                figures.append(compared("parallel", what, times[name], against, times[against], target=target))
    return figures
