"""Alternative texts of figures, for readers who do not see them: what the caption says the figure shows.

They stand in the metadata of the image, where exports look for them, and in the cell's own, which survives when a
learner runs the cell again.
"""

from __future__ import annotations

import re

import nbformat
from nbformat import NotebookNode
from pylatexenc.latex2text import LatexNodes2Text, get_default_latex_context_db

from tools.chapter import CAPTION

MACROS = get_default_latex_context_db()
TO_UNICODE = LatexNodes2Text(math_mode="text", strict_latex_spaces=False, latex_context=MACROS)


def alt_text(caption: str) -> str:
    r"""What a caption says that its figure shows, in plain text; what to notice stays on the page.

    Raises:
        ValueError: a formula has a macro that pylatexenc does not know, and would drop.

    >>> alt_text(r"**Figure 04.1.** Descent on $J = \tfrac12 \theta^2$, *twice*. *Notice:* it diverges.")
    'Figure 04.1. Descent on J = ½ θ^2, twice.'
    """
    text = caption.split("\n\n")[0].split("*Notice:*")[0]
    text = re.sub(r"\$([^$]+)\$", lambda match: _in_unicode(match[1]), text)
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)
    return " ".join(re.sub(r"\*+|`", "", text).split())


def _in_unicode(formula: str) -> str:
    formula = re.sub(r"\\[td]frac(?![A-Za-z])", r"\\frac", formula)  # frac, in another size
    formula = re.sub(r"\\frac\s*(12|\{1\}\{2\})", "½", formula)  # 1/2 θ would read as 1/(2θ)
    for macro in re.findall(r"\\([A-Za-z]+)", formula):
        if MACROS.get_macro_spec(macro) is None:
            raise ValueError(f"caption: got \\{macro} in {formula!r}; expected macros that have a form in plain text")
    return str(TO_UNICODE.latex_to_text(f"${formula}$"))


def describe_figures(notebook: NotebookNode) -> None:
    """Give each figure the alternative text that its caption, at the start of the next cell, says."""
    for cell, following in zip(notebook.cells, notebook.cells[1:], strict=False):
        images = [output for output in cell.get("outputs", []) if _image_types(output)]
        if not images or following.cell_type != "markdown" or not CAPTION.match(following.source):
            continue
        cell.metadata["alt"] = alt_text(following.source)
        for output in images:
            for mime in _image_types(output):
                output.metadata[mime] = nbformat.from_dict({**output.metadata.get(mime, {}), "alt": cell.metadata.alt})


def _image_types(output: NotebookNode) -> list[str]:
    return [mime for mime in output.get("data", {}) if mime.startswith("image/")]
