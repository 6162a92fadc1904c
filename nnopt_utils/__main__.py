"""``nnopt`` or ``python -m nnopt_utils``: the course's commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from nnopt_utils import __version__, doctor, lab
from nnopt_utils._commands import again, program


def _doctor(arguments: Sequence[str]) -> int:
    summary = COMMANDS["doctor"][1]
    argparse.ArgumentParser(prog=f"{program()} doctor", description=summary).parse_args(arguments)
    return doctor.main()


def _compare(arguments: Sequence[str]) -> int:
    # Imported here: the doctor must run where nothing else is installed.
    try:
        from nnopt_utils import compare
    except ImportError as error:
        print(f"{program()} compare: error: {error}; run `{again()} doctor`", file=sys.stderr)
        return 2
    return compare.main(arguments)


COMMANDS: dict[str, tuple[Callable[[Sequence[str]], int], str]] = {
    "doctor": (_doctor, "check that this machine is ready for the course"),
    "compare": (_compare, "train the same network here and in Keras, and compare"),
    "lab": (lab.main, "open your own copies of the chapters in JupyterLab"),
    "reset": (lab.reset, "start a chapter afresh, and keep your copy beside it"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; without one, print the help.

    A wrong one exits with 2 and the list of valid ones.
    """
    parser = argparse.ArgumentParser(prog=program(), description="The course's commands.")
    parser.add_argument("--version", action="version", version=f"nnopt {__version__}")
    commands = parser.add_subparsers(dest="command")
    for name, (_, summary) in COMMANDS.items():
        # Each command reads its own arguments, --help included.
        commands.add_parser(name, help=summary, add_help=False)
    options, rest = parser.parse_known_args(arguments)
    if options.command is None:
        if rest:
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        parser.print_help()
        return 0
    run, _ = COMMANDS[options.command]
    return run(rest)


if __name__ == "__main__":
    sys.exit(main())
