"""What readers do with a chapter: only the core path, every cell again and last to first, and their own numbers.

The progress bars are on, as learners have them, and the first time the messages are counted: JupyterLab's server drops
what comes above 1,000 a second, and figures with it. One test a chapter; a long cell that would only do what it did
before is not run again (``repeats.py``).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import nbformat
import pytest
import repeats
from nbformat import NotebookNode
from recording import Kernel, Message, left_over, most_in_a_second, started_kernel, streamed

from tools.chapter import blocks_of, tags
from tools.twins import Pair, find_pairs

EDITS_A_CHAPTER = 5
MESSAGES_IN_ALL = 3000
MESSAGES_IN_A_SECOND = 300
STRICT = "import os; os.environ['NNOPT_CLAIMS'] = 'strict'"
AS_LEARNERS_HAVE_IT = "import os; os.environ.pop('NNOPT_CLAIMS', None)"


def watch_repeats(kernel: Kernel) -> None:
    """Bring ``repeats`` into the kernel, in no name of the notebook's."""
    kernel.run(f"__import__('sys').path.append({str(Path(repeats.__file__).parent)!r})")
    kernel.run("__import__('repeats').seen = __import__('repeats').Repeats(globals())")


def run(kernel: Kernel, source: str) -> list[Message]:
    """A cell's messages: none if it would only do again what it did."""
    if streamed(kernel.run(f"print(__import__('repeats').seen.skips({source!r}))"), "stdout") == "True\n":
        return []
    messages = kernel.run(source)
    if all(message.kind != "error" for message in messages):
        kernel.run(f"__import__('repeats').seen.ran({source!r})")
    return messages


def errors(cell: NotebookNode, messages: Sequence[Message]) -> list[str]:
    """What a cell raised, if that is not what it shows anyway, and what it wrote to stderr."""
    raised = [f"{m.content['ename']}: {m.content['evalue']}" for m in messages if m.kind == "error"]
    found = [] if "raises-exception" in tags(cell) else raised
    found += [text] if (text := streamed(messages, "stderr")) else []
    return [f"{fault}\n{cell.source}" for fault in found]


def run_all(kernel: Kernel, cells: Iterable[NotebookNode]) -> list[str]:
    return [fault for cell in cells for fault in errors(cell, run(kernel, cell.source))]


def rest_of_the_section(cells: Sequence[NotebookNode], old: str) -> Sequence[NotebookNode]:
    """The cell that holds a text, and the code cells that follow it in its level-2 section."""
    code = [block for block in blocks_of(cells) if block.is_code]
    places = [k for k, block in enumerate(code) if old in block.text]
    assert len(places) == 1, f"{old!r} stands in {len(places)} code cells; it should in one"
    first = places[0]
    return [cells[block.cell] for block in code[first:] if block.section == code[first].section]


def models_of_widgets(messages: Sequence[Message]) -> set[str]:
    states = [m.content["data"].get("state", {}) for m in messages if m.kind == "comm_open"]
    return {state.get("_model_name", "") for state in states}


def first_run(kernel: Kernel, cells: Sequence[NotebookNode]) -> list[str]:
    """The core path alone, then what goes deeper; the messages are few, and of a bar nothing is left."""
    found: list[str] = []
    sent: list[Message] = []
    for deeper in (False, True):
        for cell in cells:
            if ("deeper" in tags(cell)) == deeper:
                messages = run(kernel, cell.source)
                found += errors(cell, messages)
                bars = left_over(messages).values()
                found += [f"left of a bar: {data}\n{cell.source}" for data in bars if data != {"text/plain": ""}]
                found += ["a bar that is a widget"] if "FloatProgressModel" in models_of_widgets(messages) else []
                sent += messages
        if found:  # the rest would fail for the same reason
            return [f"{'with what goes deeper' if deeper else 'the core path alone'}: {fault}" for fault in found]
    if len(sent) > MESSAGES_IN_ALL:
        found.append(f"{len(sent)} messages; at most {MESSAGES_IN_ALL}")
    if (most := most_in_a_second(sent)) > MESSAGES_IN_A_SECOND:
        found.append(f"{most} messages in a second; at most {MESSAGES_IN_A_SECOND}")
    return found


def own_numbers(kernel: Kernel, cells: Sequence[NotebookNode], edits: Sequence[tuple[str, str]]) -> list[str]:
    """Each edit alone, with the rest of its section; afterwards the section as it was."""
    found = []
    for old, new in edits:
        section = rest_of_the_section(cells, old)
        for cell in section:
            messages = run(kernel, cell.source.replace(old, new))
            found += [f"{old} → {new}: {fault}" for fault in errors(cell, messages)]
        if found:
            run_all(kernel, section)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("pair", find_pairs(), ids=lambda pair: pair.name)
def test_a_chapter_as_readers_use_it(pair: Pair) -> None:
    if "keras" in pair.name:
        pytest.importorskip("keras")
    edits = importlib.import_module(f"edits.ch{pair.name[:2]}").EDITS
    assert len(edits) >= EDITS_A_CHAPTER
    cells = nbformat.read(pair.notebook, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    with started_kernel(pair.notebook.parent) as kernel:
        watch_repeats(kernel)
        kernel.run(STRICT)
        found = first_run(kernel, code)
        assert not found, "\n\n".join(found)
        found = [f"again, last to first: {fault}" for fault in run_all(kernel, reversed(code))]
        kernel.run(AS_LEARNERS_HAVE_IT)
        found += own_numbers(kernel, cells, edits)
    assert not found, "\n\n".join(found)
