"""Progress bars: a line of text in a terminal, one output of the running cell in a notebook.

A bar is text everywhere: a widget would send several messages a redraw, and stay in a saved notebook as an error.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm.std import tqdm

from nnopt_utils._shell import notebook_shell

# In seconds. What is over sooner shows no bar; a notebook's server drops messages when there are too many.
DELAY = 0.5
INTERVAL = 0.2
FORMAT = "{desc}: {percentage:3.0f}%|{bar:20}| {remaining} left"

_place = threading.Lock()


@contextmanager
def progress_bar(status: Callable[[], str], total: int, done: int = 0, *, shown: bool = True) -> Iterator[Any]:
    """A bar that goes away at the end of the block, however that ends; its ``update()`` counts one more.

    Args:
        status: what to say before the bar; asked when it is drawn, at most five times a second.
        total: when all is done.
        done: how much is done already; default 0.
        shown: False for no bar. There is none either where the environment variable ``TQDM_DISABLE`` is set, nor
            within the block of another bar.

    >>> with progress_bar(lambda: "counting", total=3) as bar:
    ...     bar.update()
    """
    with without_bars() as alone:
        hidden = not (shown and alone) or bool(os.environ.get("TQDM_DISABLE"))
        with _Bar(status, total, done, hidden) as bar:
            yield bar


@contextmanager
def without_bars() -> Iterator[bool]:
    """Let no bar appear within the block; the block is told whether it stands in no other one.

    >>> with without_bars() as outer, without_bars() as inner:
    ...     outer, inner
    (True, False)
    """
    alone = _place.acquire(blocking=False)
    try:
        yield alone
    finally:
        if alone:
            _place.release()


class _Bar(tqdm):
    monitor_interval = 0  # no thread that redraws a bar whose steps became slow

    def __init__(self, status: Callable[[], str], total: int, done: int, hidden: bool) -> None:
        self._status = status
        super().__init__(
            total=total,
            initial=done,
            disable=hidden,
            file=None if hidden else _cell_output(),
            bar_format=FORMAT,
            leave=False,
            delay=DELAY,
            mininterval=INTERVAL,
        )

    @property
    def format_dict(self) -> dict[str, Any]:
        return {**super().format_dict, "prefix": self._status()}


class _CellOutput:
    """A stream that shows its last line as one output of a cell, and nothing once that is empty."""

    encoding = "utf-8"

    def __init__(self, cell: str) -> None:
        self.cell = cell
        self.line = ""
        self.there = False

    def write(self, text: str) -> None:
        line = text.strip()
        if line == self.line:
            return
        from IPython.display import display

        update = self.there
        self.line, self.there = line, True  # before it is shown: an interrupt on the way must not hide it from closing
        # An empty text has no height on the page, and is a valid output in the file.
        display({"text/plain": line}, raw=True, display_id=f"nnopt-bar-{self.cell}", update=update)


_last: _CellOutput | None = None


def _cell_output() -> _CellOutput | None:
    """The stream of the running cell, the same one for all its bars; None outside notebooks: then stderr."""
    global _last
    shell = notebook_shell()
    if shell is None:
        return None
    cell = shell.parent_header.get("header", {}).get("msg_id", "")
    if _last is None or _last.cell != cell:
        _last = _CellOutput(cell)
    return _last
