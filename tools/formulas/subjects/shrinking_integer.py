"""Subjects of the docstrings about inference in integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnopt_utils.compression import integer
from tools.formulas.claims import Subject


def grid(generator: np.random.Generator) -> dict[str, Any]:
    """Numbers that are on the grid; the codes are those that the library gives them."""
    s, z = float(generator.uniform(0.5, 2)), int(generator.integers(-9, 9))
    made = integer.ActivationScale(s, z)
    q = made.encode(s * generator.integers(-50, 50, size=4))
    return {"s": s, "z": z, "q": q.astype(float), "r": made.decode(q).astype(float)}


def factor(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Below one half and above 1."""
    drawn = []
    for M in generator.uniform([0.01, 2], [0.4, 9]):
        m, e = integer.fixed_point(M)
        drawn.append({"M": float(M), "m": float(m), "e": float(e)})
    return drawn


def product(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Sums of both signs, and one whose product ends in a half."""
    drawn = []
    for a, M in ((301, 0.37), (-300, 0.21), (10, 0.25)):
        m, e = integer.fixed_point(np.array(M))
        y = integer.multiply_fixed_point(np.array(a, dtype=np.int32), m, e)
        drawn.append({"a": float(a), "m": float(m), "e": float(e), "y": float(y)})
    return drawn


def layer(generator: np.random.Generator) -> list[dict[str, Any]]:
    """Two layers without biases, scales of any size: the codes of the outputs are far from the ends of int8."""
    drawn = []
    for z_1, z_3 in ((3, -5), (-4, 2)):
        s_1, s_2 = generator.uniform(0.5, 2, size=2)
        s_3 = float(generator.uniform(20, 30))
        q_1, q_2 = generator.integers(-20, 20, size=(2, 4)), generator.integers(-9, 10, size=(4, 3))
        network = integer.IntegerMLP([q_2], [np.zeros(3, int)], [s_2], [(float(s_1), z_1), (s_3, z_3)])
        q_3 = network.layers[0](q_1.astype(np.int8)).astype(float)
        letters = {"q_1": q_1.astype(float), "q_2": q_2.astype(float), "q_3": q_3, "z_1": z_1, "z_3": z_3}
        drawn.append({**letters, "s_1": s_1, "s_2": s_2, "s_3": s_3})
    return drawn


SHRINKING_INTEGER: dict[Any, Subject] = {
    integer.ActivationScale: Subject("ActivationScale", grid, 1e-6),
    integer.fixed_point: Subject("fixed_point", factor),
    integer.multiply_fixed_point: Subject("multiply_fixed_point", product),
    integer.IntegerLayer: Subject("IntegerLayer", layer),
}
