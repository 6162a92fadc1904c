"""The rules that every chapter keeps. Each is a function ``(chapter) -> list of violations``.

A violation says the file, the cell, what is wrong and how to mend it. The conventions themselves are described in
``docs/authoring.md``; ``test_rules.py`` breaks every rule once and sees it complain.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from tools.normalise import WIDGET_VIEW
from tools.twins import (
    NOTEBOOK_METADATA,
    ROOT,
    Pair,
    TwinError,
    cell_metadata,
    find_pairs,
    format_twin,
    parse_twin,
    read_notebook,
    staleness,
)

IGNORE = "nbval-ignore-output"
CODE_TAGS = {IGNORE, "raises-exception", "explorer", "literature", "stub", "check", "solution"}

BEFORE = ["At a glance", "Predict"]
AFTER = [
    "Checked against the literature",
    "Common mistakes",
    "Exercises",
    "Summary",
    "Quiz",
    "References",
]
GLANCE_LABELS = ["**You will be able to**", "**You need first**", "**Time**", "**Follows**"]
KINDS = {"predict": 1, "code": 2, "open": 1}  # how many a chapter has at least
MAXIMUM_BYTES = 3_000_000


# ---- a chapter, as the rules see it ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A code cell, or a part of a markdown cell that starts with a heading (or the cell)."""

    cell: int
    text: str
    is_code: bool
    section: str  # the level-2 heading above or at the start
    subsection: str  # the level-3 heading, if there is one in this section


@dataclass(frozen=True)
class Heading:
    level: int
    text: str
    cell: int


@dataclass(frozen=True)
class Exercise:
    """An exercise: its heading, and the indices of its code cells."""

    number: str
    kind: str
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
        blocks: list[Block] = []
        section = subsection = ""
        for index, cell in enumerate(self.cells):
            for text in [cell.source] if cell.cell_type == "code" else split_at_headings(cell.source):
                match = HEADING.match(text) if cell.cell_type != "code" else None
                if match and len(match[1]) <= 2:
                    section, subsection = (match[2].strip() if len(match[1]) == 2 else ""), ""
                elif match and len(match[1]) == 3:
                    subsection = match[2].strip()
                blocks.append(Block(index, text, cell.cell_type == "code", section, subsection))
        return blocks

    def section_blocks(self, title: str, code: bool) -> list[Block]:
        return [block for block in self.blocks if block.section == title and block.is_code == code]

    @cached_property
    def exercises(self) -> list[Exercise]:
        found = []
        for heading in self.headings:
            match = EXERCISE.fullmatch(heading.text)
            if heading.level == 3 and match:
                cells = [b.cell for b in self.section_blocks("Exercises", True) if b.subsection == heading.text]
                found.append(Exercise(match[1], match[2], heading.cell, cells))
        return found


HEADING = re.compile(r"(#{1,6})[ \t]+([^\n]*)")
EXERCISE = re.compile(r"Exercise (\d\d\.\d+) \((predict|code|open)\): \S.*")
FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")


def load_chapters(root: Path = ROOT) -> list[Chapter]:
    """All chapters of the course, also those of which one copy is missing."""
    return [Chapter(pair) for pair in find_pairs(root)]


def registered_exercises() -> Collection[str]:
    """The names of all checks that the package knows."""
    from nnopt_utils.checks import EXERCISES

    return EXERCISES


def registered_questions() -> Collection[str]:
    """The names of all quiz questions that the package knows."""
    from nnopt_utils.quizzes import QUESTIONS

    return QUESTIONS


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


def parse_code(source: str) -> ast.Module:
    try:
        return ast.parse(TransformerManager().transform_cell(source))
    except SyntaxError:  # a cell may show a syntax error: its output tells
        return ast.Module([], [])


def executed_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when a cell runs: everything but the bodies of functions."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield child
        yield from executed_nodes(child)


def called_name(node: ast.AST) -> str:
    """`f` for the calls `f(…)` and `a.b.f(…)`, empty for other nodes."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    if isinstance(function, ast.Attribute):
        # A least-squares fit of a polynomial is no training, nor is the search for a pattern.
        owner = function.value.attr if isinstance(function.value, ast.Attribute) else getattr(function.value, "id", "")
        return "" if owner in ("Polynomial", "re") else function.attr
    return function.id if isinstance(function, ast.Name) else ""


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    """The calls of a plain name, as `check(…)`, that run when the cell runs."""
    return [
        node
        for node in executed_nodes(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def first_argument(call: ast.Call) -> str:
    """The text that is a call's first argument; empty if it is no literal text."""
    value = call.args[0] if call.args else None
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def is_solution_call(call: ast.Call) -> bool:
    return any(
        k.arg == "solution" and isinstance(k.value, ast.Constant) and k.value.value is True for k in call.keywords
    )


def asserts_something(tree: ast.AST) -> bool:
    return any(
        (isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant))
        or called_name(node).startswith("assert_")
        or called_name(node) == "literature_table"
        for node in executed_nodes(tree)
    )


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


# ---- the rules -------------------------------------------------------------------------------------------------------

Rule = Callable[[Chapter], list[str]]
RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function


# The two copies


@rule
def twin_in_step(chapter: Chapter) -> list[str]:
    """Twin and notebook exist and have the same cells: types, sources, tags."""
    try:
        reason = staleness(chapter.pair)
    except TwinError as error:
        reason = str(error)
    return [f"{reason}; mend: python -m tools.notebooks --chapter {chapter.name}"] if reason else []


@rule
def twin_in_standard_form(chapter: Chapter) -> list[str]:
    """The twin is written as the tool writes it, so that a way through JupyterLab changes nothing else."""
    if not chapter.pair.twin.exists():
        return []
    text = chapter.pair.twin.read_text(encoding="utf-8")
    try:
        standard = format_twin(parse_twin(text))
    except TwinError:
        return []  # twin_in_step says so
    mend = f"python -m tools.notebooks --format --chapter {chapter.name}"
    return [] if text == standard else [f"{chapter.pair.twin.name}: not in the standard form; mend: {mend}"]


# What an executed notebook looks like


@rule
def cells_executed(chapter: Chapter) -> list[str]:
    """Every code cell is non-empty and executed, in order from 1: nbval never compares a cell that was not executed."""
    found = []
    for expected, (index, cell) in enumerate(chapter.code_cells(), start=1):
        if not cell.source.strip():
            found.append(chapter.at(index, "an empty code cell; remove it"))
        counts = {cell.execution_count} | {o.execution_count for o in cell.outputs if "execution_count" in o}
        if counts != {expected}:
            what = f"execution count {cell.execution_count}, expected {expected}"
            found.append(chapter.at(index, f"{what}; mend: python -m tools.notebooks --chapter {chapter.name}"))
    return found


@rule
def no_stderr(chapter: Chapter) -> list[str]:
    """No warnings or other lines on stderr."""
    return [
        chapter.at(index, f"writes to stderr: {output.text.strip()[:80]!r}; mend the cause of the warning")
        for index, cell in chapter.code_cells()
        for output in cell.outputs
        if output.get("name") == "stderr"
    ]


@rule
def errors_are_expected(chapter: Chapter) -> list[str]:
    """An exception is shown where the tag `raises-exception` announces it, and only there."""
    found = []
    for index, cell in chapter.code_cells():
        errors = [output for output in cell.outputs if output.output_type == "error"]
        if errors and "raises-exception" not in tags(cell):
            found.append(chapter.at(index, f"raises {errors[0].ename}; mend it, or tag it raises-exception"))
        if not errors and "raises-exception" in tags(cell):
            found.append(chapter.at(index, "tagged raises-exception, but raises nothing; remove the tag"))
        if any(len("\n".join(error.traceback).split("\n")) > 1 + error.evalue.count("\n") for error in errors):
            found.append(chapter.at(index, "has a whole traceback; build it with python -m tools.notebooks"))
    return found


MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|work|tmp|Users)/|[A-Za-z]:\\+Users|site-packages")


@rule
def no_machine_paths(chapter: Chapter) -> list[str]:
    """No path of the author's machine, neither in a source nor in an output."""
    found = []
    for index, cell in enumerate(chapter.cells):
        for text in [cell.source, *output_texts(cell)]:
            match = MACHINE_PATH.search(text)
            if match:
                around = text[max(match.start() - 20, 0) : match.end() + 20]
                found.append(chapter.at(index, f"a machine path, {around!r}; use a relative path, or show less"))
    return found


@rule
def no_widget_state(chapter: Chapter) -> list[str]:
    """No state of widgets and no view of one: without a kernel it shows an error."""
    found = [chapter.at(None, "has metadata.widgets; build it")] if "widgets" in chapter.notebook.metadata else []
    for index, cell in chapter.code_cells():
        for output in cell.outputs:
            if any(m == WIDGET_VIEW or "widget-state" in m for m in output.get("data", {})):
                found.append(chapter.at(index, "has a widget view as output; build it with python -m tools.notebooks"))
    return found


PROGRESS = re.compile(r"\r|\d+%\||\d(?:it|s|ms)/(?:s|it|step|epoch)\b|[█▏▎▍▌▋▊▉━]{3,}")


@rule
def no_progress_bars(chapter: Chapter) -> list[str]:
    """No progress bar in an output: it is never the same twice."""
    return [
        chapter.at(index, f"a progress bar, {match[0]!r}; switch it off (Keras: verbose=0)")
        for index, cell in chapter.code_cells()
        for text in output_texts(cell)
        if (match := PROGRESS.search(text))
    ]


@rule
def clean_cell_metadata(chapter: Chapter) -> list[str]:
    """Cells have tags and `source_hidden` as metadata and nothing else, above all no timing."""
    return [
        chapter.at(index, f"has the metadata {sorted(cell.metadata)}; only tags and source_hidden are kept: build it")
        for index, cell in enumerate(chapter.cells)
        if dict(cell.metadata) != cell_metadata(cell.metadata)
    ]


@rule
def fixed_kernelspec(chapter: Chapter) -> list[str]:
    """The notebook's metadata are the same on every machine."""
    kept = {key: value for key, value in chapter.notebook.metadata.items() if key != "widgets"}
    version = (chapter.notebook.get("nbformat"), chapter.notebook.get("nbformat_minor"))
    if kept == NOTEBOOK_METADATA and version == (4, 5):
        return []
    return [chapter.at(None, "kernelspec, language_info or nbformat is not the course's; build it")]


@rule
def cell_ids(chapter: Chapter) -> list[str]:
    """Every cell has an id of its own."""
    ids = [cell.get("id", "") for cell in chapter.cells]
    return [
        chapter.at(index, f"the id {identity!r} is missing or not unique; build it with python -m tools.notebooks")
        for index, identity in enumerate(ids)
        if not identity or ids.count(identity) > 1
    ]


@rule
def file_size(chapter: Chapter) -> list[str]:
    """A notebook opens quickly on a code host."""
    size = chapter.pair.notebook.stat().st_size if chapter.pair.notebook.exists() else 0
    what = f"{size / 1e6:.1f} MB, above {MAXIMUM_BYTES / 1e6:g} MB; make figures smaller (dpi, rasterized)"
    return [chapter.at(None, what)] if size > MAXIMUM_BYTES else []


@rule
def no_addresses(chapter: Chapter) -> list[str]:
    """No output shows an object's address: it says nothing to a reader and changes with every run."""
    return [
        chapter.at(index, f"shows {match[0]!r}; assign the value instead of showing it")
        for index, cell in chapter.code_cells()
        for text in output_texts(cell)
        if (match := re.search(r"<[^<>\n]* at 0x[0-9a-fA-F]+", text))
    ]


# What nbval compares


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
def ignored_outputs_are_asserted(chapter: Chapter) -> list[str]:
    """What nbval does not compare is asserted by the next code cell, whose own output is compared."""
    found = []
    for index, _ in chapter.code_cells(IGNORE):
        following = chapter.next_code_cell(index)
        if following is None or not asserts_something(parse_code(following.source)):
            found.append(chapter.at(index, f"tagged {IGNORE}, but the next code cell has no assert about it; add one"))
        elif IGNORE in tags(following):
            found.append(chapter.at(index, f"tagged {IGNORE}, and so is the next code cell, which should assert"))
    return found


@rule
def training_is_ignored(chapter: Chapter) -> list[str]:
    """A cell that trains is tagged: its numbers differ between processors."""
    trainers = {"fit", "search", "train_on_batch"}
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
            index, f"trains a network ({sorted(found)[0]}); tag it {IGNORE} and assert its claim in the next cell"
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


LEGACY_ALLOWED = {"default_rng", "Generator", "SeedSequence", "BitGenerator", "PCG64", "PCG64DXSM", "Philox", "SFC64"}


@rule
def seeded_randomness(chapter: Chapter) -> list[str]:
    """Randomness comes from a generator with a seed, never from NumPy's global one."""
    found = []
    for index, tree in chapter.trees.items():
        for node in ast.walk(tree):
            is_random = (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Attribute)
                and node.value.attr == "random"
                and isinstance(node.value.value, ast.Name)
                and node.value.value.id in ("np", "numpy")
            )
            if is_random and node.attr not in LEGACY_ALLOWED:
                found.append(chapter.at(index, f"uses np.random.{node.attr}; use np.random.default_rng(seed)"))
            if called_name(node) == "default_rng" and not (node.args or node.keywords):
                found.append(chapter.at(index, "default_rng() without a seed; give it one"))
    return found


# The skeleton of a chapter


@rule
def headings(chapter: Chapter) -> list[str]:
    """The fixed headings are there, in order, with two or more sections of the chapter's own between them."""
    found = []
    titles = [heading for heading in chapter.headings if heading.level == 1]
    if [heading.cell for heading in titles] != [0] or not HEADING.match(chapter.cells[0].source):
        found.append(chapter.at(0, "the first cell starts with the title, the only heading `# …` of the chapter"))
    seen = [heading.text for heading in chapter.headings if heading.level == 2]
    content = [text for text in seen if text not in BEFORE + AFTER]
    expected = BEFORE + content + AFTER
    if seen != expected:
        where = next((a for a, b in zip(expected, seen, strict=False) if a != b), [*expected, ""][len(seen)])
        found.append(chapter.at(None, f"level-2 headings are {seen}; first trouble at {where!r}, expected {expected}"))
    if len(content) < 2:
        found.append(chapter.at(None, f"{len(content)} sections between Predict and the literature; needs two or more"))
    return found


@rule
def no_empty_sections(chapter: Chapter) -> list[str]:
    """Every section has a text or a code cell."""
    found = []
    for heading in chapter.headings:
        if heading.level == 2:
            blocks = [block for block in chapter.blocks if block.section == heading.text]
            if not any(block.is_code or HEADING.sub("", block.text, count=1).strip() for block in blocks):
                found.append(chapter.at(heading.cell, f"the section {heading.text!r} is empty"))
    return found


@rule
def at_a_glance(chapter: Chapter) -> list[str]:
    """The four labels, three abilities, and the two times."""
    text = "\n".join(block.text for block in chapter.section_blocks("At a glance", False))
    positions = [match.start() if (match := re.search("^" + re.escape(x), text, re.M)) else -1 for x in GLANCE_LABELS]
    found = [
        chapter.at(None, f"At a glance: no line starts with {label}")
        for label, position in zip(GLANCE_LABELS, positions, strict=True)
        if position < 0
    ]
    if found:
        return found
    if positions != sorted(positions):
        return [chapter.at(None, f"At a glance: the order is {', '.join(GLANCE_LABELS)}")]
    if len(re.findall(r"^[-*] \S", text[positions[0] : positions[1]], re.MULTILINE)) < 3:
        found.append(chapter.at(None, "At a glance: **You will be able to** needs three bullets, each with a verb"))
    if not re.search(r"\d+ minutes to read\b.*\b\d+ seconds? to run", text[positions[2] : positions[3]], re.DOTALL):
        found.append(chapter.at(None, 'At a glance: **Time** needs "NN minutes to read, NN seconds to run"'))
    return found


@rule
def literature(chapter: Chapter) -> list[str]:
    """The comparison with the literature is asserted, in its section."""
    title = AFTER[0]
    tagged = [index for index, _ in chapter.code_cells("literature")]
    here = [block.cell for block in chapter.section_blocks(title, True)]
    found = [chapter.at(index, f"tagged literature, but not under {title!r}") for index in tagged if index not in here]
    found += [
        chapter.at(index, "tagged literature, but asserts nothing; use assert or literature_table(…)")
        for index in tagged
        if not asserts_something(chapter.trees[index])
    ]
    return found or ([] if tagged else [chapter.at(None, f"no code cell tagged literature under {title!r}")])


@rule
def references(chapter: Chapter) -> list[str]:
    """Three or more sources, with links, all https."""
    text = "\n".join(block.text for block in chapter.section_blocks("References", False))
    links = re.findall(r"\bhttp://[^\s)>]+", text)
    found = [chapter.at(None, f"References: {link} is not https") for link in links]
    entries = re.split(r"^\s*(?:[-*]|\d+\.)\s+", text, flags=re.MULTILINE)[1:]
    linked = [entry for entry in entries if re.search(r"\bhttps?://", entry)]
    if len(linked) < 3:
        found.append(chapter.at(None, f"References: {len(linked)} list entries with a link; needs three or more"))
    return found


@rule
def explorers(chapter: Chapter) -> list[str]:
    """At least one explorer; nbval cannot compare it."""
    found = [
        chapter.at(index, f"an explorer; tag it {IGNORE} too, and assert something about its figure in the next cell")
        for index, cell in chapter.code_cells("explorer")
        if IGNORE not in tags(cell)
    ]
    if not any(True for _ in chapter.code_cells("explorer")):
        found.append(chapter.at(None, "no cell tagged explorer; every chapter has at least one"))
    return found


# Text and figures


CAPTION = re.compile(r"\*\*Figure (\d\d)\.(\d+)\.\*\* \S")


@rule
def figures_have_captions(chapter: Chapter) -> list[str]:
    """A cell shows at most one figure; the next cell starts with its caption; captions count from 1."""
    found = []
    number = 0
    for index, cell in enumerate(chapter.cells):
        count = count_figures(cell)
        following = chapter.cells[index + 1] if index + 1 < len(chapter.cells) else None
        if count > 1:
            found.append(chapter.at(index, f"shows {count} figures; one a cell, so that each has its caption"))
        if count:
            number += 1
            expected = f"**Figure {chapter.number}.{number}.** "
            if following is None or following.cell_type == "code" or not following.source.startswith(expected):
                found.append(chapter.at(index, f"a figure; the next cell is a text that starts with {expected!r}"))
        elif following is not None and following.cell_type == "markdown" and CAPTION.match(following.source):
            found.append(chapter.at(index + 1, "a caption, but the cell above shows no figure"))
    return found


@rule
def figures_have_text(chapter: Chapter) -> list[str]:
    """An image comes with text/plain, for readers who do not see it and for nbval, which does not compare images."""
    return [
        chapter.at(index, "an image without text/plain; show it through matplotlib or IPython.display")
        for index, cell in chapter.code_cells()
        for output in cell.outputs
        if any(mime.startswith("image/") for mime in output.get("data", {})) and not output.data.get("text/plain")
    ]


@rule
def formulas_closed(chapter: Chapter) -> list[str]:
    """Every `$` and `$$` is closed in its paragraph, and environments stand inside."""
    found = []
    for index, cell in enumerate(chapter.cells):
        if cell.cell_type != "markdown":
            continue
        text = without_code(cell.source).replace(r"\\", "").replace(r"\$", "")
        displayed = text.split("$$")
        outside = "D".join(displayed[::2])
        inline = outside.split("$")
        if len(displayed) % 2 == 0 or len(inline) % 2 == 0:
            found.append(chapter.at(index, r"a $ or $$ is not closed; write \$ where money is meant"))
        elif any(re.search(r"\n\s*\n", formula) for formula in displayed[1::2] + inline[1::2]):
            found.append(chapter.at(index, "a formula goes over an empty line, where it breaks; close it before"))
        elif match := re.search(r"\\begin\{(\w+\*?)\}", "M".join(inline[::2])):
            found.append(chapter.at(index, rf"\begin{{{match[1]}}} stands outside $$ … $$"))
    return found


@rule
def citations_exist(chapter: Chapter) -> list[str]:
    """`Exercise 04.3` and `Figure 04.2` exist, when they are this chapter's own."""
    there = {match[0] for heading in chapter.headings if (match := re.match(r"Exercise \d\d\.\d+", heading.text))}
    there |= {f"Figure {match[1]}.{match[2]}" for cell in chapter.cells if (match := CAPTION.match(cell.source))}
    return [
        chapter.at(index, f"{match[0]} does not exist in this chapter")
        for index, cell in enumerate(chapter.cells)
        if cell.cell_type == "markdown"
        for match in re.finditer(r"(?:Exercise|Figure) (\d\d)\.\d+", without_code(cell.source))
        if match[1] == chapter.number and match[0] not in there
    ]


@rule
def links_resolve(chapter: Chapter) -> list[str]:
    """A link to a file is relative to the notebook, and the file exists."""
    found = []
    for index, cell in enumerate(chapter.cells):
        if cell.cell_type != "markdown":
            continue
        for target in re.findall(r"\]\(([^)\s]+)", without_code(cell.source)):
            path = target.split("#")[0]
            if path and not re.match(r"[a-z]+:", target) and not (chapter.pair.notebook.parent / path).exists():
                found.append(chapter.at(index, f"the link {target!r} leads nowhere; links are relative to notebooks/"))
    return found


# Exercises and quiz


@rule
def exercises_complete(chapter: Chapter) -> list[str]:
    """Four or more exercises: one to predict, two to code, one open; numbered from 1."""
    found = []
    for heading in chapter.headings:
        stray = heading.level == 3 and not EXERCISE.fullmatch(heading.text)
        if stray and any(b.cell == heading.cell for b in chapter.section_blocks("Exercises", False)):
            example = f"### Exercise {chapter.number}.1 (predict|code|open): Title"
            found.append(chapter.at(heading.cell, f"the heading {heading.text!r} is not of the form {example!r}"))
    numbers = [exercise.number for exercise in chapter.exercises]
    expected = [f"{chapter.number}.{k}" for k in range(1, len(numbers) + 1)]
    if numbers != expected:
        found.append(chapter.at(None, f"exercises are numbered {numbers}, expected {expected}"))
    kinds = [exercise.kind for exercise in chapter.exercises]
    for kind, least in KINDS.items():
        if kinds.count(kind) < least:
            found.append(chapter.at(None, f"{kinds.count(kind)} exercises of the kind {kind!r}; needs {least} or more"))
    return found


def _checked(chapter: Chapter, index: int) -> list[ast.Call]:
    return calls(chapter.trees[index], "check") if index in chapter.trees else []


def _has_tag(chapter: Chapter, index: int, tag: str) -> bool:
    return index < len(chapter.cells) and tag in tags(chapter.cells[index])


def _solution_violations(chapter: Chapter, index: int, name: str) -> list[str]:
    """What is wrong with the solution that should stand at `index`, for the check `name`."""
    if not _has_tag(chapter, index, "solution"):
        return [chapter.at(index - 1, f"the check of {name} is not directly followed by a cell tagged solution")]
    if name not in {first_argument(call) for call in _checked(chapter, index) if is_solution_call(call)}:
        return [chapter.at(index, f'the solution has no check("{name}", …, solution=True)')]
    return []


@rule
def code_exercises(chapter: Chapter) -> list[str]:
    """A code exercise is stub, check, solution: three cells in a row, and the solution under another name."""
    found = []
    for exercise in chapter.exercises:
        stubs = [index for index in exercise.code_cells if _has_tag(chapter, index, "stub")]
        if exercise.kind == "code" and not stubs:
            found.append(chapter.at(exercise.heading_cell, f"exercise {exercise.number} has no cell tagged stub"))
        if exercise.kind != "code" and stubs:
            found.append(
                chapter.at(stubs[0], f"a stub in exercise {exercise.number}, which is of kind {exercise.kind}")
            )
        if exercise.kind == "code":
            found += [violation for index in stubs for violation in _triple_violations(chapter, index)]
    return found


def _triple_violations(chapter: Chapter, stub: int) -> list[str]:
    tree = chapter.trees[stub]
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    raised = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    if not any("NotImplementedError" in ast.dump(exception) for exception in raised if exception):
        return [chapter.at(stub, "the stub has no `raise NotImplementedError`")]
    if not _has_tag(chapter, stub + 1, "check"):
        return [chapter.at(stub, "the stub is not directly followed by a cell tagged check")]
    checks = _checked(chapter, stub + 1)
    if not any(len(c.args) > 1 and isinstance(c.args[1], ast.Name) and c.args[1].id in defined for c in checks):
        return [chapter.at(stub + 1, f"the check is not called with what the stub defines: {sorted(defined)}")]
    found = []
    for call in checks:
        found += _solution_violations(chapter, stub + 2, first_argument(call))
    if not found:
        body = chapter.trees[stub + 2].body
        again = defined & {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        passed = {ast.unparse(call.args[1]) for call in _checked(chapter, stub + 2) if len(call.args) > 1}
        if again or passed & defined:
            found.append(chapter.at(stub + 2, f"the solution uses the stub's name {sorted(defined)}; give it its own"))
    return found


@rule
def predict_exercises(chapter: Chapter) -> list[str]:
    """An exercise to predict is `check("NN.name", None)`, directly followed by its solution."""
    found = []
    for exercise in chapter.exercises:
        if exercise.kind != "predict":
            continue
        checks = [index for index in exercise.code_cells if _has_tag(chapter, index, "check")]
        if not checks:
            found.append(chapter.at(exercise.heading_cell, f"exercise {exercise.number} has no cell tagged check"))
        for index in checks:
            for call in _checked(chapter, index) or [ast.Call(ast.Name("check"), [], [])]:
                value = call.args[1] if len(call.args) > 1 else None
                if not (isinstance(value, ast.Constant) and value.value is None):
                    what = f'the check is literally check("{chapter.number}.name", None)'
                    found.append(chapter.at(index, f"{what}: the learner replaces None"))
                else:
                    found += _solution_violations(chapter, index + 1, first_argument(call))
    return found


@rule
def solutions_hidden(chapter: Chapter) -> list[str]:
    """Solutions are collapsed."""
    return [
        chapter.at(index, "a solution that is not collapsed; add `jupyter: source_hidden: true` to its metadata")
        for index, cell in chapter.code_cells("solution")
        if not cell.metadata.get("jupyter", {}).get("source_hidden")
    ]


@rule
def answers_as_meant(chapter: Chapter) -> list[str]:
    """As committed, checks say "not attempted yet" and solutions "correct": `check` itself never raises."""
    found = []
    for tag, verdict in (("check", "not attempted yet"), ("solution", "correct.")):
        for index, cell in chapter.code_cells(tag):
            shown = "\n".join(output_texts(cell))
            for name in (first_argument(call) for call in _checked(chapter, index)):
                if f"{name}: {verdict}" not in shown:
                    found.append(chapter.at(index, f"tagged {tag}, but does not print {name + ': ' + verdict!r}"))
    return found


@rule
def exercise_cells_in_exercises(chapter: Chapter) -> list[str]:
    """Cells tagged stub, check or solution stand in an exercise that is not open; only its solutions say solution=True.

    Elsewhere solution=True is a demonstration of a check, which is not to count as the learner's.
    """
    inside = {index for exercise in chapter.exercises if exercise.kind != "open" for index in exercise.code_cells}
    found = [
        chapter.at(index, f"tagged {tag}, but not in an exercise to predict or to code")
        for tag in ("stub", "check", "solution")
        for index, _ in chapter.code_cells(tag)
        if index not in inside
    ]
    for block in chapter.section_blocks("Exercises", True):
        calls_solution = any(is_solution_call(call) for call in _checked(chapter, block.cell))
        if calls_solution and "solution" not in tags(chapter.cells[block.cell]):
            found.append(chapter.at(block.cell, "solution=True outside a cell tagged solution"))
    return found


@rule
def checks_registered(chapter: Chapter) -> list[str]:
    """Every check that is used exists, and every one that exists for the chapter is used."""
    registered = {name for name in registered_exercises() if name.startswith(f"{chapter.number}.")}
    used = {first_argument(call): index for index in chapter.trees for call in _checked(chapter, index)}
    found = [
        chapter.at(index, f"check({name!r}) is not in nnopt_utils.checks.EXERCISES under this chapter's number")
        for name, index in used.items()
        if name not in registered
    ]
    tagged = {first_argument(call) for index, _ in chapter.code_cells("check") for call in _checked(chapter, index)}
    found += [
        chapter.at(None, f"the exercise {name!r} is registered, but no cell tagged check uses it")
        for name in sorted(registered - tagged)
    ]
    return found


@rule
def quiz_questions(chapter: Chapter) -> list[str]:
    """Three to five questions, in their section, all registered, and no registered one left out."""
    registered = {name for name in registered_questions() if name.startswith(f"{chapter.number}.")}
    here = {block.cell for block in chapter.section_blocks("Quiz", True)}
    asked = [(index, first_argument(c)) for index, tree in chapter.trees.items() for c in calls(tree, "quiz")]
    names = [name for _, name in asked]
    found = [
        chapter.at(index, f"quiz({name!r}) stands outside the section Quiz")
        for index, name in asked
        if index not in here
    ]
    found += [
        chapter.at(index, f"quiz({name!r}) is not in nnopt_utils.quizzes.QUESTIONS under this chapter's number")
        for index, name in asked
        if name not in registered
    ]
    found += [
        chapter.at(None, f"the question {name!r} is registered, but not asked")
        for name in sorted(registered - set(names))
    ]
    if not 3 <= len(set(names)) <= 5:
        found.append(chapter.at(None, f"{len(set(names))} quiz questions; needs three to five"))
    return found
