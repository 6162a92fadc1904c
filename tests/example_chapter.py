"""A small chapter, written as a notebook, that keeps every rule. Nothing is executed: the outputs are written here."""

from __future__ import annotations

import copy
import functools
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tools.normalise import normalise
from tools.twins import Pair, TwinError, assign_ids, format_twin, pair_of

EXERCISES = {"04.rate", "04.step", "04.run", "03.other"}
QUESTIONS = {"04.1", "04.2", "04.3", "03.1"}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="  # one pixel
PICTURE = {"image/png": PNG, "text/plain": "<Figure size 640x480 with 1 Axes>"}
CAPTION = "**Figure 04.{}.** The loss falls with every step.\n\nNotice the slope."

# What tools/minutes.py says of it.
MINUTES = """<!-- minutes -->

| section | to read | to do |
|---|---|---|
| Predict | 1 min |  |
| The idea | 2 min | 6 min |
| *Going deeper:* Why | 1 min |  |
| The experiment | 2 min | 2 min |
| Checked against the literature | 1 min |  |
| Common mistakes | 1 min |  |
| Exercises | 1 min | 9 min |
| *Going deeper:* open exercises | 1 min | 10 min |
| Summary | 1 min |  |
| Quiz | 1 min | 3 min |

<!-- end of minutes -->"""


def text(source: str) -> NotebookNode:
    return new_markdown_cell(source)


def code(source: str, *tags: str, prints: str = "", hidden: bool = False, picture: bool = False) -> NotebookNode:
    cell = new_code_cell(source, execution_count=1)
    if hidden:
        cell.metadata["jupyter"] = {"source_hidden": True, "outputs_hidden": True}
    if tags:
        cell.metadata["tags"] = list(tags)
    if prints:
        cell.outputs.append(new_output("stream", name="stdout", text=prints))
    if picture:
        cell.outputs.append(new_output("display_data", data=dict(PICTURE)))
    return cell


def solution(source: str, name: str) -> NotebookNode:
    cell = code(f"# The course's own solution: open it after your own attempt.\n{source}", "solution", hidden=True)
    cell.outputs.append(new_output("display_data", data=verdict(f"{name}: the course's own solution: correct.")))
    return cell


def verdict(words: str) -> dict[str, str]:
    return {"text/plain": words, "text/html": f"<details>{words}</details>"}


def code_exercise(number: int, name: str) -> list[NotebookNode]:
    definition = f"def {name}(theta):\n    "
    return [
        text(f"### Exercise 04.{number} (code): Write it\n\nOne {name}."),
        code(definition + "raise NotImplementedError", "stub"),
        code(f'check("04.{name}", {name})', "check", prints=f"04.{name}: not attempted yet.\n"),
        solution(
            definition.replace("(", "_solution(", 1)
            + f'return theta\n\n\ncheck("04.{name}", {name}_solution, solution=True)',
            f"04.{name}",
        ),
    ]


def example_cells() -> list[NotebookNode]:
    glance = (
        "# 04 · An example\n\nWhat it is about: $\\theta$ costs \\$5.\n\n## At a glance\n\n**You will be able to**\n\n"
        "- predict\n- choose\n- explain\n\n**You need first** [this one](04_example.ipynb).\n\n"
        "**Time** 25 minutes for the core path with its exercises, 15 more for what goes deeper; 2 seconds to run.\n\n"
        f"**Follows** §3.1 of the article.\n\n{MINUTES}\n\n"
        "## Predict\n\nWhat happens?"
    )
    return [
        text(glance),
        text(
            "## The idea\n\n$$\\begin{aligned} a &= b \\end{aligned}$$\n\nFigure 04.1 and Exercise 04.2 belong to it."
        ),
        code("import numpy as np\n\ngenerator = np.random.default_rng(4)"),
        code("plot(generator)", picture=True),
        text(CAPTION.format(1)),
        code("def train(rate):\n    return fit(network, rate)"),
        code("history = train(0.1)\nprint(history)", "nbval-ignore-output", prints="0.123\n"),
        text("What to notice."),
        code('claim("The loss falls below 0.2.", history.loss < 0.2)', prints="✓ The loss falls below 0.2.\n"),
        *code_exercise(1, "step"),
        text("### Going deeper: Why\n\nIt is so."),
        code("because = 1", "deeper"),
        text("## The experiment\n\n### A part\n\nNow look:\n\n```python\n# no heading $\n```\n"),
        code("explore()", "explorer", "nbval-ignore-output"),
        code('claim("The figure has axes at 0.1.", bool(figure(rate=0.1).axes))'),
        code("1 / 0", "raises-exception"),
        code("plot(history)", picture=True),
        text(CAPTION.format(2)),
        text("## Checked against the literature\n\nPublished and ours."),
        code("literature_table(rows)", "literature", prints="published  ours\n"),
        text("## Common mistakes\n\nMany."),
        text("## Exercises"),
        text("### Exercise 04.2 (predict): The rate\n\nWhich one?"),
        code('check("04.rate", None)', "check", prints="04.rate: not attempted yet.\n"),
        solution('check("04.rate", 0.02, solution=True)', "04.rate"),
        *code_exercise(3, "run"),
        text("### Exercise 04.4 (open): Your own\n\nA good answer says why."),
        text("## Summary\n\nIt falls."),
        text("## Quiz"),
        *[code(f'quiz("04.{k}")', prints=f"Question 04.{k}: Why?\n  a) b)\n") for k in (1, 2, 3)],
        text(
            "## References\n\n- A, [title](https://example.org/a).\n- B, https://example.org/b\n"
            "- C, [title](https://example.org/c)."
        ),
    ]


def example_notebook() -> NotebookNode:
    return copy.deepcopy(_example_notebook())


@functools.cache
def _example_notebook() -> NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=example_cells())
    zero = next(cell for cell in notebook.cells if cell.source == "1 / 0")
    evalue = "division by zero"
    zero.outputs.append(new_output("error", ename="ZeroDivisionError", evalue=evalue, traceback=["frames"]))
    for cell in notebook.cells:
        cell.source = cell.source.rstrip("\n")
        cell.pop("id")
    assign_ids(notebook)
    return normalise(notebook)


def write_example(notebook: NotebookNode, root: Path) -> Pair:
    """Write both copies; of a notebook that has no twin, only the notebook."""
    pair = pair_of("04_example", root)
    for path in (pair.twin, pair.notebook):
        path.parent.mkdir(parents=True, exist_ok=True)
    pair.notebook.write_text(nbformat.v4.writes(notebook), encoding="utf-8")
    try:
        pair.twin.write_text(format_twin(notebook), encoding="utf-8")
    except TwinError:
        pair.twin.write_text(format_twin(example_notebook()), encoding="utf-8")
    return pair
