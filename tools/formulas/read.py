r"""Where formulas stand: the ``.. math::`` blocks of docstrings, and the marked displays of chapters."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.formulas.arithmetic import FormulaError
from tools.formulas.claims import Claim
from tools.formulas.nodes import Statement
from tools.formulas.optimizers import Formula
from tools.formulas.parse import parse
from tools.formulas.subjects import get_subject
from tools.formulas.subjects.documented import DOCUMENTED, NO_RULE

CONVENTION = re.compile(r'``"(paper|keras|pytorch)"``')
ARGUMENT = re.compile(r"``(\w+)=([^`]+)``")
CONDITION = re.compile(r'``"(\w+)"`` when (\w+)_t (<=|>=|<|>) ([\d.]+)')
GREEK_LETTERS = {"ρ": "rho", "β": "beta", "σ": "sigma"}


@dataclass(frozen=True)
class Block:
    """A ``.. math::`` block of a docstring, with what the paragraph before it says."""

    latex: str
    conventions: tuple[str, ...]
    arguments: tuple[tuple[str, Any], ...]
    conditions: tuple[tuple[str, tuple[str, str, float]], ...]
    vectors_only: bool


def docstring_blocks(cls: type) -> list[Block]:
    """The blocks of a class's own docstring."""
    lines = inspect.cleandoc(cls.__dict__.get("__doc__") or "").splitlines()
    blocks: list[Block] = []
    paragraph: list[str] = []
    previous: list[str] = []
    i = 0
    while i < len(lines):
        line = lines[i]
        i += 1
        if line.strip() == ".. math::":
            body = []
            while i < len(lines) and (not lines[i].strip() or lines[i].startswith(" ")):
                body.append(lines[i])
                i += 1
            text = " ".join(paragraph or previous)
            arguments = tuple((name, ast.literal_eval(value)) for name, value in ARGUMENT.findall(text))
            found = tuple(dict.fromkeys(CONVENTION.findall(text))) or tuple(cls.conventions)  # type: ignore[attr-defined]
            vectors_only = "vector" in text and "matri" not in text
            conditions = tuple(
                (convention, (GREEK_LETTERS.get(name, name), comparison, float(number)))
                for convention, name, comparison, number in CONDITION.findall(text)
            )
            blocks.append(Block("\n".join(body), found, arguments, conditions, vectors_only))
            previous, paragraph = paragraph or previous, []
        elif line.strip().startswith(".. math::"):
            raise FormulaError(f"{cls.__name__}: got {line.strip()!r}; expected the formula indented below .. math::")
        elif line.strip():
            paragraph.append(line)
        elif paragraph:
            previous, paragraph = paragraph, []
    return blocks


def docstring_formulas(cls: type) -> list[Formula]:
    """One formula for each convention and each set of arguments that the docstring speaks of.

    A block without arguments holds for all; one with arguments replaces what it defines anew.
    """
    blocks = docstring_blocks(cls)
    formulas = []
    for convention in cls.conventions:  # type: ignore[attr-defined]
        here = [block for block in blocks if convention in block.conventions]
        context = tuple(statement for block in here for statement in parse(block.latex))
        variants = dict.fromkeys((b.arguments, b.vectors_only, dict(b.conditions).get(convention)) for b in here)
        for arguments, vectors_only, condition in variants:
            chosen = [
                block
                for block in here
                if set(block.arguments) <= set(arguments)
                and block.vectors_only == vectors_only
                and dict(block.conditions).get(convention) in (None, condition)
            ]
            statements: list[Statement] = []
            for block in chosen:
                new = parse(block.latex)
                replaced = {left.value for left, *_ in new}
                statements = [s for s in statements if s[0].value not in replaced] + new
            name = f"{cls.__name__} {convention}" + "".join(f" {k}={v}" for k, v in arguments)
            name += (" vectors" if vectors_only else "") + (f" when {condition}" if condition else "")
            formulas.append(
                Formula(
                    name,
                    cls,
                    convention,
                    dict(arguments),
                    tuple(statements),
                    vectors_only,
                    condition=condition,
                    context=context,
                )
            )
    return formulas


RELATION = re.compile(r"=|\\(?:le|leq|ge|geq|sim|approx)(?![a-zA-Z])")


def docstring_fragments(owner: Any) -> list[str]:
    """All formulas of a docstring, inline and in blocks, in their order."""
    text = inspect.getdoc(owner) or ""
    pattern = re.compile(r":math:`([^`]*)`|^\.\. math::(.*?)(?=^\S|\Z)", re.DOTALL | re.MULTILINE)
    return [" ".join((inline or block).split()) for inline, block in pattern.findall(text)]


def docstring_claim(owner: Any) -> Claim | None:
    """What the docstring of a function or class states: its formulas with a relation, but for those in ``NO_RULE``."""
    rules = [f for f in docstring_fragments(owner) if RELATION.search(f) and f not in NO_RULE]
    if not rules:
        return None
    if owner not in DOCUMENTED:
        raise FormulaError(
            f"{owner.__name__}: got the formula {rules[0]!r}; expected a subject in DOCUMENTED, or NO_RULE"
        )
    return Claim(owner.__name__, DOCUMENTED[owner], r" \qquad ".join(rules))


MARK = re.compile(r"<!--\s*formula:\s*(.*?)\s*-->")
DISPLAY = re.compile(rf"(?:{MARK.pattern}\s*)?\$\$(.*?)\$\$", re.DOTALL)
NOT_EXECUTED = "not executed: "


@dataclass(frozen=True)
class Display:
    """A ``$$ … $$`` of a chapter, with the mark before it if there is one."""

    where: str
    mark: str | None
    latex: str

    @property
    def reason(self) -> str | None:
        """Why it is not executed."""
        return self.mark.removeprefix(NOT_EXECUTED) if self.mark and self.mark.startswith(NOT_EXECUTED) else None


def page_name(path: Path) -> str:
    """What to call a page: a chapter's text by its folder, since all are called ``chapter.md``."""
    return path.parent.name if path.name == "chapter.md" else path.name


def displays(path: Path) -> list[Display]:
    """All displayed formulas of a chapter.

    Raises:
        FormulaError: a mark that does not stand right before a display.
    """
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    found = [match.groups() for match in DISPLAY.finditer(text)]
    alone = Counter(MARK.findall(text)) - Counter(mark for mark, _ in found if mark)
    if alone:
        raise FormulaError(f"{page_name(path)}: got no $$ … $$ right after the mark {next(iter(alone))!r}")
    return [Display(f"{page_name(path)} {i}: {mark}", mark, latex) for i, (mark, latex) in enumerate(found, 1)]


def chapter_claims(path: Path, classes: Mapping[str, type]) -> list[Claim]:
    """The formulas of a chapter that are marked with a subject, ``<!-- formula: softmax_of -->``."""
    marked = [d for d in displays(path) if d.mark and not d.reason and d.mark.split()[0] not in classes]
    return [Claim(display.where, get_subject(display.mark or ""), display.latex) for display in marked]


def chapter_formulas(path: Path, classes: Mapping[str, type]) -> list[Formula]:
    """The formulas of a chapter that are marked ``<!-- formula: Class convention key=value -->``.

    A formula may use names that an earlier one of the same class and convention in the chapter defines.
    """
    formulas: list[Formula] = []
    for display in displays(path):
        words = display.mark.split() if display.mark else [""]
        if words[0] not in classes:
            continue
        if len(words) < 2:
            raise FormulaError(
                f"{page_name(path)}: got the mark {display.mark!r}; expected: Class convention key=value …"
            )
        cls, convention = classes[words[0]], words[1]
        arguments = {name: ast.literal_eval(value) for name, value in (word.split("=", 1) for word in words[2:])}
        new = tuple(parse(display.latex))
        own = frozenset(statement.left.value for statement in new)
        for earlier in reversed(formulas):
            if (earlier.optimizer, earlier.convention) == (cls, convention):
                new += tuple(s for s in earlier.statements if s.left.value not in own)
                break
        formulas.append(Formula(display.where, cls, convention, arguments, new, own=own))
    return formulas
