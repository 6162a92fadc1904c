"""What follows from paired runs: differences with intervals, the seeds that an order would take, ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from nnopt_utils.experiments import Results

STUDENT_20 = 2.093  # 97.5 % point of Student's t for twenty pairs: 95 % of the intervals hold the true mean


class Difference(NamedTuple):
    """A mean difference over twenty pairs, and half the width of its 95 % interval."""

    mean: float
    half: float

    @property
    def decided(self) -> bool:
        """Whether the interval leaves 0 out."""
        return abs(self.mean) > self.half

    def within(self, margin: float) -> bool:
        """Whether the whole interval lies inside ± margin: only then are two called level."""
        return abs(self.mean) + self.half < margin

    def __str__(self) -> str:
        return f"{self.mean:+.2f} ± {self.half:.2f}"


def finals_of(results: Results, label: str, scale: float = 1.0) -> np.ndarray:
    """The metric after the last epoch, seed by seed, of a label with one setting."""
    return scale * np.array(list(results.best(label).finals.values()))


def paired(first: np.ndarray, second: np.ndarray) -> Difference:
    """The mean of first − second over twenty pairs, with its 95 % interval.

    >>> str(paired(np.arange(20.0) + 1.0, np.arange(20.0)))
    '+1.00 ± 0.00'
    """
    differences = np.asarray(first) - np.asarray(second)
    if differences.size != 20:
        raise ValueError(f"first, second: got {differences.size} pairs; expected 20")
    return Difference(float(differences.mean()), float(STUDENT_20 * differences.std(ddof=1) / np.sqrt(20)))


def seeds_needed(deviation: float, difference: float, level: float = 0.05, power: float = 0.8) -> int:
    """How many pairs show a difference of this size in so many of all cases (``power``), by the normal law.

    Args:
        deviation: standard deviation of the paired differences.
        difference: the true mean difference.
        level: the share of false alarms.
        power: the share of cases in which it is seen.

    Example:
        >>> seeds_needed(deviation=0.4, difference=0.2), seeds_needed(deviation=0.4, difference=0.1)
        (32, 126)
    """
    quantiles = NormalDist().inv_cdf(1 - level / 2) + NormalDist().inv_cdf(power)
    return int(np.ceil((quantiles * deviation / difference) ** 2))


def rank_correlation(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """Spearman's: 1 if both order the labels alike, 0 if the orders have nothing in common, −1 if they are opposite.

    >>> rank_correlation({"a": 1.0, "b": 2.0, "c": 5.0}, {"a": 0.1, "b": 7.0, "c": 8.0})
    1.0
    """
    ranks = ranks_of(list(first.values())), ranks_of([second[label] for label in first])
    return float(np.round(np.corrcoef(ranks[0], ranks[1])[0, 1], 12))


def ranks_of(values: Sequence[float]) -> np.ndarray:
    """Ranks from 1 for the smallest; equal ones share the mean of theirs.

    >>> ranks_of([0.5, 0.1, 0.5]).tolist()
    [2.5, 1.0, 2.5]
    """
    array = np.asarray(values)
    below = (array[None, :] < array[:, None]).sum(axis=1)
    equal = (array[None, :] == array[:, None]).sum(axis=1)
    return below + (equal + 1) / 2


def best_after(results: Results, label: str, epoch: int) -> tuple[float, float]:
    """The best median of the metric after so many epochs over all rates; and that rate."""
    goodness = results.task.metrics[results.task.metric].goodness
    found = []
    for setting in results.spaces[label].settings:
        median = float(results.curves(label, setting=setting).median[epoch - 1])
        found.append((median, float(setting.values["learning_rate"])))
    return max(found, key=lambda pair: goodness(pair[0]))


def epochs_to(results: Results, label: str, target: float) -> np.ndarray:
    """Epochs until the metric is as good as the target, seed by seed; ∞ where it never is."""
    metric = results.task.metrics[results.task.metric]
    runs = metric.goodness(results.curves(label).runs) >= metric.goodness(target)
    return np.where(runs.any(axis=1), runs.argmax(axis=1) + 1.0, np.inf)


def fitted_slope(rates: np.ndarray, skip: int = 30) -> float:
    """Slope of log rate against log step, without the first steps.

    >>> round(fitted_slope(1 / np.arange(1, 100)), 6)
    -1.0
    """
    t = np.arange(1, len(rates) + 1)
    return float(np.polyfit(np.log(t[skip:]), np.log(rates[skip:]), 1)[0])


def best_rate(results: Results, label: str) -> float:
    """The rate of the best setting."""
    return float(results.best(label).setting.values["learning_rate"])


def goodness_after(results: Results, labels: list[str], epoch: int) -> dict[str, float]:
    """The best setting's median after so many epochs; of a loss its negative, so that more is better."""
    of = results.task.metrics[results.task.metric]
    return {label: float(of.goodness(results.curves(label).median[epoch - 1])) for label in labels}


def neighbours(results: Results, groups: tuple[str, ...], scale: float) -> list[tuple[str, str, str, int]]:
    """Rows of labels that begin so, by their mean: one, the next, their paired difference, the seeds it would take."""
    found = {label: finals_of(results, label, scale) for label in results.labels if label.startswith(groups)}
    ranked = sorted(found, key=lambda label: -found[label].mean())
    rows = []
    for first, second in pairwise(ranked):
        differences = found[first] - found[second]
        needed = seeds_needed(float(differences.std(ddof=1)), max(float(differences.mean()), 1e-3))
        rows.append((first, second, str(paired(found[first], found[second])), needed))
    return rows
