"""Finds what chapters register: modules ``chapter_NN.py`` in a package, each with one list.

A chapter's module is imported when one of its names is asked for, so that importing the package stays fast.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from typing import Generic, Protocol, TypeVar


class Named(Protocol):
    """Anything a chapter may register."""

    @property
    def name(self) -> str: ...


Item = TypeVar("Item", bound=Named)


class Registry(Mapping[str, Item], Generic[Item]):
    """The items of all chapters by name, in the chapters' order; read-only and filled as it is used.

    Args:
        package: dotted name of the package that holds the modules ``chapter_NN``.
        attribute: name of the list in each of these modules.
        item_type: what the list must hold.
    """

    def __init__(self, package: str, attribute: str, item_type: type[Item]) -> None:
        self._package = package
        self._attribute = attribute
        self._item_type = item_type
        self._loaded: dict[str, dict[str, Item]] = {}

    def chapters(self) -> list[str]:
        """Return the numbers of the chapters that have a module, such as ``["03", "04"]``."""
        package = importlib.import_module(self._package)
        modules = [module.name for module in pkgutil.iter_modules(package.__path__)]
        return sorted(name.removeprefix("chapter_") for name in modules if re.fullmatch(r"chapter_\d\d", name))

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
        text = str(name).strip().lower()
        near = difflib.get_close_matches(text, names, n=3, cutoff=0.5)
        # A right name with the wrong or no chapter number is the most common slip.
        same_ending = [known for known in names if known.partition(".")[2] == text.rpartition(".")[2]]
        return list(dict.fromkeys(same_ending + near))[:3]

    def _load(self, number: str) -> dict[str, Item]:
        module = importlib.import_module(f"{self._package}.chapter_{number}")
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
