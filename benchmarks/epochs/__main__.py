"""``python -m benchmarks.epochs MODULE N``: read batch sizes, train an epoch for each, write its seconds and loss."""

from __future__ import annotations

import gc
import importlib
import sys
import time

from nnopt_utils.datasets import load_mnist


def main() -> None:
    """Answer until standard input ends."""
    module, n_samples = importlib.import_module(f"benchmarks.epochs.{sys.argv[1]}"), int(sys.argv[2])
    answers, sys.stdout = sys.stdout, sys.stderr  # what a framework prints must not get among the answers
    data = load_mnist()
    x, y = data.x_train[:n_samples].copy(), data.y_train[:n_samples].copy()
    del data
    trainings = {}
    for line in sys.stdin:
        batch_size = int(line)
        if batch_size not in trainings:
            trainings[batch_size] = module.Training(x, y, batch_size)
        training = trainings[batch_size]
        training.restart()
        gc.collect()
        begun = time.perf_counter()
        loss = training.epoch()
        print(time.perf_counter() - begun, loss, file=answers, flush=True)


if __name__ == "__main__":
    main()
