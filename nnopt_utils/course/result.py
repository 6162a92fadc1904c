"""What ``check`` and ``quiz`` return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from nnopt_utils.course.comparing import short
from nnopt_utils.course.registry import Registry

Status = Literal["not attempted", "correct", "wrong"]


@dataclass(frozen=True)
class CheckResult:
    """What `check` and `quiz` return: true if correct, and silent as the last line of a notebook's cell."""

    name: str
    status: Status
    message: str
    mistake: str = ""  # what progress keeps of a wrong answer, such as "mistake:you-went-up-the-hill"

    def __bool__(self) -> bool:
        return self.status == "correct"

    def __repr__(self) -> str:
        return f"CheckResult({self.name!r}, {self.status!r})"

    def _ipython_display_(self) -> None:
        """Show nothing: the message was shown."""


def unknown_name(what: str, function: str, name: object, known: Registry[Any]) -> CheckResult:
    """Return a friendly result for a name that does not exist: it is no attempt at anything."""
    if callable(name) or not isinstance(name, str):
        example = next(iter(known), "04.name")
        message = f'The name of the {what} comes first, in quotes: {function}("{example}", your_answer).'
        return CheckResult("", "not attempted", message)
    near = known.nearest(name)
    advice = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Chapters: {', '.join(known.chapters())}."
    return CheckResult(name, "not attempted", f"No {what} is called {short(name)}. {advice}")
