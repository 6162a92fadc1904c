"""The skeleton of a chapter: its headings and what each section holds."""

from __future__ import annotations

import re

from rules.registry import IGNORE, rule
from tools import minutes
from tools.cell_code import (
    claims_something,
)
from tools.chapter import (
    DEEPER,
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
    """The four labels, three abilities, the times, and the table of minutes; what is computed is up to date."""
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
    try:
        if minutes.updated(text, minutes.minutes_of(chapter.cells)) != text:
            found.append(
                chapter.at(None, "At a glance: the minutes are not the text's; python -m tools.minutes --write")
            )
    except ValueError as error:
        found.append(chapter.at(None, str(error)))
    return found


@rule
def core_path(chapter: Chapter) -> list[str]:
    """The core path is an hour's work, its first exercise comes early, and half of the coding comes before reading."""
    found = []
    taken = minutes.minutes_of(chapter.cells)
    if taken.core > minutes.CORE_MINUTES:
        what = f"the core path takes {taken.core:.0f} minutes, more than {minutes.CORE_MINUTES}"
        found.append(chapter.at(None, f"{what}: shorten it, or let parts go deeper (python -m tools.minutes)"))
    if taken.before_first_exercise > minutes.FIRST_EXERCISE_MINUTES:
        what = f"the first exercise comes after {taken.before_first_exercise:.0f} minutes"
        found.append(chapter.at(None, f"{what}; it should within {minutes.FIRST_EXERCISE_MINUTES}"))
    coding = [exercise for exercise in chapter.exercises if exercise.kind == "code"]
    in_place = [exercise for exercise in coding if exercise.section not in AFTER]
    if 2 * len(in_place) < len(coding):
        what = f"{len(in_place)} of {len(coding)} coding exercises stand in the section of their idea"
        found.append(chapter.at(None, f"{what}; half of them should, before the library's source is shown"))
    return found


@rule
def deeper_parts(chapter: Chapter) -> list[str]:
    """What a first reader may leave out has a heading that says so, and its code cells are tagged."""
    found = []
    for block in chapter.blocks:
        if block.is_code and block.deeper != ("deeper" in tags(chapter.cells[block.cell])):
            what = "lacks the tag deeper" if block.deeper else "is tagged deeper"
            place = f"its heading is {(block.subsection or block.section)!r}"
            found.append(chapter.at(block.cell, f"{what}, but {place}; deeper parts begin with {DEEPER!r}"))
    return found


@rule
def literature(chapter: Chapter) -> list[str]:
    """The comparison with the literature is claimed, in its section."""
    title = AFTER[0]
    tagged = [index for index, _ in chapter.code_cells("literature")]
    here = [block.cell for block in chapter.section_blocks(title, True)]
    found = [chapter.at(index, f"tagged literature, but not under {title!r}") for index in tagged if index not in here]
    found += [
        chapter.at(index, "tagged literature, but claims nothing; use literature_table(…) or claim(…)")
        for index in tagged
        if not claims_something(chapter.trees[index])
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
        chapter.at(index, f"an explorer; tag it {IGNORE} too, and claim something about its figure in the next cell")
        for index, cell in chapter.code_cells("explorer")
        if IGNORE not in tags(cell)
    ]
    if not any(True for _ in chapter.code_cells("explorer")):
        found.append(chapter.at(None, "no cell tagged explorer; every chapter has at least one"))
    return found
