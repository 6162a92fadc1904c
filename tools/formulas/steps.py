"""What an optimizer does in one step, and the scope that gives the letters of its formula their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnopt_utils.layout import Place
from nnopt_utils.optimizers.tensors import TensorOptimizer
from nnopt_utils.second_order.factors import FactorOptimizer
from tools.formulas.arithmetic import FormulaError, close
from tools.formulas.evaluate import CONSTANTS, Key, Scope
from tools.formulas.nodes import Node

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
    "R": ("row", "R"),
    "C": ("column",),
    "W": ("weight_sum",),
    "bar_gamma": ("largest_rate",),
}
# A slot that holds a matrix for each side of θ: the letters of the rows' matrix and of the columns'.
FACTORS = {"factors": ("L", "R"), "bases": ("Q_L", "Q_R")}


@dataclass
class ObservedStep:
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

    step: ObservedStep = field(kw_only=True)
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
        if name in ("I_in", "I_out") and time is None and step.theta.ndim == 2:
            return np.eye(step.theta.shape[name == "I_out"])
        if name == "I" and time is None and step.theta.ndim == 1:
            return np.eye(step.theta.size)
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
) -> list[ObservedStep]:
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
        old, new, given = (a.reshape(seen) for a in (theta_before, theta.copy(), gradient))
        before, after = ({k: in_shape(v, size, seen) for k, v in s.items()} for s in (before, after))
        steps.append(ObservedStep(t, rate, optimizer.hyperparameters, old, new, given, before, after))
        optimizer.learning_rate = rate * (0.8 if t % 2 else 1.2)  # a formula with η_{t-1} or a kept η fails
    return steps


def snapshot(optimizer: Any) -> dict[str, Any]:
    found = {name: value.copy() for name, value in optimizer.state.items()} | dict(optimizer.scalars)
    for slot in {*FACTORS} & {*optimizer.state} if isinstance(optimizer, FactorOptimizer) else ():
        for letter, matrix in zip(FACTORS[slot], *optimizer.matrices(slot).values(), strict=False):
            found[letter] = matrix.copy()
    return found


def in_shape(value: Any, size: int, shape: tuple[int, ...]) -> Any:
    """A state of θ's size like θ; means of rows and of columns are vectors; a matrix of a side is one."""
    if not isinstance(value, np.ndarray) or value.ndim == 2:
        return value
    return value.reshape(shape if value.size == size else -1)
