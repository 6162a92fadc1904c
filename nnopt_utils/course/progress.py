"""What a learner has solved and tried, and which mistakes were met, in a local text file to read, edit or delete.

One line an event: date and time, name, ``solved`` or ``tried``, and the mistake if one was met, separated by tabs.
Lines are only ever appended, so notebooks that run side by side do not disturb each other.

The file is ``.nnopt_progress.tsv`` in the repository, or ``progress.tsv`` in a folder of the user where the course was
installed from a wheel. The environment variable ``NNOPT_PROGRESS`` names another file, or is ``off``: then only the
present session is remembered.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from nnopt_utils._folders import expanded, repository, user_folder

Event = Literal["solved", "tried"]
FILE_NAME = ".nnopt_progress.tsv"
LINE = re.compile(r"[^\t]*\t([^\t]+)\t(solved|tried)(?:\t([^\t]+))?")
USER_FILE_NAME = "progress.tsv"  # in a folder of its own, it need not hide


def progress_file() -> Path | None:
    """Return where progress is kept, or None if it is turned off."""
    setting = os.environ.get("NNOPT_PROGRESS", "").strip()
    if setting.lower() == "off":
        return None
    if setting:
        return expanded(setting)
    root = repository()
    return user_folder() / USER_FILE_NAME if root is None else root / FILE_NAME


@dataclass(frozen=True)
class Record:
    """One line: what happened to an exercise or a question, and the mistake that was met."""

    name: str
    event: Event
    mistake: str = ""


class Progress:
    """What the file holds, together with what could not be written to it."""

    def __init__(self) -> None:
        self._session: dict[str, list[Record]] = {}
        self._complained = False

    def record(self, name: str, event: Event, mistake: str = "") -> str:
        """Remember an event, and return what the learner should be told about it: usually nothing.

        Nothing is written for what was solved before, and a mistake that is met again at once counts once: to run a
        cell again is no new mistake, and a notebook can be run from top to bottom as often as one likes.

        Args:
            name: the exercise, or "quiz " and the question.
            event: "solved" or "tried".
            mistake: ``mistake:key`` of a known mistake, ``slip:name`` of what the engine found, ``option:b`` of a quiz.
        """
        new = Record(name, event, " ".join(mistake.split()))
        before = [record for record in self._records() if record.name == name]
        if any(record.event == "solved" for record in before):
            return ""
        if before and event == "tried" and new.mistake in ("", before[-1].mistake):
            return ""
        try:
            written = _append(progress_file(), new)
        except OSError as error:
            self._session.setdefault(name, []).append(new)
            if self._complained:
                return ""
            self._complained = True
            return f"(Your progress is not kept beyond this session: {error.strerror or type(error).__name__}.)"
        if not written:
            self._session.setdefault(name, []).append(new)
        return ""

    def states(self) -> dict[str, Event]:
        """Return ``solved`` or ``tried`` for every name that was ever tried."""
        states: dict[str, Event] = {}
        for record in self._records():
            if states.get(record.name) != "solved":
                states[record.name] = record.event
        return states

    def mistakes(self) -> dict[str, dict[str, int]]:
        """Return how often each mistake was met, by the name of the exercise or question.

        Example:
            >>> Progress().mistakes().get("04.gradient_descent_step", {}).get("mistake:you-went-uphill", 0)
            0
        """
        met: dict[str, dict[str, int]] = {}
        for record in self._records():
            if record.mistake:
                counts = met.setdefault(record.name, {})
                counts[record.mistake] = counts.get(record.mistake, 0) + 1
        return met

    def _records(self) -> list[Record]:
        """Return all records; those of one name in their order."""
        return [*_read(progress_file()), *(record for records in self._session.values() for record in records)]


def _append(path: Path | None, record: Record) -> bool:
    """Write a line, and tell whether there is a file to write to."""
    if path is None:
        return False
    fields = [f"{datetime.now():%Y-%m-%d %H:%M:%S}", record.name, record.event, record.mistake]
    line = "\t".join(filter(None, fields)) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)  # the user's folder, before the first line
    with path.open("a+b") as file:
        # A line that was cut off (a full disk, an editor) must not swallow the new one.
        if file.seek(0, os.SEEK_END) > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = "\n" + line
        file.write(line.encode("utf-8"))
    return True


def _read(path: Path | None) -> list[Record]:
    """Return the records of the file in their order; lines that are none are skipped."""
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    records = []
    for line in lines:
        match = LINE.fullmatch(line.rstrip())  # editors leave spaces behind
        if match:
            name, event, mistake = match.groups()
            records.append(Record(name, "solved" if event == "solved" else "tried", mistake or ""))
    return records


PROGRESS = Progress()
