"""Commands are those that this user has to type."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nnopt_utils import _commands
from nnopt_utils._commands import install, install_tensorflow, program, python


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Say where Python runs, and in which kind of environment; TensorFlow is not installed."""

    def machine(executable: str, *, repository: bool = True, environment: bool = True, platform: str = "linux") -> None:
        monkeypatch.setattr(sys, "executable", executable.format(tmp_path))
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr(sys, "base_prefix", "/usr")
        monkeypatch.setattr(sys, "prefix", "/environment" if environment else "/usr")
        monkeypatch.delenv("CONDA_PREFIX", raising=False)
        monkeypatch.setattr(_commands, "repository", lambda: tmp_path if repository else None)
        monkeypatch.setattr(_commands, "has_tensorflow", lambda: False)
        monkeypatch.setattr(_commands.platform, "machine", lambda: "arm64")
        monkeypatch.setattr(sys, "version_info", (3, 12, 1))

    return machine


def test_python_in_the_courses_folder_is_named_from_there(machine):
    machine("{}/.venv/bin/python")
    assert python() == str(Path(".venv/bin/python"))
    machine("{}/.venv/Scripts/python.exe")
    assert python() == str(Path(".venv/Scripts/python"))


def test_python_of_another_environment_is_named_in_full(machine):
    machine("/opt/env/bin/python3")
    assert python() == str(Path("/opt/env/bin/python3"))


def test_a_path_with_blanks_is_quoted(machine):
    machine("/my env/bin/python", repository=False)
    assert python() == f'"{Path("/my env/bin/python")}"'
    machine("/my env/python.exe", repository=False, platform="win32")
    assert python() == f'& "{Path("/my env/python")}"'


@pytest.mark.parametrize(("platform", "name"), [("linux", ".venv/bin/python"), ("win32", r".venv\Scripts\python")])
def test_the_systems_python_is_not_the_courses(machine, platform, name):
    machine("/usr/bin/python3", environment=False, platform=platform)
    assert python() == name
    assert f"{Path('/usr/bin/python3')} -m venv .venv` if there is no .venv" in install()
    assert install().endswith(f"`{name} -m pip install -r requirements.txt`")


def test_a_conda_environment_is_one(machine, monkeypatch):
    machine("/opt/conda/bin/python", environment=False)
    monkeypatch.setenv("CONDA_PREFIX", "/opt/conda")
    assert python() == str(Path("/opt/conda/bin/python"))


def test_what_installs_the_course(machine, monkeypatch):
    machine("{}/.venv/bin/python")
    assert install().endswith("python -m pip install -r requirements-light.txt`")
    monkeypatch.setattr(_commands, "has_tensorflow", lambda: True)
    assert install().endswith("python -m pip install -r requirements.txt`")
    machine("/env/bin/python", repository=False)
    assert install() == f"`{Path('/env/bin/python')} -m pip install nnopt`"


def test_what_installs_tensorflow(machine):
    machine("{}/.venv/bin/python")
    assert install_tensorflow().startswith("run `make lab`, or in the course's folder `.venv")
    assert install_tensorflow().endswith("-m pip install -r requirements.txt`")
    machine("/env/bin/python", repository=False)
    assert install_tensorflow() == f'run `{Path("/env/bin/python")} -m pip install "nnopt[tensorflow]"`'


def test_where_there_is_no_tensorflow_it_says_so(machine, monkeypatch):
    machine("{}/.venv/bin/python")
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    assert install_tensorflow().startswith(
        "there is no TensorFlow 2.21 for Python 3.14: set the course up with Python 3.11"
    )
    machine("{}/.venv/bin/python", platform="darwin")
    assert "make lab" in install_tensorflow()
    monkeypatch.setattr(_commands.platform, "machine", lambda: "x86_64")
    assert "no TensorFlow 2.21 for Intel Macs" in install_tensorflow()


@pytest.mark.parametrize(
    ("called", "expected"),
    [("/env/bin/nnopt", "nnopt"), ("nnopt.exe", "nnopt"), ("/x/nnopt_utils/__main__.py", "python -m nnopt_utils")],
)
def test_the_program_is_named_as_it_was_called(monkeypatch, called, expected):
    monkeypatch.setattr(sys, "argv", [called])
    assert program() == expected
