"""Objectives made of what one has: two functions, or a network and data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, describe
from nnopt_utils.networks import MLP


class FunctionObjective:
    """An objective made of two functions.

    Args:
        value: J, from θ of shape (d,) to a number.
        gradient: g = ∇J, from θ to an array of shape (d,).
        start: where to begin, shape (d,).

    Raises:
        TypeError, ValueError: not functions, or a bad start.

    Example:
        >>> bowl = FunctionObjective(lambda theta: 0.5 * theta @ theta, lambda theta: theta, start=[3.0, 4.0])
        >>> float(bowl.value(bowl.start)), bowl.gradient(bowl.start)
        (12.5, array([3., 4.]))
    """

    def __init__(self, value: Callable[[np.ndarray], Any], gradient: Callable[[np.ndarray], Any], start: Any) -> None:
        for name, function in (("value", value), ("gradient", gradient)):
            if not callable(function):
                raise TypeError(f"{name}: got {describe(function)}; expected a function of theta")
        self.value, self.gradient = value, gradient
        self._start = check_array("start", start, ndim=1).astype(np.float64)

    @property
    def start(self) -> np.ndarray:
        """Where to begin, a new array of shape (d,)."""
        return self._start.copy()


class NetworkObjective:
    r"""The objective :math:`J(\theta)` of a network on all of some data, in float64.

    Line searches and differences of gradients need the digits, so a float32 network is copied to float64.

    Args:
        network: an ``MLP``; its θ is the start. It is copied, and never changed.
        x, y: the data, as in ``network.loss_and_gradient``.

    Raises:
        TypeError, ValueError: not a network, or data that it does not take.

    Example:
        >>> objective = NetworkObjective(MLP([2, 3, 2], initializer="zeros"), np.eye(2), np.array([0, 1]))
        >>> round(objective.value(objective.start), 6), objective.gradient(objective.start).shape
        (0.693147, (17,))
    """

    def __init__(self, network: MLP, x: np.ndarray, y: np.ndarray) -> None:
        if not isinstance(network, MLP):
            raise TypeError(f"network: got {describe(network)}; expected an MLP")
        self._network = network.copy(dtype="float64")
        self._data = self._network.check_data(x, y)

    @property
    def start(self) -> np.ndarray:
        """The network's θ, a new array of shape (d,)."""
        return self._network.parameters.copy()

    @property
    def dimension(self) -> int:
        """The number d of parameters."""
        return self._network.n_parameters

    def value(self, theta: Any) -> float:
        """J(θ): the mean loss over the data, plus the L2 penalty."""
        return self._network.loss(*self._data, parameters=theta)

    def gradient(self, theta: Any) -> np.ndarray:
        """g = ∇J(θ), a new array of shape (d,)."""
        return self._network.loss_and_gradient(*self._data, parameters=theta)[1]
