r"""LaTeX to tree: a formula is a list of statements ``left relation right``, each side an expression."""

from __future__ import annotations

import re
from collections.abc import Collection

from tools.formulas.arithmetic import OPERATORS, FormulaError
from tools.formulas.nodes import Node, Statement, number
from tools.formulas.tokens import (
    ACCENTS,
    CLOSING,
    COMPARISONS,
    ENDS,
    FUNCTIONS,
    INDEX,
    LETTERS,
    PRODUCTS,
    RELATIONS,
    SEPARATORS,
    Tokens,
)


def parse(latex: str, functions: Collection[str] = ()) -> list[Statement]:
    r"""The statements of a formula. A letter in ``functions`` applies to the bracket after it; any other multiplies it.

    >>> [(str(left), str(right)) for left, right, _ in parse(r"m_t = \beta_1 m_{t-1} + g_t")]
    [('m[t]', 'add(mul(beta_1, m[t-1]), g[t])')]
    """
    return Parser(latex, functions).statements()


class Parser(Tokens):
    """Recursive descent: one method a level of the grammar."""

    def __init__(self, latex: str, functions: Collection[str] = ()) -> None:
        super().__init__(latex)
        self.functions = functions

    # levels of the grammar

    def statements(self) -> list[Statement]:
        found: list[Statement] = []
        while True:
            self.skip(*SEPARATORS[1:])
            if self.words():
                continue
            if not self.peek():
                if not found:
                    raise FormulaError("got no statement; expected at least one left = right")
                return found
            found += self.chain()
            if self.peek() not in SEPARATORS:
                raise self.error(f"got {self.peek()!r} after a statement; expected a comma, \\quad or \\\\")

    def words(self) -> bool:
        r"""Skip a heading, \text{…:}, or a remark, \text{(…)}."""
        start = self.position
        if self.peek() == r"\text":
            self.take()
            text = self.brace_text()
            if text.endswith(":") or (text.startswith("(") and text.endswith(")")):
                return True
        self.position = start
        return False

    def chain(self) -> list[Statement]:
        """One statement, or several: a = b = c, a ≤ b ≤ c."""
        left, found = self.expression(), []
        if self.peek() == r"\leftarrow":  # θ ← … is about θ after the step
            if left.op != "symbol":
                raise self.error(f"got {left} before ←; expected one letter")
            self.tokens[self.position] = "="
            left = Node("symbol", value=(left.value[0] + "_new", left.value[1]))
        while self.peek() in RELATIONS:
            relation = RELATIONS[self.take()]
            right = self.otherwise(self.expression())
            found.append(Statement(left, right, relation))
            left = left if relation in "=~" else right
        if not found:
            raise self.error(f"got {left} alone; expected left = right")
        return found

    def otherwise(self, value: Node) -> Node:
        r"""a \text{ if } b > c, \text{ else } d."""
        start = self.position
        self.skip(",", r"\quad", r"\qquad")
        if self.peek() != r"\text" or not (self.ahead(r"\text", "{", "i", "f") or self.ahead(r"\text", "{", "f", "o")):
            self.position = start
            return value
        condition = self.condition()
        self.skip(",", r"\quad", r"\qquad")
        self.take(r"\text")
        if (word := self.brace_text()) not in ("else", "otherwise"):
            raise self.error(f"got {word!r} after a condition; expected 'else'")
        return Node("cases", (condition, value, Node("otherwise"), self.otherwise(self.expression())))

    def expression(self) -> Node:
        node = self.signed()
        while self.peek() in ("+", "-"):
            op = "add" if self.take() == "+" else "sub"
            node = Node(op, (node, self.term()))
        return node

    def signed(self) -> Node:
        if self.peek() and self.peek() in "+-":
            return Node("neg", (self.term(),)) if self.take() == "-" else self.term()
        return self.term()

    def term(self) -> Node:
        node = self.power()
        divided = False
        while True:
            token = self.peek()
            if token in PRODUCTS:
                self.take()
                node = Node(PRODUCTS[token], (node, self.power()))
            elif token == "/":
                self.take()
                node, divided = Node("div", (node, self.power())), True
            elif self.starts_factor(token):
                if divided:
                    raise self.error("got a / b c, which says two things; expected \\frac, brackets or \\cdot")
                node = Node("mul", (node, self.power()))
            else:
                return node

    def starts_factor(self, token: str) -> bool:
        if token in ENDS or token in CLOSING.values():
            opens = token in ("|", r"\|") and token not in self.closing[-1:]
            return opens
        if token == r"\text":
            return not any(self.ahead(r"\text", "{", *word) for word in ("if", "for", "else", "otherwise", "("))
        return token.startswith("\\") or token.isalnum() or token in "([{" or token[0].isdigit()

    def power(self) -> Node:
        node = self.factor()
        while self.peek() == "^":
            self.take()
            node = self.raised(node)
        return node

    def raised(self, node: Node) -> Node:
        braces = self.peek() == "{"
        if braces:
            self.take()
        if self.peek() in (r"\top", r"\intercal"):
            self.take()
            node = Node("transpose", (node,))
        elif self.peek() == r"\odot":
            self.take()
            node = Node("entrypow", (node, self.expression()))
        elif braces:
            node = Node("pow", (node, self.expression()))
        else:
            node = Node("pow", (node, self.argument()))
        if braces:
            self.take("}")
        return node

    def group(self) -> Node:
        self.take("{")
        node = self.expression()
        self.take("}")
        return node

    def argument(self) -> Node:
        r"""{…}, or one token: \frac12, \frac\lambda2, x^2."""
        if self.peek() == "{":
            return self.group()
        token = self.take_one()
        if token.isdigit():
            return number(int(token))
        if token in LETTERS or token.isalpha():
            return Node("symbol", value=(LETTERS.get(token, token), None))
        self.position -= 1
        raise self.error(f"got {token!r}; expected '{{'")

    def factor(self) -> Node:
        token = self.take()
        if token[0].isdigit():
            return number(float(token))
        if token in ("(", "[", r"\{", "{"):
            return self.brackets(token)
        if token in (r"\frac", r"\tfrac", r"\dfrac"):
            return self.fraction()
        if token == r"\sqrt":
            return self.root()
        if token in (r"\lvert", "|"):
            return Node("call", self.until(token), "abs")
        if token in (r"\lVert", r"\|"):
            return Node("call", self.until(token), self.norm_name())
        if token == r"\langle":
            return Node("call", self.until(token, 2), "inner")
        if token in (r"\lfloor", r"\lceil"):
            return Node("call", self.until(token), "floor" if token == r"\lfloor" else "ceil")
        if token in (r"\max", r"\min"):
            return self.over(token[1:]) if self.peek() == "_" else self.call(token[1:])
        if token in FUNCTIONS:
            return self.applied(FUNCTIONS[token])
        if token in (r"\prod", r"\sum"):
            return self.over(token[1:])
        if token == r"\begin":
            return self.cases()
        if token == r"\nabla":
            return self.nabla()
        if token == r"\underbrace":
            node = self.group()
            self.index()  # what stands below explains
            return Node("brackets", (node,))
        if token in (r"\operatorname", r"\mathrm", r"\text", r"\mathit", r"\mathbb"):
            return self.named()
        if token in ACCENTS:
            return self.accented(ACCENTS[token])
        if token == r"\Delta" and (self.peek() in LETTERS or self.peek().isalpha()):
            letter = self.take()
            return self.indexed(f"Delta {LETTERS.get(letter, letter)}")  # the change of J, no product
        if token in LETTERS:
            return self.indexed(LETTERS[token])
        if token.isalpha():
            return self.indexed(token)
        self.position -= 1
        raise self.error(f"got {token!r}; expected a number, a symbol or a bracket (see docs/authoring.md)")

    # pieces of a factor

    def brackets(self, opening: str) -> Node:
        self.closing.append(CLOSING[opening])
        node = self.expression()
        if opening == "[" and self.peek() in COMPARISONS:  # [j = r] is 1 if it is so, else 0
            node = Node("compare", (node, self.comparison(), self.expression()))
            node = Node("compare", (node.args[0], node.args[2]), node.args[1])
        self.take(self.closing.pop())
        if opening == "[" and self.peek() == "_":  # an entry of a product or an inverse
            return Node("entry", (node,), self.index())
        return Node("brackets", (node,))

    def until(self, opening: str, count: int | None = 1) -> tuple[Node, ...]:
        """The values up to the bracket that closes."""
        self.closing.append(CLOSING[opening])
        args = [self.expression()]
        while self.peek() in (",", ";", r"\mid"):
            self.take()
            args.append(self.expression())
        closing = self.closing.pop()
        self.take(closing)
        if count is not None and len(args) != count:
            raise self.error(f"got {len(args)} values before {closing}; expected {count}")
        return tuple(args)

    def fraction(self) -> Node:
        if self.ahead("{", r"\partial"):
            return self.derivative()
        return Node("div", (self.argument(), self.argument()))

    def derivative(self) -> Node:
        r"""\frac{\partial J}{\partial W} is one name, dJ/dW, with the index of its parts."""
        parts = []
        for _ in range(2):
            self.take("{")
            self.take(r"\partial")
            parts.append(self.factor())
            self.take("}")
        if any(part.op != "symbol" for part in parts):
            raise self.error(f"got ∂{parts[0]}/∂{parts[1]}; expected letters")
        names = [part.value[0] for part in parts]
        indices = "".join(part.value[1] or "" for part in parts)
        return Node("symbol", value=(f"d{names[0]}/d{names[1]}", indices or None))

    def root(self) -> Node:
        if self.peek() != "[":
            return Node("call", (self.argument(),), "sqrt")
        self.take()
        root = self.expression()
        self.take("]")
        return Node("pow", (self.group(), Node("div", (number(1), root))))

    def norm_name(self) -> str:
        if self.peek() != "_":
            return "norm"
        index = self.index()
        if index not in ("1", "2", "F"):
            raise self.error(f"got the norm {index!r}; expected 1, 2 or F")
        return {"1": "norm_1", "2": "norm_2", "F": "norm"}[index]

    def call(self, name: str) -> Node:
        opening = self.take()
        if opening not in ("(", r"\{", "["):
            raise self.error(f"got {opening!r} after {name}; expected a bracket")
        return Node("call", self.until(opening, None), name)

    def applied(self, name: str) -> Node:
        r"""\ln(…) or \ln p_i; \tanh^2(z) is the square of tanh(z)."""
        exponent = None
        if self.peek() == "^":
            self.take()
            exponent = self.argument()
        node = self.call(name) if self.peek() == "(" else Node("call", (self.power(),), name)
        return Node("pow", (node, exponent)) if exponent else node

    def over(self, name: str) -> Node:
        r"""\sum, \prod, \max, \min over an index: of all that follows up to the next sign."""
        lower = self.index()
        body = self.signed
        if match := re.fullmatch(r"([a-z])=(\d+)", lower):
            self.take("^")
            return Node(name, (number(int(match[2])), self.argument(), body()), match[1])
        if match := re.fullmatch(r"([a-z])\\in(\\mathcal)?([A-Za-z])", lower):
            return Node(name, (Node("symbol", value=(("cal_" if match[2] else "") + match[3], None)), body()), match[1])
        if not re.fullmatch(r"[a-z]+", lower):
            raise self.error(f"got {name} over {lower!r}; expected something like i=1, i or ij")
        node = body()
        for letter in reversed(lower):
            node = Node(name, (node,), letter)
        return node

    def nabla(self) -> Node:
        r"""\nabla J and \nabla^2 J are names, \nabla_W … the gradient of what follows by the entries of W."""
        if self.peek() == "_":
            letter = self.index()
            return Node("gradient", (self.term(),), letter)
        prefix = "nabla "
        if self.peek() == "^":
            self.take()
            prefix = f"nabla^{self.take_one()} "
        token = self.take()
        if token not in LETTERS and not token.isalpha():
            raise self.error(f"got {token!r} after ∇; expected a letter")
        return self.indexed(prefix + LETTERS.get(token, token))

    def cases(self) -> Node:
        if self.brace_text() != "cases":
            raise self.error("got an unknown environment; expected aligned or cases")
        rows: list[Node] = []
        self.in_cases += 1
        while self.peek() != r"\end":
            value = self.expression()
            self.skip(",", "&", r"\quad")
            rows += [self.condition(), value]
            self.skip(",", ".", r"\\")
        self.in_cases -= 1
        self.take(r"\end")
        self.brace_text()
        return Node("cases", tuple(rows))

    def condition(self) -> Node:
        if self.peek() == r"\text":
            self.take()
            word = self.brace_text().rstrip(",.")
            if word == "otherwise":
                return Node("otherwise")
            if word not in ("if", "for"):
                raise self.error(f"got the condition {word!r}; expected 'if' or 'otherwise'")
        left, sign, right = self.expression(), self.comparison(), self.expression()
        return Node("compare", (left, right), sign)

    def comparison(self) -> str:
        sign = self.take()
        if sign not in COMPARISONS:
            raise self.error(f"got {sign!r}; expected a comparison")
        return COMPARISONS[sign]

    def named(self) -> Node:
        name = self.brace_text() if self.peek() == "{" else self.take()
        if name == "E" or name == "Var":
            return self.expectation(name)
        if name in OPERATORS:
            return self.call(name) if self.peek() in ("(", r"\{") else Node("call", (self.power(),), name)
        if not re.fullmatch(r"\w[\w-]*", name):
            raise self.error(f"got the text {name!r}; expected an argument's or operator's name (words stand outside)")
        return self.indexed(name)

    def expectation(self, name: str) -> Node:
        r"""\mathrm{E}[…], \mathrm E\,x^2 and \text{Var}(…), over the outcomes of E, or of E_name for another E."""
        outcomes = "E"
        if self.peek() == "_":
            outcomes += "_" + re.sub(r"\\text|[{}]", "", self.index())
        return Node("expectation" if name == "E" else "variance", (self.power(),), outcomes)

    def accented(self, prefix: str) -> Node:
        if self.peek() == "{":
            self.take()
            node = self.factor()
            self.take("}")
        else:
            token = self.take()
            node = Node("symbol", value=(LETTERS.get(token, token), None))
        if node.op != "symbol":
            raise self.error("got an accent on something else than a letter")
        name, time = node.value
        if time is not None:
            return Node("symbol", value=(prefix + name, time))
        if prefix + name in OPERATORS:
            return self.call(prefix + name)
        return self.indexed(prefix + name)

    def index(self) -> str:
        self.take("_")
        if self.peek() in (r"\text", r"\mathrm"):
            self.take()
        if self.peek() == "{":
            return self.brace_text().replace(" ", "")
        return self.take_one()

    def indexed(self, name: str) -> Node:
        r"""A symbol with all that belongs to its name (an index, primes, ^\star, ^{(k)}); a function with arguments."""
        index: str | int | None = None
        transposed = False
        while not transposed:
            if self.peek() == "_":
                name, index = self.with_index(name, self.index())
            elif self.peek() == "'":
                name += self.take()
            elif self.ahead("^", r"\star") or self.ahead("^", "*"):
                name += "*"
                self.position += 2
            elif self.ahead("^", "{", "(") and (label := self.label()):
                name += label
                transposed = self.peek() == r"\top"
                self.skip(r"\top")
                self.take("}")
            else:
                break
        node = Node("symbol", value=(name, index))
        if self.peek() == "(" and (name in self.functions or f"{name}_{index}" in self.functions):
            return Node("apply", (node, *self.until(self.take(), None)))
        if self.peek() == "[" and self.tokens[self.position + 1].isdigit() and self.tokens[self.position + 2] == "]":
            self.position += 3  # θ[0], numbered as in code
            return Node("component", (node,), int(self.tokens[self.position - 2]))
        return Node("transpose", (node,)) if transposed else node

    def label(self) -> str:
        r"""The (k-1) of ^{(k-1)} or ^{(k-1)\top}, after which only \top and the brace are left; "" for a power."""
        start = self.position
        end = self.tokens.index(")", start) if ")" in self.tokens[start:] else start
        if self.tokens[end + 1 : end + 2] == ["}"] or self.tokens[end + 1 : end + 3] == [r"\top", "}"]:
            self.position = end + 1
            return "^" + "".join(LETTERS.get(t, t) for t in self.tokens[start + 2 : end + 1])
        return ""

    @staticmethod
    def with_index(name: str, written: str) -> tuple[str, str | int | None]:
        """Name and index; for β and ε and words the index is a part of the name."""
        index: str | int | None = None
        for part in written.split(","):
            if INDEX.fullmatch(part):
                index = part
            elif part.isdigit() and name not in ("beta", "epsilon", "lambda"):
                index = int(part)
            else:
                name += "_" + re.sub(r"\\(text|mathrm|operatorname)|[\\{}]", "", part)
        return name, index
