"""Shows a verdict so that it is seen at a glance: sign, colour and words on a page, sign and words in a terminal.

The words carry the meaning. The sign is for the eye, and hidden from a screen reader, unless it has a name; only the
sign and the border have a colour, so nothing is lost in print, in either theme, or where a page may not have styles.
"""

from __future__ import annotations

import html
import re

from nnopt_utils._shell import notebook_shell
from nnopt_utils.course.console import say, wrapped
from nnopt_utils.course.result import CheckResult, Status

SIGNS: dict[Status, str] = {"correct": "✓", "wrong": "✗", "not attempted": "○"}
# Safe for colour-blind readers; each at least 4 to 1 against white and against the #111 of JupyterLab's dark theme.
COLOURS: dict[Status, str] = {"correct": "#008561", "wrong": "#c65700", "not attempted": "#787878"}
FIRST_SENTENCE = re.compile(r".*?[.?!](?=\s|$)|.*")
_BOX = "border-left: 4px solid {}; padding-left: 0.7em"
# Exports have styles of their own for <pre>: other letters, and in print lines that break within words.
_TEXT = (
    "white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere; margin: 0; "
    "font-family: var(--jp-code-font-family, monospace)"
)


def result_text(result: CheckResult, solution: bool = False) -> str:
    """Return a result as plain text: its sign and its words.

    Args:
        result: what `check` or `quiz` found.
        solution: say that the answer was the course's own.

    Example:
        >>> print(result_text(CheckResult("04.rate", "correct", "04.rate: correct. 2/L = 0.2")))
        ✓ 04.rate: correct. 2/L = 0.2
    """
    message = f"{_own(result)}: {_without_name(result)}" if solution else result.message
    return marked_text(result.status, message)


def result_html(result: CheckResult, solution: bool = False) -> str:
    """Return a result as HTML; that of a right solution of the course is folded, and its summary gives nothing away.

    A solution that somebody has changed, and that is no longer right, is not folded: that should be seen.

    Args:
        result: what `check` or `quiz` found.
        solution: say that the answer was the course's own.

    Example:
        >>> "not yet" in result_html(CheckResult("04.rate", "wrong", "04.rate: not yet. 0.3 is too large."))
        True
    """
    if not solution:
        return marked_html(result.status, result.message)
    if not result:
        return marked_html(result.status, f"{_own(result)}: {_without_name(result)}")
    box = _BOX.format(COLOURS["not attempted"])
    summary = html.escape(f"{_own(result)}, checked. Open to see it.")
    inside = marked_html(result.status, _without_name(result))
    return f'<details style="{box}"><summary>{summary}</summary>{inside}</details>'


def show_result(result: CheckResult, solution: bool = False) -> None:
    """Show a result on the page, or print it where there is none.

    Args:
        result: what `check` or `quiz` found.
        solution: say that the answer was the course's own, and fold it on the page.

    Example:
        >>> show_result(CheckResult("04.rate", "wrong", "04.rate: not yet. 0.3 is too large."))
        ✗ 04.rate: not yet. 0.3 is too large.
    """
    show(result_text(result, solution), result_html(result, solution))


def marked_text(status: Status, text: str) -> str:
    """Return a text behind the sign of a verdict.

    Example:
        >>> print(marked_text("wrong", "the loss falls"))
        ✗ the loss falls
    """
    return f"{SIGNS[status]} {text}"


def marked_html(status: Status, text: str, spoken: str = "") -> str:
    """Return a text behind the sign of a verdict as HTML, its first sentence bold.

    Lines and columns stay as they are: a comparison of what came and what was expected is aligned by spaces.

    Args:
        status: chooses the sign and the colour.
        text: what is said.
        spoken: what a screen reader says for the sign, needed where the text alone does not tell the verdict.

    Example:
        >>> "x &lt; 1" in marked_html("wrong", "x < 1")
        True
    """
    colour = COLOURS[status]
    name = f'role="img" aria-label="{html.escape(spoken)}"' if spoken else 'aria-hidden="true"'
    sign = f'<span {name} style="color: {colour}; font-weight: bold">{SIGNS[status]}</span>'
    end = FIRST_SENTENCE.match(text).end()  # type: ignore[union-attr]  # the pattern fits every text
    words = f"<strong>{html.escape(text[:end])}</strong>{html.escape(text[end:])}"
    return f'<div role="status" style="{_BOX.format(colour)}"><pre style="{_TEXT}">{sign} {words}</pre></div>'


def show(text: str, page: str) -> None:
    """Show ``page``, which is HTML, in a notebook, and print ``text`` elsewhere.

    Example:
        >>> show("✓ done", "<b>done</b>")
        ✓ done
    """
    shell = notebook_shell()
    if shell is None:
        say(text)
    else:
        shell.display_pub.publish({"text/plain": wrapped(text), "text/html": page})


def _own(result: CheckResult) -> str:
    return f"{result.name}: the course's own solution"


def _without_name(result: CheckResult) -> str:
    return result.message.removeprefix(f"{result.name}: ")
