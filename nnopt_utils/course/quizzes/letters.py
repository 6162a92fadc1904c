"""Understands ``quiz("04.1", b)`` as ``quiz("04.1", "b")``.

Without its quotes the letter is a name: of nothing, or of something else, such as the biases b. Python looks it up
before `quiz` is called, so IPython is asked to change the call before a cell runs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from nnopt_utils._shell import ipython_shell


class LetterQuoter:
    """Puts a quiz's single letter into quotes; one of the transformers that IPython applies to every cell.

    Args:
        shell: the IPython shell, whose names are looked at: a text of the learner's own stays what it is.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell

    def visit(self, tree: ast.AST) -> ast.AST:
        """Return the cell's tree, changed in place. Whatever goes wrong here, the learner's cell runs."""
        try:
            quote_letters(tree, self.shell.user_ns)
        except Exception:  # IPython would say so under the learner's cell, and drop the transformer
            return tree
        return tree


def register() -> None:
    """Have the running IPython shell apply a `LetterQuoter`, exactly one; outside IPython do nothing."""
    shell = ipython_shell()
    if shell is None:
        return
    # By name: after a reload the class is another one.
    others = [known for known in shell.ast_transformers if type(known).__name__ != LetterQuoter.__name__]
    shell.ast_transformers[:] = [*others, LetterQuoter(shell)]


def quote_letters(tree: ast.AST, names: Mapping[str, Any]) -> None:
    """Replace the letters without quotes in a cell's quiz calls, in place.

    Args:
        tree: the cell.
        names: what the session's names stand for. One that is a text, or that the cell itself binds, is left alone.

    Example:
        >>> cell = ast.parse('quiz("04.1", b)')
        >>> quote_letters(cell, {"b": [0.1, 0.2]})
        >>> ast.unparse(cell)
        "quiz('04.1', 'b')"
    """
    bound = set(_bound(tree))
    for call in _quiz_calls(tree):
        for place in _answers(call):
            letter = place.id
            if letter not in bound and not isinstance(names.get(letter), str):
                _replace(call, place, ast.copy_location(ast.Constant(letter), place))


def _quiz_calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_quiz(node.func) and _names_a_question(node):
            yield node


def _is_quiz(function: ast.expr) -> bool:
    return getattr(function, "id", None) == "quiz" or getattr(function, "attr", None) == "quiz"


def _names_a_question(call: ast.Call) -> bool:
    first = [*call.args[:1], *(keyword.value for keyword in call.keywords if keyword.arg == "name")]
    texts = [node.value for node in first if isinstance(node, ast.Constant)]
    return any(isinstance(text, str) and re.fullmatch(r"\d\d\.\d+", text) for text in texts)


def _answers(call: ast.Call) -> list[ast.Name]:
    second = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "answer")]
    return [node for node in second if isinstance(node, ast.Name) and re.fullmatch("[A-Za-z]", node.id)]


def _bound(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def _replace(call: ast.Call, old: ast.expr, new: ast.expr) -> None:
    call.args = [new if argument is old else argument for argument in call.args]
    for keyword in call.keywords:
        if keyword.value is old:
            keyword.value = new
