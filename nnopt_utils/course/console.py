"""Says something to the learner: text on a page or in a terminal."""

from __future__ import annotations

import sys
import textwrap

WIDTH = 100


def say(text: str) -> None:
    """Print a text, long lines wrapped; a terminal that lacks a character shows a question mark for it."""
    lines = [wrapped for line in text.splitlines() for wrapped in _wrap(line)]
    printable = "\n".join(lines)
    try:
        print(printable)
    except UnicodeEncodeError:
        encoding = getattr(sys.stdout, "encoding", None) or "ascii"
        print(printable.encode(encoding, "replace").decode(encoding))


def _wrap(line: str) -> list[str]:
    if len(line) <= WIDTH:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
