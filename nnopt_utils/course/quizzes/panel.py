"""A question with its options as buttons, and the result in a line under them.

Buttons, and not radio buttons: the arrow keys choose a radio button as they pass it, and each choice is an answer.
"""

from __future__ import annotations

import html
import importlib.util
import re
import sys
from collections.abc import Callable
from typing import Any

from nnopt_utils.course.console import wrapped
from nnopt_utils.course.quizzes.question import Question, chosen, mark
from nnopt_utils.course.result import CheckResult

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
SIGNS = {"correct": "✓ ", "wrong": "✗ "}
# A button of ipywidgets is one line high and cuts its text off.
STYLE = """<style>
.nnopt-quiz { max-width: 900px; }
.nnopt-quiz .jupyter-button {
  height: auto; padding: 5px 12px; overflow: visible;
  line-height: 1.45; text-align: left; white-space: normal; overflow-wrap: anywhere;
  border: 1px solid var(--jp-border-color1, #bdbdbd); border-left-width: 5px;
}
.nnopt-quiz .jupyter-button.nnopt-correct { border-color: var(--jp-success-color1, #2e7d32); }
.nnopt-quiz .jupyter-button.nnopt-wrong { border-color: var(--jp-error-color1, #c62828); }
.nnopt-quiz .jupyter-button:focus-visible { outline: 2px solid var(--jp-brand-color1, #1976d2); outline-offset: 1px; }
.nnopt-quiz .widget-html-content { line-height: 1.45; white-space: normal; }
</style>"""


def can_be_clicked() -> bool:
    """Return whether this runs in a notebook's kernel that has ipywidgets."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel") and importlib.util.find_spec("ipywidgets") is not None


class Panel:
    """A question to click at.

    ``buttons`` holds the options by letter, ``verdict`` the line under them, ``widget`` all of it.

    Args:
        question: what is asked.
        answer: what was answered in code, None for nothing.
        remark: what to say under the result of that answer.
        remember: called with the question and each letter that is clicked; returns such a remark.
    """

    def __init__(
        self, question: Question, answer: Any = None, remark: str = "", *, remember: Callable[[Question, Any], str]
    ) -> None:
        import ipywidgets

        self.question = question
        self.remember = remember
        self.buttons = {letter: ipywidgets.Button(layout={"width": "auto"}) for letter in question.options}
        self.verdict = ipywidgets.HTML()
        asked = ipywidgets.HTML(f"{STYLE}<b>Question {question.name}</b> {_marked_up(question.text)}")
        code = ipywidgets.HTML(f"or in code: <code>{html.escape(question.in_code())}</code>")
        self.widget = ipywidgets.VBox([asked, *self.buttons.values(), code, self.verdict])
        self.widget.add_class("nnopt-quiz")
        for letter, button in self.buttons.items():
            button.on_click(lambda _, letter=letter: self.click(letter))
        self._show_result(answer, remark)

    def click(self, letter: str) -> None:
        """Answer with an option; the same one again changes nothing."""
        if letter != self.letter:
            self._show_result(letter, self.remember(self.question, letter))

    def show(self) -> None:
        """Show the panel, wherever in its cell the question is asked."""
        from IPython.display import display

        display(self)

    def _show_result(self, answer: Any, remark: str) -> None:
        self.answered = answer is not None
        self.letter = chosen(self.question, answer)
        self.result = mark(self.question, answer)
        self.remark = remark
        for letter, button in self.buttons.items():
            status = self.result.status if letter == self.letter else ""
            button.description = f"{SIGNS.get(status, '')}{letter})  {self.question.options[letter][0]}"
            for sign in SIGNS:
                (button.add_class if sign == status else button.remove_class)(f"nnopt-{sign}")
        self.verdict.value = _verdict(self.result, remark) if self.answered else EMPTY_VERDICT

    def __repr__(self) -> str:
        how = f"Run this cell and click an option, or answer in code: {self.question.in_code()}."
        said = [self.result.message, self.remark] if self.answered else [how]
        return wrapped("\n".join([f"{self.question}\n", *filter(None, said)]))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        return {"text/plain": repr(self), WIDGET_VIEW: view}


EMPTY_VERDICT = '<div role="status" aria-live="polite"></div>'


def _verdict(result: CheckResult, remark: str) -> str:
    text = _marked_up(SIGNS.get(result.status, "") + result.message)
    more = f"<br>{_marked_up(remark)}" if remark else ""
    return f'<div role="status" aria-live="polite">{text}{more}</div>'


def _marked_up(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
