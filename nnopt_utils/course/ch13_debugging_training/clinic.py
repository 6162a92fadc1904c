"""The clinic: patients with a planted fault, shuffled by a seed; a diagnosis is marked, or refuted by a run."""

from __future__ import annotations

import math
from collections.abc import Iterator
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
KINDS = tuple(dict.fromkeys(fault.healthy for fault in FAULTS.values()))  # of sound runs, each once
INGREDIENTS = ("learning_rate", "optimizer", "network", "prepare", "batches", "resume", "store")
MARGIN = 0.03  # in accuracy on new images, below a sound run of the same kind
WHERE = {"in_data": "the data", "in_network": "the network", "in_steps": "the steps"}


class Clinic:
    """Patients 1, 2, 3, …: a run with each fault, and two sound ones, in an order of the seed's own.

    Args:
        seed: >= 0; another seed, another order.

    Raises:
        TypeError, ValueError: a bad seed; a patient that is not there.

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
        # Sound ones are of any kind: else whoever has AdamW, SGD or nine layers would be ill for that alone.
        self._kinds = [int(number) for number in generator.integers(len(KINDS), size=len(self._order))]
        self._patients: dict[int, Patient] = {}

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, number: int) -> Patient:
        check_integer("patient", number, low=1, high=len(self))
        if number not in self._patients:
            name, kind, seed = self._order[number - 1], KINDS[self._kinds[number - 1]], self._seeds[number - 1]
            setup, healthy = (kind, kind) if name == HEALTHY else (FAULTS[name].broken, FAULTS[name].healthy)
            self._patients[number] = Patient(number, name, setup, healthy, seed)
        return self._patients[number]

    def __iter__(self) -> Iterator[Patient]:
        return (self[number] for number in range(1, len(self) + 1))

    def __repr__(self) -> str:
        return f"Clinic(seed={self.seed}): {len(self)} patients, two of whom are well"


class Patient:
    """A run that may have a fault. Look at all it left behind, name the fault, repair it.

    Attributes:
        number: in the clinic.
        history, network, optimizer, data, watch: of the run, to be looked at.
    """

    def __init__(self, number: int, name: str, setup: Setup, healthy: Setup, seed: int) -> None:
        self.number, self._name, self._setup, self._healthy, self._seed = number, name, setup, healthy, seed
        run = train(setup, seed)
        self._run = run
        self.history, self.network, self.optimizer = run.history, run.network, run.optimizer
        self.data, self.watch = run.data, run.watch

    def __repr__(self) -> str:
        return f"patient {self.number}: {self.optimizer!r}, {self.network.layer_sizes}, {_right(self._run)}"

    def dashboard(self) -> Figure:
        """Draw what was recorded."""
        return plot_dashboard(self.history, self.watch, chance=math.log(10))

    @cached_property
    def _sound(self) -> Run:
        """The run without the fault."""
        return self._run if self._name == HEALTHY else train(self._healthy, self._seed)

    def name(self, cause: str) -> CheckResult:
        """Mark a diagnosis: a right one with the sign that gives it away, a wrong one by doing what it asks for.

        Args:
            cause: one of ``FAULTS``, or ``"healthy"``.
        """
        if not isinstance(cause, str) or cause not in NAMES:
            return self._say("not attempted", f"no cause has the name {cause!r}; there are {', '.join(NAMES)}")
        if cause == self._name:
            return self._say("correct", f"{cause}. {self._sign()}")
        if cause == HEALTHY:
            return self._say("wrong", self._not_healthy(), cause)
        return self._say("wrong", self._refuted(cause), cause)

    def repair(self, **ingredients: Any) -> CheckResult:
        """Train once more with other ingredients of the run, and judge the result.

        Epochs and batch size stay, so that the result can be compared with a sound run's.

        Args:
            ingredients: of a ``faults.Setup``: ``learning_rate``, ``optimizer``, ``network``, ``prepare``, ``batches``,
                ``resume``, ``store``.
        """
        others = [name for name in ingredients if name not in INGREDIENTS]
        if others or not ingredients:
            wrong = f"{others[0]!r} is no ingredient" if others else "nothing was exchanged"
            return self._say("not attempted", f"{wrong}; there are {', '.join(INGREDIENTS)}")
        run = train(self._setup.changed(**ingredients), self._seed)
        if not self._is_sound(run):
            return self._say("wrong", f"not repaired: {self._what_is_left(run)}")
        done = "well, as it was before" if self._name == HEALTHY else "repaired"
        return self._say("correct", f"{done}: {_right(run)}, and no sign of a fault is seen.")

    def _is_sound(self, run: Run) -> bool:
        return self._is_as_accurate(run) and not len(run.diagnose())

    def _is_as_accurate(self, run: Run) -> bool:
        return not run.diverged and run.test_accuracy >= self._sound.test_accuracy - MARGIN

    def _sign(self) -> str:
        if self._name == HEALTHY:
            return "No sign of a fault is seen: a run may also be well."
        finding = next((finding for finding in self._run.diagnose() if finding.cause == self._name), None)
        return "" if finding is None else f"The sign: {finding.evidence}."

    def _not_healthy(self) -> str:
        if self._is_as_accurate(self._run):
            return f"{_right(self._run)}, as of a sound run; and yet something is wrong, in {self._place(self._run)}."
        return f"{_right(self._run)}; a sound run of this kind reaches {self._sound.test_accuracy:.1%}."

    def _refuted(self, cause: str) -> str:
        """Do what the diagnosis asks for, and say what came of it."""
        if FAULTS[cause].remedy(self._setup) == [self._setup]:
            left = f"no sign of {cause} is seen." if self._name == HEALTHY else self._not_healthy()
            return f"what {cause} spoils is sound in this run, so nothing was exchanged: {left}"
        done = f"we did what helps against {cause}, and trained again: "
        run = apply_remedy(self._setup, cause, self._seed)
        if self._name == HEALTHY:
            return f"{done}{self._before_and(run)}. No sign of {cause} was there before."
        if self._is_sound(run):
            return f"{done}{self._before_and(run)}, and no sign is seen any more. But that is not what was planted."
        return f"{done}{self._what_is_left(run)}"

    def _what_is_left(self, run: Run) -> str:
        """What still speaks against a run, without the name of its fault."""
        if self._is_as_accurate(run):
            return f"{_right(run)}, as of a sound run; but a sign is left, in {self._place(run)}."
        return f"{self._before_and(run)}; a sound run of this kind reaches {self._sound.test_accuracy:.1%}."

    def _before_and(self, run: Run) -> str:
        before, now = ("none (it diverged)" if r.diverged else f"{r.test_accuracy:.1%}" for r in (self._run, run))
        return f"{before} of new images were right before, {now} are now"

    def _place(self, run: Run) -> str:
        """Where the strongest sign was found: in the data, in the network, in the steps."""
        found = run.diagnose().causes
        return WHERE[SIGNS[found[0] if found else self._name].look.__module__.rpartition(".")[2]]

    def _say(self, status: Status, text: str, mistake: str = "") -> CheckResult:
        result = CheckResult(f"patient {self.number}", status, f"patient {self.number}: {text}", mistake)
        show_result(result)
        return result


def _right(run: Run) -> str:
    return "the run diverged" if run.diverged else f"{run.test_accuracy:.1%} of new images are right"
