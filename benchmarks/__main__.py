"""``python -m benchmarks [fit] [import] [load] [blocks] [--quick] [--json PATH]``: print a table of ratios."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import blocks, fit, imports, load
from benchmarks.timing import Figure, machine, table

SUBJECTS: dict[str, Callable[[bool], list[Figure]]] = {
    "import": imports.measure,
    "load": load.measure,
    "blocks": blocks.measure,
    "fit": fit.measure,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the chosen benchmarks, print their table and write it as JSON where asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="subject", help=f"which: {', '.join(SUBJECTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes, few repeats: does it run?")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there, too")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.subjects) - set(SUBJECTS))
    if unknown:
        parser.error(f"got {', '.join(unknown)}; expected some of {', '.join(SUBJECTS)}")

    about = machine()
    print(", ".join(f"{key}: {value}" for key, value in about.items()), end="\n\n")
    figures = [
        f
        for name, run in SUBJECTS.items()
        if not options.subjects or name in options.subjects
        for f in run(options.quick)
    ]
    print(table(figures))
    if options.json:
        content = {"machine": about, "quick": options.quick, "figures": [asdict(f) for f in figures]}
        options.json.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
