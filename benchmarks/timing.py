"""Timing that holds on a shared machine: interleaved pairs, medians, ratios within one run."""

from __future__ import annotations

import gc
import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from nnopt_utils._tables import markdown

ROOT = Path(__file__).resolve().parent.parent
COMPARED = ("keras", "torch", "jax", "scikit-learn")


@dataclass(frozen=True)
class Target:
    """What a measurement has to reach: a bound on its ratio, or on its median.

    >>> str(at_least(4.5)), str(at_most(0.3, of="median", unit="s"))
    ('ratio ≥ 4.5', 'median ≤ 300 ms')
    """

    of: str
    sense: str
    bound: float
    unit: str = ""

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.sense == "≥" else value <= self.bound

    def __str__(self) -> str:
        bound = f"{self.bound:g}" if not self.unit else " ".join(_amounts(self.unit, self.bound))
        return f"{self.of} {self.sense} {bound}"


def at_least(bound: float, of: str = "ratio", unit: str = "") -> Target:
    """A target for what should be large."""
    return Target(of, "≥", bound, unit)


def at_most(bound: float, of: str = "ratio", unit: str = "") -> Target:
    """A target for what should be small."""
    return Target(of, "≤", bound, unit)


@dataclass(frozen=True)
class Measurement:
    """One line of the table: a time (or a size), and how it compares with another of the same run.

    Attributes:
        subject: the benchmark it belongs to, as on the command line.
        name: what was measured.
        median: of the repeats, in ``unit``.
        low, high: their quartiles.
        repeats: how many there were.
        against: what the ratio compares with.
        ratio: median of the paired ratios: this one's value over the other's, repeat by repeat.
        ratio_low, ratio_high: the quartiles of those ratios.
        unit: "s", "B", "evaluations", "updates/s" or "B/s".
        target: what the ratio or the median has to reach, if there is such a bound.
    """

    subject: str
    name: str
    median: float
    low: float
    high: float
    repeats: int
    against: str
    ratio: float
    ratio_low: float
    ratio_high: float
    unit: str = "s"
    target: Target | None = None

    @property
    def met(self) -> bool | None:
        """Is the target reached? ``None`` without one."""
        return None if self.target is None else self.target.is_met(getattr(self, self.target.of))

    @property
    def reached(self) -> str:
        """What the target is about, as text: the ratio, or the median with its unit."""
        if self.target is not None and self.target.of == "median":
            return " ".join(_amounts(self.unit, self.median))
        return f"{self.ratio:.2f}"


def interleaved(functions: Mapping[str, Callable[[], Any]], repeats: int, warmups: int = 1) -> dict[str, list[float]]:
    """Time functions by turns, so that a slow moment of the machine meets all of them.

    Every round calls each function once, in an order that is reversed from round to round. A function may
    return a float: the seconds it has measured itself.

    >>> times = interleaved({"a": lambda: None, "b": lambda: 0.5}, repeats=3)
    >>> len(times["a"]), times["b"]
    (3, [0.5, 0.5, 0.5])
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    names = list(functions)
    for round_number in range(-warmups, repeats):
        for name in names if round_number % 2 else reversed(names):
            seconds = _once(functions[name])
            if round_number >= 0:
                times[name].append(seconds)
    return times


def _once(function: Callable[[], Any]) -> float:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        begun = time.perf_counter()
        result = function()
        seconds = time.perf_counter() - begun
    finally:
        if was_enabled:
            gc.enable()
    return result if isinstance(result, float) else seconds


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile.

    >>> quartiles([3.0, 1.0, 2.0])
    (1.5, 2.0, 2.5)
    """
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, statistics.median(values), high


def compared(
    subject: str,
    name: str,
    values: list[float],
    against: str,
    other_values: list[float],
    *,
    unit: str = "s",
    target: Target | None = None,
) -> Measurement:
    """Sum up the repeats of one function, compared pair by pair with those of another.

    >>> compared("toy", "slow", [2.0, 4.0], "fast", [1.0, 2.0]).ratio
    2.0
    """
    low, median, high = quartiles(values)
    ratio_low, ratio, ratio_high = quartiles([a / b for a, b in zip(values, other_values, strict=True)])
    spread = (median, low, high, len(values))
    return Measurement(subject, name, *spread, against, ratio, ratio_low, ratio_high, unit, target)


def as_markdown(figures: list[Measurement], judged: bool = True) -> str:
    """The figures as a Markdown table. Targets are ``judged`` where the sizes are those they are meant for.

    >>> print(as_markdown([compared("toy", "slow", [2.0, 4.0], "fast", [1.0, 2.0], target=at_most(1.5))]))
    | subject | what | median | quartiles | ratio | quartiles | against | target |
    | :--- | :--- | ---: | ---: | ---: | ---: | :--- | :--- |
    | toy | slow | 3.00 s | 2.50 … 3.50 s | **2.00** | 2.00 … 2.00 | fast | ratio ≤ 1.5, **missed** |
    """
    rows = [["subject", "what", "median", "quartiles", "ratio", "quartiles", "against", "target"]]
    for f in figures:
        median, low, high, unit = _amounts(f.unit, f.median, f.low, f.high)
        values = f"{median} {unit}", f"{low} … {high} {unit}"
        ratio = f"**{f.ratio:.2f}**", f"{f.ratio_low:.2f} … {f.ratio_high:.2f}"
        rows.append([f.subject, f.name, *values, *ratio, f.against, _verdict(f, judged)])
    return markdown(rows, right=[False, False, True, True, True, True, False, False])


def _verdict(f: Measurement, judged: bool) -> str:
    if f.target is None:
        return ""
    return f"{f.target}, {'met' if f.met else '**missed**'}" if judged else str(f.target)


_UNITS = {"s": [("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)], "B": [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)]}
_UNITS |= {unit: [(unit, 1.0)] for unit in ("evaluations", "updates/s")}
_UNITS["B/s"] = [(f"{name}/s", scale) for name, scale in _UNITS["B"]]


def _amounts(unit: str, *values: float) -> list[str]:
    """Numbers with three digits, and at the end the unit that suits the first of them."""
    name, scale = next(((n, s) for n, s in _UNITS[unit] if values[0] >= s), _UNITS[unit][-1])
    return [*(_three_digits(value / scale) for value in values), name]


def _three_digits(value: float) -> str:
    """All digits before the point, where these are more.

    >>> _three_digits(0.5), _three_digits(123.4), _three_digits(1234.5)
    ('0.500', '123', '1,234')
    """
    return f"{value:,.0f}" if value >= 999.5 else f"{value:#.3g}".rstrip(".")


def machine() -> dict[str, str]:
    """What the figures depend on: processor, cores, versions, BLAS, and how busy the machine is."""
    blas = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": ", ".join(f"{b['internal_api']} {b['version']} ({b.get('architecture', '?')})" for b in blas)
        or "unknown",
        **{package: version(package) for package in COMPARED},
        "load average": f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown",
    }


def version(package: str) -> str:
    """The version of an installed package, or "not installed": the others cannot be compared with.

    >>> version("a-package-that-nobody-wrote")
    'not installed'
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
