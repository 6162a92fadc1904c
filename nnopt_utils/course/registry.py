"""Finds what chapters register: a module in each folder ``chNN_name`` of the course, with one list.

A chapter's module is imported when one of its names is asked for, so that importing the course stays fast.
"""

from __future__ import annotations

import difflib
import importlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Generic, Protocol, TypeVar

CHAPTER_FOLDER = re.compile(r"ch(\d\d)_\w+")


class Named(Protocol):
    """Anything a chapter may register."""

    @property
    def name(self) -> str: ...


Item = TypeVar("Item", bound=Named)


class Registry(Mapping[str, Item], Generic[Item]):
    """The items of all chapters by name, in the chapters' order; read-only and filled as it is used.

    Args:
        module: name of the module in a chapter's folder, such as ``exercises``.
        attribute: name of the list in it, such as ``EXERCISES``.
        item_type: what the list must hold.
        package: dotted name of the package that holds the chapters' folders.
    """

    def __init__(self, module: str, attribute: str, item_type: type[Item], package: str = "nnopt_utils.course") -> None:
        self._module = module
        self._attribute = attribute
        self._package = package
        self._item_type = item_type
        self._loaded: dict[str, dict[str, Item]] = {}

    def chapters(self) -> list[str]:
        """Return the numbers of the chapters that have such a module, such as ``["03", "04"]``."""
        return sorted(self._modules())

    def _modules(self) -> dict[str, str]:
        """Return the dotted name of the module by the chapter's number."""
        package = importlib.import_module(self._package)
        folders = [path / name for path in map(Path, package.__path__) for name in sorted(os.listdir(path))]
        chapters = {match[1]: folder for folder in folders if (match := CHAPTER_FOLDER.fullmatch(folder.name))}
        return {
            number: f"{self._package}.{folder.name}.{self._module}"
            for number, folder in chapters.items()
            if (folder / f"{self._module}.py").is_file()
        }

    def chapter(self, number: str) -> dict[str, Item]:
        """Return the items of one chapter by name; none for a chapter without a module."""
        if number not in self._loaded:
            if number not in self.chapters():
                return {}
            self._loaded[number] = self._load(number)
        return self._loaded[number]

    def nearest(self, name: object) -> list[str]:
        """Return up to three names that resemble ``name``, the most similar first."""
        names = list(self)
        text = re.sub(r"^(\d)\.", r"0\1.", str(name).strip().lower())
        if text in names:
            return [text]
        near = difflib.get_close_matches(text, names, n=3, cutoff=0.5)
        # A right name with the wrong or no chapter number is the most common slip.
        same_ending = [known for known in names if known.partition(".")[2] == text.rpartition(".")[2]]
        return list(dict.fromkeys(same_ending + near))[:3]

    def _load(self, number: str) -> dict[str, Item]:
        module = importlib.import_module(self._modules()[number])
        items: dict[str, Item] = {}
        for item in getattr(module, self._attribute, []):
            if not isinstance(item, self._item_type):
                raise TypeError(
                    f"{module.__name__}.{self._attribute}: got {item!r}; expected {self._item_type.__name__}"
                )
            if not item.name.startswith(f"{number}."):
                raise ValueError(
                    f"{module.__name__}: got the name {item.name!r}; expected it to start with '{number}.'"
                )
            if item.name in items:
                raise ValueError(f"{module.__name__}: the name {item.name!r} is used twice")
            items[item.name] = item
        return items

    def __getitem__(self, name: str) -> Item:
        return self.chapter(name.partition(".")[0] if isinstance(name, str) else "")[name]

    def __iter__(self) -> Iterator[str]:
        for number in self.chapters():
            yield from self.chapter(number)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<{self._attribute}: {', '.join(self)}>"
