"""What quizzes and explorers say while no kernel answers them, as after a notebook was opened again.

ipywidgets draws a red broken link beside each part of a widget then, without a word. One line of words says what to do.
"""

from __future__ import annotations


def reopened_style(box: str, words: str) -> str:
    """Return styles that put ``words`` above a disconnected widget, in the place of the broken links.

    Args:
        box: the class of the outermost widget.
        words: what to do.

    Example:
        >>> "Run this cell" in reopened_style("nnopt-quiz", "Run this cell to answer.")
        True
    """
    return f"""
.{box} .jupyter-widgets-disconnected::before {{ content: none; }}
.{box}.jupyter-widgets-disconnected::before {{
  content: "{words}"; font: var(--jp-ui-font-size1, 13px)/1.45 var(--jp-ui-font-family, sans-serif);
  font-style: italic; color: var(--jp-ui-font-color1, inherit); padding: 0 3px 4px;
}}"""
