"""Processes are started, watched and ended as they should be: with a program that does what a test says."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from nnopt_utils.tensorflow_cluster import ClusterError
from nnopt_utils.tensorflow_cluster.clusters import Cluster, PortTakenError, environment, free_ports

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WAIT = 60.0  # seconds, generous: the machine may be busy
FOR_EVER = "sleep 600"

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals that kill")


@pytest.fixture(autouse=True)
def fakes_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(ROOT)]))


def follow(folder: Path, actions: dict[str, list[str]], *, timeout: float = WAIT, may_be_lost: bool = False):
    """Run a cluster of fakes to its end; return its events, and the cluster."""
    (folder / "actions.json").write_text(json.dumps(actions))
    counts: dict[str, int] = {}
    for name in actions:
        kind = name.split()[0]
        counts[kind] = counts.get(kind, 0) + 1
    with Cluster("fake_program", counts, folder, timeout, may_be_lost=may_be_lost) as cluster:
        before = [process.running.pid for process in cluster.processes]
        try:
            return [report["event"] for report in cluster.reports(lambda: False)], cluster
        finally:
            assert len(before) == len(actions)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def no_children() -> bool:
    return not any(child.is_running() and "fake_program" in child.cmdline() for child in psutil.Process().children())


def test_the_first_process_reports_until_it_has_finished(tmp_path):
    events, cluster = follow(
        tmp_path,
        {
            "worker 0": ["say ready", "print not JSON", "print [1]", "print {}", "until nobody-hears", "say finished"],
            "worker 1": ["say nobody-hears", FOR_EVER],
        },
    )
    assert events == ["ready", "finished"] and cluster.lost == []
    assert no_children()


def test_workers_may_finish_before_the_first_one(tmp_path):
    first = ["say ready", "until said-by-1", "sleep 0.5", "say finished"]
    assert follow(tmp_path, {"worker 0": first, "worker 1": ["print said-by-1"]})[0] == ["ready", "finished"]


def test_an_error_names_the_process_the_folder_and_what_it_said(tmp_path):
    with pytest.raises(ClusterError) as caught:
        follow(tmp_path, {"worker 0": ["say ready", FOR_EVER], "worker 1": ["raise no room for a tensor"]})
    text = str(caught.value)
    assert "worker 1 of 2 (process " in text and "ended with exit code 1" in text
    assert str(tmp_path) in text and text.endswith("RuntimeError: no room for a tensor")
    assert caught.value.process == "worker 1" and caught.value.folder == tmp_path and caught.value.history is None
    assert no_children()


@needs_signals
def test_of_several_the_one_that_was_killed_is_named(tmp_path):
    """The other one fails because of it, perhaps within the same look."""
    with pytest.raises(ClusterError, match=r"worker 1 of 2 .* was killed by signal 9 \(SIGKILL\)"):
        follow(tmp_path, {"worker 0": ["until dying", "raise UnavailableError"], "worker 1": ["print dying", "kill 9"]})


@pytest.mark.parametrize(("kind", "name"), [("ps", "the parameter server"), ("chief", "the coordinator")])
def test_without_coordinator_or_parameter_server_there_is_no_training(tmp_path, kind, name):
    actions = {"chief 0": ["say ready", FOR_EVER], "ps 0": [FOR_EVER], "worker 0": [FOR_EVER], "worker 1": [FOR_EVER]}
    actions[f"{kind} 0"] = ["say ready", "exit 3"]
    with pytest.raises(ClusterError, match=rf"^{name} \(process \d+\) ended with exit code 3") as caught:
        follow(tmp_path, actions, may_be_lost=True)
    assert caught.value.process == name.removeprefix("the ")


def test_asynchronous_training_goes_on_without_a_worker_but_not_without_the_last(tmp_path):
    going = ["say ready", "until gone-1", "sleep 0.5", "say finished"]
    actions = {"chief 0": going, "ps 0": [FOR_EVER], "worker 0": [FOR_EVER], "worker 1": ["sleep 1", "print gone-1"]}
    events, cluster = follow(tmp_path, actions, may_be_lost=True)
    assert events == ["ready", "finished"] and cluster.lost == ["worker 1"]

    (tmp_path / "worker-1.log").unlink()
    actions |= {"chief 0": ["say ready", FOR_EVER], "worker 0": ["sleep 2", "exit 4"]}
    with pytest.raises(ClusterError, match=r"worker 0 of 2 .* exit code 4"):
        follow(tmp_path, actions, may_be_lost=True)


def test_a_worker_that_ends_before_all_are_there_is_an_error(tmp_path):
    actions = {"chief 0": [FOR_EVER], "ps 0": [FOR_EVER], "worker 0": ["exit 5"], "worker 1": [FOR_EVER]}
    with pytest.raises(ClusterError, match=r"worker 0 of 2 .* exit code 5"):
        follow(tmp_path, actions, may_be_lost=True)


@pytest.mark.parametrize("said", ["Could not start gRPC server", "bind: Address already in use"])
def test_a_port_that_was_taken_is_told_from_other_errors(tmp_path, said):
    with pytest.raises(PortTakenError):
        follow(tmp_path, {"worker 0": [FOR_EVER], "worker 1": [f"raise {said}"]})
    with pytest.raises(ClusterError, match=said):  # once all are there, it is about another port
        follow(tmp_path, {"worker 0": ["say ready", FOR_EVER], "worker 1": ["sleep 2", f"raise {said}"]})


def test_a_cluster_that_is_silent_counts_as_hung(tmp_path):
    with pytest.raises(ClusterError, match=r"no step was finished in 0.5 seconds") as caught:
        follow(tmp_path, {"worker 0": [FOR_EVER], "worker 1": [FOR_EVER]}, timeout=0.5)
    assert caught.value.process == "" and no_children()


def test_reports_end_at_an_interrupt_and_processes_with_any_error(tmp_path):
    (tmp_path / "actions.json").write_text(json.dumps({"worker 0": [FOR_EVER], "worker 1": [FOR_EVER]}))
    with pytest.raises(KeyboardInterrupt), Cluster("fake_program", {"worker": 2}, tmp_path, WAIT) as cluster:
        assert list(cluster.reports(lambda: True)) == []
        assert not no_children()
        raise KeyboardInterrupt
    assert no_children()


@needs_signals
def test_processes_and_their_folder_go_with_a_parent_that_is_killed(tmp_path):
    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "actions.json").write_text(
        json.dumps({"worker 0": ["until here-1", "say ready", FOR_EVER], "worker 1": ["print here-1", FOR_EVER]})
    )
    command = [sys.executable, str(HERE / "fake_parent.py"), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        assert len(children) == 2
        parent.send_signal(signal.SIGKILL)
    gone, alive = psutil.wait_procs(children, timeout=WAIT)
    assert len(gone) == 2 and alive == []
    wait_until(lambda: not folder.exists())


def test_ports_are_free_and_different():
    ports = free_ports(4)
    assert len(set(ports)) == 4
    for port in ports:
        with socket.socket() as listener:
            listener.bind(("", port))


def test_a_process_gets_its_place_and_one_thread(monkeypatch, tmp_path):
    monkeypatch.setenv("TF_CONFIG", "of another cluster")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    variables = environment({"task": {"type": "worker", "index": 1}}, tmp_path)
    assert json.loads(variables["TF_CONFIG"]) == {"task": {"type": "worker", "index": 1}}
    assert variables["OMP_NUM_THREADS"] == "1" and variables["CUDA_VISIBLE_DEVICES"] == "-1"
    assert variables["TMPDIR"] == str(tmp_path)
    assert variables["TF_CPP_MIN_LOG_LEVEL"] == "0", "what the user set stays"
    assert variables["PYTHONPATH"].split(os.pathsep)[0] == str(ROOT)
