"""Gradual pruning: prune a little, train what is left, prune further."""

from __future__ import annotations

from collections.abc import Callable
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

Shares = float | list[float]


def sparsity_schedule(
    t: float, final: float = 0.9, initial: float = 0.0, begin: float = 0.0, end: float = 1.0
) -> float:
    r"""Return the share of zeros at time t on a cubic from one share to another: fast at first, slow at the end.

    .. math:: s_t = s_f + (s_i - s_f) \left(1 - \frac{t - t_0}{t_1 - t_0}\right)^3

    It stays at the first share before :math:`t_0`, and at the last one after :math:`t_1`.

    Args:
        t: the time, in rounds, epochs or steps.
        final: s_f in [0, 1), the last share; default 0.9.
        initial: s_i in [0, 1), the first share; default 0.
        begin: t₀; default 0.
        end: t₁ > t₀; default 1.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> [round(sparsity_schedule(t, final=0.9, end=4), 3) for t in range(5)]
        [0.0, 0.52, 0.787, 0.886, 0.9]

    Source: M. Zhu, S. Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model compression", 2017
    (arXiv 1710.01878), where training goes on between the times, and masks change at every Δt steps.
    """
    check_number("t", t)
    check_fraction("final", final)
    check_fraction("initial", initial)
    check_number("begin", begin)
    check_number("end", end, low=begin, low_open=True)
    left = 1 - min(max((t - begin) / (end - begin), 0), 1)
    return float(final + (initial - final) * left**3)


def prune_gradually(
    network: MLP,
    make_optimizer: Callable[[], Optimizer],
    data: Any,
    sparsity: float | list[Shares] = 0.9,
    rounds: int | None = None,
    epochs: int = 1,
    batch_size: int = 32,
    scope: str = "global",
    layers: list[int] | None = None,
    seed: int | np.random.Generator = 0,
    progress: bool = True,
) -> tuple[CompressedMLP, list[History]]:
    """Return a network that was pruned in rounds, and trained in each of them on what the round left.

    A round is :func:`prune`, then ``fit``. Weights that the training finds to matter grow, and those that go in the
    next round are other ones than would go now.

    Args:
        network: an ``MLP``, or a compressed one whose weights are dense or masked, trained before. It is not changed.
        make_optimizer: a function without arguments that makes a new optimizer: one a round, since there are fewer free
            numbers each time. ``lambda: Adam(1e-3)``.
        data: what ``fit`` takes.
        sparsity: a number: the share of zeros after the last round; those before are on :func:`sparsity_schedule` from
            what is zero by a mask already. A list: the share after each round, a number or, as :func:`prune` takes it,
            a list with one for each chosen layer. Default 0.9.
        rounds: how many, with a number; default 5. A list has as many as it has shares.
        epochs: of training in each round; default 1.
        batch_size: B; default 32.
        scope, layers: as of :func:`prune`.
        seed: an integer or a ``numpy.random.Generator``: each round has an order of the samples of its own.
        progress: show a progress bar for each round, as ``fit`` does.

    Returns:
        The network and the history of each round. An interrupt ends the round under way as it ends ``fit``, and no
        other begins: the network has then the zeros of this round.

    Raises:
        TypeError, ValueError: bad arguments; shares that fall. Nothing is trained.
        DivergenceError: as of ``fit``.

    Example:
        >>> from nnopt_utils.optimizers import Adam
        >>> x = np.random.default_rng(0).normal(size=(200, 10)); y = (x[:, 0] > 0).astype(int)
        >>> small, histories = prune_gradually(
        ...     MLP([10, 20, 2], seed=0), lambda: Adam(0.01), (x, y), sparsity=0.9, rounds=3, progress=False
        ... )
        >>> small.n_parameters, len(histories)      # 24 weights and 22 biases
        (46, 3)

        Each layer on a cubic of its own, as LeNet-300-100 has it in the first paper below:

        >>> finals = [0.92, 0.91, 0.74]
        >>> shares = [[sparsity_schedule(t, final, end=5) for final in finals] for t in range(1, 6)]
        >>> [round(share, 2) for share in shares[0]]
        [0.45, 0.44, 0.36]

    Source: S. Han, J. Pool, J. Tran, W. J. Dally, "Learning both weights and connections for efficient neural
    networks", NeurIPS 2015 (arXiv 1506.02626); the cubic: as of :func:`sparsity_schedule`.
    """
    compressed = CompressedMLP(check_network(network))
    chosen = chosen_layers(network, layers)
    if not callable(make_optimizer):
        raise TypeError(
            f"make_optimizer: got {describe(make_optimizer)}; expected a function that makes a new optimizer, such as "
            "lambda: Adam(1e-3)"
        )
    shares = _shares_by_round(compressed, chosen, sparsity, rounds, scope)
    prune(compressed, shares[-1], scope, chosen)  # bad arguments are found before anything is trained
    generator, histories = as_generator(seed), []
    for share in shares:
        compressed = prune(compressed, share, scope, chosen)
        order = int(generator.integers(2**32))
        histories.append(fit(compressed, make_optimizer(), data, epochs, batch_size, order, progress=progress))
        if histories[-1].interrupted:
            break
    return compressed, histories


def _shares_by_round(network: CompressedMLP, chosen: list[int], sparsity: Any, rounds: Any, scope: str) -> list[Any]:
    """What ``prune`` is asked for in each round."""
    if not isinstance(sparsity, list | tuple | np.ndarray):
        check_fraction("sparsity", sparsity)
        rounds = check_integer("rounds", 5 if rounds is None else rounds, low=1)
        gone, size = (np.array(counts) for counts in zip(*(_gone(network, layer) for layer in chosen), strict=True))
        now = gone / size if scope == "layer" else [gone.sum() / size.sum()]
        cubics = [[sparsity_schedule(t, sparsity, float(s), end=rounds) for s in now] for t in range(1, rounds + 1)]
        return cubics if scope == "layer" else [cubic[0] for cubic in cubics]
    if rounds is not None and rounds != len(sparsity):
        raise ValueError(f"rounds: got {describe(rounds)}; expected none, or {len(sparsity)}, as there are shares")
    if len(sparsity) == 0:
        raise ValueError(f"sparsity: got {describe(sparsity)}; expected a number, or a share for each round")
    by_layer = np.array([one_a_layer(f"sparsity[{i}]", s, chosen, check_fraction) for i, s in enumerate(sparsity)])
    for i in np.flatnonzero((np.diff(by_layer, axis=0) < 0).any(axis=1)):
        raise ValueError(f"sparsity[{i + 1}]: got less than in the round before; expected shares that do not fall")
    return list(sparsity)


def _gone(network: CompressedMLP, layer: int) -> tuple[int, int]:
    """How many weights of a layer are zero by a mask, and how many there are."""
    form = network.forms[f"weights[{layer}]"]
    size = int(np.prod(form.shape))
    return (0 if form.kept is None else size - int(form.kept.sum())), size
