r"""LaTeX to tokens: what each sign is, and reading one after the other."""

from __future__ import annotations

import re

from tools.formulas.arithmetic import FormulaError

GREEK = "alpha beta gamma delta epsilon varepsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi varphi"
GREEK += " psi omega chi Delta Phi Psi Gamma Lambda Sigma Omega Theta"
LETTERS = {rf"\{name}": name.removeprefix("var") if name != "varphi" else name for name in GREEK.split()}
LETTERS |= {r"\ell": "ell"}
ACCENTS = {r"\hat": "hat_", r"\widehat": "hat_", r"\bar": "bar_", r"\overline": "bar_"}
ACCENTS |= {
    r"\dot": "dot_",
    r"\tilde": "tilde_",
    r"\widetilde": "tilde_",
    r"\mathbf": "",
    r"\boldsymbol": "",
    r"\mathcal": "cal_",
}
SIZES = {rf"\{size}{side}" for size in ("big", "Big", "bigg", "Bigg") for side in ("", "l", "r")}
SIZES |= {r"\left", r"\right"}
SPACES = {r"\,", r"\;", r"\:", r"\!", r"\ ", "&", "~"}
SEPARATORS = ("", r"\\", ",", ".", ";", r"\quad", r"\qquad")
CLOSING = {"(": ")", "[": "]", r"\{": r"\}", "{": "}", r"\lvert": r"\rvert", "|": "|"}
CLOSING |= {r"\lVert": r"\rVert", r"\|": r"\|", r"\langle": r"\rangle", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil"}
RELATIONS = {"=": "=", r"\le": "<=", r"\leq": "<=", r"\ge": ">=", r"\geq": ">=", r"\approx": "~", r"\sim": "="}
COMPARISONS = {"<": "<", ">": ">", "=": "==", r"\ne": "!=", r"\neq": "!=", r"\le": "<=", r"\leq": "<="}
COMPARISONS |= {r"\ge": ">=", r"\geq": ">="}
PRODUCTS = {r"\cdot": "cdot", r"\times": "cdot", r"\odot": "odot", r"\oslash": "oslash", r"\otimes": "otimes"}
PRODUCTS |= {r"\bmod": "mod"}
FUNCTIONS = {r"\exp": "exp", r"\ln": "ln", r"\log": "ln", r"\tanh": "tanh", r"\sin": "sin", r"\cos": "cos"}
FUNCTIONS |= {r"\arctan": "arctan", r"\arccos": "arccos", r"\arcsin": "arcsin"}
# What may follow the last factor of a product, besides a sign and a separator.
ENDS = {r"\}", r"\rvert", r"\rVert", r"\rangle", r"\rfloor", r"\rceil", r"\end", r"\leftarrow", r"\in", r"\mid"}
ENDS |= {*RELATIONS, *COMPARISONS, *SEPARATORS}
INDEX = re.compile(r"(?:[ijkqrst](?:[+-]\d+)?|\\cdot)+")
TOKEN = re.compile(r"\\\\|\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?|[a-zA-Z]|[^\s\\]")


class Tokens:
    """The tokens of a formula, one after the other."""

    def __init__(self, latex: str) -> None:
        text = re.sub(r"\\(?:begin|end)\{(?:aligned|align\*?|gathered|split)\}", " ", latex)
        text = re.sub(r"\\\\\[[^\]]*\]", r"\\\\", text)  # \\[2pt]
        text = re.sub(r"&&\s*\(\d+\)", " ", text)  # the number of an equation
        text = text.replace("{,}", "")  # 10{,}000
        self.tokens = [t for t in TOKEN.findall(text) if t not in SIZES]
        self.position = 0
        self.in_cases = 0
        self.closing: list[str] = []  # the brackets that are open

    def peek(self) -> str:
        while self.position < len(self.tokens):
            token = self.tokens[self.position]
            if token in SPACES and not (token == "&" and self.in_cases):
                self.position += 1
            else:
                return token
        return ""

    def ahead(self, *expected: str) -> bool:
        """Do these tokens come next?"""
        self.peek()
        return tuple(self.tokens[self.position : self.position + len(expected)]) == expected

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if not token or (expected is not None and token != expected):
            raise self.error(f"got {token or 'the end'!r}; expected {expected or 'more'!r}")
        self.position += 1
        return token

    def take_one(self) -> str:
        r"""One token as TeX takes it: of 12 in \frac12 only the 1."""
        token = self.take()
        if token.isdigit() and len(token) > 1:
            self.position -= 1
            self.tokens[self.position] = token[1:]
            return token[0]
        return token

    def skip(self, *tokens: str) -> None:
        while self.peek() and self.peek() in tokens:
            self.take()

    def error(self, message: str) -> FormulaError:
        before = " ".join(self.tokens[max(0, self.position - 6) : self.position])
        after = " ".join(self.tokens[self.position : self.position + 6])
        return FormulaError(f"{message} at … {before} ⟨here⟩ {after} …")

    def brace_text(self) -> str:
        """The plain text of {…}."""
        self.take("{")
        depth = 1
        parts: list[str] = []
        while True:
            token = self.tokens[self.position] if self.position < len(self.tokens) else ""
            self.position += 1
            depth += {"{": 1, "}": -1}.get(token, 0)
            if not token:
                raise FormulaError("got the end inside {…}; expected }")
            if not depth:
                return "".join(parts).replace(r"\_", "_").strip()
            parts.append(token)
