"""A claim ticks, crosses, and is an error where chapters are built and tested."""

from __future__ import annotations

import numpy as np
import pytest

from nnopt_utils.course import claim, claims
from nnopt_utils.course.claims import ClaimError


@pytest.fixture(autouse=True)
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NNOPT_CLAIMS", raising=False)


@pytest.mark.parametrize("condition", [True, np.bool_(True), np.all(np.ones(3) > 0)])
def test_what_holds_is_ticked(condition: bool, capsys: pytest.CaptureFixture[str]):
    assert claim("the loss falls", condition, found=lambda: 1 / 0) is None
    assert capsys.readouterr().out == "✓ the loss falls\n"


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (None, ""),
        ("it rises in step 3", "\n  found: it rises in step 3"),
        (0.25, "\n  found: 0.25"),
        (lambda: (1, 2), "\n  found: (1, 2)"),
        (lambda: None, ""),
    ],
)
@pytest.mark.parametrize("condition", [False, np.bool_(False)])
def test_what_fails_is_crossed_and_the_page_goes_on(condition, found, shown, capsys: pytest.CaptureFixture[str]):
    claim("the loss falls", condition, found=found)
    assert capsys.readouterr().out == f"✗ the loss falls{shown}\n"


def test_in_builds_and_tests_a_cross_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("NNOPT_CLAIMS", "strict")
    claim("true", True)
    with pytest.raises(ClaimError, match="✗ false\n  found: 7"):
        claim("false", False, found=7)
    assert capsys.readouterr().out == "✓ true\n"


@pytest.mark.parametrize("condition", [1, 0.0, None, "yes", np.array([True, False]), np.array(True)])
def test_a_condition_is_true_or_false(condition: object):
    with pytest.raises(TypeError, match=r"condition: got .*; expected True or False"):
        claim("the loss falls", condition)


@pytest.mark.parametrize("sentence", ["", "  ", None, True])
def test_a_claim_has_a_sentence(sentence: object):
    with pytest.raises(TypeError, match="sentence: got"):
        claim(sentence, True)  # type: ignore[arg-type]


def test_on_a_page_a_screen_reader_hears_that_it_fails(monkeypatch: pytest.MonkeyPatch):
    pages = []
    monkeypatch.setattr(claims, "show", lambda text, page: pages.append(page))
    claim("the loss falls", False)
    assert len(pages) == 1 and 'aria-label="This does not hold:"' in pages[0]
