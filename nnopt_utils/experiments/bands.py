"""Medians and bands over seeds, in which a run that diverged counts as the worst there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

FEW = 4


class Band(NamedTuple):
    """The middle of several runs, and how far they spread."""

    median: float
    low: float
    high: float


def band(values: Sequence[float]) -> Band:
    """Median and quartiles; of four values or fewer, which have no quartiles worth the name, minimum and maximum.

    >>> band([0.1, 0.2, float("inf")])
    Band(median=0.2, low=0.1, high=inf)
    """
    low, high = (0.0, 1.0) if len(values) <= FEW else (0.25, 0.75)
    return Band(quantile(values, 0.5), quantile(values, low), quantile(values, high))


def band_name(n: int) -> str:
    """What the band of so many values is."""
    return "min–max" if n <= FEW else "quartiles"


def quantile(values: Sequence[float], share: float) -> float:
    """The quantile, linear between neighbours; next to an infinite value, that.

    >>> quantile([1.0, 2.0, float("inf"), float("inf")], 0.5)
    inf
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    place = share * (len(ordered) - 1)
    below = int(place)
    if place == below:
        return float(ordered[below])
    pair = ordered[below : below + 2]
    if not np.isfinite(pair).all():
        return float(pair[~np.isfinite(pair)][0])
    return float(pair[0] + (place - below) * (pair[1] - pair[0]))
