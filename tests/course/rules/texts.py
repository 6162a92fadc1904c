"""Texts, formulas and figures."""

from __future__ import annotations

import re

from rules.registry import rule
from tools.alt_text import alt_text
from tools.chapter import (
    CAPTION,
    Chapter,
    count_figures,
    without_code,
)


@rule
def figures_have_captions(chapter: Chapter) -> list[str]:
    """A cell shows at most one figure; the next cell starts with its caption; captions count from 1."""
    found = []
    number = 0
    for index, cell in enumerate(chapter.cells):
        count = count_figures(cell)
        following = chapter.cells[index + 1] if index + 1 < len(chapter.cells) else None
        if count > 1:
            found.append(chapter.at(index, f"shows {count} figures; one a cell, so that each has its caption"))
        if count:
            number += 1
            expected = f"**Figure {chapter.number}.{number}.** "
            if following is None or following.cell_type == "code" or not following.source.startswith(expected):
                found.append(chapter.at(index, f"a figure; the next cell is a text that starts with {expected!r}"))
        elif following is not None and following.cell_type == "markdown" and CAPTION.match(following.source):
            found.append(chapter.at(index + 1, "a caption, but the cell above shows no figure"))
    return found


@rule
def figures_have_text(chapter: Chapter) -> list[str]:
    """An image comes with text/plain, for readers who do not see it and for nbval, which does not compare images."""
    return [
        chapter.at(index, "an image without text/plain; show it through matplotlib or IPython.display")
        for index, cell in chapter.code_cells()
        for output in cell.outputs
        if any(mime.startswith("image/") for mime in output.get("data", {})) and not output.data.get("text/plain")
    ]


@rule
def figures_have_alt_text(chapter: Chapter) -> list[str]:
    """A figure's alternative text is what its caption says it shows: with the image, for exports, and with the cell."""
    found = []
    for index, cell in enumerate(chapter.cells[:-1]):
        caption = chapter.cells[index + 1].source
        images = [
            output.metadata.get(mime, {}).get("alt")
            for output in cell.get("outputs", [])
            for mime in output.get("data", {})
            if mime.startswith("image/")
        ]
        said = {cell.metadata.get("alt"), *images}
        if images and CAPTION.match(caption) and said != {alt_text(caption)}:
            found.append(chapter.at(index, f"the figure's alternative text is {said}, not the caption's: build it"))
    return found


@rule
def formulas_closed(chapter: Chapter) -> list[str]:
    """Every `$` and `$$` is closed in its paragraph, and environments stand inside."""
    found = []
    for index, cell in enumerate(chapter.cells):
        if cell.cell_type != "markdown":
            continue
        text = without_code(cell.source).replace(r"\\", "").replace(r"\$", "")
        displayed = text.split("$$")
        outside = "D".join(displayed[::2])
        inline = outside.split("$")
        if len(displayed) % 2 == 0 or len(inline) % 2 == 0:
            found.append(chapter.at(index, r"a $ or $$ is not closed; write \$ where money is meant"))
        elif any(re.search(r"\n\s*\n", formula) for formula in displayed[1::2] + inline[1::2]):
            found.append(chapter.at(index, "a formula goes over an empty line, where it breaks; close it before"))
        elif match := re.search(r"\\begin\{(\w+\*?)\}", "M".join(inline[::2])):
            found.append(chapter.at(index, rf"\begin{{{match[1]}}} stands outside $$ … $$"))
    return found


@rule
def citations_exist(chapter: Chapter) -> list[str]:
    """`Exercise 04.3` and `Figure 04.2` exist, when they are this chapter's own."""
    there = {match[0] for heading in chapter.headings if (match := re.match(r"Exercise \d\d\.\d+", heading.text))}
    there |= {f"Figure {match[1]}.{match[2]}" for cell in chapter.cells if (match := CAPTION.match(cell.source))}
    return [
        chapter.at(index, f"{match[0]} does not exist in this chapter")
        for index, cell in enumerate(chapter.cells)
        if cell.cell_type == "markdown"
        for match in re.finditer(r"(?:Exercise|Figure) (\d\d)\.\d+", without_code(cell.source))
        if match[1] == chapter.number and match[0] not in there
    ]


@rule
def links_resolve(chapter: Chapter) -> list[str]:
    """A link to a file is one to another chapter: in a learner's folder there is nothing else."""
    found = []
    for index, cell in enumerate(chapter.cells):
        if cell.cell_type != "markdown":
            continue
        for target in re.findall(r"\]\(([^)\s]+)", without_code(cell.source)):
            path = target.split("#")[0]
            if not path or re.match(r"[a-z]+:", target):
                continue
            if "/" in path:
                found.append(chapter.at(index, f"the link {target!r} leads out of the folder of the chapters"))
            elif not (chapter.pair.notebook.parent / path).exists():
                found.append(chapter.at(index, f"the link {target!r} leads nowhere; links are relative to notebooks/"))
    return found
