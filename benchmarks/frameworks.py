"""One epoch of MNIST with Adam: ours, and the same in the frameworks that are installed."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from benchmarks.timing import ROOT, Measurement, at_least, compared, interleaved, version
from nnopt_utils._quiet import QUIET

# Theirs run with their defaults, whatever the shell sets, and where that may be better, with one thread, too.
LIMITS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
SETTINGS = {**QUIET, "JAX_PLATFORMS": "cpu"}


@dataclass(frozen=True)
class Rival:
    """What is compared: its name, its module (or script), the package that it needs, and a limit of its threads."""

    name: str
    module: str
    package: str
    threads: int | None = None

    @property
    def is_installed(self) -> bool:
        return version(self.package) != "not installed"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its process: its own defaults or the limit, the processor only, no log."""
        kept = {key: value for key, value in os.environ.items() if key not in (*LIMITS, "TF_ENABLE_ONEDNN_OPTS")}
        return kept | SETTINGS | ({} if self.threads is None else dict.fromkeys(LIMITS, str(self.threads)))


RIVALS = [
    Rival("ours", "ours", "numpy"),
    Rival("Keras, fit", "keras_fit", "keras"),
    Rival("PyTorch, eager loop", "pytorch_loop", "torch"),
    Rival("PyTorch, eager loop, one thread", "pytorch_loop", "torch", threads=1),
    Rival("JAX, epoch compiled as a scan", "jax_scan", "jax"),
    Rival("scikit-learn, MLPClassifier", "scikit_learn", "scikit-learn"),
    Rival("scikit-learn, MLPClassifier, one thread", "scikit_learn", "scikit-learn", threads=1),
]
TARGETS = {("Keras, fit", 32): at_least(4.5), ("Keras, fit", 128): at_least(3.5)}


def measure(quick: bool = False) -> list[Measurement]:
    """Time an epoch of 784-64-64-10 with Adam at two batch sizes, each framework in a process of its own.

    The processes stay alive and take turns, epoch by epoch, so every ratio is one of epochs that ran one after the
    other. Compiling and tracing happen in the warm-up, which is not counted: ``cold`` counts them.
    """
    n = 2_000 if quick else 55_000
    figures = []
    with ExitStack() as stack:
        workers = {r.name: stack.enter_context(worker(r, n)) for r in RIVALS if r.is_installed}
        for batch_size in (32, 128):
            epochs = {name: partial(epoch, batch_size) for name, epoch in workers.items()}
            times = interleaved(epochs, repeats=1 if quick else 7)
            for name in workers:
                what = f"an epoch of {n:,}, Adam, batch {batch_size}: {name}"
                target = TARGETS.get((name, batch_size))
                figures.append(compared("frameworks", what, times[name], "ours", times["ours"], target=target))
    return figures


@contextmanager
def worker(rival: Rival, n_samples: int, root: Path = ROOT) -> Iterator[Callable[[int], float]]:
    """Start a process that trains an epoch whenever it is asked to; yield the function that asks.

    ``root`` is the checkout whose code it runs.
    """
    command = [sys.executable, "-m", "benchmarks.epochs", rival.module, str(n_samples)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,  # a pipe that nobody reads would fill up
        subprocess.Popen(
            command, cwd=root, env=rival.environment | {"PYTHONPATH": str(root)}, stderr=errors, **pipes
        ) as process,
    ):
        try:
            yield partial(_epoch, rival.name, process, errors)
        finally:
            process.kill()


def _epoch(name: str, process: subprocess.Popen[str], errors: IO[str], batch_size: int) -> float:
    """Let a process train a new network for an epoch; return the seconds. The loss must show that it has learnt."""
    assert process.stdin is not None and process.stdout is not None
    try:
        print(batch_size, file=process.stdin, flush=True)
        seconds, loss = map(float, process.stdout.readline().split())
    except (OSError, ValueError):
        process.wait()
        errors.seek(0)
        raise RuntimeError(f"{name}: the process ended\n{errors.read()[-2000:]}") from None
    if not loss < math.log(10):  # that of guessing
        raise RuntimeError(f"{name}: got the mean loss {loss} in an epoch; expected less than ln 10")
    return seconds
