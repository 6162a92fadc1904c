"""Every displayed formula of a chapter is executed, or says why not."""

from __future__ import annotations

import inspect
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from nnopt_utils import optimizers, second_order
from tools.formulas.arithmetic import FormulaError
from tools.formulas.claims import Claim
from tools.formulas.nodes import Node
from tools.formulas.read import chapter_claims, chapter_formulas, displays
from tools.formulas.subjects import SUBJECTS, get_subject
from tools.twins import find_pairs

CHAPTERS = [pair.twin for pair in find_pairs()]
CLASSES = {name: cls for name in optimizers.__all__ if inspect.isclass(cls := getattr(optimizers, name))}
CLASSES |= {name: getattr(second_order, name) for name in ("Shampoo", "SOAP")}
DISPLAYS = [display for path in CHAPTERS for display in displays(path)]
CLAIMS = {claim.where: claim for path in CHAPTERS for claim in chapter_claims(path, CLASSES)}
N_STEPS = sum(len(chapter_formulas(path, CLASSES)) for path in CHAPTERS)

# Slips that change nothing, and why: (mark, slip and where it is).
EQUIVALENT = {
    ("softmax_of", "m for another in add(m, call(sum(pow(e, sub(z[k], m)))))"),  # log-sum-exp holds for every m …
    ("softmax_of", "max for min in max(z[k])"),  # … and the largest is only the safest
    ("sign_descent", "turned over in sub(theta[t], mul(eta, div(g[t], call(g[t]))))"),  # g/|g| = |g|/g
    (
        "letters beta_1=0.9 beta_2=0.999 g=-0.7",
        "g for another in div(mul(brackets(sub(1, beta_1)), call(g)), mul(call(sub(1, beta_2)), call(g)))",
    ),  # |g| cancels, whatever it is
}

every_claim = pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)


class TestDisplays:
    def test_each_is_executed_or_says_why_not(self):
        assert [display.where for display in DISPLAYS if not display.mark] == []
        reasons = [display.reason for display in DISPLAYS if display.reason is not None]
        assert all(re.search(r"\w \w", reason) for reason in reasons)
        assert len(DISPLAYS) == len(reasons) + len(CLAIMS) + N_STEPS

    def test_how_many_are_executed(self):
        """README.md has these numbers."""
        assert len(CLAIMS) + N_STEPS >= 75
        readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
        assert f"{len(CLAIMS) + N_STEPS} of {len(DISPLAYS)} displayed formulas" in " ".join(readme.split())

    def test_every_subject_is_used(self):
        assert {claim.subject.name for claim in CLAIMS.values()} == {*SUBJECTS, "letters"}


class TestClaims:
    @every_claim
    def test_formula_is_true(self, claim):
        claim.check(claim.statements)

    @every_claim
    def test_every_line_takes_part(self, claim):
        assert claim.unused() == set()

    @every_claim
    def test_every_slip_is_noticed(self, claim):
        if not tight(claim):  # a bound that nothing attains: the other way round it is wrong
            for i, statement in enumerate(claim.statements):
                turned = statement._replace(left=statement.right, right=statement.left)
                assert not claim.passes([*claim.statements[:i], turned, *claim.statements[i + 1 :]])
            return
        assert list(claim.slips())
        assert unnoticed(claim) <= EQUIVALENT

    def test_every_equivalent_slip_is_one(self):
        assert set().union(*(unnoticed(claim) for claim in CLAIMS.values() if tight(claim))) == EQUIVALENT


def tight(claim: Claim) -> bool:
    return "loose" not in claim.subject.environments[0]


@cache
def unnoticed(claim: Claim) -> set[tuple[str, str]]:
    return {(claim.where.split(": ")[1], slip) for slip in claim.unnoticed()}


def claim(mark: str, latex: str) -> Claim:
    return Claim("here", get_subject(mark), latex)


class TestChecking:
    @pytest.mark.parametrize(
        ("mark", "latex"),
        [
            ("letters A[3,3] B[3,3]", r"(A B)^\top = B^\top A^\top"),
            ("letters A[3,3] B[3,3]", r"(A B)^{-1} = B^{-1} A^{-1}"),
            (
                "letters u[3] v[3] A[3,3]",
                r"u^\top A v = \langle u, A v \rangle, \quad \operatorname{tr}(u v^\top) = v^\top u",
            ),
            ("letters a b", "(a + b)^2 = a^2 + 2 a b + b^2"),
            ("letters x[4] n=4", r"m = \frac1n \sum_i x_i, \quad \sum_i (x_i - m)^2 = \sum_i x_i^2 - n m^2"),
            ("letters a=2 b=3", r"a \le a, \quad a + 1 \ge b, \quad a^{10} \approx 1020"),
        ],
    )
    def test_true_ones_pass(self, mark, latex):
        checked = claim(mark, latex)
        assert checked.unused() == set()

    @pytest.mark.parametrize(
        ("mark", "latex", "message"),
        [
            ("letters A[3,3] B[3,3]", r"(A B)^\top = A^\top B^\top", "the left is"),
            ("letters A[3,3] B[3,3]", "A B = B A", "the left is"),
            ("letters x[3] y[3]", "x_i + y_i = x_i", "at {'i': 1}"),
            ("letters a=2", r"a \approx 2.1", "the left is 2.0, the right 2.1"),
            ("letters a=2", r"a \le 3", "a <= …"),  # true, and never attained
            ("letters a=2", r"a \ge 3", "a >= …"),
        ],
    )
    def test_false_ones_do_not(self, mark, latex, message):
        with pytest.raises(AssertionError, match=message):
            claim(mark, latex).check(claim(mark, latex).statements)

    @pytest.mark.parametrize(
        ("mark", "latex", "message"),
        [
            ("letters a", "b = a", "got definitions only"),
            ("letters A[3,3] x[3]", "A / x = x", "quotient"),
            ("letters x[3] y[4]", "x_k = y_k + z_k", "z_k has no meaning"),
            ("letters x[3]", r"\nabla_x x = x", "of an array; expected a number"),
            ("letters x[3]", r"\nabla_y x = x", "expected a letter with a value"),
            ("letters x[3]", r"x_i = x_{i+3}", "free indices"),
            ("letters x[3] n", r"x_1 = \sum_{i=1}^n x_i", "expected a whole number"),
        ],
    )
    def test_what_means_nothing_is_an_error(self, mark, latex, message):
        with pytest.raises(FormulaError, match=message):
            claim(mark, latex).check(claim(mark, latex).statements)

    def test_unused_definitions_are_found(self):
        assert claim("letters a=2", "b = a, c = 3 b, a = 2").unused() == {("b", None), ("c", None)}

    def test_letters_are_drawn_in_their_shapes(self):
        first, second, _ = get_subject("letters W^(1)[3,2] b[2] t u=-1.5").environments
        assert first["W^(1)"].shape == (3, 2) and first["b"].shape == (2,) and 0.5 < first["t"] < 2
        assert first["u"] == second["u"] == -1.5
        assert first["t"] != second["t"] and not np.array_equal(first["b"], second["b"])

    @pytest.mark.parametrize("mark", ["letters a=b", "letters a[2", "letters a[1,2,3]", "softmx_of", "softmax_of z=2"])
    def test_bad_marks(self, mark):
        with pytest.raises(FormulaError, match="expected"):
            get_subject(mark).environments  # noqa: B018

    def test_trees_say_what_they_are(self):
        assert str(Node("add", (Node("number", value=1.0), Node("symbol", value=("x", "i"))))) == "add(1, x[i])"


class TestReadingChapters:
    def chapter(self, tmp_path, text):
        path = tmp_path / "05_example.md"
        path.write_text(text, encoding="utf-8")
        return displays(path)

    def test_marks_belong_to_the_display_after_them(self, tmp_path):
        text = (
            "<!-- formula: letters a -->\n\n$$ a = a $$\nand\n\n$$ b $$\n```python\ntext = '$$ c $$'\n```\n"
            "<!-- formula: not executed: a set -->\n$$ S $$"
        )
        first, second, third = self.chapter(tmp_path, text)
        assert first.mark == "letters a" and first.reason is None
        assert second.mark is None and third.reason == "a set"

    def test_a_mark_without_a_display_is_an_error(self, tmp_path):
        with pytest.raises(FormulaError, match=r"got no \$\$ … \$\$ right after the mark 'letters a'"):
            self.chapter(tmp_path, "<!-- formula: letters a -->\n\nThen\n\n$$ a = a $$")
