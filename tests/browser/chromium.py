"""Where this machine has a Chromium, how to get one where it has none, and how the tests start it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
MAC_APPLICATIONS = ("Chromium", "Google Chrome", "Microsoft Edge")
WINDOWS_PROGRAMS = (r"Chromium\Application\chrome.exe", r"Google\Chrome\Application\chrome.exe")
WINDOWS_PROGRAMS += (r"Microsoft\Edge\Application\msedge.exe",)

# Nothing but the page itself may use the network; and no graphics card, so that all machines draw the same.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

HOW_TO_GET_ONE = """\
tests/browser needs Chromium, Google Chrome or Microsoft Edge, and found none. To get one:
  Debian     sudo apt-get install chromium
  Ubuntu     sudo snap install chromium
  Fedora     sudo dnf install chromium
  macOS      brew install --cask chromium, or install Google Chrome
  Windows    Microsoft Edge is there already; or winget install Google.Chrome
If it lies elsewhere, or NNOPT_BROWSER names a program that is not there, name the right one:
  NNOPT_BROWSER=/path/to/chromium make test-browser"""


def find_browser(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the program that ``NNOPT_BROWSER`` names, else the first one in the usual places, else None.

    A named program that is not there is None, too: nobody should believe that it was the one that was tested.
    """
    if named := environment.get("NNOPT_BROWSER"):
        found = shutil.which(named)
        return Path(found) if found else None
    return next((path for path in _usual_places(environment) if path.is_file()), None)


def _usual_places(environment: Mapping[str, str]) -> Iterator[Path]:
    for command in COMMANDS:
        if found := shutil.which(command, path=environment.get("PATH", "")):
            yield Path(found)
    for name in MAC_APPLICATIONS:
        yield Path(f"/Applications/{name}.app/Contents/MacOS/{name}")
    for variable in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"):
        if folder := environment.get(variable):
            yield from (Path(folder, program) for program in WINDOWS_PROGRAMS)


if __name__ == "__main__":  # for the Makefile and .ci/run: is there one?
    sys.exit(None if find_browser() else HOW_TO_GET_ONE)
