"""``python -m benchmarks.before REVISION``: an epoch of ``fit`` with Adam, an earlier commit's code against today's."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks.frameworks import RIVALS, worker
from benchmarks.timing import ROOT, Measurement, as_markdown, compared, interleaved, machine

OURS = RIVALS[0]


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """Lay an earlier commit's files into a folder of their own, for as long as they are needed."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "earlier"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(root), revision], check=True)
        try:
            yield root
        finally:
            subprocess.run([*git, "remove", "--force", str(root)], check=True)


def measure(revision: str, repeats: int = 21, n_samples: int = 55_000) -> list[Measurement]:
    """Time both, epoch by epoch in turn, at batch sizes 32 and 128."""
    figures = []
    with checkout(revision) as root, ExitStack() as stack:
        workers = {
            f"as of {revision}": stack.enter_context(worker(OURS, n_samples, root)),
            "today": stack.enter_context(worker(OURS, n_samples)),
        }
        for batch_size in (32, 128):
            times = interleaved({name: partial(ask, batch_size) for name, ask in workers.items()}, repeats)
            for name in workers:
                what = f"an epoch of {n_samples:,}, Adam, batch {batch_size}: {name}"
                figures.append(compared("before", what, times[name], "today", times["today"]))
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    [revision] = sys.argv[1:] if arguments is None else arguments
    print(", ".join(f"{key}: {value}" for key, value in machine().items()), end="\n\n", flush=True)
    print(as_markdown(measure(revision)))


if __name__ == "__main__":
    main()
