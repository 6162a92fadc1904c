"""`literature_table`: published values beside ours, asserted and shown the same on every computer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from nnopt_utils._tables import Table
from nnopt_utils._validation import check_choice, check_number, describe

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
        shown: False for a value that differs between processors: the table then says only that it is within tolerance,
            or that the bound holds.

    Example:
        >>> LiteratureRow("ln 10", published=2.303, ours=2.3026, tolerance=0.001)
        LiteratureRow(what='ln 10', published=2.303, ours=2.3026, tolerance=0.001, kind='absolute', ...)
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
        return "within tolerance ✓" if row.tolerance else "holds ✓"
    whole = isinstance(row.ours, int | np.integer)
    return str(int(row.ours)) if whole else f"{float(row.ours) + 0.0:.{row.digits}g}"


def _tolerance(row: LiteratureRow) -> str:
    if row.tolerance == 0:
        return "exact" if row.kind in ("absolute", "relative") else "none"  # 0.7 is not exactly "0.5 to 2"
    if row.kind == "relative":
        return f"{100 * row.tolerance:.3g} %"
    return f"± {row.tolerance:.3g}" if row.kind in ("absolute", "range") else f"{row.tolerance:.3g}"
