r"""What a formula claims about a subject: each statement holds in several random environments.

A letter on the left that the environment does not know is a definition; every other statement is compared. A bound
(``\le``) must be attained, or one that is too weak would pass; in an environment with the name ``loose`` it must only
hold. ``\approx`` allows 1 %.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tools.formulas.arithmetic import COMPARE, FormulaError, close
from tools.formulas.evaluate import Environment, Key, Scope, written
from tools.formulas.mutate import slips
from tools.formulas.nodes import Node, Statement
from tools.formulas.parse import parse

ROUGHLY = 0.01
SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class Subject:
    """What a formula may be about: ``draw`` makes one or more environments, with values from the library's code."""

    name: str
    draw: Callable[[np.random.Generator], Environment | Sequence[Environment]]
    tolerance: float = 1e-9

    @cached_property
    def environments(self) -> list[Environment]:
        drawn = [self.draw(np.random.default_rng(seed)) for seed in SEEDS]
        return [each for some in drawn for each in ([some] if isinstance(some, Mapping) else some)]

    @cached_property
    def functions(self) -> frozenset[str]:
        return frozenset(name for name, value in self.environments[0].items() if callable(value))


@dataclass(frozen=True)
class Claim:
    """A formula at one place of a page, and its subject."""

    where: str
    subject: Subject
    latex: str

    @cached_property
    def statements(self) -> list[Statement]:
        return parse(self.latex, self.subject.functions)

    def defines(self, statement: Statement) -> bool:
        left, _, relation = statement
        if left.op != "symbol" or relation != "=":
            return False
        name, names = left.value[0], self.subject.environments[0]
        entry = name in names and (
            left.value[1] is None or isinstance(names[name], Mapping) or np.ndim(names[name]) > 0
        )
        return not entry and written(*left.value) not in names

    def check(self, statements: Sequence[Statement]) -> set[Key]:
        """Compare in every environment; return the definitions that took part.

        Raises:
            FormulaError: something has no meaning, or nothing is compared.
            AssertionError: the formula is wrong.
        """
        definitions: dict[Key, list[Node]] = {}
        claims = [statement for statement in statements if not self.defines(statement)]
        for left, right, _ in (statement for statement in statements if self.defines(statement)):
            definitions.setdefault(left.value, []).append(right)
        if not claims:
            raise FormulaError(f"{self.where}: got definitions only; expected something that the subject knows")
        used: set[Key] = set()
        for claim in claims:
            for environment in self.subject.environments:
                scope = Scope(environment, definitions, used=used)
                for place in scope.places(claim):
                    self.compare(claim, place)
        return used

    def compare(self, claim: Statement, scope: Scope) -> None:
        left, right = scope.value(claim.left), scope.value(claim.right)
        tolerance = ROUGHLY if claim.relation == "~" else self.subject.tolerance
        equal = close(left, right, tolerance)
        if claim.relation in ("<=", ">=") and "loose" in scope.environment:
            equal = np.ndim(left) == np.ndim(right) == 0 and bool(COMPARE[claim.relation](left, right))
        if not equal:
            raise AssertionError(
                f"{self.where}: {claim.left} {claim.relation} …: the left is {np.asarray(left)}, the right "
                f"{np.asarray(right)}{f', at {dict(scope.bound)}' if scope.bound else ''}"
            )

    def unused(self) -> set[Key]:
        """Definitions without which all would hold as well."""
        return {s.left.value for s in self.statements if self.defines(s)} - self.check(self.statements)

    def slips(self) -> Iterator[tuple[str, list[Statement]]]:
        """Every version of the formula with one typical slip, and what the slip is."""
        sides = {id(node): node for statement in self.statements for node in statement[:2]}
        for side in sides.values():
            if side.op in ("symbol", "apply") and all(side is not right for _, right, _ in self.statements):
                continue  # a name on the left
            for slip, changed in slips(side):
                new = [s._replace(left=changed) if s.left is side else s for s in self.statements]
                yield f"{slip} in {side}", [s._replace(right=changed) if s.right is side else s for s in new]

    def passes(self, statements: Sequence[Statement]) -> bool:
        try:
            self.check(statements)
        except (FormulaError, AssertionError):
            return False
        return True

    def unnoticed(self) -> list[str]:
        return [slip for slip, statements in self.slips() if self.passes(statements)]
