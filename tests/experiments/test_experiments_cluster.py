"""The same search on a Dask cluster: two real processes on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import joblib
import numpy as np
import pytest

from nnopt_utils.datasets import Dataset, gaussian_blobs
from nnopt_utils.experiments import Space, Task, search
from nnopt_utils.optimizers import SGD
from nnopt_utils.schedules import ExponentialDecay

distributed = pytest.importorskip("distributed", reason="needs the extra `cluster`")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as local,
        distributed.Client(local),
        joblib.parallel_config(backend="dask"),
    ):
        yield


class Fragile(SGD):
    """Fails at one rate, diverges at another."""

    def update(self, theta, gradient, *slots):
        if self.learning_rate == 0.5:
            raise RuntimeError("this rule does not work")
        super().update(theta, gradient, *slots)
        theta *= 1e6 if self.learning_rate == 1.0 else 1


def blobs() -> Dataset:
    x, y = gaussian_blobs(6000, noise=0.7)
    return Dataset(x[:4000], y[:4000], x[4000:5000], y[4000:5000], x[5000:], y[5000:])


def split(results) -> tuple[list[dict], list[float]]:
    """The rows without what the clock decides, and apart from them their losses.

    Arrays that came through a network lie elsewhere in memory, and some versions of NumPy then add in another order:
    the losses may differ in the last digit of float32, accuracies and everything else may not.
    """
    rows, losses = [], []
    for row in results.rows:
        losses += [row[name] for name in ("train_loss", "val_loss") if row[name] is not None]
        losses += row["curves"]["train_loss"] + row["curves"]["val_loss"]
        rows.append({k: v for k, v in row.items() if not k.startswith("seconds") and "loss" not in k and k != "curves"})
        rows[-1]["accuracies"] = row["curves"]["val_accuracy"]
    return rows, losses


def test_a_cluster_gives_the_same_rows_as_one_process(cluster, tmp_path):
    task = Task([2, 8, 3], blobs(), epochs=2, batch_size=100)
    spaces = {
        "fragile": Space(Fragile, learning_rate=[0.1, 0.5, 1.0]),
        "SGD": Space(SGD, learning_rate=[0.01, 0.1, 0.3], schedule=lambda rate: ExponentialDecay(rate, 0.1, 80)),
    }
    with joblib.parallel_config(backend="sequential"):
        serial = search(task, spaces, (0, 1), progress=False)
    file = tmp_path / "t.jsonl"
    on_cluster = search(task, spaces, (0, 1), table=file, progress=False)
    (rows, losses), (serial_rows, serial_losses) = split(on_cluster), split(serial)
    assert rows == serial_rows
    np.testing.assert_allclose(losses, serial_losses, rtol=1e-6)
    assert [row["status"] for row in on_cluster.rows[:6:2]] == ["finished", "failed", "diverged"]
    assert file.read_text().count("\n") == 13
    assert on_cluster.test("SGD", seeds=[5]).finals == serial.test("SGD", seeds=[5], n_jobs=1).finals


def whereabouts(network, optimizer, data, **arguments):
    """Instead of training: tell which process this is, through the only channel there is."""
    import os

    raise RuntimeError(f"{os.getpid()} {data[0].nbytes}")


def test_the_runs_happen_in_the_processes_of_the_cluster(cluster):
    task = Task([2, 8, 3], blobs(), epochs=2, train=whereabouts)
    results = search(task, {"SGD": Space(SGD, learning_rate=np.logspace(-3, -1, 8))}, (0,), progress=False)
    workers = distributed.get_client().run(lambda: __import__("os").getpid())
    seen = {int(row["message"].split()[1]) for row in results.rows}
    assert seen <= set(workers.values()) and results.rows[0]["message"].endswith(" 32000")
