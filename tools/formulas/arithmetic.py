r"""What signs mean for numbers, vectors and matrices.

Matrices are never multiplied, divided, raised or rooted entry by entry, unless it is written so: ``\odot``,
``\oslash``, ``^{\odot 2}``. Vectors side by side are, as in every rule of the Adam family; so are their quotients,
powers and roots.
A transposed vector is a row: ``u^\top v`` is a number, ``u v^\top`` a matrix. Whatever has no meaning is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class FormulaError(ValueError):
    """The formula is not in the grammar, or has a name or a product that means nothing."""


def shape(x: Any) -> str:
    return "a number" if np.ndim(x) == 0 else f"shape {np.shape(x)}"


def entries(sign: str, function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Entry by entry: of two arrays of one shape, or of an array and a number."""

    def apply(a: Any, b: Any) -> Any:
        if np.ndim(a) and np.ndim(b) and np.shape(a) != np.shape(b):
            raise FormulaError(f"{sign}: got {shape(a)} and {shape(b)}; expected one shape")
        return function(np.asarray(a, float), b)

    return apply


def added(a: Any, b: Any) -> Any:
    """A sum; a vector is added to every row of a matrix with as many columns (a bias)."""
    if np.ndim(a) == 2 and np.ndim(b) == 1 and np.shape(a)[1] == np.shape(b)[0] and np.shape(a)[0] > 1:
        return a + b
    return entries("+", np.add)(a, b)


def product(a: Any, b: Any) -> Any:
    """Side by side: numbers scale, matrices and vectors are multiplied as such, two vectors entry by entry."""
    dimensions = np.ndim(a), np.ndim(b)
    if 0 in dimensions:
        return a * b
    if dimensions == (1, 1):
        return entries("product", np.multiply)(a, b)
    if dimensions == (1, 2) and np.shape(b)[0] == 1:
        return np.outer(a, b)
    if np.shape(a)[-1] != np.shape(b)[0]:
        raise FormulaError(f"product: got {shape(a)} and {shape(b)}; expected as many columns as rows")
    return scalar(np.asarray(a) @ b)


def dotted(a: Any, b: Any) -> Any:
    r"""a \cdot b: of vectors it could mean two things."""
    if np.ndim(a) == np.ndim(b) == 1:
        raise FormulaError(r"\cdot: got two vectors; expected \langle a, b \rangle, a^\top b or a \odot b")
    return product(a, b)


def scalar(x: np.ndarray) -> Any:
    return x if x.size > 1 else float(x.ravel()[0])


def quotient(a: Any, b: Any) -> Any:
    if np.ndim(b) == 2 or (np.ndim(b) == 1 and np.ndim(a) == 2):
        raise FormulaError(r"quotient: got a matrix; expected \oslash, or an inverse ^{-1}")
    return entries("quotient", np.divide)(a, b)


def power(a: Any, b: Any) -> Any:
    if np.ndim(b) == 2:
        raise FormulaError("power: got a matrix as an exponent; expected a number or a vector")
    if np.ndim(a) != 2:
        return entries("power", np.power)(a, b)
    if np.ndim(b) or np.shape(a)[0] != np.shape(a)[1]:
        raise FormulaError(r"power: got a matrix; expected a square one and a number, or ^{\odot …}")
    return np.linalg.matrix_power(a, int(b)) if b == int(b) else fractional_power(np.asarray(a), float(b))


def fractional_power(a: np.ndarray, exponent: float) -> np.ndarray:
    """A root, or its inverse, has one meaning only where the matrix is symmetric and positive definite."""
    if not close(a, a.T):
        raise FormulaError(r"power: got a matrix and no integer; expected a symmetric one, or ^{\odot …}")
    eigenvalues, vectors = np.linalg.eigh(a)
    if eigenvalues[0] <= 1e-12 * abs(eigenvalues[-1]):
        raise FormulaError("power: got a matrix that is not positive definite, and no integer")
    return (vectors * eigenvalues**exponent) @ vectors.T


def transposed(a: Any) -> Any:
    if np.ndim(a) == 0:
        raise FormulaError("transpose: got a number; expected a vector or a matrix")
    return np.asarray(a)[None, :] if np.ndim(a) == 1 else np.asarray(a).T


def kronecker(a: Any, b: Any) -> Any:
    if np.ndim(a) != 2 or np.ndim(b) != 2:
        raise FormulaError(rf"\otimes: got {shape(a)} and {shape(b)}; expected matrices")
    return np.kron(a, b)


def no_matrix(name: str, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of numbers, of a vector entry by entry; of a matrix it would mean something else."""

    def apply(x: Any) -> Any:
        if np.ndim(x) == 2:
            raise FormulaError(f"{name}: got a matrix; expected numbers, a vector, or indices")
        return function(x)

    return apply


def square(name: str, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def apply(x: Any) -> Any:
        if np.ndim(x) != 2:
            raise FormulaError(f"{name}: got {shape(x)}; expected a matrix")
        return function(x)

    return apply


def inner(a: Any, b: Any) -> float:
    if np.shape(a) != np.shape(b):
        raise FormulaError(f"⟨ , ⟩: got {shape(a)} and {shape(b)}; expected one shape")
    return float(np.sum(np.asarray(a) * b))


def newton_schulz(x: np.ndarray) -> np.ndarray:
    """Five steps of Muon's quintic iteration, which pull all singular values of x towards 1."""
    for _ in range(5):
        x = 3.4445 * x - 4.7750 * x @ x.T @ x + 2.0315 * x @ x.T @ x @ x.T @ x
    return x


def root_mean_square(x: Any) -> float:
    return float(np.sqrt(np.mean(np.square(x))))


OPERATORS: dict[str, Callable[..., Any]] = {
    "sign": np.sign,
    "sgn": np.sign,
    "clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "mean": np.mean,
    "RMS": root_mean_square,
    "rowmean": square("rowmean", lambda x: x.mean(axis=1)),
    "colmean": square("colmean", lambda x: x.mean(axis=0)),
    "rows": square("rows", lambda x: x.shape[0]),
    "columns": square("columns", lambda x: x.shape[1]),
    "NS": square("NS", newton_schulz),
    "tr": square("tr", np.trace),
    "diag": np.diag,
    "max": lambda *values: np.maximum.reduce(np.broadcast_arrays(*values)),
    "min": lambda *values: np.minimum.reduce(np.broadcast_arrays(*values)),
    "exp": no_matrix("exp", np.exp),
    "ln": no_matrix("ln", np.log),
    "sqrt": no_matrix("sqrt", np.sqrt),
    "tanh": no_matrix("tanh", np.tanh),
    "sin": no_matrix("sin", np.sin),
    "cos": no_matrix("cos", np.cos),
    "arctan": no_matrix("arctan", np.arctan),
    "arccos": no_matrix("arccos", np.arccos),
    "arcsin": no_matrix("arcsin", np.arcsin),
    "floor": np.floor,
    "ceil": np.ceil,
    "abs": no_matrix("abs", np.abs),
    "norm": lambda x: float(np.sqrt(np.sum(np.square(x)))),
    "norm_1": no_matrix("norm_1", lambda x: float(np.sum(np.abs(x)))),
    "norm_2": lambda x: float(np.linalg.norm(x, 2)),
    "inner": inner,
    "cal_N": lambda mean, variance: np.array([0.0, mean, variance]),
    "cal_U": lambda low, high: np.array([1.0, low, high]),
}
ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": added,
    "sub": lambda a, b: added(a, -np.asarray(b)),
    "mul": product,
    "cdot": dotted,
    "odot": entries(r"\odot", np.multiply),
    "oslash": entries(r"\oslash", np.divide),
    "otimes": kronecker,
    "mod": entries("mod", np.mod),
    "div": quotient,
    "pow": power,
    "entrypow": lambda a, b: np.power(np.asarray(a, float), b),
    "neg": lambda a: -a,
    "brackets": lambda a: a,
    "transpose": transposed,
}
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def close(a: Any, b: Any, tolerance: float = 1e-9) -> bool:
    """Are they of one shape, and equal but for rounding?"""
    a, b = np.asarray(a, float), np.asarray(b, float)
    return a.shape == b.shape and np.allclose(a, b, rtol=tolerance, atol=1e-3 * tolerance)
