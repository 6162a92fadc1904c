"""Keras on TensorFlow, imported without a word on stderr."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from functools import lru_cache
from types import ModuleType

# Errors only; results that do not depend on the machine; the processor, not a graphics card. What a user has set stays.
ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "CUDA_VISIBLE_DEVICES": "-1",
}


@lru_cache(maxsize=1)
def import_keras() -> ModuleType:
    """Import Keras and TensorFlow silently and return the module ``keras``.

    TensorFlow's C++ part writes to file descriptor 2 when it is imported and again at its first operation, which
    starts its runtime. Both happen here, with the descriptor turned to nowhere. Four environment variables are set
    meanwhile (``ENVIRONMENT``, unless they are set already) and put back afterwards. A later ``import tensorflow`` is
    quiet as well. The first call takes some seconds, later ones nothing.

    Raises:
        ImportError: Keras or TensorFlow is not installed.
        RuntimeError: Keras has already been imported with another backend.

    Example:
        >>> keras = import_keras()
        >>> keras.backend.backend()
        'tensorflow'

    Warning:
        Without oneDNN (``TF_ENABLE_ONEDNN_OPTS=0``) TensorFlow's last digits are the same on every processor. To have
        its defaults, set the variable to 1 before the first call.
    """
    with _environment(), _silent_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import keras
            import tensorflow  # noqa: F401 (Keras imports it later by itself, not silently)
        except ImportError as error:
            raise ImportError(
                f"Keras cannot be imported ({error}); in the course's folder run "
                "`python -m pip install -r requirements.txt`, then `python -m nnopt_utils doctor`"
            ) from error
        if keras.backend.backend() != "tensorflow":
            raise RuntimeError(
                f"Keras runs on {keras.backend.backend()!r}; expected 'tensorflow': set KERAS_BACKEND before Keras is "
                "imported for the first time, or restart the kernel and let import_keras do it"
            )
        keras.ops.convert_to_numpy(keras.ops.add(1.0, 1.0))
    return keras


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """Set what is not set, and put it back."""
    missing = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
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
