"""The grammar of formulas: what is read, what it means, and what is an error."""

from __future__ import annotations

import numpy as np
import pytest

from tools.formulas.arithmetic import OPERATORS, FormulaError
from tools.formulas.evaluate import Scope
from tools.formulas.mutate import mutations
from tools.formulas.nodes import symbols
from tools.formulas.parse import parse

A, B = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
v = np.array([2.0, 5.0])
# Eigenvalues 16 and 1 with the eigenvectors (1, ±1)/√2, and the inverse fourth root: 1/2 and 1.
S, ROOT = np.array([[8.5, 7.5], [7.5, 8.5]]), np.array([[0.75, -0.25], [-0.25, 0.75]])


def value(latex: str, **names: object) -> object:
    """The right side of ``y = latex``, with values for its letters; a function is called."""
    functions = [name for name, given in names.items() if callable(given)]
    definitions: dict = {}
    for left, right, _ in parse(f"y = {latex}", functions):
        definitions.setdefault(left.value, []).append(right)
    environment = {"g_t": np.array([1.0, -2.0]), "eta_t": 0.1, "t": 3, **names}
    return Scope(environment, definitions).symbol("y", None)


class TestGrammar:
    @pytest.mark.parametrize(
        ("latex", "expected"),
        [
            ("1 + 2 - 3", 0.0),
            ("-a + b", 1.0),
            ("2 a b", 12.0),
            (r"2 \cdot a \times b \odot 1", 12.0),
            ("a^2 b", 12.0),
            ("a^{b - 1}", 4.0),
            ("-a^2", -4.0),
            ("a / b", 2 / 3),
            ("a / b / 4", 1 / 6),
            ("a / (b c)", 2 / 15),
            (r"\frac{a + 1}{b} \tfrac{1}{2}", 0.5),
            (r"\sqrt{a + 2}", 2.0),
            (r"\sqrt[3]{8}", 2.0),
            (r"\max(a, b, c) - \min\{a, b\}", 3.0),
            (r"\lvert a - b \rvert", 1.0),
            (r"\lVert g_t \rVert^2", 5.0),
            (r"\lVert g_t \rVert_2 \lVert g_t \rVert_1", 3 * np.sqrt(5)),
            (r"\langle g_t, g_t \rangle", 5.0),
            (r"\operatorname{sign}(a - b)", -1.0),
            (r"\operatorname{RMS}(g_t)", np.sqrt(2.5)),
            (r"\left( a + b \right) \bigl[ c \bigr]", 25.0),
            (r"\exp(0) + \ln(1)", 1.0),
            (r"4 \arctan(1) + 2 \arccos(0) + 6 \arcsin(1 / 2)", 3 * np.pi),
            (r"\prod_{i=1}^{t} (a i)", 48.0),
            (r"\sum_{i=1}^3 i", 6.0),
            (r"a \,\text{momentum}\; b \quad", 3.0),
            (r"\begin{cases} a & \text{if } t > 4 \\ b & \text{otherwise} \end{cases}", 3.0),
            (r"\begin{cases} a, & \text{if } t \le 3, \\ b & \text{otherwise}. \end{cases}", 2.0),
            (r"\eta_t t", 0.3),
            ("0.5 a.", 1.0),
        ],
    )
    def test_value(self, latex, expected):
        assert value(latex, a=2.0, b=3.0, c=5.0, momentum=0.5) == pytest.approx(expected)

    def test_entry_by_entry(self):
        assert value(r"g_t^2 + \operatorname{sign}(g_t)").tolist() == [2.0, 3.0]

    @pytest.mark.parametrize(
        ("latex", "expected"),
        [
            ("2 A B", 2 * A @ B),
            (r"A A^\top B", A @ A.T @ B),
            ("(A + B) A", (A + B) @ A),
            ("A^2", A @ A),
            ("A^{-1}", np.linalg.inv(A)),
            ("S^{1/2} S^{1/2}", S),
            ("S^{-1/4}", ROOT),
            ("A^{-1} v", np.linalg.solve(A, v)),
            ("v A", v @ A),
            (r"v^\top A v", v @ A @ v),
            (r"v v^\top", np.outer(v, v)),
            (r"v^\top v", v @ v),
            ("v v", v * v),
            ("v^2 / v", v),
            (r"A \odot B", A * B),
            (r"A \oslash A", np.ones((2, 2))),
            (r"A^{\odot 2}", A * A),
            ("A + v", A + v),
            (r"A \otimes B", np.kron(A, B)),
            (r"\operatorname{tr} A", 5.0),
            (r"\operatorname{diag} v", np.diag(v)),
            (r"\langle A, B \rangle", 5.0),
            (r"\lVert A \rVert_2", np.linalg.norm(A, 2)),
            (r"\lVert A \rVert", np.linalg.norm(A)),
        ],
    )
    def test_matrices_are_matrices(self, latex, expected):
        np.testing.assert_allclose(value(latex, A=A, B=B, S=S, v=v), expected, rtol=1e-12)

    def test_entries_of_what_stands_in_brackets(self):
        """An index that the environment knows, counted from 1; the change of J is one name, not a product."""
        assert value(r"[A^{-1}]_{qq} + [A B]_{qj}", A=A, B=B, q=2, j=1) == pytest.approx(-0.5 + 4)
        assert value(r"\Delta J - 2 \Delta J_q", **{"Delta J": v, "q": 2}).tolist() == [-8.0, -5.0]
        with pytest.raises(FormulaError, match=r"\[…\]_qq is not in"):
            value("[A^{-1}]_{qq}", A=A, q=3)

    @pytest.mark.parametrize(
        "latex",
        [
            *(
                "A / B",
                r"\frac{v}{A}",
                r"\sqrt{A}",
                "A^{0.5}",
                "B^{0.5}",
                "C^{0.5}",
                "(v v^\\top)^{0.5}",
                "C^2",
                "C C",
                "A w",
                r"w^\top v",
                r"v \cdot v",
                r"\ln A",
            ),
            *(
                r"\lvert A \rvert",
                "e^A",
                "A + C",
                r"A \odot v",
                r"C \odot A",
                "v w",
                r"\langle v, w \rangle",
                r"2^\top",
            ),
        ],
    )
    def test_what_matrices_do_not_have_is_an_error(self, latex):
        with pytest.raises(FormulaError):
            value(latex, A=A, B=B, C=np.ones((2, 3)), v=v, w=np.ones(3))

    @pytest.mark.parametrize(
        ("latex", "expected"),
        [
            (r"\frac1n \sum_i x_i", 2.0),
            (r"\sum_{i=1}^{n} x_i^2", 14.0),
            (r"\sum_{ij} A_{ij}", 10.0),
            (r"\sum_i A_{ii}", 5.0),
            (r"\sum_{i \in S} x_i", 4.0),
            (r"\max_i x_i - \min_i x_i", 2.0),
            (r"\sum_i A_{i\cdot}", [4.0, 6.0]),
            (r"\sum_k (m_{k-1} + 1) m_k", 25.0),
            (r"\ln \sum_k e^{x_k}", np.log(np.exp([1, 2, 3]).sum())),
            (r"[n = 3] + [n < 3]", 1.0),
            (r"f(2)^2 + f'(1)", 26.0),
            (r"\tanh^2(n) + \lfloor n / 2 \rfloor + \lceil n / 2 \rceil", np.tanh(3) ** 2 + 3),
            (r"|x_1 - x_3| + \|x\|^2", 16.0),
            (r"x[0] + x[2]", 4.0),
            (r"W^{(1)} W^{(1)\top}", [[2.0, 2.0], [2.0, 2.0]]),
            (r"\frac{\partial J}{\partial W}", 7.0),
            (r"\nabla J + \nabla_x \lVert x \rVert^2", [3.0, 5.0, 7.0]),
            (r"\mathrm{E}[x_1^2] - \mathrm E\, x_2", 8.0),
            (r"\text{Var}(y)", 4.0),
            (r"n \text{ if } n > 3, \text{ else } 7", 7.0),
            (r"\frac12 n + \frac n2", 3.0),
            (r"10{,}000 n \bmod 2", 30000.0 % 2),
        ],
    )
    def test_indices_and_functions(self, latex, expected):
        names = {"x": np.array([1.0, 2.0, 3.0]), "n": 3, "A": A, "S": [1, 3], "f": lambda x: x + 3, "f'": lambda x: x}
        names |= {"m": {0: 2, 1: 3, 2: 4}, "W^(1)": np.ones((2, 2)), "dJ/dW": 7.0, "nabla J": 1.0}
        names |= {"E": [{"x_1": 1.0, "y": 1.0}, {"x_1": -3.0, "y": 5.0}, {"x_1": 20**0.5, "y": 3.0 - 6**0.5}]}
        np.testing.assert_allclose(value(latex, **names), expected, rtol=1e-9)

    def test_assignments(self):
        latex = r"""\begin{aligned} m_t &= \beta_1 m_{t-1}, \\[2pt]
            \hat m_t &= \frac{m_t}{1 - \beta_1^t}, \qquad \bar{g}_{t} = v_{\text{max}, t} \quad
            x_0 = \theta_1. \end{aligned}"""
        names = [left.value for left, *_ in parse(latex)]
        assert names == [("m", "t"), ("hat_m", "t"), ("bar_g", "t"), ("x", 0)]
        assert symbols(parse(latex)[0][1]) == {("beta_1", None), ("m", "t-1")}
        assert symbols(parse(latex)[2][1]) == {("v_max", "t")}

    @pytest.mark.parametrize(
        ("latex", "message"),
        [
            ("", "got no statement"),
            ("a", "got a alone; expected left = right"),
            ("a = ", "got 'the end'"),
            ("a = (b", r"got 'the end'; expected '\)'"),
            ("a = b)", r"got '\)' after a statement"),
            ("a = b / c d", r"got a / b c, which says two things"),
            (r"a = \frac{b}", "got 'the end'"),
            (r"a = \nabla +", "got '\\+' after ∇; expected a letter"),
            (r"a = \int b", r"got '\\\\int'; expected a number, a symbol or a bracket"),
            (r"a = \frac{\partial (b)}{\partial c}", "got ∂brackets.* expected letters"),
            (r"a = \max b", "got 'b' after max; expected a bracket"),
            (r"a = \lVert b \rVert_3", "got the norm '3'; expected 1, 2 or F"),
            (r"a = \text{or, more,} b", "got the text 'or, ?more,'; expected an argument's or operator's name"),
            (r"a = \operatorname{magic}(b)", "magic has no meaning"),
            (r"a = \begin{cases} 1 & \text{when } t > 2 \end{cases}", "got the condition 'when'"),
            (r"a = \begin{cases} 1 & \text{if } t > 5 \end{cases}", "none of the cases holds"),
            (r"a = \begin{pmatrix} 1 \end{pmatrix}", "unknown environment"),
            (r"a = \prod_{i \notin S} i", "something like i=1"),
            (r"a = \sum_i t", "sum over i, which is no index"),
            (r"a + 1 \leftarrow t", "before ←; expected one letter"),
            ("a = b", "b has no meaning"),
            ("a = a", "a is defined by itself"),
            ("a = x_4", "x_4 is not in x, which has shape"),
            ("a = x_i", "got the index i; expected one that is bound"),
            (r"a = \mathrm E\,x_1", "nothing is random"),
            (r"a = 1, a = 2", "given two different values"),
            (r"a = \operatorname{rows}(2)", "expected a matrix"),
        ],
    )
    def test_errors_say_what_and_where(self, latex, message):
        with pytest.raises(FormulaError, match=message):
            definitions: dict = {}
            for left, right, _ in parse(latex):
                definitions.setdefault(left.value, []).append(right)
            Scope({"t": 3, "x": np.ones(3)}, definitions).symbol("a", None)

    def test_every_operator_is_documented(self):
        assert {"sign", "RMS", "mean", "rowmean", "colmean", "NS", "rows", "columns", "clip"} <= set(OPERATORS)


class TestSlips:
    def test_slips_are_the_typical_ones(self):
        (_, right, _), *_ = parse(r"y = \theta_t - \eta_t \frac{m_t}{\sqrt{v_t} + \varepsilon} + \beta_1 x_{t-1} t")
        slips = {name for name, _ in mutations(right)}
        assert slips >= {
            "sign",
            "term left out",
            "factor left out",
            "not divided",
            "turned over",
            "sqrt left out",
            "ε inside the root",
            "β's swapped",
            "index",
            "t from 0",
        }
        (_, right, _), *_ = parse(r"y = \max(\sqrt{v_t + \varepsilon}, \lvert g_t \rvert^2, 3)")
        assert {name for name, _ in mutations(right)} >= {
            "ε outside the root",
            "max for min",
            "a bound left out",
            "abs left out",
            "no power",
            "another number",
        }
