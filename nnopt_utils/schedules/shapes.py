"""How a rate falls from one value to another: the shapes that several schedules share."""

from __future__ import annotations

import math
from collections.abc import Callable

# Each takes the finished share of the way, from 0 to 1, and returns the share of the fall that is left, from 1 to 0.
SHAPES: dict[str, Callable[[float], float]] = {
    "linear": lambda u: 1 - u,
    "cosine": lambda u: 0.5 * (1 + math.cos(math.pi * u)),
    "1-sqrt": lambda u: 1 - math.sqrt(u),
}
