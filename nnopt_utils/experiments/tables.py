"""Lists of dicts that read as tables, in a notebook and in a terminal."""

from __future__ import annotations

import html
import math
from typing import Any


class Rows(list[dict[str, Any]]):
    """Rows with the same keys, shown as a table. Columns in ``infinities`` say in words what ±∞ means there."""

    def __init__(self, rows: list[dict[str, Any]], infinities: dict[str, str] | None = None) -> None:
        super().__init__(rows)
        self.infinities = infinities or {}

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self[0]) if self else []

    def _cells(self) -> list[list[str]]:
        return [[self._cell(name, row[name]) for name in self.columns] for row in self]

    def _cell(self, column: str, value: Any) -> str:
        if value is None:
            return "–"
        if isinstance(value, float):
            return self.infinities.get(column, str(value)) if math.isinf(value) else f"{value:.4g}"
        return str(value)

    def _is_right(self, column: str) -> bool:
        return all(isinstance(row[column], int | float) or row[column] is None for row in self)

    def __repr__(self) -> str:
        cells = [self.columns, *self._cells()]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        right = [self._is_right(column) for column in self.columns]
        lines = [
            "  ".join(
                cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right, strict=True)
            ).rstrip()
            for row in cells
        ]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])

    def _repr_html_(self) -> str:
        align = ["right" if self._is_right(column) else "left" for column in self.columns]

        def line(tag: str, cells: list[str]) -> str:
            parts = (
                f'<{tag} style="text-align: {a}">{html.escape(c)}</{tag}>' for c, a in zip(cells, align, strict=True)
            )
            return f"<tr>{''.join(parts)}</tr>"

        body = "\n".join(line("td", cells) for cells in self._cells())
        return f"<table>\n<thead>{line('th', self.columns)}</thead>\n<tbody>\n{body}\n</tbody>\n</table>"
