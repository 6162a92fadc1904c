"""``quiz("04.1", b)``: a letter without its quotes."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from nnopt_utils.course.quizzes import letters
from nnopt_utils.course.quizzes.letters import LetterQuoter, quote_letters, register


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    """IPython with a ``quiz`` that returns what it is asked, and the transformer."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(colors="nocolor")
    shell.user_ns["quiz"] = lambda name, answer=None: (name, answer)
    register()
    yield shell
    InteractiveShell.clear_instance()


def run(shell: InteractiveShell, cell: str) -> Any:
    return shell.run_cell(cell, store_history=False).result


def rewritten(cell: str, **names: Any) -> str:
    tree = ast.parse(cell)
    quote_letters(tree, names)
    return ast.unparse(tree)


def test_in_ipython(shell: InteractiveShell) -> None:
    assert run(shell, 'quiz("04.1", b)') == ("04.1", "b")
    assert run(shell, 'quiz("04.1", answer=b)') == ("04.1", "b")
    run(shell, "b = [0.1, 0.2]")
    assert run(shell, 'quiz("04.1", b)') == ("04.1", "b")
    run(shell, 'b = "c"')
    assert run(shell, 'quiz("04.1", b)') == ("04.1", "c")
    run(shell, "del b")
    assert run(shell, 'quiz("04.1", b)') == ("04.1", "b")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("quiz('04.1', b)", "quiz('04.1', 'b')"),
        ("quiz('04.1', B)", "quiz('04.1', 'B')"),
        ("course.quiz('04.1', b)", "course.quiz('04.1', 'b')"),
        ("nnopt_utils.course.quiz('04.12', answer=b)", "nnopt_utils.course.quiz('04.12', answer='b')"),
        ("quiz(name='04.1', answer=b)", "quiz(name='04.1', answer='b')"),
        ("ok = bool(quiz('04.1', b)) and x", "ok = bool(quiz('04.1', 'b')) and x"),
        ("quiz('04.1', b)\nquiz('04.2', c)", "quiz('04.1', 'b')\nquiz('04.2', 'c')"),
    ],
)
def test_what_is_put_into_quotes(cell: str, expected: str) -> None:
    assert rewritten(cell, b=[1.0]) == expected


@pytest.mark.parametrize(
    "cell",
    [
        "quiz('04.1', 'b')",
        "quiz('04.1', best)",
        "quiz('04.1', b[0])",
        "quiz('04.1', solution=b)",
        "quiz(name, b)",
        "quiz('words', b)",
        "quiz(b)",
        "check('04.rate', b)",
        "f(b)('04.1', b)",
        "b = 'a'\nquiz('04.1', b)",
        "for b in 'abc':\n    quiz('04.1', b)",
        "lambda b: quiz('04.1', b)",
        "def f(b):\n    return quiz('04.1', b)",
    ],
)
def test_what_is_left_alone(cell: str) -> None:
    assert rewritten(cell) == cell


def test_a_text_of_the_learner_is_left_alone() -> None:
    assert rewritten("quiz('04.1', b)", b="c") == "quiz('04.1', b)"


def test_there_is_one_and_the_others_stay(shell: InteractiveShell) -> None:
    other = ast.NodeTransformer()
    shell.ast_transformers.append(other)
    register()
    importlib.reload(letters).register()
    assert [type(known).__name__ for known in shell.ast_transformers] == ["NodeTransformer", "LetterQuoter"]
    assert shell.ast_transformers[0] is other
    assert run(shell, 'quiz("04.1", b)') == ("04.1", "b")


def test_after_autoreload(shell: InteractiveShell) -> None:
    run(shell, "%load_ext autoreload\n%autoreload 2")
    reloader = shell.magics_manager.registry["AutoreloadMagics"]._reloader
    # It reloads a module whose file is younger than when it was last looked at.
    reloader.modules_mtimes["nnopt_utils.course.quizzes.letters"] = 0.0
    assert run(shell, 'quiz("04.1", b)') == ("04.1", "b")
    assert reloader.modules_mtimes["nnopt_utils.course.quizzes.letters"] > 0, "nothing was reloaded"
    assert run(shell, 'quiz("04.1", b)') == ("04.1", "b")
    run(shell, "%autoreload 0")


def test_its_errors_break_no_cell(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(tree: ast.AST, names: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(letters, "quote_letters", broken)
    mine = [known for known in shell.ast_transformers if type(known).__name__ == LetterQuoter.__name__]
    assert run(shell, "1 + 1") == 2  # a warning of IPython would be an error of this test
    assert [known for known in shell.ast_transformers if known in mine] == mine


def test_outside_ipython(monkeypatch: pytest.MonkeyPatch) -> None:
    InteractiveShell.clear_instance()
    register()
    monkeypatch.delitem(sys.modules, "IPython")
    register()
