"""All-reduce: every worker has a vector, and every worker gets the sum. Along a ring, and up and down a tree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnopt_utils.parallel.links import Link


def ring_all_reduce(vector: np.ndarray, link: Link) -> None:
    r"""Replace every worker's vector by the sum of all, passing pieces of it around a ring.

    The vector is cut into P pieces. In P − 1 steps each worker sends a piece to its right-hand neighbour, which adds it
    to its own: then each owns the whole sum of one piece. In P − 1 more steps the finished pieces go round. So each
    worker sends

    .. math:: 2\,\frac{P - 1}{P}\,N

    of the vector's N numbers, and hardly more with a thousand workers than with ten; but the steps, 2 (P − 1), follow
    each other. All workers end with the same bits: each piece is summed once, in one order.

    Args:
        vector: N numbers, 1-D; changed in place. N need not be a multiple of P.
        link: the worker's :class:`Link`.

    Example:
        >>> from nnopt_utils.parallel import rehearse
        >>> rehearsal = rehearse(ring_all_reduce, np.eye(4))
        >>> [result.tolist() for result in rehearsal.results] == [[1.0] * 4] * 4
        True
        >>> rehearsal.steps, rehearsal.bytes_sent       # 2 · 3/4 · 4 numbers of 8 bytes
        (6, [48, 48, 48, 48])

    Source: Patarasuk and Yuan (2009), *Bandwidth optimal all-reduce algorithms for clusters of workstations*, J.
    Parallel Distrib. Comput. 69(2), 117–124.
    """
    rank, size = link.rank, link.size
    left, right = (rank - 1) % size, (rank + 1) % size
    pieces = np.array_split(vector, size)  # views
    for step in range(size - 1):
        link.send(right, pieces[(rank - step) % size])
        pieces[(rank - step - 1) % size] += link.receive(left)
    for step in range(size - 1):
        link.send(right, pieces[(rank - step + 1) % size])
        pieces[(rank - step) % size][:] = link.receive(left)


def tree_all_reduce(vector: np.ndarray, link: Link) -> None:
    r"""Replace every worker's vector by the sum of all: up a binomial tree to worker 0, and down again.

    In each of :math:`\lceil\log_2 P\rceil` steps half of the workers that are left send all they have to the other
    half, which add it. The sum goes back the same way. No more steps than the ring's for P > 2, but whole vectors: the
    root sends :math:`\lceil\log_2 P\rceil N` numbers, one worker after the other. All workers end with the same bits.

    Args:
        vector: N numbers, 1-D; changed in place.
        link: the worker's :class:`Link`.

    Example:
        >>> from nnopt_utils.parallel import rehearse
        >>> rehearsal = rehearse(tree_all_reduce, np.eye(4))
        >>> [result.tolist() for result in rehearsal.results] == [[1.0] * 4] * 4
        True
        >>> rehearsal.steps, rehearsal.bytes_sent       # two steps up, two down; the root sends twice, a leaf once
        (4, [64, 32, 64, 32])

    Source: Thakur, Rabenseifner and Gropp (2005), *Optimization of collective communication operations in MPICH*, Int.
    J. High Perform. Comput. Appl. 19(1), 49–66 (binomial trees).
    """
    rank, size = link.rank, link.size
    distance = 1
    while distance < size and rank % (2 * distance) == 0:  # the sums of my children come up
        if rank + distance < size:
            vector += link.receive(rank + distance)
        distance *= 2
    if rank:
        link.send(rank - distance, vector)
        vector[:] = link.receive(rank - distance)
    while distance > 1:  # and the whole sum goes down to them
        distance //= 2
        if rank + distance < size:
            link.send(rank + distance, vector)


ALL_REDUCES: dict[str, Callable[[np.ndarray, Link], None]] = {"ring": ring_all_reduce, "tree": tree_all_reduce}


def message_bytes(n: int, dtype: np.dtype[Any], workers: int, all_reduce: str) -> int:
    """Size of the largest message of an all-reduce of n numbers: a ring sends pieces."""
    return (-(-n // workers) if all_reduce == "ring" else n) * dtype.itemsize
