"""Every chapter keeps every rule."""

import pytest
from rules import RULES

from tools.chapter import Chapter, load_chapters

CHAPTERS = load_chapters()


def test_there_are_chapters():
    assert CHAPTERS, "no chapter in nnopt_utils/course/ or notebooks/"


def test_numbers_are_unique():
    numbers = [chapter.number for chapter in CHAPTERS]
    assert len(set(numbers)) == len(numbers), f"two chapters have the same number: {numbers}"


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_rule(chapter: Chapter, rule: str):
    if rule != "twin_in_step" and not chapter.pair.notebook.exists():
        pytest.skip("there is no notebook; the rule twin_in_step says so")
    violations = RULES[rule](chapter)
    assert not violations, "\n".join([RULES[rule].__doc__ or rule, *dict.fromkeys(violations)])
