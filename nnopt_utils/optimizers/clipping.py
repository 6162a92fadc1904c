"""Limits on a gradient: on its entries, on the norm of each tensor, on the norm of all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnopt_utils.layout import Place

CLIPS = ("clipvalue", "clipnorm", "global_clipnorm")


def check_clips(optimizer: Any) -> None:
    """Raise if an optimizer was given more than one way of clipping."""
    given = [name for name in CLIPS if getattr(optimizer, name) is not None]
    if len(given) > 1:
        raise ValueError(f"{', '.join(given)}: got {len(given)} ways of clipping; expected at most one")


def clipped(
    gradient: np.ndarray,
    clipvalue: float | None,
    clipnorm: float | None,
    global_clipnorm: float | None,
    layout: Sequence[Place] | None,
) -> np.ndarray:
    """Return the gradient within its limit, or itself where there is none.

    >>> clipped(np.array([3.0, 4.0]), None, None, 1.0, None)
    array([0.6, 0.8])
    """
    if clipvalue is not None:
        return np.clip(gradient, -clipvalue, clipvalue)
    if global_clipnorm is not None:
        return _scaled_to_norm(gradient, global_clipnorm)
    if clipnorm is None:
        return gradient
    if layout is None:
        return _scaled_to_norm(gradient, clipnorm)
    return np.concatenate([_scaled_to_norm(gradient[place.where], clipnorm) for place in layout])


def _scaled_to_norm(gradient: np.ndarray, limit: float) -> np.ndarray:
    with np.errstate(over="ignore"):
        norm = float(np.linalg.norm(gradient))
    if np.isinf(norm):  # only the squares overflowed
        largest = float(np.abs(gradient).max())
        norm = largest * float(np.linalg.norm(gradient / largest))
    return gradient if norm <= limit else gradient * (limit / norm)
