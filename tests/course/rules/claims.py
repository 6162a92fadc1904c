"""What a chapter claims is executed by `claim`, which goes on when it fails."""

from __future__ import annotations

import ast

from rules.registry import IGNORE, rule
from tools.cell_code import calls
from tools.chapter import Chapter, tags

NOT_OURS = {"stub", "solution", "raises-exception"}  # an assertion there is what the cell shows


@rule
def no_bare_asserts(chapter: Chapter) -> list[str]:
    """A reader who changes a number has found something out: a claim says what, an AssertionError nothing."""
    return [
        chapter.at(index, f"`{ast.unparse(node)[:60]}`: say it as claim(sentence, condition, found=…)")
        for index, cell in chapter.code_cells()
        if not NOT_OURS & set(tags(cell))
        for node in ast.walk(chapter.trees[index])
        if isinstance(node, ast.Assert)
    ]


def _is_constant_text(node: ast.expr) -> bool:
    if isinstance(node, ast.JoinedStr):
        return all(isinstance(part, ast.Constant) for part in node.values)
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@rule
def no_constant_prints(chapter: Chapter) -> list[str]:
    """A sentence that is printed whatever was found proves nothing."""
    return [
        chapter.at(index, f"`{ast.unparse(call)[:60]}` says the same whatever happens: make it a claim, or text")
        for index, _ in chapter.code_cells()
        for call in calls(chapter.trees[index], "print")
        if call.args and all(_is_constant_text(argument) for argument in call.args)
    ]


@rule
def claims_are_compared(chapter: Chapter) -> list[str]:
    """A claim stands where its tick is compared."""
    return [
        chapter.at(index, f"a claim in a cell tagged {IGNORE}; put it into the next one, whose output is compared")
        for index, _ in chapter.code_cells(IGNORE)
        if calls(chapter.trees[index], "claim")
    ]


@rule
def claims_have_sentences(chapter: Chapter) -> list[str]:
    """A claim begins with words: what is claimed, with its conditions."""
    return [
        chapter.at(index, f"`{ast.unparse(call)[:60]}`: its sentence needs five words or more")
        for index, _ in chapter.code_cells()
        for call in calls(chapter.trees[index], "claim")
        if not call.args or (_is_constant_text(call.args[0]) and len(ast.literal_eval(call.args[0]).split()) < 5)
    ]
