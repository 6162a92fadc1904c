"""Gradual pruning: a little at a time, with training in between."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from nnopt_utils._validation import as_generator, check_fraction, check_integer, check_number, describe
from nnopt_utils.compression._chosen import check_network, chosen_layers, one_a_layer
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
    sparsities: list[float] | list[list[float]],
    epochs: int = 1,
    batch_size: int = 32,
    scope: str = "global",
    layers: list[int] | None = None,
    seed: int | np.random.Generator = 0,
    progress: bool = True,
) -> tuple[CompressedMLP, list[History]]:
    """Prune to each sparsity in turn, and train what is left after each.

    In training the weights that matter grow, so those that go in a later round are not those that would go at once.

    Args:
        network: an ``MLP``, or a compressed one whose weights are dense or masked. It is not changed.
        optimizer: called without arguments, gives a new ``Optimizer`` for each round: fewer numbers are free in each.
        data: as for ``fit``.
        sparsities: after each round, as ``[gradual_sparsity(t, 5, 0.95) for t in range(1, 6)]``: what :func:`prune`
            takes, a number or a list with one for each chosen layer. They do not fall.
        epochs: of training after each pruning, from 1; default 1.
        batch_size, progress: as for ``fit``.
        scope, layers: as for ``prune``.
        seed: an integer or a ``numpy.random.Generator``; each round takes the samples in orders of its own.

    Returns:
        The pruned network, and the history of each round. An interrupt ends the round under way as it ends ``fit``, and
        there is no further one: the network has the zeros of this round.

    Raises:
        TypeError, ValueError: bad arguments; sparsities that fall. Nothing is trained.
        DivergenceError: as ``fit``.

    Example:
        >>> from nnopt_utils.compression import sparsity_of
        >>> from nnopt_utils.optimizers import Adam
        >>> x = np.random.default_rng(0).normal(size=(64, 5))
        >>> data = x, x[:, :3].argmax(axis=1)
        >>> pruned, histories = prune_gradually(MLP([5, 20, 3]), Adam, data, [0.5, 0.8], scope="layer", progress=False)
        >>> sparsity_of(pruned), len(histories)
        ([0.8, 0.8], 2)

        Each layer on a curve of its own, to the shares that the paper below has for LeNet-300-100:

        >>> finals = [0.92, 0.91, 0.74]
        >>> sparsities = [[gradual_sparsity(t, 5, final) for final in finals] for t in range(1, 6)]
        >>> [round(sparsity, 2) for sparsity in sparsities[0]]
        [0.45, 0.44, 0.36]

    Source: pruning and training in turn: S. Han, J. Pool, J. Tran, W. J. Dally, NeurIPS 2015 (arXiv 1506.02626).
    """
    check_network(network)
    if not callable(optimizer) or isinstance(optimizer, Optimizer):
        raise TypeError(
            f"optimizer: got {describe(optimizer)}; expected a function that gives a new one: lambda: Adam(0.001)"
        )
    start, chosen = CompressedMLP(network), chosen_layers(network, layers)
    shares = _check_sparsities(sparsities, chosen)
    for share in shares:
        prune(start, share, scope, chosen)  # what is refused is refused before anything is trained
    generator, pruned, histories = as_generator(seed), start, []
    for share in shares:
        pruned, order = prune(pruned, share, scope, chosen), int(generator.integers(2**32))
        histories.append(fit(pruned, optimizer(), data, epochs, batch_size, order, progress=progress))
        if histories[-1].interrupted:
            break
    return pruned, histories


def _check_sparsities(sparsities: Any, layers: list[int]) -> list[float | list[float]]:
    if not isinstance(sparsities, list | tuple | np.ndarray) or len(sparsities) == 0:
        raise TypeError(f"sparsities: got {describe(sparsities)}; expected a list, a sparsity a round")
    by_layer = [one_a_layer(f"sparsities[{i}]", each, layers, check_fraction) for i, each in enumerate(sparsities)]
    for i, (before, after) in enumerate(pairwise(by_layer), 1):
        if any(new < old for old, new in zip(before, after, strict=True)):
            raise ValueError(f"sparsities[{i}]: got less than in the round before; expected numbers that rise")
    return list(sparsities)
