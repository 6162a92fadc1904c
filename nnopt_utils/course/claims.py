"""A sentence of a chapter that is executed: ``claim("the loss falls at every step", condition)``."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from nnopt_utils._validation import describe
from nnopt_utils.course.console import say
from nnopt_utils.course.showing import marked_html, marked_text, show


class ClaimError(AssertionError):
    """A claim that does not hold, where that is an error: while a chapter is built or tested."""


def claim(sentence: str, condition: Any, found: Any | Callable[[], Any] = None) -> None:
    """Print a sentence with a tick if it holds; else with a cross and what was found, and go on.

    A reader who changes a number has found something out, not broken something. While chapters are built and tested
    the environment variable ``NNOPT_CLAIMS=strict`` is set, and a cross is an error.

    Args:
        sentence: what is claimed, with its conditions.
        condition: True or False (a bool of Python or NumPy).
        found: what to show when the claim fails: a text, a value, or a function without parameters that returns one.

    Raises:
        TypeError: the sentence is no text, or the condition neither True nor False.
        ClaimError: the claim fails and ``NNOPT_CLAIMS`` is ``strict``.

    Example:
        >>> claim("2 + 2 = 4", 2 + 2 == 4)
        ✓ 2 + 2 = 4
    """
    if not isinstance(sentence, str) or not sentence.strip():
        raise TypeError(f"sentence: got {describe(sentence)}; expected what is claimed, as a text")
    if not isinstance(condition, bool | np.bool_):
        advice = " (of an array take .all() or .any())" if isinstance(condition, np.ndarray) else ""
        raise TypeError(f"condition: got {describe(condition)}; expected True or False{advice}")
    if condition:
        say(marked_text("correct", sentence))
        return
    failed = sentence + _found(found)
    text = marked_text("wrong", failed)
    if os.environ.get("NNOPT_CLAIMS") == "strict":
        raise ClaimError(text)
    show(text, marked_html("wrong", failed, spoken="This does not hold:"))


def _found(found: Any) -> str:
    if callable(found):
        found = found()
    if found is None:
        return ""
    return "\n  found: " + (found if isinstance(found, str) else describe(found))
