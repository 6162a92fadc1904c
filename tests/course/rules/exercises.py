"""Exercises and quiz."""

from __future__ import annotations

import ast

from nnopt_utils.course import EXERCISES, QUESTIONS
from rules.registry import rule
from tools.cell_code import (
    calls,
    first_argument,
    is_solution_call,
)
from tools.chapter import (
    EXERCISE,
    Chapter,
    output_texts,
    tags,
)
from tools.twins import HIDDEN

FIRST_LINE = "# The course's own solution: open it after your own attempt."
KINDS = {"predict": 1, "code": 2, "open": 1}  # how many a chapter has at least


@rule
def exercises_complete(chapter: Chapter) -> list[str]:
    """Four or more exercises: one to predict, two to code, one open; numbered from 1."""
    found = []
    for heading in chapter.headings:
        stray = heading.level == 3 and not EXERCISE.fullmatch(heading.text)
        if stray and any(b.subsection == heading.text for b in chapter.section_blocks("Exercises", False)):
            example = f"### Exercise {chapter.number}.1 (predict|code|open): Title"
            found.append(chapter.at(heading.cell, f"the heading {heading.text!r} is not of the form {example!r}"))
    numbers = [exercise.number for exercise in chapter.exercises]
    expected = [f"{chapter.number}.{k}" for k in range(1, len(numbers) + 1)]
    if numbers != expected:
        found.append(chapter.at(None, f"exercises are numbered {numbers}, expected {expected}"))
    kinds = [exercise.kind for exercise in chapter.exercises]
    for kind, least in KINDS.items():
        if kinds.count(kind) < least:
            found.append(chapter.at(None, f"{kinds.count(kind)} exercises of the kind {kind!r}; needs {least} or more"))
    return found


def _checked(chapter: Chapter, index: int) -> list[ast.Call]:
    return calls(chapter.trees[index], "check") if index in chapter.trees else []


def _has_tag(chapter: Chapter, index: int, tag: str) -> bool:
    return index < len(chapter.cells) and tag in tags(chapter.cells[index])


def _solution_violations(chapter: Chapter, index: int, name: str) -> list[str]:
    """What is wrong with the solution that should stand at `index`, for the check `name`."""
    if not _has_tag(chapter, index, "solution"):
        return [chapter.at(index - 1, f"the check of {name} is not directly followed by a cell tagged solution")]
    if name not in {first_argument(call) for call in _checked(chapter, index) if is_solution_call(call)}:
        return [chapter.at(index, f'the solution has no check("{name}", …, solution=True)')]
    return []


@rule
def code_exercises(chapter: Chapter) -> list[str]:
    """A code exercise is stub, check, solution: three cells in a row, and the solution under another name."""
    found = []
    for exercise in chapter.exercises:
        stubs = [index for index in exercise.code_cells if _has_tag(chapter, index, "stub")]
        if exercise.kind == "code" and not stubs:
            found.append(chapter.at(exercise.heading_cell, f"exercise {exercise.number} has no cell tagged stub"))
        if exercise.kind != "code" and stubs:
            found.append(
                chapter.at(stubs[0], f"a stub in exercise {exercise.number}, which is of kind {exercise.kind}")
            )
        if exercise.kind == "code":
            found += [violation for index in stubs for violation in _triple_violations(chapter, index)]
    return found


def _triple_violations(chapter: Chapter, stub: int) -> list[str]:
    tree = chapter.trees[stub]
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    raised = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    if not any("NotImplementedError" in ast.dump(exception) for exception in raised if exception):
        return [chapter.at(stub, "the stub has no `raise NotImplementedError`")]
    if not _has_tag(chapter, stub + 1, "check"):
        return [chapter.at(stub, "the stub is not directly followed by a cell tagged check")]
    checks = _checked(chapter, stub + 1)
    if not any(len(c.args) > 1 and isinstance(c.args[1], ast.Name) and c.args[1].id in defined for c in checks):
        return [chapter.at(stub + 1, f"the check is not called with what the stub defines: {sorted(defined)}")]
    found = []
    for call in checks:
        found += _solution_violations(chapter, stub + 2, first_argument(call))
    if not found:
        body = chapter.trees[stub + 2].body
        again = defined & {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        passed = {ast.unparse(call.args[1]) for call in _checked(chapter, stub + 2) if len(call.args) > 1}
        if again or passed & defined:
            found.append(chapter.at(stub + 2, f"the solution uses the stub's name {sorted(defined)}; give it its own"))
    return found


@rule
def predict_exercises(chapter: Chapter) -> list[str]:
    """An exercise to predict is `check("NN.name", None)`, directly followed by its solution."""
    found = []
    for exercise in chapter.exercises:
        if exercise.kind != "predict":
            continue
        checks = [index for index in exercise.code_cells if _has_tag(chapter, index, "check")]
        if not checks:
            found.append(chapter.at(exercise.heading_cell, f"exercise {exercise.number} has no cell tagged check"))
        for index in checks:
            for call in _checked(chapter, index) or [ast.Call(ast.Name("check"), [], [])]:
                value = call.args[1] if len(call.args) > 1 else None
                if not (isinstance(value, ast.Constant) and value.value is None):
                    what = f'the check is literally check("{chapter.number}.name", None)'
                    found.append(chapter.at(index, f"{what}: the learner replaces None"))
                else:
                    found += _solution_violations(chapter, index + 1, first_argument(call))
    return found


@rule
def solutions_hidden(chapter: Chapter) -> list[str]:
    """Solutions are folded with their outputs, and what is seen of a folded one gives nothing away."""
    found = []
    for index, cell in chapter.code_cells("solution"):
        flags = cell.metadata.get("jupyter", {})
        if not all(flags.get(flag) for flag in HIDDEN):
            found.append(chapter.at(index, f"a solution that is not folded; its metadata needs {', '.join(HIDDEN)}"))
        if not cell.source.startswith(FIRST_LINE + "\n"):
            found.append(chapter.at(index, f"the first line of a folded cell is seen; it must be {FIRST_LINE!r}"))
        # JupyterLab unfolds the outputs of a cell that is run: what it shows must fold itself.
        if not all(output.get("data", {}).get("text/html", "").startswith("<details") for output in cell.outputs):
            found.append(chapter.at(index, "a solution shows more than its check, which alone folds itself"))
    return found


@rule
def answers_as_meant(chapter: Chapter) -> list[str]:
    """As committed, checks say "not attempted yet" and solutions "correct": `check` itself never raises."""
    found = []
    for tag, verdict in (("check", "not attempted yet"), ("solution", "the course's own solution: correct.")):
        for index, cell in chapter.code_cells(tag):
            shown = "\n".join(output_texts(cell))
            for name in (first_argument(call) for call in _checked(chapter, index)):
                if f"{name}: {verdict}" not in shown:
                    found.append(chapter.at(index, f"tagged {tag}, but does not print {name + ': ' + verdict!r}"))
    return found


@rule
def exercise_cells_in_exercises(chapter: Chapter) -> list[str]:
    """Cells tagged stub, check or solution stand in an exercise that is not open; only solutions say solution=True."""
    inside = {index for exercise in chapter.exercises if exercise.kind != "open" for index in exercise.code_cells}
    found = [
        chapter.at(index, f"tagged {tag}, but not in an exercise to predict or to code")
        for tag in ("stub", "check", "solution")
        for index, _ in chapter.code_cells(tag)
        if index not in inside
    ]
    for index, cell in chapter.code_cells():
        calls_solution = any(is_solution_call(call) for call in _checked(chapter, index))
        if calls_solution and "solution" not in tags(cell):
            what = "solution=True outside a cell tagged solution; a demonstration says counted=False"
            found.append(chapter.at(index, what))
    return found


@rule
def checks_registered(chapter: Chapter) -> list[str]:
    """Every check that is used exists, and every one that exists for the chapter is used."""
    registered = {name for name in EXERCISES if name.startswith(f"{chapter.number}.")}
    used = {first_argument(call): index for index in chapter.trees for call in _checked(chapter, index)}
    found = [
        chapter.at(index, f"check({name!r}) is not in nnopt_utils.course.EXERCISES under this chapter's number")
        for name, index in used.items()
        if name not in registered
    ]
    tagged = {first_argument(call) for index, _ in chapter.code_cells("check") for call in _checked(chapter, index)}
    found += [
        chapter.at(None, f"the exercise {name!r} is registered, but no cell tagged check uses it")
        for name in sorted(registered - tagged)
    ]
    return found


@rule
def quiz_questions(chapter: Chapter) -> list[str]:
    """Three to five questions, in their section, all registered, and no registered one left out."""
    registered = {name for name in QUESTIONS if name.startswith(f"{chapter.number}.")}
    here = {block.cell for block in chapter.section_blocks("Quiz", True)}
    asked = [(index, first_argument(c)) for index, tree in chapter.trees.items() for c in calls(tree, "quiz")]
    names = [name for _, name in asked]
    found = [
        chapter.at(index, f"quiz({name!r}) stands outside the section Quiz")
        for index, name in asked
        if index not in here
    ]
    found += [
        chapter.at(index, f"quiz({name!r}) is not in nnopt_utils.course.QUESTIONS under this chapter's number")
        for index, name in asked
        if name not in registered
    ]
    found += [
        chapter.at(None, f"the question {name!r} is registered, but not asked")
        for name in sorted(registered - set(names))
    ]
    if not 3 <= len(set(names)) <= 5:
        found.append(chapter.at(None, f"{len(set(names))} quiz questions; needs three to five"))
    return found


@rule
def quiz_shown(chapter: Chapter) -> list[str]:
    """Every cell of the quiz shows each question it asks, and leaves the answer to the learner."""
    found = []
    for index, tree in chapter.trees.items():
        shown = "\n".join(output_texts(chapter.cells[index]))
        for call in calls(tree, "quiz"):
            name = first_argument(call)
            if f"Question {name}:" not in shown:
                found.append(chapter.at(index, f"quiz({name!r}) shows no question"))
            answers = [*call.args[1:], *(keyword.value for keyword in call.keywords)]
            if not all(isinstance(answer, ast.Constant) and answer.value is None for answer in answers):
                found.append(chapter.at(index, f"quiz({name!r}) is answered in the chapter's text"))
    return found
