"""Where files are: in the repository, in an installed package, and in a folder of the user."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnopt_utils import _folders
from nnopt_utils._folders import data_folder, expanded, notebooks_folder, repository, user_folder

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The package as it lies in site-packages."""
    package = tmp_path / "site-packages" / "nnopt_utils"
    package.mkdir(parents=True)
    monkeypatch.setattr(_folders, "PACKAGE", package)
    return package


def test_in_the_repository():
    assert repository() == ROOT
    assert (data_folder() / "mnist.npz").is_file()
    assert (notebooks_folder() / "00_introduction.ipynb").is_file()


def test_in_an_installed_package(installed):
    assert repository() is None
    assert data_folder() == installed / "_shipped" / "data"
    assert notebooks_folder() == installed / "_shipped" / "notebooks"


def test_a_stray_pyproject_makes_no_repository(installed):
    (installed.parent / "pyproject.toml").touch()
    assert repository() is None
    (installed.parent / "notebooks").mkdir()
    assert repository() == installed.parent


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "home/.local/share/nnopt"),
        ("linux", {"XDG_DATA_HOME": "{}/elsewhere"}, "elsewhere/nnopt"),
        ("linux", {"XDG_DATA_HOME": "relative"}, "home/.local/share/nnopt"),
        ("darwin", {"XDG_DATA_HOME": "{}/elsewhere"}, "home/Library/Application Support/nnopt"),
        ("win32", {}, "home/AppData/Local/nnopt"),
        ("win32", {"LOCALAPPDATA": "{}/local"}, "local/nnopt"),
    ],
)
def test_the_folder_of_the_user(tmp_path, monkeypatch, platform, variables, expected):
    monkeypatch.setattr(_folders.sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    assert user_folder() == tmp_path / expected


def test_a_home_is_expanded_and_that_of_nobody_stays(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert expanded("~/a.png") == tmp_path / "a.png"
    assert expanded("~nobody at all/a.png") == Path("~nobody at all/a.png")


def test_nothing_else_expands_a_home():
    """Path.expanduser has no answer for a user that does not exist, but a traceback."""
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "nnopt_utils").rglob("*.py"))
    assert not [source for source in sources if ").expanduser(" in source or ".expanduser()" in source]
