"""Commands as this user has to type them: with the Python that runs, in the folder of the course or outside of it."""

from __future__ import annotations

import os
import platform
import sys
from importlib.util import find_spec
from pathlib import Path

from nnopt_utils._folders import repository

# Of TensorFlow 2.21; as the markers in pyproject.toml.
NEWEST_PYTHON_OF_TENSORFLOW = (3, 13)


def python() -> str:
    """The interpreter of the course: relative to the course's folder where it lies in it, else the one that runs.

    Outside of any environment it is the one that the course's folder has, or should have: nobody wants the course's
    packages among those of the system.
    """
    root = repository()
    if root is not None and Path(sys.executable).is_relative_to(root):
        return _typed(Path(sys.executable).relative_to(root))
    if root is not None and not _in_environment():
        return ".venv\\Scripts\\python" if sys.platform == "win32" else ".venv/bin/python"
    return _typed(Path(sys.executable))


def program() -> str:
    """The program as it was called: ``nnopt``, or Python with ``-m nnopt_utils``."""
    return "nnopt" if Path(sys.argv[0]).stem == "nnopt" else "python -m nnopt_utils"


def again() -> str:
    """The program as it has to be typed from here, to run another of its commands."""
    return "nnopt" if program() == "nnopt" else f"{python()} -m nnopt_utils"


def argument(path: Path) -> str:
    """A path as it is typed after a command: quoted if it has to be."""
    return f'"{path}"' if " " in str(path) else str(path)


def has_tensorflow() -> bool:
    """Whether TensorFlow is installed; it is not imported."""
    return find_spec("tensorflow") is not None


def install() -> str:
    """What installs the packages of the course, or mends them.

    >>> install().endswith(("requirements.txt`", "requirements-light.txt`", "nnopt`"))
    True
    """
    if repository() is None:
        return f"`{python()} -m pip install nnopt`"
    light = _in_environment() and not has_tensorflow()
    command = f"`{python()} -m pip install -r requirements{'-light' if light else ''}.txt`"
    if not _in_environment():
        command = f"`{_typed(Path(sys.executable))} -m venv .venv` if there is no .venv, then {command}"
    return f"in the course's folder {command}"


def install_tensorflow() -> str:
    """What to do to have TensorFlow, or why there is none for this machine."""
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        return "there is no TensorFlow 2.21 for Intel Macs: take a machine of another kind"
    if sys.version_info[:2] > NEWEST_PYTHON_OF_TENSORFLOW:
        running, newest = (".".join(map(str, v[:2])) for v in (sys.version_info, NEWEST_PYTHON_OF_TENSORFLOW))
        return f"there is no TensorFlow 2.21 for Python {running}: set the course up with Python 3.11 to {newest}"
    if repository() is None:
        return f'run `{python()} -m pip install "nnopt[tensorflow]"`'
    return f"run `make lab`, or in the course's folder `{python()} -m pip install -r requirements.txt`"


def install_litert() -> str:
    """What to do to have LiteRT's interpreter.

    >>> "requirements.txt" in install_litert() or "nnopt[litert]" in install_litert()
    True
    """
    if repository() is None:
        return f'run `{python()} -m pip install "nnopt[tensorflow,litert]"`'
    return f"in the course's folder run `{python()} -m pip install -r requirements.txt`"


def _in_environment() -> bool:
    """Whether the running Python has packages of its own, apart from those of the system."""
    return sys.prefix != sys.base_prefix or "CONDA_PREFIX" in os.environ


def _typed(path: Path) -> str:
    """A program's path as it is typed: without .exe, and quoted if it has to be."""
    text = argument(path.with_suffix("") if path.suffix.lower() == ".exe" else path)
    quoted = text.startswith('"')
    return f"& {text}" if quoted and sys.platform == "win32" else text  # PowerShell calls a quoted path with &
