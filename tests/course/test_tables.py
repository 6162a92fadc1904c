"""Source and tables for notebooks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnopt_utils.course.tables import LiteratureRow, literature_table, show_source, table


def noisy(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*arguments: Any) -> Any:
        return function(*arguments)

    return wrapper


class Rule:
    """What the class is.

    In two paragraphs.
    """

    rate = 0.1

    def update(self, theta: float) -> float:
        """One step.

        >>> 1
        1
        """

        # against the gradient
        return theta - self.rate

    @property
    def size(self) -> int:
        """The size."""
        return 3

    @functools.cached_property
    def cached(self) -> int:
        return 4

    @classmethod
    def make(cls) -> Rule:
        """Make one."""
        return cls()

    @staticmethod
    def static() -> int:
        return 5

    def abstract(self) -> None:
        """Only a docstring."""

    @noisy
    def wrapped(self) -> int:
        return 6


UPDATE = """\
def update(self, theta: float) -> float:
    # against the gradient
    return theta - self.rate"""


def test_source_without_docstring() -> None:
    assert show_source(Rule.update).text == UPDATE
    assert show_source(Rule().update).text == UPDATE


def test_source_with_docstring() -> None:
    assert '"""One step.' in show_source(Rule.update, docstring=True).text


def test_source_of_a_class() -> None:
    text = show_source(Rule).text
    assert text.startswith("class Rule:\n    rate = 0.1\n\n    def update(")
    assert '"""' not in text
    assert "    def abstract(self) -> None:\n        ..." in text
    compile(text, "rule", "exec", flags=__import__("__future__").annotations.compiler_flag)


@pytest.mark.parametrize(
    ("item", "part"),
    [
        (Rule.size, "return 3"),
        (Rule.__dict__["cached"], "return 4"),
        (Rule.make, "return cls()"),
        (Rule.__dict__["make"], "return cls()"),
        (Rule.__dict__["static"], "return 5"),
        (Rule.wrapped, "return 6"),
        (functools.partial(Rule.update, None), "return theta - self.rate"),
    ],
)
def test_source_of_wrapped_things(item: Any, part: str) -> None:
    text = show_source(item).text
    assert part in text
    assert "wrapper" not in text
    assert text == text.strip()


def test_several_sources() -> None:
    assert show_source(Rule.size, Rule.static).text.count("def ") == 2


def test_source_reprs() -> None:
    source = show_source(Rule.update)
    assert repr(source) == UPDATE
    assert source._repr_markdown_() == f"```python\n{UPDATE}\n```"


@pytest.mark.parametrize("item", [len, np.add, 3, None])
def test_things_without_source(item: Any) -> None:
    with pytest.raises(TypeError, match="written in Python"):
        show_source(item)


def test_no_source_asked_for() -> None:
    with pytest.raises(TypeError, match="got nothing"):
        show_source()


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
