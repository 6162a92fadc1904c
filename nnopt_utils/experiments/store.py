"""The table on disk: one JSON line a run, written as the run finishes."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nnopt_utils import __version__

FORMAT = 1


class TableError(ValueError):
    """The table on disk is another search's, in use, or damaged. It is left as it is."""


class Store:
    """Rows of one search, in memory and, with a path, on disk. Open it with ``opened``."""

    def __init__(self, rows: list[dict[str, Any]], descriptor: int | None = None) -> None:
        self.rows = rows
        self._descriptor = descriptor

    def append(self, row: dict[str, Any]) -> None:
        """Keep a row; when this returns it is on the disk, whatever happens to the process or the computer."""
        if self._descriptor is not None:
            _write(self._descriptor, row)
        self.rows.append(row)


@contextmanager
def opened(path: str | os.PathLike[str] | None, task: dict[str, Any]) -> Iterator[Store]:
    """The store at ``path``: a new one, or that of an earlier search of the same task.

    The last line of a process that was killed may be torn; it is cut off.

    Raises:
        TableError: see there.
    """
    if path is None:
        yield Store([])
        return
    file = Path(path).expanduser()
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    try:
        _lock(descriptor, file)
        content = _read(descriptor)
        lines = content.split(b"\n")
        whole = len(content) - len(lines.pop())  # what follows the last line's end is empty, or torn
        rows = [_parse(line, number, file) for number, line in enumerate(lines, start=1)]
        header = {"table": "nnopt experiments", "format": FORMAT, "version": __version__, "task": task}
        if rows:
            _check_header(rows.pop(0), header, file)
        elif content and not _line(header).startswith(content):  # else the header itself was torn
            raise TableError(f"table: {file} is not a table of experiments; expected a new file or an earlier table")
        os.ftruncate(descriptor, whole)
        os.lseek(descriptor, 0, os.SEEK_END)
        if not whole:
            _write(descriptor, header)
        yield Store(rows, descriptor)
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> bytes:
    with open(os.dup(descriptor), "rb") as reader:
        reader.seek(0)
        return reader.read()


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _write(descriptor: int, row: dict[str, Any]) -> None:
    line = _line(row)
    while line:  # a full disk or a signal may write less than asked for
        line = line[os.write(descriptor, line) :]
    os.fsync(descriptor)


def _parse(line: bytes, number: int, file: Path) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        row = json.loads(line)
        if isinstance(row, dict):
            return row
    raise TableError(f"table: line {number} of {file} is damaged: {line[:40]!r}; mend it, or use another file")


def _check_header(found: dict[str, Any], expected: dict[str, Any], file: Path) -> None:
    if found.get("table") != expected["table"] or not isinstance(found.get("task"), dict):
        raise TableError(f"table: {file} is not a table of experiments; expected a new file or an earlier table")
    if found.get("format") != FORMAT:
        raise TableError(f"table: {file} has format {found.get('format')}; expected {FORMAT}: use another file")
    theirs, ours = found["task"], expected["task"]
    differences = [
        f"{name}: {theirs.get(name)!r} in the table, {ours.get(name)!r} here"
        for name in {**theirs, **ours}
        if theirs.get(name) != ours.get(name)
    ]
    if differences:
        raise TableError(f"table: {file} is of another task ({'; '.join(differences)}); use another file")


def _lock(descriptor: int, file: Path) -> None:
    """Refuse a table that another search is writing. The system frees the lock however the process ends."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TableError(f"table: another search is writing {file}; wait for it, or use another file") from None
    except OSError:  # some network disks have no locks
        return
