"""The clinic of chapter 13: who is in it, what is said of a name, right or wrong, and of a repair."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from nnopt_utils.course.ch13_debugging_training.clinic import HEALTHY, INGREDIENTS, KINDS, NAMES, Clinic, Patient
from nnopt_utils.diagnosis import CAUSES
from nnopt_utils.faults import FAULTS, apply_remedy
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD

CLINIC = Clinic(seed=4)


def who_has(name: str, clinic: Clinic = CLINIC) -> Patient:
    return clinic[clinic._order.index(name) + 1]


# -- who is in it ----------------------------------------------------------------------------------------------------


def test_a_clinic_is_the_same_each_time_and_another_with_another_seed():
    assert Clinic(4)._order == CLINIC._order and Clinic(4)._seeds == CLINIC._seeds
    assert len({tuple(Clinic(seed)._order) for seed in range(50)}) == 50
    again = Clinic(4)[1]
    assert again.history.step_losses == CLINIC[1].history.step_losses
    np.testing.assert_array_equal(again.network.parameters, CLINIC[1].network.parameters)
    assert CLINIC[1] is CLINIC[1]


@pytest.mark.parametrize("seed", [0, 1, 2026])
def test_each_fault_is_there_once_and_two_are_well(seed):
    assert Counter(Clinic(seed)._order) == Counter([*FAULTS, HEALTHY, HEALTHY])
    assert len(Clinic(seed)) == 20 and "20 patients, two of whom are well" in repr(Clinic(seed))


def test_patients_are_counted_from_1_and_can_be_gone_through():
    clinic = Clinic(4)
    assert [patient.number for patient in islice(clinic, 2)] == [1, 2]


def test_sound_patients_are_of_any_kind():
    """Else a patient with AdamW, SGD or nine layers would be ill for that alone."""
    kinds = Counter(
        clinic._kinds[number]
        for clinic in map(Clinic, range(100))
        for number, name in enumerate(clinic._order)
        if name == HEALTHY
    )
    assert set(kinds) == set(range(len(KINDS))) and len(KINDS) == 8
    assert {fault.healthy for fault in FAULTS.values()} == set(KINDS)


def test_a_patient_does_not_name_its_fault():
    for patient in islice(CLINIC, 3):
        said = f"{patient!r} {patient.optimizer!r} {type(patient.network.loss_function).__name__}"
        assert not any(name in said for name in FAULTS)


# -- a name ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["dead_relus", "leaked_data", "sum_for_mean", "decay_not_applied"])
def test_the_right_name_is_marked_with_its_sign(fault, capsys):
    result = who_has(fault).name(fault)
    assert result and result.status == "correct" and result.mistake == ""
    sign = who_has(fault)._run.diagnose().findings[0]
    assert sign.cause == fault and f"{fault}. The sign: {sign.evidence}." in result.message
    assert "✓" in capsys.readouterr().out


def test_a_wrong_name_is_refuted_by_a_run():
    patient = who_has("torn_labels")
    result = patient.name("dead_relus")
    run = apply_remedy(FAULTS["torn_labels"].broken, "dead_relus", patient._seed)
    assert not result and result.status == "wrong" and result.mistake == "dead_relus"
    before, now, sound = (f"{r.test_accuracy:.1%}" for r in (patient._run, run, patient._sound))
    assert f"trained again: {before} of new images were right before, {now} are now; a sound run" in result.message
    assert result.message.endswith(f"reaches {sound}.") and "torn_labels" not in result.message


def test_where_there_is_nothing_to_exchange_it_is_said():
    result = who_has("torn_labels").name("schedule_off")
    assert result.status == "wrong" and "schedule_off spoils is sound in this run, so nothing was" in result.message


def test_a_remedy_that_raises_the_accuracy_alone_leaves_the_sign():
    result = who_has("sum_for_mean").name("rate_too_high")
    assert result.status == "wrong" and "as of a sound run; but a sign is left, in the network." in result.message


def test_a_wrong_remedy_does_not_hide_a_doubled_softmax():
    run = apply_remedy(FAULTS["softmax_twice"].broken, "sum_for_mean", seed=7)
    assert "softmax_twice" in run.diagnose().causes


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("torn_labels", "a sound run of this kind reaches"),
        ("decay_not_applied", "as of a sound run; and yet something is wrong, in the steps."),
        ("leaked_data", "as of a sound run; and yet something is wrong, in the data."),
    ],
)
def test_who_is_ill_is_not_healthy(fault, said):
    result = who_has(fault).name(HEALTHY)
    assert result.status == "wrong" and said in result.message and fault not in result.message


def test_of_a_diverged_run_no_share_is_said():
    patient = who_has("torn_labels")
    result = patient.repair(optimizer=lambda rate, steps: SGD(1e6))
    assert result.status == "wrong" and "none (it diverged) are now" in result.message


def test_who_is_well_is_named_and_treated_as_such():
    patient = who_has(HEALTHY)
    right = patient.name(HEALTHY)
    assert right and "a run may also be well" in right.message
    for wrong, said in (("dead_relus", "No sign of dead_relus was there"), ("lost_state", "no sign of lost_state is")):
        result = patient.name(wrong)
        assert result.status == "wrong" and said in result.message
    treated = patient.repair(learning_rate=patient._setup.learning_rate)
    assert treated and "well, as it was before" in treated.message


@pytest.mark.parametrize("name", ["", "dead relus", 3, None, ["dead_relus"]])
def test_a_name_that_does_not_exist_is_no_attempt(name):
    result = CLINIC[1].name(name)
    assert not result and result.status == "not attempted"
    assert all(known in result.message for known in (*CAUSES, HEALTHY)) and set(NAMES) == {*CAUSES, HEALTHY}


# -- a repair --------------------------------------------------------------------------------------------------------


def test_a_repair_is_judged_by_its_run():
    patient = who_has("dead_relus")
    wrong = patient.repair(learning_rate=0.01)
    assert wrong.status == "wrong" and "not repaired" in wrong.message
    right = patient.repair(network=lambda seed: MLP([784, 64, 64, 10], seed=seed))
    assert right and "repaired: " in right.message and "no sign of a fault is seen" in right.message


def test_with_the_sign_left_nothing_is_repaired():
    """A 32nd of the rate makes a summed loss train well: the sum is still there."""
    result = who_has("sum_for_mean").repair(learning_rate=0.05 / 32)
    assert result.status == "wrong" and "but a sign is left, in the network" in result.message


@pytest.mark.parametrize("ingredients", [{}, {"rate": 0.1}, {"epochs": 20}, {"learning_rate": 0.1, "batch_size": 4}])
def test_what_is_no_ingredient_is_no_attempt(ingredients):
    result = CLINIC[1].repair(**ingredients)
    assert result.status == "not attempted" and all(name in result.message for name in INGREDIENTS)


# -- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "error"), [(-1, ValueError), ("a", TypeError), (1.5, TypeError), (True, TypeError)])
def test_a_bad_seed_is_named(seed, error):
    with pytest.raises(error, match="seed: got"):
        Clinic(seed)


@pytest.mark.parametrize(("number", "error"), [(0, ValueError), (21, ValueError), (-1, ValueError), ("1", TypeError)])
def test_a_patient_that_is_not_there_is_named(number, error):
    with pytest.raises(error, match=r"patient: got .*; expected an integer >= 1 and <= 20"):
        CLINIC[number]
