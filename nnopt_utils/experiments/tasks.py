"""What one run is: a network on data."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnopt_utils._validation import check_choice, check_integer, check_number, describe
from nnopt_utils.experiments.identity import checksum, identify
from nnopt_utils.networks import MLP
from nnopt_utils.training import DivergenceError, fit


@dataclass(frozen=True)
class Metric:
    """What is measured along a run, and which end of it is good.

    Args:
        larger_is_better: True for an accuracy; default False, as for a loss.

    Example:
        >>> accuracy, loss = Metric(larger_is_better=True), Metric()
        >>> accuracy.reaches(0.98, 0.97), loss.reaches(0.98, 0.97), accuracy.worst, loss.worst
        (True, False, -inf, inf)
        >>> loss.goodness(0.3) > loss.goodness(0.5)
        True
    """

    larger_is_better: bool = False

    @property
    def worst(self) -> float:
        """What a run that diverged or failed counts as: −∞ where more is better, else ∞."""
        return -math.inf if self.larger_is_better else math.inf

    def goodness(self, values: Any) -> Any:
        """The values, turned round where less is better: more goodness is always better.

        Args:
            values: a number or an array.
        """
        return values if self.larger_is_better else -values

    def reaches(self, value: float, target: float) -> bool:
        """Whether a value is as good as the target.

        Args:
            value: what was measured.
            target: what is to be reached.
        """
        return bool(self.goodness(value) >= self.goodness(target))


METRICS = {"train_loss": Metric(), "val_loss": Metric(), "val_accuracy": Metric(larger_is_better=True)}


@dataclass(frozen=True)
class RunResult:
    """What one run left behind.

    Attributes:
        status: ``"finished"``, ``"diverged"``, ``"failed"``, or ``"interrupted"`` (which is not kept).
        message: why, unless it finished.
        curves: metric → its values after each epoch, as far as the run came.
        seconds: of training, up to the same points.
        steps: how many steps the run took.

    Example:
        >>> from nnopt_utils.datasets import two_moons
        >>> from nnopt_utils.optimizers import SGD
        >>> x, y = two_moons(60)
        >>> task = Task([2, 8, 2], (x[:40], y[:40], x[40:], y[40:]), epochs=3, batch_size=20)
        >>> result = task.run(lambda: SGD(learning_rate=0.1), seed=0, arrays=task.arrays)
        >>> result.status, result.steps, len(result.curves["val_loss"])
        ('finished', 6, 3)
    """

    status: str
    message: str = ""
    curves: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    steps: int = 0


class Task:
    """Train a network on data: the network, the data and the budget that all optimizers share.

    A run with seed s draws the network's weights and the order of the samples from s, so all optimizers start from the
    same networks.

    Args:
        layer_sizes: of the ``MLP``.
        data: a ``Dataset`` or (x, y, x_val, y_val). The test set of a ``Dataset`` is not looked at before
            ``Results.test``.
        epochs: how many each run trains, >= 1.
        batch_size: >= 1; default 32.
        n_train: use only the first so many training samples; default all.
        activation, loss, initializer, l2, dtype: of the ``MLP``.
        metric: what decides, measured after the last epoch: ``"val_accuracy"`` or ``"val_loss"``; default the
            accuracy, for regression the loss.
        target_accuracy, target_loss: a validation accuracy or loss to reach, for the time to target; at most one.
        train: what trains, called as ``fit`` is; default ``fit``.

    Attributes:
        metrics: what is measured after each epoch, by name.
        metric: the one that decides.
        target: (metric, value) for the time to target, or ``None``.
        arrays: x, y, x_val, y_val, shipped once to every worker.
        steps_per_epoch: how many steps an epoch has.

    Raises:
        TypeError, ValueError: bad arguments, data that do not fit the network, data without a validation set.

    Example:
        >>> from nnopt_utils.datasets import two_moons
        >>> x, y = two_moons(60)
        >>> Task([2, 8, 2], (x[:40], y[:40], x[40:], y[40:]), epochs=5, target_accuracy=0.9)
        Task([2, 8, 2], 40 training and 20 validation samples, 5 epochs of batches of 32, judged by val_accuracy)
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        data: Any,
        epochs: int,
        batch_size: int = 32,
        *,
        n_train: int | None = None,
        activation: str = "relu",
        loss: str = "cross_entropy",
        initializer: Any = None,
        l2: float = 0.0,
        dtype: str = "float32",
        metric: str | None = None,
        target_accuracy: float | None = None,
        target_loss: float | None = None,
        train: Callable[..., Any] = fit,
    ) -> None:
        self._network = {
            "layer_sizes": layer_sizes,
            "activation": activation,
            "loss": loss,
            "initializer": initializer,
            "l2": l2,
            "dtype": dtype,
        }
        network = self._new_network(seed=0)
        self._network["layer_sizes"] = network.layer_sizes
        self.epochs = check_integer("epochs", epochs, low=1)
        self.batch_size = check_integer("batch_size", batch_size, low=1)
        self.arrays = _checked_data(network, data, n_train)
        self.train = train
        self._data: Any = data
        has_accuracy = network.loss_function.classifies
        self.metrics = {name: of for name, of in METRICS.items() if has_accuracy or name != "val_accuracy"}
        default = "val_accuracy" if has_accuracy else "val_loss"
        self.metric = check_choice("metric", metric or default, [name for name in self.metrics if name != "train_loss"])
        self.target = self._check_target(target_accuracy, target_loss)
        self.steps_per_epoch = -(-len(self.arrays[0]) // self.batch_size)

    def run(self, build: Callable[[], Any], seed: int, arrays: Sequence[np.ndarray]) -> RunResult:
        """One run, from a new optimizer ``build()``. What it raises is recorded as a failed run.

        Args:
            build: makes a new optimizer; called once.
            seed: of the network's weights and of the order of the samples.
            arrays: the task's ``arrays``.

        Example:
            >>> from nnopt_utils.datasets import two_moons
            >>> from nnopt_utils.optimizers import SGD
            >>> x, y = two_moons(60)
            >>> task = Task([2, 8, 2], (x[:40], y[:40], x[40:], y[40:]), epochs=3)
            >>> task.run(lambda: SGD(learning_rate=1e30), seed=0, arrays=task.arrays).status
            'diverged'
        """
        return self._train(build(), seed, arrays)[0]

    def test(self, build: Callable[[], Any], seed: int, arrays: Sequence[np.ndarray]) -> RunResult:
        """One run that ends with the test data; ``arrays`` are ``test_arrays``.

        Args:
            build: makes a new optimizer; called once.
            seed: of the network's weights and of the order of the samples.
            arrays: the task's ``test_arrays``.

        Example:
            >>> from nnopt_utils.datasets import Dataset, two_moons
            >>> from nnopt_utils.optimizers import SGD
            >>> x, y = two_moons(80)
            >>> task = Task([2, 8, 2], Dataset(x[:40], y[:40], x[40:60], y[40:60], x[60:], y[60:]), epochs=3)
            >>> list(task.test(lambda: SGD(learning_rate=0.1), seed=0, arrays=task.test_arrays).curves)
            ['test_loss', 'test_accuracy']
        """
        optimizer = build()
        result, network = self._train(optimizer, seed, arrays[:4])
        if result.status != "finished":
            return result
        x_test, y_test = arrays[4:]
        judged = optimizer.evaluation_parameters(network.parameters)  # where ``fit`` validates too
        loss, accuracy = network.evaluate(x_test, y_test, parameters=judged)
        return RunResult("finished", curves={"test_loss": [loss], "test_accuracy": [accuracy]}, steps=result.steps)

    @property
    def test_arrays(self) -> tuple[np.ndarray, ...]:
        """What ``test`` needs: asked for only when the choice is made."""
        if not hasattr(self._data, "x_test"):
            raise ValueError("test: got a task whose data have no test set; expected a task on a Dataset")
        x, y = self._new_network(seed=0).check_data(self._data.x_test, self._data.y_test)
        return (*self.arrays, x, y)

    def describe(self) -> dict[str, Any]:
        """Everything that fixes the result, as numbers and text: a table of another task is refused.

        Example:
            >>> x, y = np.eye(2), np.array([0, 1])
            >>> description = Task([2, 2], (x, y, x, y), epochs=3).describe()
            >>> description["epochs"], description["n_train"], description["train"]
            (3, 2, 'nnopt_utils.training.fit')
        """
        return {
            "task": "Task",
            **{name: identify(name, value) for name, value in self._network.items()},
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "n_train": len(self.arrays[0]),
            "train": f"{self.train.__module__}.{self.train.__qualname__}",
            "data": checksum(*self.arrays),
        }

    def without_data(self) -> Task:
        """The task without its arrays, which travel beside it.

        Example:
            >>> x, y = np.eye(2), np.array([0, 1])
            >>> Task([2, 2], (x, y, x, y), epochs=3).without_data()
            Task([2, 2], 3 epochs of batches of 32, judged by val_accuracy)
        """
        light = copy.copy(self)
        light.arrays, light._data = (), None
        return light

    def _train(self, optimizer: Any, seed: int, arrays: Sequence[np.ndarray]) -> tuple[RunResult, MLP]:
        network = self._new_network(seed)
        status, message = "finished", ""
        try:
            history = self.train(
                network,
                optimizer,
                tuple(arrays),
                epochs=self.epochs,
                batch_size=self.batch_size,
                seed=seed,
                progress=False,
            )
        except DivergenceError as error:
            history, status, message = error.history, "diverged", str(error)
        if history.interrupted:
            status = "interrupted"
        curves = {name: list(getattr(history, name)) for name in self.metrics}
        seconds = np.cumsum(history.seconds).tolist()
        return RunResult(status, message, curves, seconds, len(history.step_losses)), network

    def _new_network(self, seed: int) -> MLP:
        return MLP(**self._network, seed=seed)

    def _check_target(self, accuracy: float | None, loss: float | None) -> tuple[str, float] | None:
        if accuracy is not None and loss is not None:
            raise ValueError("target_accuracy, target_loss: got both; expected at most one")
        if accuracy is not None:
            check_choice("target_accuracy needs the metric", "val_accuracy", self.metrics)
            return "val_accuracy", check_number("target_accuracy", accuracy, low=0.0, high=1.0)
        return None if loss is None else ("val_loss", check_number("target_loss", loss))

    def __repr__(self) -> str:
        sizes = (
            f"{len(self.arrays[0]):,} training and {len(self.arrays[2]):,} validation samples, " if self.arrays else ""
        )
        budget = f"{self.epochs} epoch{'s' if self.epochs > 1 else ''} of batches of {self.batch_size}"
        return f"Task({self._network['layer_sizes']}, {sizes}{budget}, judged by {self.metric})"


def _checked_data(network: MLP, data: Any, n_train: int | None) -> tuple[np.ndarray, ...]:
    """x, y, x_val, y_val as the network takes them; nothing else of the data is touched."""
    if hasattr(data, "x_train"):
        data = (data.x_train, data.y_train, data.x_val, data.y_val)
    if not isinstance(data, tuple | list) or len(data) != 4:
        raise TypeError(
            f"data: got {describe(data)}; expected a Dataset or (x, y, x_val, y_val), to choose on validation data"
        )
    x, y, x_val, y_val = data
    if n_train is not None:
        check_integer("n_train", n_train, low=1, high=len(x))
        x, y = x[:n_train], y[:n_train]
    return (*network.check_data(x, y), *network.check_data(x_val, y_val))
