"""The library reads in one direction, and importing it is light."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import nnopt_utils

PACKAGE = Path(nnopt_utils.__file__).parent

# No module imports from its right. Modules side by side in one entry do not import each other.
ORDER: list[set[str]] = [
    {"_memory", "_quiet", "_tables", "_validation", "layout"},
    {"datasets"},
    {"activations"},
    {"initializers"},
    {"losses"},
    {"networks"},
    {"gradients"},
    {"schedules"},
    {"optimizers"},
    {"problems"},
    {"history"},
    {"training"},
    {"line_search"},
    {"experiments"},
    {"keras_bridge", "second_order", "parallel", "compression"},
    {"plotting"},
]
# Used by chapters only: nothing but each other imports them.
FOR_CHAPTERS = {"checks", "quizzes", "explorers", "display"}
# Commands: nothing imports them but the command line.
COMMANDS = {"doctor", "compare", "__main__"}

# What no module may load, and the modules that are about it.
HEAVY = ("tensorflow", "keras", "torch", "scipy", "sklearn", "jax", "joblib", "dask", "distributed")
MAY_BE_HEAVY = {"nnopt_utils.keras_bridge"}


def modules() -> list[str]:
    """The top-level names in the package: ``networks.py`` and ``optimizers/`` are ``networks`` and ``optimizers``."""
    return sorted(module.name for module in pkgutil.iter_modules([str(PACKAGE)]))


def sources(module: str) -> list[Path]:
    folder = PACKAGE / module
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [PACKAGE / f"{module}.py"]


def imported(source: str, parents: tuple[str, ...] = ("nnopt_utils",)) -> set[str]:
    """The top-level modules of the package that a source imports anywhere: at its top, in functions, for types.

    ``parents`` is the package that the source is in, for its relative imports.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
            origin = ".".join(filter(None, [base, node.module]))
            names.update(f"{origin}.{alias.name}" for alias in node.names)
    own = [name.split(".") for name in names if name.startswith("nnopt_utils.")]
    return {name[1] for name in own}


def imports_of(module: str) -> set[str]:
    found: set[str] = set()
    for path in sources(module):
        parents = ("nnopt_utils", *path.relative_to(PACKAGE).parent.parts)
        found |= imported(path.read_text(encoding="utf-8"), parents)
    return found & set(modules()) - {module}


def violations(module: str, imports: set[str]) -> list[str]:
    """Say which imports of a module the rules forbid."""
    rank = {name: position for position, names in enumerate(ORDER) for name in names}
    if module in COMMANDS:
        allowed = set(rank) | COMMANDS
    elif module in FOR_CHAPTERS:
        allowed = set(rank) | FOR_CHAPTERS
    else:
        allowed = {name for name in rank if rank[name] < rank[module]}
    return [f"{module} imports {name}" for name in sorted(imports - allowed)]


def test_every_module_has_its_place():
    known = set().union(*ORDER) | FOR_CHAPTERS | COMMANDS
    assert set(modules()) <= known, f"put into ORDER, FOR_CHAPTERS or COMMANDS: {sorted(set(modules()) - known)}"


@pytest.mark.parametrize("module", modules())
def test_no_module_imports_from_its_right(module):
    assert violations(module, imports_of(module)) == []


def test_the_package_itself_imports_no_module():
    assert imported((PACKAGE / "__init__.py").read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    ("source", "parents", "expected"),
    [
        ("from nnopt_utils.training import fit", ("nnopt_utils",), {"training"}),
        ("from nnopt_utils import plotting, losses", ("nnopt_utils",), {"plotting", "losses"}),
        ("import nnopt_utils.optimizers.base as b", ("nnopt_utils",), {"optimizers"}),
        ("from .training import fit", ("nnopt_utils",), {"training"}),
        ("from . import history", ("nnopt_utils",), {"history"}),
        ("from .base import Optimizer", ("nnopt_utils", "optimizers"), {"optimizers"}),
        ("from ..schedules import Constant", ("nnopt_utils", "optimizers"), {"schedules"}),
        ("def f():\n    from nnopt_utils.problems import Quadratic", ("nnopt_utils",), {"problems"}),
        ("import numpy as np\nfrom numpy.linalg import norm", ("nnopt_utils",), set()),
    ],
)
def test_imports_are_found_in_every_form(source, parents, expected):
    assert imported(source, parents) == expected


@pytest.mark.parametrize(
    ("module", "imports", "wrong"),
    [
        ("optimizers", {"schedules", "_validation"}, []),
        ("optimizers", {"training"}, ["optimizers imports training"]),
        ("losses", {"networks"}, ["losses imports networks"]),
        ("second_order", {"compression"}, ["second_order imports compression"]),
        ("plotting", {"display"}, ["plotting imports display"]),
        ("checks", {"quizzes", "plotting"}, []),
        ("checks", {"doctor"}, ["checks imports doctor"]),
        ("training", {"doctor"}, ["training imports doctor"]),
        ("__main__", {"doctor"}, []),
    ],
)
def test_the_rules_tell_right_from_wrong(module, imports, wrong):
    assert violations(module, imports) == wrong


# Imports each module in turn and prints the heavy packages that it brought along.
PROBE = """
import importlib, pkgutil, sys
import nnopt_utils
print("nnopt_utils", *[name for name in {light!r} if name in sys.modules], sep="\\t")
for module in pkgutil.walk_packages(nnopt_utils.__path__, "nnopt_utils."):
    if module.name.endswith("__main__") or module.name in {skipped!r}:
        continue
    importlib.import_module(module.name)
    heavy = [name for name in {heavy!r} if name in sys.modules]
    print(module.name, *heavy, sep="\\t")
    for name in heavy:
        del sys.modules[name]
"""


def test_importing_is_light():
    """In a fresh process: the package loads nothing, and no module loads a heavy package."""
    probe = PROBE.format(heavy=HEAVY, light=(*HEAVY, "numpy", "matplotlib"), skipped=MAY_BE_HEAVY)
    run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=PACKAGE.parent, timeout=120)
    assert run.returncode == 0, run.stderr
    brought = {name: heavy for name, *heavy in (line.split("\t") for line in run.stdout.splitlines())}
    assert {f"nnopt_utils.{module}" for module in modules()} - MAY_BE_HEAVY - {"nnopt_utils.__main__"} <= set(brought)
    assert {name: heavy for name, heavy in brought.items() if heavy} == {}
