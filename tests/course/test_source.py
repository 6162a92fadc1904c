"""Source in notebooks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnopt_utils.course.source import show_source


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
