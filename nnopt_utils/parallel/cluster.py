"""Imagined machines: how long their gradients and their messages take."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnopt_utils._validation import (
    as_array,
    check_array,
    check_choice,
    check_integer,
    check_not_negative,
    check_number,
    check_positive,
    describe,
)
from nnopt_utils.parallel.speedup import ALGORITHMS, all_reduce_seconds, check_bandwidth

# Random factors of mean 1: (generator, shape) -> array.
DISTRIBUTIONS: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "constant": lambda generator, shape: np.ones(shape),
    "exponential": lambda generator, shape: generator.exponential(size=shape),
    "uniform": lambda generator, shape: generator.uniform(0.5, 1.5, size=shape),
}
Distribution = str | Callable[[np.random.Generator, tuple[int, int]], Any]


@dataclass(frozen=True, kw_only=True, repr=False)
class Cluster:
    """P workers, their links, and a server.

    A gradient takes a worker ``seconds_per_gradient`` times a random factor of ``distribution``. A message of m bytes
    takes α + m/β seconds.

    Args:
        workers: P >= 1.
        seconds_per_gradient: > 0, of every worker, or P numbers; default 1.
        distribution: the factor of each gradient: ``"constant"`` (1), ``"exponential"`` (memoryless, of mean 1),
            ``"uniform"`` (from 0.5 to 1.5), or a function from a generator and a shape to an array of numbers > 0, such
            as draws from measured times. Default ``"constant"``.
        stragglers: the share of workers that are always slower, in [0, 1]: the last ones, rounded to a whole number.
            Default 0.
        stalls: the probability that a gradient is slower, whichever worker's, in [0, 1]; default 0.
        slowdown: how many times as long a straggler or a stall takes (both together: its square), >= 1; default 10.
        latency: α >= 0, seconds; default 0.
        bandwidth: β > 0 of each machine's link, bytes a second each way; default infinite.
        server_seconds: >= 0, what an asynchronous server needs to apply one gradient; default 0. It takes one at a
            time, so that it applies at most 1 / ``server_seconds`` a second.
        all_reduce: how synchronous workers sum up: ``"ring"`` or ``"tree"``; default ``"ring"``.

    Raises:
        TypeError, ValueError: bad arguments.

    Example:
        >>> cluster = Cluster(workers=4, seconds_per_gradient=0.1, stragglers=0.25, slowdown=5)
        >>> cluster
        Cluster(workers=4, seconds_per_gradient=0.1, stragglers=0.25, slowdown=5)
        >>> cluster.mean_seconds
        array([0.1, 0.1, 0.1, 0.5])
        >>> import dataclasses
        >>> [dataclasses.replace(cluster, workers=P).workers for P in (1, 10, 100)]
        [1, 10, 100]
    """

    workers: int
    seconds_per_gradient: Any = 1.0
    distribution: Distribution = "constant"
    stragglers: float = 0.0
    stalls: float = 0.0
    slowdown: float = 10.0
    latency: float = 0.0
    bandwidth: float = math.inf
    server_seconds: float = 0.0
    all_reduce: str = "ring"

    def __post_init__(self) -> None:
        check_integer("workers", self.workers, low=1)
        if as_array(self.seconds_per_gradient).ndim == 0:
            check_positive("seconds_per_gradient", self.seconds_per_gradient)
        else:
            seconds = check_array("seconds_per_gradient", self.seconds_per_gradient, shape=(self.workers,))
            if not (seconds > 0).all():
                raise ValueError(f"seconds_per_gradient: got {describe(seconds)}; expected numbers > 0")
            object.__setattr__(self, "seconds_per_gradient", tuple(seconds.tolist()))  # cannot change any more
        if not callable(self.distribution):
            check_choice("distribution", self.distribution, DISTRIBUTIONS)
        for share in ("stragglers", "stalls"):
            check_number(share, getattr(self, share), low=0.0, high=1.0)
        check_number("slowdown", self.slowdown, low=1.0)
        check_not_negative("latency", self.latency)
        check_bandwidth("bandwidth", self.bandwidth)
        check_not_negative("server_seconds", self.server_seconds)
        check_choice("all_reduce", self.all_reduce, ALGORITHMS)

    def __repr__(self) -> str:
        shown = []
        for each in dataclasses.fields(self):
            value = getattr(self, each.name)
            if each.name == "workers" or value != each.default:
                shown.append(f"{each.name}={describe(value)}")
        return f"Cluster({', '.join(shown)})"

    @property
    def mean_seconds(self) -> np.ndarray:
        """Seconds a gradient of each worker, without the random factors, shape (P,)."""
        seconds = np.full(self.workers, self.seconds_per_gradient, dtype=np.float64)
        slow = round(self.stragglers * self.workers)
        seconds[self.workers - slow :] *= self.slowdown
        return seconds

    def message_seconds(self, n_bytes: float) -> float:
        """Return α + n/β, the seconds of one message where no other is in its way.

        Example:
            >>> Cluster(workers=2, latency=0.5, bandwidth=100.0).message_seconds(200)
            2.5
        """
        return self.latency + check_not_negative("n_bytes", n_bytes) / self.bandwidth

    def all_reduce_seconds(self, n_bytes: float) -> float:
        """Return the seconds in which all workers sum up a vector of n bytes.

        Example:
            >>> Cluster(workers=4, latency=0.5, bandwidth=100.0).all_reduce_seconds(200)
            6.0
        """
        return all_reduce_seconds(n_bytes, self.workers, self.latency, self.bandwidth, self.all_reduce)


class Durations:
    """Seconds of every worker's n-th gradient, n = 0, 1, …: the same whichever method asks, and in whatever order."""

    # Numbers drawn at once: as many rows as fill that.
    BLOCK = 4096

    def __init__(self, cluster: Cluster, generator: np.random.Generator) -> None:
        self.cluster, self.generator = cluster, generator
        self.mean = cluster.mean_seconds
        self.rows_a_block = max(1, self.BLOCK // cluster.workers)
        self.blocks: list[np.ndarray] = []

    def row(self, n: int) -> np.ndarray:
        """Of the n-th gradient, shape (P,)."""
        block, place = divmod(n, self.rows_a_block)
        while len(self.blocks) <= block:
            self.blocks.append(self._draw())
        return self.blocks[block][place]

    def of(self, n: int, worker: int) -> float:
        """Of the n-th gradient of one worker."""
        return float(self.row(n)[worker])

    def _draw(self) -> np.ndarray:
        cluster, shape = self.cluster, (self.rows_a_block, self.cluster.workers)
        draw = DISTRIBUTIONS[cluster.distribution] if isinstance(cluster.distribution, str) else cluster.distribution
        factors = check_array("distribution", draw(self.generator, shape), shape=shape)
        if not (factors > 0).all():
            raise ValueError(f"distribution: got factors down to {factors.min():g}; expected numbers > 0")
        if cluster.stalls:
            stalled = self.generator.random(shape) < cluster.stalls
            factors = np.where(stalled, cluster.slowdown * factors, factors)
        return self.mean * factors


__all__ = ["Cluster"]
