"""What comparisons of two optimizers over a few seeds say: by the normal law, and simulated."""

from __future__ import annotations

import functools
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

STUDIES = 10_000


class Shares(NamedTuple):
    """Shares of all studies; with a true difference above 0 the first and the last name the wrong winner."""

    mean_below: float
    interval_above: float
    interval_below: float


def student(seeds: int, level: float = 0.05) -> float:
    """The factor t of an interval of a mean over so many seeds, from Student's law with seeds − 1 degrees of freedom.

    Args:
        seeds: how many, >= 2.
        level: the share of intervals that may miss the true mean.

    Example:
        >>> [round(student(n), 3) for n in (2, 5, 10, 20)]
        [12.706, 2.776, 2.262, 2.093]

    Source: Student (1908), *The probable error of a mean*, https://doi.org/10.1093/biomet/6.1.1
    """
    freedom = seeds - 1
    # With t = √ν tan φ the density is cosᵛ⁻¹ φ, which is finite up to the end, φ = π/2.
    angles = np.linspace(0, np.pi / 2, 20_001)
    heights = np.cos(angles) ** (freedom - 1)
    areas = np.concatenate([[0], np.cumsum(heights[1:] + heights[:-1])])
    return float(np.sqrt(freedom) * np.tan(np.interp((1 - level) * areas[-1], areas, angles)))


def by_the_normal_law(difference: float, deviation: float, seeds: float) -> Shares:
    """The shares if the deviation of the paired differences is known: z = difference · √seeds / deviation.

    Args:
        difference: the true mean difference.
        deviation: standard deviation of the paired differences, > 0.
        seeds: how many.

    Example:
        >>> [round(share, 3) for share in by_the_normal_law(0.3, 0.45, 18)]
        [0.002, 0.807, 0.0]
    """
    z, edge = difference * seeds**0.5 / deviation, NormalDist().inv_cdf(0.975)
    below = NormalDist().cdf
    return Shares(below(-z), below(z - edge), below(-z - edge))


@functools.lru_cache(maxsize=256)
def studies(seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and half the 95 % interval of each of ``STUDIES`` studies, the true mean 0 and the deviation 1; seeded.

    The second half are the first with all signs changed: so neither side is favoured by chance.

    Args:
        seeds: how many a study has, >= 2.

    Returns:
        Two arrays of shape (STUDIES,), to be read only: they are kept.

    Example:
        >>> means, halves = studies(5)
        >>> len(means) == STUDIES, float(np.mean(means < 0)), round(float(np.mean(np.abs(means) < halves)), 2)
        (True, 0.5, 0.95)
    """
    draws = np.random.default_rng([12, seeds]).normal(size=(STUDIES // 2, seeds))
    draws = np.concatenate([draws, -draws])
    return draws.mean(axis=1), student(seeds) * draws.std(axis=1, ddof=1) / np.sqrt(seeds)


def simulated(difference: float, deviation: float, seeds: int) -> Shares:
    """The same shares, counted in simulated studies, each of which has to estimate the deviation itself.

    Args:
        difference: the true mean difference.
        deviation: standard deviation of the paired differences, > 0.
        seeds: how many a study has, >= 2.

    Example:
        >>> [round(share, 2) for share in simulated(0.3, 0.45, 5)], simulated(0.3, 0.45, 100).interval_above
        ([0.07, 0.2, 0.0], 1.0)
    """
    means, halves = studies(seeds)
    means, halves = difference + deviation * means, deviation * halves
    return Shares(*(float(np.mean(hits)) for hits in (means < 0, means - halves > 0, means + halves < 0)))
