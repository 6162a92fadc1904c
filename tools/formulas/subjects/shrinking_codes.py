"""Subjects of the docstrings about codes."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils import compression
from tools.formulas.claims import Subject


def entropy(generator: np.random.Generator) -> dict[str, Any]:
    """The counts are any multiple of the shares."""
    p = generator.dirichlet(np.ones(5))
    return {"p": p, "H": compression.entropy(37 * p)}


CODES: dict[Any, Subject] = {
    compression.entropy: Subject("entropy", entropy),
}
