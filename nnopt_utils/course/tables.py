"""`table`: rows of texts and numbers, as Markdown in a notebook and as plain text in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from nnopt_utils._tables import Table, as_text, is_number


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
