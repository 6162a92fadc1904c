r"""Evaluate the LaTeX of an update rule against one step of the code, so that page and code cannot drift.

A formula is a list of assignments ``lhs = rhs``, separated by ``\\``, a comma or a ``\quad``. What is understood
(``docs/authoring.md`` says the same to authors):

==========================  ====================================================================================
numbers, ``+ - /``          products by juxtaposition, ``\cdot``, ``\odot``, ``\times``, all entry by entry; after
                            ``a / b`` nothing may follow without a sign, since ``a / b c`` says two things
``\frac \tfrac \dfrac``     quotients; ``\sqrt{}``, ``\sqrt[n]{}``, powers
``\max(a, b) \min``         also ``\exp``, ``\ln``, and ``\operatorname{…}(…)`` with one of ``OPERATORS``
``\lvert x \rvert``         absolute value; ``\lVert x \rVert`` Euclidean (also of a matrix), with ``_1`` the sum of
                            absolute values; ``\langle a, b \rangle`` the sum of products
brackets                    ``( ) [ ] \{ \}`` with ``\left \right \bigl \bigr …``
``\prod_{i=1}^{t} …``       and ``\sum``, over one factor
``\begin{cases}``           rows ``a & \text{if } b > c \\`` and ``d & \text{otherwise}``
letters                     Latin, Greek, ``\text{name}``, with ``\hat \bar \tilde`` and an index
``M^\top``                  the transpose; two capital letters (or brackets of them) side by side are a matrix product
==========================  ====================================================================================

Names: ``\theta_t`` and ``\theta_{t+1}`` are θ before and after, ``g_t`` the gradient as the rule gets it, ``\eta_t``
the rate, ``t`` the step, ``n_\text{in}`` and ``n_\text{out}`` the rows and columns of a matrix; ``HYPERPARAMETERS`` and
``\text{name}`` name arguments. A letter is a state if the code has one of that name (see ``STATES``), else a local name
that the formula must define. A state is ``m_{t-1}`` before the step and ``m_t`` after it; one written ``z_{t+1}`` on
the left is ``z_t`` before and ``z_{t+1}`` after. A local that depends on t alone may be used at another time,
``\mu_{t+1}``. ``x_0 = …`` says what a state starts at.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from nnopt_utils.layout import Place
from nnopt_utils.optimizers.tensors import TensorOptimizer

# --- names ----------------------------------------------------------------------------------------------------------

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

GREEK = "alpha beta gamma delta epsilon varepsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi varphi"
GREEK += " psi omega chi Delta Phi Psi Gamma Lambda Sigma Omega Theta"
LETTERS = {rf"\{name}": name.removeprefix("var") for name in GREEK.split()} | {r"\ell": "ell"}
ACCENTS = {r"\hat": "hat_", r"\widehat": "hat_", r"\bar": "bar_", r"\overline": "bar_"}
ACCENTS |= {r"\tilde": "tilde_", r"\widetilde": "tilde_", r"\mathbf": "", r"\boldsymbol": ""}
SIZES = {rf"\{size}{side}" for size in ("big", "Big", "bigg", "Bigg") for side in ("", "l", "r")} | {
    r"\left",
    r"\right",
}
SPACES = {r"\,", r"\;", r"\:", r"\!", r"\ ", "&"}
CLOSING = {"(": ")", "[": "]", r"\{": r"\}", "{": "}"}


def root_mean_square(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(x))))


def newton_schulz(x: np.ndarray) -> np.ndarray:
    """Five steps of Muon's quintic iteration, which pull all singular values of x towards 1."""
    for _ in range(5):
        x = 3.4445 * x - 4.7750 * x @ x.T @ x + 2.0315 * x @ x.T @ x @ x.T @ x
    return x


OPERATORS: dict[str, Callable[..., Any]] = {
    "sign": np.sign,
    "sgn": np.sign,
    "clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "mean": np.mean,
    "RMS": root_mean_square,
    "rowmean": lambda x: x.mean(axis=1)[:, None],
    "colmean": lambda x: x.mean(axis=0)[None, :],
    "rows": lambda x: x.shape[0],
    "columns": lambda x: x.shape[1],
    "NS": newton_schulz,
    "max": lambda *values: np.maximum.reduce(np.broadcast_arrays(*values)),
    "min": lambda *values: np.minimum.reduce(np.broadcast_arrays(*values)),
    "exp": np.exp,
    "ln": np.log,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "norm": lambda x: np.sqrt(np.sum(np.square(x))),
    "norm_1": lambda x: np.sum(np.abs(x)),
    "inner": lambda a, b: np.sum(np.asarray(a) * b),
}


class FormulaError(ValueError):
    """The formula is not in the grammar, or has a name that means nothing."""


# --- text to tree ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Node:
    """A piece of a formula: an operation on other pieces, a number or a symbol."""

    op: str
    args: tuple[Any, ...] = ()
    value: Any = None

    def __str__(self) -> str:
        if self.op in ("number", "symbol"):
            name, time = self.value if self.op == "symbol" else (f"{self.value:g}", None)
            return name if time is None else f"{name}[{time}]"
        return f"{self.op}({', '.join(map(str, self.args))})"


TOKEN = re.compile(r"\\\\|\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?|[a-zA-Z]|[^\s\\]")


class Parser:
    """Recursive descent: one method a level of the grammar."""

    def __init__(self, latex: str) -> None:
        text = re.sub(r"\\(?:begin|end)\{(?:aligned|align\*?|gathered|split)\}", " ", latex)
        text = re.sub(r"\\\\\[[^\]]*\]", r"\\\\", text)  # \\[2pt]
        self.tokens = [t for t in TOKEN.findall(text) if t not in SIZES]
        self.position = 0
        self.in_cases = 0

    # reading tokens

    def peek(self) -> str:
        while self.position < len(self.tokens):
            token = self.tokens[self.position]
            if token in SPACES and not (token == "&" and self.in_cases):
                self.position += 1
            else:
                return token
        return ""

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if not token or (expected is not None and token != expected):
            raise self.error(f"got {token or 'the end'!r}; expected {expected or 'more'!r}")
        self.position += 1
        return token

    def error(self, message: str) -> FormulaError:
        before = " ".join(self.tokens[max(0, self.position - 6) : self.position])
        after = " ".join(self.tokens[self.position : self.position + 6])
        return FormulaError(f"{message} at … {before} ⟨here⟩ {after} …")

    # levels of the grammar

    def statements(self) -> list[tuple[Node, Node]]:
        found = []
        while True:
            while self.peek() in (r"\\", ",", ".", ";", r"\quad", r"\qquad"):
                self.take()
            if not self.peek():
                if not found:
                    raise FormulaError("got no assignment; expected at least one lhs = rhs")
                return found
            left = self.expression()
            if left.op != "symbol":
                raise self.error(f"got {left} on the left of an assignment; expected one symbol")
            sides = [left]
            while self.peek() == "=":
                self.take()
                sides.append(self.expression())
            if len(sides) == 1:
                raise self.error(f"got {left} alone; expected lhs = rhs")
            found += [(left, right) for right in sides[1:]]
            if self.peek() not in ("", r"\\", ",", ".", ";", r"\quad", r"\qquad"):
                raise self.error(f"got {self.peek()!r} after an assignment; expected a comma, \\quad or \\\\")

    def expression(self) -> Node:
        if self.peek() in "+-" and self.peek():
            node = Node("neg", (self.term(),)) if self.take() == "-" else self.term()
        else:
            node = self.term()
        while self.peek() in ("+", "-"):
            op = "add" if self.take() == "+" else "sub"
            node = Node(op, (node, self.term()))
        return node

    def term(self) -> Node:
        node = self.power()
        divided = False
        while True:
            token = self.peek()
            if token in (r"\cdot", r"\odot", r"\times"):
                self.take()
                node = Node("mul", (node, self.power()))
            elif token == "/":
                self.take()
                node, divided = Node("div", (node, self.power())), True
            elif self.starts_factor(token):
                if divided:
                    raise self.error("got a / b c, which says two things; expected \\frac, brackets or \\cdot")
                right = self.power()
                both = is_matrix(node) and is_matrix(right)
                node = Node("matmul" if both else "mul", (node, right))
            else:
                return node

    @staticmethod
    def starts_factor(token: str) -> bool:
        if token in ("", r"\\", r"\quad", r"\qquad", r"\}", r"\rvert", r"\rVert", r"\rangle", r"\end"):
            return False
        if token in (r"\le", r"\ge", r"\leq", r"\geq", r"\ne", r"\neq", r"\lt", r"\gt", r"\text"):
            return token == r"\text"
        return token.startswith("\\") or token.isalnum() or token in "([{" or token[0].isdigit()

    def power(self) -> Node:
        node = self.factor()
        while self.peek() == "^":
            self.take()
            if self.peek() == "{":
                self.take()
                exponent = self.transposed() or self.expression()
                self.take("}")
            else:
                exponent = self.transposed() or self.factor()
            node = Node("transpose", (node,)) if exponent.op == "top" else Node("pow", (node, exponent))
        return node

    def transposed(self) -> Node | None:
        if self.peek() in (r"\top", r"\intercal"):
            self.take()
            return Node("top")
        return None

    def group(self) -> Node:
        self.take("{")
        node = self.expression()
        self.take("}")
        return node

    def factor(self) -> Node:
        token = self.take()
        if token[0].isdigit():
            return Node("number", value=float(token))
        if token in ("(", "[", r"\{", "{"):
            node = self.expression()
            self.take(CLOSING[token])
            return Node("brackets", (node,))
        if token in (r"\frac", r"\tfrac", r"\dfrac"):
            return Node("div", (self.group(), self.group()))
        if token == r"\sqrt":
            if self.peek() != "[":
                return Node("call", (self.group(),), "sqrt")
            self.take()
            root = self.expression()
            self.take("]")
            return Node("pow", (self.group(), Node("div", (Node("number", value=1.0), root))))
        if token == r"\lvert":
            return Node("call", self.until(r"\rvert"), "abs")
        if token == r"\lVert":
            return Node("call", self.until(r"\rVert"), self.norm_name())
        if token == r"\langle":
            return Node("call", self.until(r"\rangle", 2), "inner")
        if token in (r"\max", r"\min", r"\exp", r"\ln", r"\log"):
            return self.call({r"\log": "ln"}.get(token, token[1:]))
        if token in (r"\prod", r"\sum"):
            return self.repeated(token[1:])
        if token == r"\begin":
            return self.cases()
        if token in (r"\operatorname", r"\mathrm", r"\text", r"\mathit"):
            return self.named()
        if token in ACCENTS:
            return self.accented(ACCENTS[token])
        if token in LETTERS:
            return self.indexed(LETTERS[token])
        if token.isalpha():
            return self.indexed(token)
        self.position -= 1
        raise self.error(f"got {token!r}; expected a number, a symbol or a bracket (see tests/formulas.py)")

    # pieces of a factor

    def until(self, closing: str, count: int = 1) -> tuple[Node, ...]:
        args = [self.expression()]
        while self.peek() == ",":
            self.take()
            args.append(self.expression())
        self.take(closing)
        if len(args) != count:
            raise self.error(f"got {len(args)} values before {closing}; expected {count}")
        return tuple(args)

    def norm_name(self) -> str:
        if self.peek() != "_":
            return "norm"
        index = self.index()
        if index not in ("1", "2", "F"):
            raise self.error(f"got the norm {index!r}; expected 1, 2 or F")
        return "norm_1" if index == "1" else "norm"

    def call(self, name: str) -> Node:
        opening = self.take()
        if opening not in ("(", r"\{", "["):
            raise self.error(f"got {opening!r} after {name}; expected a bracket")
        args = [self.expression()]
        while self.peek() == ",":
            self.take()
            args.append(self.expression())
        self.take(CLOSING[opening])
        return Node("call", tuple(args), name)

    def repeated(self, name: str) -> Node:
        lower = self.index()
        match = re.fullmatch(r"([a-z])=(\d+)", lower)
        if not match:
            raise self.error(f"got {name} over {lower!r}; expected something like i=1")
        self.take("^")
        end = self.group() if self.peek() == "{" else self.factor()
        return Node(name, (Node("number", value=float(match[2])), end, self.power()), match[1])

    def cases(self) -> Node:
        if self.brace_text() != "cases":
            raise self.error("got an unknown environment; expected aligned or cases")
        rows: list[Node] = []
        self.in_cases += 1
        while self.peek() != r"\end":
            value = self.expression()
            while self.peek() in (",", "&", r"\quad"):
                self.take()
            rows += [self.condition(), value]
            while self.peek() in (",", ".", r"\\"):
                self.take()
        self.in_cases -= 1
        self.take(r"\end")
        self.brace_text()
        return Node("cases", tuple(rows))

    def condition(self) -> Node:
        self.take(r"\text")
        word = self.brace_text()
        if word == "otherwise":
            return Node("otherwise")
        if word not in ("if", "for"):
            raise self.error(f"got the condition {word!r}; expected 'if' or 'otherwise'")
        left, sign, right = self.expression(), self.take(), self.expression()
        names = {"<": "<", ">": ">", r"\le": "<=", r"\leq": "<=", r"\ge": ">=", r"\geq": ">=", "=": "=="}
        names |= {r"\ne": "!=", r"\neq": "!="}
        if sign not in names:
            raise self.error(f"got {sign!r}; expected a comparison")
        return Node("compare", (left, right), names[sign])

    def brace_text(self) -> str:
        """The plain text of {…}."""
        self.take("{")
        depth, parts = 1, []
        while True:
            token = self.tokens[self.position] if self.position < len(self.tokens) else ""
            self.position += 1
            depth += {"{": 1, "}": -1}.get(token, 0)
            if not token:
                raise FormulaError("got the end inside {…}; expected }")
            if not depth:
                return "".join(parts).replace(r"\_", "_").strip()
            parts.append(token)

    def named(self) -> Node:
        name = self.brace_text()
        if name in OPERATORS:
            return self.call(name)
        if not re.fullmatch(r"\w+", name):
            raise self.error(f"got the text {name!r}; expected an argument's or operator's name (words stand outside)")
        return self.indexed(name)

    def accented(self, prefix: str) -> Node:
        if self.peek() == "{":
            self.take()
            node = self.factor()
            self.take("}")
        else:
            token = self.take()
            node = Node("symbol", value=(LETTERS.get(token, token), None))
        if node.op != "symbol":
            raise self.error("got an accent on something else than a letter")
        name, time = node.value
        return Node("symbol", value=(prefix + name, time)) if time is not None else self.indexed(prefix + name)

    def index(self) -> str:
        self.take("_")
        if self.peek() in (r"\text", r"\mathrm"):
            self.take()
        if self.peek() == "{":
            return self.brace_text().replace(" ", "")
        return self.take()

    def indexed(self, name: str) -> Node:
        """A symbol and its index: the time, or for β and ε and texts a part of the name, or both."""
        time: str | int | None = None
        if self.peek() == "_":
            for part in self.index().split(","):
                if re.fullmatch(r"[tki](?:[+-]\d+)?", part):
                    time = part
                elif part.isdigit() and name not in ("beta", "epsilon", "lambda"):
                    time = int(part)
                else:
                    name += "_" + re.sub(r"\\(text|mathrm|operatorname)|[\\{}]", "", part)
        if self.peek() == "'":
            raise self.error("got a prime; expected a hat, a bar or a tilde")
        return Node("symbol", value=(name, time))


def is_matrix(node: Node) -> bool:
    """Is this a capital letter, or made of them, so that a product beside it is a matrix product?"""
    if node.op == "symbol":
        return node.value[0].split("_")[-1][:1].isupper()
    if node.op in ("brackets", "add", "sub", "mul", "matmul", "transpose", "neg"):
        return any(is_matrix(arg) for arg in node.args)
    return node.op == "pow" and is_matrix(node.args[0])


def parse(latex: str) -> list[tuple[Node, Node]]:
    r"""The assignments of a formula, as (symbol, expression).

    >>> [(str(left), str(right)) for left, right in parse(r"m_t = \beta_1 m_{t-1} + g_t")]
    [('m[t]', 'add(mul(beta_1, m[t-1]), g[t])')]
    """
    return Parser(latex).statements()


# --- tree to number -------------------------------------------------------------------------------------------------


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
class Scope:
    """Gives every symbol of a formula its number at one step."""

    step: Step
    definitions: Mapping[tuple[str, Any], list[Node]]
    t: int | None = None  # another time than the step's: only what depends on t alone has a value there
    bound: Mapping[str, float] = field(default_factory=dict)
    memo: dict[tuple[str, Any], Any] = field(default_factory=dict)
    used: set[tuple[str, Any]] = field(default_factory=set)
    open: list[tuple[str, Any]] = field(default_factory=list)

    def symbol(self, name: str, time: Any) -> Any:
        if time is None and name in self.bound:
            return self.bound[name]
        key = (name, time)
        if key not in self.memo:
            if key in self.open:
                raise FormulaError(f"{name}[{time}] is defined by itself")
            self.open.append(key)
            self.memo[key] = self.look_up(name, time)
            self.open.pop()
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
        if name == "pi" and time is None:
            return np.pi
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
        other = Scope(self.step, self.definitions, t=at)
        found = other.symbol(name, "t")
        self.used |= other.used
        return found

    def value(self, node: Node) -> Any:
        op, args = node.op, node.args
        if op == "number":
            return node.value
        if op == "symbol":
            return self.symbol(*node.value)
        if op in ("prod", "sum"):
            return self.repeated(node)
        if op == "cases":
            return self.cases(args)
        values = [self.value(arg) for arg in args]
        function = OPERATORS[node.value] if op == "call" else ARITHMETIC[op]
        try:
            return function(*values)
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise FormulaError(f"{node.value or op}: {error}") from error

    def repeated(self, node: Node) -> float:
        first, last = (int(self.value(arg)) for arg in node.args[:2])
        total = 1.0 if node.op == "prod" else 0.0
        for i in range(first, last + 1):
            inner = replace(self, bound={**self.bound, node.value: i}, memo={}, open=[])
            body = inner.value(node.args[2])
            total = total * body if node.op == "prod" else total + body
        return total

    def cases(self, rows: tuple[Node, ...]) -> Any:
        for condition, value in zip(rows[::2], rows[1::2], strict=True):
            if condition.op == "otherwise":
                return self.value(value)
            left, right = (self.value(arg) for arg in condition.args)
            if np.ndim(left) or np.ndim(right):
                rest = self.cases(rows[rows.index(condition) + 2 :])
                return np.where(COMPARISONS[condition.value](left, right), self.value(value), rest)
            if COMPARISONS[condition.value](left, right):
                return self.value(value)
        raise FormulaError("none of the cases holds")


ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: np.divide(a, b),
    "pow": lambda a, b: np.power(np.asarray(a, float), b),
    "neg": lambda a: -a,
    "brackets": lambda a: a,
    "matmul": lambda a, b: a @ b,
    "transpose": lambda a: np.asarray(a).T,
}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def close(a: Any, b: Any) -> bool:
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.size != b.size:
        return False
    return np.allclose(a.ravel(), b.ravel(), rtol=1e-9, atol=1e-12)


# --- formula against code -------------------------------------------------------------------------------------------

Statements = list[tuple[Node, Node]]


# (factor of the rate, size of gradients, size of weights): both sides of every maximum and minimum are reached.
SIZES_OF_RUNS = [(1.0, 0.3, 1.0), (10.0, 3.0, 0.1)]


def steps_of(
    make: Callable[[], Any], shape: tuple[int, ...], faster: float, scale: float, weights: float, count: int = 12
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
    for t in range(1, count + 1):
        noise = generator.normal(size=size) * 10 ** generator.uniform(-0.7, 0.7, size)
        gradient = scale * (np.sign(start - 3 * weights) + noise)  # towards a minimum, or no distance is ever found
        before, theta_before = snapshot(optimizer), theta.copy()
        optimizer.step(theta, gradient)
        after, rate = snapshot(optimizer), optimizer.learning_rate
        reshaped = [a.reshape(shape) for a in (theta_before, theta.copy(), gradient)]
        before, after = ({k: in_shape(k, v, size, shape) for k, v in s.items()} for s in (before, after))
        steps.append(Step(t, rate, optimizer.hyperparameters, *reshaped, before, after))
        optimizer.learning_rate = rate * (0.8 if t % 2 else 1.2)  # a formula with η_{t-1} or a kept η fails
    return steps


def snapshot(optimizer: Any) -> dict[str, Any]:
    return {name: value.copy() for name, value in optimizer.state.items()} | dict(optimizer.scalars)


def in_shape(name: str, value: Any, size: int, shape: tuple[int, ...]) -> Any:
    """A state of θ's size like θ; means of rows as a column, means of columns as a row."""
    if not isinstance(value, np.ndarray):
        return value
    if value.size == size:
        return value.reshape(shape)
    return value.reshape((1, -1) if name == "column" else (-1, 1))


@dataclass(frozen=True)
class Formula:
    """What a page says of a class: statements, for one convention and some arguments."""

    where: str
    optimizer: type
    convention: str
    arguments: Mapping[str, Any]
    statements: tuple[tuple[Node, Node], ...]
    vectors_only: bool = False
    own: frozenset[tuple[str, Any]] = frozenset()  # what a chapter's display defines itself
    condition: tuple[str, str, float] | None = None  # a name of the page, a comparison, a number
    context: tuple[tuple[Node, Node], ...] = ()  # where the condition's name is defined

    def make(self) -> Any:
        """The optimizer, with generic values for everything that the page leaves open."""
        cls = self.optimizer
        names = {*inspect.signature(cls).parameters}
        arguments = {name: value for name, value in GENERIC.items() if name in names}
        mentioned = set().union(*(symbols(right) for _, right in self.statements))
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
        runs = [steps_of(self.make, shape, *sizes) for shape in self.shapes() for sizes in SIZES_OF_RUNS]
        return [step for run in runs for step in run if self.holds(step)]

    def holds(self, step: Step) -> bool:
        """Does the page speak of this step?"""
        if self.condition is None:
            return True
        name, comparison, number = self.condition
        definitions = {left.value: [right] for left, right in self.context}
        return bool(COMPARISONS[comparison](Scope(step, definitions).symbol(name, "t"), number))

    def checked(self, statements: Statements | tuple, steps: list[Step]) -> set[tuple[str, Any]]:
        """Compare at every step; return the names that took part.

        Raises:
            FormulaError: unknown names, or nothing in it that the code has.
            AssertionError: formula and code differ.
        """
        definitions: dict[tuple[str, Any], list[Node]] = {}
        initial: dict[str, Node] = {}
        for left, right in statements:
            name, time = left.value
            if isinstance(time, int):
                initial[name] = right
            else:
                definitions.setdefault((name, time), []).append(right)
        used: set[tuple[str, Any]] = set()
        compared = False
        for step in steps:
            if step.t == 1:
                if not initial:
                    continue
                step = replace(step, before=started(step, initial, definitions))
            scope = Scope(step, definitions)
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
        return used | {(name, left.value[1]) for left, _ in statements if (name := left.value[0]) in initial}

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
    scope = Scope(replace(step, before=before), {**definitions, ("theta", 1): [Node("symbol", value=("theta", "t"))]})
    for name, node in initial.items():
        state = step.state(name)
        if state is None:
            raise FormulaError(f"{name} is given a start, but the code has no such state")
        before[state] = scope.value(node)
    return before


def symbols(node: Node) -> set[tuple[str, Any]]:
    """All names in it, with their times."""
    if node.op == "symbol":
        return {node.value}
    return set().union(*(symbols(arg) for arg in node.args)) if node.args else set()


# --- where formulas stand -------------------------------------------------------------------------------------------

CONVENTION = re.compile(r'``"(paper|keras|pytorch)"``')
ARGUMENT = re.compile(r"``(\w+)=([^`]+)``")
CONDITION = re.compile(r'``"(\w+)"`` when (\w+)_t (<=|>=|<|>) ([\d.]+)')
GREEK_LETTERS = {"ρ": "rho", "β": "beta", "σ": "sigma"}


@dataclass(frozen=True)
class Block:
    """A ``.. math::`` block of a docstring, with what the paragraph before it says."""

    latex: str
    conventions: tuple[str, ...]
    arguments: tuple[tuple[str, Any], ...]
    conditions: tuple[tuple[str, tuple[str, str, float]], ...]
    vectors_only: bool


def docstring_blocks(cls: type) -> list[Block]:
    """The blocks of a class's own docstring."""
    lines = inspect.cleandoc(cls.__dict__.get("__doc__") or "").splitlines()
    blocks, paragraph, previous, i = [], [], [], 0
    while i < len(lines):
        line = lines[i]
        i += 1
        if line.strip() == ".. math::":
            body = []
            while i < len(lines) and (not lines[i].strip() or lines[i].startswith(" ")):
                body.append(lines[i])
                i += 1
            text = " ".join(paragraph or previous)
            arguments = tuple((name, ast.literal_eval(value)) for name, value in ARGUMENT.findall(text))
            found = tuple(dict.fromkeys(CONVENTION.findall(text))) or tuple(cls.conventions)  # type: ignore[attr-defined]
            vectors_only = "vector" in text and "matri" not in text
            conditions = tuple(
                (convention, (GREEK_LETTERS.get(name, name), comparison, float(number)))
                for convention, name, comparison, number in CONDITION.findall(text)
            )
            blocks.append(Block("\n".join(body), found, arguments, conditions, vectors_only))
            previous, paragraph = paragraph or previous, []
        elif line.strip().startswith(".. math::"):
            raise FormulaError(f"{cls.__name__}: got {line.strip()!r}; expected the formula indented below .. math::")
        elif line.strip():
            paragraph.append(line)
        elif paragraph:
            previous, paragraph = paragraph, []
    return blocks


def docstring_formulas(cls: type) -> list[Formula]:
    """One formula for each convention and each set of arguments that the docstring speaks of.

    A block without arguments holds for all; one with arguments replaces what it defines anew.
    """
    blocks = docstring_blocks(cls)
    formulas = []
    for convention in cls.conventions:  # type: ignore[attr-defined]
        here = [block for block in blocks if convention in block.conventions]
        context = tuple(statement for block in here for statement in parse(block.latex))
        variants = dict.fromkeys((b.arguments, b.vectors_only, dict(b.conditions).get(convention)) for b in here)
        for arguments, vectors_only, condition in variants:
            chosen = [
                block
                for block in here
                if set(block.arguments) <= set(arguments)
                and block.vectors_only == vectors_only
                and dict(block.conditions).get(convention) in (None, condition)
            ]
            statements: Statements = []
            for block in chosen:
                new = parse(block.latex)
                replaced = {left.value for left, _ in new}
                statements = [s for s in statements if s[0].value not in replaced] + new
            name = f"{cls.__name__} {convention}" + "".join(f" {k}={v}" for k, v in arguments)
            name += (" vectors" if vectors_only else "") + (f" when {condition}" if condition else "")
            formulas.append(
                Formula(
                    name,
                    cls,
                    convention,
                    dict(arguments),
                    tuple(statements),
                    vectors_only,
                    condition=condition,
                    context=context,
                )
            )
    return formulas


MARK = re.compile(r"<!--\s*formula:\s*(.*?)\s*-->(.*?)(?=<!--\s*formula:|\Z)", re.DOTALL)


def chapter_formulas(path: Path, classes: Mapping[str, type]) -> list[Formula]:
    """The formulas of a chapter that are marked ``<!-- formula: Class convention key=value -->``.

    A formula may use names that an earlier one of the same class and convention in the chapter defines.
    """
    formulas: list[Formula] = []
    for mark, rest in MARK.findall(path.read_text(encoding="utf-8")):
        words = mark.split()
        if len(words) < 2 or words[0] not in classes:
            raise FormulaError(f"{path.name}: got the mark {mark!r}; expected: Class convention key=value …")
        display = re.match(r"\s*\$\$(.*?)\$\$", rest, re.DOTALL)
        if not display:
            raise FormulaError(f"{path.name}: got no $$ … $$ right after the mark {mark!r}")
        cls, convention = classes[words[0]], words[1]
        arguments = {name: ast.literal_eval(value) for name, value in (word.split("=", 1) for word in words[2:])}
        new = tuple(parse(display[1]))
        defined = {left.value for left, _ in new}
        for earlier in reversed(formulas):
            if (earlier.optimizer, earlier.convention) == (cls, convention):
                new += tuple(s for s in earlier.statements if s[0].value not in defined)
                break
        number = len(formulas) + 1
        own = frozenset(defined)
        formulas.append(Formula(f"{path.name} {number}: {mark}", cls, convention, arguments, new, own=own))
    return formulas


# --- mistakes -------------------------------------------------------------------------------------------------------


def mutations(node: Node) -> Iterator[tuple[str, Node]]:
    """Every formula that one typical slip makes of this one, with the slip's name."""
    yield from own_mutations(node)
    for i, arg in enumerate(node.args):
        for name, changed in mutations(arg):
            yield name, replace(node, args=(*node.args[:i], changed, *node.args[i + 1 :]))


def own_mutations(node: Node) -> Iterator[tuple[str, Node]]:
    op, args = node.op, node.args
    if op in ("add", "sub"):
        yield "sign", replace(node, op="sub" if op == "add" else "add")
        yield "term left out", args[0]
        yield "term left out", args[1]
        for i in (0, 1):
            if is_root(args[i]) and symbols(args[1 - i]) == {("epsilon", None)}:
                yield "ε inside the root", replace(args[i], args=(replace(node, args=(*args[i].args, args[1 - i])),))
    elif op in ("mul", "matmul"):
        yield "factor left out", args[0]
        yield "factor left out", args[1]
    elif op == "div":
        yield "not divided", args[0]
        yield "turned over", replace(node, args=args[::-1])
    elif op == "neg":
        yield "sign", args[0]
    elif op == "pow":
        yield "no power", args[0]
    elif op == "call":
        yield from call_mutations(node)
    elif op == "symbol":
        yield from symbol_mutations(node)
    elif op == "number" and node.value:
        yield "another number", replace(node, value=node.value + 1 if node.value.is_integer() else node.value * 1.5)


def is_root(node: Node) -> bool:
    return node.op == "call" and node.value == "sqrt"


def call_mutations(node: Node) -> Iterator[tuple[str, Node]]:
    inside = node.args[0]
    if node.value in ("sqrt", "abs", "sign", "norm", "norm_1", "RMS", "mean", "rowmean", "colmean"):
        yield f"{node.value} left out", inside
    if is_root(node) and inside.op == "add" and symbols(inside.args[1]) == {("epsilon", None)}:
        yield "ε outside the root", Node("add", (replace(node, args=(inside.args[0],)), inside.args[1]))
    if node.value in ("max", "min"):
        yield "max for min", replace(node, value="min" if node.value == "max" else "max")
        for arg in node.args:
            yield "a bound left out", arg


def symbol_mutations(node: Node) -> Iterator[tuple[str, Node]]:
    name, time = node.value
    if name in ("beta_1", "beta_2"):
        yield "β's swapped", Node("symbol", value=("beta_2" if name == "beta_1" else "beta_1", time))
    if name == "t":
        yield "t from 0", Node("sub", (node, Node("number", value=1.0)))
    if time == "t-1":
        yield "index", Node("symbol", value=(name, "t"))
    if time in ("t", "t+1") and name not in ("theta", "eta", "g"):
        yield "index", Node("symbol", value=(name, "t-1" if time == "t" else "t"))
