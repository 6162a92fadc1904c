"""What every process of a cluster is told: from a command line, or in a folder that ``train_…`` wrote."""

from __future__ import annotations

import argparse
import os
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nnopt_utils.datasets import load_mnist
from nnopt_utils.networks import MLP
from nnopt_utils.tensorflow_cluster.checkpoints import Checkpoint
from nnopt_utils.tensorflow_cluster.result import ClusterHistory

ARRAYS = ("x", "y", "x_val", "y_val")


@dataclass
class Job:
    """A training: network, data, and the numbers of the run, the same for all processes.

    ``start`` is where it begins or goes on; ``checkpoint`` is the file that worker 0, or the coordinator, writes every
    ``every`` steps and at the end. ``folder`` is set if the job has a parent process, with which it ends.
    """

    network: MLP
    start: Checkpoint
    learning_rate: float
    momentum: float
    epochs: int
    every: int
    checkpoint: Path
    arrays: dict[str, np.ndarray]
    folder: Path | None = None

    def save(self, folder: Path) -> None:
        """Write the job into a folder: arrays as files that processes map into memory instead of reading them."""
        for name, array in self.arrays.items():
            np.save(folder / f"{name}.npy", array)
        with (folder / "job.pickle").open("wb") as stream:
            pickle.dump(replace(self, arrays={}, folder=folder), stream)

    @classmethod
    def load(cls, folder: Path) -> Job:
        """Read a job that :meth:`save` wrote."""
        with (folder / "job.pickle").open("rb") as stream:
            job: Job = pickle.load(stream)
        files = {name: folder / f"{name}.npy" for name in ARRAYS}
        job.arrays = {name: np.load(file, mmap_mode="r") for name, file in files.items() if file.exists()}
        return job

    def remove_arrays(self, folder: Path) -> None:
        """Leave what tells of a failure, without the data."""
        for name in [*(f"{name}.npy" for name in ARRAYS), "job.pickle"]:
            (folder / name).unlink(missing_ok=True)


def job_of(arguments: Sequence[str] | None, program: str) -> Job:
    """The job that a command line asks for: 784-64-64-10 on MNIST, or that of ``--job``."""
    parser = argparse.ArgumentParser(prog=f"python -m nnopt_utils.tensorflow_cluster.{program}")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=0.1)
    if program == "synchronous":
        parser.add_argument("--momentum", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0, help="of the initial weights and of the order of the samples")
    parser.add_argument("--checkpoint", type=Path, default=Path("checkpoint.npz"), help="goes on there if it exists")
    parser.add_argument("--every", type=int, default=100, help="steps from one checkpoint to the next")
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.job is not None:
        return Job.load(given.job)
    data = load_mnist()
    network = MLP([784, 64, 64, 10], seed=given.seed)
    history = ClusterHistory(seed=given.seed, batch_size=given.batch_size, n_samples=len(data.x_train))
    start = Checkpoint(network.parameters, np.zeros_like(network.parameters), history)
    if os.path.exists(given.checkpoint):
        start = Checkpoint.load(given.checkpoint)
        if (start.history.seed, start.history.batch_size) != (given.seed, given.batch_size):
            parser.error(f"{given.checkpoint} is of another seed or batch size; expected one of this run, or none")
    arrays = dict(zip(ARRAYS, (data.x_train, data.y_train, data.x_val, data.y_val), strict=True))
    momentum = getattr(given, "momentum", 0.0)
    return Job(
        network, start, given.learning_rate, momentum, given.epochs, given.every, given.checkpoint, arrays
    )  # fmt: skip
