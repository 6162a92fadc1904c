"""A verdict is seen at a glance, and loses nothing where there is no colour, no style, or no picture of a tick."""

from __future__ import annotations

import io
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from nnopt_utils.course.console import say
from nnopt_utils.course.result import CheckResult
from nnopt_utils.course.showing import COLOURS, SIGNS, marked_html, result_html, result_text, show_result

ROOT = Path(__file__).resolve().parents[2]
RIGHT = CheckResult("04.rate", "correct", "04.rate: correct. 2/L = 0.2")
WRONG = CheckResult("04.rate", "wrong", "04.rate: not yet. With x = [1, 2]:\n  got      <3>\n  expected 4 & 5")
UNTRIED = CheckResult("04.rate", "not attempted", "04.rate: not attempted yet.\nPredict the rate.")
RESULTS = pytest.mark.parametrize("result", [RIGHT, WRONG, UNTRIED], ids=lambda result: result.status)


class Page(HTMLParser):
    """The words of a page; those that a screen reader leaves out, and those of a fold's line, apart."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.words = self.hidden = self.line = ""
        self.feed(html)
        assert not self.open, "every tag is closed"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.open.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if any(attributes.get("aria-hidden") == "true" for _, attributes in self.open):
            self.hidden += data
        elif any(tag == "summary" for tag, _ in self.open):
            self.line += data
        else:
            self.words += data


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", COLOURS.values())
@pytest.mark.parametrize("background", ["#ffffff", "#111111"])
def test_signs_and_borders_stand_out_in_both_themes(colour: str, background: str) -> None:
    assert contrast(colour, background) >= 4  # 3 is asked for; no colour has 4.5 on both


def test_the_computed_contrast_is_that_of_the_standard() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_words_are_in_the_themes_own_colour_and_nothing_has_a_background() -> None:
    for result in (RIGHT, WRONG, UNTRIED):
        page = result_html(result)
        assert "background" not in page
        assert page.count("color:") == 1, "the sign's"
        assert f'<span aria-hidden="true" style="color: {COLOURS[result.status]}' in page


@RESULTS
def test_words_alone_say_everything(result: CheckResult) -> None:
    page = Page(result_html(result))
    assert page.words.strip() == result.message, "lines and columns as they are, and < and & as they are"
    assert page.hidden == SIGNS[result.status]
    assert 'role="status"' in result_html(result)
    assert "white-space: pre-wrap; word-break: normal" in result_html(result)
    assert "monospace" in result_html(result), "exports show <pre> in other letters"
    assert "<pre" in result_html(result), "where styles are stripped, lines are kept"


def test_three_signs() -> None:
    assert [result_text(result)[0] for result in (RIGHT, WRONG, UNTRIED)] == ["✓", "✗", "○"]
    assert result_text(RIGHT) == "✓ 04.rate: correct. 2/L = 0.2"


def test_a_solution_that_is_wrong_is_not_folded() -> None:
    page = Page(result_html(WRONG, solution=True))
    assert "<details" not in result_html(WRONG, solution=True)
    assert "the course's own solution: not yet." in page.words
    assert result_text(WRONG, solution=True).startswith("✗ 04.rate: the course's own solution: not yet.")


def test_a_screen_reader_hears_a_sign_where_the_text_does_not_tell_the_verdict() -> None:
    assert 'role="img" aria-label="This does not hold:"' in marked_html(
        "wrong", "it falls", spoken="This does not hold:"
    )
    assert "aria-label" not in marked_html("wrong", "04.rate: not yet.")


def test_what_a_folded_solution_shows_gives_nothing_away() -> None:
    result = RIGHT
    html = result_html(result, solution=True)
    page = Page(html)
    assert html.startswith("<details ")
    assert not re.search(r"<details[^>]*\bopen\b", html)
    assert page.line == "04.rate: the course's own solution, checked. Open to see it."
    assert page.words.strip() == result.message.removeprefix("04.rate: ")
    assert result_text(result, solution=True).startswith(f"{SIGNS[result.status]} 04.rate: the course's own solution: ")


def test_a_quizs_message_has_no_name_of_its_own() -> None:
    result = CheckResult("04.1", "correct", "b) is correct. It lies below 2/L.")
    assert result_text(result, solution=True) == "✓ 04.1: the course's own solution: b) is correct. It lies below 2/L."


def test_bold_to_the_end_of_the_first_sentence() -> None:
    assert "<strong>04.rate: not yet.</strong> With x" in result_html(WRONG)
    assert "<strong>no end</strong>\nmore" in result_html(CheckResult("", "wrong", "no end\nmore"))


def test_without_a_notebook_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    show_result(WRONG)
    assert capsys.readouterr().out == result_text(WRONG) + "\n"


def test_a_terminal_without_the_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    for result in (RIGHT, WRONG, UNTRIED):
        show_result(result)
    say("θ")
    lines = raw.getvalue().decode("ascii").splitlines()
    assert [line[:12] for line in lines if "04.rate" in line] == ["[+] 04.rate:", "[x] 04.rate:", "[ ] 04.rate:"]
    assert lines[-1] == "?"


CELLS = [
    """
    from nnopt_utils.course import check, claim

    def step(theta, gradient, learning_rate):
        return theta - learning_rate * gradient

    check("04.gradient_descent_step", step)""",
    'check("04.gradient_descent_step", step, solution=True)',
    'claim("one is one", True)\nclaim("one is <two>", False, found=1)',
]


def test_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel shows a page, and the same words for whoever has no page; a claim that fails stands out."""
    monkeypatch.setenv("NNOPT_PROGRESS", "off")
    monkeypatch.delenv("NNOPT_CLAIMS", raising=False)
    cells = [nbformat.v4.new_code_cell(re.sub(r"^    ", "", source, flags=re.MULTILINE)) for source in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    [right], [solution], [held, failed] = (cell.outputs for cell in notebook.cells)
    name = "04.gradient_descent_step"
    assert right.data["text/plain"].startswith(f"✓ {name}: correct. To first order")
    assert Page(right.data["text/html"]).words.strip().startswith(f"{name}: correct. To first order")
    assert solution.data["text/plain"].startswith(f"✓ {name}: the course's own solution: correct.")
    assert solution.data["text/html"].startswith("<details")
    assert held.text == "✓ one is one\n"
    assert failed.data["text/plain"] == "✗ one is <two>\n  found: 1"
    assert COLOURS["wrong"] in failed.data["text/html"]
    assert "one is &lt;two&gt;" in failed.data["text/html"]
