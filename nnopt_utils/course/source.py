"""`show_source`: the library's own source in a chapter, so that page and code cannot disagree."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from typing import Any

from nnopt_utils._validation import describe


class Source:
    """Source code; made by `show_source`."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"


def show_source(*objects: Any, docstring: bool = False) -> Source:
    """Show the source of functions, methods, properties or classes, as they stand in the library.

    Args:
        objects: what to show, one below the other.
        docstring: keep the docstrings; without them the rule stands alone.

    Raises:
        TypeError: if there is no Python source, as for a function written in C.

    Example:
        >>> from nnopt_utils._validation import as_generator
        >>> show_source(as_generator).text.splitlines()[0]
        'def as_generator(seed: Any) -> np.random.Generator:'
    """
    if not objects:
        raise TypeError("show_source: got nothing; expected a function, a method or a class")
    return Source("\n\n".join(_source(item, docstring) for item in objects))


def _source(item: Any, docstring: bool) -> str:
    try:
        text = inspect.getsource(_unwrap(item))
    except (OSError, TypeError) as error:
        raise TypeError(
            f"show_source: got {describe(item)}; expected a function, method or class written in Python"
        ) from error
    text = textwrap.dedent(text).rstrip()
    return text if docstring else _without_docstrings(text)


def _unwrap(item: Any) -> Any:
    """Return what a property, decorated function, bound method or partial is made of."""
    if isinstance(item, property):
        item = item.fget
    elif isinstance(item, functools.cached_property | functools.partial):
        item = item.func
    elif isinstance(item, staticmethod | classmethod):
        item = item.__func__
    return inspect.unwrap(item) if callable(item) else item


def _without_docstrings(text: str) -> str:
    try:
        tree = ast.parse(text)
    except SyntaxError:  # a lambda in the middle of an expression
        return text
    lines: list[str | None] = list(text.splitlines())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            _remove_docstring(node, lines)
    return "\n".join(line for line in lines if line is not None).rstrip()


def _remove_docstring(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module, lines: list[str | None]
) -> None:
    if ast.get_docstring(node, clean=False) is None:
        return
    first = node.body[0]
    start, end = first.lineno - 1, first.end_lineno or first.lineno
    if not isinstance(node, ast.Module) and start <= node.lineno - 1:
        return  # def f(): "all in one line"
    lines[start:end] = [None] * (end - start)
    if len(node.body) == 1 and not isinstance(node, ast.Module):
        lines[start] = " " * first.col_offset + "..."
    elif end < len(lines) and lines[end] is not None and not str(lines[end]).strip():
        lines[end] = None
