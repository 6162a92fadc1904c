"""What follows from paired runs: ratios of steps with their intervals."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

STUDENT_10 = 2.262  # 97.5 % point of Student's t for ten pairs: 95 % of the intervals hold the true mean


class Ratio(NamedTuple):
    """A geometric mean of paired ratios, and its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def decided(self) -> bool:
        """Whether the interval leaves 1 out."""
        return self.low > 1 or self.high < 1

    def __str__(self) -> str:
        return f"{self.mean:.2f} ({self.low:.2f} to {self.high:.2f})"


def paired_ratio(first: Any, second: Any) -> Ratio:
    """The mean of first / second over ten pairs: of the logarithms, so that 2 and ½ weigh the same.

    >>> str(paired_ratio([2.0, 8.0] * 5, [1.0] * 10))
    '4.00 (2.37 to 6.75)'
    """
    logs = np.log(np.asarray(first, dtype=float) / np.asarray(second, dtype=float))
    if logs.size != 10 or not np.isfinite(logs).all():
        raise ValueError(f"first, second: got {logs.size} pairs, {np.isfinite(logs).sum()} finite; expected 10 finite")
    half = STUDENT_10 * logs.std(ddof=1) / np.sqrt(10)
    mean, low, high = np.exp([logs.mean(), logs.mean() - half, logs.mean() + half])
    return Ratio(float(mean), float(low), float(high))
