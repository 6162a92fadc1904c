"""``RunView``: one form for what ``diagnose`` is given, ours or Keras's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nnopt_utils._validation import describe
from nnopt_utils.activations import softmax
from nnopt_utils.diagnosis.recording import Recorder
from nnopt_utils.history import History
from nnopt_utils.networks import MLP

ROWS = 1000  # as many are looked at: a share of 1 % is then ten of them


@dataclass
class RunView:
    """A run as the signs see it. What is missing is ``None`` or empty.

    Attributes:
        train_loss, val_loss, train_accuracy, val_accuracy: after each epoch.
        step_losses: of every step; empty for Keras.
        batch_size: B, or ``None`` where it is not known.
        x, y, x_val, y_val: the data, y as labels.
        outputs: x ↦ the network's outputs, at its present θ.
        network: the ``MLP``, or ``None`` for Keras.
        watch: the ``Recorder``.

    Example:
        >>> history = History(seed=0, batch_size=1, n_samples=2, train_loss=[0.7], step_losses=[0.8, 0.6])
        >>> view = RunView.of(history, MLP([1, 2]), (np.ones((2, 1)), np.array([0, 1])))
        >>> view.n_classes, view.first_loss
        (2, 0.8)
    """

    train_loss: list[float]
    val_loss: list[float]
    train_accuracy: list[float]
    val_accuracy: list[float]
    step_losses: list[float]
    batch_size: int | None
    x: np.ndarray
    y: np.ndarray
    x_val: np.ndarray | None
    y_val: np.ndarray | None
    outputs: Callable[[np.ndarray], np.ndarray]
    network: MLP | None = None
    watch: Recorder | None = None

    @classmethod
    def of(cls, history: Any, network: Any, data: Any, watch: Recorder | None = None) -> RunView:
        """Return the view of a run: of ``fit``, or of a Keras model's ``fit``.

        Args:
            history: a ``History``, or what Keras's ``fit`` returned (its ``history`` is a dict of lists).
            network: the ``MLP``, or the Keras model.
            data: a ``Dataset``, ``(x, y)`` or ``(x, y, x_val, y_val)``.
            watch: the ``Recorder`` of the run.

        Raises:
            TypeError, ValueError: anything else.
        """
        four = _four(data)
        record = _of_ours(history) if isinstance(history, History) else _of_keras(history)
        if isinstance(network, MLP):
            if not network.loss_function.classifies or network.layer_sizes[-1] < 2:
                raise ValueError(f"network: got loss {network.loss_function.name!r}; expected one of classification")
            return cls(**record, **four, outputs=network.forward, network=network, watch=watch)
        if not callable(getattr(network, "predict", None)):
            raise TypeError(f"network: got {describe(network)}; expected an MLP or a Keras model")

        def outputs(rows: np.ndarray) -> np.ndarray:
            return np.asarray(network.predict(rows, verbose=0), dtype=np.float64)

        return cls(**record, **four, outputs=outputs, watch=watch)

    @cached_property
    def rows(self) -> np.ndarray:
        """Training rows that are looked at, evenly spread over the set; with :attr:`labels` as their labels."""
        return self.x[self._chosen]

    @property
    def labels(self) -> np.ndarray:
        """The labels of :attr:`rows`."""
        return self.y[self._chosen]

    @cached_property
    def _chosen(self) -> np.ndarray:
        return np.linspace(0, len(self.x) - 1, min(ROWS, len(self.x))).astype(int)

    @cached_property
    def n_classes(self) -> int:
        """K."""
        return int(self.outputs(self.x[:1]).shape[1])

    @property
    def chance(self) -> float:
        """ln K, the loss of a network that knows nothing."""
        return math.log(self.n_classes)

    @property
    def first_loss(self) -> float:
        """Of the first step; of the first epoch where steps were not recorded."""
        return (self.step_losses or self.train_loss or [math.nan])[0]

    @cached_property
    def diverged(self) -> bool:
        """Whether θ or a loss is not finite, or the run ended within an epoch with a loss beyond any reason."""
        losses = [*self.step_losses[-1:], *self.train_loss[-1:], *self.val_loss[-1:]]
        theta = np.zeros(1) if self.network is None else self.network.parameters
        return not (np.isfinite(losses).all() and np.isfinite(theta).all())

    @cached_property
    def accuracy(self) -> float:
        """Of the network as it is, on :attr:`rows`; NaN where its parameters are not finite."""
        if self.diverged:
            return math.nan
        return float(np.mean(self.outputs(self.rows).argmax(axis=1) == self.labels))

    @property
    def inputs_rms(self) -> float:
        """√ of the mean square of an input."""
        return float(np.sqrt(np.mean(np.square(self.rows, dtype=np.float64))))

    def is_learnt(self) -> bool:
        """Whether the training loss is below half of ln K: no symptom of a rate then."""
        return bool(self.train_loss) and self.train_loss[-1] < 0.5 * self.chance


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The mean of −ln p of the right class.

    >>> cross_entropy(np.array([[0.5, 0.5]]), np.array([1]))
    0.6931471805599453
    """
    right = probabilities[np.arange(len(labels)), labels]
    return float(-np.mean(np.log(np.maximum(right, 1e-300))))


def probabilities_of(outputs: np.ndarray) -> np.ndarray:
    """Probabilities as they are; of logits the softmax.

    >>> probabilities_of(np.zeros((1, 4)))
    array([[0.25, 0.25, 0.25, 0.25]])
    """
    return outputs if are_probabilities(outputs) else softmax(outputs)


def are_probabilities(outputs: np.ndarray) -> bool:
    """Whether every row has no negative entry and sums to 1.

    >>> are_probabilities(np.array([[0.5, 0.5]])), are_probabilities(np.array([[0.5, 0.6]]))
    (True, False)
    """
    return bool(np.all(outputs >= 0) and np.allclose(outputs.sum(axis=1), 1, atol=1e-4))


def _four(data: Any) -> dict[str, Any]:
    if hasattr(data, "x_train"):
        data = (data.x_train, data.y_train, data.x_val, data.y_val)
    if not isinstance(data, tuple | list) or len(data) not in (2, 4):
        raise TypeError(f"data: got {describe(data)}; expected a Dataset, (x, y) or (x, y, x_val, y_val)")
    arrays = [np.asarray(part) for part in data]
    names = ("x", "y", "x_val", "y_val")
    for name, x, y in zip(names[::2], arrays[::2], arrays[1::2], strict=False):
        if x.ndim != 2 or y.ndim not in (1, 2) or len(x) != len(y) or not len(x):
            raise ValueError(f"{name}: got shapes {x.shape} and {y.shape}; expected rows (n, n_in) and n targets")
    labels = [y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1).astype(int) for y in arrays[1::2]]
    train = {"x": arrays[0], "y": labels[0], "x_val": None, "y_val": None}
    return train if len(arrays) == 2 else train | {"x_val": arrays[2], "y_val": labels[1]}


def _of_ours(history: History) -> dict[str, Any]:
    return {
        "train_loss": list(history.train_loss),
        "val_loss": list(history.val_loss),
        "train_accuracy": [],
        "val_accuracy": list(history.val_accuracy),
        "step_losses": list(history.step_losses),
        "batch_size": history.batch_size,
    }


def _of_keras(history: Any) -> dict[str, Any]:
    recorded = history if isinstance(history, Mapping) else getattr(history, "history", None)
    if not isinstance(recorded, Mapping) or "loss" not in recorded:
        raise TypeError(f"history: got {describe(history)}; expected a History, or what Keras's fit returned")
    accuracies: list[Any] = [next((recorded[p + n] for n in ACCURACIES if p + n in recorded), []) for p in ("", "val_")]
    return {
        "train_loss": [float(loss) for loss in recorded["loss"]],
        "val_loss": [float(loss) for loss in recorded.get("val_loss", [])],
        "train_accuracy": [float(share) for share in accuracies[0]],
        "val_accuracy": [float(share) for share in accuracies[1]],
        "step_losses": [],
        "batch_size": None,
    }


ACCURACIES = ("accuracy", "acc", "sparse_categorical_accuracy", "categorical_accuracy")
