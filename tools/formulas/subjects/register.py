"""The register of subjects, by the name that a mark gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from tools.formulas.arithmetic import FormulaError
from tools.formulas.claims import Subject
from tools.formulas.evaluate import Environment
from tools.formulas.subjects.letters import letters

Draw = Callable[[np.random.Generator], Environment | Sequence[Environment]]
D = TypeVar("D", bound=Draw)
SUBJECTS: dict[str, Subject] = {}


def subject(tolerance: float = 1e-9) -> Callable[[D], D]:
    """Register a function that draws an environment, under its own name."""

    def register(draw: D) -> D:
        SUBJECTS[draw.__name__] = Subject(draw.__name__, draw, tolerance)
        return draw

    return register


def get_subject(mark: str) -> Subject:
    """The subject that a mark names: one of the register, or ``letters`` with their shapes.

    Raises:
        FormulaError: there is none of that name.
    """
    name, *words = mark.split()
    if name == "letters":
        return letters(words)
    if name not in SUBJECTS or words:
        raise FormulaError(f"got the mark {mark!r}; expected Class convention key=value …, letters …, or a subject")
    return SUBJECTS[name]
