"""The skeleton of a chapter: its headings and what each section holds."""

from __future__ import annotations

import re

from rules.registry import IGNORE, rule
from tools.cell_code import (
    asserts_something,
)
from tools.chapter import (
    HEADING,
    Chapter,
    tags,
)

BEFORE = ["At a glance", "Predict"]
AFTER = [
    "Checked against the literature",
    "Common mistakes",
    "Exercises",
    "Summary",
    "Quiz",
    "References",
]
GLANCE_LABELS = ["**You will be able to**", "**You need first**", "**Time**", "**Follows**"]


@rule
def headings(chapter: Chapter) -> list[str]:
    """The fixed headings are there, in order, with two or more sections of the chapter's own between them."""
    found = []
    titles = [heading for heading in chapter.headings if heading.level == 1]
    if [heading.cell for heading in titles] != [0] or not HEADING.match(chapter.cells[0].source):
        found.append(chapter.at(0, "the first cell starts with the title, the only heading `# …` of the chapter"))
    seen = [heading.text for heading in chapter.headings if heading.level == 2]
    content = [text for text in seen if text not in BEFORE + AFTER]
    expected = BEFORE + content + AFTER
    if seen != expected:
        where = next((a for a, b in zip(expected, seen, strict=False) if a != b), [*expected, ""][len(seen)])
        found.append(chapter.at(None, f"level-2 headings are {seen}; first trouble at {where!r}, expected {expected}"))
    if len(content) < 2:
        found.append(chapter.at(None, f"{len(content)} sections between Predict and the literature; needs two or more"))
    return found


@rule
def no_empty_sections(chapter: Chapter) -> list[str]:
    """Every section has a text or a code cell."""
    found = []
    for heading in chapter.headings:
        if heading.level == 2:
            blocks = [block for block in chapter.blocks if block.section == heading.text]
            if not any(block.is_code or HEADING.sub("", block.text, count=1).strip() for block in blocks):
                found.append(chapter.at(heading.cell, f"the section {heading.text!r} is empty"))
    return found


@rule
def at_a_glance(chapter: Chapter) -> list[str]:
    """The four labels, three abilities, and the two times."""
    text = "\n".join(block.text for block in chapter.section_blocks("At a glance", False))
    positions = [match.start() if (match := re.search("^" + re.escape(x), text, re.M)) else -1 for x in GLANCE_LABELS]
    found = [
        chapter.at(None, f"At a glance: no line starts with {label}")
        for label, position in zip(GLANCE_LABELS, positions, strict=True)
        if position < 0
    ]
    if found:
        return found
    if positions != sorted(positions):
        return [chapter.at(None, f"At a glance: the order is {', '.join(GLANCE_LABELS)}")]
    if len(re.findall(r"^[-*] \S", text[positions[0] : positions[1]], re.MULTILINE)) < 3:
        found.append(chapter.at(None, "At a glance: **You will be able to** needs three bullets, each with a verb"))
    if not re.search(r"\d+ minutes to read\b.*\b\d+ seconds? to run", text[positions[2] : positions[3]], re.DOTALL):
        found.append(chapter.at(None, 'At a glance: **Time** needs "NN minutes to read, NN seconds to run"'))
    return found


@rule
def literature(chapter: Chapter) -> list[str]:
    """The comparison with the literature is asserted, in its section."""
    title = AFTER[0]
    tagged = [index for index, _ in chapter.code_cells("literature")]
    here = [block.cell for block in chapter.section_blocks(title, True)]
    found = [chapter.at(index, f"tagged literature, but not under {title!r}") for index in tagged if index not in here]
    found += [
        chapter.at(index, "tagged literature, but asserts nothing; use assert or literature_table(…)")
        for index in tagged
        if not asserts_something(chapter.trees[index])
    ]
    return found or ([] if tagged else [chapter.at(None, f"no code cell tagged literature under {title!r}")])


@rule
def references(chapter: Chapter) -> list[str]:
    """Three or more sources, with links, all https."""
    text = "\n".join(block.text for block in chapter.section_blocks("References", False))
    links = re.findall(r"\bhttp://[^\s)>]+", text)
    found = [chapter.at(None, f"References: {link} is not https") for link in links]
    entries = re.split(r"^\s*(?:[-*]|\d+\.)\s+", text, flags=re.MULTILINE)[1:]
    linked = [entry for entry in entries if re.search(r"\bhttps?://", entry)]
    if len(linked) < 3:
        found.append(chapter.at(None, f"References: {len(linked)} list entries with a link; needs three or more"))
    return found


@rule
def explorers(chapter: Chapter) -> list[str]:
    """At least one explorer; nbval cannot compare it."""
    found = [
        chapter.at(index, f"an explorer; tag it {IGNORE} too, and assert something about its figure in the next cell")
        for index, cell in chapter.code_cells("explorer")
        if IGNORE not in tags(cell)
    ]
    if not any(True for _ in chapter.code_cells("explorer")):
        found.append(chapter.at(None, "no cell tagged explorer; every chapter has at least one"))
    return found
