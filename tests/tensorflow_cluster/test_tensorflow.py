"""Real clusters of TensorFlow on this computer: they train, follow ``fit``, say what ended, and leave nothing.

All in one file, which one worker of pytest runs: a cluster at a time is enough for two cores. What depends on the
machine is waited for generously.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from nnopt_utils._commands import has_tensorflow
from nnopt_utils.datasets import MNIST_PATH, load_mnist
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.tensorflow_cluster import ClusterError, clusters, launching, train_asynchronous, train_synchronous
from nnopt_utils.tensorflow_cluster.checkpoints import Checkpoint
from nnopt_utils.tensorflow_cluster.clusters import free_ports
from nnopt_utils.training import DivergenceError, fit

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not has_tensorflow(), reason="needs TensorFlow")]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")
WAIT = 300.0  # seconds: for a machine that is busy

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals that kill")


@pytest.fixture(scope="module")
def data():
    return load_mnist()


@pytest.fixture
def few(data):
    """A tenth of the images."""
    return data.x_train[:5_500], data.y_train[:5_500], data.x_val, data.y_val


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """After every test: no process of a cluster, no port that one listened at, no file."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    ports: list[int] = []

    def remembered(count: int) -> list[int]:
        ports.extend(free_ports(count))
        return ports[-count:]

    monkeypatch.setattr(clusters, "free_ports", remembered)
    yield temporary
    assert processes_of_clusters() == []
    assert not listening() & set(ports)
    assert list(temporary.iterdir()) == []


def processes_of_clusters() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "nnopt_utils.tensorflow_cluster." in " ".join(process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            pass
    return found


def listening() -> set[int]:
    return {c.laddr.port for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN}


def process(kind: str, index: int) -> psutil.Process:
    """The process with this place in the cluster that runs."""
    for found in processes_of_clusters():
        if json.loads(found.environ()["TF_CONFIG"])["task"] == {"type": kind, "index": index}:
            return found
    raise AssertionError(f"no {kind} {index}")


def after_steps(monkeypatch: pytest.MonkeyPatch, action: Callable[[], Any]) -> None:
    """Do something once, as soon as the first checkpoint has been reported."""
    pending = [action]

    class Watched(launching.Cluster):
        def reports(self, interrupted):
            for report in super().reports(interrupted):
                if report["event"] == "steps" and pending:
                    pending.pop()()
                yield report

    monkeypatch.setattr(launching, "Cluster", Watched)


def remove_kept(error: ClusterError) -> set[str]:
    """What a failed cluster kept; the test then clears it away."""
    names = {file.name for file in error.folder.iterdir()}
    for file in error.folder.iterdir():
        file.unlink()
    error.folder.rmdir()
    return names


# -- they train ------------------------------------------------------------------------------------------------------


def test_a_synchronous_cluster_follows_fit_on_mnist(data):
    network, twin, optimizer = MLP([784, 64, 64, 10], seed=0), MLP([784, 64, 64, 10], seed=0), SGD(0.1)
    history = train_synchronous(network, optimizer, data, epochs=1, batch_size=128, seed=3, progress=False)
    expected = fit(twin, SGD(0.1), data, epochs=1, batch_size=128, seed=3, progress=False)
    # Rounding grows from step to step, and jumps where a ReLU's input is within rounding of 0.
    np.testing.assert_allclose(history.step_losses[:50], expected.step_losses[:50], rtol=0, atol=1e-5)
    np.testing.assert_allclose(history.step_losses, expected.step_losses, rtol=0, atol=0.05)
    assert history.train_loss == pytest.approx(expected.train_loss, abs=1e-3)
    assert network.evaluate(data.x_val, data.y_val).accuracy == history.val_accuracy[0] >= 0.9
    assert history.epoch == 1 and history.workers == 2 and history.staleness == [] and optimizer.t == 430
    assert history.startup > 0 and history.seconds[0] > 0


@needs_signals
def test_an_asynchronous_cluster_finishes_on_mnist_without_a_worker_that_was_killed(data, monkeypatch):
    after_steps(monkeypatch, lambda: process("worker", 1).kill())
    network = MLP([784, 64, 64, 10], seed=0)
    history = train_asynchronous(network, SGD(0.1), data, epochs=1, batch_size=128, progress=False)
    assert history.lost == ["worker 1"] and not history.interrupted
    assert len(history.step_losses) == len(history.staleness) == 430 and min(history.staleness) >= 0
    assert network.evaluate(data.x_val, data.y_val).accuracy == history.val_accuracy[0] >= 0.9
    assert "lost worker 1" in repr(history)


# -- they end --------------------------------------------------------------------------------------------------------


@needs_signals
def test_a_killed_worker_of_a_synchronous_cluster_is_named_and_training_goes_on_at_its_checkpoint(few, monkeypatch):
    network, twin = MLP([784, 64, 64, 10], seed=1), MLP([784, 64, 64, 10], seed=1)
    optimizer, other = SGD(0.02, momentum=0.9), SGD(0.02, momentum=0.9)
    with monkeypatch.context() as once:
        after_steps(once, lambda: process("worker", 1).kill())
        with pytest.raises(ClusterError, match=r"worker 1 of 2 \(process \d+\) was killed by signal 9") as caught:
            train_synchronous(network, optimizer, few, epochs=2, checkpoint_every=10, progress=False)
    error, reached = caught.value, len(caught.value.history.step_losses)
    assert error.process == "worker 1" and str(error.folder) in str(error)
    assert reached % 10 == 0 and 10 <= reached < 86 and optimizer.t == reached
    assert remove_kept(error) == {"checkpoint.npz", "worker-0.log", "worker-1.log"}
    history = train_synchronous(network, optimizer, few, epochs=2, history=error.history, progress=False)
    expected = fit(twin, other, few, epochs=2, batch_size=128, progress=False)
    assert history is error.history and history.epoch == 2 and optimizer.t == 86
    np.testing.assert_allclose(history.step_losses, expected.step_losses, rtol=0, atol=1e-3)
    np.testing.assert_allclose(optimizer.state["velocity"], other.state["velocity"], rtol=0, atol=1e-3)
    assert len(history.val_accuracy) == 2


def test_an_interrupt_returns_what_there_is(few, monkeypatch):
    network, optimizer = MLP([784, 64, 64, 10], seed=0), SGD(0.1)
    with monkeypatch.context() as once:
        after_steps(once, lambda: signal.raise_signal(signal.SIGINT))
        history = train_synchronous(network, optimizer, few, epochs=500, checkpoint_every=5, workers=1, progress=False)
    assert history.interrupted and 5 <= len(history.step_losses) < 500 * 43 and history.workers == 1
    assert optimizer.t == len(history.step_losses) and history.step % 5 == 0


def test_a_port_that_somebody_took_is_replaced_and_divergence_says_so(few, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        ports = [[taken.getsockname()[1]], free_ports(1)]
        monkeypatch.setattr(clusters, "free_ports", lambda count: ports.pop(0))
        network, hot = MLP([784, 64, 64, 10], seed=0), SGD(1e20)
        before = network.parameters.copy()
        with pytest.raises(DivergenceError, match=r"training diverged in epoch 1, step [2-9]: the loss is (nan|inf)"):
            train_synchronous(network, hot, few, workers=1, progress=False)
    assert ports == []
    np.testing.assert_array_equal(network.parameters, before)


def has_begun(temporary: Path) -> bool:
    """Is there a checkpoint with steps in it?"""
    return any(Checkpoint.load(file).history.step_losses for file in temporary.glob("*/checkpoint.npz"))


@needs_signals
def test_all_goes_with_a_parent_that_is_killed(nothing_is_left, tmp_path):
    """The coordinator, the parameter server and the workers, which wait in TensorFlow's own code."""
    environment = os.environ | {"TMPDIR": str(nothing_is_left), "PYTHONPATH": str(ROOT)}
    program = tmp_path / "parent.py"
    program.write_text(
        "from nnopt_utils.datasets import load_mnist\n"
        "from nnopt_utils.networks import MLP\n"
        "from nnopt_utils.optimizers import SGD\n"
        "from nnopt_utils.tensorflow_cluster import train_asynchronous\n"
        "train_asynchronous(MLP([784, 64, 64, 10]), SGD(0.1), load_mnist(), 500, checkpoint_every=5, progress=False)\n"
    )
    parent = subprocess.Popen([sys.executable, str(program)], env=environment)
    deadline = time.monotonic() + WAIT
    while (
        not (found := list(nothing_is_left.glob("*/checkpoint.npz"))) or len(np.load(found[0])["history"].item()) < 300
    ):
        assert time.monotonic() < deadline and parent.poll() is None
        time.sleep(0.2)
    children = psutil.Process(parent.pid).children()
    assert len(children) == 4
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    while list(nothing_is_left.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.2)


# -- docs/clusters.md ------------------------------------------------------------------------------------------------


def blocks(language: str, section: str) -> list[str]:
    text = re.search(rf"^## {section}.*?(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert text, section
    return re.findall(rf"^```{language}\n(.*?)^```", text[0], re.MULTILINE | re.DOTALL)


def on_this_computer(text: str, ports: dict[str, str]) -> str:
    """The page's addresses, replaced by free ports of this computer."""
    return re.sub(r"machine-\w:\d+", lambda found: ports[found[0]], text)


def start(block: str, ports: dict[str, str], folder: Path) -> subprocess.Popen[str]:
    """Run the commands of a block, as a shell would, in a process of its own."""
    configuration = re.search(r"^export TF_CONFIG='(.*)'$", block, re.MULTILINE)
    command = block.strip().splitlines()[-1].split()
    assert command[0] == "python"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "no_grpc_proxy": "127.0.0.1"}
    environment["TMPDIR"] = tempfile.gettempdir()
    if configuration:
        config = on_this_computer(configuration[1], ports)
        json.loads(config)
        environment["TF_CONFIG"] = config
    return subprocess.Popen(
        [sys.executable, *command[1:]], env=environment, cwd=folder, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.STDOUT,
    )  # fmt: skip


def ports_for(page_blocks: list[str]) -> dict[str, str]:
    names = sorted(set(re.findall(r"machine-\w:\d+", " ".join(page_blocks))))
    return {name: f"127.0.0.1:{port}" for name, port in zip(names, free_ports(len(names)), strict=True)}


def said(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if line.startswith('{"event"')]


def test_every_process_of_a_cluster_has_the_same_cluster_and_a_task_of_its_own():
    for section, count in (("Synchronous", 2), ("Asynchronous", 4)):
        configs = [json.loads(re.findall(r"TF_CONFIG='(.*)'", block)[0]) for block in blocks("sh", section)]
        assert len(configs) == count and all(config["cluster"] == configs[0]["cluster"] for config in configs)
        tasks = {(config["task"]["type"], config["task"]["index"]) for config in configs}
        assert tasks == {(kind, i) for kind, places in configs[0]["cluster"].items() for i in range(len(places))}


@pytest.mark.parametrize("section", ["Synchronous", "Asynchronous"])
def test_the_commands_of_the_page_train(section, tmp_path, data):
    """Also from checkpoint to network, and Ctrl-C for what waits for ever."""
    commands = blocks("sh", section)
    ports = ports_for(commands)
    running = [start(block, ports, tmp_path) for block in commands]
    first = running[0] if section == "Synchronous" else running[-1]
    try:
        output, _ = first.communicate(timeout=WAIT)
        assert first.returncode == 0, output
        events = said(output)
        assert [event["event"] for event in events] == ["ready", *["steps"] * 5, "finished"]
        assert events[-2]["val_accuracy"] >= 0.9
        for other in running:
            if other is not first:
                if section == "Asynchronous" and sys.platform != "win32":
                    assert other.poll() is None
                    other.send_signal(signal.SIGINT)
                output, _ = other.communicate(timeout=WAIT)
                assert other.returncode == (0 if section == "Synchronous" else 130) and "Traceback" not in output
    finally:
        for each in running:
            each.kill()
            each.wait()
    load = blocks("python", "What comes out")[0].replace("synchronous.npz", str(tmp_path / f"{section.lower()}.npz"))
    names: dict[str, Any] = {}
    exec(load, names)
    assert names["network"].evaluate(data.x_val, data.y_val).accuracy == events[-2]["val_accuracy"]


def test_keras_does_what_the_page_says(tmp_path):
    """Two workers for the synchronous strategy, one process for the other, side by side."""
    texts = blocks("text", "What Keras 3 does not support")
    script = str(HERE / "keras_attempts.py")
    environment = os.environ | {"TMPDIR": str(tmp_path)}  # TensorFlow's own files
    ports = [str(port) for port in free_ports(5)]
    pair, three = ports[:2], ports[2:]
    commands = [["synchronous", "0", *pair], ["synchronous", "1", *pair], ["asynchronous", *three]]
    running = [
        subprocess.Popen(
            [sys.executable, script, *c], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for c in commands
    ]
    try:
        outputs = [each.communicate(timeout=WAIT)[0] for each in running]
    finally:
        for each in running:
            each.kill()
            each.wait()
    synchronous, _, asynchronous = [
        {line["attempt"]: line["outcome"] for line in map(json.loads, output.splitlines())} for output in outputs
    ]
    begin, end = texts[0].strip().splitlines()
    for attempt in ("fit", "fit on arrays"):
        assert synchronous[attempt].startswith(begin) and synchronous[attempt].endswith(end)
    assert asynchronous["fit"] == texts[1].strip()
    assert asynchronous["fit per worker"].startswith(texts[2].strip())
    assert asynchronous["DatasetCreator"] == texts[3].strip()
    assert asynchronous["without run"].strip().endswith(texts[4].strip())
    assert synchronous["own loop"] == asynchronous["own loop"] == "it learns"


def test_a_search_runs_on_the_cluster_of_the_page(tmp_path):
    pytest.importorskip("distributed", reason="needs the extra `cluster`")
    scheduler, worker = blocks("sh", "A search on a Dask cluster")
    port = str(free_ports(1)[0])
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    running = []
    try:
        for command in (scheduler, worker):
            here = command.replace("machine-a", "127.0.0.1").replace("8786", port).split()
            assert here[0] == "dask"
            running.append(
                subprocess.Popen(
                    [sys.executable, "-m", "dask", *here[1:]], env=environment, cwd=tmp_path,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )
            )  # fmt: skip
        program = blocks("python", "A search on a Dask cluster")[0].replace("machine-a:8786", f"127.0.0.1:{port}")
        (tmp_path / "sweep.py").write_text(program, encoding="utf-8")
        ended = subprocess.run(
            [sys.executable, "sweep.py"], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT
        )
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.count("6 of 6") == 2
        assert len((tmp_path / "sweep.jsonl").read_text(encoding="utf-8").splitlines()) == 13
    finally:
        for each in reversed(running):
            each.terminate()
            each.wait()


# -- examples/ -------------------------------------------------------------------------------------------------------


def test_the_example_runs(tmp_path, nothing_is_left):
    program = ROOT / "examples" / "tensorflow_cluster.py"
    said_first = program.read_text(encoding="utf-8").splitlines()[0]
    assert said_first.endswith('python tensorflow_cluster.py data/mnist.npz asynchronous"""')
    environment = os.environ | {"TMPDIR": str(nothing_is_left), "TQDM_DISABLE": "1"}
    ended = subprocess.run(
        [sys.executable, str(program), str(MNIST_PATH), "asynchronous"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=2 * WAIT,
    )  # fmt: skip
    assert ended.returncode == 0 and ended.stderr == "", ended.stderr
    accuracy = re.search(r"validation accuracy (0\.\d+)", ended.stdout)
    assert accuracy and float(accuracy[1]) >= 0.9
    assert "of 430 updates were made with a gradient that was late" in ended.stdout
