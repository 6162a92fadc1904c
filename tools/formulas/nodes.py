"""The tree of a formula."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Node:
    """A piece of a formula: an operation on other pieces, a number or a symbol (its name and its index)."""

    op: str
    args: tuple[Any, ...] = ()
    value: Any = None

    def __str__(self) -> str:
        if self.op in ("number", "symbol"):
            name, index = self.value if self.op == "symbol" else (f"{self.value:g}", None)
            return name if index is None else f"{name}[{index}]"
        return f"{self.op}({', '.join(map(str, self.args))})"


class Statement(NamedTuple):
    """What a formula says: left = right, or another relation (<=, >=, ~)."""

    left: Node
    right: Node
    relation: str = "="


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for arg in node.args:
        yield from walk(arg)


def symbols(node: Node) -> set[tuple[str, Any]]:
    """All names in it, with their indices."""
    return {each.value for each in walk(node) if each.op == "symbol"}


def number(value: float) -> Node:
    return Node("number", value=float(value))
