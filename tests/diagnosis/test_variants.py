"""``diagnose`` names a fault first also where it differs from the planted one; and what it cannot tell it leaves."""

from __future__ import annotations

from typing import Any

import pytest
from fault_variants import NAMED, SILENT, setup

from nnopt_utils.diagnosis import CAUSES
from nnopt_utils.faults import train


@pytest.mark.parametrize(("which", "ingredients"), NAMED.items(), ids=map(": ".join, NAMED))
def test_a_variant_is_named_first(which: tuple[str, str], ingredients: dict[str, Any]) -> None:
    assert train(setup(ingredients), seed=0).diagnose().causes[:1] == [which[0]]


def test_every_cause_has_variants() -> None:
    assert {cause for cause, _ in NAMED} == set(CAUSES)


@pytest.mark.parametrize(("which", "ingredients"), SILENT.items(), ids=map(": ".join, SILENT))
def test_what_cannot_be_told_is_left(which: tuple[str, str], ingredients: dict[str, Any]) -> None:
    assert train(setup(ingredients), seed=0).diagnose().causes == []
