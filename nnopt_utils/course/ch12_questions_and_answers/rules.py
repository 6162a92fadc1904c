"""The rule of a method, as its docstring has it: the formulas there are executed against the code."""

from __future__ import annotations

import inspect
import re
from typing import Any

MATH = re.compile(r":math:`(?P<inline>[^`]*)`|^\.\. math::(?P<block>.*?)(?=^\S|\Z)", re.DOTALL | re.MULTILINE)
TEXT = re.compile(r"\\text\{([^{}]*)\}")


def formulas_of(owner: Any) -> list[str]:
    r"""All formulas of a docstring, in their order, each on one line.

    >>> from nnopt_utils.optimizers import GradientDescent
    >>> formulas_of(GradientDescent)
    ['\\theta_{t+1} = \\theta_t - \\eta_t\\, g_t']
    """
    found = MATH.finditer(inspect.getdoc(owner) or "")
    return [" ".join((match["inline"] or match["block"]).split()) for match in found]


def as_markdown(latex: str) -> str:
    r"""A formula of several lines as several formulas, so that a cell of a table can break between them.

    >>> as_markdown(r"m_t = g_t \\ \theta_{t+1} = \theta_t - m_t .")
    '$m_t = g_t$, $\\theta_{t+1} = \\theta_t - m_t$'
    """
    lines = [latex] if r"\begin" in latex else re.split(r"\\qquad|\\quad|\\\\", latex)
    cleaned = (TEXT.sub(_with_underscores, line.strip(" ,.;")) for line in lines)
    return ", ".join(f"${line}$" for line in cleaned if line)


def _with_underscores(text: re.Match[str]) -> str:
    r"""Put the underscores of a ``\text`` outside: inside, MathJax shows the backslash, or an error without it."""
    return r"\text{" + text[1].replace(r"\_", r"}\_\text{") + "}"


def rule_of(owner: Any, *which: int) -> str:
    """The formulas with these numbers, from 0, of a method's docstring; without numbers, its first sentence in words.

    Args:
        owner: a class or a function of the library.
        which: numbers of its formulas.

    Example:
        >>> from nnopt_utils.compression import prune
        >>> rule_of(prune)
        'Return a network without its smallest weights: they are zero, and stay zero when fit trains the others'
    """
    if not which:
        return (inspect.getdoc(owner) or "").split("\n")[0].replace("``", "").rstrip(".")
    formulas = formulas_of(owner)
    return ", ".join(as_markdown(formulas[number]) for number in which)


def argument_of(owner: Any, name: str) -> str:
    """What the docstring says of an argument, up to the first sentence's end or the source.

    >>> from nnopt_utils.optimizers import Adam
    >>> argument_of(Adam, "amsgrad")
    'divide by the root of the largest v so far'
    """
    match = re.search(rf"^ +{name}: ([^(.;,]+)", inspect.getdoc(owner) or "", re.MULTILINE)
    if match is None:
        raise ValueError(f"name: got {name!r}; expected an argument that {owner.__name__}'s docstring explains")
    return " ".join(match[1].split())
