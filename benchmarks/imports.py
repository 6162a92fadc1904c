"""How long an import takes, in fresh processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial

from benchmarks.timing import ROOT, Measurement, at_most, compared, interleaved

MODULES = ["numpy", "nnopt_utils", "nnopt_utils.training"]


def measure(quick: bool = False) -> list[Measurement]:
    """Time ``import`` of the package and of its largest module, beside that of NumPy alone."""
    functions: dict[str, Callable[[], float]] = {module: partial(import_seconds, module) for module in MODULES}
    times = interleaved(functions, repeats=1 if quick else 7)  # the warm-up fills the disk's cache
    targets = {"nnopt_utils": at_most(0.3, of="median", unit="s")}
    numpy = times["numpy"]
    return [compared("import", f"import {m}", times[m], "import numpy", numpy, target=targets.get(m)) for m in MODULES]


def import_seconds(module: str) -> float:
    """Import a module in a new process and return the seconds that the import took."""
    code = f"import time; begun = time.perf_counter(); import {module}; print(time.perf_counter() - begun)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(run.stdout)
