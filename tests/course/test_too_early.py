"""Chapter 12's list of questions that come too early: each is asked and answered where the list says."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

import pytest

from tools.chapter import Block, blocks_of
from tools.twins import pair_of, read_twin

CHAPTER, HEADING = "12_questions_and_answers", "Questions that come too early"
PLACE = re.compile(r"\[chapter (\d\d)\]\((\d\d_\w+)\.ipynb\), \*([^*]+)\*")


class Place(NamedTuple):
    number: str
    chapter: str
    heading: str


class Question(NamedTuple):
    text: str
    asked: Place
    answered: Place


@cache
def blocks(chapter: str) -> list[Block]:
    return blocks_of(read_twin(pair_of(chapter).twin).cells)


def questions(text: str) -> list[Question]:
    """The rows of the table in a text: a question, and two places."""
    rows = [line.strip(" |").split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]
    found = []
    for row in rows:
        places = [PLACE.fullmatch(cell) for cell in row[1:]]
        assert len(places) == 2 and all(places), f"{row}: a question, and two links with a heading each"
        found.append(Question(row[0], *(Place(*place.groups()) for place in places if place)))
    return found


@pytest.fixture(scope="module")
def listed() -> list[Question]:
    if not pair_of(CHAPTER).twin.exists():
        pytest.skip(f"the text of chapter {CHAPTER} does not exist yet")
    sections = [b.text for b in blocks(CHAPTER) if HEADING in (b.section, b.subsection) and not b.is_code]
    assert sections, f"chapter 12 has no section {HEADING!r}"
    return questions("\n".join(sections))


def test_there_are_a_dozen_and_none_twice(listed):
    assert len(listed) >= 12
    assert len({question.text for question in listed}) == len(listed)
    assert all(question.text.endswith("?") for question in listed)


def test_every_place_exists(listed):
    for question in listed:
        for place in question[1:]:
            assert place.chapter.startswith(place.number), place
            headings = {heading for block in blocks(place.chapter) for heading in (block.section, block.subsection)}
            assert place.heading in headings, place


def test_the_answer_comes_later(listed):
    assert all(question.asked.number < question.answered.number for question in listed)


def test_every_chapter_that_asks_leads_to_an_answer_or_to_the_list(listed):
    for asking in {question.asked.chapter for question in listed}:
        text = "\n".join(block.text for block in blocks(asking) if not block.is_code and block.section != "The course")
        answers = {question.answered.chapter for question in listed if question.asked.chapter == asking} | {CHAPTER}
        assert any(f"]({name}.ipynb)" in text for name in answers), asking


def test_a_row_of_another_form_is_refused():
    good = "| q | a | b |\n|---|---|---|\n| Why? | [chapter 01](01_network_structure.ipynb), *Counting* | {} |"
    assert (
        questions(good.format("[chapter 11](11_model_compression.ipynb), *How far?*"))[0].answered.heading == "How far?"
    )
    with pytest.raises(AssertionError, match="two links"):
        questions(good.format("chapter 11"))
