"""Optimizers that see more of a batch than its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils._validation import describe
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers.base import Optimizer


class ObservingOptimizer(Optimizer):
    """Base class of rules that use the curvature of the network: each ``step`` needs the batch that ``observe`` saw.

    ``fit`` calls both. A subclass writes ``look(network, x, y)``, whose result stands in ``self.seen`` until the step
    has been taken, and reads it in ``begin_step``. There is one convention, ``"paper"``.

    Example:
        >>> from nnopt_utils.networks import MLP
        >>> class ScaledByInputs(ObservingOptimizer):
        ...     def look(self, network, x, y):
        ...         return float(np.mean(x**2))
        ...
        ...     def update(self, theta, gradient):
        ...         theta -= self.learning_rate * gradient / self.seen
        >>> network, optimizer = MLP([1, 1], loss="mse", initializer="zeros"), ScaledByInputs(learning_rate=1.0)
        >>> x, y = np.array([[2.0]]), np.array([1.0])
        >>> optimizer.observe(network, x, y)
        >>> optimizer.step(network.parameters, network.loss_and_gradient(x, y)[1])
        >>> network.parameters
        array([1. , 0.5], dtype=float32)
        >>> optimizer.step(network.parameters, np.ones(2, np.float32))
        Traceback (most recent call last):
        ...
        ValueError: step: got a gradient without its batch; ...
    """

    conventions = ("paper",)
    seen: Any = None
    _n_observed = 0

    def set_up(self) -> None:
        if self.gradient_accumulation_steps is not None:
            raise ValueError(
                f"gradient_accumulation_steps: got {self.gradient_accumulation_steps}; {type(self).__name__} needs the "
                "curvature at every gradient and does not collect it; expected None (take a batch as many times larger)"
            )

    def observe(self, network: MLP, x: np.ndarray, y: np.ndarray) -> None:
        """Look at the batch whose gradient comes next; ``fit`` calls this before each ``step``.

        Args:
            network: at the parameters θ at which the gradient is taken; it is left as it is.
            x, y: the batch, as in ``network.loss_and_gradient``.

        Raises:
            TypeError, ValueError: not a network, or not the one of earlier steps; data that do not fit it.
        """
        if not isinstance(network, MLP):
            raise TypeError(f"network: got {describe(network)}; expected an MLP")
        if not network.is_plain:
            raise TypeError(
                f"network: got {describe(network)}; expected a plain MLP: {type(self).__name__} knows the curvature by "
                "weights, not by what they are made from"
            )
        if self.layout is not None and [*self.layout] != network.layout:
            raise ValueError(f"network: got {network!r}; expected one with the layers of this optimizer's layout")
        x, y = network.check_data(x, y)
        self.complete()
        self.layout = network.layout if self.layout is None else self.layout
        self.seen, self._n_observed = self.look(network, x, y), network.n_parameters

    def look(self, network: MLP, x: np.ndarray, y: np.ndarray) -> Any:
        """Return what the step needs of a batch. A subclass writes it.

        Args:
            network: at θ.
            x, y: the batch, checked.

        Example:
            >>> class Counting(ObservingOptimizer):
            ...     def look(self, network, x, y):
            ...         return len(x)
            ...
            ...     def update(self, theta, gradient):
            ...         theta -= self.learning_rate * gradient * self.seen
            >>> Counting(learning_rate=0.1).look(None, np.ones((3, 2)), None)
            3
        """
        raise NotImplementedError(f"{type(self).__name__}: expected a method look(network, x, y)")

    def end_step(self, theta: np.ndarray) -> None:
        self.seen = None  # a batch is for one step

    def _check_step(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        super()._check_step(theta, gradient)
        name = type(self).__name__
        if self.seen is None:
            raise ValueError(
                f"step: got a gradient without its batch; {name} measures curvature on it: call "
                "optimizer.observe(network, x, y) before each step, as fit does (minimize has no batch: methods for "
                "functions, such as newton and bfgs, are in nnopt_utils.second_order)"
            )
        if theta.size != self._n_observed:
            raise ValueError(
                f"theta: got {describe(theta)}; expected the {self._n_observed:,} parameters of the network that "
                f"{name} observed"
            )


__all__ = ["ObservingOptimizer"]
