"""The course in JupyterLab, on the learner's own copies: ``python -m nnopt_utils lab``, and ``reset`` for a fresh copy.

At its top only the standard library is imported: where JupyterLab is missing, the command says so.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from nnopt_utils._commands import again, argument, program
from nnopt_utils._folders import PACKAGE, expanded, notebooks_folder, repository
from nnopt_utils._trust import sign_copies
from nnopt_utils.copies import Change, CopyError, Outcome, chapters, start_afresh, update_copies

SETTINGS = (
    PACKAGE / "_jupyter"
)  # for JupyterLab: no news, no look for updates, widgets are saved, what exports look like
FOLDER_IN_REPOSITORY = "work"  # git ignores it
FOLDER_ELSEWHERE = "nnopt"

SENTENCES: dict[Outcome, str] = {
    "updated": "updated to the course's newer version; you had not changed it.",
    "newer": "you changed it, so it was kept. The course has a newer version; to take it: {reset}",
    "other": "it differs from the course's version, so it was kept. To take that one: {reset}",
    "unreadable": "the file is no notebook any more, and was kept. To start the chapter afresh: {reset}",
}


# --- the commands -----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> int:
    """Bring the copies up to date, open the first one in JupyterLab, and return the exit status when it was stopped."""
    parser = _parser("lab", "Open your own copies of the chapters in JupyterLab.")
    parser.epilog = "Everything else is passed on to JupyterLab: --no-browser, --port 9999, --allow-root, …"
    options, for_jupyterlab = parser.parse_known_args(arguments)
    return _reporting("lab", lambda: _open(options.folder, for_jupyterlab))


def reset(arguments: Sequence[str]) -> int:
    """Replace the copy of a chapter by a fresh one, keep the old one beside it, and return the exit status."""
    parser = _parser("reset", "Start a chapter afresh. Your copy is kept beside it, under a name with the date.")
    parser.add_argument("chapter", nargs="?", help="its number, such as 04")
    options = parser.parse_args(arguments)
    return _reporting("reset", lambda: _reset(options.chapter, options.folder))


def _parser(command: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"{program()} {command}", description=description)
    otherwise = f"default: {FOLDER_IN_REPOSITORY} in the course's folder, else {FOLDER_ELSEWHERE} in the current one"
    parser.add_argument("--folder", type=Path, help=f"where your copies of the chapters are; {otherwise}")
    return parser


def _reporting(command: str, action: Callable[[], int]) -> int:
    try:
        return action()
    except (CopyError, OSError) as error:
        print(f"{program()} {command}: error: {error}", file=sys.stderr)
        return 2


# --- lab --------------------------------------------------------------------------------------------------------------


def _open(named: Path | None, for_jupyterlab: Sequence[str]) -> int:
    folder, originals = _copies(named), notebooks_folder()
    changes = update_copies(originals, folder)
    first = chapters(originals)[0].name
    print("\n".join(announcement(changes, folder, named)))
    print(f"Opening {first} in JupyterLab. To stop it: Ctrl-C in this window.", flush=True)
    try:
        from jupyterlab.labapp import LabApp  # here: it takes a second, and may be missing
    except ImportError as error:
        print(f"JupyterLab cannot be imported ({error}): run `{again()} doctor`", file=sys.stderr)
        return 2
    os.environ.update(environment())
    sign_copies(chapters(originals), folder)
    # Figures belong into the notebook, whatever a shell says about where to draw.
    os.environ.pop("MPLBACKEND", None)
    # The address of the first chapter is the one that JupyterLab prints, so it also serves with --no-browser.
    where = [f"--ServerApp.root_dir={folder.resolve()}", f"--LabApp.default_url=/lab/tree/{first}"]
    LabApp.launch_instance([*where, *for_jupyterlab])
    return 0


def announcement(changes: Sequence[Change], folder: Path, named: Path | None = None) -> list[str]:
    """What a learner is told about the copies: where they are, and a line for each chapter with news.

    >>> announcement([Change("00_introduction", "copied")], Path("work"))
    ['Your own copies of the chapters are in work/ (1 new).']
    """
    copied = sum(change.outcome == "copied" for change in changes)
    lines = [f"Your own copies of the chapters are in {_shown(folder)}{f' ({copied} new)' if copied else ''}."]
    for change in changes:
        if change.outcome != "copied":
            sentence = SENTENCES[change.outcome].format(reset=reset_command(change.chapter[:2], named))
            lines.append(f"{change.chapter}: {sentence}")
    return lines


def environment() -> dict[str, str]:
    """What JupyterLab runs under: the course's defaults for it, and the kernel of this Python.

    >>> environment()["JUPYTER_PREFER_ENV_PATH"]
    '1'
    """

    # Defaults only: what a user sets in JupyterLab, or in a folder of their own that stands before, counts more.
    def ours_last(variable: str) -> str:
        return os.pathsep.join(filter(None, [os.environ.get(variable, ""), str(SETTINGS)]))

    return {
        "JUPYTER_CONFIG_PATH": ours_last("JUPYTER_CONFIG_PATH"),
        "JUPYTER_PATH": ours_last("JUPYTER_PATH"),  # the templates of exports
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # the debugger would warn in each kernel
    }


# --- reset ------------------------------------------------------------------------------------------------------------


def _reset(chapter: str | None, named: Path | None) -> int:
    originals = notebooks_folder()
    if not chapter:
        numbers = ", ".join(path.stem[:2] for path in chapters(originals))
        raise CopyError(f"name a chapter, such as `{reset_command('04', named)}`; there are {numbers}")
    folder = _copies(named)
    name, kept = start_afresh(chapter, originals, folder)
    sign_copies([originals / f"{name}.ipynb"], folder)
    print(f"{name}: a fresh copy is in {_shown(folder)}.")
    if kept is not None:
        print(f"What was there is kept as {kept.name!r}.")
        print("If the chapter is open in JupyterLab: File > Reload Notebook from Disk, before you save it again.")
    return 0


def reset_command(number: str, named: Path | None = None) -> str:
    """What this user types to start a chapter afresh."""
    if "MAKELEVEL" in os.environ and repository() is not None:  # they came by make
        return f"make reset CHAPTER={number}"
    return f"{again()} reset {number}{f' --folder {argument(named)}' if named else ''}"


# --- folders ----------------------------------------------------------------------------------------------------------


def _copies(named: Path | None) -> Path:
    """The folder of the copies."""
    root = repository()
    if named is not None:
        return expanded(named)
    return root / FOLDER_IN_REPOSITORY if root is not None else Path(FOLDER_ELSEWHERE)


def _shown(folder: Path) -> str:
    """A folder as a learner reads it: from the current one, where it lies in that."""
    folder = folder.resolve()
    here = Path.cwd()
    return f"{folder.relative_to(here) if folder.is_relative_to(here) else folder}{os.sep}"
