"""The register of signs: each cause has one function that looks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nnopt_utils.diagnosis.findings import Finding
from nnopt_utils.diagnosis.view import RunView

Look = Callable[[RunView], Finding | None]

RECORDER, OURS, VALIDATION = "a Recorder", "an MLP of this library", "validation data"
MISSING: dict[str, Callable[[RunView], bool]] = {
    RECORDER: lambda view: view.watch is None or not view.watch.rates,
    OURS: lambda view: view.network is None,
    VALIDATION: lambda view: view.x_val is None,
}


@dataclass(frozen=True)
class Sign:
    """A cause, what looks for it, and what it needs to look."""

    cause: str
    what: str
    look: Look
    needs: tuple[str, ...]


SIGNS: dict[str, Sign] = {}


def sign(cause: str, what: str, *needs: str) -> Callable[[Look], Look]:
    """Register a function as the one that looks for a cause.

    Args:
        cause: its name.
        what: the cause in a few words.
        needs: of ``RECORDER``, ``OURS``, ``VALIDATION``.
    """

    def register(look: Look) -> Look:
        SIGNS[cause] = Sign(cause, what, look, needs)
        return look

    return register
