"""Tables in notebooks."""

from __future__ import annotations

import pytest

from nnopt_utils.course.tables import table


def test_table() -> None:
    made = table([("a|b", 1 / 3, True), ("longer", -0.0, False)], headers=["name", "value", "right"], digits=3)
    assert repr(made) == ("name    value  right\n------  -----  -----\na|b     0.333  True\nlonger      0  False")
    assert made._repr_markdown_() == (
        "| name | value | right |\n| :--- | ---: | :--- |\n| a\\|b | 0.333 | True |\n| longer | 0 | False |"
    )


def test_table_of_nothing() -> None:
    assert repr(table([], headers=["a", "b"])) == "a  b\n-  -"


def test_table_with_a_short_row() -> None:
    with pytest.raises(ValueError, match="got 1 entries in row 1; expected 2"):
        table([(1, 2), (1,)], headers=["a", "b"])
