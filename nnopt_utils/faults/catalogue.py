"""The faults: what each spoils, and the remedy that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nnopt_utils._validation import check_choice
from nnopt_utils.datasets import Dataset
from nnopt_utils.diagnosis import CAUSES
from nnopt_utils.faults import remedies, setup, spoiled
from nnopt_utils.faults.remedies import Remedy, exchanged, other_rates, to_data, to_networks
from nnopt_utils.faults.running import Run, train
from nnopt_utils.faults.setup import Setup

DOWN = (1 / 3, 1 / 10, 1 / 30, 1 / 100, 1 / 300, 1 / 1000)
UP = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)


@dataclass(frozen=True)
class Fault:
    """A fault that can be planted.

    Attributes:
        name: a key of ``FAULTS`` and of ``diagnosis.CAUSES``.
        healthy: the setup without it.
        broken: the same with one ingredient spoilt.
        remedy: what one does to any setup who believes in this fault: the setups to try.

    Example:
        >>> fault = FAULTS["unscaled_inputs"]
        >>> fault.what
        'inputs are far from the size 1 that initial weights are made for'
        >>> len(fault.remedy(fault.broken))
        1
    """

    name: str
    healthy: Setup
    broken: Setup
    remedy: Remedy

    @property
    def what(self) -> str:
        """The fault in a few words."""
        return CAUSES[self.name]


def _fault(name: str, remedy: Remedy, healthy: Setup | None = None, **spoilt: Any) -> Fault:
    healthy = healthy or Setup()
    return Fault(name, healthy, healthy.changed(**spoilt), remedy)


FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        _fault("rate_too_high", other_rates(*DOWN), learning_rate=0.3),
        _fault("rate_too_low", other_rates(*UP), learning_rate=2e-6),
        _fault("dead_relus", to_networks(remedies.biases_at_zero), network=spoiled.with_dead_units),
        _fault("symmetric_weights", to_networks(remedies.broken_symmetry), network=spoiled.with_equal_units),
        _fault("unscaled_inputs", to_data(remedies.in_unit_range), prepare=spoiled.unscaled),
        _fault("torn_labels", exchanged("prepare", spoiled.torn, setup.as_it_is), prepare=spoiled.torn),
        _fault("leaked_data", to_data(remedies.without_validation_rows), prepare=spoiled.leaked),
        _fault("softmax_twice", to_networks(remedies.one_softmax), network=spoiled.with_two_softmaxes),
        _fault("wrong_gradient", to_networks(remedies.own_backward_pass), network=spoiled.with_wrong_sign),
        _fault(
            "no_bias_correction",
            exchanged("optimizer", spoiled.uncorrected_adam, setup.adam),
            optimizer=spoiled.uncorrected_adam,
        ),
        _fault(
            "batches_before_shuffling",
            exchanged("batches", spoiled.cut_then_shuffled, setup.batches),
            Setup(prepare=spoiled.sorted_by_label),
            batches=spoiled.cut_then_shuffled,
        ),
        _fault(
            "sum_for_mean",
            to_networks(remedies.mean_of_the_batch),
            Setup(optimizer=spoiled.sgd, learning_rate=0.05),
            network=spoiled.with_sum,
        ),
        _fault("lost_state", exchanged("resume", spoiled.forgotten, setup.whole_state), resume=spoiled.forgotten),
        _fault(
            "decay_not_applied",
            exchanged("optimizer", spoiled.adamw_without_decay, spoiled.adamw),
            Setup(optimizer=spoiled.adamw),
            optimizer=spoiled.adamw_without_decay,
        ),
        _fault(
            "schedule_off",
            exchanged("optimizer", spoiled.adam_with_cosine_of_epochs, spoiled.adam_with_cosine),
            Setup(optimizer=spoiled.adam_with_cosine),
            optimizer=spoiled.adam_with_cosine_of_epochs,
        ),
        _fault(
            "vanishing_gradients",
            remedies.relu_for_sigmoid,
            Setup(network=spoiled.deep_relu),
            network=spoiled.deep_sigmoid,
        ),
        _fault(
            "exploding_gradients",
            to_networks(remedies.he_scale),
            Setup(network=spoiled.five_layers),
            network=spoiled.with_large_weights,
        ),
        _fault(
            "low_precision",
            exchanged("store", spoiled.as_bfloat16, setup.all_digits),
            Setup(learning_rate=1e-4),
            store=spoiled.as_bfloat16,
        ),
    )
}


def fit_with_fault(name: str, seed: int = 0, source: Dataset | None = None) -> Run:
    """Train the article's network on 2,000 images, with one fault planted.

    Args:
        name: of ``FAULTS``.
        seed: of the images, the weights and the order, >= 0: the run is the same each time.
        source: where the images are drawn from; default MNIST.

    Returns:
        The :class:`Run`: history, network, data and record. Only its setup says which fault it has.

    Raises:
        TypeError, ValueError: an unknown name (with the nearest ones), a bad seed.

    Example:
        >>> run = fit_with_fault("rate_too_low", seed=3)
        >>> run.diagnose().causes
        ['rate_too_low']
    """
    return train(FAULTS[check_choice("name", name, FAULTS)].broken, seed, source)


def fit_healthy(name: str, seed: int = 0, source: Dataset | None = None) -> Run:
    """Train the same setup without the fault.

    Args:
        name, seed, source: as in :func:`fit_with_fault`.

    Example:
        >>> fit_healthy("rate_too_low", seed=3).diagnose().causes
        []
    """
    return train(FAULTS[check_choice("name", name, FAULTS)].healthy, seed, source)


def apply_remedy(broken: Setup, believed: str, seed: int = 0, source: Dataset | None = None) -> Run:
    """Do to a setup what one does who believes in a fault, and train it: the best run by validation accuracy.

    Args:
        broken: the setup.
        believed: the name of the fault.
        seed, source: as in :func:`fit_with_fault`.

    Example:
        >>> apply_remedy(FAULTS["torn_labels"].broken, "dead_relus").test_accuracy < 0.3
        True
    """
    tried = FAULTS[check_choice("believed", believed, FAULTS)].remedy(broken)
    return max((train(each, seed, source) for each in tried), key=_validation_accuracy)


def _validation_accuracy(run: Run) -> float:
    return -1.0 if run.diverged or not run.history.val_accuracy else run.history.val_accuracy[-1]
