"""Values beside the published ones: what is within tolerance, and what is an error."""

from __future__ import annotations

from typing import Any

import pytest

from nnopt_utils.course.literature import LiteratureRow, literature_table

GOOD = [
    ("absolute", 0.2, 0.3, 0.1),
    ("exact", 55050, 55050, 0),
    ("relative", -10, -10.4, 0.05, "relative"),
    ("at most", 5, 5.01, 0.1, "at most"),
    ("far below", 5, -100.0, 0, "at most"),
    ("at least", 0.9, 0.95, 0, "at least"),
    ("range", (1, 2.5), 2.55, 0.1, "range"),
]


def test_literature_table() -> None:
    made = literature_table([*GOOD, LiteratureRow("hidden", 1.6, 1.61234, 0.4, shown=False)])
    text = repr(made)
    assert text.splitlines()[0].split("  ")[0] == "quantity"
    for part in ("± 0.1", "exact", "5 %", "≤ 5", "≥ 0.9", "1 to 2.5", "within tolerance ✓"):
        assert part in text
    assert "1.612" not in text
    assert made._repr_markdown_().count("\n") == 1 + len(GOOD) + 1


def test_a_bound_without_tolerance_is_not_called_exact() -> None:
    bounds = [("low", 5, 4.5, 0, "at most"), ("inside", (1, 2), 1.5, 0, "range")]
    text = repr(literature_table([*bounds, LiteratureRow("hidden", 5, 4.25, 0, kind="at most", shown=False)]))
    assert "exact" not in text and text.count("none") == 3
    assert "4.25" not in text and "holds ✓" in text


@pytest.mark.parametrize(
    "row",
    [
        ("off", 0.2, 0.31, 0.1),
        ("off", 55050, 55051, 0),
        ("off", -10, -10.6, 0.05, "relative"),
        ("off", 5, 5.2, 0.1, "at most"),
        ("off", 0.9, 0.89, 0, "at least"),
        ("off", (1, 2.5), 0.8, 0.1, "range"),
        ("off", 1.0, float("nan"), 10.0),
        ("off", 1.0, float("nan"), 10.0, "at most"),
        ("off", 1.0, float("inf"), 0.0, "relative"),
    ],
)
def test_rows_out_of_tolerance(row: tuple[Any, ...]) -> None:
    with pytest.raises(AssertionError, match="1 of 8 rows are out of tolerance") as caught:
        literature_table([*GOOD, row])
    text = str(caught.value)
    assert "off: published" in text
    assert repr(float(row[2])) in text
    assert "exact" not in text


@pytest.mark.parametrize(
    ("row", "error"),
    [
        (("few", 1, 1), ValueError),
        (("kind", 1, 1, 0, "nearly"), ValueError),
        (("tolerance", 1, 1, -0.1), ValueError),
        (("range", 1, 1, 0, "range"), ValueError),
        (("pair", (1, 2), 1, 0), ValueError),
        (("text", "1", 1, 0), TypeError),
    ],
)
def test_faulty_rows(row: tuple[Any, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        literature_table([row])


def test_no_rows() -> None:
    with pytest.raises(ValueError, match="got none"):
        literature_table([])
