"""Bad arguments of ``diagnose`` and ``Recorder``: an error that names the argument, before anything is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnopt_utils.datasets import Dataset, two_moons
from nnopt_utils.diagnosis import Recorder, diagnose
from nnopt_utils.faults import apply_remedy, fit_healthy, fit_with_fault, train
from nnopt_utils.history import History
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.training import fit

X, Y = two_moons(60)
NETWORK = MLP([2, 8, 2])
WATCH = Recorder(NETWORK)
HISTORY = fit(NETWORK, SGD(0.1), (X, Y), epochs=2, callback=WATCH, progress=False)


def test_the_good_ones_pass() -> None:
    assert diagnose(HISTORY, NETWORK, (X, Y), WATCH).not_examined == {"leaked_data": "validation data"}
    assert "leaked_data" not in diagnose(HISTORY, NETWORK, Dataset(X, Y, X, Y, X, Y), WATCH).not_examined
    assert diagnose(HISTORY, NETWORK, [X.tolist(), Y.tolist()]).causes == diagnose(HISTORY, NETWORK, (X, Y)).causes


@pytest.mark.parametrize("history", [None, {}, [0.5, 0.4], "history", WATCH, {"val_loss": [0.5]}])
def test_history(history: Any) -> None:
    with pytest.raises(TypeError, match=r"^history: got .*; expected a History, or what Keras's fit returned"):
        diagnose(history, NETWORK, (X, Y))


@pytest.mark.parametrize("network", [None, SGD(0.1), NETWORK.parameters, "mlp", HISTORY])
def test_network(network: Any) -> None:
    with pytest.raises(TypeError, match=r"^network: got .*; expected an MLP or a Keras model"):
        diagnose(HISTORY, network, (X, Y))


@pytest.mark.parametrize("loss", ["mse", "half_mse", "mae", "huber"])
def test_a_network_of_regression(loss: str) -> None:
    with pytest.raises(ValueError, match=rf"^network: got loss '{loss}'; expected one of classification"):
        diagnose(HISTORY, MLP([2, 8, 1], loss=loss), (X, Y))


@pytest.mark.parametrize("data", [None, X, (X,), (X, Y, X), (X, Y, X, Y, X, Y), "mnist", {"x": X, "y": Y}])
def test_data_of_another_kind(data: Any) -> None:
    with pytest.raises(TypeError, match=r"^data: got .*; expected a Dataset, \(x, y\) or \(x, y, x_val, y_val\)"):
        diagnose(HISTORY, NETWORK, data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x", (X[:, :1], Y)),
        ("x", (X[0], Y)),
        ("x", (np.full_like(X, np.nan), Y)),
        ("x", (None, Y)),
        ("y", (X, Y[:-1])),
        ("y", (X, Y - 1)),
        ("y", (X, Y + 1)),
        ("y", (X, Y + 0.5)),
        ("y", (X, np.ones((60, 3)))),
        ("x_val", (X, Y, X[:, :1], Y)),
        ("x_val", (X, Y, np.full_like(X, np.inf), Y)),
        ("y_val", (X, Y, X, Y[:-1])),
        ("y_val", (X, Y, X, Y + 7)),
        ("x", (X[:0], Y[:0])),
    ],
)
def test_data_that_do_not_fit(name: str, data: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"^{name}: "):
        diagnose(HISTORY, NETWORK, data, WATCH)


def test_data_of_another_run() -> None:
    with pytest.raises(ValueError, match=r"^data: got 50 training rows; expected the 60 of the history"):
        diagnose(HISTORY, NETWORK, (X[:50], Y[:50]))


@pytest.mark.parametrize("watch", [HISTORY, "watch", 1, [WATCH], Recorder])
def test_watch(watch: Any) -> None:
    with pytest.raises(TypeError, match=r"^watch: got .*; expected a Recorder, the callback of the run"):
        diagnose(HISTORY, NETWORK, (X, Y), watch)


def test_a_recorder_of_another_network() -> None:
    with pytest.raises(ValueError, match=r"^watch: got a Recorder of 6 parameters; expected one of this network's 42"):
        diagnose(HISTORY, NETWORK, (X, Y), Recorder(MLP([2, 2])))
    with pytest.raises(ValueError, match=r"^network: got a step of one with 42 parameters; expected 6"):
        fit(MLP([2, 8, 2]), SGD(0.1), (X, Y), callback=Recorder(MLP([2, 2])), progress=False)


def test_arguments_of_a_recorder() -> None:
    with pytest.raises(TypeError, match=r"^network: "):
        Recorder(HISTORY)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^probe: .*rows of 2 inputs"):
        Recorder(NETWORK, probe=np.ones((3, 5)))
    for every in (0, 1.5, None):
        with pytest.raises((TypeError, ValueError), match=r"^every: "):
            Recorder(NETWORK, every=every)  # type: ignore[arg-type]


def test_a_recorder_without_steps_is_as_good_as_none() -> None:
    found = diagnose(HISTORY, NETWORK, (X, Y), Recorder(NETWORK))
    assert found.not_examined["lost_state"] == "a Recorder"


def test_arguments_of_faults() -> None:
    for call in (fit_with_fault, fit_healthy):
        with pytest.raises(ValueError, match=r"^name: .*did you mean 'rate_too_high'"):
            call("rate_to_high")
    with pytest.raises(ValueError, match=r"^believed: "):
        apply_remedy(None, "gremlins")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^setup: "):
        train("rate_too_high", seed=0)  # type: ignore[arg-type]
    for seed in (-1, 0.5):
        with pytest.raises((TypeError, ValueError), match=r"^seed: "):
            fit_with_fault("rate_too_high", seed=seed)  # type: ignore[arg-type]


def test_an_empty_run() -> None:
    history = History(seed=0, batch_size=32, n_samples=60)
    assert diagnose(history, NETWORK, (X, Y)).causes == []
