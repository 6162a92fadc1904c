"""What is kept of an executed notebook: nothing that changes from run to run, or from machine to machine."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools.alt_text import describe_figures
from tools.twins import NOTEBOOK_METADATA, cell_metadata

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Bring an executed notebook into the form in which it is committed, in place."""
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)  # drops the state of widgets
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    count = 0
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(cell_metadata(cell.metadata))  # drops timing and the like
        if cell.cell_type != "code":
            continue
        if cell.execution_count is not None:
            count += 1
            cell.execution_count = count
        cell.outputs = _normal_outputs(cell.outputs, cell.execution_count)
    describe_figures(notebook)
    return notebook


def _normal_outputs(outputs: list[NotebookNode], execution_count: int | None) -> list[NotebookNode]:
    kept: list[NotebookNode] = []
    for output in outputs:
        output.pop("transient", None)
        if output.output_type == "stream":
            if kept and kept[-1].output_type == "stream" and kept[-1].name == output.name:
                kept[-1].text += output.text
                continue
        elif output.output_type == "error":
            # The frames of a traceback have the paths of the machine; name and message are what the page is about.
            output.traceback = [f"{output.ename}: {output.evalue}"]
        else:
            # A committed view of a widget shows "Error displaying widget": there is no kernel behind it.
            output.data.pop(WIDGET_VIEW, None)
            if not output.data:
                continue
            if output.output_type == "execute_result":
                output.execution_count = execution_count
        kept.append(output)
    return kept


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    """Write as Jupyter does (indent 1, sorted keys, plain Unicode, a final newline), in one step for readers."""
    nbformat.validate(notebook)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", encoding="utf-8", newline="\n")
    temporary.replace(path)
