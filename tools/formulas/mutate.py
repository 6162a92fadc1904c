r"""Mistakes: every formula that one typical slip makes of another. A comparison that does not notice it is too weak."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from tools.formulas.nodes import Node, number, symbols


def slips(node: Node) -> Iterator[tuple[str, Node]]:
    """The slips of ``mutations``, and each letter taken for another one of the same formula."""
    yield from mutations(node)
    letters = sorted(symbols(node), key=str)
    for i, letter in enumerate(letters):
        if len(letters) > 1:
            yield f"{letter[0]} for another", with_letter(node, letter, letters[i - 1])


def with_letter(node: Node, old: tuple, new: tuple) -> Node:
    if node.op == "symbol":
        return replace(node, value=new) if node.value == old else node
    return replace(node, args=tuple(with_letter(arg, old, new) for arg in node.args))


def mutations(node: Node) -> Iterator[tuple[str, Node]]:
    """Every formula that one typical slip makes of this one, with the slip's name."""
    yield from own_mutations(node)
    for i, arg in enumerate(node.args):
        for name, changed in mutations(arg):
            yield name, replace(node, args=(*node.args[:i], changed, *node.args[i + 1 :]))


TURNED = {"<": ">", ">": "<", "<=": ">", ">=": "<", "==": "!=", "!=": "=="}


def own_mutations(node: Node) -> Iterator[tuple[str, Node]]:
    op, args = node.op, node.args
    if op in ("add", "sub"):
        yield "sign", replace(node, op="sub" if op == "add" else "add")
        yield "term left out", args[0]
        yield "term left out", args[1]
        for i in (0, 1):
            if is_root(args[i]) and symbols(args[1 - i]) == {("epsilon", None)}:
                yield "ε inside the root", replace(args[i], args=(replace(node, args=(*args[i].args, args[1 - i])),))
    elif op in ("mul", "cdot", "odot", "oslash", "otimes"):
        yield "factor left out", args[0]
        yield "factor left out", args[1]
    elif op == "transpose":
        yield "not transposed", args[0]
    elif op == "div":
        yield "not divided", args[0]
        yield "turned over", replace(node, args=args[::-1])
    elif op == "neg":
        yield "sign", args[0]
    elif op in ("pow", "entrypow"):
        yield "no power", args[0]
    elif op in ("max", "min"):
        yield "max for min", replace(node, op="min" if op == "max" else "max")
    elif op == "compare":
        yield "comparison turned", replace(node, value=TURNED[node.value])
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
    if isinstance(time, str) and len(time) == 2 and time.isalpha() and time != time[::-1]:
        yield "indices swapped", replace(node, value=(name, time[::-1]))
    if layer := re.search(r"\((\w+?)(-1)?\)$", name):
        yield "layer", replace(node, value=(name[: layer.start()] + f"({layer[1]}{'' if layer[2] else '-1'})", time))
    if name in ("beta_1", "beta_2"):
        yield "β's swapped", Node("symbol", value=("beta_2" if name == "beta_1" else "beta_1", time))
    if name == "t":
        yield "t from 0", Node("sub", (node, number(1)))
    if time == "t-1":
        yield "index", Node("symbol", value=(name, "t"))
    if time in ("t", "t+1") and name not in ("theta", "eta", "g"):
        yield "index", Node("symbol", value=(name, "t-1" if time == "t" else "t"))
