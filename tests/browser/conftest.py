"""JupyterLab and a browser, for the tests of this folder only."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from chromium import HOW_TO_GET_ONE, find_browser
from notebook_page import NotebookPage, opened
from playwright.sync_api import Playwright, sync_playwright
from server import Server, start_server

Opener = Callable[..., AbstractContextManager[NotebookPage]]


@pytest.fixture(scope="session")
def program() -> Path:
    """The browser; without one there is nothing to test, and nobody should think there was."""
    found = find_browser()
    if found is None:
        pytest.exit(HOW_TO_GET_ONE, returncode=1)
    return found


@pytest.fixture(scope="session", autouse=True)
def end_in_order() -> Iterator[None]:
    """Who ends the tests from outside (``kill``, a machine's time limit) leaves no server behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def server(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One JupyterLab for all tests."""
    running = start_server(tmp_path_factory.mktemp("lab"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def open_notebook(playwright: Playwright, program: Path, server: Server) -> Opener:
    """``with open_notebook("00_introduction", seconds=60) as page``: in a browser of its own."""
    return partial(opened, playwright, program, server, watch=bool(os.environ.get("NNOPT_BROWSER_WATCH")))
