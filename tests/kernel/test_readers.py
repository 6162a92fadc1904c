"""What readers do with a chapter: only the core path, every cell twice and last to first, and their own numbers.

The progress bars are on, as learners have them.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence

import nbformat
import pytest
from nbformat import NotebookNode
from recording import Kernel, started_kernel

from tools.chapter import blocks_of, tags
from tools.twins import Pair, find_pairs

EDITS_A_CHAPTER = 5
STRICT = "import os; os.environ['NNOPT_CLAIMS'] = 'strict'"
AS_LEARNERS_HAVE_IT = "import os; os.environ.pop('NNOPT_CLAIMS', None)"


def errors(kernel: Kernel, cell: NotebookNode, source: str | None = None) -> list[str]:
    """Run a cell, perhaps with another text; what it raised, if that is not what it shows anyway."""
    messages = kernel.run(cell.source if source is None else source)
    raised = [f"{m.content['ename']}: {m.content['evalue']}\n{cell.source}" for m in messages if m.kind == "error"]
    return [] if "raises-exception" in tags(cell) else raised


def code_cells(pair: Pair) -> list[NotebookNode]:
    return [cell for cell in nbformat.read(pair.notebook, as_version=4).cells if cell.cell_type == "code"]


def rest_of_the_section(pair: Pair, old: str) -> Sequence[NotebookNode]:
    """The cell that holds a text, and the code cells that follow it in its level-2 section."""
    cells = nbformat.read(pair.notebook, as_version=4).cells
    code = [block for block in blocks_of(cells) if block.is_code]
    places = [k for k, block in enumerate(code) if old in block.text]
    assert len(places) == 1, f"{old!r} stands in {len(places)} code cells of {pair.name}; it should in one"
    first = places[0]
    return [cells[block.cell] for block in code[first:] if block.section == code[first].section]


@pytest.fixture(scope="module", params=find_pairs(), ids=lambda pair: pair.name)
def chapter(request: pytest.FixtureRequest) -> Iterator[tuple[Pair, Kernel]]:
    """A chapter, and a kernel in which its core path was run, then all of it."""
    pair: Pair = request.param
    if "keras" in pair.name:
        pytest.importorskip("keras")
    with started_kernel(pair.notebook.parent) as kernel:
        kernel.run(STRICT)
        for cell in code_cells(pair):
            if "deeper" not in tags(cell):
                assert errors(kernel, cell) == [], "the core path alone"
        for cell in code_cells(pair):
            if "deeper" in tags(cell):
                assert errors(kernel, cell) == [], "what goes deeper, after the core path"
        yield pair, kernel


@pytest.mark.slow
def test_every_cell_again_last_to_first(chapter: tuple[Pair, Kernel]) -> None:
    pair, kernel = chapter
    kernel.run(STRICT)
    assert [fault for cell in reversed(code_cells(pair)) for fault in errors(kernel, cell)] == []


@pytest.mark.slow
def test_a_readers_own_numbers_end_in_no_error(chapter: tuple[Pair, Kernel]) -> None:
    pair, kernel = chapter
    edits = importlib.import_module(f"edits.ch{pair.name[:2]}").EDITS
    assert len(edits) >= EDITS_A_CHAPTER
    kernel.run(AS_LEARNERS_HAVE_IT)
    found = []
    for old, new in edits:
        section = rest_of_the_section(pair, old)
        for cell in section:
            found += [f"{old} → {new}: {fault}" for fault in errors(kernel, cell, cell.source.replace(old, new))]
        for cell in section:  # as it was
            errors(kernel, cell)
    assert found == []
