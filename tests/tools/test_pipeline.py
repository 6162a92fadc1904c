"""From a twin to an executed notebook and back, with real kernels; and nbval does see a changed output."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from example_chapter import example_notebook
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbval.plugin import get_sanitize_patterns

from tools.execute import Failure, execute
from tools.normalise import WIDGET_VIEW, normalise, write_notebook
from tools.notebooks import main
from tools.twins import (
    FRONT_MATTER,
    NOTEBOOK_METADATA,
    ROOT,
    Pair,
    TwinError,
    assign_ids,
    cell_signature,
    find_pairs,
    first_difference,
    format_twin,
    pair_of,
    parse_twin,
    read_notebook,
)

TINY = (
    FRONT_MATTER
    + """
# 04 · Tiny

A text with $\\theta$.

+++

Another text.

```{code-cell}
import os
from pathlib import Path

print(Path.cwd().name, os.environ["TQDM_DISABLE"], os.environ["NNOPT_PROGRESS"])
print("second line")
```

```{code-cell}
:tags: [raises-exception]

1 / 0
```

```{code-cell}
:tags: [explorer, nbval-ignore-output]

from ipywidgets import IntSlider

IntSlider()
```

```{code-cell}
---
jupyter:
  source_hidden: true
  outputs_hidden: true
tags: [solution]
---
from matplotlib import pyplot

figure, ax = pyplot.subplots(figsize=(1, 1))
```
"""
)


def tiny_course(root: Path, text: str = TINY) -> Pair:
    (root / "notebooks").mkdir()
    pair = pair_of("04_tiny", root)
    pair.twin.parent.mkdir(parents=True)
    pair.twin.write_text(text, encoding="utf-8")
    return pair


def run(pair: Pair, *arguments: str) -> int:
    return main(["--root", str(pair.notebook.parents[1]), *arguments])


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny chapter's notebook, built once."""
    pair = tiny_course(tmp_path_factory.mktemp("course"))
    assert run(pair, "--chapter", "4") == 0
    return pair.notebook.read_text(encoding="utf-8")


@pytest.fixture
def built(executed: str, tmp_path: Path) -> Pair:
    pair = tiny_course(tmp_path)
    pair.notebook.write_text(executed, encoding="utf-8")
    return pair


def by_text(notebook: NotebookNode) -> dict[str, str]:
    return {cell.source: cell.id for cell in notebook.cells}


# -- what is written -------------------------------------------------------------------------------------------------


def test_the_notebook_is_executed_and_normal(built: Pair):
    notebook = nbformat.read(built.notebook, as_version=4)
    text, _, where, error, widget, figure = notebook.cells
    assert text.source == "# 04 · Tiny\n\nA text with $\\theta$."
    assert where.outputs == [new_output("stream", name="stdout", text="notebooks 1 off\nsecond line\n")]
    assert error.outputs[0].traceback == ["ZeroDivisionError: division by zero"]
    assert widget.outputs[0].data == {"text/plain": "IntSlider(value=0)"}
    assert set(figure.outputs[0].data) == {"image/png", "text/plain"}
    assert [cell.execution_count for cell in (where, error, widget, figure)] == [1, 2, 3, 4]
    assert figure.metadata == {"jupyter": {"source_hidden": True, "outputs_hidden": True}, "tags": ["solution"]}
    assert notebook.metadata == NOTEBOOK_METADATA


def test_the_file_is_as_jupyter_writes_it(built: Pair):
    text = built.notebook.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    assert "·" in text
    assert (json.loads(text)["nbformat"], json.loads(text)["nbformat_minor"]) == (4, 5)


def test_normalise_drops_what_changes_from_run_to_run():
    stream = [new_output("stream", name=name, text=f"{name}\n") for name in ("stdout", "stdout", "stderr", "stdout")]
    view = new_output("display_data", {WIDGET_VIEW: {"model_id": "a" * 32}})
    result = new_output("execute_result", {"text/plain": "1"}, execution_count=9)
    timed = new_code_cell("f()", execution_count=9, outputs=[*stream, view, result], metadata={"tags": ["explorer"]})
    timed.metadata.update(execution={"iopub.status.busy": "2026"}, collapsed=True, jupyter={"outputs_hidden": True})
    metadata = {"widgets": {}, "jupytext": {"formats": "ipynb,md"}, "language_info": {"name": "python", "version": "3"}}
    notebook = new_notebook(cells=[new_code_cell("1", execution_count=4), timed], metadata=metadata)
    result["transient"] = {"display_id": "x"}
    normalise(notebook)
    assert [cell.execution_count for cell in notebook.cells] == [1, 2]
    assert notebook.cells[1].metadata == {"tags": ["explorer"]}
    assert [(o.name, o.text) for o in notebook.cells[1].outputs[:3]] == [
        ("stdout", "stdout\nstdout\n"),
        ("stderr", "stderr\n"),
        ("stdout", "stdout\n"),
    ]
    assert notebook.cells[1].outputs[3:] == [new_output("execute_result", {"text/plain": "1"}, execution_count=2)]
    assert notebook.metadata == NOTEBOOK_METADATA


# -- the way there and back ------------------------------------------------------------------------------------------


def test_md_to_notebook_to_md_is_exact(built: Pair):
    built.twin.unlink()
    assert run(built, "--from-notebooks") == 0
    assert built.twin.read_text(encoding="utf-8") == TINY


def test_notebook_to_md_to_notebook_is_exact():
    """Also for sources that look like the format's own marks."""
    cells = [
        *example_notebook().cells,
        new_code_cell(":tags: [no]\n\n\n\nx = 1  # two empty lines above"),
        new_code_cell('---\nx = """\n```\n+++ """'),
        new_markdown_cell("A fence:\n\n````\n```{code-cell}\n```\n````"),
        new_markdown_cell("tagged", metadata={"tags": ["a", "b"]}),
        new_markdown_cell("next to it"),
        new_code_cell("%timeit 1"),
    ]
    notebook = new_notebook(cells=cells)
    text = format_twin(notebook)
    assert list(map(cell_signature, parse_twin(text).cells)) == list(map(cell_signature, cells))
    assert format_twin(parse_twin(text)) == text
    assert text.startswith(FRONT_MATTER)


def test_what_a_twin_cannot_hold_is_refused():
    with pytest.raises(TwinError, match="would not survive"):
        format_twin(new_notebook(cells=[new_markdown_cell("one\n\n+++\n\ntwo")]))


def test_a_notebook_edited_in_jupyterlab(built: Pair, capsys: pytest.CaptureFixture[str]):
    notebook = read_notebook(built.notebook)
    notebook.cells[1].source = "Another text, edited."
    notebook.cells[2].metadata["scrolled"] = True
    built.notebook.write_text(nbformat.writes(notebook), encoding="utf-8")
    assert run(built, "--check") == 1
    assert "04_tiny.ipynb is stale, cell 1: source 'Another text.' in the twin" in capsys.readouterr().out
    assert run(built, "--from-notebooks") == 0
    assert built.twin.read_text(encoding="utf-8") == TINY.replace("Another text.", "Another text, edited.")
    assert run(built, "--check") == 0


def test_a_newer_twin_is_not_overwritten(built: Pair, capsys: pytest.CaptureFixture[str]):
    edited = TINY.replace("Another text.", "Much work.")
    built.twin.write_text(edited, encoding="utf-8")
    os.utime(built.notebook, (1, 1))
    assert run(built, "--from-notebooks") == 1
    assert "--force" in capsys.readouterr().out
    assert built.twin.read_text(encoding="utf-8") == edited
    assert run(built, "--from-notebooks", "--force") == 0
    assert built.twin.read_text(encoding="utf-8") == TINY


def test_the_standard_form(built: Pair):
    built.twin.write_text(TINY.replace("```{code-cell}\nimport", "```{code-cell} ipython3\nimport"), encoding="utf-8")
    assert run(built, "--format") == 0
    assert built.twin.read_text(encoding="utf-8") == TINY


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Another text.", "A third text.", "cell 1: source"),
        ("tags: [raises-exception]", "tags: [check]", "cell 3: metadata"),
        ("+++\n\nAnother text.\n\n", "", "cell 1: type"),
        (TINY[-10:], TINY[-10:] + "\nThe end.\n", "7 cells in the twin, 6 in the notebook"),
    ],
)
def test_check_reports_a_stale_pair(built: Pair, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str):
    assert run(built, "--check") == 0
    assert old in TINY
    built.twin.write_text(TINY.replace(old, new), encoding="utf-8")
    assert run(built, "--check") == 1
    assert message in capsys.readouterr().out


def test_check_reports_a_missing_copy(built: Pair, capsys: pytest.CaptureFixture[str]):
    built.twin.parent.rename(built.twin.parent.with_name("ch05_other"))
    assert run(built, "--check") == 1
    assert {"04_tiny.ipynb has no twin", "ch05_other/chapter.md has no notebook"} <= {
        line.split(":")[0] for line in capsys.readouterr().out.splitlines()
    }


def test_chapters_are_chosen_by_number_or_name(built: Pair):
    root = built.notebook.parents[1]
    shutil.copytree(built.twin.parent, built.twin.parent.with_name("ch05_other"))
    assert [pair.name for pair in find_pairs(root)] == ["04_tiny", "05_other"]
    for name in ("4", "04", "04_tiny", "nnopt_utils/course/ch04_tiny/chapter.md"):
        assert [pair.name for pair in find_pairs(root, [name])] == ["04_tiny"]
    assert run(built, "--chapter", "17") == 2


# -- ids -------------------------------------------------------------------------------------------------------------


def cells_with_ids(*sources: str) -> NotebookNode:
    cells = [new_code_cell(source, id=f"id-{source[:3]}") for source in sources]
    return NotebookNode(cells=cells)  # new_notebook would mend ids that are not unique


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("aaa bbb ccc", "aaa xxx bbb ccc", "id-aaa - id-bbb id-ccc"),
        ("aaa bbb ccc", "aaa ccc", "id-aaa id-ccc"),
        ("aaa bbb=1234 ccc", "aaa bbb=1235 ccc", "id-aaa id-bbb id-ccc"),
        ("aaa bbb=1234 ccc", "aaa xxx bbb=1235 ccc", "id-aaa - id-bbb id-ccc"),
        ("aaa bbb ccc", "ccc aaa bbb", "id-ccc id-aaa id-bbb"),
        ("aaa", "aaa aaa aaa", "id-aaa - -"),
    ],
    ids=["inserted", "removed", "edited", "edited and inserted", "moved", "copied"],
)
def test_ids_stay_with_their_cells(old: str, new: str, kept: str):
    notebook = cells_with_ids(*new.split())
    for cell in notebook.cells:
        cell.id = "of no meaning"
    assign_ids(notebook, cells_with_ids(*old.split()))
    ids = [cell.id for cell in notebook.cells]
    assert [identity if identity.startswith("id-") else "-" for identity in ids] == kept.split()
    assert len(set(ids)) == len(ids)


def test_new_ids_depend_on_the_source_only():
    first, second = cells_with_ids("a", "a", "b"), cells_with_ids("b", "a")
    assign_ids(first)
    assign_ids(second)
    assert [first.cells[i].id for i in (2, 0)] == [cell.id for cell in second.cells]


def test_a_new_build_keeps_ids(built: Pair):
    before = by_text(read_notebook(built.notebook))
    edited = TINY.replace('print("second line")', 'print("second line, edited")')
    edited = edited.replace("Another text.\n", "Another text.\n\n```{code-cell}\nprint(1)\n```\n")
    built.twin.write_text(edited, encoding="utf-8")
    assert run(built, "--changed") == 0
    after = read_notebook(built.notebook)
    assert first_difference(parse_twin(edited), after) == ""
    assert "second line, edited\n" in after.cells[3].outputs[0].text
    changed = {source: identity for source, identity in by_text(after).items() if source not in before}
    assert len(changed) == 2
    assert changed["print(1)"] not in before.values()
    assert set(before.values()) == set(by_text(after).values()) - {changed["print(1)"]}


def test_changed_skips_what_is_in_step(built: Pair, capsys: pytest.CaptureFixture[str]):
    assert run(built, "--changed") == 0
    assert "04_tiny: unchanged" in capsys.readouterr().out


# -- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_failing_cell_leaves_the_old_notebook(built: Pair, capsys: pytest.CaptureFixture[str]):
    before = built.notebook.read_bytes()
    cell = 'with open("attempts.txt", "a") as file:\n    file.write("x")\nraise ValueError("the reason")'
    built.twin.write_text(FRONT_MATTER + f"\n# T\n\n```{{code-cell}}\n{cell}\n```\n", encoding="utf-8")
    assert run(built) == 1
    assert built.notebook.read_bytes() == before
    assert [path.name for path in built.notebook.parent.glob("*") if path.suffix != ".txt"] == ["04_tiny.ipynb"]
    message = capsys.readouterr().out
    assert "04_tiny: FAILED" in message
    assert "cell 1: ValueError: the reason" in message
    assert 'with open("attempts.txt", "a")' in message
    assert (built.notebook.parent / "attempts.txt").read_text() == "x", "a cell error is not tried again"


ATTEMPTS = """
import os
import time
from pathlib import Path

with open("pids.txt", "a") as file:
    file.write(f"{os.getpid()}\\n")
attempt = len(Path("pids.txt").read_text().split())
"""


def pids(folder: Path) -> list[int]:
    return [int(pid) for pid in (folder / "pids.txt").read_text().split()]


def all_ended(processes: list[int]) -> bool:
    """Whether none runs any more. One that nobody waits for stays in the table as a zombie."""
    for _ in range(50):
        running = [pid for pid in processes if psutil.pid_exists(pid)]
        if not any(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in running):
            return True
        time.sleep(0.1)
    return False


def test_a_hang_and_a_dead_kernel_are_tried_again(tmp_path: Path):
    """The first attempt hangs in a cell, the second loses its kernel, the third succeeds."""
    source = ATTEMPTS + "if attempt == 1:\n    time.sleep(100)\nif attempt == 2:\n    os._exit(1)\nprint(attempt)"
    notebook = new_notebook(cells=[new_code_cell(source)])
    result = execute(notebook, tmp_path, cell_seconds=1, attempts=3)
    assert not isinstance(result, Failure), result
    assert result.cells[0].outputs[0].text == "3\n"
    assert len(pids(tmp_path)) == 3
    assert all_ended(pids(tmp_path))
    assert notebook.cells[0].outputs == []


def test_a_notebook_that_hangs_is_killed_with_its_kernel(tmp_path: Path):
    notebook = new_notebook(cells=[new_code_cell(ATTEMPTS + "time.sleep(100)")])
    result = execute(notebook, tmp_path, notebook_seconds=6, attempts=1)
    assert isinstance(result, Failure)
    assert (result.kind, result.message) == ("hang", "not finished after 6 s, killed")
    if (tmp_path / "pids.txt").exists():  # not on a machine that is too busy to start a kernel in that time
        assert all_ended(pids(tmp_path))


# -- nbval -----------------------------------------------------------------------------------------------------------


def test_nbval_passes_what_was_built_and_fails_what_was_changed(built: Pair):
    changed = read_notebook(built.notebook)
    changed.cells[2].outputs[0].text = changed.cells[2].outputs[0].text.replace("second", "2nd")
    changed.cells.pop()
    changed.cells[4].outputs[0].data["text/plain"] = "ignored, as its tag says"
    write_notebook(changed, built.notebook.with_name("05_changed.ipynb"))
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=60", "-p", "no:cacheprovider", "-q", "-rA"]
    sanitize = f"--nbval-sanitize-with={ROOT / 'tests' / 'nbval_sanitize.cfg'}"
    environment = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "/dev/null", *options, sanitize, "--color=no", "."],
        cwd=built.notebook.parent,
        env={**environment, "TQDM_DISABLE": "1", "NNOPT_PROGRESS": "off"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    outcomes = {line for line in process.stdout.splitlines() if line.startswith(("PASSED", "FAILED"))}
    failed = {line for line in outcomes if line.startswith("FAILED")}
    assert len(outcomes) == 4 + 3, process.stdout + process.stderr
    assert len(failed) == 1, process.stdout
    assert "05_changed.ipynb::Cell 0" in failed.pop()


@pytest.mark.parametrize(
    ("text", "sanitized"),
    [
        ("<Line2D at 0x7f00aa12bc50>", "<Line2D at ADDRESS>"),
        ("model d2a4c6e8f0a1b2c3d4e5f60718293a4b.", "model ID."),
        ("loss 0.25, 0x1f, at 12", "loss 0.25, 0x1f, at 12"),
        ("a" * 64, "a" * 64),
    ],
)
def test_the_sanitizers_hide_no_more_than_ids(text: str, sanitized: str):
    for pattern, replacement in get_sanitize_patterns((ROOT / "tests" / "nbval_sanitize.cfg").read_text()):
        text = re.sub(pattern, replacement, text)
    assert text == sanitized
