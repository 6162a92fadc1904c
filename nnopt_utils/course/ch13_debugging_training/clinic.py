"""The clinic: patients with a planted fault, shuffled by a seed; a diagnosis is marked, or refuted by a run."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from nnopt_utils._validation import check_integer
from nnopt_utils.course.result import CheckResult, Status
from nnopt_utils.course.showing import show_result
from nnopt_utils.diagnosis.registry import SIGNS
from nnopt_utils.faults import FAULTS, Run, Setup, apply_remedy, train
from nnopt_utils.plotting import plot_dashboard

HEALTHY = "healthy"
NAMES = (*FAULTS, HEALTHY)
MARGIN = 0.03  # in accuracy on new images, below a sound run of the same kind
WHERE = {"in_data": "the data", "in_network": "the network", "in_steps": "the steps"}


class Clinic:
    """Patients 1, 2, 3, …: a run with each fault, and two sound ones, in an order of the seed's own.

    Args:
        seed: >= 0; another seed, another order.

    Example:
        >>> clinic = Clinic(seed=1)
        >>> len(clinic), clinic[1].history.epoch >= 0
        (20, True)
    """

    def __init__(self, seed: int) -> None:
        self.seed = check_integer("seed", seed, low=0)
        generator = np.random.default_rng([seed, 13])
        self._order = [str(name) for name in generator.permutation([*FAULTS, HEALTHY, HEALTHY])]
        self._seeds = [int(number) for number in generator.integers(1000, size=len(self._order))]
        self._patients: dict[int, Patient] = {}

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, number: int) -> Patient:
        check_integer("patient", number, low=1, high=len(self))
        if number not in self._patients:
            self._patients[number] = Patient(number, self._order[number - 1], self._seeds[number - 1])
        return self._patients[number]

    def __repr__(self) -> str:
        return f"Clinic(seed={self.seed}): {len(self)} patients, of whom at least one is well"


class Patient:
    """A run that may have a fault. Look at all it left behind, name the fault, repair it.

    Attributes:
        number: in the clinic.
        history, network, optimizer, data, watch: of the run, to be looked at.
    """

    def __init__(self, number: int, name: str, seed: int) -> None:
        self.number, self._name, self._seed = number, name, seed
        self._setup: Setup = Setup() if name == HEALTHY else FAULTS[name].broken
        run = train(self._setup, seed)
        self._run = run
        self.history, self.network, self.optimizer = run.history, run.network, run.optimizer
        self.data, self.watch = run.data, run.watch

    def __repr__(self) -> str:
        end = "diverged" if self._run.diverged else f"{self._run.test_accuracy:.1%} right on new images"
        return f"patient {self.number}: {self.optimizer!r}, {self.network.layer_sizes}, {end}"

    def dashboard(self) -> Figure:
        """Draw what was recorded."""
        return plot_dashboard(self.history, self.watch, chance=math.log(10))

    @cached_property
    def _sound(self) -> Run:
        """The run without the fault."""
        return train(Setup() if self._name == HEALTHY else FAULTS[self._name].healthy, self._seed)

    def name(self, cause: str) -> CheckResult:
        """Mark a diagnosis: a right one with the sign that gives it away, a wrong one by doing what it asks for.

        Args:
            cause: one of ``FAULTS``, or ``"healthy"``.
        """
        if cause not in NAMES:
            return self._say("not attempted", f"no cause has the name {cause!r}; there are {', '.join(NAMES)}")
        if cause == self._name:
            return self._say("correct", f"{cause}. {self._sign()}", cause)
        if cause == HEALTHY:
            return self._say("wrong", self._not_healthy(), cause)
        return self._say("wrong", self._refuted(cause), cause)

    def repair(self, **ingredients: Any) -> CheckResult:
        """Train once more with other ingredients of the run, and judge the result.

        Args:
            ingredients: of a ``faults.Setup``: ``learning_rate``, ``optimizer``, ``network``, ``prepare``, ``batches``,
                ``resume``, ``store``.
        """
        run = train(self._setup.changed(**ingredients), self._seed)
        if self._is_sound(run):
            return self._say(
                "correct", f"repaired: {run.test_accuracy:.1%} of new images are right, and no sign is left"
            )
        return self._say("wrong", f"not repaired: {self._what_is_left(run)}")

    def _is_sound(self, run: Run) -> bool:
        return not run.diverged and run.test_accuracy >= self._sound.test_accuracy - MARGIN and not len(run.diagnose())

    def _sign(self) -> str:
        if self._name == HEALTHY:
            return "No sign of a fault is there: a run may also be well."
        finding = next((finding for finding in self._run.diagnose() if finding.cause == self._name), None)
        return "" if finding is None else f"The sign: {finding.evidence}."

    def _not_healthy(self) -> str:
        before, sound = self._run.test_accuracy, self._sound.test_accuracy
        if self._run.diverged or before < sound - MARGIN:
            return f"{_percent(self._run)} of new images are right; a sound run of this kind reaches {sound:.1%}."
        return f"its accuracy is that of a sound run, and yet something is wrong, in {self._place(self._run)}."

    def _refuted(self, cause: str) -> str:
        """Do what the diagnosis asks for, and say what came of it."""
        run = apply_remedy(self._setup, cause, self._seed)
        done = f"We did what helps against {cause}, and trained again: "
        if self._name == HEALTHY:
            change = f"{_percent(self._run)} of new images were right before, {_percent(run)} now"
            return f"{done}{change}. Its sign was not there: {FAULTS[cause].what}?"
        if self._is_sound(run):
            return f"{done}it does help, {_percent(run)} of new images are right; but it is not what was planted."
        return f"{done}{self._what_is_left(run)}"

    def _what_is_left(self, run: Run) -> str:
        """What still speaks against a run, without the name of its fault."""
        before, sound = _percent(self._run), self._sound.test_accuracy
        if run.diverged or run.test_accuracy < sound - MARGIN:
            return f"{before} of new images were right before, {_percent(run)} now; sound runs reach {sound:.1%}."
        return f"{_percent(run)} of new images are right, but a sign is left, in {self._place(run)}."

    def _place(self, run: Run) -> str:
        """Where the strongest sign was found: in the data, in the network, in the steps."""
        found = run.diagnose().causes
        module = SIGNS[found[0] if found else self._name].look.__module__ if self._name != HEALTHY or found else ""
        return WHERE.get(module.rpartition(".")[2], "nothing that was looked at")

    def _say(self, status: Status, text: str, cause: str = "") -> CheckResult:
        result = CheckResult(f"patient {self.number}", status, f"patient {self.number}: {text}", cause)
        show_result(result)
        return result


def _percent(run: Run) -> str:
    return "none (it diverged)" if run.diverged else f"{run.test_accuracy:.1%}"
