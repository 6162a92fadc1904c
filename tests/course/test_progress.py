"""What a learner has solved, kept in a text file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnopt_utils.course import progress as progress_module
from nnopt_utils.course.progress import PROGRESS, Progress, progress_file


@pytest.fixture(autouse=True)
def own_progress(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """No test reads or writes the real progress."""
    path = tmp_path / "progress.tsv"
    monkeypatch.setenv("NNOPT_PROGRESS", str(path))
    monkeypatch.setattr(PROGRESS, "_session", {})
    yield path


def test_progress_is_read_back(own_progress: Path) -> None:
    Progress().record("04.a", "solved")
    Progress().record("04.b", "tried")
    assert Progress().states() == {"04.a": "solved", "04.b": "tried"}


def test_progress_forgives_a_broken_file(own_progress: Path) -> None:
    own_progress.write_bytes(b"garbage\n\xff\xfe\t\t\nx\t04.a\tsolved\nx\t04.b\tmaybe\n\nx\t04.c\ttri")
    progress = Progress()
    assert progress.states() == {"04.a": "solved"}
    progress.record("04.d", "tried")
    assert Progress().states() == {"04.a": "solved", "04.d": "tried"}


def test_progress_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NNOPT_PROGRESS", str(tmp_path / "file" / "progress.tsv"))
    progress = Progress()
    assert "not kept beyond this session" in progress.record("04.a", "tried")
    assert progress.record("04.b", "tried") == ""
    assert progress.states() == {"04.a": "tried", "04.b": "tried"}


def test_progress_turned_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NNOPT_PROGRESS", "OFF")
    monkeypatch.chdir(tmp_path)
    assert progress_file() is None
    progress = Progress()
    assert progress.record("04.a", "solved") == ""
    assert progress.states() == {"04.a": "solved"}
    assert Progress().states() == {}
    assert list(tmp_path.iterdir()) == []


def test_place_of_the_progress_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NNOPT_PROGRESS")
    monkeypatch.setattr(progress_module, "repository", lambda: tmp_path / "course")
    assert progress_file() == tmp_path / "course" / ".nnopt_progress.tsv"


def test_outside_the_repository_progress_goes_to_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NNOPT_PROGRESS")
    monkeypatch.setattr(progress_module, "repository", lambda: None)
    monkeypatch.setattr(progress_module, "user_folder", lambda: tmp_path / "share" / "nnopt")
    assert progress_file() == tmp_path / "share" / "nnopt" / "progress.tsv"
    assert Progress().states() == {} and not (tmp_path / "share").exists()
    assert Progress().record("04.a", "solved") == ""
    assert Progress().states() == {"04.a": "solved"}


def test_notebooks_may_write_side_by_side(own_progress: Path) -> None:
    code = (
        "from nnopt_utils.course.progress import PROGRESS; [PROGRESS.record(f'04.{}{i}', 'tried') for i in range(50)]"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code.replace("{}", name)]) for name in "ab"]
    assert [process.wait() for process in processes] == [0, 0]
    assert len(Progress().states()) == 100
