"""Reads the code of a cell: which functions it calls when it runs, and with what."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from IPython.core.inputtransformer2 import TransformerManager


def parse_code(source: str) -> ast.Module:
    try:
        return ast.parse(TransformerManager().transform_cell(source))
    except SyntaxError:  # a cell may show a syntax error: its output tells
        return ast.Module([], [])


def executed_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when a cell runs: everything but the bodies of functions."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield child
        yield from executed_nodes(child)


def called_name(node: ast.AST) -> str:
    """`f` for the calls `f(…)` and `a.b.f(…)`, empty for other nodes."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    if isinstance(function, ast.Attribute):
        # A least-squares fit of a polynomial is no training, nor is the search for a pattern.
        owner = function.value.attr if isinstance(function.value, ast.Attribute) else getattr(function.value, "id", "")
        return "" if owner in ("Polynomial", "re") else function.attr
    return function.id if isinstance(function, ast.Name) else ""


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    """The calls of a plain name, as `check(…)`, that run when the cell runs."""
    return [
        node
        for node in executed_nodes(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def first_argument(call: ast.Call) -> str:
    """The text that is a call's first argument; empty if it is no literal text."""
    value = call.args[0] if call.args else None
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def is_solution_call(call: ast.Call) -> bool:
    return any(
        k.arg == "solution" and isinstance(k.value, ast.Constant) and k.value.value is True for k in call.keywords
    )


def claims_something(tree: ast.AST) -> bool:
    return any(called_name(node) in ("literature_table", "claim") for node in executed_nodes(tree))
