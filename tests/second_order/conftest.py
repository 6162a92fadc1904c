"""Every test draws the same numbers, whichever ran before it in its process."""

from __future__ import annotations

import copy

import pytest

_states: dict[str, dict] = {}


@pytest.fixture(autouse=True)
def same_numbers(request):
    """Set back a module's own generator, where it has one."""
    generator = getattr(request.module, "GENERATOR", None)
    if generator is not None:
        state = _states.setdefault(request.module.__name__, copy.deepcopy(generator.bit_generator.state))
        generator.bit_generator.state = copy.deepcopy(state)
