"""Objectives made of what one has: two functions, or a network and data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, describe
from nnopt_utils.networks import MLP
from nnopt_utils.problems.regression import LARGEST_HESSIAN_BYTES


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
        >>> value, g = objective.value_and_gradient(objective.start)          # in one pass
        >>> H, v = objective.hessian(objective.start), np.ones(17)
        >>> bool(np.allclose(objective.hessian_vector_product(objective.start, v), H @ v))
        True
        >>> product = objective.gauss_newton_operator(objective.start)        # for many v at one θ
        >>> bool(v @ product(v) >= 0)
        True
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
        return self.value_and_gradient(theta)[1]

    def value_and_gradient(self, theta: Any) -> tuple[float, np.ndarray]:
        """J(θ) and g = ∇J(θ), in one pass over the data."""
        return self._network.loss_and_gradient(*self._data, parameters=theta)

    def hessian_vector_product(self, theta: Any, vector: Any) -> np.ndarray:
        """H(θ) v for v of shape (d,), without building H; see ``MLP.hessian_vector_product``."""
        return self._network.hessian_vector_product(*self._data, vector, parameters=theta)

    def gauss_newton_vector_product(self, theta: Any, vector: Any) -> np.ndarray:
        """G(θ) v for v of shape (d,), G the Gauss–Newton matrix; see ``MLP.gauss_newton_vector_product``.

        Example:
            >>> objective = NetworkObjective(MLP([1, 1], loss="half_mse"), np.ones((1, 1)), np.zeros(1))
            >>> objective.gauss_newton_vector_product(objective.start, np.array([1.0, 0.0]))
            array([1., 1.])
        """
        return self._network.gauss_newton_vector_product(*self._data, vector, parameters=theta)

    def hessian_operator(self, theta: Any) -> Callable[[np.ndarray], np.ndarray]:
        """The map v ↦ H(θ) v, for many products at one θ: what is the same for all v is computed once.

        Example:
            >>> objective = NetworkObjective(MLP([1, 1], loss="half_mse"), np.ones((1, 1)), np.zeros(1))
            >>> objective.hessian_operator(objective.start)(np.array([1.0, 0.0]))
            array([1., 1.])
        """
        return self._network.hessian_operator(*self._data, parameters=theta)

    def gauss_newton_operator(self, theta: Any) -> Callable[[np.ndarray], np.ndarray]:
        """The map v ↦ G(θ) v, for many products at one θ: what is the same for all v is computed once."""
        return self._network.gauss_newton_operator(*self._data, parameters=theta)

    def hessian(self, theta: Any) -> np.ndarray:
        """H = ∇²J(θ), shape (d, d), symmetric to the last digit: d products, for small networks.

        Raises:
            ValueError: if it would take more than 1 GB; ``hessian_vector_product`` has no such limit.
        """
        d = self.dimension
        size = 8 * d**2
        if size > LARGEST_HESSIAN_BYTES:
            raise ValueError(
                f"hessian: {d:,} × {d:,} numbers would take {size / 1e9:.1f} GB; expected at most "
                f"{LARGEST_HESSIAN_BYTES / 1e9:g} GB. Use hessian_vector_product(theta, vector)"
            )
        product, unit, hessian = self.hessian_operator(theta), np.zeros(d), np.empty((d, d))
        for i in range(d):
            unit[i] = 1.0
            hessian[i] = product(unit)
            unit[i] = 0.0
        return (hessian + hessian.T) / 2
