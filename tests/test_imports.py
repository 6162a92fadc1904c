"""Modules read in one direction: the library's floors as `docs/architecture.md` draws them, and the course above.

Looked at are modules, not packages, and every import: at a module's top, inside functions, for types.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nnopt_utils

PACKAGE = Path(nnopt_utils.__file__).parent
ROOT = PACKAGE.parent

# What no module may load, and the modules that are about it.
HEAVY = ("tensorflow", "keras", "torch", "scipy", "sklearn", "jax", "joblib", "dask", "distributed")
MAY_BE_HEAVY = {"nnopt_utils.keras_bridge"}


# -- what is imported ------------------------------------------------------------------------------------------------


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
PACKAGES = {module_name(path) for path in PACKAGE.rglob("__init__.py")}


def imported(source: str, package: str = "nnopt_utils") -> set[str]:
    """The dotted names of this package that a source imports, wherever in the source it does.

    ``package`` is the package that the source is in, for its relative imports.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = ".".join(parents[: len(parents) - node.level + 1]) if node.level else ""
            origin = ".".join(filter(None, [base, node.module]))
            names.update(f"{origin}.{alias.name}" for alias in node.names)
    return {name for name in names if name == "nnopt_utils" or name.startswith("nnopt_utils.")}


def modules_of(names: set[str], known: set[str]) -> set[str]:
    """The modules behind dotted names: ``a.b.f`` of a module ``a.b`` is ``a.b``."""
    found = set()
    for name in names:
        while name not in known and "." in name:
            name = name.rpartition(".")[0]
        found.add(name)
    return found & known


def imports_of(module: str) -> set[str]:
    package = module if module in PACKAGES else module.rpartition(".")[0]
    return modules_of(imported(SOURCES[module], package), set(SOURCES)) - {module}


GRAPH = {module: imports_of(module) for module in SOURCES}


def floor_name(module: str) -> str:
    """The top-level name that the drawing has: ``nnopt_utils.optimizers.adam`` is on the floor ``optimizers``."""
    return module.split(".")[1] if "." in module else ""


# -- the drawing -----------------------------------------------------------------------------------------------------


def drawing() -> str:
    """The block of docs/architecture.md that says the order."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.split("## The library reads in one direction", 1)[1]
    match = re.search(r"```\n(.*?)```", section, re.DOTALL)
    assert match
    return match[1]


def floors() -> list[set[str]]:
    """One set of names a line of the drawing, from the ground up; names on one floor do not import each other.

    An arrow in a line divides it into floors; what stands after a colon is an explanation.
    """
    found = []
    for line in drawing().strip().splitlines():
        names = line.split(":")[0]
        found += [set(re.findall(r"\w+", floor)) for floor in names.split("→")]
    return [floor for floor in found if floor]


def forbidden(module: str, imports: set[str], order: list[set[str]]) -> list[str]:
    """Say which imports of a module the order forbids."""
    rank = {name: position for position, floor in enumerate(order) for name in floor}
    own = floor_name(module)
    return [
        f"{module} imports {name}"
        for name in sorted(imports)
        if floor_name(name) not in ("", own) and not rank[floor_name(name)] < rank[own]
    ]


def circle(graph: dict[str, set[str]]) -> list[str]:
    """A circle of imports, if there is one: modules that need each other."""
    state: dict[str, str] = {}

    def visit(module: str, path: list[str]) -> list[str]:
        state[module] = "open"
        for other in sorted(graph.get(module, ())):
            if state.get(other) == "open":
                return [*path[path.index(other) :], other]
            if other not in state and (found := visit(other, [*path, other])):
                return found
        state[module] = "done"
        return []

    return next((found for module in sorted(graph) if module not in state and (found := visit(module, [module]))), [])


# -- the rules -------------------------------------------------------------------------------------------------------


def test_every_module_stands_in_the_drawing_and_nothing_else_does():
    drawn = [name for floor in floors() for name in floor]
    there = {floor_name(module) for module in SOURCES} - {""}
    assert len(drawn) == len(set(drawn)), "a name stands twice in the drawing of docs/architecture.md"
    assert there == set(drawn), "docs/architecture.md draws the order of all modules"


@pytest.mark.parametrize("module", sorted(SOURCES))
def test_no_module_imports_what_stands_above_or_beside_it(module: str):
    assert forbidden(module, GRAPH[module], floors()) == []


def test_the_library_never_imports_the_course():
    library = {module for module in SOURCES if not module.startswith("nnopt_utils.course")}
    assert len(library) > 50
    assert {m: sorted(i) for m in library if (i := {n for n in GRAPH[m] if n.startswith("nnopt_utils.course")})} == {}


# The chapter that sums the course up: what two chapters quote comes from the one that measured it.
SUMS_UP = "ch12_questions_and_answers"


def test_no_chapter_but_the_one_that_sums_up_imports_another_nor_an_engine_a_chapter():
    chapter = re.compile(r"nnopt_utils\.course\.(ch\d\d_\w+)")
    for module, imports in GRAPH.items():
        own = chapter.match(module)
        if own and own[1] == SUMS_UP:
            continue
        others = {match[1] for name in imports if (match := chapter.match(name))} - ({own[1]} if own else set())
        assert not others, f"{module} imports the chapter {others}"


def test_there_is_no_circle():
    assert circle(GRAPH) == []


def test_the_package_itself_imports_no_module():
    assert GRAPH["nnopt_utils"] == set()


@pytest.mark.parametrize("path", ["CONTRIBUTING.md", "docs/architecture.md", "nnopt_utils/__init__.py"])
def test_the_order_is_stated_once(path: str):
    """Other texts refer to the drawing; a second one could say something else."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path == "docs/architecture.md":
        text = text.replace(drawing(), "")
    assert "→ networks" not in text and "networks →" not in text


# -- the rules tell right from wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "package", "expected"),
    [
        ("from nnopt_utils.training import fit", "nnopt_utils", {"nnopt_utils.training.fit"}),
        ("from nnopt_utils import plotting, losses", "nnopt_utils", {"nnopt_utils.plotting", "nnopt_utils.losses"}),
        ("import nnopt_utils.optimizers.base as b", "nnopt_utils", {"nnopt_utils.optimizers.base"}),
        ("from .training import fit", "nnopt_utils", {"nnopt_utils.training.fit"}),
        ("from . import history", "nnopt_utils", {"nnopt_utils.history"}),
        ("from .base import Optimizer", "nnopt_utils.optimizers", {"nnopt_utils.optimizers.base.Optimizer"}),
        ("from ..schedules import Constant", "nnopt_utils.optimizers", {"nnopt_utils.schedules.Constant"}),
        ("def f():\n    from nnopt_utils.problems import X", "nnopt_utils", {"nnopt_utils.problems.X"}),
        ("if TYPE_CHECKING:\n    import nnopt_utils.losses", "nnopt_utils", {"nnopt_utils.losses"}),
        ("import numpy as np\nfrom numpy.linalg import norm", "nnopt_utils", set()),
    ],
)
def test_imports_are_found_in_every_form(source: str, package: str, expected: set[str]):
    assert imported(source, package) == expected


def test_names_are_traced_to_their_modules():
    known = {"nnopt_utils", "nnopt_utils.optimizers", "nnopt_utils.optimizers.base"}
    names = {"nnopt_utils.optimizers.base.Optimizer", "nnopt_utils.optimizers.Adam"}
    assert modules_of(names, known) == {"nnopt_utils.optimizers.base", "nnopt_utils.optimizers"}


@pytest.mark.parametrize(
    ("module", "imports", "wrong"),
    [
        ("nnopt_utils.networks", {"nnopt_utils.losses"}, []),
        ("nnopt_utils.losses", {"nnopt_utils.networks"}, ["nnopt_utils.losses imports nnopt_utils.networks"]),
        (
            "nnopt_utils.optimizers.adam",
            {"nnopt_utils.training", "nnopt_utils.optimizers.base"},
            ["nnopt_utils.optimizers.adam imports nnopt_utils.training"],
        ),
        (
            "nnopt_utils.plotting.runs",
            {"nnopt_utils.course.tables"},
            ["nnopt_utils.plotting.runs imports nnopt_utils.course.tables"],
        ),
        ("nnopt_utils.course.ch04_gradient_descent.figures", {"nnopt_utils.plotting"}, []),
        ("nnopt_utils.__main__", {"nnopt_utils.doctor"}, []),
    ],
)
def test_the_order_tells_right_from_wrong(module: str, imports: set[str], wrong: list[str]):
    assert forbidden(module, imports, floors()) == wrong


def test_a_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


# -- importing is light ----------------------------------------------------------------------------------------------

# Imports each module in turn and prints the heavy packages that it brought along.
PROBE = """
import importlib, sys
import nnopt_utils
print("nnopt_utils", *[name for name in {light!r} if name in sys.modules], sep="\\t")
for module in {modules!r}:
    importlib.import_module(module)
    heavy = [name for name in {heavy!r} if name in sys.modules]
    print(module, *heavy, sep="\\t")
    for name in heavy:
        del sys.modules[name]
"""


def test_importing_is_light():
    """In a fresh process: the package loads nothing, and no module loads a heavy package."""
    modules = sorted(m for m in SOURCES if m not in MAY_BE_HEAVY | {"nnopt_utils", "nnopt_utils.__main__"})
    probe = PROBE.format(heavy=HEAVY, light=(*HEAVY, "numpy", "matplotlib"), modules=modules)
    run = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert run.returncode == 0, run.stderr
    brought = {name: heavy for name, *heavy in (line.split("\t") for line in run.stdout.splitlines())}
    assert set(brought) == {"nnopt_utils", *modules}
    assert {name: heavy for name, heavy in brought.items() if heavy} == {}
