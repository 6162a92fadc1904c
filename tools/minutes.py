"""How long a chapter takes, computed from its text: ``python -m tools.minutes [--write] [--chapter 04]``.

The constants below are the course's estimate of a reader who is new to the subject and reads in a foreign language.
"""

from __future__ import annotations

import argparse
import ast
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from tools.cell_code import calls, parse_code
from tools.chapter import CAPTION, DEEPER, EXERCISE, HEADING, Block, blocks_of, tags, without_code
from tools.twins import ROOT, Pair, find_pairs, read_twin

WORDS_A_MINUTE = 200
SECONDS_A_LINE = 6  # of code that is shown; imports and comments are passed over, of a claim its sentence is read
SECONDS_A_FORMULA = 15  # one that stands on its own
SECONDS_A_FIGURE = 20
SECONDS_A_TABLE = 15
SECONDS_A_LISTING = 60  # a program in a text, or the library's source, shown by show_source
MINUTES_TO_PREDICT = 3
MINUTES_TO_CODE = 6
MINUTES_OPEN = 10
MINUTES_A_QUESTION = 1  # of the quiz
MINUTES_AN_EXPLORER = 2

CORE_MINUTES = 60
FIRST_EXERCISE_MINUTES = 15
PASSED_OVER = {"At a glance", "References"}
START, END = "<!-- minutes -->", "<!-- end of minutes -->"
BLOCK = re.compile(re.escape(START) + r".*?" + re.escape(END), re.DOTALL)
TIME = re.compile(r"^\*\*Time\*\* .*$", re.MULTILINE)
SECONDS = re.compile(r"\b(\d+) seconds to run")
PROGRAM = re.compile(r"^```python$", re.MULTILINE)
FORMULA = re.compile(r"\$\$.*?\$\$", re.DOTALL)


@dataclass
class Part:
    """A section, or what is deeper in it: minutes to read and to do."""

    title: str
    deeper: bool
    reading: float = 0.0
    doing: float = 0.0

    @property
    def minutes(self) -> float:
        return self.reading + self.doing


@dataclass(frozen=True)
class Minutes:
    """What a chapter takes."""

    parts: list[Part]
    before_first_exercise: float

    @property
    def core(self) -> float:
        return sum(part.minutes for part in self.parts if not part.deeper)

    @property
    def deeper(self) -> float:
        return sum(part.minutes for part in self.parts if part.deeper)


def minutes_of(cells: Sequence[NotebookNode]) -> Minutes:
    """Return the minutes that a chapter's cells take, part by part, in the order of the text."""
    parts: dict[tuple[str, bool], Part] = {}
    before: float | None = None
    for block in blocks_of(cells):
        if not block.section or block.section in PASSED_OVER:
            continue
        exercise = EXERCISE.fullmatch(block.subsection)
        starts = not block.is_code and HEADING.match(block.text)
        if exercise and exercise[2] != "open" and before is None:
            before = sum(part.minutes for part in parts.values() if not part.deeper)
        part = _part_of(block, exercise is not None and exercise[2] == "open", parts)
        part.reading += _reading(block, tags(cells[block.cell]))
        part.doing += _doing(block, exercise[2] if exercise and starts else "")
    return Minutes([part for part in parts.values() if part.minutes > 0], math.inf if before is None else before)


def _part_of(block: Block, is_open: bool, parts: dict[tuple[str, bool], Part]) -> Part:
    deeper = block.deeper or is_open
    title = block.section.removeprefix(DEEPER)
    if block.subsection.startswith(DEEPER):
        title = block.subsection.removeprefix(DEEPER)
    elif is_open:
        title = "open exercises"
    return parts.setdefault((title, deeper), Part(title, deeper))


def _reading(block: Block, names: Sequence[str]) -> float:
    if not block.is_code:
        text = without_code(re.sub(r"<!--.*?-->", "", block.text, flags=re.DOTALL))
        formulas = FORMULA.findall(text)
        words = len(re.sub(r"\$[^$]+\$", "x", FORMULA.sub("", text)).split())
        seconds = len(formulas) * SECONDS_A_FORMULA + bool(CAPTION.match(text)) * SECONDS_A_FIGURE
        seconds += len(PROGRAM.findall(block.text)) * SECONDS_A_LISTING
        return words / WORDS_A_MINUTE + seconds / 60
    if {"solution", "stub", "check"} & set(names):
        return 0.0  # the exercise's minutes hold them
    tree = parse_code(block.text)
    claims = calls(tree, "claim")
    claimed = {row for call in claims for row in range(call.lineno, (call.end_lineno or call.lineno) + 1)}
    words = sum(len(_text(node).split()) for call in claims for node in ast.walk(call.args[0]))
    tables = len(calls(tree, "table")) + len(calls(tree, "literature_table"))
    listings = len(calls(tree, "show_source"))
    code = "\n".join(row for k, row in enumerate(block.text.split("\n"), start=1) if k not in claimed)
    seconds = _shown_lines(code) * SECONDS_A_LINE + tables * SECONDS_A_TABLE + listings * SECONDS_A_LISTING
    return words / WORDS_A_MINUTE + seconds / 60


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _shown_lines(code: str) -> int:
    without_imports = re.sub(r"^from \S+ import \([^)]*\)|^from .*|^import .*", "", code, flags=re.MULTILINE)
    lines = [line.strip() for line in without_imports.split("\n")]
    return sum(1 for line in lines if line.strip("()[]{},") and not line.startswith("#"))


def _doing(block: Block, kind: str) -> float:
    if block.is_code:
        tree = parse_code(block.text)
        return len(calls(tree, "quiz")) * MINUTES_A_QUESTION + len(calls(tree, "explore")) * MINUTES_AN_EXPLORER
    return {"predict": MINUTES_TO_PREDICT, "code": MINUTES_TO_CODE, "open": MINUTES_OPEN}.get(kind, 0)


def time_line(minutes: Minutes, seconds: int) -> str:
    """Return the line of *At a glance*; minutes are rounded up to fives."""
    more = f", {_fives(minutes.deeper)} more for what goes deeper" if minutes.deeper else ""
    return (
        f"**Time** {_fives(minutes.core)} minutes for the core path with its exercises{more}; {seconds} seconds to run."
    )


def _fives(minutes: float) -> int:
    return 5 * math.ceil(minutes / 5)


def table_of(minutes: Minutes) -> str:
    """Return the table of *At a glance*, between its marks."""
    rows = ["| section | to read | to do |", "|---|---|---|"]
    for part in minutes.parts:
        title = f"*Going deeper:* {part.title}" if part.deeper else part.title
        doing = f"{math.ceil(part.doing)} min" if part.doing else ""
        rows.append(f"| {title} | {math.ceil(part.reading)} min | {doing} |")
    return "\n".join([START, "", *rows, "", END])


def updated(text: str, minutes: Minutes) -> str:
    """Return a chapter's text with the minutes that it takes.

    Raises:
        ValueError: the text has no marks, or no line ``**Time** … seconds to run``.
    """
    stated = TIME.search(text)
    seconds = SECONDS.search(stated[0]) if stated else None
    if seconds is None or BLOCK.search(text) is None:
        raise ValueError(f"At a glance needs a line '**Time** NN seconds to run.' and the marks {START} and {END}")
    text = TIME.sub(lambda _: time_line(minutes, int(seconds[1])), text, count=1)
    return BLOCK.sub(lambda _: table_of(minutes), text, count=1)


def in_readme(text: str, name: str, minutes: Minutes, seconds: int) -> str:
    """Return the README's text with what its row says of a chapter."""
    row = re.compile(rf"(\| \[.*\]\(notebooks/{name}\.ipynb\) \| .*? \|).*")
    deeper = f"{_fives(minutes.deeper)} min" if minutes.deeper else ""
    return row.sub(lambda m: f"{m[1]} {_fives(minutes.core)} min | {deeper} | {seconds} s |", text)


def _write(pair: Pair, minutes: Minutes, root: Path) -> None:
    text = updated(pair.twin.read_text(encoding="utf-8"), minutes)
    pair.twin.write_text(text, encoding="utf-8", newline="\n")
    seconds = SECONDS.search(TIME.search(text)[0])[1]  # type: ignore[index]  # updated() found them
    readme = root / "README.md"
    changed = in_readme(readme.read_text(encoding="utf-8"), pair.name, minutes, int(seconds))
    readme.write_text(changed, encoding="utf-8", newline="\n")


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chapter", default="", help="the number of one chapter")
    parser.add_argument("--write", action="store_true", help="write the minutes into the texts")
    options = parser.parse_args(arguments)
    for pair in find_pairs(root):
        if not pair.name.startswith(options.chapter):
            continue
        minutes = minutes_of(read_twin(pair.twin).cells)
        before = minutes.before_first_exercise
        print(f"{pair.name}: core {minutes.core:.0f}, deeper {minutes.deeper:.0f}, first exercise after {before:.0f}")
        for part in minutes.parts if options.chapter else ():
            mark = "  deeper " if part.deeper else "  core   "
            print(f"{mark}{part.reading:5.1f} to read {part.doing:5.1f} to do  {part.title}")
        if options.write:
            _write(pair, minutes, root)


if __name__ == "__main__":
    main()
