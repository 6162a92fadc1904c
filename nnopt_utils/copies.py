"""The learner's own copies of the chapters, apart from the course's files, which an update replaces.

A copy follows the course as long as its learner changed no cell. Running cells is no change: JupyterLab then saves
outputs and metadata, but the text of the cells is still the one that was copied. A file in the folder of the copies
remembers that text, as a digest. What a learner changed is never overwritten.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

MEMORY = ".copied.json"  # in the folder of the copies

Outcome = Literal["copied", "updated", "newer", "other", "unreadable"]


class CopyError(Exception):
    """The copies cannot be made; the message says why, and what to do.

    >>> chapters(Path("/nowhere"))
    Traceback (most recent call last):
    nnopt_utils.copies.CopyError: there is no chapter in ...; get the course's folder again
    """


@dataclass(frozen=True)
class Change:
    """What happened to one chapter, if there is anything to say.

    ``copied``: it was missing. ``updated``: it was unchanged, and is now the course's newer version. The others leave
    the file as it is: ``newer``: it was changed, and the course has a newer version; ``other``: it differs from the
    course's, and from which version it came is not known; ``unreadable``: it is no notebook.

    >>> Change("04_gradient_descent", "updated").outcome
    'updated'
    """

    chapter: str
    outcome: Outcome


@dataclass(frozen=True)
class Copied:
    """What is remembered of a copy: digests of its bytes and cells when made, and of a version announced since.

    >>> Copied(content="9f86d0…", cells="60303a…").announced
    ''
    """

    content: str
    cells: str
    announced: str = ""


# --- what happens when the course is opened ---------------------------------------------------------------------------


def update_copies(originals: Path, folder: Path) -> list[Change]:
    """Copy the chapters that are missing, update those that were not changed, and keep the others.

    Args:
        originals: the folder with the course's notebooks.
        folder: the folder of the copies; it is made if it does not exist.

    Raises:
        CopyError: there are no originals, or one is no notebook; ``folder`` is none.
        OSError: a file cannot be read or written.

    >>> from tempfile import TemporaryDirectory
    >>> from nnopt_utils._folders import notebooks_folder
    >>> with TemporaryDirectory() as folder:
    ...     update_copies(notebooks_folder(), Path(folder))[0]
    Change(chapter='00_introduction', outcome='copied')
    """
    _make(folder)
    outcomes = {original.stem: _update(original, folder) for original in chapters(originals)}
    return [Change(chapter, outcome) for chapter, outcome in outcomes.items() if outcome is not None]


def chapters(originals: Path) -> list[Path]:
    """The course's notebooks in their order.

    >>> from nnopt_utils._folders import notebooks_folder
    >>> chapters(notebooks_folder())[0].name
    '00_introduction.ipynb'
    """
    found = sorted(originals.glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise CopyError(f"there is no chapter in {originals}; get the course's folder again")
    return found


def _update(original: Path, folder: Path) -> Outcome | None:
    copy, remembered = folder / original.name, _remembered(folder).get(original.name)
    new = _read_original(original)
    content = _read(copy)
    if content is None:
        _replace(copy, new, folder)
        return "copied"
    if remembered and _digest(content) == remembered.content:  # not even saved since
        if content == new:
            return None
        changed = _cells(new) != remembered.cells
        _replace(copy, new, folder)
        return "updated" if changed else None
    try:
        cells = _cells(content)
    except ValueError:
        return "unreadable"
    if cells == _cells(new):
        _remember(folder, copy.name, Copied(_digest(new), cells))
        return None
    if remembered and cells == remembered.cells:  # its cells were only run
        _replace(copy, new, folder)
        return "updated"
    return _announce(copy, _cells(new), remembered, folder)


def _announce(copy: Path, newest: str, remembered: Copied | None, folder: Path) -> Outcome | None:
    """Say of a changed copy that the course has another version, once for each version."""
    if remembered and newest in (remembered.cells, remembered.announced):
        return None
    known = remembered or Copied("", "")
    _remember(folder, copy.name, Copied(known.content, known.cells, announced=newest))
    return "newer" if known.cells else "other"


# --- what happens when a learner asks for a fresh copy ----------------------------------------------------------------


def start_afresh(number: str, originals: Path, folder: Path, now: datetime | None = None) -> tuple[str, Path | None]:
    """Replace a learner's copy of a chapter by the course's, and keep what was there under a name with the date.

    Args:
        number: the chapter, such as ``"04"``, ``"4"`` or its whole name.
        originals: the folder with the course's notebooks.
        folder: the folder of the copies.
        now: the date for the name; default: now.

    Returns:
        The chapter's name, and where the old copy is kept: None if there was nothing to keep.

    Raises:
        CopyError: there is no such chapter; ``folder`` is none.
        OSError: a file cannot be read or written.

    >>> from tempfile import TemporaryDirectory
    >>> from nnopt_utils._folders import notebooks_folder
    >>> with TemporaryDirectory() as folder:
    ...     start_afresh("04", notebooks_folder(), Path(folder))
    ('04_gradient_descent', None)
    """
    original = _chapter(number, chapters(originals))
    new = _read_original(original)
    _make(folder)
    copy = folder / original.name
    content = _read(copy)
    kept = None if content in (None, new) else _keep(copy, now or datetime.now())
    _replace(copy, new, folder)
    return copy.stem, kept


def _chapter(number: str, found: list[Path]) -> Path:
    wanted = number.strip().removesuffix(".ipynb")
    for path in found:
        if wanted == path.stem or (wanted.isdecimal() and wanted.zfill(2) == path.stem[:2]):
            return path
    known = ", ".join(path.stem[:2] for path in found)
    raise CopyError(f"chapter: got {number!r}; expected one of {known}")


def _keep(copy: Path, now: datetime) -> Path:
    """Write a second file with a date in its name, never over another one."""
    content, minute, times = copy.read_bytes(), f"{copy.stem} {now:%Y-%m-%d %H.%M}", 1
    while True:
        kept = copy.with_name(f"{minute}{'' if times == 1 else f' ({times})'}.ipynb")
        try:
            with kept.open("xb") as file:
                file.write(content)
            return kept
        except FileExistsError:
            times += 1


# --- folders, notebooks and their digests -----------------------------------------------------------------------------


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise CopyError(f"folder: got {str(folder)!r}, where a file is in the way; expected a folder") from None


def _cells(content: bytes) -> str:
    """The digest of what authors and learners write: kind and text of every cell, in their order.

    Shift+Enter in the last cell makes an empty one, so empty cells do not count.
    """
    try:
        cells = [(cell["cell_type"], _text(cell["source"])) for cell in json.loads(content)["cells"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no notebook") from error  # JSON, but of something else
    return _digest(json.dumps([cell for cell in cells if cell[1].strip()]).encode())


def _text(source: str | list[str]) -> str:
    return "".join(source).replace("\r\n", "\n")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _read_original(original: Path) -> bytes:
    content = original.read_bytes()
    try:
        _cells(content)
    except ValueError:
        raise CopyError(f"{original} is no notebook any more; get it from the course again") from None
    return content


def _replace(copy: Path, content: bytes, folder: Path) -> None:
    """Make a copy and remember it. Whatever stops this half-way, the copy is either the old one or the new one."""
    _write(copy, content)
    _remember(folder, copy.name, Copied(_digest(content), _cells(content)))


def _write(path: Path, content: bytes) -> None:
    # Named by the process: two may be at work.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


# --- what is remembered -----------------------------------------------------------------------------------------------


def _remembered(folder: Path) -> dict[str, Copied]:
    """What is known of every copy. A memory that is lost or spoiled costs a learner nothing: changed files are kept."""
    try:
        memory = json.loads((folder / MEMORY).read_bytes())
        return {name: Copied(**entry) for name, entry in memory.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _remember(folder: Path, name: str, copied: Copied) -> None:
    memory = _remembered(folder)
    if memory.get(name) != copied:
        memory[name] = copied
        entries = {name: asdict(entry) for name, entry in sorted(memory.items())}
        _write(folder / MEMORY, json.dumps(entries, indent=1).encode())
