"""Sphinx's settings for the API reference: `make docs` builds it from the docstrings, without a network."""

import re
from typing import Any

import nnopt_utils

project = "nnopt"
author = "nnopt developers"
project_copyright = "nnopt developers"
version = release = nnopt_utils.__version__
html_title = f"nnopt {release}: API reference"

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "sphinx.ext.viewcode"]
root_doc = "index"
default_role = None

# Docstrings have Google's headings: Args, Returns, Raises, Example.
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_preserve_defaults = True
# What a subclass only fills in is described where it is promised: in the base class.
autodoc_inherit_docstrings = False
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

# Every name in a docstring or a type leads somewhere, except into other packages and what has no page of its own.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(numpy|np|matplotlib|ipywidgets|IPython|collections|abc|os|types|pathlib|typing)\..*"),
    ("py:.*", r"nnopt_utils\._\w+\..*"),
    ("py:.*", r"nnopt_utils\.course\.(explorers|source|result|registry)\..*"),
]

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["reference.css"]
html_show_sourcelink = False
html_copy_source = False

# One file that needs no other, not even a font (_static/mathjax/README.md). Its menu could load more, so it is off.
mathjax_path = "mathjax/tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}}

SECTION = re.compile(r"(Args|Attributes|Raises):")
SEVERAL = re.compile(r"( {4})(\w+(?:, \w+)+): (.*)")


def one_name_an_entry(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Write ``low, high: text`` of a list of arguments as two entries, each of which gets its type."""
    written: list[str] = []
    pending: list[str] = []  # the names that still wait for the text under way

    def finish(text_from: int) -> None:
        text = written[text_from:]
        for other in pending:
            written.extend([SEVERAL_FIRST.sub(rf"\g<1>{other}:", text[0]), *text[1:]])
        pending.clear()

    inside, start = False, 0
    for line in [*lines, ""]:
        new_entry = not line.startswith(" " * 5)
        if new_entry:
            finish(start)
        if not line.startswith(" "):
            inside = bool(SECTION.fullmatch(line))
        match = SEVERAL.fullmatch(line) if inside else None
        if match:
            first, *rest = match[2].split(", ")
            start = len(written)
            pending.extend(rest)
            line = f"{match[1]}{first}: {match[3]}"
        written.append(line)
    lines[:] = written


SEVERAL_FIRST = re.compile(r"^( {4})\w+:")


def public_bases(app: Any, name: str, obj: Any, options: Any, bases: list[type]) -> None:
    """Show what stands behind a private base class instead of it."""
    shown = [base for base in bases if not base.__name__.startswith("_")]
    bases[:] = shown or [base for private in bases for base in private.__bases__]


def setup(app: Any) -> None:
    # Before napoleon, which reads the lists.
    app.connect("autodoc-process-docstring", one_name_an_entry, priority=400)
    app.connect("autodoc-process-bases", public_bases)
