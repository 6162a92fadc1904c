"""The same network trained here and in Keras: ``nnopt compare`` or ``python -m nnopt_utils compare``.

Both begin with the same weights. For the first 200 steps they also see the same batches, and the losses of each step
are compared. Then each trains as its reader would: ours with ``fit``, Keras with ``model.fit``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from nnopt_utils import optimizers
from nnopt_utils._bars import progress_bar
from nnopt_utils._commands import program
from nnopt_utils._folders import expanded
from nnopt_utils._tables import aligned
from nnopt_utils._validation import check_integer, check_number
from nnopt_utils.datasets import Dataset, DatasetError, load_mnist
from nnopt_utils.keras_bridge import TWINS, import_keras, keras_twin
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Optimizer
from nnopt_utils.plotting import COLOURS, new_figure
from nnopt_utils.plotting.style import whole_numbers
from nnopt_utils.training import DivergenceError, batches, fit

LOCKSTEP = 200  # steps on equal batches; later, rounding has grown and tells nothing about the rules
NOTICEABLE = 1e-4  # of two losses of a step; rounding alone stays below
SUDDEN = 100.0  # by how much a difference grows in one step, to be no mere growth of rounding
STEPS_TO_TIME = 100  # in an epoch; a shorter one tells of starting, not of training
FIGURES = (".png", ".pdf", ".svg")
OPTIMIZERS = {name.lower(): name for name in TWINS if hasattr(optimizers, name)}
INTERRUPTED = 130


@dataclass(frozen=True)
class Settings:
    """What is trained, and how; the defaults are the article's."""

    epochs: int = 10
    batch_size: int = 32
    optimizer: str = "adam"
    learning_rate: float | None = None
    hidden: tuple[int, ...] = (64, 64)
    seed: int = 0
    n_train: int = 55_000
    output: Path = Path("compare.png")

    @property
    def layer_sizes(self) -> list[int]:
        """Widths from the image to the classes."""
        return [784, *self.hidden, 10]

    def new_network(self) -> MLP:
        """The network before training; the same at each call."""
        return MLP(self.layer_sizes, seed=self.seed)

    def new_optimizer(self) -> Optimizer:
        """The optimizer in Keras's convention, with Keras's defaults."""
        kind = getattr(optimizers, OPTIMIZERS[self.optimizer])
        return kind(learning_rate=self.learning_rate, convention="keras")

    def __str__(self) -> str:
        rate = f"learning rate {self.new_optimizer().learning_rate:g}"
        return (
            f"{'-'.join(map(str, self.layer_sizes))}, {OPTIMIZERS[self.optimizer]}, {rate}, batch {self.batch_size}, "
            f"epochs {self.epochs}, {self.n_train:,} images, seed {self.seed}"
        )


@dataclass(frozen=True)
class Training:
    """One training: validation accuracy after each epoch, seconds of each epoch, test accuracy."""

    val_accuracy: list[float]
    seconds: list[float]
    test_accuracy: float


@dataclass(frozen=True)
class Comparison:
    """Both trainings, and the losses of the first steps on equal batches."""

    settings: Settings
    numpy: Training
    keras: Training
    numpy_losses: np.ndarray
    keras_losses: np.ndarray

    @property
    def differences(self) -> np.ndarray:
        """How far the losses of a step lie apart."""
        return np.abs(self.numpy_losses - self.keras_losses)


def train_both(settings: Settings) -> Comparison:
    """Run both trainings.

    Raises:
        ImportError: TensorFlow is not installed.
        DatasetError: the images cannot be read.
        DivergenceError: the rate is too large.
        KeyboardInterrupt: one of the two was interrupted.
    """
    import_keras()  # if it is not there, that should be said before anything is trained
    data = load_mnist()
    x, y = data.x_train[: settings.n_train], data.y_train[: settings.n_train]
    _say("1/3  NumPy: fit")
    ours, losses = _train_numpy(settings, data, x, y)
    _say("2/3  Keras: the first steps, on the same batches")
    keras_losses = _lockstep(settings, x, y)
    _say("3/3  Keras: model.fit")
    theirs = _train_keras(settings, data, x, y)
    return Comparison(settings, ours, theirs, np.array(losses[: len(keras_losses)]), np.array(keras_losses))


def _say(text: str) -> None:
    """Progress goes to stderr: stdout holds the result alone."""
    print(text, file=sys.stderr)


def _train_numpy(settings: Settings, data: Dataset, x: np.ndarray, y: np.ndarray) -> tuple[Training, list[float]]:
    network = settings.new_network()
    history = fit(
        network,
        settings.new_optimizer(),
        (x, y, data.x_val, data.y_val),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        seed=settings.seed,
    )
    if history.interrupted:
        raise KeyboardInterrupt
    accuracy = network.evaluate(data.x_test, data.y_test).accuracy
    return Training(history.val_accuracy, history.seconds, accuracy), history.step_losses


def _lockstep(settings: Settings, x: np.ndarray, y: np.ndarray) -> list[float]:
    """The losses of Keras's first steps, on the batches that ``fit`` had."""
    model = keras_twin(settings.new_network(), settings.new_optimizer())
    losses: list[float] = []
    for epoch in range(1, settings.epochs + 1):
        for batch in batches(len(x), settings.batch_size, settings.seed, epoch):
            if len(losses) == LOCKSTEP:
                return losses
            losses.append(float(model.train_on_batch(x[batch], y[batch])[0]))
    return losses


def _train_keras(settings: Settings, data: Dataset, x: np.ndarray, y: np.ndarray) -> Training:
    keras = import_keras()
    keras.utils.set_random_seed(settings.seed)
    model = keras_twin(settings.new_network(), settings.new_optimizer())
    steps = settings.epochs * -(-len(x) // settings.batch_size)
    with progress_bar(lambda: "Keras", steps) as bar:
        clock = _clock(bar)
        history = model.fit(
            x,
            y,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            validation_data=(data.x_val, data.y_val),
            callbacks=[clock],
            verbose=0,
        )
    accuracy = float(model.evaluate(data.x_test, data.y_test, verbose=0)[1])
    return Training([float(value) for value in history.history["val_accuracy"]], clock.seconds, accuracy)


def _clock(bar: Any) -> Any:
    """A Keras callback that times each epoch without its validation, and moves the bar."""
    base: Any = import_keras().callbacks.Callback

    class Clock(base):
        def __init__(self) -> None:
            super().__init__()
            self.seconds: list[float] = []
            self.begun = 0.0
            self.steps = 0

        def on_train_begin(self, logs: Any = None) -> None:
            self.begun = time.perf_counter()  # the first epoch includes making the graph

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch:
                self.begun = time.perf_counter()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.steps += 1
            if self.steps % 100 == 0:
                bar.update(100)

        def on_test_begin(self, logs: Any = None) -> None:
            self.seconds.append(time.perf_counter() - self.begun)

    return Clock()


# -- what it leaves behind -------------------------------------------------------------------------------------------


def report(comparison: Comparison) -> str:
    """The table as text."""
    ours, theirs = comparison.numpy, comparison.keras
    rows = [
        ("", "NumPy", "Keras"),
        ("test accuracy", f"{100 * ours.test_accuracy:.2f} %", f"{100 * theirs.test_accuracy:.2f} %"),
        ("seconds of training", f"{sum(ours.seconds):.2f}", f"{sum(theirs.seconds):.2f}"),
        ("seconds an epoch (median)", f"{np.median(ours.seconds):.2f}", f"{np.median(theirs.seconds):.2f}"),
    ]
    steps, largest = len(comparison.differences), comparison.differences.max()
    return "\n".join(
        [
            str(comparison.settings),
            "",
            aligned(rows, right=[False, True, True], widths=[27, 10, 10], between=""),
            "",
            f"largest difference of a step's loss, same weights and batches, first {steps} steps: {largest:.1e}",
            *explain(comparison.numpy_losses, comparison.keras_losses),
            *_compare_times(comparison),
        ]
    )


def explain(ours: np.ndarray, theirs: np.ndarray) -> list[str]:
    """Say of a noticeable difference what the losses show of its cause; of a small one, nothing.

    Args:
        ours: the loss of each step.
        theirs: those of Keras, on the same batches.

    Example:
        >>> explain(np.array([2.3, 900.0, 1e6]), np.array([2.3, 900.1, 2e6]))
        ['(the loss rose from 2.3 to 2e+06 in these steps: steps that large amplify rounding)']
    """
    differences = np.abs(ours - theirs)
    if (differences <= NOTICEABLE).all():
        return []
    highest = np.maximum(ours, theirs).max()
    if not highest <= 2 * ours[0]:  # NaN included
        return [
            f"(the loss rose from {ours[0]:.2g} to {highest:.2g} in these steps: steps that large amplify rounding)"
        ]
    first = int(np.argmax(differences > NOTICEABLE))
    before = differences[:first].max(initial=0.0)
    if differences[first] > SUDDEN * before:
        return [
            f"(it came at once, in step {first + 1}, from at most {before:.1e} before: a ReLU within rounding of its",
            "kink, on here and off there, does that: chapter 07)",
        ]
    return [f"(it grew over the steps, past {NOTICEABLE:.0e} in step {first + 1}: training here amplifies rounding)"]


def _compare_times(comparison: Comparison) -> list[str]:
    """How many times as long Keras took, where the epochs are fit to tell."""
    settings = comparison.settings
    steps = -(-settings.n_train // settings.batch_size)
    if settings.epochs == 1 or steps < STEPS_TO_TIME:
        return [
            "Too short a run to compare times, as Keras makes its graph in the first epoch: take at least 2 epochs of",
            f"{STEPS_TO_TIME} steps. Imports and validation are not counted.",
        ]
    ratio = sum(comparison.keras.seconds[1:]) / sum(comparison.numpy.seconds[1:])
    return [
        f"After the first epoch, in which it makes its graph, Keras took {ratio:.1f} times as long. Its seconds are",
        "those of model.fit on all threads, ours those of fit on one. Imports and validation are not counted.",
    ]


def draw(comparison: Comparison) -> Figure:
    """Validation accuracy of both, and how far the losses of the first steps lie apart."""
    figure, (left, right) = new_figure(1, 2, width=10.0, height=3.8)
    for name, run, colour, marker in (
        ("NumPy", comparison.numpy, "blue", "o"),
        ("Keras", comparison.keras, "orange", "s"),
    ):
        epochs = np.arange(1, len(run.val_accuracy) + 1)
        label = f"{name}: {sum(run.seconds):.1f} s"
        left.plot(epochs, 100 * np.array(run.val_accuracy), color=COLOURS[colour], marker=marker, label=label)
    left.set(xlabel="epochs", ylabel="validation accuracy, %", title="each with its own order of batches")
    whole_numbers(left)
    left.legend(loc="best")
    steps = np.arange(1, len(comparison.differences) + 1)
    right.semilogy(steps, comparison.numpy_losses, color=COLOURS["blue"], label="loss, NumPy")
    right.semilogy(steps, comparison.keras_losses, "--", color=COLOURS["orange"], label="loss, Keras")
    # Equal to the last bit has no logarithm: it is drawn at the smallest difference that float32 could show.
    smallest = np.maximum(comparison.differences, 1e-9)
    right.semilogy(steps, smallest, color=COLOURS["vermillion"], linewidth=0.8, label="their difference")
    right.set(xlabel="step", title="same weights, same batches")
    right.legend(loc="center right")
    return figure


# -- the command -----------------------------------------------------------------------------------------------------


def _checked(convert: Callable[[str], Any], expected: str) -> Callable[[str], Any]:
    """A type for argparse whose message says what was expected."""

    def parse(text: str) -> Any:
        try:
            return convert(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"got {text!r}; expected {expected}") from None

    return parse


def _integer(low: int, high: int | None = None) -> Callable[[str], Any]:
    limit = f" and <= {high:,}" if high is not None else ""
    return _checked(lambda text: check_integer("", int(text), low=low, high=high), f"an integer >= {low}{limit}")


def _widths(text: str) -> tuple[int, ...]:
    return tuple(check_integer("", int(width), low=1) for width in text.split(",")) if text.strip() else ()


def _figure_file(text: str) -> Path:
    path = expanded(text)
    if path.suffix.lower() not in FIGURES or not os.access(path.parent, os.W_OK) or path.is_dir():
        raise ValueError
    return path


def parse(arguments: Sequence[str] | None = None) -> Settings:
    """Read the command line; what is wrong ends it with status 2 and a sentence that says what was expected."""
    parser = argparse.ArgumentParser(
        prog=f"{program()} compare",
        description="Train the same network on MNIST here and in Keras; print a table and draw a figure.",
        epilog=f"Optimizers: {', '.join(OPTIMIZERS)}; in Keras's convention, by default at Keras's default rate.",
    )
    count, rate = (
        _integer(1),
        _checked(lambda text: check_number("", float(text), low=0.0, low_open=True), "a number > 0"),
    )
    hidden = _checked(_widths, "widths >= 1 with commas between, such as 64,64 (or '' for none)")
    output = _checked(_figure_file, f"a file that ends in {', '.join(FIGURES)}, in a folder that can be written to")
    options = {
        "epochs": (count, "N", "how often each image is seen"),
        "batch_size": (count, "N", "images a step"),
        "optimizer": (str.lower, "NAME", "one of those below"),
        "learning_rate": (rate, "RATE", "by default that of the optimizer in Keras"),
        "hidden": (hidden, "N,N", "widths of the hidden layers"),
        "seed": (_integer(0), "N", "of weights and batches"),
        "n_train": (_integer(1, Settings.n_train), "N", "how many training images, the first ones"),
        "output": (output, "FILE", "the figure"),
    }
    for name, (kind, metavar, what) in options.items():
        default = getattr(Settings, name)
        choices = list(OPTIMIZERS) if name == "optimizer" else None
        flag, text = f"--{name.replace('_', '-')}", what if default is None else f"{what}; default %(default)s"
        parser.add_argument(flag, type=kind, choices=choices, default=default, metavar=metavar, help=text)
    return Settings(**vars(parser.parse_args(arguments)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0, or 2 for anything that went wrong, or 130 for an interrupt."""
    settings = parse(arguments)
    matplotlib.use("agg")
    try:
        comparison = train_both(settings)
        draw(comparison).savefig(settings.output, dpi=120)
    except (DatasetError, DivergenceError, ImportError, OSError) as error:
        print(f"{program()} compare: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{program()} compare: interrupted", file=sys.stderr)
        return INTERRUPTED
    print(report(comparison))
    print(f"figure: {settings.output}")
    return 0
