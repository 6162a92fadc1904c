"""The whole process from cold, as a reader would start it: import, load MNIST, 10 epochs, test accuracy."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from benchmarks.frameworks import Rival
from benchmarks.timing import ROOT, Measurement, at_least, compared, interleaved

# No script has the name of what it imports: Python would import the script.
RIVALS = [
    Rival("ours", "with_nnopt.py", "numpy"),
    Rival("Keras", "with_keras.py", "keras"),
    Rival("PyTorch", "with_pytorch.py", "torch"),
    Rival("PyTorch, one thread", "with_pytorch.py", "torch", threads=1),
    Rival("JAX", "with_jax.py", "jax"),
]
TARGETS = {
    "Keras": at_least(6.0),
    "PyTorch": at_least(1.0),
    "PyTorch, one thread": at_least(1.0),
    "JAX": at_least(1.0),
}


def measure(quick: bool = False) -> list[Measurement]:
    """Time the scripts as processes, by turns, from start to end."""
    epochs = 1 if quick else 10
    functions = {rival.name: partial(seconds_of, rival, epochs) for rival in RIVALS if rival.is_installed}
    # The warm-up fills the disk's cache: cold is the process, not the machine.
    times = interleaved(functions, repeats=1 if quick else 3, warmups=0 if quick else 1)
    figures = []
    for name in functions:
        what = f"import, MNIST, {epochs} epoch{'s' if epochs > 1 else ''} at batch 32, test accuracy: {name}"
        figures.append(compared("cold", what, times[name], "ours", times["ours"], target=TARGETS.get(name)))
    return figures


def seconds_of(rival: Rival, epochs: int) -> float:
    """Run one of the scripts; return its seconds. It must print a test accuracy that shows that it has learnt."""
    command = [sys.executable, str(Path(__file__).parent / rival.module), str(epochs)]
    begun = time.perf_counter()
    run = subprocess.run(command, cwd=ROOT, env=rival.environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    accuracy = re.search(r"test accuracy (\d\.\d+)\s*$", run.stdout)
    if run.returncode or accuracy is None or float(accuracy[1]) < 0.9:
        raise RuntimeError(
            f"{rival.module}: expected a test accuracy above 0.9\n{run.stdout[-500:]}{run.stderr[-2000:]}"
        )
    return seconds
