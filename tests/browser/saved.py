"""What a saved notebook shows, and what the committed one says it should. Nothing here needs a browser."""

from __future__ import annotations

import re

from nbformat import NotebookNode

from tools.chapter import tags, without_code

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
SECONDS_TO_RUN = re.compile(r"\*\*Time\*\*.*?(\d+) seconds to run")
FORMULA = re.compile(r"\$\$.+?\$\$|\$.+?\$", re.DOTALL)
# Formulas that were not rendered: a dollar on both sides, or a command of LaTeX.
RAW_FORMULA = re.compile(r"\$[^$\n]+\$|\\[A-Za-z]{2,}|\\[()\[\]]")


def stated_seconds(notebook: NotebookNode) -> int:
    """How long the notebook takes, as "At a glance" says."""
    found = SECONDS_TO_RUN.search(notebook.cells[0].source)
    assert found, "the first cell states no **Time** … seconds to run"
    return int(found[1])


def shown(cell: NotebookNode) -> list[str]:
    """What kinds of things a cell shows, in their order; empty texts are not seen, and streams may come in pieces."""
    kinds: list[str] = []
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            kind = output.name if output.text.strip() else ""
        elif output.output_type == "error":
            kind = "error"
        else:
            data = {mime: value for mime, value in output.data.items() if mime != WIDGET_VIEW}
            empty = set(data) <= {"text/plain"} and not data.get("text/plain", "").strip()
            kind = "" if empty else " ".join([output.output_type, *sorted(data)])
        if kind and not (output.output_type == "stream" and kinds[-1:] == [kind]):
            kinds.append(kind)
    return kinds


def differently_shown(committed: NotebookNode, saved: NotebookNode) -> list[str]:
    """Cells that show other kinds of things than they should: a figure is lost, a bar left over, a cell failed."""
    assert [c.source for c in committed.cells] == [c.source for c in saved.cells]
    return [
        f"cell {index} shows {after}, committed was {before}"
        for index, (old, new) in enumerate(zip(committed.cells, saved.cells, strict=True))
        if (before := shown(old)) != (after := shown(new))
    ]


def errors(notebook: NotebookNode) -> list[str]:
    """Exceptions where none is announced, and cells that were not run."""
    found = []
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        if cell.execution_count is None:
            found.append(f"cell {index} was not run")
        if "raises-exception" not in tags(cell):
            raised = [output for output in cell.outputs if output.output_type == "error"]
            found += [f"cell {index}: {output.ename}: {output.evalue}" for output in raised]
    return found


def stderr(notebook: NotebookNode) -> list[str]:
    """What stands in red; the server's own complaints come this way, too."""
    return [
        f"cell {index}: {output.text.strip()[:200]}"
        for index, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", [])
        if output.get("name") == "stderr"
    ]


def views_without_state(notebook: NotebookNode) -> list[str]:
    """Widgets that will be "Error displaying widget: model not found" when the notebook is opened again."""
    known = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    return [
        f"cell {index}: a widget without its state"
        for index, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", [])
        if WIDGET_VIEW in output.get("data", {}) and output.data[WIDGET_VIEW]["model_id"] not in known
    ]


def count_formulas(source: str) -> int:
    """The number of formulas in the source of a text."""
    return len(FORMULA.findall(without_code(source).replace(r"\$", "")))


def count_images(cell: NotebookNode) -> int:
    return sum("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def cells_tagged(notebook: NotebookNode, tag: str) -> list[int]:
    return [index for index, cell in enumerate(notebook.cells) if tag in tags(cell)]


def cell_with(notebook: NotebookNode, source: str) -> int:
    """The first cell that starts with this source."""
    return next(index for index, cell in enumerate(notebook.cells) if cell.source.startswith(source))
