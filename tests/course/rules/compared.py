"""What nbval compares, and what stands in for it where it cannot."""

from __future__ import annotations

import ast
import re

from rules.registry import IGNORE, rule
from tools.cell_code import (
    called_name,
    claims_something,
    executed_nodes,
    parse_code,
)
from tools.chapter import (
    Chapter,
    tags,
)

CODE_TAGS = {IGNORE, "raises-exception", "explorer", "literature", "stub", "check", "solution", "deeper"}


@rule
def no_semicolon_at_the_end(chapter: Chapter) -> list[str]:
    """No cell ends in `;`: it hides the last value in JupyterLab, but not under nbval, which keeps no history."""
    return [
        chapter.at(index, "ends in ;, which nbval does not understand; assign the value instead, as in `ax = plot(…)`")
        for index, cell in chapter.code_cells()
        if re.search(r";\s*(?:#[^\n]*\s*)?$", cell.source) and IGNORE not in tags(cell)
    ]


NBVAL_COMMENT = re.compile(r"^\s*#+\s*((?:NBVAL|PYTEST_VALIDATE)_\w+)", re.MULTILINE)


@rule
def known_tags(chapter: Chapter) -> list[str]:
    """Only the tags of docs/authoring.md, on code cells; nbval is steered by tags, not by comments."""
    found = []
    for index, cell in enumerate(chapter.cells):
        allowed = CODE_TAGS if cell.cell_type == "code" else set()
        for tag in sorted(set(tags(cell)) - allowed):
            found.append(chapter.at(index, f"the tag {tag!r} is not known on a {cell.cell_type} cell"))
        match = NBVAL_COMMENT.search(cell.source) if cell.cell_type == "code" else None
        if match:
            found.append(chapter.at(index, f"the comment {match[1]} steers nbval; use the tag {IGNORE}, or nothing"))
    return found


@rule
def ignored_outputs_are_claimed(chapter: Chapter) -> list[str]:
    """What nbval does not compare is claimed in the next code cell, whose own output is compared."""
    found = []
    for index, _ in chapter.code_cells(IGNORE):
        following = chapter.next_code_cell(index)
        if following is None or not claims_something(parse_code(following.source)):
            found.append(chapter.at(index, f"tagged {IGNORE}, but the next code cell has no claim about it; add one"))
        elif IGNORE in tags(following):
            found.append(
                chapter.at(index, f"tagged {IGNORE}, and so is the next code cell, which should hold its claims")
            )
    return found


@rule
def training_is_ignored(chapter: Chapter) -> list[str]:
    """A cell that trains is tagged: its numbers differ between processors."""
    trainers = {"fit", "search", "train_on_batch", "data_parallel", "hogwild", "parameter_server", "local_sgd"}
    trainers |= {"train_synchronous", "train_asynchronous"}
    definitions = {
        node.name: {called_name(inner) for inner in ast.walk(node)}
        for tree in chapter.trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }
    for _ in definitions:  # a function that calls a trainer is one, however deep
        trainers |= {name for name, called in definitions.items() if called & trainers}
    return [
        chapter.at(
            index, f"trains a network ({sorted(found)[0]}); tag it {IGNORE} and put its claims into the next cell"
        )
        for index, cell in chapter.code_cells()
        if (found := {called_name(node) for node in executed_nodes(chapter.trees[index])} & trainers)
        and IGNORE not in tags(cell)
    ]


@rule
def timing_is_ignored(chapter: Chapter) -> list[str]:
    """A cell that measures time with a magic is tagged."""
    return [
        chapter.at(index, f"measures time; tag it {IGNORE}")
        for index, cell in chapter.code_cells()
        if re.search(r"(?:^|\s|=)%{1,2}(?:timeit|time)\b", cell.source) and IGNORE not in tags(cell)
    ]
