"""How good the article's network gets, over seeds: ``python -m benchmarks.accuracy [--quick] [--json PATH]``.

Not a time: accuracies do not depend on how busy the machine is. It takes minutes, and chapter 07 quotes its table.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnopt_utils.datasets import Dataset, load_mnist
from nnopt_utils.keras_bridge import copy_weights, import_keras
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Adam
from nnopt_utils.schedules import PiecewiseConstant
from nnopt_utils.training import fit

Trainer = Callable[[Dataset, int, int, int], float]


def article_model(seed: int) -> Any:
    """The article's model, compiled as there; the seed fixes its weights and the order of its batches."""
    keras = import_keras()
    keras.utils.set_random_seed(seed)
    dense = keras.layers.Dense
    hidden = [dense(64, activation="relu"), dense(64, activation="relu")]
    model = keras.Sequential([keras.Input((784,)), *hidden, dense(10, activation="softmax")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def keras_accuracy(data: Dataset, seed: int, epochs: int, batch_size: int) -> float:
    """Train the article's model with ``model.fit``; return its test accuracy after the last epoch."""
    model = article_model(seed)
    model.fit(data.x_train, data.y_train, epochs=epochs, batch_size=batch_size, verbose=0)
    return float(model.evaluate(data.x_test, data.y_test, verbose=0)[1])


def twin_accuracy(data: Dataset, seed: int, epochs: int, batch_size: int) -> float:
    """Train our twin of the article's model, from the weights that Keras drew."""
    network, optimizer = MLP([784, 64, 64, 10]), Adam(convention="keras")
    copy_weights(article_model(seed), network)
    fit(network, optimizer, (data.x_train, data.y_train), epochs, batch_size, seed=seed, progress=False)
    return network.evaluate(data.x_test, data.y_test).accuracy


def numpy_accuracy(data: Dataset, seed: int, epochs: int, batch_size: int) -> float:
    """Train this library's network with its own defaults: He's initial weights, the paper's Adam."""
    network = MLP([784, 64, 64, 10], seed=seed)
    fit(network, Adam(), (data.x_train, data.y_train), epochs, batch_size, seed=seed, progress=False)
    return network.evaluate(data.x_test, data.y_test).accuracy


def lenet_accuracy(data: Dataset, seed: int, epochs: int, batch_size: int) -> float:
    """Train LeNet-300-100 as chapter 07 does: on all 60,000, Nesterov, the rate falls from 0.05 to 0.01 half-way."""
    network = MLP([784, 300, 100, 10], l2=5e-5, seed=seed)
    x, y = np.concatenate([data.x_train, data.x_val]), np.concatenate([data.y_train, data.y_val])
    steps = -(-len(x) // batch_size)
    rate = PiecewiseConstant([epochs // 2 * steps], [0.05, 0.01])
    optimizer = SGD(rate, momentum=0.9, nesterov=True)
    fit(network, optimizer, (x, y), epochs, batch_size, seed=seed, progress=False)
    return network.evaluate(data.x_test, data.y_test).accuracy


# What is trained: name, trainer, epochs, batch size, seeds.
RUNS: list[tuple[str, Trainer, int, int, int]] = [
    ("784-64-64-10, NumPy, its own defaults", numpy_accuracy, 10, 32, 5),
    ("784-64-64-10, NumPy, Keras's initial weights and Adam", twin_accuracy, 10, 32, 5),
    ("784-64-64-10, Keras, as in the article", keras_accuracy, 10, 32, 5),
    ("784-64-64-10, Keras, batch 128", keras_accuracy, 10, 128, 3),
    ("784-300-100-10, NumPy, Nesterov", lenet_accuracy, 12, 64, 5),
]


def measure(quick: bool = False) -> list[dict[str, Any]]:
    """Train everything; return one row a run, with the test accuracy of each seed in percent."""
    data = load_mnist()
    if quick:
        few = data.x_train[:500], data.y_train[:500]
        data = Dataset(*few, data.x_val[:500], data.y_val[:500], data.x_test[:500], data.y_test[:500])
    rows = []
    for name, train, epochs, batch_size, n_seeds in RUNS:
        epochs, n_seeds = (2, 1) if quick else (epochs, n_seeds)
        found = [100 * train(data, seed, epochs, batch_size) for seed in range(1, n_seeds + 1)]
        rows.append({"name": name, "epochs": epochs, "batch_size": batch_size, "accuracies": found})
        print(as_row(rows[-1]), flush=True)
    return rows


def as_row(row: dict[str, Any]) -> str:
    """One line of the Markdown table: mean, standard deviation, range over seeds."""
    found = row["accuracies"]
    spread = f"{statistics.stdev(found):.2f}" if len(found) > 1 else "–"
    mean, low, high = statistics.mean(found), min(found), max(found)
    seeds = f"{row['epochs']} | {row['batch_size']} | {len(found)}"
    return f"| {row['name']} | {seeds} | {mean:.2f} | {spread} | {low:.2f} … {high:.2f} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, row by row as it comes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few images, two epochs, one seed: does it run?")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there, too")
    options = parser.parse_args(arguments)
    print("| network | epochs | batch | seeds | mean test accuracy, % | standard deviation | range |")
    print("|---|---:|---:|---:|---:|---:|---|")
    rows = measure(options.quick)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
