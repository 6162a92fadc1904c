"""The whole programs of examples/: chapter 07 prints them, and they run as they stand."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nnopt_utils.datasets import MNIST_PATH
from tools.twins import ROOT, find_pairs

PROGRAMS = ["keras_mnist", "numpy_mnist"]
TITLES = {"keras_mnist": "Keras", "numpy_mnist": "NumPy"}
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "NNOPT_PROGRESS": "off", "TQDM_DISABLE": "1"}


def call_of(name: str) -> str:
    return f"python {name}.py data/mnist.npz"


def lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


@pytest.mark.parametrize("name", PROGRAMS)
def test_chapter_07_prints_the_program(name: str) -> None:
    chapter = next(pair.twin for pair in find_pairs() if pair.name.startswith("07")).read_text(encoding="utf-8")
    printed = re.findall(r"^```python\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)
    assert (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8") in printed


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_chapter_says_how_the_program_is_called_and_what_it_needs(name: str) -> None:
    program = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(program)) == f"784-64-64-10 on MNIST with {TITLES[name]}: {call_of(name)}"
    assert (ROOT / "data" / "mnist.npz").samefile(MNIST_PATH)
    imported = set(re.findall(r"^(?:import|from) (\w+)", program, re.MULTILINE))
    assert imported == {"sys", "numpy", "keras" if name.startswith("keras") else "nnopt_utils"}


def test_the_printed_keras_program_is_what_the_chapter_says() -> None:
    """One Input, logits and a loss that knows it, 32 a batch, ten epochs, split, validated, tested, saved."""
    program = (ROOT / "examples" / "keras_mnist.py").read_text(encoding="utf-8")
    for said in (
        "keras.Input((784,))",
        "keras.layers.Dense(10),",
        "SparseCategoricalCrossentropy(from_logits=True)",
        "x[:55_000], y[:55_000], x[55_000:], y[55_000:]",
        "batch_size=32, epochs=10, validation_data=(x_val, y_val)",
        "keras.ops.softmax(model.predict(",
        'model.save("mnist.keras")',
    ):
        assert program.count(said) == 1, said
    assert "softmax" not in program.split("model.compile(")[0].split("keras.Sequential(")[1]


def test_the_two_programs_are_the_same_but_for_the_model_and_its_training() -> None:
    keras, numpy = (lines((ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8")) for name in PROGRAMS)
    data = keras.index("with np.load(sys.argv[1]) as raw:")
    same = keras[data : data + 6]
    first = numpy.index(same[0])
    assert numpy[first : first + 6] == same
    comments = [[line for line in program if line.startswith("# ")] for program in (keras, numpy)]
    assert comments[0][:5] == comments[1][:5] and len(comments[0]) == len(comments[1]) == 6


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_program_runs(name: str, tmp_path: Path) -> None:
    if name.startswith("keras"):
        pytest.importorskip("keras")
    ended = subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"{name}.py"), str(MNIST_PATH)],
        cwd=tmp_path,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "55,050" in ended.stdout and "predicted: [7 2 1] labels: [7 2 1]" in ended.stdout
    accuracies = [float(found) for found in re.findall(r"test accuracy (0\.\d+)", ended.stdout)]
    assert len(accuracies) == 2 and 0.967 < accuracies[0] < 0.982
    assert accuracies[1] == pytest.approx(accuracies[0], abs=1e-4), "what was loaded is what was saved"


@pytest.mark.slow
def test_the_compressed_network_is_small_and_read_again(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "compress_mnist.py"), str(MNIST_PATH)],
        cwd=tmp_path,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    accuracies = [float(found) for found in re.findall(r"test accuracy (0\.\d+)", ended.stdout)]
    assert len(accuracies) == 2 and accuracies[0] > 0.96 and accuracies[1] > accuracies[0] - 0.01
    assert (tmp_path / "mnist.nnopt").stat().st_size < 7000
    assert "times smaller than float32" in ended.stdout
