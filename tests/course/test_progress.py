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


UPHILL, SIGN = "mistake:you-went-uphill", "slip:opposite_sign"


def test_mistakes_are_counted(own_progress: Path) -> None:
    progress = Progress()
    for mistake in (UPHILL, SIGN, UPHILL):
        progress.record("04.a", "tried", mistake)
    progress.record("quiz 04.1", "tried", mistake="option:b")
    assert Progress().mistakes() == {"04.a": {UPHILL: 2, SIGN: 1}, "quiz 04.1": {"option:b": 1}}
    assert Progress().states() == {"04.a": "tried", "quiz 04.1": "tried"}
    fields = [line.split("\t")[1:] for line in own_progress.read_text(encoding="utf-8").splitlines()]
    assert fields[1] == ["04.a", "tried", SIGN]


def test_the_same_mistake_again_at_once_counts_once(own_progress: Path) -> None:
    for _ in range(3):
        Progress().record("04.a", "tried", UPHILL)  # also from another kernel
        Progress().record("04.b", "tried", UPHILL)
    Progress().record("04.a", "tried")
    assert Progress().mistakes() == {"04.a": {UPHILL: 1}, "04.b": {UPHILL: 1}}
    assert len(own_progress.read_text(encoding="utf-8").splitlines()) == 2


def test_after_a_solution_nothing_is_counted(own_progress: Path) -> None:
    progress = Progress()
    progress.record("04.a", "solved")
    progress.record("04.a", "tried", UPHILL)
    assert progress.mistakes() == {}
    assert progress.states() == {"04.a": "solved"}


def test_lines_without_a_mistake_are_still_read(own_progress: Path) -> None:
    own_progress.write_text("2026-01-31 12:00:00\t04.a\ttried\n2026-01-31 12:00:00\t04.b\tsolved\n", encoding="utf-8")
    assert Progress().states() == {"04.a": "tried", "04.b": "solved"}
    Progress().record("04.a", "tried", UPHILL)
    assert Progress().mistakes() == {"04.a": {UPHILL: 1}}


def test_a_mistake_stays_on_its_line(own_progress: Path) -> None:
    Progress().record("04.a", "tried", "slip:raised_\todd\nname")
    assert Progress().mistakes() == {"04.a": {"slip:raised_ odd name": 1}}


def test_mistakes_of_a_session_without_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for setting in ("off", str(tmp_path / "missing" / "file.tsv")):
        monkeypatch.setenv("NNOPT_PROGRESS", setting)
        progress = Progress()
        for mistake in (UPHILL, UPHILL, SIGN, UPHILL):
            progress.record("04.a", "tried", mistake)
        assert progress.mistakes() == {"04.a": {UPHILL: 2, SIGN: 1}}


def test_progress_forgives_a_broken_file(own_progress: Path) -> None:
    own_progress.write_bytes(b"garbage\n\xff\xfe\t\t\nx\t04.a\tsolved\nx\t04.b\tmaybe\n\nx\t04.c\ttri")
    progress = Progress()
    assert progress.states() == {"04.a": "solved"}
    progress.record("04.d", "tried")
    assert Progress().states() == {"04.a": "solved", "04.d": "tried"}


def test_spaces_at_the_end_of_a_line_do_not_matter(own_progress: Path) -> None:
    own_progress.write_bytes(b"\xef\xbb\xbf2026-01-31 12:00:00\t04.rate\tsolved  \r\n")
    assert Progress().states() == {"04.rate": "solved"}


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
