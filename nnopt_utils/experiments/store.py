"""The table on disk: one JSON line a run, written as the run finishes."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from nnopt_utils import __version__
from nnopt_utils._folders import expanded

FORMAT = 1


class TableError(ValueError):
    """The table on disk is another search's, in use, or damaged. It is left as it is.

    Example:
        >>> import tempfile
        >>> from nnopt_utils.experiments import Space, Task, search
        >>> from nnopt_utils.optimizers import SGD
        >>> data, spaces = ([[0.0], [1.0]], [0, 1], [[0.0], [1.0]], [0, 1]), {"SGD": Space(SGD, learning_rate=[0.1])}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = f"{folder}/runs.jsonl"
        ...     first = search(Task([1, 2], data, epochs=1), spaces, [0], table=table, n_jobs=1, progress=False)
        ...     search(Task([1, 2], data, epochs=2), spaces, [0], table=table, n_jobs=1, progress=False)
        Traceback (most recent call last):
        ...
        nnopt_utils.experiments.store.TableError: table: ... is of another task (epochs: 1 in the table, 2 here); ...
    """


class Store:
    """Rows of one search, in memory and, with a file, on disk. Open it with ``opened``."""

    def __init__(self, rows: list[dict[str, Any]], stream: IO[bytes] | None = None) -> None:
        self.rows = rows
        self._stream = stream

    def append(self, row: dict[str, Any]) -> None:
        """Keep a row; when this returns it is in the file, whatever happens to the process."""
        if self._stream is not None:
            _write(self._stream, row)
        self.rows.append(row)


def stored(path: str | os.PathLike[str] | None, task: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the table at ``path``, none where there is none; read without a lock, so beside others that read it.

    Raises:
        TableError: as :func:`opened`.
    """
    if path is None or not expanded(path).is_file():
        return []
    file = expanded(path)
    return _rows(file.read_bytes(), _header(task), file)[0]


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
    file = expanded(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    header = _header(task)
    with _open(file) as stream:
        if stream.writable():
            _lock(stream, file)
        stream.seek(0)
        content = stream.read()
        rows, torn = _rows(content, header, file)
        if not content:
            _write(stream, header)
        elif torn and stream.writable():
            stream.truncate(stream.tell() - len(torn))
        yield Store(rows, stream)


def _header(task: dict[str, Any]) -> dict[str, Any]:
    return {"table": "nnopt experiments", "format": FORMAT, "version": __version__, "task": task}


def _rows(content: bytes, header: dict[str, Any], file: Path) -> tuple[list[dict[str, Any]], bytes]:
    """The rows below a table's header, and what is torn: what follows the last line's end."""
    *lines, torn = content.split(b"\n")
    rows = [_parse(line, number, file) for number, line in enumerate(lines, start=1)]
    if rows:
        _check_header(rows.pop(0), header, file)
    elif torn:
        raise TableError(f"table: {file} is not a table of experiments; expected a new file or an earlier table")
    return rows, torn


def _open(file: Path) -> IO[bytes]:
    """To read and to append; only to read where no more is allowed, as in a package installed for everybody."""
    try:
        return open(file, "a+b")
    except PermissionError:
        if file.is_file():
            return open(file, "rb")
        raise


def _write(stream: IO[bytes], row: dict[str, Any]) -> None:
    if not stream.writable():
        raise TableError(f"table: {stream.name} may only be read, and a run is to be added; copy it, and name the copy")
    stream.write(json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n")
    stream.flush()


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


def _lock(stream: IO[bytes], file: Path) -> None:
    """Refuse a table that another search is writing. The system frees the lock however the process ends."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TableError(f"table: another search is writing {file}; wait for it, or use another file") from None
    except OSError:  # some network disks have no locks
        return
