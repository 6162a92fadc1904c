"""All-gather: every worker gets what every worker has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnopt_utils.parallel.links import Link


def ring_all_gather(arrays: Sequence[np.ndarray], link: Link) -> list[tuple[np.ndarray, ...]]:
    """Return the arrays of all workers, passing them around a ring.

    In P − 1 steps each worker sends on to its right-hand neighbour what it got last, first its own. So each sends P − 1
    messages: what compression saves, many workers use up again, while an all-reduce hardly grows with P.

    Args:
        arrays: 1-D, of any types and lengths; as many for every worker.
        link: the worker's :class:`Link`.

    Returns:
        The workers' arrays, by rank; the own ones are those given, not copies.

    Example:
        >>> from nnopt_utils.parallel import rehearse
        >>> def gather(vector, link):
        ...     everything = ring_all_gather([np.array([10.0 * link.rank])], link)
        ...     vector[:] = np.concatenate([array for arrays in everything for array in arrays])
        >>> rehearsal = rehearse(gather, np.zeros((3, 3)))
        >>> [result.tolist() for result in rehearsal.results] == [[0.0, 10.0, 20.0]] * 3, rehearsal.bytes_sent
        (True, [16, 16, 16])
    """
    rank, size = link.rank, link.size
    left, right = (rank - 1) % size, (rank + 1) % size
    gathered = {rank: tuple(arrays)}
    for step in range(size - 1):
        received = []
        for array in gathered[(rank - step) % size]:
            link.send(right, array)
            received.append(link.receive(left))
        gathered[(rank - step - 1) % size] = tuple(received)
    return [gathered[origin] for origin in range(size)]
