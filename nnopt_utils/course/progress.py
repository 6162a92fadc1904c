"""What a learner has solved and tried, kept in a local text file that anyone can read, edit or delete.

One line an event: date and time, name, ``solved`` or ``tried``, separated by tabs. Lines are only ever
appended, so notebooks that run side by side do not disturb each other.

The file is ``.nnopt_progress.tsv`` in the repository, or ``progress.tsv`` in a folder of the user where the course was
installed from a wheel. The environment variable ``NNOPT_PROGRESS`` names another file, or is ``off``: then only the
present session is remembered.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Literal

from nnopt_utils._folders import repository, user_folder

Event = Literal["solved", "tried"]
FILE_NAME = ".nnopt_progress.tsv"
USER_FILE_NAME = "progress.tsv"  # in a folder of its own, it need not hide


def progress_file() -> Path | None:
    """Return where progress is kept, or None if it is turned off."""
    setting = os.environ.get("NNOPT_PROGRESS", "").strip()
    if setting.lower() == "off":
        return None
    if setting:
        return Path(setting).expanduser()
    root = repository()
    return user_folder() / USER_FILE_NAME if root is None else root / FILE_NAME


class Progress:
    """The events of this session, together with those in the file."""

    def __init__(self) -> None:
        self._session: dict[str, Event] = {}
        self._complained = False

    def record(self, name: str, event: Event) -> str:
        """Remember an event, and return what the learner should be told about it: usually nothing."""
        known = self.states().get(name)
        if known == event or known == "solved":
            return ""
        self._session[name] = event
        path = progress_file()
        if path is None:
            return ""
        try:
            _append(path, f"{datetime.now():%Y-%m-%d %H:%M:%S}\t{name}\t{event}\n")
        except OSError as error:
            if self._complained:
                return ""
            self._complained = True
            return f"(Your progress is not kept beyond this session: {error.strerror or type(error).__name__}.)"
        return ""

    def states(self) -> dict[str, Event]:
        """Return ``solved`` or ``tried`` for every name that was ever tried."""
        states: dict[str, Event] = {}
        for name, event in [*_read(progress_file()), *self._session.items()]:
            if states.get(name) != "solved":
                states[name] = event
        return states


def _append(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)  # the user's folder, before the first line
    with path.open("a+b") as file:
        # A line that was cut off (a full disk, an editor) must not swallow the new one.
        if file.seek(0, os.SEEK_END) > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = "\n" + line
        file.write(line.encode("utf-8"))


def _read(path: Path | None) -> list[tuple[str, Event]]:
    """Return the events of the file in their order; lines that are not events are skipped."""
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    events: list[tuple[str, Event]] = []
    for line in lines:
        fields = line.split("\t")
        if len(fields) != 3:
            continue
        _, name, event = fields
        if event == "solved":
            events.append((name, "solved"))
        elif event == "tried":
            events.append((name, "tried"))
    return events


PROGRESS = Progress()
