"""What chapters register is found in their folders."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nnopt_utils.course.exercises import Exercise
from nnopt_utils.course.registry import Registry


@pytest.fixture
def fake_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    package = tmp_path / "fake_course"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "exercises").mkdir()
    (package / "exercises" / "exercises.py").write_text("raise RuntimeError('not a chapter')")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield package
    for name in [name for name in sys.modules if name.startswith("fake_course")]:
        del sys.modules[name]


def write_chapter(package: Path, number: str, *names: str) -> None:
    items = ", ".join(f"Exercise(name={name!r}, task='x', reference=1)" for name in names)
    source = f"from nnopt_utils.course.exercises import Exercise\nEXERCISES = [{items}]\n"
    write_module(package, number, source)


def write_module(package: Path, number: str, source: str) -> None:
    folder = package / f"ch{number}_some_name"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "exercises.py").write_text(source, encoding="utf-8")


def test_registry_finds_chapters_and_loads_only_what_is_asked_for(fake_package: Path) -> None:
    write_chapter(fake_package, "05", "05.b", "05.a")
    write_module(fake_package, "06", "raise RuntimeError('loaded')")
    registry = Registry("exercises", "EXERCISES", Exercise, package="fake_course")
    assert registry.chapters() == ["05", "06"]
    assert registry["05.a"].name == "05.a"
    assert list(registry.chapter("05")) == ["05.b", "05.a"]
    assert "77.x" not in registry
    with pytest.raises(KeyError):
        registry["05.c"]
    with pytest.raises(RuntimeError, match="loaded"):
        list(registry)


@pytest.mark.parametrize(("names", "fault"), [(["06.a"], "start with '05.'"), (["05.a", "05.a"], "used twice")])
def test_registry_refuses_faulty_names(fake_package: Path, names: list[str], fault: str) -> None:
    write_chapter(fake_package, "05", *names)
    with pytest.raises(ValueError, match=fault):
        Registry("exercises", "EXERCISES", Exercise, package="fake_course").chapter("05")


def test_registry_refuses_other_things(fake_package: Path) -> None:
    write_module(fake_package, "05", "EXERCISES = [3]")
    with pytest.raises(TypeError, match="expected Exercise"):
        Registry("exercises", "EXERCISES", Exercise, package="fake_course").chapter("05")


def test_importing_the_course_loads_no_chapter() -> None:
    code = "import sys, nnopt_utils.course; print([m for m in sys.modules if m.startswith('nnopt_utils.course.ch')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
