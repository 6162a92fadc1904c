"""Loading MNIST: verified, split and scaled, against reading the bare arrays."""

from __future__ import annotations

import numpy as np

from benchmarks.timing import Measurement, compared, interleaved
from nnopt_utils.datasets import MNIST_PATH, load_mnist


def measure(quick: bool = False) -> list[Measurement]:
    """Time ``load_mnist``, which also checks the file's hash, scales to float32 and makes three sets."""

    def bare() -> None:
        with np.load(MNIST_PATH) as arrays:
            for name in arrays.files:
                arrays[name]

    times = interleaved({"load_mnist": lambda: _discard(load_mnist()), "bare": bare}, repeats=1 if quick else 7)
    return [compared("load", "load_mnist()", times["load_mnist"], "np.load of the raw arrays", times["bare"])]


def _discard(value: object) -> None:
    del value
