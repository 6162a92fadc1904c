"""What a search found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nnopt_utils._tables import Records
from nnopt_utils._validation import check_choice, check_number
from nnopt_utils.experiments.bands import band, band_name
from nnopt_utils.experiments.findings import Curves, RateCurve, Robustness, SettingResult, curve_through, robustness_of
from nnopt_utils.experiments.running import check_seeds, in_parallel
from nnopt_utils.experiments.spaces import Setting, Space
from nnopt_utils.experiments.targets import COLUMNS, first_reaching, median_times, with_target
from nnopt_utils.experiments.tasks import METRICS, Metric, Task


class Results:
    """All runs of a search, and what follows from them. Made by ``search``.

    A setting is judged by the median over its seeds of the metric **after the last epoch**: the best epoch of many is a
    lucky one. A run that diverged or failed counts as −∞ (where more is better) or ∞: it is not left out, which would
    make a setting look good that works for one seed in three. If half of the runs or more are lost, so is the median,
    shown as "diverged". Bands are the quartiles; of four seeds or fewer, minimum and maximum.

    Attributes:
        task, spaces, seeds: what was searched.
        rows: one dict a run, by label, setting and seed: ``label``, ``optimizer``, ``setting``, ``seed``, ``status``
            (``"finished"``, ``"diverged"``, ``"failed"``), ``message``, the metrics after the last epoch (``None``
            unless finished), ``steps``, ``seconds`` (of training), steps, epochs and seconds to the target (``None`` if
            it was not reached), and ``curves``: the metrics and seconds at each point as far as the run came.
        interrupted: whether the search was stopped before its end.

    Example:
        >>> from nnopt_utils.datasets import two_moons
        >>> from nnopt_utils.experiments import search
        >>> from nnopt_utils.optimizers import SGD
        >>> x, y = two_moons(60)
        >>> task = Task([2, 8, 2], (x[:40], y[:40], x[40:], y[40:]), epochs=5)
        >>> spaces = {"SGD": Space(SGD, learning_rate=[0.001, 0.1, 1e30])}
        >>> results = search(task, spaces, seeds=[0, 1], n_jobs=1, progress=False)
        >>> results.best("SGD").setting, [found.diverged for found in results.settings("SGD")]
        (learning_rate=0.1, [0, 0, 2])
        >>> row = results.summary()[0]
        >>> row["setting"], row["runs"], row["diverged"]
        ('learning_rate=0.1', '6 of 6', 2)
    """

    def __init__(
        self,
        task: Task,
        spaces: Mapping[str, Space],
        seeds: Sequence[int],
        rows: list[dict[str, Any]],
        interrupted: bool = False,
    ) -> None:
        self.task, self.spaces, self.seeds, self.interrupted = task, dict(spaces), tuple(seeds), interrupted
        self.rows = [with_target(row, task) for row in rows]
        self._by_setting: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
        for row in self.rows:
            self._by_setting.setdefault((row["label"], repr(row["setting"])), {})[row["seed"]] = row
        self._tests: dict[tuple[str, tuple[int, ...]], SettingResult] = {}

    @property
    def labels(self) -> list[str]:
        """The optimizers, in the order given."""
        return list(self.spaces)

    @property
    def missing(self) -> int:
        """How many runs there are still to do."""
        return sum(map(len, self.spaces.values())) * len(self.seeds) - len(self.rows)

    # -- settings ----------------------------------------------------------------------------------------------------

    def settings(self, label: str, metric: str | None = None) -> list[SettingResult]:
        """Every setting of an optimizer that has all its seeds, in the order of its space.

        Args:
            label: of the optimizer.
            metric: one of the task's; default the one that decides.

        Raises:
            ValueError: an unknown label or metric.
        """
        metric = self._check(label, metric)
        found = [self._result(label, setting, metric) for setting in self.spaces[label].settings]
        return [result for result in found if result is not None]

    def best(self, label: str, metric: str | None = None) -> SettingResult:
        """The setting with the best median; of equals, the first.

        Args:
            label: of the optimizer.
            metric: what decides; default the task's.

        Raises:
            ValueError: an unknown label or metric; no setting has all its seeds yet.
        """
        metric = self._check(label, metric)
        found = self.settings(label, metric)
        if not found:
            raise ValueError(
                f"label: no setting of {label!r} has all its {len(self.seeds)} seeds; go on with the search"
            )
        return max(found, key=lambda result: self.task.metrics[metric].goodness(result.median))

    def _result(self, label: str, setting: Setting, metric: str) -> SettingResult | None:
        rows = self._rows_of(label, setting)
        if len(rows) < len(self.seeds):
            return None
        finals = {row["seed"]: _or_worst(row[metric], self.task.metrics[metric]) for row in rows}
        lost = [row["status"] for row in rows]
        return SettingResult(
            label,
            setting,
            metric,
            finals,
            *band(list(finals.values())),
            lost.count("diverged"),
            lost.count("failed"),
            self._at_edge(label, setting),
        )

    def _rows_of(self, label: str, setting: Setting) -> list[dict[str, Any]]:
        found = self._by_setting.get((label, repr(setting.identity)), {})
        return [found[seed] for seed in self.seeds if seed in found]

    def _at_edge(self, label: str, setting: Setting) -> tuple[str, ...]:
        """The searched numbers at an end of what was tried. With two values both are ends, which says nothing."""
        names = []
        for name in setting.searched:
            tried = {_number(other.values[name]) for other in self.spaces[label].settings}
            if None not in tried and len(tried) > 2 and _number(setting.values[name]) in (min(tried), max(tried)):  # type: ignore[type-var]
                names.append(name)
        return tuple(names)

    # -- tables ------------------------------------------------------------------------------------------------------

    def summary(self) -> Records:
        """One row an optimizer: the setting chosen, its median and band, what was lost, the time to the target.

        Columns: ``label``, ``setting``, the metric (its median over seeds), ``low`` and ``high`` (the band) and
        ``band`` (what it is), ``settings`` (how many were tried), ``runs`` (finished of all), ``diverged`` and
        ``failed`` (of all runs), ``at_edge``, and with a target the median ``…_to_target`` of the chosen setting.
        """
        rows = [self._summary(label) for label in self.labels]
        infinities = {name: "diverged" for name in (self.task.metric, "low", "high")}
        return Records(rows, infinities | dict.fromkeys(COLUMNS, "never"))

    def _summary(self, label: str) -> dict[str, Any]:
        rows = [row for row in self.rows if row["label"] == label]
        status = [row["status"] for row in rows]
        best = self.best(label) if self.settings(label) else None
        row = {
            "label": label,
            "setting": repr(best.setting) if best else "not finished",
            self.task.metric: best.median if best else None,
            "low": best.low if best else None,
            "high": best.high if best else None,
            "band": band_name(len(self.seeds)),
            "settings": len(self.spaces[label]),
            "runs": f"{len(rows)} of {len(self.spaces[label]) * len(self.seeds)}",
            "diverged": status.count("diverged"),
            "failed": status.count("failed"),
            "at_edge": ", ".join(best.at_edge) if best else "",
        }
        if self.task.target is not None:
            goal = self.task.target
            row |= median_times(self._rows_of(label, best.setting), goal, self.task) if best else dict.fromkeys(COLUMNS)
        return row

    def time_to_target(self, target: float | None = None, metric: str | None = None) -> Records:
        """One row an optimizer: how soon its chosen setting reaches a target.

        Args:
            target: the value of the metric to reach; default the task's target.
            metric: of the target; default the task's metric.

        Returns:
            Columns ``label``, ``setting``, ``reached`` (how many of the seeds), and the median epochs, steps and
            seconds of training. A run that never reaches the target counts as ∞. Reaching is looked at where the
            metric is measured: after each epoch.

        Raises:
            ValueError: no target here, nor in the task; a label without a finished setting.

        Example:
            >>> from nnopt_utils.experiments import search
            >>> from nnopt_utils.optimizers import SGD
            >>> data = [[0.0], [1.0]], [0.0, 1.0], [[0.0], [1.0]], [0.0, 1.0]
            >>> task = Task([1, 1], data, epochs=100, loss="mse")
            >>> spaces = {"SGD": Space(SGD, learning_rate=[0.001, 0.01, 0.1])}
            >>> results = search(task, spaces, seeds=[0, 1, 2], n_jobs=1, progress=False)
            >>> row = results.time_to_target(target=0.1)[0]
            >>> row["setting"], row["reached"], row["epochs_to_target"] < 100
            ('learning_rate=0.1', '3 of 3', True)
        """
        goal = self.task.target
        if target is not None:
            metric = check_choice("metric", metric or self.task.metric, self.task.metrics)
            goal = metric, check_number("target", target)
        if goal is None:
            raise ValueError("target: got None, and the task has no target; expected a number")
        rows = []
        for label in self.labels:
            best = self.best(label)
            runs = self._rows_of(label, best.setting)
            reached = sum(first_reaching(run, goal, self.task) is not None for run in runs)
            row = {"label": label, "setting": repr(best.setting), "reached": f"{reached} of {len(runs)}"}
            rows.append(row | median_times(runs, goal, self.task))
        return Records(rows, dict.fromkeys(COLUMNS, "never"))

    # -- curves ------------------------------------------------------------------------------------------------------

    def curves(self, label: str, metric: str | None = None, setting: Setting | None = None) -> Curves:
        """A metric at every epoch, of the best setting or another.

        Args:
            label: of the optimizer.
            metric: one of the task's; default the one that decides.
            setting: which; default the best.

        Raises:
            ValueError: an unknown label or metric.

        Example:
            >>> from nnopt_utils.experiments import search
            >>> from nnopt_utils.optimizers import SGD
            >>> data = [[0.0], [1.0]], [0.0, 1.0], [[0.0], [1.0]], [0.0, 1.0]
            >>> task = Task([1, 1], data, epochs=100, loss="mse")
            >>> spaces = {"SGD": Space(SGD, learning_rate=[0.001, 0.01, 0.1])}
            >>> results = search(task, spaces, seeds=[0, 1, 2], n_jobs=1, progress=False)
            >>> curves = results.curves("SGD")
            >>> curves.metric, curves.runs.shape, bool(curves.median[-1] < curves.median[0])
            ('val_loss', (3, 100), True)
        """
        metric = self._check(label, metric)
        setting = self.best(label).setting if setting is None else setting
        epochs, of = self.task.epochs, self.task.metrics[metric]
        runs = np.array([_padded(row["curves"][metric], epochs, of) for row in self._rows_of(label, setting)])
        bands = np.array([band(column) for column in runs.T])
        return Curves(np.arange(1, epochs + 1), metric, runs, *bands.T)

    def rate_curve(self, label: str, metric: str | None = None, name: str = "learning_rate") -> RateCurve:
        """The metric after the last epoch against the learning rate, everything else as in the best setting.

        Args:
            label: of the optimizer.
            metric: one of the task's; default the one that decides.
            name: of another number that was searched; default the learning rate.

        Raises:
            ValueError: the learning rate was not searched, or all settings differ from the best in something else.

        Example:
            >>> from nnopt_utils.experiments import search
            >>> from nnopt_utils.optimizers import SGD
            >>> data = [[0.0], [1.0]], [0.0, 1.0], [[0.0], [1.0]], [0.0, 1.0]
            >>> task = Task([1, 1], data, epochs=100, loss="mse")
            >>> spaces = {"SGD": Space(SGD, learning_rate=[0.001, 0.01, 0.1])}
            >>> results = search(task, spaces, seeds=[0, 1, 2], n_jobs=1, progress=False)
            >>> results.rate_curve("SGD").rates.tolist()
            [0.001, 0.01, 0.1]
        """
        metric = self._check(label, metric)
        best = self.best(label, metric).setting
        if name not in best.searched or _number(best.values[name]) is None:
            raise ValueError(f"{name}: {label!r} has no numbers of it to compare; expected a searched {name}")
        same = [
            result
            for result in self.settings(label, metric)
            if all(result.setting.identity[other] == best.identity[other] for other in best.searched if other != name)
        ]
        if len(same) < 2:
            raise ValueError(f"{name}: no two settings of {label!r} differ in it alone; expected a grid")
        return curve_through(label, metric, name, same)

    def robustness(self, label: str, within: float = 0.01, metric: str | None = None) -> Robustness:
        """How many decades of the learning rate are nearly as good as the best of them.

        The range around the best rate in which the median stays within the tolerance. Between two rates tried, the
        crossing is read off the straight line over log η; next to a rate at which the median diverged, the range ends
        at the last rate that did not.

        Args:
            label: of the optimizer.
            within: the tolerance, in units of the metric; default 0.01: one percentage point of accuracy.
            metric: default the task's.

        Raises:
            ValueError: the learning rate was not searched; an unknown label or metric.

        Example:
            >>> from nnopt_utils.experiments import search
            >>> from nnopt_utils.optimizers import SGD
            >>> data = [[0.0], [1.0]], [0.0, 1.0], [[0.0], [1.0]], [0.0, 1.0]
            >>> task = Task([1, 1], data, epochs=100, loss="mse")
            >>> spaces = {"SGD": Space(SGD, learning_rate=[0.001, 0.01, 0.1])}
            >>> results = search(task, spaces, seeds=[0, 1, 2], n_jobs=1, progress=False)
            >>> found = results.robustness("SGD", within=0.01)
            >>> found.best_rate, found.open_above     # the largest tried: there may be better ones
            (0.1, True)
        """
        check_number("within", within, low=0.0)
        curve = self.rate_curve(label, metric)
        return robustness_of(curve, self.task.metrics[curve.metric], self.seeds, within)

    # -- test data ---------------------------------------------------------------------------------------------------

    def test(self, label: str, seeds: Iterable[int] | None = None, n_jobs: int = -1) -> SettingResult:
        """Train the chosen setting again and measure it on the test data: the first time these are looked at.

        Args:
            label: of the optimizer.
            seeds: of the runs; default those of the search. Fresh ones give a figure that the choice has not
                favoured: the search picked the setting that was luckiest with its own.
            n_jobs: as in ``search``.

        Returns:
            Finals, median and band of the test accuracy (for regression, of the test loss). Asked for again, the same
            figure comes back without another run.

        Raises:
            ValueError: the task has no test data; a run was interrupted.

        Example:
            >>> from nnopt_utils.datasets import Dataset, two_moons
            >>> from nnopt_utils.experiments import search
            >>> from nnopt_utils.optimizers import SGD
            >>> x, y = two_moons(80)
            >>> task = Task([2, 8, 2], Dataset(x[:40], y[:40], x[40:60], y[40:60], x[60:], y[60:]), epochs=5)
            >>> spaces = {"SGD": Space(SGD, learning_rate=[0.01, 0.1])}
            >>> results = search(task, spaces, seeds=[0, 1], n_jobs=1, progress=False)
            >>> found = results.test("SGD", seeds=[7, 8, 9], n_jobs=1)
            >>> found.metric, list(found.finals)
            ('test_accuracy', [7, 8, 9])
        """
        best = self.best(label)
        chosen = self.seeds if seeds is None else check_seeds(seeds)
        known = self._tests.get((label, chosen))
        if known is not None:
            return known
        arrays = self.task.test_arrays
        light = self.task.without_data()
        results = dict(in_parallel([(light, "test", best.setting, seed) for seed in chosen], arrays, n_jobs))
        status = [results[i].status for i in range(len(chosen))]
        if "interrupted" in status:
            raise KeyboardInterrupt
        validated = "val_accuracy" if "val_accuracy" in self.task.metrics else "val_loss"
        metric = validated.replace("val", "test")
        finals = {
            seed: results[i].curves[metric][-1] if status[i] == "finished" else METRICS[validated].worst
            for i, seed in enumerate(chosen)
        }
        values = band(list(finals.values()))
        lost = status.count("diverged"), status.count("failed")
        result = SettingResult(label, best.setting, metric, finals, *values, *lost, best.at_edge)
        self._tests[label, chosen] = result
        return result

    # -- looking at it -----------------------------------------------------------------------------------------------

    def _check(self, label: Any, metric: Any) -> str:
        check_choice("label", label, self.labels)
        if metric is None:
            return self.task.metric
        return check_choice("metric", metric, self.task.metrics)

    def _headline(self) -> str:
        lines = [repr(self.task), f"{len(self.rows)} runs, seeds {', '.join(map(str, self.seeds))}"]
        if self.missing:
            lines[1] += f"; {self.missing} missing{' (interrupted)' if self.interrupted else ''}"
        return "\n".join(lines)

    def _shown(self) -> Records:
        """The summary without what the clock decides."""
        summary = self.summary()
        return Records(
            [{k: v for k, v in row.items() if k != "seconds_to_target"} for row in summary], summary.infinities
        )

    def __repr__(self) -> str:
        return f"{self._headline()}\n\n{self._shown()!r}"

    def _repr_markdown_(self) -> str:
        return self._headline().replace("\n", "  \n") + f"\n\n{self._shown()._repr_markdown_()}"


def _or_worst(value: float | None, metric: Metric) -> float:
    return metric.worst if value is None else value


def _padded(values: Sequence[float | None], n: int, metric: Metric) -> list[float]:
    """The curve of a run; from where it ends too soon, the worst value."""
    known = [_or_worst(value, metric) for value in values[:n]]
    return known + [metric.worst] * (n - len(known))


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    return float(value) if is_number else None
