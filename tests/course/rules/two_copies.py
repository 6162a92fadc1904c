"""The two copies of a chapter agree."""

from __future__ import annotations

from rules.registry import rule
from tools.chapter import (
    Chapter,
)
from tools.twins import TwinError, format_twin, parse_twin, staleness


@rule
def twin_in_step(chapter: Chapter) -> list[str]:
    """Twin and notebook exist and have the same cells: types, sources, tags."""
    try:
        reason = staleness(chapter.pair)
    except TwinError as error:
        reason = str(error)
    return [f"{reason}; mend: python -m tools.notebooks --chapter {chapter.name}"] if reason else []


@rule
def twin_in_standard_form(chapter: Chapter) -> list[str]:
    """The twin is written as the tool writes it, so that a way through JupyterLab changes nothing else."""
    if not chapter.pair.twin.exists():
        return []
    text = chapter.pair.twin.read_text(encoding="utf-8")
    try:
        standard = format_twin(parse_twin(text))
    except TwinError:
        return []  # twin_in_step says so
    mend = f"python -m tools.notebooks --format --chapter {chapter.name}"
    return [] if text == standard else [f"{chapter.pair.twin_name}: not in the standard form; mend: {mend}"]
