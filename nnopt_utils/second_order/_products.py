"""Matrices that are known by their products with vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnopt_utils._validation import check_array, describe

Product = Callable[[np.ndarray], np.ndarray]


def check_product(product: Any) -> None:
    """Refuse what cannot be called, such as the matrix itself."""
    if not callable(product):
        hint = "; of a matrix H it is lambda v: H @ v" if isinstance(product, np.ndarray) else ""
        raise TypeError(f"product: got {describe(product)}; expected a function v ↦ H v{hint}")


def times(product: Product, v: np.ndarray) -> np.ndarray:
    """H v as float64, if it is a finite array of v's shape."""
    return check_array("product(v)", product(v), shape=v.shape).astype(np.float64, copy=False)
