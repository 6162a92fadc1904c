r"""Tree to number: every letter has a value in an environment, or a definition in the formula itself.

An environment maps written names to values: ``theta``, ``m_t``, ``W^(k)``, ``nabla J``, ``dJ/dW^(k)``. A name with an
index that it does not have is an entry of the array without: ``W_{ij}`` of ``W``, counted from 1 as on paper. An index
that nothing binds stands for each of its values; a sum without bounds runs over all values that its letters allow.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tools.formulas.arithmetic import ARITHMETIC, COMPARE, OPERATORS, FormulaError, close
from tools.formulas.nodes import Node, Statement, walk

Environment = Mapping[str, Any]
Key = tuple[str, Any]
CONSTANTS = {"pi": np.pi, "e": np.e}
REPEATED = ("sum", "prod", "max", "min")
PART = re.compile(r"([ijkqrst])([+-]\d+)?|\\cdot")
STEP = 1e-3


def parts(index: Any) -> list[tuple[str, int]]:
    """The letters of an index with what is added: of k-1 (k, −1); of a number ("", number)."""
    if isinstance(index, int):
        return [("", index)]
    return [(m[1] or ":", int(m[2] or 0)) for m in PART.finditer(index)] if index else []


def written(name: str, index: Any) -> str:
    return name if index is None else f"{name}_{index}"


@dataclass
class Scope:
    """Gives every symbol of a formula its value."""

    environment: Environment
    definitions: Mapping[Key, list[Node]] = field(default_factory=dict)
    bound: Mapping[str, int] = field(default_factory=dict)
    used: set[Key] = field(default_factory=set)
    open: tuple[Key, ...] = ()

    # symbols

    def symbol(self, name: str, index: Any) -> Any:
        key = written(name, index)
        if index is None and name in self.bound:
            return self.bound[name]
        if key in self.environment:
            return self.environment[key]
        if defined := self.defined(name, index):
            return self.definition(*defined)
        if index is not None and name in self.environment:
            return self.entry(self.environment[name], index, key)
        if index is None and name in CONSTANTS:
            return CONSTANTS[name]
        raise FormulaError(f"{key} has no meaning; expected one of {sorted(self.environment)}")

    def defined(self, name: str, index: Any) -> tuple[Key, Mapping[str, int]] | None:
        """The definition of a symbol, and what its indices are there."""
        if (name, index) in self.definitions:
            return (name, index), {}
        bound = [self.at(part) for part in parts(index) if part[0] in self.bound]
        if len(bound) == 1 and (name, bound[0]) in self.definitions:
            return (name, bound[0]), {}  # c_2, for c_i with i = 2
        for other, pattern in self.definitions:
            here, there = parts(index), parts(pattern)
            if other == name and here and len(here) == len(there) and isinstance(pattern, str):
                return (name, pattern), {t[0]: self.at(h) for h, t in zip(here, there, strict=True)}
        return None

    def definition(self, key: Key, bound: Mapping[str, int]) -> Any:
        if key in self.open:
            raise FormulaError(f"{written(*key)} is defined by itself")
        self.used.add(key)
        inner = replace(self, bound={**self.bound, **bound}, open=(*self.open, key))
        values = [inner.value(node) for node in self.definitions[key]]
        if not all(close(values[0], other) for other in values[1:]):
            raise FormulaError(f"{written(*key)} is given two different values")
        return values[0]

    def at(self, part: tuple[str, int]) -> int:
        letter, shift = part
        if not letter:
            return shift
        value = self.bound.get(letter, self.environment.get(letter))
        if value is None and (letter, None) in self.definitions:
            value = self.definition((letter, None), {})
        if value is None:
            raise FormulaError(f"got the index {letter}; expected one that is bound")
        return whole(value) + shift

    def entry(self, base: Any, index: Any, key: str) -> Any:
        place: list[Any] = [slice(None) if part[0] == ":" else self.at(part) for part in parts(index)]
        if isinstance(base, Mapping):
            if place[0] in base:
                return base[place[0]]
        elif np.ndim(base) >= len(place) > 0:
            shape = np.shape(base)
            if all(isinstance(p, slice) or 1 <= p <= n for p, n in zip(place, shape, strict=False)):
                return np.asarray(base)[tuple(p if isinstance(p, slice) else p - 1 for p in place)]
        raise FormulaError(f"{key} is not in {written(key.split('_')[0], None)}, which has shape {np.shape(base)}")

    # expressions

    def value(self, node: Node) -> Any:
        op, args = node.op, node.args
        if op == "number":
            return node.value
        if op == "symbol":
            return self.symbol(*node.value)
        special = getattr(self, f"value_of_{'repeated' if self.is_repeated(node) else op}", None)
        try:
            with np.errstate(all="ignore"):
                return special(node) if special else self.of_values(node, [self.value(arg) for arg in args])
        except FormulaError:
            raise
        except (AttributeError, IndexError, TypeError, ValueError, np.linalg.LinAlgError) as error:
            raise FormulaError(f"{node.value or op}: {error}") from error

    @staticmethod
    def of_values(node: Node, values: Sequence[Any]) -> Any:
        return (OPERATORS[node.value] if node.op == "call" else ARITHMETIC[node.op])(*values)

    @staticmethod
    def is_repeated(node: Node) -> bool:
        return node.op in REPEATED

    def value_of_repeated(self, node: Node) -> Any:
        *domain, body = node.args
        values = [replace(self, bound={**self.bound, node.value: i}).value(body) for i in self.domain(node, domain)]
        if not values:
            if node.op in ("max", "min"):  # over all places where a function is known
                return getattr(np, node.op)(self.value(body))
            return float(node.op == "prod")
        total = values[0]
        for value in values[1:]:
            total = COMBINE[node.op](total, value)
        return total

    def domain(self, node: Node, domain: Sequence[Node]) -> Iterable[int]:
        if len(domain) == 2:
            first, last = (whole(self.value(arg)) for arg in domain)
            return range(first, last + 1)
        if len(domain) == 1:
            return [whole(i) for i in np.ravel(self.value(domain[0]))]
        found = self.allowed(node.value, node.args[-1])
        if found is None and node.op not in ("max", "min"):
            raise FormulaError(f"got {node.op} over {node.value}, which is no index of what follows")
        return sorted(found or ())

    def value_of_apply(self, node: Node) -> Any:
        function, *args = (self.value(arg) for arg in node.args)
        if not callable(function):
            raise FormulaError(f"{node.args[0]} is no function")
        return function(*args)

    def value_of_component(self, node: Node) -> Any:
        return np.asarray(self.value(node.args[0]))[node.value]

    def value_of_entry(self, node: Node) -> Any:
        return self.entry(self.value(node.args[0]), node.value, f"[…]_{node.value}")

    def value_of_compare(self, node: Node) -> Any:
        left, right = (self.value(arg) for arg in node.args)
        return np.asarray(COMPARE[node.value](left, right), float)

    def value_of_cases(self, node: Node) -> Any:
        """The first row whose condition holds; of arrays entry by entry."""
        found: Any = None
        undecided: Any = np.array(True)
        for condition, value in zip(node.args[::2], node.args[1::2], strict=True):
            holds = np.array(True) if condition.op == "otherwise" else np.asarray(self.value(condition) > 0)
            if (undecided & holds).any():
                found = np.where(undecided & holds, self.value(value), np.nan if found is None else found)
            undecided = undecided & ~holds
        if undecided.any():
            raise FormulaError("none of the cases holds")
        return found if found.ndim else float(found)

    def value_of_expectation(self, node: Node) -> Any:
        """The mean over all outcomes, each as probable as any other."""
        if node.value not in self.environment:
            raise FormulaError(f"got {node.value} where nothing is random")
        inner = (replace(self, environment={**self.environment, **o}) for o in self.environment[node.value])
        return np.mean([scope.value(node.args[0]) for scope in inner], axis=0)

    def value_of_variance(self, node: Node) -> Any:
        body = node.args[0]
        squares = self.value_of_expectation(replace(node, args=(Node("entrypow", (body, Node("number", value=2.0))),)))
        return np.mean(squares) - np.mean(np.square(self.value_of_expectation(node)))

    def value_of_gradient(self, node: Node) -> Any:
        """Numerically, by five points: exact for polynomials of the fourth degree."""
        name = node.value
        if name not in self.environment:
            raise FormulaError(f"got ∇_{name}; expected a letter with a value")
        x = np.asarray(self.environment[name], float)

        def moved(place: tuple[int, ...], h: float) -> Any:
            y = x.copy()
            y[place] += h
            value = replace(self, environment={**self.environment, name: y}).value(node.args[0])
            if np.ndim(value):
                raise FormulaError(f"got ∇_{name} of an array; expected a number")
            return value

        slopes = [
            (8 * (moved(p, STEP) - moved(p, -STEP)) - (moved(p, 2 * STEP) - moved(p, -2 * STEP))) / (12 * STEP)
            for p in np.ndindex(x.shape)
        ]
        return np.reshape(slopes, x.shape)

    # indices

    def allowed(self, letter: str, node: Node) -> set[int] | None:
        """The values of an index that all symbols below a node have; None if it is no index of any."""
        found: set[int] | None = None
        for values in self.domains(letter, node):
            found = values if found is None else found & values
        return found

    def domains(self, letter: str, node: Node, seen: tuple[Key, ...] = ()) -> Iterator[set[int]]:
        for each in walk(node):
            if each.op != "symbol" or written(*each.value) in self.environment:
                continue
            name, index = each.value
            for axis, (part, shift) in enumerate(parts(index)):
                if part == letter and name in self.environment:
                    yield {i - shift for i in indices(self.environment[name], axis)}
            for key, nodes in self.definitions.items():
                if key[0] == name and key not in seen and len(parts(key[1])) == len(parts(index)):
                    for (here, _), (there, _) in zip(parts(index), parts(key[1]), strict=True):
                        if here == letter:
                            for inner in nodes:
                                yield from self.domains(there, inner, (*seen, key))

    def free(self, node: Node) -> set[str]:
        """The letters of indices that nothing binds."""
        if node.op == "symbol":
            if written(*node.value) in self.environment:
                return set()
            letters = {letter for letter, _ in parts(node.value[1])} - {"", ":"}
            known = {*self.environment, *self.bound, *(name for name, index in self.definitions if index is None)}
            return letters - known
        inner = set().union(*(self.free(arg) for arg in node.args)) if node.args else set()
        if node.op == "entry":
            inner |= {letter for letter, _ in parts(node.value)} - {"", ":", *self.environment, *self.bound}
        return inner - {node.value} if self.is_repeated(node) else inner

    def places(self, statement: Statement) -> Iterator[Scope]:
        """The scope for each value of the free indices."""
        both = Node("both", (statement.left, statement.right))
        letters = sorted(self.free(both))
        domains = [self.allowed(letter, both) for letter in letters]
        if not all(domains):
            raise FormulaError(f"got the free indices {letters}, of which one has no value")
        for values in itertools.product(*map(sorted, domains)):  # type: ignore[arg-type]
            yield replace(self, bound={**self.bound, **dict(zip(letters, values, strict=True))})


COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "sum": ARITHMETIC["add"],
    "prod": ARITHMETIC["mul"],
    "max": np.maximum,
    "min": np.minimum,
}


def whole(value: Any) -> int:
    if np.ndim(value) or value != int(value):
        raise FormulaError(f"got {value} for an index; expected a whole number")
    return int(value)


def indices(base: Any, axis: int) -> set[int]:
    """Whole numbers that the index of this axis may be."""
    if isinstance(base, Mapping):
        return set(base)
    shape = np.shape(base)
    return set(range(1, shape[axis] + 1)) if axis < len(shape) else set()
