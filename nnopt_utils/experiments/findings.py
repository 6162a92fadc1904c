"""What is read off the runs of a search: a setting's result, curves, the range of rates that work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnopt_utils.experiments.spaces import Setting
from nnopt_utils.experiments.tasks import Metric


@dataclass(frozen=True)
class SettingResult:
    """How one setting did over the seeds.

    Attributes:
        label: of its optimizer.
        setting: the setting; ``setting.values`` are its hyperparameters and ``setting.build()`` makes the optimizer.
        metric: what was measured.
        finals: seed → the metric after the last epoch (never the best epoch); −∞ or ∞, the worst there is, if the run
            diverged or failed.
        median: of the finals.
        low, high: the band: quartiles, or minimum and maximum of four seeds or fewer.
        diverged, failed: how many runs did.
        at_edge: the searched numbers that are the smallest or largest of their space: a better one may lie outside.

    Example:
        >>> from nnopt_utils.datasets import two_moons
        >>> from nnopt_utils.experiments import Space, Task, search
        >>> from nnopt_utils.optimizers import SGD
        >>> x, y = two_moons(60)
        >>> task = Task([2, 8, 2], (x[:40], y[:40], x[40:], y[40:]), epochs=5)
        >>> spaces = {"SGD": Space(SGD, learning_rate=[0.001, 0.1, 1e30])}
        >>> results = search(task, spaces, seeds=[0, 1], n_jobs=1, progress=False)
        >>> [(result.setting, result.diverged) for result in results.settings("SGD")]
        [(learning_rate=0.001, 0), (learning_rate=0.1, 0), (learning_rate=1e+30, 2)]
        >>> best = results.best("SGD")
        >>> best.setting.values, best.low <= best.median <= best.high, best.at_edge
        ({'learning_rate': 0.1}, True, ())
    """

    label: str
    setting: Setting
    metric: str
    finals: dict[int, float]
    median: float
    low: float
    high: float
    diverged: int
    failed: int
    at_edge: tuple[str, ...]


@dataclass(frozen=True)
class Curves:
    """A metric along the runs of one setting, seed by seed.

    Attributes:
        epochs: after which it was measured, shape (n,).
        metric: what was measured.
        runs: shape (seeds, n); from where a run diverged on, −∞ or ∞, the worst there is.
        median, low, high: over the seeds, shape (n,); the band as in ``SettingResult``.

    Example:
        >>> from nnopt_utils.datasets import two_moons
        >>> from nnopt_utils.experiments import Space, Task, search
        >>> from nnopt_utils.optimizers import SGD
        >>> x, y = two_moons(60)
        >>> task = Task([2, 8, 2], (x[:40], y[:40], x[40:], y[40:]), epochs=5)
        >>> spaces = {"SGD": Space(SGD, learning_rate=[0.001, 0.1, 1e30])}
        >>> results = search(task, spaces, seeds=[0, 1], n_jobs=1, progress=False)
        >>> curves = results.curves("SGD", "val_loss")
        >>> curves.epochs.tolist(), curves.runs.shape, curves.median.shape
        ([1, 2, 3, 4, 5], (2, 5), (5,))
    """

    epochs: np.ndarray
    metric: str
    runs: np.ndarray
    median: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class RateCurve:
    """The metric after the last epoch against the learning rate, everything else as in the best setting.

    Attributes:
        label, metric: of which optimizer, and what.
        rates: ascending, shape (n,).
        finals: shape (seeds, n), as in ``SettingResult``.
        median, low, high: over the seeds, shape (n,).
        lost: how many runs diverged or failed, shape (n,).

    Example:
        >>> from nnopt_utils.datasets import two_moons
        >>> from nnopt_utils.experiments import Space, Task, search
        >>> from nnopt_utils.optimizers import SGD
        >>> x, y = two_moons(60)
        >>> task = Task([2, 8, 2], (x[:40], y[:40], x[40:], y[40:]), epochs=5)
        >>> spaces = {"SGD": Space(SGD, learning_rate=[0.001, 0.1, 1e30])}
        >>> results = search(task, spaces, seeds=[0, 1], n_jobs=1, progress=False)
        >>> curve = results.rate_curve("SGD", "val_loss")
        >>> curve.rates.tolist(), curve.lost.tolist(), curve.median[-1]
        ([0.001, 0.1, 1e+30], [0, 0, 2], np.float64(inf))
    """

    label: str
    metric: str
    rates: np.ndarray
    finals: np.ndarray
    median: np.ndarray
    low: np.ndarray
    high: np.ndarray
    lost: np.ndarray


@dataclass(frozen=True)
class Robustness:
    """How much the learning rate may be off.

    Attributes:
        label: of the optimizer.
        best_rate: with the best median.
        lowest, highest: the range of rates around it where the median is within the tolerance.
        decades: log10(highest / lowest).
        open_below, open_above: whether the range ends only where the search did: then it is at least this wide.
        ranges: seed → (lowest, highest) from this seed's runs alone; where none finished, twice its first rate.
        seed_decades: seed → the decades of its range.

    Example:
        >>> from nnopt_utils.datasets import two_moons
        >>> from nnopt_utils.experiments import Space, Task, search
        >>> from nnopt_utils.optimizers import SGD
        >>> x, y = two_moons(60)
        >>> task = Task([2, 8, 2], (x[:40], y[:40], x[40:], y[40:]), epochs=5)
        >>> spaces = {"SGD": Space(SGD, learning_rate=[0.001, 0.1, 1e30])}
        >>> results = search(task, spaces, seeds=[0, 1], n_jobs=1, progress=False)
        >>> found = results.robustness("SGD", within=0.01)
        >>> found.best_rate, found.lowest <= 0.1 <= found.highest, found.open_above
        (0.1, True, False)
    """

    label: str
    best_rate: float
    lowest: float
    highest: float
    decades: float
    open_below: bool
    open_above: bool
    ranges: dict[int, tuple[float, float]]
    seed_decades: dict[int, float]


def curve_through(label: str, metric: str, name: str, settings: Sequence[SettingResult]) -> RateCurve:
    """The curve through settings that differ in the number ``name`` alone.

    Args:
        label: of the optimizer.
        metric: of the finals.
        name: of the number that differs.
        settings: at least two.

    Example:
        >>> from nnopt_utils.datasets import two_moons
        >>> from nnopt_utils.experiments import Space, Task, search
        >>> from nnopt_utils.optimizers import SGD
        >>> x, y = two_moons(60)
        >>> task = Task([2, 8, 2], (x[:40], y[:40], x[40:], y[40:]), epochs=5)
        >>> spaces = {"SGD": Space(SGD, learning_rate=[0.001, 0.1, 1e30])}
        >>> results = search(task, spaces, seeds=[0, 1], n_jobs=1, progress=False)
        >>> curve_through("SGD", "val_loss", "learning_rate", results.settings("SGD", "val_loss")).rates.tolist()
        [0.001, 0.1, 1e+30]
    """
    ordered = sorted(settings, key=lambda result: float(result.setting.values[name]))
    return RateCurve(
        label,
        metric,
        rates=np.array([float(result.setting.values[name]) for result in ordered]),
        finals=np.array([list(result.finals.values()) for result in ordered]).T,
        median=np.array([result.median for result in ordered]),
        low=np.array([result.low for result in ordered]),
        high=np.array([result.high for result in ordered]),
        lost=np.array([result.diverged + result.failed for result in ordered]),
    )


def robustness_of(curve: RateCurve, metric: Metric, seeds: Sequence[int], within: float) -> Robustness:
    """The range of rates around the best of a curve, over the seeds and of each seed.

    Args:
        curve: the metric against the rate.
        metric: says which end is good.
        seeds: of the curve's finals, in order.
        within: the tolerance, in units of the metric.

    Example:
        >>> rates, losses = np.array([0.01, 0.1, 1.0]), np.array([0.5, 0.1, 0.9])
        >>> curve = RateCurve("SGD", "val_loss", rates, losses[None], losses, losses, losses, np.zeros(3))
        >>> found = robustness_of(curve, Metric(), seeds=[0], within=0.2)
        >>> found.best_rate, round(found.decades, 2)      # half the way down to 0.01, a quarter of the way up to 1
        (0.1, 0.75)
    """
    logs = np.log10(curve.rates)
    low, high, best = _range_within(logs, metric.goodness(curve.median), within)
    single = {
        seed: _range_within(logs, metric.goodness(finals), within)[:2]
        for seed, finals in zip(seeds, curve.finals, strict=True)
    }
    return Robustness(
        curve.label,
        float(curve.rates[best]),
        10**low,
        10**high,
        high - low,
        bool(low == logs[0]),
        bool(high == logs[-1]),
        {seed: (10**low, 10**high) for seed, (low, high) in single.items()},
        {seed: high - low for seed, (low, high) in single.items()},
    )


def _range_within(logs: np.ndarray, goodness: np.ndarray, within: float) -> tuple[float, float, int]:
    """The range of log rates around the best where the goodness is at most ``within`` below; and the best's index."""
    best = int(np.argmax(goodness))
    if not np.isfinite(goodness[best]):
        return float(logs[best]), float(logs[best]), best
    floor = goodness[best] - within

    def end(step: int) -> float:
        i = best
        while 0 <= i + step < len(logs):
            outer = goodness[i + step]
            if outer < floor:
                share = (goodness[i] - floor) / (goodness[i] - outer)  # 0 if the outer one is −∞
                return float(logs[i] + share * (logs[i + step] - logs[i]))
            i += step
        return float(logs[i])

    return end(-1), end(1), best
