"""The two calls: what they refuse, and how they start again; without TensorFlow."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Adam
from nnopt_utils.schedules import ExponentialDecay
from nnopt_utils.tensorflow_cluster import (
    ClusterError,
    ClusterHistory,
    launching,
    train_asynchronous,
    train_synchronous,
)
from nnopt_utils.tensorflow_cluster.checkpoints import Checkpoint
from nnopt_utils.tensorflow_cluster.clusters import PortTakenError
from nnopt_utils.tensorflow_cluster.jobs import Job
from nnopt_utils.tensorflow_cluster.processes import Record, pieces
from nnopt_utils.training import batches, fit

BOTH = pytest.mark.parametrize("train", [train_synchronous, train_asynchronous])
X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])


@pytest.fixture(autouse=True)
def temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where ``tempfile`` puts things, so that what is left behind is seen."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(launching, "has_tensorflow", lambda: True)
    return tmp_path


@BOTH
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"network": "mlp"}, r"^network: got 'mlp'; expected an MLP"),
        ({"network": MLP([2, 3, 2], "gelu")}, r"^activation: got 'gelu'; expected one of 'linear'"),
        ({"network": MLP([2, 1], loss="huber"), "data": (X, X[:, :1])}, r"^loss: got 'huber'; expected one of"),
        ({"network": MLP([2, 2], l2=0.1)}, r"^l2: got a network with 0.1; expected 0"),
        ({"optimizer": Adam()}, r"^optimizer: got Adam\(.*expected SGD\("),
        ({"optimizer": SGD(0.1, momentum=0.9, nesterov=True)}, r"^optimizer: got SGD\("),
        ({"optimizer": SGD(0.1, global_clipnorm=1.0)}, r"^optimizer: got SGD\("),
        ({"optimizer": SGD(ExponentialDecay(0.1, 0.5, 10))}, r"^optimizer: got SGD\("),
        ({"data": (X, np.eye(2)[Y])}, r"^y: got .* expected labels"),
        ({"data": X}, r"^data: got"),
        ({"epochs": 0}, r"^epochs: got 0"),
        ({"batch_size": 0}, r"^batch_size: got 0"),
        ({"workers": 0}, r"^workers: got 0"),
        ({"checkpoint_every": 0}, r"^checkpoint_every: got 0"),
        ({"timeout": 0}, r"^timeout: got 0"),
        ({"seed": -1}, r"^seed: got -1"),
        ({"history": "old"}, r"^history: got 'old'"),
        ({"history": ClusterHistory(0, 3, 6)}, r"^history: got one of 6 samples in batches of 3; expected"),
        ({"num_workers": 2}, r"^num_workers: got 2.*did you mean workers"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_starts(train, changed, message, temporary_folder):
    arguments = {"network": MLP([2, 2]), "optimizer": SGD(0.1), "data": (X, Y), "batch_size": 2} | changed
    with pytest.raises((TypeError, ValueError), match=message):
        train(**arguments)
    assert list(temporary_folder.iterdir()) == []


def test_an_asynchronous_training_has_no_momentum():
    with pytest.raises(ValueError, match=r"^optimizer: got SGD\(.*expected SGD without momentum"):
        train_asynchronous(MLP([2, 2]), SGD(0.1, momentum=0.5), (X, Y))


@BOTH
def test_without_tensorflow_it_says_how_to_get_it(train, monkeypatch):
    monkeypatch.setattr(launching, "has_tensorflow", lambda: False)
    with pytest.raises(ImportError, match="TensorFlow"):
        train(MLP([2, 2]), SGD(0.1), (X, Y))


class FakeCluster:
    """Takes the ports of the first so many clusters away; the next one trains with ``fit``."""

    taken = 0

    def __init__(self, program, counts, folder, timeout, *, may_be_lost):
        self.folder, self.lost = folder, []

    def __enter__(self):
        if FakeCluster.taken:
            FakeCluster.taken -= 1
            raise PortTakenError("a port was taken")
        return self

    def __exit__(self, *error):
        pass

    def reports(self, interrupted):
        yield {"event": "ready"}
        job = Job.load(self.folder)
        record = Record(job)
        for piece in pieces(job, len(job.start.history.step_losses)):
            losses = []
            for rows in piece:
                loss, gradient = job.network.loss_and_gradient(job.arrays["x"][rows], job.arrays["y"][rows])
                job.network.parameters[:] -= job.learning_rate * gradient
                losses.append(loss)
            record.add(losses, job.network.parameters, job.start.velocity)
        yield {"event": "finished"}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeCluster]:
    monkeypatch.setattr(launching, "Cluster", FakeCluster)
    FakeCluster.taken = 0
    return FakeCluster


def test_a_taken_port_makes_it_start_again(fake, temporary_folder):
    fake.taken = launching.ATTEMPTS - 1
    network, twin = MLP([2, 3, 2], seed=1), MLP([2, 3, 2], seed=1)
    data, optimizer = (X, Y, X, Y), SGD(0.1)
    history = train_synchronous(network, optimizer, data, 3, 4, checkpoint_every=1)
    expected = fit(twin, SGD(0.1), data, 3, 4)
    np.testing.assert_array_equal(network.parameters, twin.parameters)
    assert history.step_losses == expected.step_losses and history.val_loss == expected.val_loss
    assert history.train_loss == expected.train_loss and history.epoch == 3 and history.step == 0
    assert optimizer.t == 6 and history.startup > 0 and list(temporary_folder.iterdir()) == []


def test_ports_that_are_always_taken_are_an_error(fake):
    fake.taken = launching.ATTEMPTS
    network = MLP([2, 3, 2], seed=1)
    with pytest.raises(ClusterError, match=f"a port was taken, in {launching.ATTEMPTS} attempts") as caught:
        train_synchronous(network, SGD(0.1), (X, Y), 3, 4)
    assert caught.value.history.step_losses == []
    assert {file.name for file in caught.value.folder.iterdir()} == {"checkpoint.npz"}


def test_a_history_is_gone_on_with_in_place(fake):
    network, twin, optimizer = MLP([2, 3, 2], seed=1), MLP([2, 3, 2], seed=1), SGD(0.1)
    history = train_synchronous(network, optimizer, (X, Y), 1, 4)
    again = train_synchronous(network, optimizer, (X, Y), 3, 4, history=history)
    assert again is history and optimizer.t == 6
    assert history.step_losses == fit(twin, SGD(0.1), (X, Y), 3, 4).step_losses


@pytest.mark.parametrize("every", [1, 2, 3, 100])
@pytest.mark.parametrize("done", [0, 1, 4, 7])
def test_pieces_are_the_batches_that_are_left(every, done):
    history = ClusterHistory(seed=3, batch_size=2, n_samples=7)
    start = Checkpoint(np.zeros(1), np.zeros(1), history)
    job = Job(MLP([2, 2]), start, 0.1, 0.0, epochs=2, every=every, checkpoint=Path(), arrays={})
    got = list(pieces(job, done))
    expected = [*batches(7, 2, 3, 1), *batches(7, 2, 3, 2)][done:]
    flat = [batch.tolist() for piece in got for batch in piece]
    assert flat == [batch.tolist() for batch in expected] and all(0 < len(piece) <= every for piece in got)
    ends = np.cumsum([len(piece) for piece in got]) + done
    assert set(ends) >= {end for end in (4, 8) if end > done}, "there is a checkpoint at the end of an epoch"


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    history = ClusterHistory(0, 2, 4, step_losses=[0.1, 1 / 3], staleness=[0, 2], lost=["worker 1"], val_loss=[0.5])
    file, theta = tmp_path / "c.npz", np.array([1 / 3, 2.0], dtype=np.float32)
    Checkpoint(theta, -theta, history).save(file)
    loaded = Checkpoint.load(file)
    np.testing.assert_array_equal(loaded.parameters, theta)
    np.testing.assert_array_equal(loaded.velocity, -theta)
    assert loaded.history == history and loaded.parameters.dtype == np.float32
    assert [f.name for f in tmp_path.iterdir()] == ["c.npz"]


def test_the_repr_says_what_was_lost_and_how_stale():
    history = ClusterHistory(0, 2, 4, staleness=[0, 2], lost=["worker 1"])
    assert repr(history).endswith("staleness 1.00 on average, at most 2, lost worker 1)")
