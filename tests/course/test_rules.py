"""Every rule complains about what it forbids, and only that rule does."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import rules
from example_chapter import (
    EXERCISES,
    PICTURE,
    QUESTIONS,
    code,
    example_notebook,
    solution,
    text,
    verdict,
    write_example,
)
from nbformat import NotebookNode
from nbformat.v4 import new_output, new_raw_cell

from tools import minutes
from tools.chapter import Chapter
from tools.normalise import normalise
from tools.twins import Pair, assign_ids

Notebook = NotebookNode
WIDE = {"image/png": base64.b64encode(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 1211, 300)).decode()}
Mutation = Callable[[Notebook], object]


@pytest.fixture(autouse=True)
def registries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules.exercises, "EXERCISES", EXERCISES)
    monkeypatch.setattr(rules.exercises, "QUESTIONS", QUESTIONS)


def complaints(pair: Pair) -> dict[str, list[str]]:
    chapter = Chapter(pair)
    found = {name: rule(chapter) for name, rule in rules.RULES.items()}
    return {name: violations for name, violations in found.items() if violations}


# -- small changes to a notebook -------------------------------------------------------------------------------------


def cell(part: str) -> Callable[[Notebook], NotebookNode]:
    """Finds the first cell whose source contains a text."""
    return lambda notebook: next(c for c in notebook.cells if part in c.source)


def replace(old: str, new: str) -> Mutation:
    def change(notebook: Notebook) -> None:
        target = cell(old)(notebook)
        target.source = target.source.replace(old, new, 1)

    return change


def tagged(part: str, *tags: str) -> Mutation:
    def change(notebook: Notebook) -> None:
        metadata = cell(part)(notebook).metadata
        metadata.pop("tags", None)
        if tags:
            metadata["tags"] = list(tags)

    return change


def shows(part: str, output: NotebookNode) -> Mutation:
    return lambda notebook: cell(part)(notebook).outputs.append(output)


def prints(part: str, words: str) -> Mutation:
    """The cell prints these words, and nothing else."""
    return lambda notebook: cell(part)(notebook).update(outputs=[stdout(words)])


def stdout(words: str) -> NotebookNode:
    return new_output("stream", name="stdout", text=words)


def without(part: str) -> Mutation:
    def change(notebook: Notebook) -> None:
        notebook.cells.remove(cell(part)(notebook))
        normalise(notebook)

    return change


def inserted(after: str, *new: NotebookNode) -> Mutation:
    def change(notebook: Notebook) -> None:
        where = notebook.cells.index(cell(after)(notebook)) + 1
        notebook.cells[where:where] = [NotebookNode(item, id="") for item in new]
        assign_ids(notebook, NotebookNode(cells=[item for item in notebook.cells if item.id]))
        normalise(notebook)

    return change


def swapped(first: str, second: str) -> Mutation:
    def change(notebook: Notebook) -> None:
        i, j = (notebook.cells.index(cell(part)(notebook)) for part in (first, second))
        notebook.cells[i], notebook.cells[j] = notebook.cells[j], notebook.cells[i]
        normalise(notebook)

    return change


def sources(*pairs: tuple[str, str]) -> Mutation:
    def change(notebook: Notebook) -> None:
        for old, new in pairs:
            replace(old, new)(notebook)

    return change


def also(*mutations: Mutation) -> Mutation:
    def change(notebook: Notebook) -> None:
        for mutation in mutations:
            mutation(notebook)

    return change


def minutes_written(notebook: Notebook) -> None:
    """The minutes of *At a glance* are brought up to date."""
    first = notebook.cells[0]
    first.source = minutes.updated(first.source, minutes.minutes_of(notebook.cells))


def written_at_the_end(notebook: Notebook) -> None:
    """The one coding exercise that stands in its section moves to the others."""
    heading = cell("(code): Write it")(notebook)
    first = notebook.cells.index(heading)
    moved = notebook.cells[first : first + 4]
    del notebook.cells[first : first + 4]
    heading.source = heading.source.replace("04.1", "04.2")
    predict = cell("(predict)")(notebook)
    predict.source = predict.source.replace("04.2", "04.1")
    where = notebook.cells.index(predict) + 3
    notebook.cells[where:where] = moved
    normalise(notebook)


HTML = "text/html"
WIDGET = "application/vnd.jupyter.widget-view+json"
CHECK = 'check("04.'

# Rule, what is wrong, how it is brought about.
MUTATIONS: list[tuple[str, str, Mutation]] = [
    ("cells_executed", "not executed", lambda n: cell("import numpy")(n).update(execution_count=None)),
    ("cells_executed", "wrong count", lambda n: cell("import numpy")(n).update(execution_count=7)),
    ("cells_executed", "empty", inserted("import numpy", code(""))),
    ("cells_executed", "count of a result", shows("generator =", new_output("execute_result", {"text/plain": "1"}))),
    ("no_stderr", "warning", shows("generator =", new_output("stream", name="stderr", text="UserWarning"))),
    ("errors_are_expected", "unexpected", tagged("1 / 0")),
    ("errors_are_expected", "none came", lambda n: cell("1 / 0")(n).update(outputs=[])),
    ("errors_are_expected", "frames", lambda n: cell("1 / 0")(n).outputs[0].update(traceback=["a", "b", "c"])),
    ("no_machine_paths", "in a text", replace("What it is about", "Look at /home/me/nnopt")),
    ("no_machine_paths", "in code", replace("plot(generator)", 'plot(generator, "/tmp/x.png")')),
    ("no_machine_paths", "printed", prints('claim("The loss', "/Users/me/data")),
    ("no_machine_paths", "on Windows", prints('claim("The loss', r"C:\Users\me")),
    ("no_machine_paths", "in HTML", shows("plot(history)", new_output("display_data", {HTML: "lib/site-packages/x"}))),
    ("no_machine_paths", "in an error", lambda n: cell("1 / 0")(n).outputs[0].update(evalue="no file /home/x")),
    ("figures_fit_the_page", "1211 pixels", lambda n: cell("plot(history)")(n).outputs[-1].data.update(WIDE)),
    ("no_widget_state", "state", lambda n: n.metadata.update(widgets={})),
    ("no_widget_state", "view", shows("explore()", new_output("display_data", {WIDGET: {}, "text/plain": "w"}))),
    ("no_progress_bars", "tqdm", prints("history = train", "epoch:  50%|█████     | 1/2")),
    ("no_progress_bars", "Keras", prints("history = train", "1719/1719 ━━━━━━━━━━ 2s 1ms/step")),
    ("no_progress_bars", "carriage return", prints("history = train", "epoch 1\repoch 2")),
    (
        "clean_cell_metadata",
        "timing",
        lambda n: cell("plot(")(n).metadata.update(execution={"iopub.execute_input": "1"}),
    ),
    ("clean_cell_metadata", "collapsed", lambda n: cell("plot(")(n).metadata.update(collapsed=True)),
    ("fixed_kernelspec", "another kernel", lambda n: n.metadata.kernelspec.update(name="my-env")),
    ("fixed_kernelspec", "version", lambda n: n.metadata.language_info.update(version="3.11.7")),
    ("fixed_kernelspec", "pairing", lambda n: n.metadata.update(jupytext={"formats": "ipynb,md"})),
    ("fixed_kernelspec", "nbformat", lambda n: n.update(nbformat_minor=4)),
    ("cell_ids", "missing", lambda n: cell("plot(")(n).pop("id")),
    ("cell_ids", "twice", lambda n: n.cells[3].update(id=n.cells[4].id)),
    ("file_size", "large", prints("history = train", "x" * 3_100_000)),
    ("no_addresses", "object", prints("history = train", "[<matplotlib.lines.Line2D at 0x7f00aa12bc50>]")),
    ("no_semicolon_at_the_end", "plain", replace("plot(generator)", "plot(generator);")),
    ("no_semicolon_at_the_end", "comment", replace("plot(generator)", "plot(generator);  # quiet")),
    ("known_tags", "typing error", tagged("plot(generator)", "nbval-ignore-ouput")),
    ("known_tags", "skipped", tagged("plot(generator)", "nbval-skip")),
    ("known_tags", "on a text", tagged("What to notice", "explorer")),
    ("known_tags", "comment", replace("plot(generator)", "# NBVAL_IGNORE_OUTPUT\nplot(generator)")),
    (
        "ignored_outputs_are_claimed",
        "no claim",
        replace('claim("The loss falls below 0.2.", history.loss < 0.2)', "print(history)"),
    ),
    ("ignored_outputs_are_claimed", "in a function", replace('claim("The loss', 'def f():\n    claim("The loss')),
    ("ignored_outputs_are_claimed", "another cell first", inserted("What to notice", code("print(1)", prints="1\n"))),
    ("training_is_ignored", "fit", replace("generator =", "fit(network, optimizer, data)\ngenerator =")),
    ("training_is_ignored", "model.fit", replace("plot(history)", "plot(model.fit(x, verbose=0))")),
    ("training_is_ignored", "search", replace("generator =", "results = search(task, spaces)\ngenerator =")),
    ("training_is_ignored", "by a function", tagged("history = train")),
    ("training_is_ignored", "in a loop", replace("generator =", "for r in (1, 2):\n    h = fit(r)\ngenerator =")),
    ("timing_is_ignored", "line", replace("generator =", "%timeit np.ones(3)\ngenerator =")),
    ("timing_is_ignored", "cell", replace("plot(generator)", "%%time\nplot(generator)")),
    ("timing_is_ignored", "assigned", replace("generator =", "t = %timeit -o f()\ngenerator =")),
    ("headings", "title missing", replace("# 04 · An example", "An example")),
    ("headings", "second title", replace("What to notice.", "# Another title")),
    ("headings", "missing", replace("## Common mistakes\n\n", "")),
    ("headings", "order", swapped("## Common mistakes", "## Summary")),
    ("headings", "extra", replace("## Summary", "## More\n\nx\n\n## Summary")),
    ("headings", "one section", replace("## The experiment", "### The experiment")),
    ("no_empty_sections", "nothing in it", replace("\n\nMany.", "")),
    ("at_a_glance", "label", replace("**You need first**", "You need first")),
    ("at_a_glance", "two bullets", replace("- choose\n", "")),
    ("at_a_glance", "no time to run", replace("; 2 seconds to run", "")),
    ("at_a_glance", "no table", replace("<!-- end of minutes -->", "")),
    ("at_a_glance", "old minutes", replace("| The idea | 2 min", "| The idea | 3 min")),
    ("core_path", "too long", replace("Many.", "word " * 7999 + "word")),
    ("core_path", "exercise too late", replace("What happens?", "word " * 3099 + "word")),
    ("core_path", "read before written", written_at_the_end),
    ("deeper_parts", "no tag", tagged("because = 1")),
    ("deeper_parts", "no heading", tagged("plot(generator)", "deeper")),
    ("no_bare_asserts", "in a cell", replace("generator =", "assert np\ngenerator =")),
    ("no_bare_asserts", "in a function", replace("return fit", "assert rate\n    return fit")),
    ("no_constant_prints", "a sentence", replace("generator =", 'print("it holds")\ngenerator =')),
    ("no_constant_prints", "formatted", replace("generator =", 'print(f"it holds")\ngenerator =')),
    ("claims_are_compared", "ignored", replace("history = train", 'claim("It is as it was.", True)\nhistory = train')),
    ("claims_have_sentences", "too short", replace("The loss falls below 0.2.", "It falls.")),
    ("at_a_glance", "order", sources(("**Follows**", "**X**"), ("**Time**", "**Follows**"), ("**X**", "**Time**"))),
    ("literature", "no cell", tagged("literature_table")),
    ("literature", "nothing asserted", replace("literature_table(rows)", "print(rows)")),
    ("literature", "elsewhere", tagged('claim("The figure', "literature")),
    ("references", "two", replace("\n- C, [title](https://example.org/c).", "")),
    ("references", "no link", replace("B, https://example.org/b", "B, a book")),
    ("references", "not https", replace("https://example.org/b", "http://example.org/b")),
    ("explorers", "none", tagged("explore()", "nbval-ignore-output")),
    ("explorers", "compared", tagged("explore()", "explorer")),
    ("figures_have_captions", "no caption", inserted("plot(generator)", text("A text between."))),
    ("figures_have_captions", "code below", swapped("**Figure 04.2", "## Checked against")),
    ("figures_have_captions", "number", replace("**Figure 04.2.**", "**Figure 04.3.**")),
    ("figures_have_captions", "two in a cell", shows("plot(history)", new_output("display_data", dict(PICTURE)))),
    ("figures_have_captions", "caption only", replace("What to notice.", "**Figure 04.1.** Nothing.")),
    (
        "figures_have_captions",
        "film without caption",
        shows('claim("The figure', new_output("display_data", {HTML: "<video>", "text/plain": "film"})),
    ),
    ("figures_have_text", "only an image", lambda n: cell("plot(")(n).outputs[0].data.pop("text/plain")),
    ("figures_have_alt_text", "no alt", lambda n: cell("plot(")(n).outputs[0].metadata.clear()),
    ("figures_have_alt_text", "not the cell's", lambda n: cell("plot(")(n).metadata.pop("alt")),
    ("figures_have_alt_text", "another", lambda n: cell("plot(")(n).metadata.update(alt="A picture.")),
    ("formulas_closed", "dollar", replace("What to notice.", "It costs $5.")),
    ("formulas_closed", "double dollar", replace("What to notice.", "$$ a = b")),
    ("formulas_closed", "empty line", replace("What to notice.", "$$ a\n\n= b $$")),
    ("formulas_closed", "two paragraphs", replace("What to notice.", "The $a.\n\nAnd b$ too.")),
    ("formulas_closed", "outside", replace("What to notice.", "\\begin{align} a &= b \\end{align}")),
    ("citations_exist", "exercise", replace("What to notice.", "See Exercise 04.9.")),
    ("citations_exist", "figure", replace("What to notice.", "See Figure 04.9.")),
    ("links_resolve", "no such chapter", replace("What to notice.", "See [there](17_nowhere.ipynb).")),
    ("links_resolve", "out of the folder", replace("What to notice.", "See [there](../README.md).")),
    ("exercises_complete", "kind", without("(open)")),
    ("exercises_complete", "heading", replace("(open): Your own", "(essay): Your own")),
    ("exercises_complete", "number", replace("Exercise 04.4", "Exercise 04.5")),
    ("code_exercises", "no stub", tagged("def step(")),
    ("code_exercises", "nothing to do", replace("raise NotImplementedError", "pass")),
    ("code_exercises", "text between stub and check", inserted("def step(", text("Now:"))),
    ("code_exercises", "text before the solution", inserted('"04.step", step)', text("Now:"))),
    ("code_exercises", "another function", replace('"04.step", step)', '"04.step", print)')),
    (
        "code_exercises",
        "the stub's name",
        sources(("def step_solution", "def step"), ('"04.step", step_solution', '"04.step", step')),
    ),
    ("code_exercises", "other check", replace('"04.step", step_solution', '"04.run", step_solution')),
    ("predict_exercises", "answered", replace('"04.rate", None', '"04.rate", 0.5')),
    ("predict_exercises", "no solution", inserted('"04.rate", None', text("Now:"))),
    ("predict_exercises", "other check", replace('"04.rate", 0.02', '"04.run", 0.02')),
    ("solutions_hidden", "open", lambda n: cell("def step_solution")(n).metadata.pop("jupyter")),
    ("solutions_hidden", "outputs open", lambda n: cell("def step_solution")(n).metadata.jupyter.pop("outputs_hidden")),
    ("solutions_hidden", "first line", replace("# The course's own solution: open it after your own attempt.\n", "")),
    ("solutions_hidden", "more is shown", lambda n: cell("def step_solution")(n).outputs.append(stdout("0.2\n"))),
    (
        "answers_as_meant",
        "solution is wrong",
        lambda n: cell("def step_solution")(n).outputs[0].data.update(verdict("04.step: not yet. The sign is wrong.")),
    ),
    ("answers_as_meant", "stub is solved", prints('"04.step", step)', "04.step: correct.\n")),
    ("exercise_cells_in_exercises", "elsewhere", tagged("def train", "stub")),
    ("exercise_cells_in_exercises", "in an open one", inserted("(open)", solution("1", "04.step"))),
    ("exercise_cells_in_exercises", "solution=True", replace('"04.rate", None', '"04.rate", None, solution=True')),
    (
        "exercise_cells_in_exercises",
        "elsewhere, too",
        replace("generator =", 'check("04.rate", 1, solution=True)\ngenerator ='),
    ),
    ("checks_registered", "unknown", replace("generator =", 'check("04.unknown", 1)\ngenerator =')),
    ("checks_registered", "other chapter", replace("generator =", 'check("03.other", 1)\ngenerator =')),
    (
        "quiz_questions",
        "unknown",
        replace('quiz("04.3")', 'quiz("04.3")\nquiz("04.4")'),
    ),
    ("quiz_questions", "two", without('quiz("04.2")')),
    ("quiz_questions", "elsewhere", replace("generator =", 'quiz("04.1")\ngenerator =')),
    ("quiz_shown", "nothing", prints('quiz("04.2")', "")),
    ("quiz_shown", "another", prints('quiz("04.2")', "Question 04.1: Why?\n")),
    ("quiz_shown", "answered", replace('quiz("04.2")', 'quiz("04.2", "b")')),
    ("quiz_shown", "answered by name", replace('quiz("04.2")', 'quiz("04.2", answer="b")')),
]

# Where one thing breaks two rules, the second is named here.
TOO = {
    # The alternative text has the caption's number, and the second figure has none.
    ("figures_have_captions", "number"): {"figures_have_alt_text"},
    ("figures_have_captions", "two in a cell"): {"figures_have_alt_text"},
    # The check in the solution is another exercise's, and so is what it prints.
    ("code_exercises", "other check"): {"answers_as_meant"},
    ("predict_exercises", "other check"): {"answers_as_meant"},
    # A question that is not where it should be is not shown there, either.
    ("quiz_questions", "unknown"): {"quiz_shown"},
    ("quiz_questions", "elsewhere"): {"quiz_shown"},
}


def test_the_example_keeps_every_rule(tmp_path: Path):
    assert complaints(write_example(example_notebook(), tmp_path)) == {}


@pytest.mark.parametrize(("rule", "what", "mutation"), MUTATIONS, ids=[f"{m[0]}-{m[1]}" for m in MUTATIONS])
def test_one_fault_makes_one_rule_complain(tmp_path: Path, rule: str, what: str, mutation: Mutation):
    notebook = example_notebook()
    mutation(notebook)
    if rule != "at_a_glance":
        minutes_written(notebook)
    found = complaints(write_example(notebook, tmp_path))
    assert set(found) == {rule} | TOO.get((rule, what), set()), found
    assert all("04_example" in violation and len(violation) > 30 for violation in found[rule])


def test_every_rule_is_broken_once():
    twin_rules = {"twin_in_step", "twin_in_standard_form"}  # below: they are about two files
    assert {rule for rule, _, _ in MUTATIONS} | twin_rules == set(rules.RULES)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("What happens?", "What happens now?"),
        ("tags: [raises-exception]", "tags: [explorer]"),
        ("  source_hidden: true\n", "  source_hidden: false\n"),
        ("## Summary\n\nIt falls.\n\n+++\n\n", ""),
        ("```{code-cell}\nplot", "```{raw-cell}\nplot"),
        (":tags: [raises-exception]", ":name: zero"),
        ("---\n\n# 04", "  bad: [\n---\n\n# 04"),
    ],
    ids=["text", "tag", "hidden", "cell", "raw", "metadata", "unreadable"],
)
def test_a_stale_or_unreadable_twin(tmp_path: Path, old: str, new: str):
    pair = write_example(example_notebook(), tmp_path)
    twin = pair.twin.read_text(encoding="utf-8")
    assert old in twin
    pair.twin.write_text(twin.replace(old, new, 1), encoding="utf-8")
    assert set(complaints(pair)) - {"twin_in_standard_form"} == {"twin_in_step"}


def test_a_missing_copy(tmp_path: Path):
    pair = write_example(example_notebook(), tmp_path)
    twin = pair.twin.read_text(encoding="utf-8")
    pair.twin.unlink()
    assert set(complaints(pair)) == {"twin_in_step"}
    pair.twin.write_text(twin, encoding="utf-8")
    pair.notebook.unlink()
    assert "has no notebook" in complaints(pair)["twin_in_step"][0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    extension: .md\n", "    extension: .md\n    format_version: 0.13\n"),
        ("```{code-cell}\nplot", "```{code-cell} ipython3\nplot"),
    ],
    ids=["front matter", "fence"],
)
def test_a_twin_in_another_form(tmp_path: Path, old: str, new: str):
    pair = write_example(example_notebook(), tmp_path)
    twin = pair.twin.read_text(encoding="utf-8")
    assert old in twin
    pair.twin.write_text(twin.replace(old, new, 1), encoding="utf-8")
    assert set(complaints(pair)) == {"twin_in_standard_form"}


def test_a_raw_cell_has_no_place(tmp_path: Path):
    notebook = example_notebook()
    notebook.cells.append(new_raw_cell("x", id="raw"))
    assert set(complaints(write_example(notebook, tmp_path))) == {"twin_in_step"}


def test_registered_but_unused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pair = write_example(example_notebook(), tmp_path)
    monkeypatch.setattr(rules.exercises, "EXERCISES", {*EXERCISES, "04.forgotten"})
    assert set(complaints(pair)) == {"checks_registered"}
    monkeypatch.setattr(rules.exercises, "EXERCISES", EXERCISES)
    monkeypatch.setattr(rules.exercises, "QUESTIONS", {*QUESTIONS, "04.9"})
    assert set(complaints(pair)) == {"quiz_questions"}


def test_what_is_allowed(tmp_path: Path):
    """Near misses: nothing here is a fault."""
    notebook = example_notebook()
    also(
        replace(
            "What to notice.", "Money: \\$5 and `$HOME`, https://example.org/home/x, [there](#idea), Exercise 03.9."
        ),
        replace("generator =", "slope = np.polynomial.Polynomial.fit(x, y, 1)\nbest_fit = fitted(3)\ngenerator ="),
        replace("plot(generator)", "print(f'{100:d}% of the time')\nplot(generator)"),
        shows('claim("The figure', new_output("display_data", {HTML: "<img src='data:image/png;base64,AA/tmp/AA'>"})),
    )(notebook)
    found = complaints(write_example(notebook, tmp_path))
    assert set(found) == {"figures_have_captions"}, found  # the picture in HTML is a figure, its data no path


def test_the_file_is_read_as_it_is(tmp_path: Path):
    """nbformat would add the ids that are missing, and the rule would never complain."""
    pair = write_example(example_notebook(), tmp_path)
    content = json.loads(pair.notebook.read_text(encoding="utf-8"))
    for item in content["cells"]:
        del item["id"]
    pair.notebook.write_text(json.dumps(content), encoding="utf-8")
    assert len(rules.executed.cell_ids(Chapter(pair))) == len(content["cells"])


def test_a_heading_before_the_exercises_is_none_of_them(tmp_path: Path):
    """Sections without code between them lie in one cell."""
    notebook = example_notebook()
    mistakes, exercises = cell("## Common mistakes")(notebook), cell("## Exercises")(notebook)
    exercises.source = f"{mistakes.source}\n\n### A mistake\n\nMade often.\n\n{exercises.source}"
    notebook.cells.remove(mistakes)
    assert complaints(write_example(notebook, tmp_path)) == {}
