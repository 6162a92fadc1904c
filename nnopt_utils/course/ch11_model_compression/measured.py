"""What chapter 11 knows of many seeds: errors and bytes of two networks, compressed in every way of the chapter.

The tables are part of the course. Make them anew after a change of a method (half an hour on two quiet cores)::

    python -m nnopt_utils.course.ch11_model_compression.measured

Everything is chosen on validation data; the errors on test data are looked at when the choice is made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnopt_utils._folders import data_folder
from nnopt_utils.compression import (
    gptq,
    low_rank,
    prune,
    quantize,
    remove_neurons,
    rewind,
    share_weights,
    shuffle_masks,
    to_bytes,
)
from nnopt_utils.datasets import Dataset, load_mnist
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.schedules import CosineDecay
from nnopt_utils.training import fit

FOLDER = data_folder() / "experiments"
TABLE = FOLDER / "11_compressed.jsonl"
TICKETS = FOLDER / "11_tickets.jsonl"

NETWORKS = {"LeNet-300-100": [784, 300, 100, 10], "the article's": [784, 64, 64, 10]}
SEEDS = {"LeNet-300-100": range(5), "the article's": range(10)}

#: Sparsity and epochs of retraining, one after the other.
ROUNDS = {
    "LeNet-300-100": ((0.6, 2), (0.8, 2), (0.9, 2), (0.93, 3), (0.95, 4), (0.96, 4), (0.97, 4), (0.98, 4)),
    "the article's": ((0.5, 2), (0.6, 2), (0.7, 3), (0.8, 4), (0.85, 4), (0.9, 4)),
}
CLUSTERS = (32, 16, 8)
BITS = (8, 6, 5, 4, 3, 2, 1)
RANKS = (10, 20, 40)
KEPT = (0.75, 0.5, 0.25)
BATCH = 128
#: What a method was called with: each row has those that it has.
SETTINGS = ("sparsity", "clusters", "bits", "per", "rank", "kept")


def trained(network: MLP, data: Dataset, epochs: int, rate: float = 1e-3, seed: int = 0) -> MLP:
    """Train a network in place, the rate falling to zero, and return it."""
    steps = epochs * -(-len(data.x_train) // BATCH)
    optimizer = Adam(CosineDecay(rate, steps))
    fit(network, optimizer, data, epochs=epochs, batch_size=BATCH, seed=seed, progress=False)
    return network


def errors(network: MLP, data: Dataset) -> dict[str, float]:
    """Errors in percent on validation and on test images."""
    parts = {"validation": (data.x_val, data.y_val), "test": (data.x_test, data.y_test)}
    return {name: round(100 * (1 - network.evaluate(*part).accuracy), 2) for name, part in parts.items()}


def multiply_adds(network: MLP) -> int:
    """Products of a forward pass of one sample that are not with a zero weight."""
    return int(sum(np.count_nonzero(W) for W in network.weights))


def dense_network(name: str, data: Dataset, seed: int) -> MLP:
    """The network that all methods begin with: 12 epochs, with a little L2."""
    return trained(MLP(NETWORKS[name], l2=1e-4, seed=seed), data, epochs=12, seed=seed)


def measure(name: str, seed: int, data: Dataset) -> list[dict[str, Any]]:
    """All rows of one network and one seed."""
    rows: list[dict[str, Any]] = []

    def note(method: str, network: MLP, **setting: Any) -> MLP:
        counted = {"bytes": len(to_bytes(network)), "multiply_adds": multiply_adds(network)}
        rows.append({"network": name, "seed": seed, "method": method} | setting | counted | errors(network, data))
        return network

    dense = note("dense", dense_network(name, data, seed))
    calibration = data.x_train[np.random.default_rng(seed).choice(len(data.x_train), 2000, replace=False)]
    for bits in BITS:
        note("rounded", quantize(dense, bits=bits, per="tensor"), bits=bits, per="tensor")
        note("rounded", quantize(dense, bits=bits, per="channel"), bits=bits, per="channel")
        if bits <= 4:
            note("GPTQ", gptq(dense, calibration, bits=bits), bits=bits)
            note("rounded to GPTQ's grid", quantize(dense, bits=bits, symmetric=False), bits=bits)
            aware = trained(quantize(dense, bits=bits, per="channel"), data, epochs=2, rate=3e-4, seed=seed)
            note("quantization-aware", aware, bits=bits)
    for rank in RANKS:
        factored = note("low rank", low_rank(dense, rank=rank, layers=[0]), rank=rank)
        note("low rank, trained on", trained(factored, data, epochs=2, seed=seed), rank=rank)
    for kept in KEPT:
        smaller = note("neurons removed", remove_neurons(dense, keep=kept, x=data.x_train[:5000]), kept=kept)
        note("neurons removed, trained on", trained(smaller, data, epochs=4, seed=seed), kept=kept)
    _deep_compression(name, seed, data, dense, note)
    return rows


def _deep_compression(name: str, seed: int, data: Dataset, dense: MLP, note: Callable[..., MLP]) -> None:
    """Prune step by step; share, and train the centroids, at each. Beside it, the dense network trained as long."""
    pruned, longer = dense, dense.copy()
    for sparsity, epochs in ROUNDS[name]:
        note("pruned", prune(dense, sparsity), sparsity=sparsity)
        pruned = trained(prune(pruned, sparsity), data, epochs, seed=seed)
        note("pruned, trained on", pruned, sparsity=sparsity)
        trained(longer, data, epochs, seed=seed)
        note("dense, trained on", longer, sparsity=sparsity)
        for clusters in CLUSTERS:
            shared = note("shared", share_weights(pruned, clusters=clusters), sparsity=sparsity, clusters=clusters)
            fine = trained(shared.copy(), data, epochs=2, rate=3e-4, seed=seed)
            note("Deep Compression", fine, sparsity=sparsity, clusters=clusters)


def tickets(seed: int, data: Dataset) -> list[dict[str, Any]]:
    """Lottery tickets and three controls, trained for one epoch and for five. (Frankle and Carbin's rate, 1.2e-3.)"""
    start, other = (MLP(NETWORKS["LeNet-300-100"], seed=s) for s in (seed, seed + 1000))
    dense = start.copy()
    fit(dense, Adam(1.2e-3), data, epochs=6, batch_size=60, seed=seed, progress=False)
    rows = [{"seed": seed, "what": "dense", "left": 1.0, "epochs": 6} | errors(dense, data)]
    for left in (0.211, 0.05):
        masked = prune(dense, 1 - left)
        shuffled = shuffle_masks(masked, seed=seed)
        candidates = {
            "ticket": rewind(masked, start),
            "other start": rewind(masked, other),
            "other places": rewind(shuffled, start),
            "both": rewind(shuffled, other),
        }
        for epochs in (1, 5):
            for what, candidate in candidates.items():
                network = candidate.copy()
                fit(network, Adam(1.2e-3), data, epochs=epochs, batch_size=60, seed=seed, progress=False)
                rows.append({"seed": seed, "what": what, "left": left, "epochs": epochs} | errors(network, data))
    return rows


# -- reading ---------------------------------------------------------------------------------------------------------


def rows(path: Path = TABLE) -> list[dict[str, Any]]:
    """A committed table."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def select(table: Iterable[dict[str, Any]], **values: Any) -> list[dict[str, Any]]:
    """The rows that have these values.

    >>> select([{"a": 1}, {"a": 2, "b": 3}], a=2)
    [{'a': 2, 'b': 3}]
    """
    return [row for row in table if all(row.get(key) == value for key, value in values.items())]


def column(table: Sequence[dict[str, Any]], key: str, **values: Any) -> np.ndarray:
    """One number a seed, in the order of the seeds.

    >>> column([{"seed": 1, "test": 2.0}, {"seed": 0, "test": 3.0}], "test")
    array([3., 2.])
    """
    found = sorted(select(table, **values), key=lambda row: row["seed"])
    if not found:
        raise ValueError(f"values: got {values}; expected some that the table has")
    return np.array([row[key] for row in found])


def added(table: Sequence[dict[str, Any]], network: str, part: str = "test", **values: Any) -> np.ndarray:
    """By how many points the error is above that of the dense network, seed by seed."""
    dense = column(table, part, network=network, method="dense")
    return column(table, part, network=network, **values) - dense


def times_smaller(table: Sequence[dict[str, Any]], network: str, **values: Any) -> np.ndarray:
    """How many times smaller a file is than the parameters as float32, seed by seed."""
    return float32_bytes(network) / column(table, "bytes", network=network, **values)


def float32_bytes(network: str) -> int:
    """Four bytes for every parameter of one of ``NETWORKS``.

    >>> float32_bytes("LeNet-300-100"), float32_bytes("the article's")
    (1066440, 220200)
    """
    return 4 * MLP(NETWORKS[network], initializer="zeros").n_parameters


def smallest(table: Sequence[dict[str, Any]], network: str, points: float, method: str) -> dict[str, Any]:
    """The setting of the smallest file whose mean validation error is at most ``points`` above the dense network's."""
    settings = {
        tuple((key, row[key]) for key in SETTINGS if key in row)
        for row in select(table, network=network, method=method)
    }
    good = [s for s in settings if added(table, network, "validation", method=method, **dict(s)).mean() <= points]
    if not good:
        raise ValueError(f"points: got {points}; expected more, no setting of {method!r} is as good")
    return dict(min(good, key=lambda s: column(table, "bytes", network=network, method=method, **dict(s)).mean()))


def main(folder: Path = FOLDER) -> None:
    """Write the tables, on all cores."""
    from joblib import Parallel, delayed

    data = load_mnist()
    jobs = [delayed(measure)(name, seed, data) for name, seeds in SEEDS.items() for seed in seeds]
    _write(folder / TABLE.name, Parallel(n_jobs=-1)(jobs))
    _write(folder / TICKETS.name, Parallel(n_jobs=-1)(delayed(tickets)(seed, data) for seed in range(10)))


def _write(path: Path, parts: Iterable[list[dict[str, Any]]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for part in parts for row in part), encoding="utf-8")


if __name__ == "__main__":
    main()
