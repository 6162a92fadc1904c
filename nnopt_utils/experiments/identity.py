"""By what a table knows a setting or a task again in another process: numbers and text only."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import numpy as np

from nnopt_utils._validation import describe

# Where a schedule that cannot be printed is looked at.
PROBED_STEPS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


def identify(name: str, value: Any) -> Any:
    """Return what stands for a value in a table: the value itself if it is a number or text, else its repr.

    A function's repr holds its address, which changes from run to run; a schedule that is one is described by its
    rates after some numbers of steps.

    >>> identify("learning_rate", np.float64(0.1))
    0.1
    >>> identify("learning_rate", lambda step: 0.1 / (1 + step))[:40]
    'rates 0.1, 0.05, 0.0333333, 0.0166667, 0'
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [identify(name, item) for item in value]
    text = repr(value)
    if not re.search(r" at 0x[0-9a-fA-F]+", text):
        return text
    if callable(value) and name in ("learning_rate", "schedule"):
        return f"rates {', '.join(f'{value(step):g}' for step in PROBED_STEPS)}, … after {PROBED_STEPS} steps"
    raise ValueError(
        f"{name}: got {describe(value)}, whose repr holds an address, which is another in every process; "
        "expected a number, text, or an object whose repr says what it is"
    )


def checksum(*arrays: np.ndarray) -> str:
    """SHA-256 over types, shapes and values.

    >>> checksum(np.zeros(2))[:8] == checksum(np.zeros((2, 1)))[:8]
    False
    """
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
