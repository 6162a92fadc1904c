"""Free letters: an identity holds whatever they are. ``letters x[4,3] b[3] t u=1``: a matrix, a vector, a number, 1."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tools.formulas.arithmetic import FormulaError
from tools.formulas.claims import Subject

WORD = re.compile(r"([^\[\]=]+)(?:\[(\d+(?:,\d+)?)\]|=(-?[\d.]+(?:e-?\d+)?))?")


def letters(words: Sequence[str]) -> Subject:
    """The subject of a mark's words; numbers are between 0.5 and 2, arrays normal."""

    def draw(generator: np.random.Generator) -> dict[str, Any]:
        return dict(one(word, generator) for word in words)

    return Subject("letters", draw)


def one(word: str, generator: np.random.Generator) -> tuple[str, Any]:
    match = WORD.fullmatch(word)
    if not match:
        raise FormulaError(f"got {word!r} in a mark; expected a letter, letter[rows,columns], letter[size] or letter=2")
    name, shape, number = match.groups()
    if number:
        return name, float(number)
    if shape:
        return name, generator.normal(size=[int(size) for size in shape.split(",")])
    return name, generator.uniform(0.5, 2.0)
