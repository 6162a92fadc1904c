"""Calls a learner's function, and reports whatever happens instead of failing."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import linecache
import re
import sys
import sysconfig
import textwrap
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from nnopt_utils.course.comparing import comparable, compare, snapshot
from nnopt_utils.course.exercises.limits import OverLimit, within_limits

_PACKAGE = str(Path(__file__).resolve().parents[2])
_LIBRARIES = tuple(sysconfig.get_paths()[key] for key in ("stdlib", "purelib", "platlib"))
_NOT_LEARNERS = (_PACKAGE, *_LIBRARIES, "<frozen", "<__array")

# What Python's message does not say to a beginner: (exception, part of its text, what to do).
EXPLANATIONS = (
    (ValueError, "truth value of an array", "An `if` decides once, not for every entry: use np.where or np.maximum."),
    (
        TypeError,
        "can be converted to Python scalars",
        "Functions of `math` take one number: use NumPy's, such as np.exp.",
    ),
    (TypeError, "NoneType", "Something is None here: a function without `return`, or a variable not yet set."),
    (UnboundLocalError, "", "The variable is assigned further down in the function: give it a value first."),
    (NameError, "", "Check the spelling, and that the cell that defines it was run."),
    (RecursionError, "", "The function calls itself without end."),
    (MemoryError, "", "Is there a list that grows without end, or a table of all pairs where a row is meant?"),
    (SystemExit, "", "Do not call exit() or sys.exit(): use `return`."),
)


class Unusable(Exception):
    """Raised by a check's helper on a result that is not of the form that the task asks for; the text says why.

    Example:
        >>> raise Unusable("Batch 3 of 4 is empty.")
        Traceback (most recent call last):
        ...
        nnopt_utils.course.exercises.calling.Unusable: Batch 3 of 4 is empty.
    """


@dataclass(frozen=True)
class Outcome:
    """What one call did."""

    value: Any = None
    error: BaseException | None = None
    after: tuple[Any, ...] = field(default=())
    changed: tuple[str, ...] = ()
    returned: tuple[Any, ...] = ()  # by the learner's own function, where a check's helper called it


def call_safely(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    untouched: tuple[Any, ...],
    names: Sequence[str],
    seconds: float | None = None,
) -> Outcome:
    """Call ``function`` within limits, without warnings about numbers, and catch everything but an interrupt.

    Where output goes is put back afterwards: without it a notebook's kernel cannot even report.

    Args:
        function: what to call.
        arguments: what to call it with; may be changed by the call.
        untouched: the same arguments once more, to see which were changed.
        names: what to call the arguments.
        seconds: how long it may take; a default of `limits` otherwise.
    """
    try:
        with (
            redirect_stdout(sys.stdout),
            redirect_stderr(sys.stderr),
            warnings.catch_warnings(),
            np.errstate(all="ignore"),
        ):
            warnings.simplefilter("ignore", RuntimeWarning)
            value = within_limits(lambda: snapshot(function(*arguments)), seconds)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Outcome(error=error)
    return Outcome(value, None, snapshot(arguments), changed_names(untouched, arguments, names))


def changed_names(before: tuple[Any, ...], after: tuple[Any, ...], names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the arguments that are no longer what they were; objects are not looked into."""
    return tuple(
        name
        for name, old, new in zip(names, before, after, strict=True)
        if comparable(old) and comparable(new) and compare(new, old, rtol=0.0, atol=0.0) is not None
    )


def parameter_names(function: Callable[..., Any], count: int) -> list[str]:
    """Return the names of the first ``count`` parameters; "argument 1", … where the function does not tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
        names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    except (TypeError, ValueError):
        names = []
    return [names[i] if i < len(names) else f"argument {i + 1}" for i in range(count)]


def signature_problem(function: Callable[..., Any], arguments: tuple[Any, ...], names: Sequence[str]) -> str | None:
    """Say that ``function`` cannot be called with these arguments, or return None if it can (or does not tell)."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*arguments)
    except TypeError:
        taken = ", ".join(signature.parameters)
        has = f"({taken})" if taken else "no parameters"
        return f"Your function takes {has}; it must take {len(arguments)}: ({', '.join(names)})."
    return None


def recording(answer: Any, returned: list[Any]) -> Any:
    """Return a function that does what ``answer`` does, and keeps what it returns; anything else as it is."""
    if not inspect.isfunction(answer):
        return answer

    @functools.wraps(answer)
    def recorded(*arguments: Any, **named: Any) -> Any:
        value = answer(*arguments, **named)
        returned.append(value)
        return value

    return recorded


def first_items(items: Iterable[Any], limit: int) -> list[Any]:
    """Return what a learner's function gives one by one, as a list; an endless iterator becomes a sentence.

    >>> first_items(iter("abc"), 3)
    ['a', 'b', 'c']
    >>> first_items(itertools.count(), 3)
    Traceback (most recent call last):
    nnopt_utils.course.exercises.calling.Unusable: it gave more than 3 items and went on, as an endless loop does
    """
    taken = list(itertools.islice(items, limit + 1))
    if len(taken) > limit:
        raise Unusable(f"it gave more than {limit} items and went on, as an endless loop does")
    return taken


def unfinished_stub(error: NotImplementedError) -> str | None:
    """Say that the stub's ``raise`` stands among a learner's own lines; None if nothing else was written."""
    found = learners_line(error)
    if found is None:
        return None
    code, line = found[0].f_code, found[1]
    try:
        [function] = ast.parse(textwrap.dedent(inspect.getsource(code))).body
    except (OSError, SyntaxError, ValueError):
        return None
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    # Docstrings, `pass` and `...` are not written by a learner either.
    written = [
        node
        for node in function.body
        if not isinstance(node, ast.Raise | ast.Pass)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    if not written:
        return None
    return (
        f"The stub's line `raise NotImplementedError` is still there, in line {line - code.co_firstlineno + 1} of "
        f"{code.co_name}: delete it, so that your own lines count."
    )


def describe_error(error: BaseException) -> str:
    """Say what was raised, where in the learner's code, and what it usually means."""
    if isinstance(error, OverLimit):
        return f"Your function {error}: a loop that never ends?{_where(error)}"
    text = f"Your function raised {type(error).__name__}{_detail(error)}{_where(error)}"
    message = str_of(error)
    explanation = next((tip for kind, part, tip in EXPLANATIONS if isinstance(error, kind) and part in message), "")
    return text + (f"\n{explanation}" if explanation else "")


def str_of(error: BaseException) -> str:
    """Return an exception's text, even if it is a learner's own whose text fails."""
    try:
        return str(error)
    except Exception:
        return ""


def _detail(error: BaseException) -> str:
    text = str_of(error).strip()
    if not text:
        return "."
    first_line = re.sub(r" at 0x[0-9a-fA-F]+", "", text.splitlines()[0])  # addresses differ from run to run
    return f": {_printable(first_line)}"


def _printable(line: str) -> str:
    """Return a line of at most 200 letters, without a terminal's colours and marks that turn the direction of writing.

    They would go on in the text that comes after.
    """
    shown = "".join(letter if letter.isprintable() else " " for letter in line[:201])
    return shown if len(shown) <= 200 else shown[:197] + "..."


def learners_line(error: BaseException) -> tuple[FrameType, int] | None:
    """Return the deepest line of the learner's own code that led to the exception, or None."""
    found: tuple[FrameType, int] | None = None
    trace = error.__traceback__
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_NOT_LEARNERS):
            found = (trace.tb_frame, trace.tb_lineno)
        trace = trace.tb_next
    return found


def _where(error: BaseException) -> str:
    """Name the deepest line of the learner's own code that led to the exception."""
    found = learners_line(error)
    if found is None:
        return ""
    code, line = found[0].f_code, found[1]
    source = _printable(linecache.getline(code.co_filename, line).strip())
    return f"\n  in line {line - code.co_firstlineno + 1} of {code.co_name}" + (f":  {source}" if source else "")
