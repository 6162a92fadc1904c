"""Shared by all tests: settings of hypothesis, and Keras, imported once, silently and only where a test asks for it."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from nnopt_utils.keras_bridge import import_keras

# The same examples in every run, and no time limit on one: the tests share a processor.
settings.register_profile("nnopt", derandomize=True, deadline=None)
settings.load_profile("nnopt")

# What they test takes a while to build, or has to be alone: each of these files goes to one worker as a whole.
BUILT_ONCE = (
    "tests/tensorflow_cluster/test_tensorflow.py",
    "tests/test_benchmarks.py",
    "tests/test_reference.py",
    "tests/test_wheel.py",
)


class BuildOnce(LoadScopeScheduling):
    """Hands out single tests, but those of some files together."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file in BUILT_ONCE else nodeid

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        """Forget what is done: xdist counts all that a worker ever had after each test, which 20,000 make slow."""
        super().mark_test_complete(node, item_index, duration)
        scope = self._split_scope(self.registered_collections[node][item_index])
        if all(self.assigned_work[node][scope].values()):
            del self.assigned_work[node][scope]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> BuildOnce | None:
    """How tests are spread over the workers, unless the command line asks for another way."""
    return BuildOnce(config, log) if config.getvalue("dist") == "load" else None


@pytest.fixture(scope="session")
def keras() -> ModuleType:
    """Keras on TensorFlow, on the processor, quiet.

    A test whose code imports Keras by itself asks for this fixture too, so that it comes first.
    """
    try:
        return import_keras()
    except ImportError:
        pytest.skip("needs Keras and TensorFlow")
