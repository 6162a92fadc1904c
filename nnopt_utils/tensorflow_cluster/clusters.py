"""The processes of a cluster on this computer: started on free ports, watched, and always ended."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Self

from nnopt_utils._folders import PACKAGE
from nnopt_utils._quiet import REPRODUCIBLE
from nnopt_utils.tensorflow_cluster.result import ClusterError

HOST = "127.0.0.1"
POLL = 0.1  # seconds between two looks at the processes
LAST_LINES = 15  # of a log, in an error's message
# What TensorFlow says of a port that somebody took between our look and its own.
PORT_TAKEN = re.compile(r"Could not start gRPC server|[Aa]ddress already in use")


class PortTakenError(Exception):
    """A port was free, and is not any more: start again."""


@dataclass
class Process:
    """One process of the cluster."""

    kind: str
    index: int
    running: subprocess.Popen[bytes]
    log: Path

    @property
    def name(self) -> str:
        return {"ps": "parameter server", "chief": "coordinator"}.get(self.kind) or f"worker {self.index}"

    def how_it_ended(self) -> str:
        code = self.running.poll()
        if code is not None and code < 0:
            names = {number.value: number.name for number in signal.Signals}
            return f"was killed by signal {-code} ({names.get(-code, 'unknown')})"
        return f"ended with exit code {code}"

    def last_lines(self) -> str:
        """The end of its log; what TensorFlow notes for itself is left out, if there is anything else."""
        lines = [line for line in self.log_text().splitlines() if line.strip() and not line.startswith('{"event"')]
        said = [line for line in lines if not re.match(r"[IWE]\d{4} |WARNING: All log messages", line)]
        return "\n".join((said or lines)[-LAST_LINES:])

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


class Cluster:
    """Processes that run one program, each with its own ``TF_CONFIG``; they end with the ``with`` block.

    Args:
        program: the module to run, as after ``python -m``.
        counts: how many processes there are of each kind, e.g. ``{"worker": 2}``; the first one reports to the parent.
        folder: of the job; it also gets the logs.
        timeout: seconds without a report after which the cluster counts as hung.
        may_be_lost: whether training goes on without a worker, as long as there is another one.
    """

    def __init__(
        self, program: str, counts: Mapping[str, int], folder: Path, timeout: float, *, may_be_lost: bool = False
    ) -> None:
        self.program, self.folder, self.timeout, self.may_be_lost = program, folder, timeout, may_be_lost
        self.tasks = [(kind, index) for kind, count in counts.items() for index in range(count)]
        self.processes: list[Process] = []
        self.lost: list[str] = []
        self._reports: queue.Queue[str] = queue.Queue()
        self._is_ready = False

    def __enter__(self) -> Self:
        try:
            addresses: dict[str, list[str]] = {}
            for (kind, _), port in zip(self.tasks, free_ports(len(self.tasks)), strict=True):
                addresses.setdefault(kind, []).append(f"{HOST}:{port}")
            for kind, index in self.tasks:
                self._start(kind, index, addresses)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def _start(self, kind: str, index: int, addresses: Mapping[str, list[str]]) -> None:
        config = {"cluster": addresses, "task": {"type": kind, "index": index}}
        log = self.folder / f"{kind}-{index}.log"
        reports = not self.processes
        command = [sys.executable, "-m", self.program, "--job", str(self.folder)]
        # In a group of its own: Ctrl-C in a terminal is the parent's alone.
        apart: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        with log.open("wb") as stream:
            running = subprocess.Popen(
                command,
                env=environment(config, self.folder),
                stdin=subprocess.PIPE,  # nothing is written: it is closed when this process ends, and so do they
                stdout=subprocess.PIPE if reports else stream,
                stderr=stream,
                **apart,
            )
        self.processes.append(Process(kind, index, running, log))
        if reports:
            threading.Thread(target=self._listen, args=(running.stdout,), daemon=True).start()

    def _listen(self, stream: Any) -> None:
        with contextlib.suppress(ValueError, OSError):  # closed at the end
            for line in stream:
                self._reports.put(line.decode("utf-8", "replace"))

    # -- while it runs -----------------------------------------------------------------------------------------------

    def reports(self, interrupted: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        """What the first process says, until it has finished or the run was interrupted.

        Raises:
            ClusterError: a process has ended that is needed, or nothing was heard for too long.
            PortTakenError: a process did not get its port.
        """
        heard = time.monotonic()
        while not interrupted():
            report = self._next_report()
            if report is None:
                self._look()
                if time.monotonic() - heard > self.timeout:
                    self._fail(f"no step was finished in {self.timeout:g} seconds", self.processes[0], "")
                continue
            heard = time.monotonic()
            self._is_ready = self._is_ready or report["event"] == "ready"
            yield report
            if report["event"] in ("finished", "diverged"):
                return

    def _next_report(self) -> dict[str, Any] | None:
        try:
            line = self._reports.get(timeout=POLL)
            report = json.loads(line)
        except (queue.Empty, json.JSONDecodeError):  # a library may print what it likes
            return None
        return report if isinstance(report, dict) and "event" in report else None

    def _look(self) -> None:
        """Which processes have ended, and does that matter?"""
        ended = [p for p in self.processes if p.running.poll() is not None and p.name not in self.lost]
        if not ended or not self._reports.empty():
            return
        # The others fail because of the one that was killed; it is the one to name.
        ended.sort(key=lambda p: p.running.returncode >= 0)
        if not self._is_ready and any(PORT_TAKEN.search(process.log_text()) for process in ended):
            raise PortTakenError("a port was taken by another program before TensorFlow had it")
        for process in ended:
            if process.kind == "worker" and process.running.returncode == 0 and not self.may_be_lost:
                continue  # it has finished before the first one
            n_workers = sum(p.kind == "worker" for p in self.processes)
            if self.may_be_lost and self._is_ready and process.kind == "worker" and len(self.lost) < n_workers - 1:
                self.lost.append(process.name)
                continue
            which = f"{process.name} of {n_workers}" if process.kind == "worker" else f"the {process.name}"
            self._fail(f"{which} (process {process.running.pid}) {process.how_it_ended()}", process, process.name)

    def _fail(self, what: str, process: Process, name: str) -> NoReturn:
        said = process.last_lines()
        tail = f"; the end of {process.log.name}:\n{said}" if said else ""
        raise ClusterError(f"{what}. Logs and the last checkpoint are in {self.folder}{tail}", name, self.folder)

    def _end(self) -> None:
        """Leave no process behind: there is nothing that they would have to save."""
        for process in self.processes:
            if process.running.poll() is None:
                process.running.kill()
        for process in self.processes:
            process.running.wait()
            for stream in (process.running.stdin, process.running.stdout):
                if stream is not None:
                    stream.close()


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens at, now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("", 0))  # at every address, as TensorFlow's servers do
        return [each.getsockname()[1] for each in sockets]


def environment(config: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """The variables of a process: silent, on one thread, with this package, and its place in the cluster."""
    known = [str(PACKAGE.parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {
        **REPRODUCIBLE,
        **os.environ,
        "TF_CONFIG": json.dumps(config),
        "PYTHONPATH": os.pathsep.join(filter(None, known)),
        "PYTHONSAFEPATH": "1",  # no module of the folder that the user happens to be in
        "OMP_NUM_THREADS": "1",
        # TensorFlow writes files of its own, and clears them away only if it may end by itself.
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder)),
        "no_grpc_proxy": HOST,  # gRPC would ask a proxy of the web for this very computer
    }
