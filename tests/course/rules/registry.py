"""The rules by name. Each is a function ``(chapter) -> list of violations``."""

from __future__ import annotations

from collections.abc import Callable

from tools.chapter import Chapter

IGNORE = "nbval-ignore-output"

Rule = Callable[[Chapter], list[str]]
RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function
