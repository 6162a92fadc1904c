r"""One step of an optimizer as a subject: θ, the gradient and every state before and after it.

``\theta_t`` and ``\theta_{t+1}`` are θ before and after, ``g_t`` the gradient as the rule gets it, ``\eta_t`` the rate,
``t`` the step, ``n_\text{in}`` and ``n_\text{out}`` the rows and columns of a matrix; ``HYPERPARAMETERS`` and
``\text{name}`` name arguments. A letter is a state if the code has one of that name (see ``STATES``), else a local name
that the formula must define. A state is ``m_{t-1}`` before the step and ``m_t`` after it; one written ``z_{t+1}`` on
the left is ``z_t`` before and ``z_{t+1}`` after. A local that depends on t alone may be used at another time,
``\mu_{t+1}``. ``x_0 = …`` says what a state starts at.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnopt_utils.optimizers.tensors import TensorOptimizer
from tools.formulas.arithmetic import COMPARE, FormulaError, close
from tools.formulas.evaluate import Key
from tools.formulas.nodes import Node, Statement, symbols, walk
from tools.formulas.steps import HYPERPARAMETERS, SIZES_OF_RUNS, ObservedStep, StepScope, steps_of

# A value for each argument under which no two forms of a rule agree by chance: nothing tiny, nothing equal.
GENERIC = {
    "learning_rate": 0.07,
    "beta_1": 0.8,
    "beta_2": 0.9,
    "rho": 0.85,
    "epsilon": 0.03,
    "epsilon_1": 0.4,
    "epsilon_2": 0.3,
    "clip_threshold": 0.85,
    "l1": 0.2,
    "l2": 0.3,
    "l2_shrinkage": 0.15,
    "beta": 0.6,
    "d0": 0.01,
    "d_coef": 1.2,
    "adam_beta_1": 0.8,
    "adam_beta_2": 0.9,
    "adam_lr_ratio": 0.4,
    "precondition_frequency": 100,  # a rule speaks of the steps between two renewals
}
# The same for arguments that change the rule: given where the formula speaks of them, else left at their default. So
# is an argument of GENERIC that is off by default.
GENERIC_WHERE_NAMED = {
    "momentum": 0.7,
    "dampening": 0.25,
    "weight_decay": 0.3,
    "adam_weight_decay": 0.2,
    "warmup_steps": 7,
}
# Operators of a rule whose θ is a weight matrix, and a transpose says it too; any other rule is one for vectors.
OF_MATRICES = {"NS", "rowmean", "colmean", "rows", "columns"}


@dataclass(frozen=True)
class Formula:
    """What a page says of a class: statements, for one convention and some arguments."""

    where: str
    optimizer: type
    convention: str
    arguments: Mapping[str, Any]
    statements: tuple[Statement, ...]
    vectors_only: bool = False
    own: frozenset[Key] = frozenset()  # what a chapter's display defines itself
    condition: tuple[str, str, float] | None = None  # a name of the page, a comparison, a number
    context: tuple[Statement, ...] = ()  # where the condition's name is defined

    def make(self) -> Any:
        """The optimizer, with generic values for everything that the page leaves open."""
        cls = self.optimizer
        declared = cls.declared  # type: ignore[attr-defined]
        names = {*inspect.signature(cls).parameters}
        mentioned = set().union(*(symbols(right) for _, right, _ in self.statements))
        arguments = {
            name: value
            for name, value in GENERIC.items()
            if name in names and (declared[name].default is not None or (name, None) in mentioned)
        }
        for argument, value in GENERIC_WHERE_NAMED.items():
            letters = {letter for letter, meanings in HYPERPARAMETERS.items() if argument in meanings}
            if argument in names and any((letter, None) in mentioned for letter in {argument, *letters}):
                arguments.setdefault(argument, value)
        for decay in {"weight_decay", "adam_weight_decay"} & {*names, "weight_decay"}:
            arguments.setdefault(decay, 0.0)
        return cls(convention=self.convention, **{**arguments, **self.arguments})

    def shapes(self) -> list[tuple[int, ...]]:
        if issubclass(self.optimizer, TensorOptimizer) and not self.vectors_only:
            return [(4, 3), (3, 5)]
        return [(30,)]

    def steps(self) -> list[ObservedStep]:
        """Runs of the code: at a small and at a large rate, with small and large gradients and weights."""
        nodes = [node for statement in self.statements for node in walk(statement.right)]
        matrices = any(node.op == "call" and node.value in OF_MATRICES for node in nodes)
        matrices |= not self.vectors_only and any(node.op == "transpose" for node in nodes)
        runs = [steps_of(self.make, shape, matrices, *sizes) for shape in self.shapes() for sizes in SIZES_OF_RUNS]
        return [step for run in runs for step in run if self.holds(step)]

    def holds(self, step: ObservedStep) -> bool:
        """Does the page speak of this step?"""
        if self.condition is None:
            return True
        name, comparison, number = self.condition
        definitions = {left.value: [right] for left, right, _ in self.context}
        return bool(COMPARE[comparison](StepScope({}, definitions, step=step).symbol(name, "t"), number))

    def checked(self, statements: Sequence[Statement], steps: list[ObservedStep]) -> set[Key]:
        """Compare at every step; return the names that took part.

        Raises:
            FormulaError: unknown names, or nothing in it that the code has.
            AssertionError: formula and code differ.
        """
        definitions: dict[Key, list[Node]] = {}
        initial: dict[str, Node] = {}
        for left, right, relation in statements:
            if left.op != "symbol" or relation != "=":
                raise FormulaError(f"{self.where}: got {left} {relation} …; expected one letter = …")
            name, time = left.value
            if isinstance(time, int):
                initial[name] = right
            else:
                definitions.setdefault((name, time), []).append(right)
        used: set[Key] = set()
        compared = False
        for step in steps:
            if step.t == 1:
                if not initial:
                    continue
                step = replace(step, before=started(step, initial, definitions))
            scope = StepScope({}, definitions, step=step)
            with np.errstate(all="ignore"):
                for name, time in definitions:
                    target = self.target(step, name, time, definitions)
                    if target is not None:
                        compared = True
                        value = scope.symbol(name, time)
                        if not close(value, target):
                            raise AssertionError(
                                f"{self.where}: {name}[{time}] at t = {step.t}: the formula gives "
                                f"{np.asarray(value)}, the code {np.asarray(target)}"
                            )
            used |= scope.used
        if not compared:
            raise FormulaError(f"{self.where}: none of {sorted(map(str, definitions))} is something that the code has")
        return used | {(name, left.value[1]) for left, *_ in statements if (name := left.value[0]) in initial}

    @staticmethod
    def target(step: ObservedStep, name: str, time: Any, definitions: Mapping) -> Any:
        if name == "theta":
            return step.theta_after if time == "t+1" else None
        state = step.state(name)
        if state is None or time != ("t+1" if (name, "t+1") in definitions else "t"):
            return None
        return step.after[state]


def started(step: ObservedStep, initial: Mapping[str, Node], definitions: Mapping) -> dict[str, Any]:
    """The state before the first step: what the formula says it starts at, else zero."""
    before = {name: 0.0 * np.asarray(value) for name, value in step.after.items()}
    start = {("theta", 1): [Node("symbol", value=("theta", "t"))]}
    scope = StepScope({}, {**definitions, **start}, step=replace(step, before=before))
    for name, node in initial.items():
        state = step.state(name)
        if state is None:
            raise FormulaError(f"{name} is given a start, but the code has no such state")
        before[state] = scope.value(node)
    return before
