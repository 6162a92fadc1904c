"""Train a ``Setup``: the loop of ``fit``, with every ingredient open."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from threadpoolctl import threadpool_limits

from nnopt_utils._validation import check_integer, describe
from nnopt_utils.datasets import Dataset, load_mnist
from nnopt_utils.diagnosis import Diagnosis, Recorder, diagnose
from nnopt_utils.faults.setup import Data, Setup
from nnopt_utils.history import History
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import NonFiniteGradientError, Optimizer
from nnopt_utils.training import Step, evaluation

TRAINING, VALIDATION, TEST = 2000, 1000, 2000


@dataclass(frozen=True)
class Run:
    """A run that was trained, and what was recorded of it.

    Attributes:
        setup: its ingredients.
        seed: of data, weights and order.
        history: as ``fit``'s; it ends early where the loss stopped being finite.
        network, optimizer: after the last step.
        data: what the run was given.
        watch: the :class:`~nnopt_utils.diagnosis.Recorder`.
        diverged: whether the loss or gradient stopped being finite.
        test_accuracy: on rows that took part in nothing; they are prepared as the run's validation rows were.

    Example:
        >>> run = train(Setup(epochs=1), seed=0)
        >>> run.diverged, len(run.watch.rates), 0.5 < run.test_accuracy < 1
        (False, 63, True)
    """

    setup: Setup
    seed: int
    history: History
    network: MLP
    optimizer: Optimizer
    data: Data
    watch: Recorder
    diverged: bool
    test_accuracy: float

    def diagnose(self) -> Diagnosis:
        """Return what :func:`nnopt_utils.diagnosis.diagnose` says of it.

        Example:
            >>> train(Setup(epochs=1), seed=0).diagnose().causes
            []
        """
        return diagnose(self.history, self.network, self.data, self.watch)


def train(setup: Setup, seed: int, source: Dataset | None = None) -> Run:
    """Train a setup on some images, and judge it on others.

    2,000 images to train with, 1,000 for validation and 2,000 to judge are drawn by the seed. A healthy setup's run is
    that of ``fit``, to the last bit.

    Args:
        setup: the ingredients.
        seed: of the images, the weights and the order, >= 0.
        source: from which they are drawn; default MNIST.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> train(Setup(learning_rate=1e-6, epochs=1), seed=0).history.train_loss[0] > 2
        True
    """
    if not isinstance(setup, Setup):
        raise TypeError(f"setup: got {describe(setup)}; expected a Setup")
    check_integer("seed", seed, low=0)
    data, test = drawn(seed, source)
    data = setup.prepare(data, np.random.default_rng([seed, 1]))
    network, history = setup.network(seed), History(seed=seed, batch_size=setup.batch_size, n_samples=len(data.x))
    optimizer = setup.optimizer(setup.learning_rate, setup.epochs * history.steps_per_epoch)
    watch = Recorder(network, probe=data.x[:200])
    diverged = False
    with threadpool_limits(1, user_api="blas"), np.errstate(over="ignore", invalid="ignore"):
        for _ in range(setup.epochs):
            optimizer.layout = network.layout
            try:
                _epoch(setup, network, optimizer, data, history, watch)
            except NonFiniteGradientError:
                diverged = True
                break
            judged = evaluation(network, data.x_val, data.y_val, network.parameters)
            history.finish_epoch(optimizer.learning_rate, 0.0)
            history.val_loss.append(judged.loss)
            history.val_accuracy.append(judged.accuracy)
            optimizer = setup.resume(optimizer)
        rows = setup.prepare(Data(test[0], test[1], test[0], test[1]), np.random.default_rng([seed, 1]))
        accuracy = evaluation(network, rows.x_val, rows.y_val, network.parameters).accuracy
    return Run(setup, seed, history, network, optimizer, data, watch, diverged, accuracy)


def _epoch(
    setup: Setup, network: MLP, optimizer: Optimizer, data: Data, history: History, watch: Callable[[Step], None]
) -> None:
    """One pass over the data; an error where a loss is not finite."""
    for rows in setup.batches(history.n_samples, history.batch_size, history.seed, history.epoch + 1):
        x, y = data.x[rows], data.y[rows]
        optimizer.observe(network, x, y)
        loss, gradient = network.backpropagate(x, y, network.parameters)
        if not math.isfinite(loss):
            raise NonFiniteGradientError(f"the loss is {loss}")
        optimizer.step(network.parameters, gradient)
        setup.store(network.parameters)
        history.step_losses.append(loss)
        history.step += 1
        watch(Step(len(history.step_losses), history.epoch + 1, loss, gradient, network, optimizer))


def drawn(seed: int, source: Dataset | None = None) -> tuple[Data, tuple[np.ndarray, np.ndarray]]:
    """Return the run's data and rows to judge it on, drawn from a dataset by the seed: no row is in two parts.

    Args:
        seed: of the draw.
        source: default MNIST.

    Example:
        >>> data, (x_test, y_test) = drawn(seed=0)
        >>> len(data.x), len(data.x_val), len(x_test)
        (2000, 1000, 2000)
    """
    source = _mnist() if source is None else source
    generator = np.random.default_rng([seed, 2])
    train, test = generator.permutation(len(source.x_train)), generator.permutation(len(source.x_test))
    first, second = train[:TRAINING], train[TRAINING : TRAINING + VALIDATION]
    data = Data(source.x_train[first], source.y_train[first], source.x_train[second], source.y_train[second])
    return data, (source.x_test[test[:TEST]], source.y_test[test[:TEST]])


@lru_cache(maxsize=1)
def _mnist() -> Dataset:
    return load_mnist()
