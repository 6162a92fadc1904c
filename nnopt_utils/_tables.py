"""Small tables of texts: aligned for a terminal, Markdown for a notebook. Both are the same on every computer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any


def aligned(
    rows: Sequence[Sequence[str]],
    right: Sequence[bool] = (),
    widths: Sequence[int] = (),
    between: str = "  ",
    crossing: str | None = None,
) -> str:
    """Return rows in columns, the first row being the headers.

    Args:
        rows: texts, each row as long as the first.
        right: which columns are aligned to the right; default none.
        widths: how wide the first columns are at least.
        between: what separates columns.
        crossing: the same in the rule below the headers; default ``None``, no rule.

    >>> print(aligned([["layer", "size"], ["0", "12"]], right=[False, True], between=" | ", crossing="-+-"))
    layer | size
    ------+-----
    0     |   12
    """
    columns = range(len(rows[0]))
    wide = [max(*(len(row[i]) for row in rows), *widths[i : i + 1], 0) for i in columns]
    to_right = [*right, *[False] * len(columns)]
    lines = [
        between.join(row[i].rjust(wide[i]) if to_right[i] else row[i].ljust(wide[i]) for i in columns).rstrip()
        for row in rows
    ]
    if crossing is not None:
        lines.insert(1, crossing.join("-" * width for width in wide))
    return "\n".join(lines)


def markdown(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """Return the same as a Markdown table.

    >>> print(markdown([["layer", "size"], ["a|b", "12"]], right=[False, True]))
    | layer | size |
    | :--- | ---: |
    | a\\|b | 12 |
    """
    rule = ["---:" if column else ":---" for column in right]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in [cells[0], rule, *cells[1:]])


class Table:
    """A table of texts that a notebook shows as Markdown and a terminal as aligned text."""

    def __init__(self, headers: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
        self.headers = list(headers)
        self.cells = [list(row) for row in cells]
        self.right = list(right)

    def __repr__(self) -> str:
        return aligned([self.headers, *self.cells], self.right, crossing="  ")

    def _repr_markdown_(self) -> str:
        return markdown([self.headers, *self.cells], self.right)


class Records(list[dict[str, Any]]):
    """Dicts with the same keys, shown as a table. Columns in ``infinities`` say in words what ±∞ means there."""

    def __init__(self, records: Sequence[dict[str, Any]], infinities: dict[str, str] | None = None) -> None:
        super().__init__(records)
        self.infinities = infinities or {}

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self[0]) if self else []

    def table(self) -> Table:
        """The records as texts."""
        right = [all(row[name] is None or is_number(row[name]) for row in self) for name in self.columns]
        return Table(self.columns, [[self._cell(name, row[name]) for name in self.columns] for row in self], right)

    def _cell(self, column: str, value: Any) -> str:
        if value is None:
            return "–"
        if isinstance(value, float) and math.isinf(value):
            return self.infinities.get(column, str(value))
        return as_text(value)

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_markdown_(self) -> str:
        return self.table()._repr_markdown_()


def is_number(value: Any) -> bool:
    """Whether a column of such values is aligned to the right: Python's and NumPy's numbers, but not True and False."""
    return isinstance(value, Real) and not isinstance(value, bool)


def as_text(value: Any, digits: int = 4) -> str:
    """A cell: real numbers with so many significant digits, everything else on one line.

    >>> as_text(2 / 3), as_text(12), as_text("two\\nlines")
    ('0.6667', '12', 'two lines')
    """
    if isinstance(value, Real) and not isinstance(value, Integral):
        return f"{float(value) + 0.0:.{digits}g}"
    return " ".join(str(value).split())
