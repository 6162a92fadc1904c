"""What is public: the names that the reference shows and whose docstrings have examples."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any

import nnopt_utils

# Modules below a package whose names users meet though the package does not export them: what a search returns, what
# declares an optimizer's arguments, what authors of chapters write.
MORE = {
    "nnopt_utils.experiments.findings",
    "nnopt_utils.course.exercises",
    "nnopt_utils.optimizers.hyperparameters",
}


def public_modules() -> list[ModuleType]:
    """Modules and packages of the library, by the names under which users import them, and those of ``MORE``."""
    top = [f"nnopt_utils.{found.name}" for found in pkgutil.iter_modules(nnopt_utils.__path__)]
    return [importlib.import_module(name) for name in [*top, *sorted(MORE)] if "._" not in name]


def names_of(module: ModuleType) -> list[str]:
    """A module's ``__all__``; where it has none, the functions and classes that it defines."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isroutine(value) or inspect.isclass(value))
        and value.__module__ == module.__name__
    ]


PUBLIC: dict[str, Any] = {
    f"{module.__name__}.{name}": getattr(module, name) for module in public_modules() for name in names_of(module)
}
