r"""What a formula claims about a subject: each statement holds in several random environments.

A letter on the left that the environment does not know is a definition; every other statement is compared. A bound
(``\le``) must hold everywhere and be attained somewhere, or a bound that is too weak would pass; ``\approx`` allows 1 %.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tools.formulas.arithmetic import FormulaError, close
from tools.formulas.evaluate import Environment, Key, Scope, written
from tools.formulas.mutate import slips
from tools.formulas.parse import Node, Statement, parse

ROUGHLY = 0.01
SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class Subject:
    """What a formula may be about: ``draw`` makes an environment, with values from the library's code."""

    name: str
    draw: Callable[[np.random.Generator], Environment]
    tolerance: float = 1e-9
    attained: bool = True  # is every bound reached in some environment?

    @cached_property
    def environments(self) -> list[Environment]:
        return [self.draw(np.random.default_rng(seed)) for seed in SEEDS]

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
        names = self.subject.environments[0]
        return left.value[0] not in names and written(*left.value) not in names

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
            attained = False
            for environment in self.subject.environments:
                scope = Scope(environment, definitions, used=used)
                for place in scope.places(claim):
                    attained |= self.compare(claim, place)
            if not attained and self.subject.attained:
                raise AssertionError(f"{self.where}: the bound {claim.left} {claim.relation} … is never attained")
        return used

    def compare(self, claim: Statement, scope: Scope) -> bool:
        """Raise unless it holds; is it an equality?"""
        left, right = scope.value(claim.left), scope.value(claim.right)
        tolerance = ROUGHLY if claim.relation == "~" else self.subject.tolerance
        equal = close(left, right, tolerance)
        below = np.shape(left) == np.shape(right) == () and {"<=": left < right, ">=": left > right}
        if not equal and not (below and below.get(claim.relation)):
            raise AssertionError(
                f"{self.where}: {claim.left} {claim.relation} …: the left is {np.asarray(left)}, the right "
                f"{np.asarray(right)}{f', at {dict(scope.bound)}' if scope.bound else ''}"
            )
        return equal

    def unused(self) -> set[Key]:
        """Definitions without which all would hold as well."""
        return {s.left.value for s in self.statements if self.defines(s)} - self.check(self.statements)

    def slips(self) -> Iterator[tuple[str, list[Statement]]]:
        """Every version of the formula with one typical slip, and what the slip is."""
        for i, statement in enumerate(self.statements):
            for side in ("right", "left"):
                node = getattr(statement, side)
                if side == "left" and node.op in ("symbol", "apply"):
                    continue
                for slip, changed in slips(node):
                    new = statement._replace(**{side: changed})
                    yield f"{statement.left}: {slip}", [*self.statements[:i], new, *self.statements[i + 1 :]]

    def passes(self, statements: Sequence[Statement]) -> bool:
        try:
            self.check(statements)
        except (FormulaError, AssertionError):
            return False
        return True

    def unnoticed(self) -> list[str]:
        return [slip for slip, statements in self.slips() if self.passes(statements)]


