"""``python -m nnopt_utils``: the course's commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from nnopt_utils import __version__, doctor

COMMANDS = {
    "doctor": (doctor.main, "check that this machine is ready for the course"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; a wrong one exits with 2 and the list of valid ones."""
    parser = argparse.ArgumentParser(prog="python -m nnopt_utils", description="The course's commands.")
    parser.add_argument("--version", action="version", version=f"nnopt {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (_, summary) in COMMANDS.items():
        commands.add_parser(name, help=summary, description=summary)
    run, _ = COMMANDS[parser.parse_args(arguments).command]
    return run()


if __name__ == "__main__":
    sys.exit(main())
