"""What one run is: a network on data, or a function to minimise."""

from __future__ import annotations

import copy
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, check_choice, check_integer, check_number, describe
from nnopt_utils.experiments.identity import checksum, identify
from nnopt_utils.networks import MLP
from nnopt_utils.problems.base import Objective
from nnopt_utils.training import DivergenceError, fit, minimize

# Whether more is better, for every metric there is.
LARGER_IS_BETTER = {"train_loss": False, "val_loss": False, "val_accuracy": True, "error": False}


@dataclass(frozen=True)
class Outcome:
    """What one run left behind.

    Attributes:
        status: ``"finished"``, ``"diverged"``, ``"failed"``, or ``"interrupted"`` (which is not kept).
        message: why, unless it finished.
        curves: metric → its values at the task's points, as far as the run came.
        seconds: since the start, at the same points.
        steps: how many steps the run took.
    """

    status: str
    message: str = ""
    curves: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    steps: int = 0


class BaseTask(ABC):
    """What a search needs of a task. Derive from it to search over another kind of run.

    Attributes:
        metrics: names of what is measured, each in ``LARGER_IS_BETTER``.
        metric: the one that decides.
        target: (metric, value) for the time to target, or ``None``.
        axis: what the points are: ``"epoch"`` or ``"step"``.
        points: where the metrics are measured.
        steps: the number of steps at each point.
        arrays: the data, shipped once to every worker.
    """

    metrics: tuple[str, ...]
    metric: str
    target: tuple[str, float] | None = None
    axis: str
    points: list[int]
    steps: list[int]
    arrays: tuple[np.ndarray, ...] = ()

    @abstractmethod
    def run(self, build: Callable[[], Any], seed: int, arrays: Sequence[np.ndarray]) -> Outcome:
        """One run, from a new optimizer ``build()``. What it raises is recorded as a failed run."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Everything that fixes the result, as numbers and text: a table of another task is refused."""

    def test(self, build: Callable[[], Any], seed: int, arrays: Sequence[np.ndarray]) -> Outcome:
        """One run that ends with the test data; ``arrays`` are ``test_arrays``."""
        raise ValueError(f"test: {type(self).__name__} has no test data")

    @property
    def test_arrays(self) -> tuple[np.ndarray, ...]:
        """What ``test`` needs: asked for only when the choice is made."""
        raise ValueError(f"test: {type(self).__name__} has no test data")

    def without_data(self) -> BaseTask:
        """The task without its arrays, which travel beside it."""
        light = copy.copy(self)
        light.arrays = ()
        return light


class Task(BaseTask):
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

    Raises:
        TypeError, ValueError: bad arguments, data that do not fit the network, data without a validation set.

    Example:
        >>> from nnopt_utils.datasets import two_moons
        >>> x, y = two_moons(60)
        >>> Task([2, 8, 2], (x[:40], y[:40], x[40:], y[40:]), epochs=5, target_accuracy=0.9)
        Task([2, 8, 2], 40 training and 20 validation samples, 5 epochs of batches of 32, judged by val_accuracy)
    """

    axis: str = "epoch"
    metrics: tuple[str, ...] = ("train_loss", "val_loss", "val_accuracy")

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
        if not has_accuracy:
            self.metrics = ("train_loss", "val_loss")
        default = "val_accuracy" if has_accuracy else "val_loss"
        self.metric = check_choice("metric", metric or default, [name for name in self.metrics if name != "train_loss"])
        self.target = self._check_target(target_accuracy, target_loss)
        steps_per_epoch = -(-len(self.arrays[0]) // self.batch_size)
        self.points = list(range(1, self.epochs + 1))
        self.steps = [epoch * steps_per_epoch for epoch in self.points]

    def run(self, build: Callable[[], Any], seed: int, arrays: Sequence[np.ndarray]) -> Outcome:
        return self._train(build(), seed, arrays)[0]

    def test(self, build: Callable[[], Any], seed: int, arrays: Sequence[np.ndarray]) -> Outcome:
        optimizer = build()
        outcome, network = self._train(optimizer, seed, arrays[:4])
        if outcome.status != "finished":
            return outcome
        x_test, y_test = arrays[4:]
        judged = optimizer.evaluation_parameters(network.parameters)  # where ``fit`` validates too
        loss, accuracy = network.evaluate(x_test, y_test, parameters=judged)
        return Outcome("finished", curves={"test_loss": [loss], "test_accuracy": [accuracy]}, steps=outcome.steps)

    @property
    def test_arrays(self) -> tuple[np.ndarray, ...]:
        if not hasattr(self._data, "x_test"):
            raise ValueError("test: got a task whose data have no test set; expected a task on a Dataset")
        x, y = self._new_network(seed=0).check_data(self._data.x_test, self._data.y_test)
        return (*self.arrays, x, y)

    def describe(self) -> dict[str, Any]:
        return {
            "task": "Task",
            **{name: identify(name, value) for name, value in self._network.items()},
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "n_train": len(self.arrays[0]),
            "train": f"{self.train.__module__}.{self.train.__qualname__}",
            "data": checksum(*self.arrays),
        }

    def without_data(self) -> BaseTask:
        light = super().without_data()
        light._data = None  # type: ignore[attr-defined]
        return light

    def _train(self, optimizer: Any, seed: int, arrays: Sequence[np.ndarray]) -> tuple[Outcome, MLP]:
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
        return Outcome(status, message, curves, seconds, len(history.step_losses)), network

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


class FunctionTask(BaseTask):
    r"""Minimise a function: the problem and the number of steps that all optimizers share.

    The metric is the error :math:`J(\theta) - J^\star`, without noise (J itself if the problem has no
    ``minimum_value``), after every step, or after 1,000 evenly spaced steps if there are more. Like ``fit``, it looks
    at the optimizer's ``evaluation_parameters``: an average of θ, if the optimizer keeps one.

    Args:
        problem: anything ``minimize`` takes.
        steps: T >= 1.
        noise: standard deviation of the normal noise added to each entry of the gradient, drawn from the run's seed;
            default 0: then every seed gives the same run, and ``seeds=(0,)`` is enough.
        start: θ_1; default ``problem.start``.
        target: an error to reach, for the time to target.

    Example:
        >>> from nnopt_utils.problems import Quadratic
        >>> FunctionTask(Quadratic([1.0, 10.0]), steps=100, noise=0.1)
        FunctionTask(Quadratic(dimension=2, L=10, mu=1), 100 steps, noise 0.1)
    """

    axis = "step"
    metrics = ("error",)
    metric = "error"

    def __init__(
        self,
        problem: Objective,
        steps: int,
        *,
        noise: float = 0.0,
        start: Any = None,
        target: float | None = None,
    ) -> None:
        check_integer("steps", steps, low=1)
        self.problem = problem
        self.noise = check_number("noise", noise, low=0.0)
        self.start = check_array("start", problem.start if start is None else start, ndim=1)
        self.target = None if target is None else ("error", check_number("target", target))
        self.points = sorted({round(float(t)) for t in np.linspace(0, steps, min(steps, 1000) + 1)})
        self.steps = self.points

    def run(self, build: Callable[[], Any], seed: int, arrays: Sequence[np.ndarray]) -> Outcome:
        problem = _NoisyGradient(self.problem, self.noise, np.random.default_rng(seed)) if self.noise else self.problem
        optimizer, averages = build(), {}

        def judge(t: int, theta: np.ndarray) -> None:
            """Where an optimizer keeps an average, it is judged there."""
            judged = optimizer.evaluation_parameters(theta)
            if judged is not theta:
                averages[t] = float(self.problem.value(judged))

        begun = time.perf_counter()
        trajectory = minimize(problem, optimizer, self.points[-1], self.start, callback=judge)
        seconds = time.perf_counter() - begun
        kept = [point for point in self.points if point <= trajectory.steps]
        values = np.array([averages.get(point, trajectory.values[point]) for point in kept])
        errors = values - getattr(self.problem, "minimum_value", 0.0)
        return Outcome(
            "diverged" if trajectory.diverged else "finished",
            f"J or its gradient is not finite after step {trajectory.steps + 1}" if trajectory.diverged else "",
            {"error": errors.tolist()},
            [seconds * point / max(trajectory.steps, 1) for point in kept],  # the steps take about the same time
            trajectory.steps,
        )

    def describe(self) -> dict[str, Any]:
        return {
            "task": "FunctionTask",
            "problem": identify("problem", self.problem),
            "probe": self._probe(),
            "steps": self.points[-1],
            "noise": self.noise,
            "start": self.start.tolist(),
        }

    def _probe(self) -> list[str]:
        """J and ‖g‖ at three points: a problem's repr need not tell all that it was made of."""
        points = [self.start, 0.5 * self.start + 0.1, -0.3 * self.start]
        return [f"{self.problem.value(p):.9g} {np.linalg.norm(self.problem.gradient(p)):.9g}" for p in points]

    def __repr__(self) -> str:
        return f"FunctionTask({self.problem!r}, {self.points[-1]} steps, noise {self.noise:g})"


@dataclass(frozen=True)
class _NoisyGradient:
    """A problem whose gradient is seen through noise; its value is exact."""

    problem: Objective
    noise: float
    generator: np.random.Generator

    @property
    def start(self) -> np.ndarray:
        return self.problem.start

    def value(self, theta: np.ndarray) -> Any:
        return self.problem.value(theta)

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        return self.problem.gradient(theta) + self.noise * self.generator.standard_normal(theta.shape)


def worst(metric: str) -> float:
    """What a run that diverged or failed counts as: −∞ where more is better, else ∞."""
    return -math.inf if LARGER_IS_BETTER[metric] else math.inf
