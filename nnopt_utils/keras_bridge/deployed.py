"""What a network becomes in another tool: a file of so many bytes that answers, rightly or not, in some time."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from statistics import median
from typing import Any, NamedTuple, Protocol

import numpy as np

from nnopt_utils._validation import check_integer, describe
from nnopt_utils.keras_bridge.importing import import_keras
from nnopt_utils.keras_bridge.models import keras_twin
from nnopt_utils.losses import Loss
from nnopt_utils.networks import MLP


class DeployedModel(ABC):
    """A network as another tool stores and runs it.

    Attributes:
        name: which tool, and how.
        n_bytes: the size of its file.
        loss_function: the ``Loss`` of the network: what its outputs mean.

    Example:
        >>> from nnopt_utils.losses import get_loss
        >>> class Doubling(DeployedModel):
        ...     def forward(self, x):
        ...         return 2 * x
        >>> model = Doubling("doubling", 10, get_loss("cross_entropy"))
        >>> model.predict(np.eye(2)), model.accuracy(np.eye(2), np.array([0, 0])), model.n_bytes
        (array([0, 1]), 0.5, 10)
    """

    def __init__(self, name: str, n_bytes: int, loss_function: Loss) -> None:
        self.name, self.n_bytes, self.loss_function = name, n_bytes, loss_function

    @abstractmethod
    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs (logits), (n, n_out).

        Args:
            x: inputs, (n, n_in).
        """

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return class labels, as ``predict`` of an ``MLP``; for regression the outputs.

        Args:
            x: inputs, (n, n_in).
        """
        return self.loss_function.predict(self.forward(x))

    def accuracy(self, x: np.ndarray, y: np.ndarray) -> float:
        """Return the share of right answers (NaN for regression).

        Args:
            x: inputs, (n, n_in).
            y: targets, as of an ``MLP`` of this loss.
        """
        outputs = self.forward(x)
        targets = self.loss_function.check_targets("y", y, outputs.shape, outputs.dtype)
        return float(np.mean(self.loss_function.is_right(outputs, targets)))

    def milliseconds(self, x: np.ndarray, repeats: int = 20) -> float:
        """Return the median time of ``forward`` in milliseconds, after one call that is not counted.

        Args:
            x: inputs, (n, n_in).
            repeats: how many calls are timed.

        Raises:
            TypeError, ValueError: ``repeats`` is no integer >= 1.

        Example:
            >>> NumPyModel("ours", 24, MLP([2, 2])).milliseconds(np.eye(2, dtype=np.float32), repeats=3) > 0
            True
        """
        check_integer("repeats", repeats, low=1)
        self.forward(x)
        times = []
        for _ in range(repeats):
            begun = time.perf_counter()
            self.forward(x)
            times.append(time.perf_counter() - begun)
        return 1000 * median(times)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name}, {self.n_bytes:,} bytes)"


class Answering(Protocol):
    """What computes outputs in NumPy: an ``MLP``, or ``compression.IntegerMLP``."""

    @property
    def loss_function(self) -> Loss:
        """What the outputs mean."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs."""


class NumPyModel(DeployedModel):
    """A network of this library among those of other tools.

    Args:
        name: for the table.
        n_bytes: the size of its file.
        network: an ``MLP``, or what answers like one.

    Example:
        >>> network = MLP([2, 2], initializer="zeros")
        >>> NumPyModel("float32, NumPy", 4 * network.n_parameters, network).accuracy(np.eye(2), np.array([0, 1]))
        0.5
    """

    def __init__(self, name: str, n_bytes: int, network: Answering) -> None:
        super().__init__(name, n_bytes, network.loss_function)
        self.network = network

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs (logits), (n, n_out)."""
        return self.network.forward(x)


class DeployedRow(NamedTuple):
    """What a deployed model costs, and how well it answers.

    Attributes:
        name: which tool, and how.
        n_bytes: the size of its file.
        accuracy: the share of right answers.
        ms_one: milliseconds for one sample.
        ms_many: milliseconds for 1,000 samples, or for all if there are fewer.

    Example:
        >>> DeployedRow("float32, NumPy", 24, 0.5, 0.01, 0.02).n_bytes
        24
    """

    name: str
    n_bytes: int
    accuracy: float
    ms_one: float
    ms_many: float


def deployed_row(model: DeployedModel, x: np.ndarray, y: np.ndarray, repeats: int = 20) -> DeployedRow:
    """Measure a model: a row of the table that compares the tools.

    Args:
        model: from :func:`litert_model` or :func:`keras_quantized`, or a :class:`NumPyModel`.
        x: test inputs, (n, n_in).
        y: their targets.
        repeats: how many calls are timed, of each size.

    Returns:
        Bytes, accuracy on all of x and y, and the median times of one sample and of the first 1,000.

    Example:
        >>> row = deployed_row(NumPyModel("zeros", 24, MLP([2, 2], initializer="zeros")), np.eye(2), np.array([0, 1]))
        >>> row.name, row.n_bytes, row.accuracy
        ('zeros', 24, 0.5)
    """
    one, many = (model.milliseconds(x[:n], repeats) for n in (1, 1000))
    return DeployedRow(model.name, model.n_bytes, model.accuracy(x, y), one, many)


def check_network(network: MLP) -> MLP:
    """Return a plain float32 network with the weights of a network, compressed or not.

    Raises:
        TypeError: no MLP.
    """
    if not isinstance(network, MLP):
        raise TypeError(f"network: got {describe(network)}; expected an MLP")
    plain = network.decoded() if hasattr(network, "decoded") else network
    return plain.copy("float32")


def check_calibration(calibration: np.ndarray | None, network: MLP, what: str) -> np.ndarray:
    """Return calibration inputs as float32, (n, n_in).

    Raises:
        TypeError, ValueError: none, or none that fit the network.
    """
    if calibration is None:
        raise ValueError(f"calibration: got None; expected inputs of shape (n, {network.layer_sizes[0]}) for {what}")
    return network.activations(calibration)[0].astype(np.float32)


def bare_twin(network: MLP) -> Any:
    """The network in Keras, not compiled, and named alike each time: names are a part of the files."""
    keras = import_keras()
    inputs = keras.Input((network.layer_sizes[0],), name="inputs")
    return keras.Sequential([inputs, *keras_twin(network).layers], name="network")
