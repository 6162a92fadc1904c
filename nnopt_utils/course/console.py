"""Says something to the learner: text on a page or in a terminal."""

from __future__ import annotations

import sys
import textwrap

WIDTH = 100
# For a terminal that lacks the signs: a question mark for both the tick and the cross would say nothing.
PLAIN_SIGNS = str.maketrans({"✓": "[+]", "✗": "[x]", "○": "[ ]"})


def say(text: str) -> None:
    """Print a text, long lines wrapped; a terminal that lacks a character shows another sign or a question mark."""
    printable = wrapped(text)
    try:
        print(printable)
    except UnicodeEncodeError:
        encoding = getattr(sys.stdout, "encoding", None) or "ascii"
        print(printable.translate(PLAIN_SIGNS).encode(encoding, "replace").decode(encoding))


def wrapped(text: str) -> str:
    """Return a text with its long lines wrapped, each at its own indentation.

    Example:
        >>> print(wrapped("  a word " + 100 * "x"))
          a word
          xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    """
    return "\n".join(piece for line in text.splitlines() for piece in _wrap(line))


def _wrap(line: str) -> list[str]:
    if len(line) <= WIDTH:
        return [line]
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
