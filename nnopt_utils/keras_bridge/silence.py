"""Keras, its converter and LiteRT without progress bars, warnings and logs."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

from nnopt_utils._quiet import silent_stderr


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Let nothing be heard: what is printed, warned, logged, or written by C++ code to file descriptor 2."""
    with silent_stderr(), contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), no_logs():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def no_logs() -> Iterator[None]:
    """Keep TensorFlow's logger to errors: it warns of functions that it traces anew, as each new model makes it do."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
