"""Every printed formula of an optimizer says what its code does: in docstrings, and in chapters where it is marked."""

from __future__ import annotations

import inspect

import pytest

from nnopt_utils import optimizers, second_order
from nnopt_utils.optimizers import SGD, Adam, GradientDescent, Optimizer, TensorOptimizer
from tools.formulas.arithmetic import FormulaError
from tools.formulas.mutate import mutations
from tools.formulas.nodes import Statement
from tools.formulas.optimizers import Formula, ObservedStep
from tools.formulas.parse import parse
from tools.formulas.read import chapter_formulas, docstring_blocks, docstring_formulas
from tools.twins import find_pairs

CHAPTERS = [pair.twin for pair in find_pairs()]
CLASSES = {
    name: value
    for name in optimizers.__all__
    if inspect.isclass(value := getattr(optimizers, name))
    and issubclass(value, Optimizer)
    and value not in (Optimizer, TensorOptimizer)
}
CLASSES |= {name: getattr(second_order, name) for name in ("Shampoo", "SOAP")}
DOCSTRINGS = {formula.where: formula for cls in CLASSES.values() for formula in docstring_formulas(cls)}
MARKED = {f.where: f for path in CHAPTERS for f in chapter_formulas(path, CLASSES)}

every_class = pytest.mark.parametrize("cls", CLASSES.values(), ids=CLASSES)

# Slips that change nothing, and why: (formula, name defined, slip).
EQUIVALENT = {
    ("LAMB keras", "hat_m", ""),  # u is divided by its norm: its size is of no account
    ("Prodigy paper", "r", "index"),  # a is the start at every step
    ("DAdaptSGD paper", "gamma", "index"),  # G stays what it was after the first step
    ("Muon pytorch exclude_output=False", "O", "a bound left out"),  # no norm falls below 1e-7
    ("Muon pytorch exclude_output=False", "O", "another number"),
    ("SOAP paper", "G", "index"),  # bases stay between renewals, …
    ("SOAP paper", "theta", "index"),  # … whose time tests/second_order looks at
}


class TestDocstrings:
    @pytest.mark.parametrize("where", DOCSTRINGS)
    def test_formula_is_what_the_code_does(self, where):
        formula = DOCSTRINGS[where]
        steps = formula.steps()
        assert len(steps) >= 8
        assert ("theta", "t+1") in formula.checked(formula.statements, steps)

    @every_class
    def test_every_convention_has_one(self, cls):
        formulas = [f for f in DOCSTRINGS.values() if f.optimizer is cls]
        assert {f.convention for f in formulas} == set(cls.conventions)
        if issubclass(cls, TensorOptimizer) and any(f.vectors_only for f in formulas):
            assert {(f.convention, f.vectors_only) for f in formulas} == {
                (convention, vectors) for convention in cls.conventions for vectors in (False, True)
            }

    @every_class
    def test_every_line_takes_part(self, cls):
        """No line of a block is decoration: each is needed for θ or for a state that the code has."""
        formulas = [f for f in DOCSTRINGS.values() if f.optimizer is cls]
        used = {(f.convention, key) for f in formulas for key in f.checked(f.statements, f.steps())}
        printed = {
            (convention, left.value)
            for block in docstring_blocks(cls)
            for convention in block.conventions
            for left, *_ in parse(block.latex)
        }
        assert printed <= used

    @pytest.mark.parametrize("where", DOCSTRINGS)
    def test_every_slip_is_noticed(self, where):
        """A sign, a root, ε's place, an index, swapped β's, t from 0, …: whatever is wrong, the comparison fails."""
        formula = DOCSTRINGS[where]
        steps, unnoticed, count = formula.steps(), set(), 0
        for i, (left, right, _) in enumerate(formula.statements):
            for slip, changed in mutations(right):
                count += 1
                statements = [*formula.statements[:i], Statement(left, changed), *formula.statements[i + 1 :]]
                if passes(formula, statements, steps):
                    unnoticed.add((where, left.value[0], slip))
        assert count >= 5
        assert {u for u in unnoticed if u not in EQUIVALENT and (*u[:2], "") not in EQUIVALENT} == set()
        expected = {e for e in EQUIVALENT if e[0] == where}
        assert all(any(e[:2] == u[:2] and e[2] in ("", u[2]) for u in unnoticed) for e in expected)


def passes(formula: Formula, statements: list[Statement], steps: list[ObservedStep]) -> bool:
    try:
        formula.checked(statements, steps)
    except (FormulaError, AssertionError):
        return False
    return True


class Documented(GradientDescent):
    r"""A rule with two blocks, of which the second has a wrong sign.

    ``"paper"``:

    .. math::

        \theta_{t+1} = \theta_t - \eta_t g_t

    In ``"keras"`` when ``weight_decay=0.5``:

    .. math::

        \theta_{t+1} = (1 - \eta_t \lambda) \theta_t + \eta_t g_t
    """


class TestReadingDocstrings:
    def test_conventions_and_arguments_come_from_the_paragraph_before(self):
        first, second = docstring_blocks(Documented)
        assert first.conventions == ("paper",) and first.arguments == ()
        assert second.conventions == ("keras",) and second.arguments == (("weight_decay", 0.5),)

    def test_a_wrong_sign_is_found(self):
        right, wrong = docstring_formulas(Documented)
        assert passes(right, list(right.statements), right.steps())
        with pytest.raises(AssertionError, match=r"Documented keras weight_decay=0.5: theta\[t\+1\] at t = 2"):
            wrong.checked(wrong.statements, wrong.steps())

    def test_a_formula_beside_the_directive_is_an_error(self):
        class Beside(GradientDescent):
            r""".. math:: \theta_{t+1} = \theta_t"""

        with pytest.raises(FormulaError, match="expected the formula indented below"):
            docstring_blocks(Beside)

    def test_a_formula_about_nothing_is_an_error(self):
        formula = Formula("nothing", GradientDescent, "paper", {}, tuple(parse("y = 2")))
        with pytest.raises(FormulaError, match=r"none of .* is something that the code has"):
            formula.checked(formula.statements, formula.steps())

    def test_named_arguments_are_given_a_value(self):
        formula = Formula("momentum", SGD, "paper", {}, tuple(parse(r"y = \beta")))
        assert formula.make().momentum == 0.7 and formula.make().weight_decay == 0.0
        assert Formula("none", SGD, "paper", {}, tuple(parse("y = 2"))).make().momentum == 0.0


class TestChapters:
    @pytest.mark.parametrize("where", MARKED or [None])
    def test_marked_formula_is_what_the_code_does(self, where):
        if where is None:
            pytest.skip("no chapter has a marked formula")
        formula = MARKED[where]
        formula.checked(formula.statements, formula.steps())

    def test_every_printed_line_takes_part(self):
        """In its own display, or in a later one that goes on with it."""
        unused = {}
        for where, formula in MARKED.items():
            used = formula.checked(formula.statements, formula.steps())
            family = (where.split(" ")[0], formula.optimizer, formula.convention)
            for earlier in [e for e in unused if e[:3] == family]:
                unused[earlier] -= used
            unused[(*family, where)] = set(formula.own) - used
        assert {e[3]: names for e, names in unused.items() if names} == {}

    @pytest.mark.parametrize("where", MARKED)
    def test_every_slip_is_noticed(self, where):
        formula = MARKED[where]
        steps = formula.steps()
        used = formula.checked(formula.statements, steps)
        for i, (left, right, _) in enumerate(formula.statements):
            for slip, changed in mutations(right):
                statements = [*formula.statements[:i], Statement(left, changed), *formula.statements[i + 1 :]]
                if left.value in used and passes(formula, statements, steps):
                    rule = f"{formula.optimizer.__name__} {formula.convention}"
                    assert {e for e in EQUIVALENT if e[0].startswith(rule) and e[1:] == (left.value[0], slip)}

    def chapter(self, tmp_path, text):
        path = tmp_path / "06_adam.md"
        path.write_text(text, encoding="utf-8")
        return chapter_formulas(path, CLASSES)

    def test_a_formula_may_stand_in_pieces(self, tmp_path):
        first, second, third = self.chapter(
            tmp_path,
            r"""The average
<!-- formula: Adam paper -->
$$ m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \qquad \hat m_t = \frac{m_t}{1 - \beta_1^t} $$
and $x$ then
<!-- formula: Adam paper -->
$$
v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2
$$
and $$ unmarked = 5 $$ so that
<!-- formula: Adam paper epsilon=0.5 amsgrad=False -->
$$ \theta_{t+1} = \theta_t - \eta_t \frac{\hat m_t}{\sqrt{v_t / (1 - \beta_2^t)} + \varepsilon} $$
""",
        )
        for formula in (first, second, third):
            formula.checked(formula.statements, formula.steps())
        assert third.make().epsilon == 0.5 and third.optimizer is Adam

    def test_a_wrong_one_is_found(self, tmp_path):
        (formula,) = self.chapter(
            tmp_path, "<!-- formula: SGD keras momentum=0.9 -->\n$$ v_t = \\beta v_{t-1} + g_t $$"
        )
        with pytest.raises(AssertionError, match=r"06_adam.md 1: SGD keras momentum=0.9: v\[t\]"):
            formula.checked(formula.statements, formula.steps())

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("<!-- formula: Adam -->\n$$ a = b $$", "expected: Class convention"),
            ("<!-- formula: Adam paper -->\nThen $$ a = b $$", r"got no \$\$ … \$\$ right after the mark"),
            ("<!-- formula: Adam paper -->\n$$ a $$", "got a alone"),
        ],
    )
    def test_bad_marks(self, tmp_path, text, message):
        with pytest.raises(FormulaError, match=message):
            self.chapter(tmp_path, text)
