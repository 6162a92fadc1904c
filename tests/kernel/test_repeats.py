"""A long cell is spared only if running it would change nothing."""

from __future__ import annotations

import ast
import sys
from typing import Any

import pytest
import repeats
from repeats import Repeats, digest, read

PREPARED = """
import numpy as np
import matplotlib.pyplot as plt
from nnopt_utils.networks import MLP
from nnopt_utils.optimizers import SGD
from nnopt_utils.training import fit
x, y = np.ones((4, 2)), np.array([0, 1, 0, 1])
network = MLP([2, 2], seed=0)
k = 3
"""


FUNCTIONS = """
factor = 2
def times(value):
    return factor * value
def by(value=1):
    return [times(v) for v in [value]]
def make(n):
    def inner():
        return n
    return inner
several = make(2)
"""


class Notebook:
    """Runs cells as ``test_readers`` does, and says whether they ran."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.seen = Repeats(self.names)
        exec(PREPARED, self.names)

    def runs(self, source: str) -> bool:
        if self.seen.skips(source):
            return False
        exec(source, self.names)
        self.seen.ran(source)
        return True


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    monkeypatch.setattr(repeats, "LONG", 0.0)
    return Notebook()


SPARED = {
    "a training of its own": "own = MLP([2, 2], seed=1)\nhistory = fit(own, SGD(0.1), (x, y), epochs=1)",
    "its own loop variable": "squares = {}\nfor k in (1, 2):\n    z = k * k\n    squares[k] = z",
    "a comprehension's variable": "squares = [k * k for k in (1, 2)]",
    "a module": "import math\nroot = math.sqrt(k)",
    "a picture": "figure, ax = plt.subplots()\nline = ax.plot(x)",
    "a function": "def double(value):\n    return 2 * value\ntwice = double(k)",
    "a function that calls itself": "def down(n):\n    return n and down(n - 1)\nzero = down(k)",
    "a function in a dictionary": "ways = {'double': lambda value: 2 * value}",
    "a branch": "if len(x) == 4:\n    parts = x + 1",
}
AGAIN = {
    "what it reads and binds": "k = k * 2",
    "what it adds to": "k += 1",
    "an item of what it reads": "x[0] = x[0] + 1",
    "a network that it trains further": "history = fit(network, SGD(0.1), (x, y), epochs=1)",
    "a class": "class Own:\n    pass\nown = Own()",
    "what cannot be compared": "numbers = (n for n in x)",
}


@pytest.mark.parametrize("name", SPARED)
def test_spared(notebook: Notebook, name: str):
    assert notebook.runs(SPARED[name])
    for _ in range(2):
        assert not notebook.runs(SPARED[name])


@pytest.mark.parametrize("name", AGAIN)
def test_run_again(notebook: Notebook, name: str):
    for _ in range(3):
        assert notebook.runs(AGAIN[name])


@pytest.mark.parametrize(
    "change", ["x = x + 1", "x[0, 0] = 5", "y = x", "del x", "from numpy import ones as MLP", "len = sum"]
)
def test_any_change_of_what_it_reads_is_seen(notebook: Notebook, change: str):
    cell = (
        "result = len(x), y.sum(), MLP is not None" if "del" not in change else "result = 'x' in globals() and x.sum()"
    )
    assert notebook.runs(cell) and not notebook.runs(cell)
    exec(change, notebook.names)
    assert notebook.runs(cell)


def test_a_change_of_what_it_made_is_seen(notebook: Notebook):
    cell = "made = x + 1"
    assert notebook.runs(cell)
    notebook.names["made"][0] = 7
    assert notebook.runs(cell) and notebook.names["made"][0, 0] == 2


def test_what_it_changes_is_changed_again(notebook: Notebook):
    """A network that the cell before it makes anew, always the same, is trained anew."""
    for _ in range(2):
        exec("network = MLP([2, 2], seed=0)", notebook.names)
        assert notebook.runs("history = fit(network, SGD(0.1), (x, y), epochs=1)")


@pytest.mark.parametrize(
    "change",
    [
        "def by(value):\n    return (factor + 1) * value",
        "factor = 3",
        "by.__defaults__ = (5,)",
        "def times(value):\n    return factor + value",
        "several = make(4)",
    ],
)
def test_any_change_of_the_notebooks_functions_is_seen(notebook: Notebook, change: str):
    exec(FUNCTIONS, notebook.names)
    cell = "made = by(k), several()"
    assert notebook.runs(cell) and not notebook.runs(cell)
    exec(change, notebook.names)
    assert notebook.runs(cell) and not notebook.runs(cell)


def test_classes_of_the_notebook_are_not_compared_by_their_names(notebook: Notebook, monkeypatch: pytest.MonkeyPatch):
    exec("class Own:\n    pass", notebook.names)
    monkeypatch.setattr(sys.modules["__main__"], "Own", notebook.names["Own"], raising=False)
    assert digest(notebook.names["Own"]) is None and digest(notebook.names["Own"]()) is None and digest(len)


def test_names_get_back_what_the_cell_bound(notebook: Notebook):
    assert notebook.runs("made = x + 1")
    notebook.names["made"] = "another cell's"
    assert not notebook.runs("made = x + 1")
    assert notebook.names["made"][0, 0] == 2


def test_earlier_values_are_known_too(notebook: Notebook):
    for k, runs in [(3, True), (4, True), (3, False), (4, False)]:
        notebook.names["k"] = k
        assert notebook.runs("square = k**2") is runs
        assert notebook.names["square"] == k**2


def test_short_cells_run(notebook: Notebook, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(repeats, "LONG", 60.0)
    assert notebook.runs("made = x + 1") and notebook.runs("made = x + 1")


def test_what_shares_memory_is_told_from_what_is_equal():
    one, other = [1], [1]
    assert digest({"a": one, "b": one}) != digest({"a": one, "b": other})


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("a = b; c = a", "b"),
        ("a, (b, c) = d", "d"),
        ("a[i].b = c", "a i c"),
        ("for a in b:\n    c = a; e = c + f\nc", "b c f"),
        ("for a[0] in b: pass", "a b"),
        ("if a:\n    b = 1\nb", "a b"),
        ("with a as b:\n    c = b", "a b c"),
        ("import a.b as c, d.e\nc, d, f", "f"),
        ("[a for a in b for c in d if c]", "b d"),
        ("def f(a):\n    return a + b", "a b"),
        ("a += b", "a b"),
        ("del a", "a"),
    ],
)
def test_names_that_are_read(code: str, names: str):
    assert read(ast.parse(code).body, set()) == set(names.split())
