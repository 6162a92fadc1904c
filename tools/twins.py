"""The two copies of a chapter: its text, ``course/chNN_name/chapter.md``, and ``notebooks/NN_name.ipynb``.

A twin says what the cells are: type, source, tags, and what of them is folded. A notebook adds ids and outputs.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
COURSE = Path("nnopt_utils") / "course"

FRONT_MATTER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3 (ipykernel)
  language: python
  name: python3
---
"""

# The minor version of Python is left out: it would change with every author's machine.
NOTEBOOK_METADATA: dict[str, Any] = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

# What of a cell is folded, as JupyterLab writes it.
HIDDEN = ("source_hidden", "outputs_hidden")

# Two cells in the same place are taken for the same cell, edited, from this similarity on.
SIMILAR = 0.5


class TwinError(Exception):
    """A twin that cannot be read, or a notebook that cannot be written as a twin."""


@dataclass(frozen=True)
class Pair:
    """A chapter's name and where its two copies are."""

    name: str
    twin: Path
    notebook: Path

    @property
    def twin_name(self) -> str:
        """Its folder and its file: every chapter's text is called ``chapter.md``."""
        return f"{self.twin.parent.name}/{self.twin.name}"


def find_pairs(root: Path = ROOT, chapters: Sequence[str] = ()) -> list[Pair]:
    """Every chapter of which at least one copy exists, in order.

    Args:
        root: the folder of the repository.
        chapters: numbers (``"04"``, ``"4"``) or names to keep; empty keeps all.

    Raises:
        TwinError: a chapter was asked for that does not exist.
    """
    stems = {path.parent.name.removeprefix("ch") for path in (root / COURSE).glob("ch[0-9][0-9]_*/chapter.md")}
    stems |= {path.stem for path in (root / "notebooks").glob("*.ipynb")}
    if chapters:
        asked = {wanted: {stem for stem in stems if _is_chapter(stem, wanted)} for wanted in chapters}
        for wanted, found in asked.items():
            if not found:
                raise TwinError(f"no chapter {wanted!r}; there are: {', '.join(sorted(stems)) or 'none'}")
        stems = set().union(*asked.values())
    return [pair_of(stem, root) for stem in sorted(stems)]


def pair_of(name: str, root: Path = ROOT) -> Pair:
    """Return where the two copies of the chapter ``NN_name`` are, or will be."""
    return Pair(name, root / COURSE / f"ch{name}" / "chapter.md", root / "notebooks" / f"{name}.ipynb")


def _is_chapter(stem: str, wanted: str) -> bool:
    path = Path(wanted)
    wanted = (path.parent.name if path.stem == "chapter" else path.stem).removeprefix("ch")
    return stem == wanted or stem.split("_")[0] == (wanted.zfill(2) if wanted.isdigit() else wanted)


def cell_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """The part of a cell's metadata that the course uses, in the order in which it is written."""
    kept: dict[str, Any] = {}
    jupyter = metadata.get("jupyter") or {}
    if jupyter.get("source_hidden"):  # outputs alone are folded by whoever runs a notebook, not by the course
        kept["jupyter"] = {flag: True for flag in HIDDEN if jupyter.get(flag)}
    if metadata.get("tags"):
        kept["tags"] = list(metadata["tags"])
    return kept


def parse_twin(text: str, name: str = "twin") -> NotebookNode:
    """The notebook that a twin describes: no outputs, no ids that mean anything.

    Raises:
        TwinError: the text is no md:myst notebook, or has cell metadata that the course does not use.
    """
    try:
        notebook = jupytext.reads(text, fmt="md:myst")
    except Exception as error:
        raise TwinError(f"{name}: jupytext cannot read it: {str(error).splitlines()[0]}") from error
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type not in ("markdown", "code"):
            raise TwinError(f"{name}: cell {index} is a {cell.cell_type} cell; only markdown and code cells are used")
        kept = cell_metadata(cell.metadata)
        if dict(cell.metadata) != kept:
            raise TwinError(
                f"{name}: cell {index} has the metadata {dict(cell.metadata)}; "
                "only a non-empty 'tags' and in 'jupyter' 'source_hidden: true' (with 'outputs_hidden: true') are used"
            )
        cell.metadata = nbformat.from_dict(kept)
    notebook.metadata = nbformat.from_dict(NOTEBOOK_METADATA)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def read_twin(path: Path) -> NotebookNode:
    """``parse_twin`` of a file."""
    return parse_twin(path.read_text(encoding="utf-8"), f"{path.parent.name}/{path.name}")


def read_notebook(path: Path) -> NotebookNode:
    """A notebook as it is in its file; `nbformat.read` would mend missing ids."""
    return nbformat.v4.reads(path.read_text(encoding="utf-8"))


def format_twin(notebook: NotebookNode, name: str = "notebook") -> str:
    """The text of a notebook's twin, in the one form in which it is kept.

    Raises:
        TwinError: a cell that md:myst cannot hold, such as a text that contains a line ``+++``.
    """
    bare = nbformat.v4.new_notebook(metadata={"kernelspec": NOTEBOOK_METADATA["kernelspec"]})
    for cell in notebook.cells:
        new = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}.get(cell.cell_type)
        if new is None:
            raise TwinError(f"{name}: a {cell.cell_type} cell; only markdown and code cells are used in this course")
        bare.cells.append(new(cell.source, metadata=cell_metadata(cell.metadata)))
    text = jupytext.writes(bare, fmt="md:myst")
    # jupytext notes its own version in the front matter, which is noise in every review.
    text = FRONT_MATTER + text.split("\n---\n", 1)[1]
    difference = first_difference(parse_twin(text, name), bare)
    if difference:
        raise TwinError(f"{name}: would not survive the way through its twin: {difference}")
    return text


def cell_signature(cell: NotebookNode) -> tuple[str, str, str]:
    """What the two copies of a cell must agree in."""
    return cell.cell_type, cell.source, repr(cell_metadata(cell.metadata))


def first_difference(twin: NotebookNode, notebook: NotebookNode) -> str:
    """What differs first between the cells of a twin and those of a notebook; empty if nothing does."""
    for index, (ours, theirs) in enumerate(zip(twin.cells, notebook.cells, strict=False)):
        for what, ours_has, theirs_has in zip(
            ("type", "source", "metadata"), cell_signature(ours), cell_signature(theirs), strict=True
        ):
            if ours_has != theirs_has:
                return f"cell {index}: {what} {_head(ours_has)!r} in the twin, {_head(theirs_has)!r} in the notebook"
    if len(twin.cells) != len(notebook.cells):
        return f"{len(twin.cells)} cells in the twin, {len(notebook.cells)} in the notebook"
    return ""


def _head(text: str, length: int = 60) -> str:
    first = text.strip().split("\n")[0]
    return first if len(first) <= length else first[: length - 1] + "…"


def staleness(pair: Pair) -> str:
    """Why the two copies of a chapter are not in step; empty if they are."""
    if not pair.twin.exists():
        return f"{pair.notebook.name} has no twin: python -m tools.notebooks --from-notebooks --chapter {pair.name}"
    if not pair.notebook.exists():
        return f"{pair.twin_name} has no notebook: python -m tools.notebooks --chapter {pair.name}"
    difference = first_difference(read_twin(pair.twin), read_notebook(pair.notebook))
    return f"{pair.notebook.name} is stale, {difference}" if difference else ""


def assign_ids(new: NotebookNode, old: NotebookNode | None = None) -> None:
    """Give every cell of `new` an id: the one it had in `old`, also if it was edited, else one made from its source."""
    matches = _matches([] if old is None else old.cells, new.cells)
    used: set[str] = set()
    for index, cell in enumerate(new.cells):
        kept = old.cells[matches[index]].get("id", "") if old is not None and index in matches else ""
        cell.id = kept if kept not in used else ""
        used.add(cell.id)
    for cell in new.cells:
        if not cell.id:
            cell.id = _new_id(cell, used)
            used.add(cell.id)


def _new_id(cell: NotebookNode, used: set[str]) -> str:
    for copy in range(len(used) + 1):
        text = f"{cell.cell_type}\n{cell.source}\n{copy}"
        candidate = hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]
        if candidate not in used:
            return candidate
    raise AssertionError("more ids than cells")


def _matches(old: Sequence[NotebookNode], new: Sequence[NotebookNode]) -> dict[int, int]:
    """Index of a new cell -> index of the old cell that it is."""
    old_keys = [(cell.cell_type, cell.source) for cell in old]
    new_keys = [(cell.cell_type, cell.source) for cell in new]
    matches: dict[int, int] = {}
    replaced: list[tuple[range, range]] = []
    matcher = difflib.SequenceMatcher(None, old_keys, new_keys, autojunk=False)
    for kind, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            matches.update(zip(range(new_start, new_end), range(old_start, old_end), strict=True))
        elif kind == "replace":
            replaced.append((range(old_start, old_end), range(new_start, new_end)))
    # A cell that was moved is found by its source, wherever it stood.
    free = [index for index in range(len(old)) if index not in set(matches.values())]
    for index, key in enumerate(new_keys):
        moved = next((candidate for candidate in free if old_keys[candidate] == key), None)
        if index not in matches and moved is not None:
            matches[index] = moved
            free.remove(moved)
    # A cell that was edited stands between the same neighbours as before.
    for old_range, new_range in replaced:
        candidates = [index for index in old_range if index in free]
        for index in new_range:
            edited = next((c for c in candidates if _is_edit(old_keys[c], new_keys[index])), None)
            if index not in matches and edited is not None:
                matches[index] = edited
                candidates = [c for c in candidates if c > edited]
    return matches


def _is_edit(old: tuple[str, str], new: tuple[str, str]) -> bool:
    return old[0] == new[0] and difflib.SequenceMatcher(None, old[1], new[1], autojunk=False).ratio() >= SIMILAR
