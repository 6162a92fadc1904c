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
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nnopt_utils.layout import Place
from nnopt_utils.optimizers.tensors import TensorOptimizer
from tools.formulas.arithmetic import COMPARE, FormulaError, close
from tools.formulas.evaluate import CONSTANTS, Key, Scope
from tools.formulas.parse import Node, Statement, symbols, walk

# Greek letters to constructor arguments. \mu and \beta are the momentum where a class has one.
HYPERPARAMETERS = {
    "beta": ("momentum", "beta"),
    "mu": ("momentum",),
    "beta_1": ("beta_1", "adam_beta_1"),
    "beta_2": ("beta_2", "adam_beta_2"),
    "beta_3": ("beta_3",),
    "epsilon": ("epsilon",),
    "epsilon_1": ("epsilon_1",),
    "epsilon_2": ("epsilon_2",),
    "rho": ("rho",),
    "lambda": ("weight_decay",),
    "lambda_1": ("l1",),
    "lambda_2": ("l2",),
    "kappa": ("beta_2_decay",),
    "d": ("clip_threshold",),
}

# Letters to the state's name in the code, where they differ: tried in this order.
STATES = {
    "v": ("v", "velocity"),
    "u": ("u", "v", "norm"),
    "hat_v": ("v_max",),
    "bar_g": ("mean", "average_gradient"),
    "b": ("buffer", "velocity"),
    "R": ("row",),
    "C": ("column",),
    "W": ("weight_sum",),
    "bar_gamma": ("largest_rate",),
}

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
}
# The same for arguments that change the rule: given where the formula speaks of them, else left at their default.
GENERIC_WHERE_NAMED = {
    "momentum": 0.7,
    "dampening": 0.25,
    "weight_decay": 0.3,
    "adam_weight_decay": 0.2,
    "warmup_steps": 7,
}
# Operators of a rule whose θ is a weight matrix; any other rule is one for vectors.
OF_MATRICES = {"NS", "rowmean", "colmean", "rows", "columns"}


@dataclass
class Step:
    """One step of the code: what there was before it, and what after."""

    t: int
    rate: float
    arguments: Mapping[str, Any]
    theta: np.ndarray
    theta_after: np.ndarray
    gradient: np.ndarray
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    def state(self, name: str) -> str | None:
        """The code's name of a state, or None for a letter that is none."""
        return next((s for s in STATES.get(name, (name,)) if s in self.after), None)



@dataclass
class StepScope(Scope):
    """The scope of one step: ``environment`` is not used."""

    step: Step = field(kw_only=True)
    t: int | None = None  # another time than the step's: only what depends on t alone has a value there
    memo: dict[Key, Any] = field(default_factory=dict, init=False)

    def symbol(self, name: str, time: Any) -> Any:
        if time is None and name in self.bound:
            return self.bound[name]
        key = (name, time)
        if key not in self.memo:
            if key in self.open:
                raise FormulaError(f"{name}[{time}] is defined by itself")
            self.open = (*self.open, key)
            self.memo[key] = self.look_up(name, time)
            self.open = self.open[:-1]
        return self.memo[key]

    def look_up(self, name: str, time: Any) -> Any:
        key, step = (name, time), self.step
        if key in self.definitions:
            self.used.add(key)
            values = [self.value(node) for node in self.definitions[key]]
            for other in values[1:]:
                if not close(values[0], other):
                    raise FormulaError(f"{name}[{time}] is given two different values")
            return values[0]
        t = step.t if self.t is None else self.t
        if name == "t" and time is None:
            return t
        if name in CONSTANTS and time is None:
            return CONSTANTS[name]
        if name in ("n_in", "n_out") and time is None and step.theta.ndim == 2:
            return step.theta.shape[name == "n_out"]
        if name == "eta" and time in (None, "t") and self.t is None:
            return step.rate
        if time is None:
            for argument in (*HYPERPARAMETERS.get(name, ()), name):
                if argument in step.arguments and not isinstance(step.arguments[argument], str | bool | None):
                    return step.arguments[argument]
        if self.t is None:
            found = self.of_step(name, time)
            if found is not None:
                return found
        shifted = self.at_another_time(name, time, t)
        if shifted is not None:
            return shifted
        raise FormulaError(
            f"{name}[{time}] is no argument, no state and not defined; arguments are {sorted(step.arguments)}, "
            f"states {sorted(step.after)}"
        )

    def of_step(self, name: str, time: Any) -> Any:
        step = self.step
        if name == "g" and time in (None, "t"):
            return step.gradient
        if name == "theta" and time == "t":
            return step.theta
        state = step.state(name)
        if state is None:
            return None
        counts_forward = (name, "t+1") in self.definitions
        if time == ("t" if counts_forward else "t-1"):
            return step.before[state]
        return step.after[state] if time == "t" and not counts_forward else None

    def at_another_time(self, name: str, time: Any, t: int) -> Any:
        if (name, "t") not in self.definitions or time is None or name == "theta" or self.step.state(name):
            return None
        if self.t is not None and not self.bound:
            return None  # μ_{t+1} may depend on t, not on μ_t
        if isinstance(time, int):
            at = time
        else:
            letter, shift = re.fullmatch(r"([a-z])([+-]\d+)?", time).groups()  # type: ignore[union-attr]
            if letter != "t" and letter not in self.bound:
                return None
            at = int(self.bound.get(letter, t)) + int(shift or 0)
        other = StepScope({}, self.definitions, step=self.step, t=at)
        found = other.symbol(name, "t")
        self.used |= other.used
        return found

    def allowed(self, letter: str, node: Node) -> set[int] | None:
        return None


# (factor of the rate, size of gradients, size of weights): both sides of every maximum and minimum are reached.
SIZES_OF_RUNS = [(1.0, 0.3, 1.0), (10.0, 3.0, 0.1)]


def steps_of(
    make: Callable[[], Any], shape: tuple[int, ...], matrices: bool, faster: float, scale: float, weights: float
) -> list[Step]:
    """Run the code from a random start on random gradients, and keep what each step did."""
    generator = np.random.default_rng(7)
    optimizer, size = make(), int(np.prod(shape))
    if isinstance(optimizer, TensorOptimizer):
        optimizer.layout = [Place("W0" if len(shape) == 2 else "b0", shape, slice(0, size))]
    start = weights * generator.normal(size=size)
    theta = start.copy()
    optimizer.learning_rate = optimizer.learning_rate * faster
    steps = []
    for t in range(1, 13):
        noise = generator.normal(size=size) * 10 ** generator.uniform(-0.7, 0.7, size)
        gradient = scale * (np.sign(start - 3 * weights) + noise)  # towards a minimum, or no distance is ever found
        before, theta_before = snapshot(optimizer), theta.copy()
        optimizer.step(theta, gradient)
        after, rate = snapshot(optimizer), optimizer.learning_rate
        seen = shape if matrices else (size,)
        reshaped = [a.reshape(seen) for a in (theta_before, theta.copy(), gradient)]
        before, after = ({k: in_shape(v, size, seen) for k, v in s.items()} for s in (before, after))
        steps.append(Step(t, rate, optimizer.hyperparameters, *reshaped, before, after))
        optimizer.learning_rate = rate * (0.8 if t % 2 else 1.2)  # a formula with η_{t-1} or a kept η fails
    return steps


def snapshot(optimizer: Any) -> dict[str, Any]:
    return {name: value.copy() for name, value in optimizer.state.items()} | dict(optimizer.scalars)


def in_shape(value: Any, size: int, shape: tuple[int, ...]) -> Any:
    """A state of θ's size like θ; means of rows and of columns are vectors."""
    if not isinstance(value, np.ndarray):
        return value
    return value.reshape(shape if value.size == size else -1)


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
        names = {n for c in cls.__mro__ if "__init__" in vars(c) for n in inspect.signature(c.__init__).parameters}
        arguments = {name: value for name, value in GENERIC.items() if name in names}
        mentioned = set().union(*(symbols(right) for _, right, _ in self.statements))
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

    def steps(self) -> list[Step]:
        """Runs of the code: at a small and at a large rate, with small and large gradients and weights."""
        nodes = [node for statement in self.statements for node in walk(statement.right)]
        matrices = any(node.op == "call" and node.value in OF_MATRICES for node in nodes)
        runs = [steps_of(self.make, shape, matrices, *sizes) for shape in self.shapes() for sizes in SIZES_OF_RUNS]
        return [step for run in runs for step in run if self.holds(step)]

    def holds(self, step: Step) -> bool:
        """Does the page speak of this step?"""
        if self.condition is None:
            return True
        name, comparison, number = self.condition
        definitions = {left.value: [right] for left, right, _ in self.context}
        return bool(COMPARE[comparison](StepScope({}, definitions, step=step).symbol(name, "t"), number))

    def checked(self, statements: Sequence[Statement], steps: list[Step]) -> set[Key]:
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
    def target(step: Step, name: str, time: Any, definitions: Mapping) -> Any:
        if name == "theta":
            return step.theta_after if time == "t+1" else None
        state = step.state(name)
        if state is None or time != ("t+1" if (name, "t+1") in definitions else "t"):
            return None
        return step.after[state]


def started(step: Step, initial: Mapping[str, Node], definitions: Mapping) -> dict[str, Any]:
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
