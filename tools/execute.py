"""Execute one notebook in a fresh kernel, in a process of its own, so that a hang can be ended.

``python -m tools.execute IN OUT REPORT FOLDER SECONDS`` is the inner process; ``execute`` starts it.
"""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat
import psutil  # type: ignore[import-untyped]
from nbformat import NotebookNode

# Not from tools.twins: that would import jupytext, in every inner process.
ROOT = Path(__file__).resolve().parents[1]
CELL_SECONDS = 120.0
NOTEBOOK_SECONDS = 240.0

# What notebooks run under, here and under nbval: no bars, no progress file, the same numbers everywhere.
KERNEL_ENVIRONMENT = {
    "TQDM_DISABLE": "1",
    "NNOPT_PROGRESS": "off",
    "NNOPT_CLAIMS": "strict",  # a claim that fails is an error
    # Two threads on a busy processor are slower than one, and add up in another order.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # The kernel "python3" is this interpreter's, not one that the user has installed under the same name.
    "JUPYTER_PREFER_ENV_PATH": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
# With another backend than the kernel's own, figures would not appear in the notebook.
NOT_FOR_KERNELS = {"MPLBACKEND", "PYTHONPATH", "PYTHONHOME"}


@dataclass(frozen=True)
class Failure:
    """Why a notebook did not run to its end. `kind` is "error" (a cell raised), "hang" or "dead" (kernel)."""

    kind: str
    message: str
    cell: int | None = None
    source: str = ""
    traceback: str = ""

    def __str__(self) -> str:
        if self.cell is None:
            return self.message
        head = "\n".join("    " + line for line in self.source.split("\n")[:8])
        tail = "\n".join("    " + line for line in self.traceback.split("\n")[-12:] if line.strip())
        return f"cell {self.cell}: {self.message}\n{head}" + (f"\n  traceback, its end:\n{tail}" if tail else "")


def execute(
    notebook: NotebookNode,
    folder: Path,
    cell_seconds: float = CELL_SECONDS,
    notebook_seconds: float = NOTEBOOK_SECONDS,
    attempts: int = 2,
) -> NotebookNode | Failure:
    """The executed notebook, or why there is none.

    Args:
        notebook: what to execute; it is not changed.
        folder: the working folder of the kernel.
        cell_seconds: how long a cell may take.
        notebook_seconds: how long everything may take, the start of the kernel included.
        attempts: how often to try when a kernel hangs or dies. A cell that raises is not tried again.
    """
    result = _attempt(notebook, folder, cell_seconds, notebook_seconds)
    for _ in range(attempts - 1):
        if isinstance(result, Failure) and result.kind in ("hang", "dead"):
            result = _attempt(notebook, folder, cell_seconds, notebook_seconds)
    return result


def _attempt(
    notebook: NotebookNode, folder: Path, cell_seconds: float, notebook_seconds: float
) -> NotebookNode | Failure:
    with tempfile.TemporaryDirectory() as temporary:
        source, result, report = (Path(temporary) / name for name in ("in.ipynb", "out.ipynb", "report.json"))
        nbformat.write(notebook, source)
        command = [sys.executable, "-m", "tools.execute", source, result, report, folder.resolve(), str(cell_seconds)]
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env={k: v for k, v in os.environ.items() if k not in NOT_FOR_KERNELS} | KERNEL_ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        try:
            output, _ = process.communicate(timeout=notebook_seconds)
        except subprocess.TimeoutExpired:
            return Failure("hang", f"not finished after {notebook_seconds:g} s, killed")
        finally:
            _kill_tree(process)
        if report.exists():
            return Failure(**json.loads(report.read_text(encoding="utf-8")))
        if process.returncode != 0 or not result.exists():
            return Failure("dead", f"the executing process ended with {process.returncode}:\n{output[-2000:]}")
        return nbformat.read(result, as_version=4)


def _kill_tree(process: subprocess.Popen[str]) -> None:
    """End a process and its kernel. The kernel has a session of its own, so that killing the group would miss it."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    if process.poll() is None:
        process.kill()
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _run_inner(source: Path, folder: Path, cell_seconds: float) -> NotebookNode | Failure:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = nbformat.read(source, as_version=4)
    current = {"cell": 0}
    client = NotebookClient(
        notebook,
        timeout=math.ceil(cell_seconds),
        kernel_name="python3",
        record_timing=False,
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=lambda cell, cell_index: current.update(cell=cell_index),
    )
    try:
        client.execute()
    except CellExecutionError as error:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", error.traceback)
        return _failure("error", f"{error.ename}: {error.evalue}", notebook, current["cell"], plain)
    except CellTimeoutError:
        return _failure("hang", f"not finished after {cell_seconds:g} s", notebook, current["cell"])
    except DeadKernelError:
        return _failure("dead", "the kernel died", notebook, current["cell"])
    return notebook


def _failure(kind: str, message: str, notebook: NotebookNode, index: int, traceback: str = "") -> Failure:
    return Failure(kind, message, index, notebook.cells[index].source, traceback)


def main(source: str, result: str, report: str, folder: str, cell_seconds: str) -> None:
    """The inner process: writes the executed notebook to `result`, or the failure to `report`."""
    outcome = _run_inner(Path(source), Path(folder), float(cell_seconds))
    if isinstance(outcome, Failure):
        Path(report).write_text(json.dumps(asdict(outcome)), encoding="utf-8")
    else:
        nbformat.write(outcome, result)


if __name__ == "__main__":
    main(*sys.argv[1:])
