"""Timing that holds on a shared machine: interleaved pairs, medians, ratios within one run."""

from __future__ import annotations

import gc
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


@dataclass(frozen=True)
class Figure:
    """One line of the table: a time, and how it compares with another of the same run.

    Attributes:
        subject: the benchmark it belongs to, as on the command line.
        name: what was timed.
        seconds: median of the repeats.
        low, high: their quartiles.
        repeats: how many there were.
        against: what the ratio compares with; empty if with nothing.
        ratio: median of the paired ratios: this one's seconds over the other's, repeat by repeat.
        ratio_low, ratio_high: the quartiles of those ratios.
    """

    subject: str
    name: str
    seconds: float
    low: float
    high: float
    repeats: int
    against: str = ""
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None


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


def figure(
    subject: str, name: str, seconds: list[float], against: str = "", other_seconds: list[float] | None = None
) -> Figure:
    """Sum up the repeats of one function, compared pair by pair with those of another.

    >>> figure("toy", "slow", [2.0, 4.0], "fast", [1.0, 2.0]).ratio
    2.0
    """
    low, median, high = quartiles(seconds)
    if other_seconds is None:
        return Figure(subject, name, median, low, high, len(seconds))
    ratios = [a / b for a, b in zip(seconds, other_seconds, strict=True)]
    ratio_low, ratio, ratio_high = quartiles(ratios)
    return Figure(subject, name, median, low, high, len(seconds), against, ratio, ratio_low, ratio_high)


def table(figures: list[Figure]) -> str:
    """The figures as a Markdown table.

    >>> print(table([figure("toy", "slow", [2.0, 4.0], "fast", [1.0, 2.0])]))
    | subject | what | median | quartiles | ratio | quartiles | against |
    |---|---|---:|---:|---:|---:|---|
    | toy | slow | 3.00 s | 2.50 … 3.50 s | **2.00** | 2.00 … 2.00 | fast |
    """
    lines = [
        "| subject | what | median | quartiles | ratio | quartiles | against |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for f in figures:
        unit, scale = _unit(f.seconds)
        median, low, high = (_three_digits(seconds * scale) for seconds in (f.seconds, f.low, f.high))
        times = f"{median} {unit}", f"{low} … {high} {unit}"
        ratio = ("", "") if f.ratio is None else (f"**{f.ratio:.2f}**", f"{f.ratio_low:.2f} … {f.ratio_high:.2f}")
        lines.append("| " + " | ".join([f.subject, f.name, *times, *ratio, f.against]) + " |")
    return "\n".join(lines)


def _three_digits(number: float) -> str:
    return f"{number:#.3g}".rstrip(".")


def _unit(seconds: float) -> tuple[str, float]:
    if seconds >= 1:
        return "s", 1.0
    return ("ms", 1e3) if seconds >= 1e-3 else ("µs", 1e6)


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
        "load average": f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown",
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
