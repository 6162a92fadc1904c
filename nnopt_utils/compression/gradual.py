"""Gradual pruning: a little at a time, with training in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnopt_utils._validation import check_integer, check_number, describe
from nnopt_utils.compression._chosen import check_network
from nnopt_utils.compression.magnitude import prune
from nnopt_utils.compression.network import CompressedMLP
from nnopt_utils.history import History
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import Optimizer
from nnopt_utils.training import fit


def gradual_sparsity(t: int, rounds: int, final: float, initial: float = 0.0) -> float:
    r"""Return the sparsity after round t of n: it rises fast at first, while there is much to spare, and then slowly.

    .. math:: s_t = s_n + (s_0 - s_n) \left(1 - \frac{t}{n}\right)^3

    Args:
        t: the round, from 0 to ``rounds``.
        rounds: n, from 1.
        final: s_n, in [0, 1).
        initial: s_0, in [0, 1); default 0.

    Raises:
        TypeError, ValueError: numbers out of range.

    Example:
        >>> [round(gradual_sparsity(t, 4, 0.9), 3) for t in range(5)]
        [0.0, 0.52, 0.787, 0.886, 0.9]

    Source: M. Zhu, S. Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model compression", 2017
    (arXiv 1710.01878), equation 1.
    """
    check_integer("rounds", rounds, low=1)
    check_integer("t", t, low=0, high=rounds)
    s_n, s_0 = (
        check_number(name, value, low=0.0, high=1.0, high_open=True)
        for name, value in (("final", final), ("initial", initial))
    )
    return s_n + (s_0 - s_n) * (1 - t / rounds) ** 3


def prune_gradually(
    network: MLP,
    optimizer: Callable[[], Optimizer],
    data: Any,
    sparsities: list[float],
    epochs: int = 1,
    batch_size: int = 32,
    scope: str = "global",
    layers: list[int] | None = None,
    seed: int = 0,
    progress: bool = True,
) -> tuple[CompressedMLP, list[History]]:
    """Prune to each sparsity in turn, and train what is left after each.

    Args:
        network: an ``MLP``, or a compressed one whose weights are dense or masked. It is not changed.
        optimizer: called without arguments, gives a new ``Optimizer`` for each round: fewer numbers are free in each.
        data: as for ``fit``.
        sparsities: rising, as ``[gradual_sparsity(t, 5, 0.95) for t in range(1, 6)]``.
        epochs: of training after each pruning, from 1; default 1.
        batch_size, seed, progress: as for ``fit``.
        scope, layers: as for ``prune``.

    Returns:
        The pruned network, and the history of each round.

    Raises:
        TypeError, ValueError: bad arguments; sparsities that do not rise.

    Example:
        >>> from nnopt_utils.compression import sparsity_of
        >>> from nnopt_utils.optimizers import Adam
        >>> x = np.random.default_rng(0).normal(size=(64, 5))
        >>> data = x, x[:, :3].argmax(axis=1)
        >>> pruned, histories = prune_gradually(MLP([5, 20, 3]), Adam, data, [0.5, 0.8], scope="layer", progress=False)
        >>> sparsity_of(pruned), len(histories)
        ([0.8, 0.8], 2)

    Source: pruning and training in turn: S. Han, J. Pool, J. Tran, W. J. Dally, NeurIPS 2015 (arXiv 1506.02626).
    """
    check_network(network)
    if not callable(optimizer) or isinstance(optimizer, Optimizer):
        raise TypeError(
            f"optimizer: got {describe(optimizer)}; expected a function that gives a new one: lambda: Adam(0.001)"
        )
    if not isinstance(sparsities, list | tuple | np.ndarray) or len(sparsities) == 0:
        raise TypeError(f"sparsities: got {describe(sparsities)}; expected a list of numbers")
    shares = [check_number(f"sparsities[{i}]", s, low=0, high=1, high_open=True) for i, s in enumerate(sparsities)]
    if sorted(shares) != shares:
        raise ValueError(f"sparsities: got {describe(sparsities)}; expected numbers that rise")
    pruned, histories = CompressedMLP(network), []
    for share in shares:
        pruned = prune(pruned, share, scope, layers)
        histories.append(
            fit(pruned, optimizer(), data, epochs=epochs, batch_size=batch_size, seed=seed, progress=progress)
        )
    return pruned, histories
