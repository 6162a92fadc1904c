"""The benchmarks run, and what they print has its shape. No time is asserted here."""

import doctest
import importlib.util
import json
import math
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import (
    __main__,
    before,
    blocks,
    cold,
    compression,
    fit,
    frameworks,
    parallel,
    scipy_side_by_side,
    second_order,
    timing,
)
from benchmarks.__main__ import SUBJECTS, main
from benchmarks.frameworks import Rival, worker
from benchmarks.timing import Measurement, as_markdown, at_least, at_most, compared, interleaved, machine, quartiles
from nnopt_utils._commands import has_tensorflow
from nnopt_utils.compression import prune
from nnopt_utils.datasets import load_mnist
from nnopt_utils.networks import MLP

ROOT = Path(__file__).resolve().parent.parent
UNITS = {"memory": ["B"], "scipy": ["s", "evaluations"], "parallel": ["s", "updates/s", "B/s"]}
UNITS["compression"] = ["s", "B/s"]
MISSING = Rival("missing", "ours", "a-package-that-nobody-wrote")


def toy(target=None, of=2.0):
    """A figure with the given ratio."""
    return compared("toy", "slow", [of, of], "fast", [1.0, 1.0], target=target)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What a quick run of all writes, with the frameworks that are installed."""
    path = tmp_path_factory.mktemp("benchmarks") / "results.json"
    assert main(["--quick", "--json", str(path)]) == 0
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_every_subject_reports(report):
    assert report["quick"] is True
    assert list(dict.fromkeys(f["subject"] for f in report["figures"])) == list(SUBJECTS)
    assert {"processor", "cores", "python", "numpy", "blas", "load average"} <= set(report["machine"])


@pytest.mark.slow
def test_every_figure_is_a_ratio_in_one_run(report):
    for content in report["figures"]:
        f = Measurement(**content)
        assert f.name and f.against and f.repeats >= 1
        assert f.unit in UNITS.get(f.subject, ["s"])
        assert 0 < f.low <= f.median <= f.high < math.inf
        assert 0 < f.ratio_low <= f.ratio <= f.ratio_high < math.inf


@pytest.mark.slow
def test_what_is_measured(report):
    names = {subject: [f["name"] for f in report["figures"] if f["subject"] == subject] for subject in SUBJECTS}
    assert names["import"] == ["import numpy", "import nnopt_utils", "import nnopt_utils.training"]
    assert names["load"] == ["load_mnist()"]
    assert len(names["fit"]) == 12 and {"batch 32", "batch 128"} == {name.split(", ")[-1] for name in names["fit"]}
    assert len(names["blocks"]) == 8 and sum("Adam" in name for name in names["blocks"]) == 4
    installed = [rival for rival in frameworks.RIVALS if rival.is_installed]
    assert [name.split(": ")[1] for name in names["frameworks"]] == 2 * [rival.name for rival in installed]
    assert [name.split(": ")[1] for name in names["cold"]] == [r.name for r in cold.RIVALS if r.is_installed]
    assert len(names["memory"]) == 1
    methods = {name.split(",")[0] for name in names["scipy"] if "functions" in name}
    assert methods >= {"bfgs", "lbfgs", "nonlinear_cg", "newton_cg", "trust_region"}
    assert sum("softmax" in name for name in names["scipy"]) == 8
    of_steps = [f"a step of {name}" for name in second_order.STEPPERS]
    assert [name.split(": ")[1] for name in names["second_order"]] == [*second_order.PRODUCTS, *of_steps]
    assert len(names["explorers"]) == 18 and all("slowest of" in name for name in names["explorers"])


@pytest.mark.slow
def test_what_is_measured_of_parallel_training(report):
    names = {}
    for f in report["figures"]:
        if f["subject"] == "parallel":
            names.setdefault(f["unit"], []).append(f["name"].split(": ", 1)[-1])
    sizes = len(parallel.BATCH_SIZES)
    assert names["s"][:sizes] == [parallel.TWO] * sizes and names["s"][sizes] in ("32", "128", "512", "2,048", "none")
    assert names["s"][sizes + 1] == f"start and end of {parallel.TWO}"
    methods = list(parallel.METHODS)
    assert names["updates/s"][: len(methods)] == methods
    sent = [name for name in methods if name != parallel.ONE and "hogwild" not in name]  # those two send nothing
    assert names["B/s"][: len(sent)] == sent
    clusters = ["TensorFlow, synchronous", "TensorFlow, asynchronous"] if has_tensorflow() else []
    assert [name for name in names["updates/s"][len(methods) :] if name != parallel.ONE] == clusters
    assert names["B/s"][len(sent) :] == clusters
    assert (parallel.JAX.name in names["s"]) == parallel.JAX.is_installed


@pytest.mark.slow
def test_which_figures_have_targets(report):
    """The bounds that the course promises, each on its figure, as far as a quick run has it."""
    found = {(f["subject"], f["name"].split(", ", 1)[-1]): f["target"] for f in report["figures"] if f["target"]}
    bounds = {key: (target["of"], target["sense"], target["bound"]) for key, target in found.items()}
    assert bounds[("import", "import nnopt_utils")] == ("median", "≤", 0.3)
    assert bounds[("memory", "fit with Adam, evaluate")] == ("median", "≤", 1e9)
    assert bounds[("second_order", "64 images: H v")] == ("ratio", "≤", 3.0)
    assert bounds[("fit", "Adam, batch 32")] == ("ratio", "≤", 3.8)
    assert bounds[("fit", "Adam, batch 128")] == ("ratio", "≤", 2.5)
    if parallel.JAX.is_installed:
        assert bounds[("parallel", "Adam, batch 128: JAX, epoch compiled as a scan")] == ("ratio", "≥", 0.69)
    if frameworks.RIVALS[1].is_installed:
        assert bounds[("frameworks", "Adam, batch 32: Keras, fit")] == ("ratio", "≥", 4.5)
        assert bounds[("frameworks", "Adam, batch 128: Keras, fit")] == ("ratio", "≥", 3.5)
        assert bounds[("cold", "MNIST, 1 epoch at batch 32, test accuracy: Keras")] == ("ratio", "≥", 6.0)


@pytest.mark.slow
def test_what_is_measured_of_compression(report):
    rows = [(f["name"], f["unit"]) for f in report["figures"] if f["subject"] == "compression"]
    rates = [name for name, unit in rows if unit == "B/s"]
    assert rates == [f"{what} 784-300-100-10, {name}" for what in ("encode", "decode") for name in compression.files()]
    latencies = {name for name, unit in rows if unit == "s"}
    images = load_mnist().x_train[:100]
    assert latencies == {
        f"784-300-100-10, batch {batch}: {name}" for batch in ("1", "1,000") for name in compression.forms(images)
    }


def test_sparse_matrices_give_the_same_answers():
    network = prune(MLP(compression.LAYER_SIZES, seed=0), compression.SPARSITY)
    x = np.random.default_rng(0).uniform(size=(7, 784)).astype(np.float32)
    np.testing.assert_allclose(compression.Sparse(network).forward(x), network.forward(x), rtol=1e-4, atol=1e-5)


def test_tables_are_compared_run_by_run(tmp_path):
    def table(name, *rows):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    run = {"label": "taught", "seed": 0, "test_error": 1.5, "seconds": 2.0}
    committed = table("a.jsonl", run, {**run, "seed": 1, "seconds": 4.0}, {**run, "seed": 2})
    new = table("b.jsonl", {**run, "seed": 1, "test_error": 1.75, "seconds": 8.0}, {**run, "seconds": 4.0})
    found = compression._table_again(committed, new)
    assert found == "  a.jsonl: 2 of 3 runs again, errors +0.12 points in the mean, 0.25 at most"


def test_tables_are_made_in_another_folder(tmp_path, monkeypatch):
    row = json.dumps({"seed": 0, "test": 2.0, "seconds": 1.0}) + "\n"
    (tmp_path / "t.jsonl").write_text(row, encoding="utf-8")

    class Module:
        __name__, FOLDER = "chapter.toy", tmp_path

        @staticmethod
        def main(folder):
            assert folder != tmp_path and not list(folder.iterdir())
            (folder / "t.jsonl").write_text(row, encoding="utf-8")

    assert compression._again(Module()) == [
        "toy: 0 minutes",
        "  t.jsonl: 1 of 1 runs again, errors +0.00 points in the mean, 0.00 at most",
    ]


def test_full_tables_have_to_be_asked_for_with_their_subject(capsys):
    for arguments in (["--full"], ["fit", "--full"], ["compression", "--full", "--quick"]):
        with pytest.raises(SystemExit):
            main(arguments)
        assert "got --full; expected it with the subject compression" in capsys.readouterr().err


def test_a_method_that_is_not_there_is_not_compared():
    there = {rival.ours for rival in scipy_side_by_side.RIVALS if rival.is_there}
    assert there >= {"bfgs", "lbfgs", "nonlinear_cg"}
    assert not scipy_side_by_side.Rival("alchemy", "BFGS", scipy_side_by_side.RIVALS[0].solve).is_there


def test_evaluations_have_their_unit():
    counts = compared("scipy", "bfgs", [40.0, 20.0], "BFGS", [40.0, 25.0], unit="evaluations", target=at_most(1.3))
    assert "| 30.0 evaluations |" in as_markdown([counts]) and counts.met


def test_every_target_belongs_to_something():
    assert {name for name, _ in frameworks.TARGETS} <= {rival.name for rival in frameworks.RIVALS}
    assert set(cold.TARGETS) == {rival.name for rival in cold.RIVALS} - {"ours"}
    assert {(name, n) for name, n, _ in blocks.TARGETS} <= {
        (name, n) for name in blocks.OPTIMIZERS for n in blocks.SIZES
    }
    assert {name for name, _ in fit.TARGETS} <= set(fit.OPTIMIZERS)
    assert set(second_order.TARGETS) <= set(second_order.PRODUCTS)


def test_the_first_batch_that_pays():
    def first(*ratios):
        figures = [toy(of=ratio) for ratio in ratios]
        return parallel._first_that_pays(figures)

    assert first(3.0, 1.5, 0.9, 0.6).name.endswith(": 512") and first(3.0, 1.5, 0.9, 0.6).ratio == 0.9
    assert first(3.0, 2.5, 2.0, 1.0).name.endswith(": none") and first(3.0, 2.5, 2.0, 1.0).ratio == 1.0
    assert first(0.9, 1.1, 0.9, 0.6).name.endswith(": 512")


def test_rates():
    x, y = np.zeros((1000, 784), np.float32), np.zeros(1000, np.int64)
    seconds = {parallel.ONE: [0.5, 1.0], "fast": [0.25, 0.25], "slow": [2.0, 4.0]}
    figures = parallel._rates((x, y), seconds, {"fast": 1e6, "slow": 4e6}, "fast")
    assert [(f.unit, f.median, f.ratio) for f in figures] == [
        *(("updates/s", 12.0, 1.0), ("updates/s", 32.0, 3.0), ("updates/s", 3.0, 0.25)),  # 8 updates an epoch
        *(("B/s", 4e6, 1.0), ("B/s", 1.5e6, 0.375)),
    ]
    assert "| 4.00 MB/s |" in as_markdown(figures) and "| 32.0 updates/s |" in as_markdown(figures)


def test_check_fails_when_a_target_is_missed(monkeypatch, capsys):
    figures = [toy(), toy(at_least(1.5)), toy(at_most(2.0))]
    monkeypatch.setattr(__main__, "SUBJECTS", {"toy": lambda quick: figures})
    assert main(["--check"]) == 0
    assert "Targets: 2 met, 0 missed" in capsys.readouterr().out
    figures.append(toy(at_least(6.0)))
    assert main([]) == 0
    assert main(["--check"]) == 1
    assert "2 met, 1 missed\n  toy: slow against fast: ratio ≥ 6, got 2.00" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--check", "--quick"])


def test_targets():
    assert [toy(at_least(2.0)).met, toy(at_least(2.1)).met, toy().met] == [True, False, None]
    memory = compared("s", "n", [5e8], "m", [1e8], unit="B", target=at_most(1e9, of="median", unit="B"))
    assert memory.met and memory.reached == "500 MB"
    assert "| 500 MB | 500 … 500 MB | **5.00** | 5.00 … 5.00 | m | median ≤ 1.00 GB, met |" in as_markdown([memory])
    assert "ratio ≥ 9, **missed** |" in as_markdown([toy(at_least(9))])
    assert "ratio ≥ 9 |" in as_markdown([toy(at_least(9))], judged=False)


def test_what_is_not_installed_is_said_and_left_out(monkeypatch, capsys):
    assert not MISSING.is_installed and frameworks.RIVALS[0].is_installed
    monkeypatch.setattr(frameworks, "RIVALS", [frameworks.RIVALS[0], MISSING])
    monkeypatch.setattr(timing, "COMPARED", ("numpy", MISSING.package))
    assert main(["frameworks", "--quick"]) == 0
    output = capsys.readouterr().out
    assert output.count("| frameworks |") == 2
    assert f"Not installed, so not compared: {MISSING.package} (pip install" in output


def test_a_process_that_fails_says_why():
    with worker(Rival("wrong", "no_such_module", "numpy"), 100) as epoch, pytest.raises(RuntimeError) as caught:
        epoch(32)
    assert "wrong: the process ended" in str(caught.value) and "no_such_module" in str(caught.value)
    with pytest.raises(RuntimeError, match=r"with_nnopt.py: expected a test accuracy(.|\n)*epochs: got 0"):
        cold.seconds_of(cold.RIVALS[0], epochs=0)


def test_others_run_with_their_defaults(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("NNOPT_TEST", "kept")
    defaults, one = (Rival("name", "module", "numpy", threads).environment for threads in (None, 1))
    assert "OMP_NUM_THREADS" not in defaults and one["OMP_NUM_THREADS"] == one["OPENBLAS_NUM_THREADS"] == "1"
    assert defaults["NNOPT_TEST"] == "kept" and defaults["JAX_PLATFORMS"] == "cpu"


def test_no_script_has_the_name_of_a_package():
    """``python benchmarks/cold/keras.py`` would import itself as Keras."""
    scripts = {path.stem for path in (ROOT / "benchmarks" / "cold").glob("*.py")} - {"__init__"}
    assert scripts == {Path(rival.module).stem for rival in cold.RIVALS}
    assert not any(importlib.util.find_spec(name) for name in scripts)
    modules = {path.stem for path in (ROOT / "benchmarks" / "epochs").glob("*.py")}
    assert modules - {"__init__", "__main__"} == {rival.module for rival in frameworks.RIVALS}


def test_command_line_selects():
    command = [sys.executable, "-m", "benchmarks", "import", "--quick"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    rows = [
        line for line in run.stdout.splitlines() if line.startswith("| ") and not line.startswith(("| subject", "| :"))
    ]
    assert len(rows) == 3 and all(row.startswith("| import |") for row in rows)


def test_unknown_subject(capsys):
    with pytest.raises(SystemExit):
        main(["fitt"])
    assert (
        "got fitt; expected some of import, load, memory, blocks, fit, frameworks, cold, explorers, second_order"
        in capsys.readouterr().err
    )


def test_avx2_is_imitated():
    command = [sys.executable, "-m", "benchmarks", "import", "--quick", "--avx2"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0 and run.stdout.count("| import |") == 3
    if platform.machine() in ("x86_64", "AMD64"):
        assert "(Haswell)" in run.stdout


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the repository")
def test_an_earlier_commit_is_measured_beside_today():
    figures = before.measure("HEAD", repeats=1, n_samples=2_000)
    assert [f.name for f in figures][:2] == [f"an epoch of 2,000, Adam, batch 32: {w}" for w in ("as of HEAD", "today")]
    assert len(figures) == 4 and all(f.ratio > 0 and f.against == "today" for f in figures)
    trees = subprocess.run(["git", "worktree", "list"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "earlier" not in trees


def test_interleaved_takes_turns():
    calls = []
    times = interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=4, warmups=1)
    assert "".join(calls) == "ab" + "baab" * 2  # the first two are the warm-up
    assert all(len(values) == 4 and min(values) >= 0 for values in times.values())


def test_a_function_may_measure_itself():
    assert interleaved({"a": lambda: 2.5}, repeats=2)["a"] == [2.5, 2.5]


def test_summary():
    assert quartiles([4.0]) == (4.0, 4.0, 4.0)
    assert quartiles([1.0, 2.0, 3.0, 4.0, 100.0]) == (2.0, 3.0, 4.0)
    # The median of the ratios, not the ratio of the medians.
    summed = compared("s", "n", [1.0, 10.0, 6.0], "other", [1.0, 2.0, 3.0])
    assert (summed.median, summed.ratio) == (6.0, 2.0)
    with pytest.raises(ValueError, match="zip"):
        compared("s", "n", [1.0], "other", [1.0, 2.0])


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.0, "2.00 s"), (0.25, "250 ms"), (0.0012, "1.20 ms"), (3.2e-6, "3.20 µs")]
)
def test_units(seconds, text):
    assert f"| {text} |" in as_markdown([compared("s", "n", [seconds], "other", [1.0])])


def test_examples_in_docstrings():
    result = doctest.testmod(timing)
    assert result.attempted > 0 and result.failed == 0


def test_machine():
    assert all(isinstance(value, str) and value for value in machine().values())
