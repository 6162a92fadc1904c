"""Compressed forms of LeNet-300-100: how fast a file is written and read, and what each form does to the latency."""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from benchmarks.timing import Measurement, compared, interleaved
from nnopt_utils import compression
from nnopt_utils._commands import has_tensorflow
from nnopt_utils._validation import check_array
from nnopt_utils.datasets import load_mnist
from nnopt_utils.networks import MLP

LAYER_SIZES = [784, 300, 100, 10]
SPARSITY = 0.9
PERCENT = f"{100 * SPARSITY:g} %"
BATCHES = {1: 300, 1000: 3}  # batch size → calls that are timed together
DENSE = "dense, float32"


class Answers(Protocol):
    """What has a latency."""

    def forward(self, x: np.ndarray) -> np.ndarray: ...


def measure(quick: bool = False) -> list[Measurement]:
    """Time the format on networks of several forms, then one call of ``forward`` of each form."""
    rounds = 2 if quick else 15
    with threadpool_limits(1, user_api="blas"):
        return [*_format(rounds), *_latencies(rounds, quick)]


# -- the file format -------------------------------------------------------------------------------------------------


def files() -> dict[str, MLP]:
    """Networks as they are stored."""
    network = MLP(LAYER_SIZES, seed=0)
    pruned = compression.prune(network, SPARSITY)
    return {
        DENSE: network,
        f"{PERCENT} pruned": pruned,
        "32 shared values": compression.share_weights(network, clusters=32),
        f"{PERCENT} pruned, 32 shared values": compression.share_weights(pruned, clusters=32),
    }


def _format(rounds: int) -> list[Measurement]:
    """Bytes of float32 weights that are encoded and decoded a second, beside NumPy's compressed archive of them."""
    ways: dict[str, dict[str, Callable[[], Any]]] = {"encode": {}, "decode": {}}
    for name, network in files().items():
        content, theta = compression.to_bytes(network), _all_weights(network)
        archive = _archived(theta)
        ways["encode"] |= {name: partial(compression.to_bytes, network), f"{name}: NumPy's": partial(_archived, theta)}
        ways["decode"] |= {
            name: partial(compression.from_bytes, content),
            f"{name}: NumPy's": partial(_unpacked, archive),
        }
    n_bytes = MLP(LAYER_SIZES).parameters.nbytes
    figures = []
    for what, functions in ways.items():
        times = interleaved(functions, rounds)
        rates = {name: [n_bytes / seconds for seconds in values] for name, values in times.items()}
        for name in files():
            other = f"{name}: NumPy's"
            against = "NumPy's savez_compressed" if what == "encode" else "NumPy's load of it"
            label = f"{what} {_sizes(LAYER_SIZES)}, {name}"
            figures.append(compared("compression", label, rates[name], against, rates[other], unit="B/s"))
    return figures


def _all_weights(network: MLP) -> np.ndarray:
    """θ: weights and biases with all their zeros."""
    tensors = [part.ravel() for pair in zip(network.weights, network.biases, strict=True) for part in pair]
    return np.concatenate(tensors)


def _archived(theta: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, theta=theta)
    return file.getvalue()


def _unpacked(archive: bytes) -> np.ndarray:
    with np.load(io.BytesIO(archive)) as content:
        return np.asarray(content["theta"])


def _sizes(layer_sizes: Iterable[int]) -> str:
    return "-".join(map(str, layer_sizes))


# -- latency ---------------------------------------------------------------------------------------------------------


class Sparse:
    """A network of ReLUs whose matrices SciPy stores as compressed sparse rows, of the transposed weights."""

    def __init__(self, network: MLP) -> None:
        self.weights = [sparse.csr_array(W.T) for W in network.weights]
        self.biases = [b[:, None] for b in network.biases]

    def forward(self, x: np.ndarray) -> np.ndarray:
        a = np.ascontiguousarray(check_array("x", x, ndim=2).T)
        for k, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            a = W @ a + b
            if k < len(self.weights) - 1:
                np.maximum(a, 0, out=a)
        return a.T


def forms(calibration: np.ndarray) -> dict[str, Answers]:
    """The networks side by side; all but the first are of other numbers, and give other answers."""
    network = MLP(LAYER_SIZES, seed=0)
    pruned = compression.prune(network, SPARSITY)
    small = compression.remove_neurons(network, keep=1 - SPARSITY)
    found: dict[str, Answers] = {
        DENSE: network,
        f"{PERCENT} of the weights pruned, as CompressedMLP": pruned,
        f"{PERCENT} of the weights pruned, decoded": pruned.decoded(),
        f"{PERCENT} of the weights pruned, in CSR": Sparse(pruned),
        f"{PERCENT} of the neurons removed, {_sizes(small.layer_sizes)}": small,
        "int8, IntegerMLP": compression.IntegerMLP.from_network(network, calibration),
    }
    return found | _litert(network, calibration)


def _litert(network: MLP, calibration: np.ndarray) -> dict[str, Answers]:
    """The same network in LiteRT's interpreter on one thread, where it and its converter are installed."""
    if not (has_tensorflow() and importlib.util.find_spec("ai_edge_litert")):
        return {}
    from nnopt_utils.keras_bridge import litert_model

    return {
        "LiteRT, float32": litert_model(network),
        "LiteRT, int8": litert_model(network, "int8", calibration),
        "LiteRT, int8, reference kernels": litert_model(network, "int8", calibration, kernels="reference"),
    }


def _latencies(rounds: int, quick: bool) -> list[Measurement]:
    x = load_mnist().x_train[: max(BATCHES)]
    networks = forms(x)
    figures = []
    for batch, calls in BATCHES.items():
        ways = {
            name: partial(_seconds_a_call, network, x[:batch], 2 if quick else calls)
            for name, network in networks.items()
        }
        times = interleaved(ways, rounds)
        for name in networks:
            what = f"{_sizes(LAYER_SIZES)}, batch {batch:,}: {name}"
            figures.append(compared("compression", what, times[name], DENSE, times[DENSE]))
            if name.startswith("LiteRT, int8"):
                ours = "int8, IntegerMLP"
                figures.append(compared("compression", what, times[name], ours, times[ours]))
    return figures


def _seconds_a_call(network: Answers, x: np.ndarray, calls: int) -> float:
    begun = time.perf_counter()
    for _ in range(calls):
        network.forward(x)
    return (time.perf_counter() - begun) / calls


# -- the chapter's tables, all anew ----------------------------------------------------------------------------------

CHAPTER = "nnopt_utils.course.ch11_model_compression"
MEASURED = ("distilled", "measured")
ERRORS = ("test", "validation", "test_error", "val_error")  # in percent
OUTCOMES = {*ERRORS, "bytes", "multiply_adds", "seconds"}  # what a row has besides its settings


def measure_tables() -> list[str]:
    """Run again all that chapter 11 reads from tables, into a folder that is thrown away; a line a table.

    Each of the modules has ``FOLDER``, where its tables are, and ``main(folder)``, which fills an empty folder with
    such tables.
    """
    return [line for name in MEASURED for line in _again(importlib.import_module(f"{CHAPTER}.{name}"))]


def _again(module: ModuleType) -> list[str]:
    with tempfile.TemporaryDirectory() as temporary:
        folder, begun = Path(temporary), time.perf_counter()
        module.main(folder)
        minutes = (time.perf_counter() - begun) / 60
        lines = [_table_again(module.FOLDER / path.name, path) for path in sorted(folder.glob("*.jsonl"))]
        return [f"{module.__name__.rpartition('.')[2]}: {minutes:.0f} minutes", *lines]


def _table_again(committed: Path, new: Path) -> str:
    """How many runs are in both tables, and by how much their errors differ."""
    before, after = (_runs(path) for path in (committed, new))
    both = sorted(before.keys() & after.keys())
    gaps = [after[key][name] - before[key][name] for key in both for name in ERRORS if name in after[key]]
    apart = f"errors {np.mean(gaps):+.2f} points in the mean, {np.abs(gaps).max():.2f} at most" if gaps else "no errors"
    return f"  {committed.name}: {len(both)} of {len(before)} runs again, {apart}"


def _runs(path: Path) -> dict[str, dict[str, Any]]:
    """The rows of a table by what was run."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {json.dumps({k: row[k] for k in sorted(row.keys() - OUTCOMES)}): row for row in rows}
