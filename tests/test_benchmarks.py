"""The benchmarks run, and what they print has its shape. No time is asserted here."""

import doctest
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import timing
from benchmarks.__main__ import SUBJECTS, main
from benchmarks.timing import Figure, figure, interleaved, machine, quartiles, table

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What a quick run of all writes."""
    path = tmp_path_factory.mktemp("benchmarks") / "results.json"
    main(["--quick", "--json", str(path)])
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_subject_reports(report):
    assert report["quick"] is True
    assert list(dict.fromkeys(f["subject"] for f in report["figures"])) == list(SUBJECTS)
    assert {"processor", "cores", "python", "numpy", "blas", "load average"} <= set(report["machine"])


def test_every_figure_is_a_ratio_in_one_run(report):
    for content in report["figures"]:
        f = Figure(**content)
        assert f.name and f.against and f.repeats >= 1
        assert 0 < f.low <= f.seconds <= f.high < math.inf
        assert 0 < f.ratio_low <= f.ratio <= f.ratio_high < math.inf


def test_what_is_measured(report):
    names = {subject: [f["name"] for f in report["figures"] if f["subject"] == subject] for subject in SUBJECTS}
    assert names["import"] == ["import numpy", "import nnopt_utils", "import nnopt_utils.training"]
    assert names["load"] == ["load_mnist()"]
    assert len(names["fit"]) == 8 and {"batch 32", "batch 128"} == {name.split(", ")[-1] for name in names["fit"]}
    assert len(names["blocks"]) == 8 and sum("toy Adam" in name for name in names["blocks"]) == 4


def test_command_line_selects():
    command = [sys.executable, "-m", "benchmarks", "import", "--quick"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    rows = [line for line in run.stdout.splitlines() if line.startswith("| ") and not line.startswith("| subject")]
    assert len(rows) == 3 and all(row.startswith("| import |") for row in rows)


def test_unknown_subject(capsys):
    with pytest.raises(SystemExit):
        main(["fitt"])
    assert "got fitt; expected some of import, load, blocks, fit" in capsys.readouterr().err


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
    summed = figure("s", "n", [1.0, 10.0, 6.0], "other", [1.0, 2.0, 3.0])
    assert (summed.seconds, summed.ratio) == (6.0, 2.0)
    with pytest.raises(ValueError, match="zip"):
        figure("s", "n", [1.0], "other", [1.0, 2.0])


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.0, "2.00 s"), (0.25, "250 ms"), (0.0012, "1.20 ms"), (3.2e-6, "3.20 µs")]
)
def test_units(seconds, text):
    assert f"| {text} |" in table([figure("s", "n", [seconds])])


def test_examples_in_docstrings():
    result = doctest.testmod(timing)
    assert result.attempted > 0 and result.failed == 0


def test_machine():
    assert all(isinstance(value, str) and value for value in machine().values())
