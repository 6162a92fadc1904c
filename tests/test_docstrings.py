"""Every public name has a docstring with an example, and every method that the reference shows is seen in one."""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
from public_names import PUBLIC

from nnopt_utils import losses
from nnopt_utils.optimizers import Optimizer
from nnopt_utils.problems import Problem

PARSER = doctest.DocTestParser()

# Without an example, and why.
EXCUSED = {
    "nnopt_utils.compare": "a command: the README shows how it is called, and tests/test_compare.py runs it",
    "nnopt_utils.doctor": "a command: the README shows how it is called, and tests/test_doctor.py runs it",
    "nnopt_utils.lab": "a command: the README shows how it is called, and tests/test_lab.py runs it",
}


def is_callable(value: Any) -> bool:
    return inspect.isroutine(value) or inspect.isclass(value)


NAMES = {
    place: value
    for place, value in PUBLIC.items()
    if is_callable(value) and not any(place.startswith(f"{module}.") for module in EXCUSED)
}


def example(value: Any) -> str:
    """The code of a docstring's examples, without what they print."""
    doc = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__  # not that of a base class
    return "".join(found.source for found in PARSER.get_examples(doc or ""))


def methods(cls: type) -> Iterator[tuple[str, Any]]:
    """The methods that a class describes itself; one that only fills in what its base promises says nothing."""
    for name, value in vars(cls).items():
        method = getattr(value, "__func__", value)
        if not name.startswith("_") and inspect.isfunction(method) and method.__doc__:
            yield name, method


METHODS = [
    (place, name, method) for place, cls in NAMES.items() if inspect.isclass(cls) for name, method in methods(cls)
]


@pytest.mark.parametrize("place", sorted(NAMES))
def test_every_public_function_and_class_has_an_example(place: str):
    assert example(NAMES[place]), f"{place}: its docstring has no example (>>> …)"


@pytest.mark.parametrize("place", sorted(NAMES))
def test_formulas_are_written_as_the_reference_reads_them(place: str):
    r"""As :math:`\theta`; between dollars they would be printed as they are."""
    text = "".join(part for part in PARSER.parse(NAMES[place].__doc__ or "") if isinstance(part, str))
    assert "$" not in text, f"{place}: got a formula between dollars; expected :math:`…`"


@pytest.mark.parametrize(("place", "name", "method"), METHODS, ids=[f"{place}.{name}" for place, name, _ in METHODS])
def test_every_public_method_is_seen_in_an_example(place: str, name: str, method: Any):
    """In its own docstring, in that of the method that it overrides, or in that of its class or of a base of it."""
    bases = NAMES[place].__mro__
    shown = [example(described) for base in bases for described in (base, vars(base).get(name, base))]
    assert any(re.search(rf"\b{name}\(", code) for code in shown), f"{place}.{name}: no example calls it"


SOURCED = [
    place
    for place, value in NAMES.items()
    if (inspect.isclass(value) and issubclass(value, Optimizer | Problem) and not inspect.isabstract(value))
    or (place.startswith("nnopt_utils.losses.") and inspect.isroutine(value) and value is not losses.get_loss)
]


@pytest.mark.parametrize("place", SOURCED)
def test_optimizers_losses_and_problems_have_a_formula_and_a_source(place: str):
    assert "math:" in NAMES[place].__doc__ and "\n    Source: " in NAMES[place].__doc__


def test_what_is_excused_exists():
    assert all(any(place.startswith(f"{module}.") for place in PUBLIC) for module in EXCUSED)


def test_an_example_is_told_from_other_text():
    def with_one() -> None:
        """Text.

        >>> 1 + 1
        2
        """

    def without() -> None:
        """Text with `>>>` in the middle: call it as f(1)."""

    assert example(with_one) == "1 + 1\n" and example(without) == ""
