"""What make installs: the lock that was asked for, once, and nothing where more is there already."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Notes what it is called with; asked for TensorFlow (-c), it has it, unless the file `none` is there.
STUB = """#!/bin/sh
echo "$@" >> "{folder}/calls"
[ "$1" != -c ] || [ ! -e "{folder}/none" ]
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@pytest.fixture
def make_lab(tmp_path):
    """Run ``make lab`` with a Python that only notes what it is called with; return what make printed."""
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements-light.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(STUB.format(folder=tmp_path), encoding="utf-8")
    python.chmod(0o755)

    def make_lab(*variables: str) -> str:
        (tmp_path / "calls").write_text("", encoding="utf-8")
        environment = {"PATH": os.defpath, "HOME": str(tmp_path)}  # without uv
        command = ["make", "lab", f"PYTHON={python}", *variables]
        made = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        assert made.returncode == 0, made.stderr
        return made.stdout

    return make_lab


@pytest.fixture
def installed(make_lab, tmp_path):
    """Run ``make lab`` and return the locks that it installed."""

    def installed(*variables: str) -> list[str]:
        make_lab(*variables)
        calls = (tmp_path / "calls").read_text(encoding="utf-8").splitlines()
        return [line.split()[-1] for line in calls if " install " in line]

    return installed


def test_light_then_full_then_light(installed):
    assert installed("LIGHT=1") == ["requirements-light.txt"]
    assert installed("LIGHT=1") == []
    assert installed() == ["requirements.txt"]
    assert installed() == []
    assert installed("LIGHT=1") == []


def test_a_new_lock_is_installed_into_what_is_there(installed, tmp_path):
    installed()
    later = (tmp_path / ".venv" / ".learner").stat().st_mtime + 10
    os.utime(tmp_path / "requirements.txt", (later, later))
    assert installed("LIGHT=1") == ["requirements.txt"]


def test_what_developers_have_is_enough(installed, tmp_path):
    (tmp_path / ".venv" / ".dev").touch()
    assert installed() == installed("LIGHT=1") == []


def test_a_python_that_does_not_run_is_named(tmp_path):
    for name in ("Makefile", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    wrong = tmp_path / "no python"
    made = subprocess.run(["make", "lab", f"PYTHON={wrong}"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert made.returncode != 0 and f"  {wrong}: is no Python that runs" in made.stderr


def test_where_there_is_no_tensorflow_it_is_said(make_lab, tmp_path):
    assert "Set up without TensorFlow, which" not in make_lab("LIGHT=1") + make_lab()
    (tmp_path / ".venv" / ".learner").unlink()
    (tmp_path / "none").touch()
    assert "Set up without TensorFlow, which this Python or processor has no version of" in make_lab()
