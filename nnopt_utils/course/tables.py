"""What chapters show besides figures: the library's own source, and small tables.

Everything here returns an object that a notebook renders as Markdown and a terminal as plain text. Both are the same on
every computer, so that they can be compared.
"""

from __future__ import annotations

import ast
import functools
import inspect
import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from nnopt_utils._tables import Table, as_text, is_number
from nnopt_utils._validation import check_choice, check_number, describe

# -- source ----------------------------------------------------------------------------------------------------------


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


# -- tables ----------------------------------------------------------------------------------------------------------


def table(rows: Iterable[Sequence[Any]], headers: Sequence[str], digits: int = 4) -> Table:
    """Return a table; columns of numbers are aligned to the right.

    Args:
        rows: one sequence a row; texts, whole numbers and True or False are shown as they are.
        headers: the columns' titles.
        digits: significant digits of real numbers.

    Raises:
        ValueError: if a row is not as long as the headers.

    Example:
        >>> table([("SGD", 0.91, 3), ("Adam", 2 / 3, 12)], headers=["optimizer", "accuracy", "epochs"])
        optimizer  accuracy  epochs
        ---------  --------  ------
        SGD            0.91       3
        Adam         0.6667      12
    """
    rows = [list(row) for row in rows]
    for i, row in enumerate(rows):
        if len(row) != len(headers):
            raise ValueError(f"rows: got {len(row)} entries in row {i}; expected {len(headers)}, one a header")
    right = [bool(rows) and all(is_number(row[i]) for row in rows) for i in range(len(headers))]
    return Table([str(h) for h in headers], [[as_text(value, digits) for value in row] for row in rows], right)


# -- against the literature ------------------------------------------------------------------------------------------

Kind = Literal["absolute", "relative", "at most", "at least", "range"]
KINDS = ("absolute", "relative", "at most", "at least", "range")


class LiteratureRow(NamedTuple):
    """A row of `literature_table`: a plain tuple of the first four or five does as well.

    Args:
        what: the quantity.
        published: the published or derived value; the bound for "at most" and "at least"; ``(low, high)`` for "range".
        ours: our value.
        tolerance: how far ours may be off, or outside the bound; for "relative" as a fraction of published.
        kind: "absolute", "relative", "at most", "at least" or "range".
        digits: significant digits of ours in the table.
        shown: False for a value that differs between processors: the table then says only that it is within tolerance.
    """

    what: str
    published: float | tuple[float, float]
    ours: float
    tolerance: float
    kind: Kind = "absolute"
    digits: int = 4
    shown: bool = True


def literature_table(rows: Iterable[Sequence[Any]]) -> Table:
    """Assert that every value of ours agrees with the published one, and return the table.

    Args:
        rows: ``(what, published, ours, tolerance[, kind])`` each, or `LiteratureRow`.

    Raises:
        AssertionError: with every failing row and all its numbers.

    Example:
        >>> literature_table([("parameters", 55050, 55050, 0), ("rate", 0.2, 0.2004, 0.01, "relative")])
        quantity    published or derived    ours  tolerance
        ----------  --------------------  ------  ---------
        parameters                 55050   55050      exact
        rate                         0.2  0.2004        1 %
    """
    checked = [_checked_row(row) for row in rows]
    if not checked:
        raise ValueError("rows: got none; expected at least one")
    failing = [row for row in checked if not _within(row)]
    if failing:
        lines = [_numbers(row) for row in failing]
        raise AssertionError(f"{len(failing)} of {len(checked)} rows are out of tolerance:\n  " + "\n  ".join(lines))
    cells = [[row.what, _published(row), _ours(row), _tolerance(row)] for row in checked]
    return Table(["quantity", "published or derived", "ours", "tolerance"], cells, [False, True, True, True])


def _numbers(row: LiteratureRow) -> str:
    how = f"{row.kind}, tolerance {row.tolerance!r}"
    return f"{row.what}: published {_published(row)}, ours {float(row.ours)!r} ({how})"


def _checked_row(row: Sequence[Any]) -> LiteratureRow:
    if not 4 <= len(row) <= len(LiteratureRow._fields):
        raise ValueError(f"row: got {len(row)} entries; expected (what, published, ours, tolerance[, kind])")
    made = LiteratureRow(*row)
    check_choice(f"{made.what}: kind", made.kind, KINDS)
    check_number(f"{made.what}: tolerance", made.tolerance, low=0.0)
    bounds = made.published if isinstance(made.published, tuple | list) else (made.published,)
    if len(bounds) != (2 if made.kind == "range" else 1):
        raise ValueError(
            f"{made.what}: published: got {describe(made.published)}; expected (low, high) for a range, else a number"
        )
    for bound in bounds:
        check_number(f"{made.what}: published", bound)
    return made


def _bounds(row: LiteratureRow) -> tuple[float, float]:
    """Return the smallest and the largest value of ours that is within tolerance."""
    if isinstance(row.published, tuple | list):
        low, high = (float(bound) for bound in row.published)
    else:
        low = high = float(row.published)
    slack = row.tolerance * abs(low) if row.kind == "relative" else row.tolerance
    return (
        -math.inf if row.kind == "at most" else low - slack,
        math.inf if row.kind == "at least" else high + slack,
    )


def _within(row: LiteratureRow) -> bool:
    low, high = _bounds(row)
    # A difference of the size of rounding is not a failure: 0.3 - 0.1 and 0.2.
    rounding = 1e-12 * abs(float(row.ours)) if row.tolerance else 0.0
    return low - rounding <= float(row.ours) <= high + rounding  # false for NaN


def _plain(value: float, digits: int = 6) -> str:
    whole = isinstance(value, int | np.integer) or float(value).is_integer()
    return str(int(value)) if whole and abs(value) < 1e9 else f"{float(value):.{digits}g}"


def _published(row: LiteratureRow) -> str:
    if isinstance(row.published, tuple | list):
        return " to ".join(_plain(bound) for bound in row.published)
    sign = {"at most": "≤ ", "at least": "≥ "}.get(row.kind, "")
    return sign + _plain(row.published)


def _ours(row: LiteratureRow) -> str:
    if not row.shown:
        return "within tolerance ✓"
    whole = isinstance(row.ours, int | np.integer)
    return str(int(row.ours)) if whole else f"{float(row.ours) + 0.0:.{row.digits}g}"


def _tolerance(row: LiteratureRow) -> str:
    if row.tolerance == 0:
        return "exact"
    if row.kind == "relative":
        return f"{100 * row.tolerance:.3g} %"
    return f"± {row.tolerance:.3g}" if row.kind in ("absolute", "range") else f"{row.tolerance:.3g}"
