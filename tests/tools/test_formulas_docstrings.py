"""Every rule in the docstrings of functions, schedules, problems, line searches and networks is executed."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from nnopt_utils import (
    activations,
    backpropagation,
    gradients,
    initializers,
    line_search,
    losses,
    networks,
    parallel,
    problems,
    r_operator,
    schedules,
    second_order,
)
from nnopt_utils.activations import ACTIVATIONS
from nnopt_utils.optimizers import muon
from nnopt_utils.second_order import matrix_roots
from tools.formulas.arithmetic import FormulaError
from tools.formulas.claims import Claim, Subject
from tools.formulas.read import RELATION, docstring_claim, docstring_fragments
from tools.formulas.subjects.clinic import DIAGNOSIS
from tools.formulas.subjects.compression import COMPRESSION
from tools.formulas.subjects.delays import DELAYS
from tools.formulas.subjects.documented import DOCUMENTED, NO_RULE, NOTATION
from tools.formulas.subjects.natural_gradient import NATURAL_GRADIENT
from tools.formulas.subjects.newton import NEWTON
from tools.formulas.subjects.products import PRODUCTS
from tools.formulas.subjects.quasi_newton import QUASI_NEWTON
from tools.formulas.subjects.recorder import Recorder
from tools.formulas.subjects.shrinking_codes import CODES
from tools.formulas.subjects.shrinking_distill import DISTILLATION
from tools.formulas.subjects.shrinking_integer import SHRINKING_INTEGER
from tools.formulas.subjects.shrinking_prune import PRUNING
from tools.formulas.subjects.shrinking_share import SHARING

MODULES = [activations, losses, gradients, initializers, schedules, problems, problems.regression]
MODULES += [line_search, backpropagation, networks, r_operator]
MODULES += [matrix_roots]


def owners() -> list:
    """The modules and all functions and classes that they define or export."""
    found = dict.fromkeys(MODULES)
    for module in MODULES:
        for value in vars(module).values():
            if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__.startswith(module.__name__):
                found[value] = None
    fits = [second_order.gauss_newton, second_order.levenberg_marquardt]
    found |= dict.fromkeys([muon.newton_schulz, *NEWTON, *PRODUCTS, *QUASI_NEWTON, *NATURAL_GRADIENT, *fits])
    return [*found, *OF_PARALLEL, *OF_COMPRESSION, *DIAGNOSIS]


OF_PARALLEL = [*COMPRESSION, *DELAYS, parallel.delayed_descent, parallel.expected_asynchronous_path]
OF_PARALLEL += [parallel.SparseLogisticRegression, parallel.data_parallel, parallel.local_sgd_fixed_point]
OF_COMPRESSION = [*CODES, *SHARING, *DISTILLATION, *PRUNING, *SHRINKING_INTEGER]
OWNERS = owners()
CLAIMS = {claim.where: claim for owner in OWNERS if (claim := docstring_claim(owner))}
every_claim = pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)


class TestDocstrings:
    @every_claim
    def test_rules_are_what_the_code_does(self, claim):
        claim.check(claim.statements)
        assert claim.unused() == set()

    @every_claim
    def test_every_slip_is_noticed(self, claim):
        assert claim.unnoticed() == []

    def test_every_fragment_is_executed_or_listed(self):
        fragments = {fragment for owner in OWNERS for fragment in docstring_fragments(owner)}
        skipped = {fragment for fragment in fragments if not RELATION.search(fragment)}
        assert skipped == NOTATION
        assert fragments >= NO_RULE and all(RELATION.search(fragment) for fragment in NO_RULE)

    def test_every_subject_has_its_docstring(self):
        assert len(CLAIMS) == len(DOCUMENTED) >= 65
        assert sum(len(claim.statements) for claim in CLAIMS.values()) >= 108

    def test_a_rule_without_a_subject_is_an_error(self):
        def undocumented():
            r""":math:`y = 2 x`, and :math:`x` alone."""

        with pytest.raises(FormulaError, match=r"undocumented: got the formula 'y = 2 x'; expected a subject"):
            docstring_claim(undocumented)

    def test_a_wrong_rule_is_found(self):
        subject = Subject("relu", lambda _: {"z": -1.0, "varphi": activations.relu})
        wrong = Claim("relu", subject, r"\varphi(z) = \max(-z, 0)")
        with pytest.raises(AssertionError, match=r"the left is 0\.0, the right 1\.0"):
            wrong.check(wrong.statements)

    def test_blocks_and_inline_formulas_are_found(self):
        def documented():
            r"""First :math:`a = 1`.

            .. math:: b = 2,
                      c = 3

            Then :math:`d`.
            """

        assert docstring_fragments(documented) == ["a = 1", "b = 2, c = 3", "d"]


class TestActivations:
    @pytest.mark.parametrize("name", ACTIVATIONS)
    def test_printed_formula(self, name):
        """What figures and tables print of an activation is what it computes."""
        activation = ACTIVATIONS[name]
        environments = DOCUMENTED[activations.gelu].environments

        def draw(_):
            return [{**names, "varphi": activation.value} for names in environments]

        printed = Claim(name, Subject(name, draw), rf"\varphi(z) = {activation.formula}")
        printed.check(printed.statements)


class TestRecorder:
    def test_notes_what_is_asked_for(self):
        np.testing.assert_allclose(Recorder.of(initializers.he_normal, 8, 3), [0, 0, 0.25])
        np.testing.assert_allclose(Recorder.of(initializers.glorot_uniform, 3, 3), [1, -1, 1])
        assert Recorder.variance(initializers.glorot_uniform, 3, 3) == pytest.approx(1 / 3)
