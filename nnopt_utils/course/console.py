"""Says something to the learner: text on a page or in a terminal."""

from __future__ import annotations

import sys
import textwrap

WIDTH = 100


def say(text: str) -> None:
    """Print a text, long lines wrapped; a terminal that lacks a character shows a question mark for it."""
    printable = wrapped(text)
    try:
        print(printable)
    except UnicodeEncodeError:
        encoding = getattr(sys.stdout, "encoding", None) or "ascii"
        print(printable.encode(encoding, "replace").decode(encoding))


def wrapped(text: str) -> str:
    """Return a text with its long lines wrapped."""
    return "\n".join(part for line in text.splitlines() for part in _wrap(line))


def _wrap(line: str) -> list[str]:
    if len(line) <= WIDTH:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
