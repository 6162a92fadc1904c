"""Every fault is named, of sound runs nothing is said: again for some, and in the committed table of all."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.course.ch13_debugging_training import measured
from nnopt_utils.course.ch13_debugging_training.measured import of_kind
from nnopt_utils.diagnosis import CAUSES
from nnopt_utils.faults import FAULTS, Setup, drawn, fit_healthy, fit_with_fault, train
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam
from nnopt_utils.training import fit

SOUND = [(a, o) for a in measured.ARCHITECTURES for o in measured.OPTIMIZERS]


# -- the committed table ---------------------------------------------------------------------------------------------


def test_the_table_has_every_run_once():
    planted = {(row["fault"], row["seed"]) for row in of_kind("planted")}
    assert planted == {(fault, seed) for fault in FAULTS for seed in range(5)} and len(of_kind("planted")) == 90
    sound = {(row["architecture"], row["optimizer"], row["seed"]) for row in of_kind("sound")}
    assert len(sound) == len(of_kind("sound")) == 5 * 8 * 20
    assert len(of_kind("remedy")) == len(FAULTS) ** 2 * 2


def test_a_planted_fault_is_named_first_in_nine_of_ten_runs_and_among_the_first_two_in_all():
    planted = of_kind("planted")
    assert np.mean([row["causes"][:1] == [row["fault"]] for row in planted]) >= 0.9
    assert all(row["fault"] in row["causes"][:2] for row in planted)


def test_no_sound_run_gives_an_alarm():
    assert [row for row in of_kind("sound") if row["causes"]] == []
    assert min(row["test"] for row in of_kind("sound")) > 70  # they are sound: chance is 10 %


def test_a_right_remedy_cures_and_a_wrong_one_does_not():
    cured = {(row["fault"], row["believed"]) for row in of_kind("remedy") if row["sound"]}
    assert {(fault, fault) for fault in FAULTS} <= cured
    assert {pair for pair in cured if pair[0] != pair[1]} == set()


# -- some of it again ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_named_first(fault, seed):
    row = next(row for row in of_kind("planted") if (row["fault"], row["seed"]) == (fault, seed))
    made = measured.planted_row(fault, seed)
    assert made["causes"][:1] == row["causes"][:1] == [fault]
    assert made["test"] == pytest.approx(row["test"], abs=8)  # last digits differ between processors, and grow


@pytest.mark.parametrize(("architecture", "optimizer"), SOUND)
def test_of_a_sound_run_nothing_is_said(architecture, optimizer):
    seed = 20 + SOUND.index((architecture, optimizer))  # not one of the table's
    assert measured.sound_row(architecture, optimizer, seed)["causes"] == []


@pytest.mark.parametrize("fault", FAULTS)
def test_the_remedy_for_the_next_fault_does_not_help(fault):
    names = list(FAULTS)
    believed = names[(names.index(fault) + 5) % len(names)]
    assert not measured.remedy_row(fault, believed, seed=0)["sound"]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_right_remedy_leaves_no_sign(fault):
    assert measured.remedy_row(fault, fault, seed=1)["sound"]


# -- the faults themselves -------------------------------------------------------------------------------------------


def test_every_fault_has_a_sign_and_every_sign_a_fault():
    assert set(FAULTS) == set(CAUSES)


@pytest.mark.parametrize("fault", FAULTS)
def test_one_ingredient_is_spoilt(fault):
    healthy, broken = FAULTS[fault].healthy, FAULTS[fault].broken
    differ = [name for name in Setup.__dataclass_fields__ if getattr(healthy, name) is not getattr(broken, name)]
    assert len(differ) == 1


@pytest.mark.parametrize("fault", ["no_bias_correction", "decay_not_applied"])
def test_a_spoilt_optimizer_prints_what_its_healthy_relative_prints(fault):
    broken, healthy = (repr(setup.optimizer(0.001, 10)) for setup in (FAULTS[fault].broken, FAULTS[fault].healthy))
    assert broken == healthy


def test_a_run_is_the_same_each_time_and_another_with_another_seed():
    first, again, other = (fit_with_fault("torn_labels", seed).history.step_losses for seed in (1, 1, 2))
    assert first == again != other


def test_a_sound_run_is_that_of_fit_to_the_last_bit():
    run = train(Setup(epochs=2), seed=4)
    data, _ = drawn(seed=4)
    network = MLP([784, 64, 64, 10], seed=4)
    history = fit(network, Adam(0.001), tuple(data), epochs=2, seed=4, progress=False)
    assert history.step_losses == run.history.step_losses and history.val_accuracy == run.history.val_accuracy
    np.testing.assert_array_equal(network.parameters, run.network.parameters)


def test_no_row_is_in_two_parts():
    data, (x_test, _) = drawn(seed=3)
    parts = [{row.tobytes() for row in part} for part in (data.x, data.x_val, x_test)]
    assert not parts[0] & parts[1] and not parts[1] & parts[2] and not parts[0] & parts[2]


@pytest.mark.parametrize("fault", ["softmax_twice", "sum_for_mean"])
def test_a_spoilt_loss_has_its_own_gradient(fault):
    """These are wrong losses, not wrong gradients: central differences agree."""
    network = FAULTS[fault].broken.network(0)
    x, y = network.check_data(drawn(0)[0].x[:16], drawn(0)[0].y[:16])
    gradient = network.loss_and_gradient(x, y)[1]
    direction = gradient / np.linalg.norm(gradient)
    ahead, behind = (network.loss(x, y, parameters=network.parameters + h * direction) for h in (1e-2, -1e-2))
    assert (ahead - behind) / 2e-2 == pytest.approx(np.linalg.norm(gradient), rel=0.05)


def test_bfloat16_rounds_to_the_nearest_and_ties_to_even():
    store = FAULTS["low_precision"].broken.store
    theta = np.array([1 + 2**-9, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-7, -3.0, 0.0], dtype=np.float32)
    store(theta)
    assert theta.tolist() == [1.0, 1.0, 1 + 2**-6, 1 + 2**-7, -3.0, 0.0]


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"name: got 'rate_to_high'.*did you mean 'rate_too_high'"):
        fit_with_fault("rate_to_high")
    with pytest.raises(ValueError, match="seed: got -1"):
        fit_healthy("torn_labels", seed=-1)
    with pytest.raises(TypeError, match=r"rate: got 0\.1; expected one of learning_rate, optimizer"):
        Setup().changed(rate=0.1)
    with pytest.raises(TypeError, match="setup: got 'healthy'"):
        train("healthy", seed=0)
