"""How much memory training on MNIST takes at its peak, in fresh processes without TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.timing import ROOT, Measurement, at_most, compared, interleaved

LOADING = """
from nnopt_utils.datasets import load_mnist

data = load_mnist()
"""
TRAINING = """
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.training import fit

network = MLP([784, 64, 64, 10], seed=0)
fit(network, Adam(), data, epochs=1, batch_size={batch_size}, progress=False)
network.evaluate(data.x_test, data.y_test)
"""
REPORTING = """
import sys
from benchmarks.memory import peak_bytes

assert "tensorflow" not in sys.modules, "TensorFlow was loaded"
print(peak_bytes())
"""


def measure(quick: bool = False) -> list[Measurement]:
    """Measure the peak of loading MNIST, training an epoch and evaluating, beside that of loading alone."""
    training = LOADING + TRAINING.format(batch_size=1024 if quick else 32)
    functions: dict[str, Callable[[], float]] = {
        "loading": partial(_peak_of, LOADING + REPORTING),
        "training": partial(_peak_of, training + REPORTING),
    }
    peaks = interleaved(functions, repeats=1 if quick else 3, warmups=0)
    what, target = "peak of load_mnist, fit with Adam, evaluate", at_most(1e9, of="median", unit="B")
    return [compared("memory", what, peaks["training"], "load_mnist", peaks["loading"], unit="B", target=target)]


def peak_bytes() -> float:
    """The largest resident memory that this process has had.

    Linux counts it for the process itself in /proc; ``getrusage`` would count what its parent had at the start, too.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1]) * 1024
    if sys.platform == "win32":
        import psutil  # one of the development packages

        return float(psutil.Process().memory_info().peak_wset)
    import resource

    peak = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return peak if sys.platform == "darwin" else peak * 1024


def _peak_of(code: str) -> float:
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(run.stdout)
