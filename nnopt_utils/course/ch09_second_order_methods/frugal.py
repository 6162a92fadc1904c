"""What an exercise needs to see whether an answer gets by without a large matrix."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

from nnopt_utils.course.exercises.calling import Unusable

SMALLEST = 100_000  # numbers: in smaller cases an import within the answer would weigh more than the matrix


def without(matrix: str, numbers: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return ``function(*arguments)``; raise `Unusable` if it held as much as a certain matrix meanwhile.

    Args:
        matrix: what to call the matrix that must not be made.
        numbers: how many numbers it has; below `SMALLEST` nothing is measured.
        function: the answer.
        arguments: what to call it with.

    Raises:
        Unusable: if arrays and objects that were made meanwhile took at once half as many bytes as the matrix, with
            four bytes a number (single precision).

    Example:
        >>> import numpy as np
        >>> x = np.ones(1000)
        >>> float(without("a 1000 × 1000 matrix", 1000**2, lambda x: x * (x @ x), x)[0])
        1000.0
        >>> without("a 1000 × 1000 matrix", 1000**2, lambda x: np.outer(x, x) @ x, x)
        Traceback (most recent call last):
        nnopt_utils.course.exercises.calling.Unusable: it made a 1000 × 1000 matrix, or something as large
    """
    if numbers < SMALLEST:
        return function(*arguments)
    own = not tracemalloc.is_tracing()
    if own:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        result = function(*arguments)
        most = tracemalloc.get_traced_memory()[1] - before
    finally:
        if own:
            tracemalloc.stop()
    if most > 2 * numbers:
        raise Unusable(f"it made {matrix}, or something as large")
    return result
