"""JupyterLab as a learner has it, on a free port, with a home folder of its own and the course's notebooks in it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
START_SECONDS = 60.0

# What a developer's shell has set and a learner's has not.
NOT_A_LEARNERS = ("JUPYTER", "IPYTHON", "NNOPT", "TQDM", "MPL", "XDG")


@dataclass
class Server:
    """A running JupyterLab.

    Attributes:
        folder: what learners see as the course's folder of chapters.
        progress: the file in which the course keeps what was solved.
        log: all that the server and its kernels have printed.
    """

    folder: Path
    progress: Path
    log: Path
    port: int
    token: str
    process: subprocess.Popen[bytes]

    def address(self, notebook: str, workspace: str) -> str:
        """The address of a notebook; a workspace of its own keeps the tabs of others away."""
        return f"http://127.0.0.1:{self.port}/lab/workspaces/{workspace}/tree/{notebook}?token={self.token}"

    def log_from(self, position: int) -> str:
        """What was logged after so many bytes."""
        return self.log.read_bytes()[position:].decode("utf-8", errors="replace")

    def sessions(self) -> list[dict[str, Any]]:
        """The notebooks that have a kernel."""
        return self.ask("GET", "api/sessions")

    def shut_kernels_down(self) -> None:
        for session in self.sessions():
            self.ask("DELETE", f"api/sessions/{session['id']}")

    def ask(self, method: str, path: str) -> Any:
        """Use the server's REST interface."""
        address = f"http://127.0.0.1:{self.port}/{path}"
        request = urllib.request.Request(address, method=method, headers={"Authorization": f"token {self.token}"})
        # No proxy: the server is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20) as answer:
            return json.loads(answer.read() or "null")

    def answers(self) -> bool:
        try:
            self.ask("GET", "api/status")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return True

    def stop(self) -> None:
        """End the server and every kernel."""
        end_family(self.process.pid)
        self.process.wait(timeout=20)


def start_server(place: Path) -> Server:
    """Start JupyterLab in an empty folder; a start that hangs is tried once more."""
    for attempt in ("first", "second"):
        server = _launch(place / attempt)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and server.process.poll() is None:
            if server.answers():
                return server
            time.sleep(0.2)
        server.stop()
    raise RuntimeError(f"JupyterLab did not answer within {START_SECONDS:g} s:\n{server.log_from(0)[-3000:]}")


def _launch(place: Path) -> Server:
    folder, home = place / "chapters", place / "home"
    home.mkdir(parents=True)
    progress = place / "progress.tsv"
    port, token = _free_port(), secrets.token_hex(16)
    log = place / "server.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            _command(folder, port, token),
            cwd=place,
            env=_environment(home, progress),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Server(folder, progress, log, port, token, process)


def _command(folder: Path, port: int, token: str) -> list[str]:
    command = [sys.executable, "-m", "nnopt_utils", "lab", f"--folder={folder}", "--no-browser"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0  # in a container
    return [*command, "--allow-root"] if as_root else command


def _environment(home: Path, progress: Path) -> dict[str, str]:
    """A learner's environment: nothing of Jupyter's or the course's is set, and the home folder is empty."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_A_LEARNERS)}
    return kept | {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "APPDATA": str(home / "AppData"),
        "NNOPT_PROGRESS": str(progress),
    }


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def end_family(pid: int) -> None:
    """End a process and all its descendants: first politely, then not."""
    try:
        parent = psutil.Process(pid)
        family = [*parent.children(recursive=True), parent]
    except psutil.NoSuchProcess:
        return
    for process in family:
        _quietly(process.terminate)
    _, alive = psutil.wait_procs(family, timeout=5)
    for process in alive:
        _quietly(process.kill)
    psutil.wait_procs(alive, timeout=5)


def _quietly(action: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        action()
