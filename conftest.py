"""For tests and docstring examples alike: no example leaves figures open for the next."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_figures_left_open() -> Iterator[None]:
    """Close what a test drew: matplotlib warns of more than twenty open figures, and a warning is an error here."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
