"""Build the notebooks from their twins: ``python -m tools.notebooks [--chapter 04] [--changed | --check | …]``.

See ``docs/authoring.md`` for what a chapter looks like.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from nbformat import NotebookNode

from tools.execute import CELL_SECONDS, NOTEBOOK_SECONDS, Failure, execute
from tools.normalise import normalise, write_notebook
from tools.twins import ROOT, Pair, TwinError, assign_ids, find_pairs, format_twin, read_notebook, read_twin, staleness

BUDGET_SECONDS = 90.0
LARGER_BUDGETS = {"10_parallel_training": 150.0}  # it starts processes, and two clusters of TensorFlow


def build(
    pair: Pair, cell_seconds: float = CELL_SECONDS, notebook_seconds: float = NOTEBOOK_SECONDS
) -> NotebookNode | Failure:
    """Execute a twin and replace its notebook. When a cell fails, the old notebook stays as it was.

    Args:
        pair: the chapter.
        cell_seconds: how long a cell may take.
        notebook_seconds: how long the whole notebook may take.

    Returns:
        the notebook that was written, or the failure.

    Raises:
        TwinError: the twin does not exist or cannot be read.
    """
    if not pair.twin.exists():
        raise TwinError(staleness(pair))
    notebook = read_twin(pair.twin)
    old = read_notebook(pair.notebook) if pair.notebook.exists() else None
    assign_ids(notebook, old)
    pair.notebook.parent.mkdir(exist_ok=True)
    result = execute(notebook, pair.notebook.parent, cell_seconds, notebook_seconds)
    if not isinstance(result, Failure):
        write_notebook(normalise(result), pair.notebook)
    return result


def is_up_to_date(pair: Pair) -> bool:
    """Whether the notebook has the twin's cells, all of them executed. The library may have changed all the same."""
    if staleness(pair):
        return False
    cells = read_notebook(pair.notebook).cells
    return all(cell.execution_count is not None for cell in cells if cell.cell_type == "code")


def build_all(pairs: Sequence[Pair], changed_only: bool, cell_seconds: float, notebook_seconds: float) -> int:
    """Build, report on each chapter, and return how many failed."""
    failed = 0
    start_all = time.perf_counter()
    for pair in pairs:
        if changed_only and is_up_to_date(pair):
            print(f"{pair.name}: unchanged", flush=True)
            continue
        start = time.perf_counter()
        try:
            result = build(pair, cell_seconds, notebook_seconds)
        except TwinError as error:
            result = Failure("error", str(error))
        seconds = time.perf_counter() - start
        if isinstance(result, Failure):
            failed += 1
            print(f"{pair.name}: FAILED after {seconds:.1f} s, the notebook was not replaced\n  {result}", flush=True)
            continue
        allowed = LARGER_BUDGETS.get(pair.name, BUDGET_SECONDS)
        budget = f", over the budget of {allowed:g} s" if seconds > allowed else ""
        print(f"{pair.name}: {seconds:.1f} s{budget}", flush=True)
        for index in _cells_with_stderr(result):
            print(f"  cell {index} wrote to stderr, which the rules forbid", flush=True)
    print(f"{len(pairs)} chapters, {failed} failed, {time.perf_counter() - start_all:.1f} s", flush=True)
    return failed


def _cells_with_stderr(notebook: NotebookNode) -> list[int]:
    return [
        index
        for index, cell in enumerate(notebook.cells)
        if any(output.get("name") == "stderr" for output in cell.get("outputs", []))
    ]


def check_all(pairs: Sequence[Pair]) -> int:
    """Print the pairs that are not in step, and return how many there are."""
    stale = 0
    for pair in pairs:
        try:
            reason = staleness(pair)
        except TwinError as error:
            reason = str(error)
        if reason:
            stale += 1
            print(reason)
    print(f"{len(pairs)} chapters, {stale} stale")
    return stale


def write_twins(pairs: Sequence[Pair], force: bool) -> int:
    """Write the twins from the notebooks, and return how many could not be written."""
    failed = 0
    for pair in pairs:
        try:
            message = _write_twin(pair, force)
        except TwinError as error:
            message, failed = f"FAILED, {error}", failed + 1
        print(f"{pair.name}: {message}")
    return failed


def _write_twin(pair: Pair, force: bool) -> str:
    if not pair.notebook.exists():
        raise TwinError(staleness(pair))
    if pair.twin.exists() and not staleness(pair):
        return "in step"
    newer = pair.twin.exists() and pair.twin.stat().st_mtime > pair.notebook.stat().st_mtime
    if newer and not force:
        raise TwinError("the twin is newer than the notebook and would be lost; --force writes it all the same")
    text = format_twin(read_notebook(pair.notebook), pair.notebook.name)
    pair.twin.parent.mkdir(parents=True, exist_ok=True)
    pair.twin.write_text(text, encoding="utf-8", newline="\n")
    return f"twin written; now build it: python -m tools.notebooks --chapter {pair.name}"


def format_twins(pairs: Sequence[Pair]) -> int:
    """Rewrite twins in the one form in which they are kept (front matter, options of cells, blank lines)."""
    failed = 0
    for pair in pairs:
        try:
            old = pair.twin.read_text(encoding="utf-8")
            new = format_twin(read_twin(pair.twin), pair.twin_name)
        except (TwinError, OSError) as error:
            print(f"{pair.name}: FAILED, {error}")
            failed += 1
            continue
        if new != old:
            pair.twin.write_text(new, encoding="utf-8", newline="\n")
            print(f"{pair.name}: twin rewritten")
    return failed


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit status: 0, 1 (something failed or is stale) or 2 (wrong use)."""
    parser = argparse.ArgumentParser(prog="python -m tools.notebooks", description="Build the notebooks of the course.")
    parser.add_argument(
        "--chapter", nargs="+", action="extend", default=[], metavar="NN", help="only these chapters: 04 or a name"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--changed", action="store_true", help="build only chapters whose text changed")
    what.add_argument("--check", action="store_true", help="list stale pairs, execute nothing")
    what.add_argument("--from-notebooks", action="store_true", help="write the twins from the notebooks")
    what.add_argument("--format", action="store_true", help="rewrite the twins in their standard form")
    parser.add_argument("--force", action="store_true", help="with --from-notebooks: overwrite newer twins")
    parser.add_argument("--cell-seconds", type=float, default=CELL_SECONDS, help="limit a cell (default %(default)g)")
    parser.add_argument(
        "--notebook-seconds", type=float, default=NOTEBOOK_SECONDS, help="limit a notebook (default %(default)g)"
    )
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        pairs = find_pairs(options.root, options.chapter)
    except TwinError as error:
        print(error, file=sys.stderr)
        return 2
    if options.check:
        failed = check_all(pairs)
    elif options.from_notebooks:
        failed = write_twins(pairs, options.force)
    elif options.format:
        failed = format_twins(pairs)
    else:
        failed = build_all(pairs, options.changed, options.cell_seconds, options.notebook_seconds)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
