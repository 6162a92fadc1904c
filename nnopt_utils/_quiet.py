"""TensorFlow without a word: the variables that it and Keras read, and a way to keep C++ code off the screen."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

# The backend; errors only; the processor, not a graphics card.
QUIET = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
# ... and last digits that do not depend on the machine.
REPRODUCIBLE = {**QUIET, "TF_ENABLE_ONEDNN_OPTS": "0"}


@contextlib.contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Set what is not set, and put it back."""
    missing = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Turn file descriptor 2 to nowhere: C++ code writes there without asking Python."""
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # there is no stderr, so nothing can be written to it
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
