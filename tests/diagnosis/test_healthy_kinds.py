"""``diagnose`` finds nothing in healthy runs, however unusual; and copes with runs that are not whole."""

from __future__ import annotations

import numpy as np
import pytest
from healthy_kinds import KINDS, UNWATCHED, Kind, images, moons, relu_network

from nnopt_utils.diagnosis import Recorder, diagnose
from nnopt_utils.history import History
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD, Adam
from nnopt_utils.training import DivergenceError, fit


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_no_false_alarm(kind: Kind) -> None:
    assert kind.diagnose().causes == []


@pytest.mark.parametrize("kind", UNWATCHED.values(), ids=UNWATCHED)
def test_no_false_alarm_without_a_recorder(kind: Kind) -> None:
    diagnosis = kind.diagnose()
    assert diagnosis.causes == []
    assert "lost_state" in diagnosis.not_examined


@pytest.mark.parametrize("optimizer", [Adam(0.003), SGD(0.02, momentum=0.9)], ids=["Adam", "momentum"])
def test_a_resumed_run_is_whole(optimizer: Adam | SGD) -> None:
    """The same recorder goes on; and one that came with the second half sees no first step in it."""
    network = relu_network(images())
    watch = Recorder(network)
    history = fit(network, optimizer, images(), epochs=2, callback=watch, progress=False)
    late = Recorder(network)

    def both(step: object) -> None:
        watch(step)  # type: ignore[arg-type]
        late(step)  # type: ignore[arg-type]

    fit(network, optimizer, images(), epochs=5, history=history, callback=both, progress=False)
    assert len(watch.rates) == len(history.step_losses) > len(late.rates)
    assert diagnose(history, network, images(), watch).causes == []
    assert diagnose(history, network, images(), late).causes == []


def test_a_second_run_with_the_recorder_of_a_first() -> None:
    network = relu_network(images())
    watch = Recorder(network)
    fit(network, Adam(0.003), images(), epochs=2, callback=watch, progress=False)
    history = fit(network, Adam(0.001), images(), epochs=2, callback=watch, progress=False)
    assert diagnose(history, network, images(), watch).causes == []


def test_plain_descent_has_no_state_to_lose() -> None:
    network = relu_network(images())
    watch = Recorder(network)
    history = fit(network, SGD(0.1), images(), epochs=1, callback=watch, progress=False)
    for epochs in (2, 3):
        optimizer = SGD(0.1)  # a new one for each epoch
        fit(network, optimizer, images(), epochs, history=history, callback=watch, progress=False)
    assert watch.counts[30] < watch.counts[29]
    assert diagnose(history, network, images(), watch).causes == []


def test_an_empty_history() -> None:
    x, y, *_ = moons()
    network = MLP([2, 8, 2])
    assert diagnose(History(seed=0, batch_size=32, n_samples=len(x)), network, (x, y), Recorder(network)).causes == []


def test_a_run_stopped_by_hand_has_not_diverged() -> None:
    network = relu_network(images())
    watch = Recorder(network)

    def stop(step: object) -> bool:
        watch(step)  # type: ignore[arg-type]
        return len(watch.rates) == 7

    history = fit(network, Adam(0.003), images(), callback=stop, progress=False)
    assert history.interrupted and not history.train_loss
    assert diagnose(history, network, images(), watch).causes == []


@pytest.mark.parametrize("rate", [1e3, 1e10, 1e30])
def test_the_history_of_a_divergence(rate: float) -> None:
    network = MLP([784, 32, 32, 10], activation="leaky_relu")
    watch = Recorder(network)
    with pytest.raises(DivergenceError) as caught:
        fit(network, SGD(rate), images(), callback=watch, progress=False)
    assert diagnose(caught.value.history, network, images(), watch).causes[0] == "rate_too_high"
    assert diagnose(caught.value.history, network, images()).causes[0] == "rate_too_high"


def test_training_goes_on_as_if_no_one_had_asked() -> None:
    network = relu_network(moons())
    watch = Recorder(network)
    history = fit(network, Adam(0.003), moons(), epochs=2, callback=watch, progress=False)
    before = network.parameters.copy()
    diagnose(history, network, moons(), watch)
    np.testing.assert_array_equal(network.parameters, before)
