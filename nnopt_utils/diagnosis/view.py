"""``RunView``: one form for what ``diagnose`` is given, ours or Keras's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, describe
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
        broke_off: whether it ended within an epoch, and nobody asked it to.
        x, y, x_val, y_val: the data, y as labels.
        targets: of the training rows, as the loss takes them.
        has_classes: whether each row has one class; not so where several outputs may be 1.
        outputs: x ↦ the network's outputs at its present θ, one column a class; of a single output two are made.
        network: the ``MLP``, or ``None`` for Keras; then ``model`` is Keras's.
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
    broke_off: bool
    x: np.ndarray
    y: np.ndarray
    x_val: np.ndarray | None
    y_val: np.ndarray | None
    targets: np.ndarray
    has_classes: bool
    outputs: Callable[[np.ndarray], np.ndarray]
    network: MLP | None = None
    model: Any = None
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
        record = _of_ours(history) if isinstance(history, History) else _of_keras(history)
        if isinstance(network, MLP):
            if not network.loss_function.classifies:
                raise ValueError(f"network: got loss {network.loss_function.name!r}; expected one of classification")
            four = _four(data, network)
            _check_together(history, network, four["x"], watch)
            only_logit = network.layer_sizes[-1] == 1

            def of_ours(rows: np.ndarray) -> np.ndarray:
                z = network.forward(rows)
                return np.column_stack([np.zeros_like(z), z]) if only_logit else z

            return cls(**record, **four, outputs=of_ours, network=network, watch=watch)
        if not callable(getattr(network, "predict", None)):
            raise TypeError(f"network: got {describe(network)}; expected an MLP or a Keras model")
        if watch is not None:
            raise ValueError("watch: got a Recorder; expected none beside a Keras model, whose steps it cannot see")

        def of_keras(rows: np.ndarray) -> np.ndarray:
            return _two_columns(np.asarray(network.predict(rows, verbose=0), dtype=np.float64))

        return cls(**record, **_four(data), outputs=of_keras, model=network)

    @cached_property
    def rows(self) -> np.ndarray:
        """Training rows that are looked at, evenly spread over the set; with :attr:`labels` as their labels."""
        return self.x[self._chosen]

    @property
    def labels(self) -> np.ndarray:
        """The labels of :attr:`rows`."""
        return self.y[self._chosen]

    @property
    def asked(self) -> np.ndarray:
        """The targets of :attr:`rows`, as the loss takes them."""
        return self.targets[self._chosen]

    @cached_property
    def _chosen(self) -> np.ndarray:
        return np.linspace(0, len(self.x) - 1, min(ROWS, len(self.x))).astype(int)

    @cached_property
    def n_classes(self) -> int:
        """K."""
        return int(self.outputs(self.x[:1]).shape[1])

    @cached_property
    def answers(self) -> np.ndarray:
        """The outputs for :attr:`rows`."""
        return self.outputs(self.rows)

    @property
    def chance(self) -> float:
        """ln K, the loss of a network that knows nothing; ln 2 where each output is a yes or no of its own."""
        binary = self.network is not None and self.network.loss_function.name == "binary_cross_entropy"
        return math.log(2 if binary else max(self.n_classes, 2))

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch; 0 where the batch size is not known."""
        return -(-len(self.x) // self.batch_size) if self.batch_size else 0

    @property
    def first_loss(self) -> float:
        """Of the first step; of the first epoch where steps were not recorded."""
        return (self.step_losses or self.train_loss or [math.nan])[0]

    @cached_property
    def diverged(self) -> bool:
        """Whether θ, a loss or an answer is not finite, or the run broke off at a loss beyond any reason."""
        losses = [*self.step_losses[-1:], *self.train_loss[-1:], *self.val_loss[-1:]]
        theta = np.zeros(1) if self.network is None else self.network.parameters
        if not (np.isfinite(losses).all() and np.isfinite(theta).all() and np.isfinite(self.answers).all()):
            return True
        return self.broke_off and self.step_losses[-1] > 3 * max(self.step_losses[0], self.chance)

    @cached_property
    def accuracy(self) -> float:
        """Of the network as it is, on :attr:`rows`; NaN where it has diverged, or rows have no single class."""
        if self.diverged or not self.has_classes:
            return math.nan
        return float(np.mean(self.answers.argmax(axis=1) == self.labels))

    @cached_property
    def told(self) -> Told | None:
        """What the neighbours of a training row tell of its label; ``None`` where rows have no single class."""
        return told_by_neighbours(self.rows, self.labels) if self.has_classes else None

    @cached_property
    def told_in_validation(self) -> Told | None:
        """The same among the validation rows, up to as many; ``None`` without them."""
        if not self.has_classes or self.x_val is None or self.y_val is None:
            return None
        return told_by_neighbours(self.x_val[:ROWS], self.y_val[:ROWS])

    def falls_short(self) -> bool:
        """Whether the network is clearly worse, on its own training rows, than asking each row's neighbours.

        Where labels are noisy, or say little, neighbours know no more than the network: then a high loss is no sign of
        a bad rate.
        """
        told = self.told
        return told is not None and told.is_clear and self.accuracy < told.right - 0.05

    @cached_property
    def inputs_rms(self) -> float:
        """√ of the mean square of the inputs that are not 0: of one-hot rows 1, however long they are."""
        squares = np.square(self.rows, dtype=np.float64)
        return float(np.sqrt(np.sum(squares) / max(np.count_nonzero(squares), 1)))

    def is_learnt(self) -> bool:
        """Whether the training loss is below half of ln K: no symptom of a rate then."""
        return bool(self.train_loss) and self.train_loss[-1] < 0.5 * self.chance


@dataclass(frozen=True)
class Told:
    """How often the neighbours' most frequent label is a row's own, how often by chance, and among how many rows."""

    right: float
    chance: float
    n: int

    @property
    def margin(self) -> float:
        """Four standard deviations of what chance gives."""
        return 4 * math.sqrt(self.chance * (1 - self.chance) / self.n)

    @property
    def is_chance(self) -> bool:
        """No more and no less than by chance, among rows enough to see it: parity makes neighbours differ."""
        return abs(self.right - self.chance) <= 0.7 * self.margin and self.margin < (1 - self.chance) / 2

    @property
    def is_clear(self) -> bool:
        """Beyond chance, and by much."""
        return self.right > self.chance + max(self.margin, 0.2 * (1 - self.chance))


NEIGHBOURS = 9  # several: among noisy labels the most frequent one is right more often than the nearest


def told_by_neighbours(x: np.ndarray, y: np.ndarray) -> Told:
    """Ask, for each row, the labels of its nearest other rows.

    Chance is what the same answers would give to rows whose labels are dealt out anew.

    >>> told_by_neighbours(np.array([[0.0], [9.0], [0.1], [9.1]]), np.array([0, 1, 0, 1]))
    Told(right=1.0, chance=0.5, n=4)
    """
    n, n_classes = len(y), int(y.max()) + 1
    if n < 2:
        return Told(0.0, 0.0, n)
    flat = x.reshape(n, -1).astype(np.float64)
    flat -= flat.mean(axis=0)
    lengths = np.sum(flat**2, axis=1)
    distances = lengths[:, None] + lengths - 2 * flat @ flat.T
    np.fill_diagonal(distances, np.inf)
    k = min(NEIGHBOURS, max(1, n // 20))
    nearest = np.argpartition(distances, k - 1, axis=1)[:, :k]
    votes = np.zeros((n, n_classes))
    np.add.at(votes, (np.arange(n)[:, None], y[nearest]), 1)
    found = votes.argmax(axis=1)
    shares = [np.bincount(labels, minlength=n_classes) / n for labels in (found, y)]
    return Told(float(np.mean(found == y)), float(shares[0] @ shares[1]), n)


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


def _four(data: Any, network: MLP | None = None) -> dict[str, Any]:
    """The data as a view has them; for a network of ours checked by it."""
    if hasattr(data, "x_train"):
        data = (data.x_train, data.y_train, data.x_val, data.y_val)
    if not isinstance(data, tuple | list) or len(data) not in (2, 4):
        raise TypeError(f"data: got {describe(data)}; expected a Dataset, (x, y) or (x, y, x_val, y_val)")
    x, targets = _pair("x", "y", data[0], data[1], network)
    y, has_classes = _labels("y", targets)
    four: dict[str, Any] = {
        "x": x,
        "y": y,
        "targets": targets,
        "has_classes": has_classes,
        "x_val": None,
        "y_val": None,
    }
    if len(data) == 4:
        four["x_val"], targets_val = _pair("x_val", "y_val", data[2], data[3], network)
        four["y_val"] = _labels("y_val", targets_val)[0]
        if four["x_val"].shape[1:] != x.shape[1:] or targets_val.shape[1:] != targets.shape[1:]:
            raise ValueError(
                f"x_val: got shapes {four['x_val'].shape} and {targets_val.shape}; expected rows as in x, y"
            )
    return four


def _pair(x_name: str, y_name: str, x: Any, y: Any, network: MLP | None) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of one part, or an error that says which of them is wrong."""
    if network is None:
        x = check_array(x_name, x)
        x, y = (x if x.dtype.kind == "f" else x.astype(np.float32)), check_array(y_name, y)
        if x.ndim < 2 or y.ndim not in (1, 2) or len(x) != len(y):
            raise ValueError(f"{x_name}: got shapes {x.shape} and {y.shape}; expected rows and as many targets")
        return x, y
    try:
        return network.check_data(x, y)
    except (TypeError, ValueError) as error:
        of, _, what = str(error).partition(": ")
        named = {"x": x_name, "y": y_name}.get(of, of)
        raise type(error)(f"{named}: {what}") from None


def _labels(name: str, targets: np.ndarray) -> tuple[np.ndarray, bool]:
    """Labels of targets, and whether each row has one: rows of several outputs count if they sum to 1."""
    if targets.ndim == 2 and targets.shape[1] > 1:
        return targets.argmax(axis=1), bool(np.allclose(targets.sum(axis=1), 1, atol=1e-3))
    flat = targets.reshape(-1)
    if np.any(flat < 0) or (targets.dtype.kind in "iu" and np.any(flat != np.round(flat))):
        raise ValueError(f"{name}: got labels from {flat.min():g}; expected labels from 0 on")
    return np.rint(flat).astype(int), True


def _check_together(history: Any, network: MLP, x: np.ndarray, watch: Recorder | None) -> None:
    """Refuse a history or a recorder of another run."""
    if isinstance(history, History) and history.n_samples != len(x):
        raise ValueError(f"data: got {len(x)} training rows; expected the {history.n_samples} of the history")
    if watch is not None and watch.start.shape != network.parameters.shape:
        raise ValueError(
            f"watch: got a Recorder of {watch.start.size} parameters; expected one of this network's "
            f"{network.n_parameters}"
        )


def _two_columns(outputs: np.ndarray) -> np.ndarray:
    """Of a single output two columns, no and yes: probabilities of a probability, logits of a logit.

    >>> _two_columns(np.array([[0.25]])), _two_columns(np.array([[-3.0]]))
    (array([[0.75, 0.25]]), array([[ 0., -3.]]))
    """
    outputs = outputs.reshape(len(outputs), -1)
    if outputs.shape[1] != 1:
        return outputs
    is_probability = np.all((outputs >= 0) & (outputs <= 1))
    return np.column_stack([1 - outputs if is_probability else np.zeros_like(outputs), outputs])


def _of_ours(history: History) -> dict[str, Any]:
    return {
        "train_loss": list(history.train_loss),
        "val_loss": list(history.val_loss),
        "train_accuracy": [],
        "val_accuracy": list(history.val_accuracy),
        "step_losses": list(history.step_losses),
        "batch_size": history.batch_size,
        "broke_off": bool(history.step and history.step_losses and not history.interrupted),
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
        "broke_off": False,
    }


ACCURACIES = ("accuracy", "acc", "sparse_categorical_accuracy", "categorical_accuracy")
