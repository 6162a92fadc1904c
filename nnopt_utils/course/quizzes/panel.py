"""A question with its options as buttons, and the result in a line under them.

Buttons, and not radio buttons: the arrow keys choose a radio button as they pass it, and each choice is an answer.
"""

from __future__ import annotations

import html
import importlib.util
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nnopt_utils._shell import notebook_shell
from nnopt_utils.course.console import wrapped
from nnopt_utils.course.quizzes.question import Question, chosen, mark
from nnopt_utils.course.reopened import reopened_style
from nnopt_utils.course.showing import COLOURS, SIGNS, result_html, result_text

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
NO_VERDICT = '<div role="status"></div>'
# A button of ipywidgets is one line high and cuts its text off; JupyterLab breaks lines of <pre> within words.
STYLE = f"""<style>
.nnopt-quiz {{ max-width: 900px; margin-bottom: 1em; }}
.nnopt-quiz .jupyter-button {{
  height: auto; padding: 5px 12px; overflow: visible;
  line-height: 1.45; text-align: left; white-space: normal; overflow-wrap: anywhere;
  border: 1px solid var(--jp-border-color1, #bdbdbd); border-left-width: 5px;
}}
.nnopt-quiz .jupyter-button.nnopt-correct {{ border-color: {COLOURS["correct"]}; }}
.nnopt-quiz .jupyter-button.nnopt-wrong {{ border-color: {COLOURS["wrong"]}; }}
.nnopt-quiz .jupyter-button:focus-visible {{ outline: 2px solid var(--jp-brand-color1, #1976d2); outline-offset: 1px; }}
.nnopt-quiz .widget-html-content {{ line-height: 1.45; white-space: normal; }}
.nnopt-quiz .widget-html-content pre {{ font: inherit !important; line-height: inherit; word-break: normal; }}
{reopened_style("nnopt-quiz", "To answer, run this cell. It needs the imports at the top of the page.")}
</style>"""
# A screen reader says what changes in a part of the page that was told beforehand to be listened to, and ipywidgets
# cannot tell that to a part of its own.
LISTENED_TO = "this.closest('.nnopt-quiz').querySelector('.nnopt-verdict').setAttribute('aria-live', 'polite')"


def can_be_clicked() -> bool:
    """Return whether this runs in a notebook's kernel that has ipywidgets."""
    return notebook_shell() is not None and importlib.util.find_spec("ipywidgets") is not None


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
        # Shared: of its own, each widget would send a layout and a style to the page, and a chapter has five quizzes.
        layout, button_style = ipywidgets.Layout(width="auto"), ipywidgets.ButtonStyle()
        self.buttons = {
            letter: ipywidgets.Button(description=_described(letter, option), layout=layout, style=button_style)
            for letter, (option, _) in question.options.items()
        }
        asked = ipywidgets.HTML(
            f"{STYLE}<b>Question {question.name}</b> {_marked_up(question.text)}",
            layout=layout,
        )
        page = {"layout": layout, "style": asked.style}
        self.verdict = ipywidgets.HTML(NO_VERDICT, _dom_classes=("nnopt-verdict",), **page)
        in_code = f"or in code: <code>{question.in_code()}</code>"
        # The last one: the verdict is there when it comes.
        code = ipywidgets.HTML(f'{in_code}<style onload="{LISTENED_TO}"></style>', **page)
        children = [asked, *self.buttons.values(), self.verdict, code]
        self.widget = ipywidgets.VBox(children, layout=layout, _dom_classes=("nnopt-quiz",))
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
        if remark:
            self.result = replace(self.result, message=f"{self.result.message}\n{remark}")
        for letter, button in self.buttons.items():
            self._show_choice(button, letter)
        self.verdict.value = result_html(self.result) if self.answered else NO_VERDICT

    def _show_choice(self, button: Any, letter: str) -> None:
        option = _described(letter, self.question.options[letter][0])
        button.remove_class("nnopt-correct").remove_class("nnopt-wrong")
        if letter == self.letter:
            option = f"{SIGNS[self.result.status]} {option}"
            button.add_class(f"nnopt-{self.result.status}")
        button.description = option

    def __repr__(self) -> str:
        how = f"Run this cell and click an option, or answer in code: {self.question.in_code()}."
        return wrapped(f"{self.question}\n\n{result_text(self.result) if self.answered else how}")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        return {"text/plain": repr(self), WIDGET_VIEW: view}


def _described(letter: str, option: str) -> str:
    return f"{letter})  {option}"


def _marked_up(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
