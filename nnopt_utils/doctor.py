"""Is this machine ready for the course? ``python -m nnopt_utils doctor`` answers before the class does.

Each check is a small function that returns one ``Finding`` or several. A check that crashes becomes a failing row,
never a traceback. At its top only the standard library is imported, and what needs no more: the doctor runs where
nothing else is installed.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import platform
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from nnopt_utils._commands import has_tensorflow, install, install_tensorflow
from nnopt_utils._folders import repository
from nnopt_utils._quiet import QUIET
from nnopt_utils._tables import aligned

if TYPE_CHECKING:
    from packaging.requirements import Requirement

OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 14)
NEEDED_MEMORY = 2 * 1024**3  # bytes: JupyterLab, the images and TensorFlow together, with room for a browser tab
TENSORFLOW_SECONDS = 180.0  # a first import from a cold disk can take a minute
LISTED_PACKAGES = 10  # of those that are not as they should be; the others are counted
ONLY_CHAPTER_07 = "only for chapter 07"


@dataclass(frozen=True)
class Finding:
    """One row of the table: what was looked at, what is there, what should be, and what to do if they differ."""

    check: str
    found: str
    needed: str
    ok: bool
    fix: str = ""


Check = Callable[[], "Finding | list[Finding]"]


def check_python() -> Finding:
    """Compare the version of Python with the range that the lock is made for."""
    ok = OLDEST_PYTHON <= tuple(sys.version_info[:2]) <= NEWEST_PYTHON
    needed = " to ".join(".".join(map(str, version)) for version in (OLDEST_PYTHON, NEWEST_PYTHON))
    fix = f"Install Python {needed}, remove the folder .venv and set the course up again."
    return Finding("Python", platform.python_version(), needed, ok, fix)


def check_packages() -> list[Finding]:
    """Compare every package with what should be there: one row for all that agree, and one for each that does not.

    In the repository that is the lock, with TensorFlow or without as it is installed here; elsewhere, what the
    installed wheel asks for.
    """
    try:
        wanted = _requirements()
    except metadata.PackageNotFoundError:
        found = "neither the course's folder nor an installed nnopt"
        return [Finding("packages", found, "one of them", False, "Get the course's folder, or install its wheel.")]
    except ImportError:
        return [Finding("packages", "no package `packaging` to compare them with", "packaging", False, _reinstall())]

    rows, agreeing = [], 0
    for requirement in wanted:
        found = _installed(requirement.name)
        if found and requirement.specifier.contains(found, prereleases=True):
            agreeing += 1
        else:
            missing = found or "not installed"
            rows.append(Finding(requirement.name, missing, _versions(requirement), False, _reinstall()))
    total = agreeing + len(rows)
    manner = "as needed" if repository() is None else f"as in {_lock().name}"
    summary = Finding("packages", f"{agreeing} of {total} {manner}", f"{total}", not rows, _reinstall())
    unlisted = len(rows) - LISTED_PACKAGES
    if unlisted > 0:
        rows[LISTED_PACKAGES:] = [Finding("...", f"and {unlisted} more", "", False, _reinstall())]
    return [summary, *rows]


def _requirements() -> list[Requirement]:
    """What should be installed on this machine: the lock's lines in the repository, else the wheel's own list."""
    from packaging.requirements import Requirement

    if repository() is None:
        lines = metadata.requires("nnopt") or []
    else:
        # The course itself: any version, but notebooks must be able to import it.
        lines = ["nnopt", *(line for line in _lock().read_text(encoding="utf-8").splitlines() if _names_package(line))]
    requirements = [Requirement(line.split(" #")[0]) for line in lines]
    extras = {"extra": "tensorflow" if has_tensorflow() else ""}
    return [wanted for wanted in requirements if wanted.marker is None or wanted.marker.evaluate(extras)]


def _lock() -> Path:
    """The lock for what is installed here: with TensorFlow, or without."""
    return (repository() or Path()) / ("requirements.txt" if has_tensorflow() else "requirements-light.txt")


def _names_package(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(("#", "-"))


def _reinstall() -> str:
    return f"Install what is missing: {install()}."


def _mend(error: Exception) -> str:
    """What to do about a failing import: get what is missing, or make anew what is there and broken."""
    if isinstance(error, ModuleNotFoundError):
        return _reinstall()
    place = "this environment" if repository() is None else "the folder .venv"
    return f"A package is broken, and pip takes it for installed: remove {place} and set the course up again."


def _installed(package: str) -> str:
    """The version of an installed package, or an empty text."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def check_data() -> Finding:
    """Load the images, which verifies their checksum."""
    needed = "70,000 images, checksum right"
    fix = "Restore the file as the line above says; a download may have stopped half-way."
    try:
        from nnopt_utils.datasets import load_mnist
    except Exception as error:
        return Finding("data", f"cannot be loaded: {error}", needed, False, _mend(error))
    try:
        data = load_mnist()
    except Exception as error:  # DatasetError explains itself; anything else is a broken file too
        return Finding("data", f"{error}", needed, False, fix)
    images = len(data.x_train) + len(data.x_val) + len(data.x_test)
    return Finding("data", f"{images:,} images, checksum right", needed, images == 70_000, fix)


def check_blas() -> Finding:
    """Name the library that multiplies matrices, and its number of threads."""
    try:
        importlib.import_module("numpy")  # loads the library that threadpoolctl then finds
        pools = importlib.import_module("threadpoolctl").threadpool_info()
    except Exception as error:
        return Finding("BLAS", f"cannot be asked: {error}", "numpy and threadpoolctl", False, _mend(error))
    libraries = [
        f"{pool.get('internal_api')} {pool.get('version') or ''}".strip() + f", threads: {pool.get('num_threads')}"
        for pool in pools
        if pool.get("user_api") == "blas"
    ]
    # Apple's Accelerate is fast and manages its own threads, out of threadpoolctl's sight.
    return Finding("BLAS", "; ".join(libraries) or "one that sets its own threads", "any", True)


def check_memory() -> Finding:
    """Compare the memory that is free now with what a notebook and JupyterLab use."""
    available = available_memory()
    fix = "Close other programs, or use a machine or container with more memory."
    needed = f"{NEEDED_MEMORY / 1024**3:.1f} GiB available"
    return Finding("memory", f"{available / 1024**3:.1f} GiB", needed, available >= NEEDED_MEMORY, fix)


def available_memory() -> int:
    """Memory that programs can still use, in bytes (on macOS: all there is)."""
    if sys.platform == "win32":
        return _windows_memory()
    if Path("/proc/meminfo").is_file():
        return _linux_memory()
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _linux_memory(meminfo: Path = Path("/proc/meminfo"), limit: Path = Path("/sys/fs/cgroup/memory.max")) -> int:
    fields = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines() if ":" in line)
    available = int(fields["MemAvailable"].split()[0]) * 1024
    # A container may be allowed less than its machine has; "max" means no limit.
    allowed = limit.read_text(encoding="ascii").strip() if limit.is_file() else "max"
    return available if allowed == "max" else min(available, int(allowed))


class _MemoryStatus(ctypes.Structure):
    """Windows' MEMORYSTATUSEX."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        *((name, ctypes.c_uint64) for name in ("total", "available", "page_total", "page_available")),
        *((name, ctypes.c_uint64) for name in ("virtual_total", "virtual_available", "virtual_extended")),
    )


def _windows_memory() -> int:
    status = _MemoryStatus()
    status.length = ctypes.sizeof(status)
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):  # type: ignore[attr-defined, unused-ignore]
        raise OSError("Windows does not say how much memory is available")
    return int(status.available)


def check_tensorflow() -> Finding:
    """Import TensorFlow in a process of its own: it may take long, write much, or crash on an old processor."""
    if not has_tensorflow():
        return Finding("TensorFlow", "not installed", ONLY_CHAPTER_07, True, install_tensorflow())
    wanted = _wanted("tensorflow-cpu", "tensorflow")
    needed = _versions(wanted)
    try:
        run = subprocess.run(
            [sys.executable, "-c", "import tensorflow; print(tensorflow.__version__)"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **QUIET},
            timeout=TENSORFLOW_SECONDS,
        )
    except subprocess.TimeoutExpired:
        fix = "Try again with other programs closed; a virus scanner can slow the first import down."
        return Finding("TensorFlow", f"no answer within {TENSORFLOW_SECONDS:.0f} s", needed, False, fix)
    if run.returncode == 0:
        version = run.stdout.split()[-1] if run.stdout.split() else "unknown"
        return Finding("TensorFlow", version, needed, _fits(version, wanted), _reinstall())
    last_line = (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
    fix = _reinstall()
    if run.returncode < 0:  # killed by a signal, typically an instruction that the processor does not know
        fix = "TensorFlow crashes here: its builds need a processor with AVX. Only the comparisons with Keras need it."
    return Finding("TensorFlow", f"does not import: {last_line}", needed, False, fix)


def check_jupyterlab() -> Finding:
    """Import JupyterLab and the kernel that runs the notebooks."""
    wanted = _wanted("jupyterlab")
    needed = _versions(wanted)
    try:
        for module in ("jupyterlab", "ipykernel"):
            importlib.import_module(module)
    except Exception as error:
        return Finding("JupyterLab", f"does not import: {error}", needed, False, _mend(error))
    version = _installed("jupyterlab")
    return Finding("JupyterLab", version, needed, _fits(version, wanted), _reinstall())


def _wanted(*packages: str) -> Requirement | None:
    """What is asked for here of the first of ``packages``, if anything is and can be read."""
    try:
        return next((wanted for wanted in _requirements() if wanted.name in packages), None)
    except ImportError:  # of `packaging`, or of nnopt itself; check_packages says so
        return None


def _versions(wanted: Requirement | None) -> str:
    return str(wanted.specifier if wanted else "").removeprefix("==") or "any"


def _fits(version: str, wanted: Requirement | None) -> bool:
    return wanted is None or wanted.specifier.contains(version, prereleases=True)


CHECKS: dict[str, Check] = {
    "Python": check_python,
    "packages": check_packages,
    "data": check_data,
    "BLAS": check_blas,
    "memory": check_memory,
    "TensorFlow": check_tensorflow,
    "JupyterLab": check_jupyterlab,
}


def run_checks(checks: dict[str, Check] | None = None) -> list[Finding]:
    """Run every check. One that crashes gives a failing row that says how.

    >>> run_checks({"luck": lambda: Finding("luck", "some", "any", True)})
    [Finding(check='luck', found='some', needed='any', ok=True, fix='')]
    """
    findings: list[Finding] = []
    for name, check in (CHECKS if checks is None else checks).items():
        try:
            result = check()
        except Exception as error:
            fix = "The check itself failed. Please report the line above to the course's developers."
            result = Finding(name, f"{type(error).__name__}: {error}", "a check that runs", False, fix)
        findings.extend(result if isinstance(result, list) else [result])
    return findings


def format_table(findings: Sequence[Finding]) -> str:
    """Align the findings in columns.

    >>> print(format_table([Finding("Python", "3.9.1", "3.11 to 3.13", False)]))
    check  | found | needed       | status
    -------+-------+--------------+-------
    Python | 3.9.1 | 3.11 to 3.13 | FIX
    """
    rows = [("check", "found", "needed", "status")]
    for finding in findings:
        found = textwrap.shorten(finding.found, 56, placeholder=" ...") or "nothing"
        rows.append((finding.check, found, finding.needed, "ok" if finding.ok else "FIX"))
    return aligned(rows, between=" | ", crossing="-+-")


def advice(findings: Sequence[Finding]) -> str:
    """Say what to do, each remedy once, with the rows it is for."""
    remedies: dict[str, list[Finding]] = {}
    for finding in findings:
        if not finding.ok:
            remedies.setdefault(finding.fix, []).append(finding)
    if not remedies:
        return "This machine is ready for the course."
    lines = ["What to do:"]
    for fix, rows in remedies.items():
        lines += [f"  {row.check}: {' '.join(row.found.split())}" for row in rows]
        lines.append(f"    -> {fix}")
    return "\n".join(lines)


def main() -> int:
    """Print the table and the advice; return the exit status, 0 if all is well and 1 if anything needs a hand."""
    findings = run_checks()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character must not stop the doctor
    print(format_table(findings))
    print()
    print(advice(findings))
    return 0 if all(finding.ok for finding in findings) else 1
