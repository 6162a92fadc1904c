"""``python -m benchmarks [SUBJECT …] [--check] [--quick] [--full] [--avx2] [--json PATH]``: print a table of ratios."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import (
    blocks,
    cold,
    compression,
    explorers,
    fit,
    frameworks,
    hogwild,
    imports,
    load,
    memory,
    parallel,
    scipy_side_by_side,
    second_order,
)
from benchmarks.timing import Measurement, as_markdown, machine

SUBJECTS: dict[str, Callable[[bool], list[Measurement]]] = {
    "import": imports.measure,
    "load": load.measure,
    "memory": memory.measure,
    "blocks": blocks.measure,
    "fit": fit.measure,
    "frameworks": frameworks.measure,
    "cold": cold.measure,
    "explorers": explorers.measure,
    "second_order": second_order.measure,
    "hogwild": hogwild.measure,
    "parallel": parallel.measure,
    "compression": compression.measure,
    "scipy": scipy_side_by_side.measure,
}

# Makes NumPy, its BLAS and the frameworks do without AVX-512, as on a processor that has only AVX2.
AVX2 = {
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen benchmarks, print their table, write it as JSON where asked.

    Returns:
        1 if targets are to be checked and one of them is missed, else 0.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="subject", help=f"which: {', '.join(SUBJECTS)} (default: all)")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    parser.add_argument("--quick", action="store_true", help="small sizes, few repeats: does it run?")
    parser.add_argument("--full", action="store_true", help="compression: run chapter 11's tables again, too (long)")
    parser.add_argument("--avx2", action="store_true", help="without AVX-512, as on a processor that has only AVX2")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there, too")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.subjects) - set(SUBJECTS))
    if unknown:
        parser.error(f"got {', '.join(unknown)}; expected some of {', '.join(SUBJECTS)}")
    if options.check and options.quick:
        parser.error("got --check and --quick; expected one of them: targets hold at full size")
    if options.full and (options.quick or "compression" not in options.subjects):
        parser.error("got --full; expected it with the subject compression, and without --quick")

    if options.avx2:  # the libraries look at their variables when they are imported
        given = sys.argv[1:] if arguments is None else arguments
        again = [sys.executable, "-m", "benchmarks", *(word for word in given if word != "--avx2")]
        return subprocess.run(again, env=os.environ | AVX2, check=False).returncode
    about = machine()
    print(", ".join(f"{key}: {value}" for key, value in about.items()), end="\n\n", flush=True)
    figures = [
        f
        for name, run in SUBJECTS.items()
        if not options.subjects or name in options.subjects
        for f in run(options.quick)
    ]
    print(as_markdown(figures, judged=not options.quick))
    absent = [package for package, version in about.items() if version == "not installed"]
    if absent:
        print(f"\nNot installed, so not compared: {', '.join(absent)} (pip install -e '.[bench]')")
    if options.full:
        print("", *compression.measure_tables(), sep="\n")
    if options.json:
        content = {"machine": about, "quick": options.quick, "figures": [asdict(f) for f in figures]}
        options.json.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return _report_targets(figures) if options.check else 0


def _report_targets(figures: list[Measurement]) -> int:
    """Print how many targets are reached and which are not; return 1 if one is not."""
    missed = [f for f in figures if f.target is not None and not f.met]
    print(f"\nTargets: {sum(f.met is True for f in figures)} met, {len(missed)} missed")
    for f in missed:
        print(f"  {f.subject}: {f.name} against {f.against}: {f.target}, got {f.reached}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
