"""Shared by all tests: settings of hypothesis, and Keras, imported once, silently and only where a test asks for it."""

from __future__ import annotations

from types import ModuleType

import pytest
from hypothesis import settings

from nnopt_utils.keras_bridge import import_keras

# The same examples in every run, and no time limit on one: the tests share a processor.
settings.register_profile("nnopt", derandomize=True, deadline=None)
settings.load_profile("nnopt")


@pytest.fixture(scope="session")
def keras() -> ModuleType:
    """Keras on TensorFlow, on the processor, quiet.

    A test whose code imports Keras by itself asks for this fixture too, so that it comes first.
    """
    try:
        return import_keras()
    except ImportError:
        pytest.skip("needs Keras and TensorFlow")
