"""The errata of the article: every correction names a chapter, a heading and a claim that stand there."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

import pytest

from tools.cell_code import parse_code
from tools.chapter import blocks_of
from tools.twins import ROOT, pair_of, read_twin

PAGE = ROOT / "docs" / "errata_of_the_article.md"
ENTRY = re.compile(r"^## (\d+)\. (.+)$", re.MULTILINE)
PROOF = re.compile(r"\*\*Proved in\*\* \[chapter (\d\d)\]\(\.\./notebooks/(\d\d_\w+)\.ipynb\),\n\*([^*]+)\*:\n\n")
SECTION = re.compile(r"§([1-6])(?:\.\d)?")


@dataclass(frozen=True)
class Proof:
    entry: int
    number: str
    chapter: str
    heading: str
    sentences: tuple[str, ...]


def entries(text: str) -> list[tuple[int, str, str]]:
    """Number, title and text of every entry."""
    parts = ENTRY.split(text)[1:]
    return [(int(number), title, body) for number, title, body in zip(*[iter(parts)] * 3, strict=True)]


def proofs(text: str) -> list[Proof]:
    found = []
    for number, _, body in entries(text):
        for match in PROOF.finditer(body):
            listed = re.match(r"(?:- .+\n(?:  .+\n)*)+", body[match.end() :])
            items = re.split(r"^- ", listed[0] if listed else "", flags=re.MULTILINE)[1:]
            sentences = tuple(" ".join(item.split()) for item in items)
            found.append(Proof(number, match[1], match[2], match[3], sentences))
    return found


def literal(sentence: ast.expr) -> re.Pattern[str] | None:
    """What a claim's sentence can be: what is computed in an f-string may be anything."""
    if isinstance(sentence, ast.Constant):
        return re.compile(re.escape(str(sentence.value)))
    if isinstance(sentence, ast.JoinedStr):
        parts = (re.escape(str(p.value)) if isinstance(p, ast.Constant) else ".+" for p in sentence.values)
        return re.compile("".join(parts))
    return None


@cache
def claims_of(chapter: str) -> dict[str, list[re.Pattern[str]]]:
    """Heading → the sentences that are claimed below it. One that stands in two sections has its section before it."""
    blocks = blocks_of(read_twin(pair_of(chapter).twin).cells)
    places = {(block.subsection, block.section) for block in blocks if block.subsection}
    sections = Counter(subsection for subsection, _ in places)
    found: dict[str, list[re.Pattern[str]]] = {}
    for block in blocks:
        twice = sections[block.subsection] > 1
        heading = f"{block.section} / {block.subsection}" if twice else block.subsection or block.section
        here = found.setdefault(heading, [])
        for node in ast.walk(parse_code(block.text)) if block.is_code else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "claim" and node.args:
                pattern = literal(node.args[0])
                here += [] if pattern is None else [pattern]
    return found


TEXT = PAGE.read_text(encoding="utf-8")
PROOFS = proofs(TEXT)


def test_the_entries_are_numbered_and_many():
    assert [number for number, *_ in entries(TEXT)] == list(range(1, len(entries(TEXT)) + 1))
    assert len(entries(TEXT)) >= 12


@pytest.mark.parametrize(("number", "title", "body"), entries(TEXT), ids=lambda value: str(value)[:40])
def test_an_entry_says_where_what_and_what_is_right(number, title, body):
    assert SECTION.search(title), "the section of the article"
    assert re.search(r"^\*\*It says:\*\* \S", body, re.MULTILINE)
    assert re.search(r"^\*\*Right is:\*\* \S", body, re.MULTILINE)
    assert any(proof.entry == number for proof in PROOFS)
    assert body.count("**Proved in**") == sum(proof.entry == number for proof in PROOFS), "a proof in another form"


@pytest.mark.parametrize("proof", PROOFS, ids=lambda p: f"{p.entry}-{p.number}-{p.heading}")
def test_a_proof_is_a_claim_of_that_section(proof):
    assert proof.chapter.startswith(proof.number)
    assert pair_of(proof.chapter).twin.exists() and pair_of(proof.chapter).notebook.exists()
    claimed = claims_of(proof.chapter)
    assert proof.heading in claimed
    assert proof.sentences
    for sentence in proof.sentences:
        assert any(pattern.fullmatch(sentence) for pattern in claimed[proof.heading]), sentence


def test_the_pattern_of_an_f_string_allows_only_what_is_computed():
    pattern = literal(ast.parse("f'{name}: at most 3.'", mode="eval").body)
    assert pattern is not None
    assert pattern.fullmatch("tanh: at most 3.")
    assert not pattern.fullmatch("tanh: at most 4.")
