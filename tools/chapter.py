"""The model of a chapter: its cells, sections, headings, exercises and figures, as rules and exports read them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.cell_code import parse_code
from tools.twins import ROOT, Pair, find_pairs, read_notebook

HEADING = re.compile(r"(#{1,6})[ \t]+([^\n]*)")
EXERCISE = re.compile(r"Exercise (\d\d\.\d+) \((predict|code|open)\): \S.*")
FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
DEEPER = "Going deeper: "  # how the heading of a part begins that a first reader may leave out
CAPTION = re.compile(r"\*\*Figure (\d\d)\.(\d+)\.\*\* \S")


@dataclass(frozen=True)
class Block:
    """A code cell, or a part of a markdown cell that starts with a heading (or the cell)."""

    cell: int
    text: str
    is_code: bool
    section: str  # the level-2 heading above or at the start
    subsection: str  # the level-3 heading, if there is one in this section

    @property
    def deeper(self) -> bool:
        """Whether it stands in a part that a first reader may leave out."""
        return self.section.startswith(DEEPER) or self.subsection.startswith(DEEPER)


@dataclass(frozen=True)
class Heading:
    level: int
    text: str
    cell: int


@dataclass(frozen=True)
class Exercise:
    """An exercise: its heading, the section it stands in, and the indices of its code cells."""

    number: str
    kind: str
    section: str
    heading_cell: int
    code_cells: list[int]


class Chapter:
    """A notebook, its twin, and what can be read from them."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.name = pair.name
        self.number = pair.name.split("_")[0]
        self.notebook: NotebookNode = (
            read_notebook(pair.notebook) if pair.notebook.exists() else nbformat.v4.new_notebook()
        )
        self.cells: list[NotebookNode] = self.notebook.cells

    def at(self, cell: int | None, what: str) -> str:
        """A violation: where, and what."""
        return f"{self.pair.notebook.name}" + ("" if cell is None else f", cell {cell}") + f": {what}"

    def code_cells(self, tag: str | None = None) -> Iterator[tuple[int, NotebookNode]]:
        """Index and cell of every code cell, or of those with a tag."""
        for index, cell in enumerate(self.cells):
            if cell.cell_type == "code" and (tag is None or tag in tags(cell)):
                yield index, cell

    def next_code_cell(self, index: int) -> NotebookNode | None:
        return next((cell for later, cell in self.code_cells() if later > index), None)

    @cached_property
    def trees(self) -> dict[int, ast.Module]:
        """The syntax tree of every code cell; magics are translated first."""
        return {index: parse_code(cell.source) for index, cell in self.code_cells()}

    @cached_property
    def headings(self) -> list[Heading]:
        return [
            Heading(len(match[1]), match[2].strip(), block.cell)
            for block in self.blocks
            if not block.is_code and (match := HEADING.match(block.text))
        ]

    @cached_property
    def blocks(self) -> list[Block]:
        return blocks_of(self.cells)

    def section_blocks(self, title: str, code: bool) -> list[Block]:
        return [block for block in self.blocks if block.section == title and block.is_code == code]

    @cached_property
    def exercises(self) -> list[Exercise]:
        found = []
        for heading in self.headings:
            match = EXERCISE.fullmatch(heading.text)
            if heading.level == 3 and match:
                blocks = [block for block in self.blocks if block.subsection == heading.text]
                cells = [block.cell for block in blocks if block.is_code]
                found.append(Exercise(match[1], match[2], blocks[0].section, heading.cell, cells))
        return found


def blocks_of(cells: Sequence[NotebookNode]) -> list[Block]:
    """The code cells and the parts of texts, in order, each with the headings above it."""
    blocks: list[Block] = []
    section = subsection = ""
    for index, cell in enumerate(cells):
        for text in [cell.source] if cell.cell_type == "code" else split_at_headings(cell.source):
            match = HEADING.match(text) if cell.cell_type != "code" else None
            if match and len(match[1]) <= 2:
                section, subsection = (match[2].strip() if len(match[1]) == 2 else ""), ""
            elif match and len(match[1]) == 3:
                subsection = match[2].strip()
            blocks.append(Block(index, text, cell.cell_type == "code", section, subsection))
    return blocks


def load_chapters(root: Path = ROOT) -> list[Chapter]:
    """All chapters of the course, also those of which one copy is missing."""
    return [Chapter(pair) for pair in find_pairs(root)]


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def split_at_headings(source: str) -> list[str]:
    """The parts of a text, each beginning with a heading, except perhaps the first. Fenced code has no headings."""
    parts: list[list[str]] = [[]]
    fence = ""
    for line in source.split("\n"):
        match = FENCE.match(line)
        if match and not fence:
            fence = match[1]
        elif match and match[1].startswith(fence):
            fence = ""
        elif not fence and HEADING.match(line):
            parts.append([])
        parts[-1].append(line)
    return ["\n".join(part) for part in parts if "".join(part).strip()]


def without_code(source: str) -> str:
    """A text without its fenced blocks and code spans."""
    kept = []
    fence = ""
    for line in source.split("\n"):
        match = FENCE.match(line)
        if match and not fence:
            fence = match[1]
        elif match and fence and match[1].startswith(fence):
            fence = ""
        elif not fence:
            kept.append(line)
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "CODE", "\n".join(kept), flags=re.DOTALL)


def output_texts(cell: NotebookNode) -> Iterator[str]:
    """Every text that a cell's outputs show; pictures are left out, also those inside HTML."""
    for output in cell.get("outputs", []):
        yield output.get("text", "")
        yield output.get("evalue", "")
        yield "\n".join(output.get("traceback", []))
        for mime, data in output.get("data", {}).items():
            if isinstance(data, str) and (mime.startswith("text/") or mime == "image/svg+xml"):
                yield re.sub(r"base64,[A-Za-z0-9+/=\s]+", "base64,", data)


def count_figures(cell: NotebookNode) -> int:
    def is_figure(data: dict[str, object]) -> bool:
        html = str(data.get("text/html", ""))
        return any(mime.startswith("image/") for mime in data) or "data:image" in html or "<video" in html

    return sum(is_figure(output.get("data", {})) for output in cell.get("outputs", []))
