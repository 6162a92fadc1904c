"""Shared by all tests: settings of hypothesis, and Keras, imported once, silently and only where a test asks for it."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import settings

# The same examples in every run, and no time limit on one: the tests share a processor.
settings.register_profile("nnopt", derandomize=True, deadline=None)
settings.load_profile("nnopt")


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Send file descriptor 2 to nowhere: TensorFlow's C++ code writes there without asking Python."""
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


@pytest.fixture(scope="session")
def keras() -> Iterator[ModuleType]:
    """Keras on TensorFlow, on the processor. Without oneDNN, whose results depend on the machine.

    A test whose code imports Keras by itself asks for this fixture too, so that it comes first.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "tensorflow")
        patch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
        patch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        with silent_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = pytest.importorskip("keras", reason="needs Keras and TensorFlow")
            module.ops.convert_to_numpy(module.ops.add(1.0, 1.0))  # the first operation starts the runtime, which logs
        yield module
