"""Where the course's files are: in the repository, or in the package when that was installed from a wheel."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
SHIPPED = "_shipped"  # the folder in the package into which setup.py copies data/ and notebooks/


def repository() -> Path | None:
    """The repository, or None if the package was installed from a wheel."""
    root = PACKAGE.parent
    # Some wheels of others leave a pyproject.toml in site-packages: it alone makes no repository.
    return root if (root / "pyproject.toml").is_file() and (root / "notebooks").is_dir() else None


def data_folder() -> Path:
    """The folder with ``mnist.npz`` and the measured tables."""
    return (repository() or PACKAGE / SHIPPED) / "data"


def notebooks_folder() -> Path:
    """The folder with the executed notebooks. What a learner changes is a copy."""
    return (repository() or PACKAGE / SHIPPED) / "notebooks"


def user_folder() -> Path:
    """The folder for what this user keeps outside a repository, by the conventions of the system; it may not exist."""
    if sys.platform == "win32":
        return _from_variable("LOCALAPPDATA", "AppData/Local") / "nnopt"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "nnopt"
    return _from_variable("XDG_DATA_HOME", ".local/share") / "nnopt"


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path as a user names it: ``~`` is their home. As in a shell, ``~name`` of nobody stays what it is."""
    return Path(os.path.expanduser(path))


def _from_variable(name: str, otherwise: str) -> Path:
    """The folder that an environment variable names, else one in the user's home."""
    folder = Path(os.environ.get(name, ""))
    return folder if folder.is_absolute() else Path.home() / otherwise
