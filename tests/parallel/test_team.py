"""Teams of processes: what they do, how they end, and that nothing is left of them."""

import _thread
import gc
import os
import pickle
import re
import signal
import sys
import threading
import time

import numpy as np
import psutil
import pytest
from leftovers import KILL, SHARED, children, nothing_left, open_files, start_script, when

from nnopt_utils.parallel import WorkerError
from nnopt_utils.parallel import team as team_module
from nnopt_utils.parallel.team import Mailbox, Team, usable_cores

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@pytest.fixture
def watched(monkeypatch):
    with nothing_left(monkeypatch) as found:
        yield found


def re_match(pattern, error):
    return re.match(pattern, str(error), flags=re.DOTALL)


# -- what workers do; the tests below call them by number ------------------------------------------------------------


def greet(worker):
    """The settings, a draw, and one's share of work on shared memory, under a lock."""
    for _ in range(200):
        with worker.locks[0]:
            worker.arrays["sum"] += 1  # not atomic: reads, adds and writes
    worker.arrays["given"][worker.rank] *= 2
    worker.progress[worker.rank] = 10 * worker.rank
    return worker.rank, worker.settings, worker.generator.random(), worker.arrays["zeros"].shape


def exchange(worker):
    """Vectors of several types and lengths around a ring, each more than once."""
    link, got = worker.link, []
    floats, shorts = np.arange(3.0) + link.rank, np.full(40, link.rank, np.float32)
    for values in (floats, shorts, np.zeros(0), np.array([7], np.uint8)):
        for _ in range(3):
            link.send((link.rank + 1) % link.size, values)
            arrived = link.receive((link.rank - 1) % link.size)
            arrived += 1  # one's own
            got.append((arrived.dtype.str, arrived.tolist()))
    return got, link.bytes_sent


def fail(worker):
    """One raises an error while the others wait for it."""
    if worker.rank == 1:
        raise KeyError("mine")
    with worker.until_stopped():
        worker.link.receive(1)
    return "stopped"


def die(worker):
    """Worker 0 is killed with the lock in its hand; all others wait for that lock, or for a message."""
    if worker.rank == 0:
        worker.locks[0].wait()
        worker.arrays["ready"][0] = 1
        os.kill(os.getpid(), KILL)
    with worker.until_stopped():
        while not worker.arrays["ready"][0]:
            time.sleep(0.001)
        if worker.rank == worker.size - 1:
            worker.link.receive(0)
        with worker.locks[0]:
            return "got it"
    return "stopped"


def leave(worker):
    os._exit(3)


def unpicklable(worker):
    return threading.Lock()


def rest(worker):
    """Wait for what never comes, and forget that one may be asked to stop."""
    worker.progress[worker.rank] = 1
    worker.link.receive((worker.rank + 1) % worker.size)


def busy(worker):
    """Hear of nothing."""
    worker.progress[worker.rank] = 1
    while True:
        time.sleep(0.01)


class Unfinished(Exception):
    pass


# -- what they do ----------------------------------------------------------------------------------------------------


def test_results_memory_locks_and_generators(watched):
    """Five workers on few cores: nobody's turn is lost."""
    given = np.arange(5, dtype=np.float32)
    arrays = {"sum": ((1,), np.int64), "given": given, "zeros": ((2, 3), np.float32)}
    draws = []
    for workers in (5, 1):
        with Team(greet, workers, {"a": 1}, arrays, seed=3, n_locks=1) as team:
            calls = []
            results = team.run(lambda: calls.append(1))  # noqa: B023 (called in the block)
        assert list(results) == list(range(workers)) and team.failure is None and not team.interrupted and calls
        assert [result[:2] for result in results.values()] == [(rank, {"a": 1}) for rank in range(workers)]
        assert team.arrays["sum"].item() == 200 * workers
        assert team.arrays["given"].tolist() == [2.0 * k if k < workers else k for k in range(5)]
        assert team.progress.tolist() == [10 * rank for rank in range(workers)]
        draws.append([result[2] for result in results.values()])
    assert given.tolist() == [0, 1, 2, 3, 4]
    assert len(set(draws[0])) == 5
    assert draws[1] == draws[0][:1]  # by seed and rank


def test_messages_around_a_ring(watched):
    with Team(exchange, 3, None, {}, link_bytes=400) as team:
        results = team.run()
    for rank, (got, n_bytes) in results.items():
        left = (rank - 1) % 3
        floats, shorts = [left + 1.0, left + 2.0, left + 3.0], [left + 1.0] * 40
        expected = [("<f8", floats), ("<f4", shorts), ("<f8", []), ("|u1", [8])]
        assert got == [each for each in expected for _ in range(3)]
        assert n_bytes == 3 * (24 + 160 + 0 + 1)


def test_a_message_that_is_too_large_is_refused():
    box = Mailbox(team_module.multiprocessing.get_context("spawn"), [0], 16)
    with pytest.raises(ValueError, match="broadcast"):
        box.put(np.zeros(3))


# -- how they end ----------------------------------------------------------------------------------------------------


def test_an_error_ends_all_and_is_told(watched):
    with Team(fail, 3, None, {}, link_bytes=8) as team:
        results = team.run()
        assert results == {0: "stopped", 2: "stopped"}
    assert team.failure.rank == 1
    assert re_match(r"worker 1 of 3 \(process \d+\) raised an error:\nTraceback .*KeyError: 'mine'", team.failure)


def test_whoever_waits_for_a_killed_worker_is_woken(watched):
    """Three wait for one lock, which its owner never gives back: each is woken, and none gets it."""
    with Team(die, 5, None, {"ready": ((1,), np.int64)}, n_locks=1, link_bytes=8) as team:
        pid = team.processes[0].pid
        assert team.run() == dict.fromkeys(range(1, 5), "stopped")
    assert team.failure.rank == 0
    if os.name == "posix":
        assert str(team.failure) == f"worker 0 of 5 (process {pid}) was killed by signal 9 (SIGKILL)"


@pytest.mark.parametrize(
    "function, message",
    [(leave, "ended with exit code 3, without a result$"), (unpicklable, "raised an error:.*cannot pickle")],
)
def test_ends_without_a_result(watched, function, message):
    with Team(function, 2, None, {}) as team:
        assert team.run() == {}
    assert re_match(r"worker [01] of 2 \(process \d+\) " + message, team.failure)


def test_an_error_in_the_parent_ends_all_at_once(watched):
    def watch():
        if team.progress.all():
            raise Unfinished

    with pytest.raises(Unfinished), Team(busy, 2, None, {}) as team:
        team.run(watch)


def test_what_cannot_be_pickled_starts_nothing():
    before = children()
    with pytest.raises(TypeError, match="pickle"):
        Team(leave, 2, threading.Lock(), {})
    assert children() == before


def test_a_start_that_fails_halfway_leaves_nothing(watched, monkeypatch):
    start = Team._start

    def second_fails(team, rank):
        if rank == 1:
            raise OSError("no more processes")
        start(team, rank)

    monkeypatch.setattr(Team, "_start", second_fails)
    with pytest.raises(OSError, match="no more"), Team(busy, 2, None, {}, link_bytes=8):
        raise AssertionError("not reached")


def test_no_open_file_is_left_after_many_runs(watched):
    counts = []
    for _ in range(4):
        arrays = {"sum": ((1,), int), "given": np.ones(1), "zeros": np.ones(5_000_000)}
        with Team(greet, 1, None, arrays, n_locks=2) as team:
            team.run()
        del team
        watched.teams.clear()
        gc.collect()
        counts.append(open_files())
    watched.teams.append(None)  # there was one
    assert counts[-1] <= counts[1], counts


def test_in_a_thread(watched):
    results = []

    def call():
        with Team(exchange, 2, None, {}, link_bytes=400) as team:
            results.append(team.run())

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert sorted(results[0]) == [0, 1]


# -- interrupts ------------------------------------------------------------------------------------------------------


def test_an_interrupt_stops_all_and_a_second_one_acts_at_once(watched):
    before = signal.getsignal(signal.SIGINT)
    with Team(rest, 2, None, {}, link_bytes=8) as team:
        when(team.progress.all, _thread.interrupt_main)
        assert team.run() == {0: None, 1: None}  # they forgot ``until_stopped``: no error of theirs
        assert team.interrupted and team.failure is None
    with pytest.raises(KeyboardInterrupt), Team(busy, 2, None, {}) as team:
        when(team.progress.all, _thread.interrupt_main)
        when(lambda: team._stop[0], _thread.interrupt_main)
        team.run()
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_while_all_ends_waits_until_all_has_ended(watched, monkeypatch):
    with pytest.raises(KeyboardInterrupt), Team(exchange, 2, None, {}, link_bytes=400) as team:
        team.run()
        stop = team.stop
        monkeypatch.setattr(team, "stop", lambda: (signal.raise_signal(signal.SIGINT), stop()))
    assert team.processes == []


@posix
def test_ctrl_c_while_workers_start_is_not_lost(watched, monkeypatch):
    start = Team._start

    def interrupted(team, rank):
        if rank == 1:
            os.kill(os.getpid(), signal.SIGINT)
        start(team, rank)

    monkeypatch.setattr(Team, "_start", interrupted)
    listener = threading.Event()
    threading.Thread(target=listener.wait, daemon=True).start()  # it may hear of the signal in the main thread's place
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt), Team(busy, 2, None, {}, link_bytes=8):
            raise AssertionError("not reached")
    listener.set()


BUSY_SCRIPT = """
import sys, time
from nnopt_utils.parallel.team import Team

def work(worker):
    worker.progress[worker.rank] = 1
    if worker.rank == 0:
        while not worker.stopping:
            time.sleep(0.01)
        return "whole"
    with worker.until_stopped():
        worker.link.receive(0)
    return "woken"

if __name__ == "__main__":
    with Team(work, 2, None, {}, link_bytes=8) as team:
        def watch():
            if team.progress.all():
                names = [bell._semaphore._semlock.name for bell in team._bells()]
                print("pids", *[process.pid for process in team.processes], *names, flush=True)
        results = team.run(watch)
    print(results, team.interrupted, team.failure, flush=True)
"""


def first_line(process):
    """The workers and the semaphores that a script tells; its whole complaint, if it tells nothing."""
    line = process.stdout.readline()
    assert line.startswith("pids"), process.communicate()
    words = line.split()[1:]
    return [psutil.Process(int(pid)) for pid in words[:2]], [SHARED / f"sem.{name.lstrip('/')}" for name in words[2:]]


@posix
def test_ctrl_c_in_a_terminal(tmp_path):
    """The signal comes to the whole group: workers leave it to the parent."""
    process = start_script(tmp_path / "script.py", BUSY_SCRIPT)
    first_line(process)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert out.splitlines()[-1] == "{0: 'whole', 1: 'woken'} True None"
    assert err == "" and process.returncode == 0


def test_workers_end_with_their_parent(tmp_path):
    process = start_script(tmp_path / "script.py", BUSY_SCRIPT)
    workers, semaphores = first_line(process)
    assert len(semaphores) == 4 and (not SHARED.exists() or all(path.exists() for path in semaphores))
    process.kill()
    process.communicate(timeout=60)  # until all have ended that have its output, also what cleans up after it
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive
    assert not any(path.exists() for path in semaphores)


def test_a_script_without_its_guard_gets_an_error_and_no_end_of_processes(tmp_path):
    text = BUSY_SCRIPT.replace('if __name__ == "__main__":', "if True:").replace(
        "print(results,", "raise team.failure #"
    )
    process = start_script(tmp_path / "script.py", text)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert re_match(r".*WorkerError: worker [01] of 2 .*it had not begun: .*if __name__ == '__main__':", err)
    assert "RuntimeError: workers: got a call from a process that is only starting" in err


def test_a_worker_error_can_be_copied():
    error = WorkerError("worker 1 of 2 was killed", 1)
    error.history = [1, 2]
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.rank, copy.history) == (str(error), 1, [1, 2])


def test_there_is_a_core():
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
