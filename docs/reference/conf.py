"""Sphinx's settings for the API reference: `make docs` builds it from the docstrings, without a network."""

import re
from typing import Any

from docutils import nodes
from sphinx.ext.napoleon import GoogleDocstring

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
napoleon_custom_sections = [("Attributes", "params_style")]

autodoc_default_options = {"members": True}
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
    ("py:.*", r"(numpy|np|matplotlib|collections|abc|datetime|inspect|os|pathlib|types)\..*"),
    ("py:.*", r"nnopt_utils\.(_\w+|course)\..*"),
    ("py:class", r"Domain|Explorer|FigureFunction|Initializer|CheckResult"),  # aliases of types, by their short names
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
ENTRY = re.compile(r"    (\S.*?): (.*)")
RELATION = re.compile(r"(=|\\leftarrow)")
BY_CONVENTION = re.compile(r" \((?:paper|keras|pytorch): [^)]*\)")


def one_name_an_entry(lines: list[str]) -> list[str]:
    """Write ``low, high: text`` in a list of arguments as two entries: each then gets its type.

    >>> one_name_an_entry(["Args:", "    low, high: the ends", "        of it."])
    ['Args:', '    low: the ends', '        of it.', '    high: the ends', '        of it.']
    """
    written: list[str] = []
    in_list, entry, names = False, [], [""]
    for line in [*lines, ""]:
        match = ENTRY.fullmatch(line) if in_list else None
        if entry and not line.startswith(" " * 5):  # the entry under way ends
            written += [text for name in names for text in (f"    {name}: {entry[0]}", *entry[1:])]
            entry = []
        if line and not line.startswith(" "):
            in_list = bool(SECTION.fullmatch(line))
        if match:
            names, entry = match[1].split(", "), [match[2]]
        elif entry:
            entry.append(line)
        else:
            written.append(line)
    return written


def prepare_docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Change what napoleon would misread."""
    lines[:] = one_name_an_entry(lines)
    if what == "property":  # for which it would take "The largest curvature: …" for a type
        lines[:] = ["..", "", *GoogleDocstring(lines, app.config, app, "method", name, obj, options).lines()]


def plain_defaults(app: Any, what: str, name: str, obj: Any, options: Any, signature: str, result: str) -> Any:
    """Leave out of a signature the defaults of other conventions, which the docstring's table has."""
    return (BY_CONVENTION.sub("", signature), result) if signature else None


def name_bases(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Say first of which class another is a kind, where it is one of ours; what stands behind a private one."""
    if what != "class":
        return
    bases = [shown for base in obj.__bases__ for shown in (base.__bases__ if base.__name__[0] == "_" else [base])]
    ours = [f":class:`~{base.__module__}.{base.__name__}`" for base in bases if base.__module__.startswith("nnopt")]
    if ours:
        lines[:0] = [f"*A kind of* {', '.join(ours)}.", ""]


def skip_field(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out the fields of a named tuple, which say "Alias for field number 0": its docstring describes them."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def align_lines(app: Any, doctree: nodes.document) -> None:
    """Align the lines of a formula at their first sign of relation; alone they would be flush right."""
    for block in doctree.findall(nodes.math_block):
        formula = block.astext()
        if r"\\" in formula and "&" not in formula:
            lines = [RELATION.sub(r"&\1", line, count=1) for line in formula.split(r"\\")]
            block.children = [nodes.Text(r"\\".join(line if "&" in line else f"&{line}" for line in lines))]


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", prepare_docstring, priority=400)  # before napoleon, at 500
    app.connect("autodoc-process-signature", plain_defaults)
    app.connect("autodoc-process-docstring", name_bases, priority=600)
    app.connect("autodoc-skip-member", skip_field)
    app.connect("doctree-read", align_lines)
