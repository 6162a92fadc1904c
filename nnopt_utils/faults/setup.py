"""``Setup``: a run as its ingredients, each of which can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from nnopt_utils._validation import describe
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Adam, Optimizer
from nnopt_utils.training import batches


class Data(NamedTuple):
    """What a run is trained with and judged on; ``fit`` takes it.

    Attributes:
        x, y: training rows (n, n_in) and labels (n,).
        x_val, y_val: validation rows and labels.

    Example:
        >>> data = Data(np.zeros((2, 1)), np.array([0, 1]), np.zeros((1, 1)), np.array([0]))
        >>> len(data.x), len(data.x_val)
        (2, 1)
    """

    x: np.ndarray
    y: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray


def adam(learning_rate: float, steps: int) -> Optimizer:
    """Adam at a constant rate."""
    return Adam(learning_rate)


def article_network(seed: int) -> MLP:
    """784-64-64-10 with ReLU."""
    return MLP([784, 64, 64, 10], seed=seed)


def as_it_is(data: Data, generator: np.random.Generator) -> Data:
    """Scaled, paired, split: what the run is given is right already."""
    return data


def whole_state(optimizer: Optimizer) -> Optimizer:
    """A checkpoint that keeps all of the optimizer."""
    return optimizer


def all_digits(theta: np.ndarray) -> None:
    """Keep θ as it is."""


@dataclass(frozen=True)
class Setup:
    """The ingredients of a run. Each fault spoils one of them; a repair puts another in its place.

    Attributes:
        learning_rate: η.
        optimizer: (η, steps of the whole run) → a new optimizer.
        network: seed → a new network.
        prepare: (data, generator) → the :class:`Data` that the run is given.
        batches: (n, B, seed, epoch) → the epoch's batches, as ``training.batches``.
        resume: the optimizer at the end of an epoch → the one that goes on after the checkpoint.
        store: θ → nothing: how θ is kept after a step, changed in place.
        epochs, batch_size: of the run.

    Example:
        >>> setup = Setup()
        >>> optimizer = setup.optimizer(setup.learning_rate, 100)
        >>> optimizer.learning_rate, setup.network(0).layer_sizes
        (0.001, [784, 64, 64, 10])
        >>> data = Data(np.zeros((2, 1)), np.array([0, 1]), np.zeros((1, 1)), np.array([0]))
        >>> setup.prepare(data, np.random.default_rng(0)) is data, setup.resume(optimizer) is optimizer
        (True, True)
        >>> setup.batches(4, 2, 0, 1), setup.store(np.zeros(2))
        ([array([3, 0]), array([2, 1])], None)
    """

    learning_rate: float = 0.001
    optimizer: Callable[[float, int], Optimizer] = adam
    network: Callable[[int], MLP] = article_network
    prepare: Callable[[Data, np.random.Generator], Data] = as_it_is
    batches: Callable[[int, int, int, int], list[np.ndarray]] = batches
    resume: Callable[[Optimizer], Optimizer] = whole_state
    store: Callable[[np.ndarray], Any] = all_digits
    epochs: int = 5
    batch_size: int = 32

    def changed(self, **ingredients: Any) -> Setup:
        """Return a setup with other ingredients, by name.

        Raises:
            TypeError: a name that is no ingredient.

        Example:
            >>> Setup().changed(learning_rate=0.01).learning_rate
            0.01
        """
        unknown = [name for name in ingredients if name not in self.__dataclass_fields__]
        if unknown:
            names = ", ".join(self.__dataclass_fields__)
            raise TypeError(f"{unknown[0]}: got {describe(ingredients[unknown[0]])}; expected one of {names}")
        return replace(self, **ingredients)
