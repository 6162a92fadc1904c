"""``python -m nnopt_utils compare``: a table on stdout, a figure on disk, clear errors before anything is trained."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nnopt_utils import __main__ as command_line
from nnopt_utils import compare as module
from nnopt_utils.compare import LOCKSTEP, Comparison, Settings, Training, draw, explain, main, parse, report
from nnopt_utils.datasets import DatasetError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def comparison():
    losses = np.linspace(2.3, 0.5, 200)
    return Comparison(
        Settings(epochs=2),
        Training([0.9, 0.95], [0.25, 0.35], 0.94),
        Training([0.9, 0.94], [2.0, 1.0], 0.9345),
        losses,
        losses + 1e-6 * np.arange(200) / 199,
    )


@pytest.mark.slow
def test_the_command(tmp_path):
    arguments = ["--epochs", "2", "--n-train", "1000", "--hidden", "16", "--optimizer", "SGD", "--learning-rate", "0.1"]
    run = subprocess.run(
        [sys.executable, "-m", "nnopt_utils", "compare", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        timeout=240,
    )
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0] == "784-16-10, SGD, learning rate 0.1, batch 32, epochs 2, 1,000 images, seed 0"
    accuracies = [float(text) for text in re.findall(r"([\d.]+) %", lines[3])]
    assert len(accuracies) == 2 and min(accuracies) > 30 and abs(accuracies[0] - accuracies[1]) < 20
    difference = re.search(r"first (\d+) steps: (\S+)", run.stdout)
    assert difference and difference[1] == "64" and float(difference[2]) < 1e-4
    assert lines[-1] == "figure: compare.png"
    assert (tmp_path / "compare.png").read_bytes().startswith(b"\x89PNG")
    assert [line for line in run.stderr.splitlines() if line[:3] in ("1/3", "2/3", "3/3")]  # and the bars
    assert not re.search(r"tensorflow|cuda|onednn|warning", run.stderr, re.IGNORECASE)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "nadam"])
def test_lockstep_over_the_end_of_an_epoch(keras, optimizer):
    comparison = module.train_both(Settings(epochs=3, n_train=500, hidden=(8,), optimizer=optimizer, batch_size=64))
    assert len(comparison.differences) == 24
    assert comparison.differences.max() < 1e-4
    assert len(comparison.keras.seconds) == len(comparison.numpy.seconds) == 3
    assert len(comparison.keras.val_accuracy) == len(comparison.numpy.val_accuracy) == 3


def test_report(comparison):
    text = report(comparison)
    assert text.startswith("784-64-64-10, Adam, learning rate 0.001, batch 32, epochs 2, 55,000 images, seed 0\n")
    assert "test accuracy                 94.00 %   93.45 %" in text
    assert "seconds of training              0.60      3.00" in text
    assert "first 200 steps: 1.0e-06" in text
    assert "After the first epoch, in which it makes its graph, Keras took 2.9 times as long" in text
    assert "ReLU" not in text and "rounding" not in text


@pytest.mark.parametrize("settings", [Settings(epochs=1), Settings(epochs=2, n_train=3168)])
def test_too_short_a_run_gives_no_ratio_of_times(comparison, settings):
    text = report(replace(comparison, settings=settings))
    assert "Too short a run to compare times" in text and "times as long" not in text


def test_a_small_difference_needs_no_explanation():
    losses = np.linspace(2.3, 0.5, 50)
    assert explain(losses, losses + 0.99e-4) == []


def test_a_difference_that_comes_at_once_is_a_kink(comparison):
    theirs = comparison.numpy_losses + np.where(np.arange(200) < 120, 1e-7, 1e-3)
    text = report(replace(comparison, keras_losses=theirs))
    assert "in step 121, from at most 1.0e-07 before" in text and "ReLU within rounding of its" in text


def test_a_difference_that_grows_is_rounding():
    losses = np.linspace(2.3, 0.5, 50)
    (line,) = explain(losses, losses + 1e-6 * 1.2 ** np.arange(50))
    assert line.startswith("(it grew over the steps, past 1e-04 in step 27") and "ReLU" not in line


@pytest.mark.parametrize(("last", "words"), [(4.1e8, "to 4.1e+08"), (np.inf, "to inf"), (np.nan, "to nan")])
def test_a_difference_of_losses_that_rise_is_blamed_on_no_kink(last, words):
    ours = np.array([2.3, 50.0, 1e3])
    (line,) = explain(ours, np.array([2.3, 51.0, last]))
    assert line.startswith(f"(the loss rose from 2.3 {words} in these steps") and "ReLU" not in line


def test_without_tensorflow_nothing_is_trained(monkeypatch, capsys):
    def missing():
        raise ImportError("Keras needs TensorFlow; run `this`")

    monkeypatch.setattr(module, "import_keras", missing)
    monkeypatch.setattr(module, "load_mnist", lambda: pytest.fail("read the data first"))
    assert main([]) == 2
    printed = capsys.readouterr()
    assert printed.err == "python -m nnopt_utils compare: error: Keras needs TensorFlow; run `this`\n"
    assert printed.out == ""


def test_figure(comparison):
    left, right = draw(comparison).axes
    np.testing.assert_allclose(left.lines[0].get_ydata(), [90, 95])
    np.testing.assert_allclose(left.lines[1].get_ydata(), [90, 94])
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["NumPy: 0.6 s", "Keras: 3.0 s"]
    np.testing.assert_allclose(right.lines[2].get_ydata(), np.maximum(comparison.differences, 1e-9))


def test_defaults_are_the_articles():
    settings = parse([])
    assert settings == Settings() and settings.layer_sizes == [784, 64, 64, 10]
    assert (settings.epochs, settings.batch_size, settings.optimizer) == (10, 32, "adam")
    assert settings.new_optimizer().convention == "keras" and settings.new_optimizer().learning_rate == 0.001
    assert LOCKSTEP == 200


def test_no_hidden_layer(tmp_path):
    settings = parse(["--hidden", "", "--output", str(tmp_path / "a.svg")])
    assert settings.layer_sizes == [784, 10] and settings.output.name == "a.svg"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--optimizer", "adm"], r"--optimizer: invalid choice: 'adm' \(choose from .*adam"),
        (["--hidden", "64;64"], r"--hidden: got '64;64'; expected widths >= 1 with commas between"),
        (["--hidden", "64,0"], r"--hidden: got '64,0'"),
        (["--hidden", "64,,64"], r"--hidden: got '64,,64'"),
        (["--epochs", "0"], r"--epochs: got '0'; expected an integer >= 1"),
        (["--epochs", "1.5"], r"--epochs: got '1.5'; expected an integer >= 1"),
        (["--batch-size", "many"], r"--batch-size: got 'many'; expected an integer >= 1"),
        (["--seed", "-1"], r"--seed: got '-1'; expected an integer >= 0"),
        (["--n-train", "60000"], r"--n-train: got '60000'; expected an integer >= 1 and <= 55,000"),
        (["--learning-rate", "0"], r"--learning-rate: got '0'; expected a number > 0"),
        (["--learning-rate", "nan"], r"--learning-rate: got 'nan'"),
        (["--output", "compare.txt"], r"--output: got 'compare.txt'; expected a file that ends in .png, .pdf, .svg"),
        (
            ["--output", "/no/such/folder/a.png"],
            r"--output: got '/no/such/folder/a.png'; expected a file .* in a folder",
        ),
        (["--epoch-s", "3"], r"unrecognized arguments"),
    ],
)
def test_wrong_arguments(capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        command_line.main(["compare", *arguments])
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert re.search(message, printed.err, re.DOTALL) and printed.out == ""


def test_help(capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.main(["compare", "--help"])
    assert stop.value.code == 0
    assert "--batch-size" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (DatasetError("data/mnist.npz is missing."), 2, "error: data/mnist.npz is missing."),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_goes_wrong_on_the_way(monkeypatch, capsys, error, status, message):
    def fail(settings):
        raise error

    monkeypatch.setattr(module, "train_both", fail)
    assert main([]) == status
    printed = capsys.readouterr()
    assert message in printed.err and printed.out == ""


def test_divergence_is_said(keras, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    output = tmp_path / "a.png"
    arguments = [
        "--n-train",
        "2000",
        "--optimizer",
        "sgd",
        "--learning-rate",
        "1e9",
        "--output",
        str(output),
    ]
    assert main(arguments) == 2
    assert "training diverged in epoch 1" in capsys.readouterr().err
    assert not output.exists()


def test_without_its_packages(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "nnopt_utils.compare", None)
    monkeypatch.delattr("nnopt_utils.compare")
    assert command_line.main(["compare"]) == 2
    assert re.search(r"run `.*python -m nnopt_utils doctor`", capsys.readouterr().err)


def test_the_doctor_takes_no_arguments(capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.main(["doctor", "now"])
    assert stop.value.code == 2
