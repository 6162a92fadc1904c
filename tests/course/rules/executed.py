"""What an executed notebook looks like."""

from __future__ import annotations

import re

from rules.registry import rule
from tools.chapter import (
    Chapter,
    output_texts,
    tags,
)
from tools.normalise import WIDGET_VIEW
from tools.twins import NOTEBOOK_METADATA, cell_metadata

MAXIMUM_BYTES = 3_000_000


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
    """Cells have tags and what is folded as metadata and nothing else, above all no timing."""
    return [
        chapter.at(index, f"has the metadata {sorted(cell.metadata)}; only tags and what is folded are kept: build it")
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
