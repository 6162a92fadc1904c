"""A learner's copies: missing ones are made, unchanged ones follow the course, and nothing of the learner's is lost."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from nnopt_utils import copies
from nnopt_utils.copies import Change, CopyError, start_afresh, update_copies

NAME = "04_descent"
NOW = datetime(2026, 11, 26, 21, 40)


def notebook(*cells: str, outputs: tuple[str, ...] = ()) -> bytes:
    """A notebook of code cells; ``outputs`` are what the first of them printed."""
    written = [{"cell_type": "code", "id": f"c{i}", "metadata": {}, "source": c} for i, c in enumerate(cells)]
    for cell, text in zip(written, outputs, strict=False):
        cell |= {"execution_count": 1, "outputs": [{"output_type": "stream", "name": "stdout", "text": text}]}
    return json.dumps({"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


class Course:
    """The course's notebooks and a learner's folder, in a temporary one."""

    def __init__(self, root: Path) -> None:
        self.originals, self.folder = root / "notebooks", root / "work"
        self.originals.mkdir()
        self.original, self.copy = (folder / f"{NAME}.ipynb" for folder in (self.originals, self.folder))
        self.original.write_bytes(notebook("a = 1", "print(a)"))

    def open(self) -> list[str]:
        """What is said of each chapter when the course is opened."""
        return [change.outcome for change in update_copies(self.originals, self.folder)]

    def reset(self, number: str = "04") -> tuple[str, Path | None]:
        return start_afresh(number, self.originals, self.folder, now=NOW)


@pytest.fixture
def course(tmp_path):
    return Course(tmp_path)


@pytest.fixture
def opened(course):
    """The course after its first start."""
    course.open()
    return course


# -- missing and unchanged ---------------------------------------------------------------------------------------------


def test_missing_chapters_are_copied(course):
    assert update_copies(course.originals, course.folder) == [Change(NAME, "copied")]
    assert course.copy.read_bytes() == course.original.read_bytes()
    assert course.open() == []


def test_a_chapter_that_comes_later_or_was_deleted_is_copied(opened):
    (opened.originals / "05_new.ipynb").write_bytes(notebook("b = 2"))
    opened.copy.unlink()
    assert opened.open() == ["copied", "copied"]
    assert opened.copy.is_file()


def test_a_renamed_copy_stays_and_a_new_one_comes(opened):
    mine = opened.copy.rename(opened.folder / "mine.ipynb")
    assert opened.open() == ["copied"]
    assert mine.is_file()


def test_an_unchanged_copy_follows_the_course(opened):
    opened.original.write_bytes(notebook("a = 2"))
    assert opened.open() == ["updated"]
    assert opened.copy.read_bytes() == opened.original.read_bytes()
    assert opened.open() == []


def test_an_untouched_file_follows_in_silence_where_only_outputs_are_new(opened):
    opened.original.write_bytes(notebook("a = 1", "print(a)", outputs=("", "1\n")))
    assert opened.open() == []
    assert opened.copy.read_bytes() == opened.original.read_bytes()


def test_a_chapter_that_the_course_gave_up_stays(opened):
    opened.original.rename(opened.originals / "05_other.ipynb")
    assert opened.open() == ["copied"]
    assert opened.copy.is_file()


# -- run, but not changed ----------------------------------------------------------------------------------------------


def run_and_save(path: Path) -> bytes:
    """What JupyterLab does to a file: outputs, counts, metadata, an empty cell after Shift+Enter in the last."""
    content = json.loads(path.read_bytes())
    for count, cell in enumerate(content["cells"], start=1):
        cell.update(execution_count=count, outputs=[], source=cell["source"].splitlines(keepends=True))
        cell["metadata"] = {"trusted": True, "collapsed": True, "scrolled": False}
    content["cells"].append({"cell_type": "code", "id": "new", "metadata": {}, "source": [], "outputs": []})
    content["metadata"] = {"widgets": {"state": {}}, "language_info": {"version": "3.11.7"}}
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return path.read_bytes()


def test_a_copy_that_was_only_run_keeps_its_outputs(opened):
    saved = run_and_save(opened.copy)
    assert opened.open() == []
    assert opened.copy.read_bytes() == saved


def test_new_outputs_of_the_course_do_not_replace_those_of_a_run(opened):
    saved = run_and_save(opened.copy)
    opened.original.write_bytes(notebook("a = 1", "print(a)", outputs=("", "1\n")))
    assert opened.open() == []
    assert opened.copy.read_bytes() == saved


def test_a_copy_that_was_only_run_follows_new_cells(opened):
    run_and_save(opened.copy)
    opened.original.write_bytes(notebook("a = 2", "print(a)"))
    assert opened.open() == ["updated"]
    assert opened.copy.read_bytes() == opened.original.read_bytes()


# -- changed -----------------------------------------------------------------------------------------------------------

CHANGES = {
    "text": notebook("a = 17", "print(a)"),
    "order": notebook("print(a)", "a = 1"),
    "a cell more": notebook("a = 1", "print(a)", "mine"),
    "a cell less": notebook("a = 1"),
    "kind": notebook("a = 1", "print(a)").replace(b'"code"', b'"markdown"', 1),
}


@pytest.mark.parametrize("mine", CHANGES.values(), ids=CHANGES)
def test_a_changed_copy_is_kept_and_a_newer_version_announced_once(opened, mine):
    opened.copy.write_bytes(mine)
    assert opened.open() == []
    opened.original.write_bytes(notebook("a = 2", "print(a)"))
    assert opened.open() == ["newer"]
    assert opened.open() == []
    assert opened.copy.read_bytes() == mine


def test_each_newer_version_is_announced(opened):
    opened.copy.write_bytes(notebook("mine"))
    for number in (2, 3):
        opened.original.write_bytes(notebook(f"a = {number}"))
        assert opened.open() == ["newer"]


def test_a_learner_who_takes_the_change_back_follows_again(opened):
    opened.copy.write_bytes(notebook("mine"))
    opened.original.write_bytes(notebook("a = 2"))
    opened.open()
    opened.copy.write_bytes(notebook("a = 1", "print(a)"))
    assert opened.open() == ["updated"]


def test_a_learner_who_took_the_newer_version_by_hand_follows_again(opened):
    opened.original.write_bytes(notebook("a = 2"))
    opened.copy.write_bytes(notebook("a = 2"))
    assert opened.open() == []
    opened.original.write_bytes(notebook("a = 3"))
    assert opened.open() == ["updated"]


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"cells": 5}', b'{"cells": [{"source": 1}]}', b"\xff\xfe"])
def test_what_is_no_notebook_is_kept_and_announced(opened, broken):
    opened.copy.write_bytes(broken)
    assert opened.open() == ["unreadable"]
    assert opened.copy.read_bytes() == broken


# -- the memory --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", [None, b"", b"[]", b'{"04_descent.ipynb": 5}', b'{"04_descent.ipynb": {"x": 1}}'])
def test_without_its_memory_a_changed_copy_is_kept(opened, memory):
    if memory is None:
        (opened.folder / copies.MEMORY).unlink()
    else:
        (opened.folder / copies.MEMORY).write_bytes(memory)
    opened.copy.write_bytes(notebook("mine"))
    assert opened.open() == ["other"]
    assert opened.open() == []
    assert opened.copy.read_bytes() == notebook("mine")


def test_a_start_that_was_cut_off_between_copy_and_memory_is_mended(opened, monkeypatch):
    def cut_off(*arguments):
        raise KeyboardInterrupt

    opened.original.write_bytes(notebook("a = 2"))
    with monkeypatch.context() as patch:
        patch.setattr(copies, "_remember", cut_off)
        with pytest.raises(KeyboardInterrupt):
            opened.open()
    assert opened.open() == []
    opened.original.write_bytes(notebook("a = 3"))
    assert opened.open() == ["updated"]


def test_a_full_disk_leaves_the_old_copy_and_no_rubbish(opened, monkeypatch):
    def full(*arguments):
        raise OSError("No space left on device")

    before = opened.copy.read_bytes()
    opened.original.write_bytes(notebook("a = 2"))
    monkeypatch.setattr(copies.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        opened.open()
    assert opened.copy.read_bytes() == before
    assert sorted(path.name for path in opened.folder.iterdir()) == [copies.MEMORY, f"{NAME}.ipynb"]


def test_several_starts_at_once(course):
    for number in range(10, 60):
        (course.originals / f"{number}_more.ipynb").write_bytes(notebook(f"a = {number}"))
    script = "import sys; from pathlib import Path; from nnopt_utils import copies\n"
    script += "copies.update_copies(Path(sys.argv[1]), Path(sys.argv[2]))"
    command = [sys.executable, "-c", script, str(course.originals), str(course.folder)]
    root = Path(__file__).parents[1]
    running = [subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate()[1] for process in running] == [""] * 4
    assert course.open() == []
    assert {path.name for path in course.folder.iterdir()} == {
        copies.MEMORY,
        *(path.name for path in course.originals.iterdir()),
    }


# -- starting afresh ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["04", "4", NAME, f"{NAME}.ipynb"])
def test_reset_keeps_a_dated_copy(opened, number):
    opened.copy.write_bytes(notebook("mine"))
    name, kept = opened.reset(number)
    assert (name, kept) == (NAME, opened.folder / f"{NAME} 2026-11-26 21.40.ipynb")
    assert kept.read_bytes() == notebook("mine")
    assert opened.copy.read_bytes() == opened.original.read_bytes()


def test_reset_never_writes_over_a_dated_copy(opened):
    for number in range(3):
        opened.copy.write_bytes(notebook(f"mine {number}"))
        opened.reset()
    kept = sorted(path.name for path in opened.folder.glob("* *.ipynb"))
    assert kept == [f"{NAME} 2026-11-26 21.40{times}.ipynb" for times in (" (2)", " (3)", "")]
    assert {path.read_bytes() for path in opened.folder.glob("* *.ipynb")} == {notebook(f"mine {i}") for i in range(3)}


def test_after_a_reset_the_copy_follows_the_course_again(opened):
    opened.copy.write_bytes(notebook("mine"))
    opened.reset()
    opened.original.write_bytes(notebook("a = 2"))
    assert opened.open() == ["updated"]


def test_reset_rescues_what_is_no_notebook(opened):
    opened.copy.write_bytes(b"{")
    assert opened.reset()[1].read_bytes() == b"{"
    assert opened.open() == []


def test_reset_keeps_nothing_where_nothing_is(course):
    assert course.reset() == (NAME, None)
    assert course.reset() == (NAME, None)
    assert [path.name for path in course.folder.glob("*.ipynb")] == [f"{NAME}.ipynb"]


@pytest.mark.parametrize("number", ["05", "x", "", "044", "gradient"])
def test_reset_of_an_unknown_chapter(opened, number):
    with pytest.raises(CopyError, match=rf"chapter: got '{number}'; expected one of 04"):
        opened.reset(number)


# -- the course itself is broken ---------------------------------------------------------------------------------------


def test_no_originals(course):
    course.original.unlink()
    with pytest.raises(CopyError, match="there is no chapter in"):
        course.open()


def test_a_broken_original_is_not_handed_on(opened):
    opened.original.write_bytes(b"<<<<<<< HEAD")
    with pytest.raises(CopyError, match=r"04_descent\.ipynb is no notebook any more"):
        opened.open()
    assert opened.copy.read_bytes() == notebook("a = 1", "print(a)")


# -- with Git ----------------------------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_pull_never_meets_what_a_learner_wrote(tmp_path):
    authors, learner = tmp_path / "authors", tmp_path / "learner"
    course = Course(tmp_path)
    authors.mkdir()
    course.originals.rename(authors / "notebooks")
    shutil.copy(Path(__file__).parents[1] / ".gitignore", authors)
    git(authors, "init", "--quiet")
    git(authors, "add", ".")
    git(authors, "commit", "--quiet", "--message", "first")
    git(tmp_path, "clone", "--quiet", str(authors), str(learner))
    originals, folder = learner / "notebooks", learner / "work"
    update_copies(originals, folder)
    (folder / f"{NAME}.ipynb").write_bytes(notebook("mine"))
    assert git(learner, "status", "--porcelain") == ""

    (authors / "notebooks" / f"{NAME}.ipynb").write_bytes(notebook("a = 2"))
    git(authors, "commit", "--quiet", "--all", "--message", "second")
    git(learner, "pull", "--quiet", "--ff-only")
    assert update_copies(originals, folder) == [Change(NAME, "newer")]
    start_afresh("04", originals, folder)
    assert (folder / f"{NAME}.ipynb").read_bytes() == notebook("a = 2")
    assert git(learner, "status", "--porcelain") == ""
