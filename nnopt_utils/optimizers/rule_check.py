"""Does a rule that someone wrote change its arrays? Asked once, at the first step, so that no run is for nothing."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from nnopt_utils._validation import describe


def is_ours(rule: Callable[..., None]) -> bool:
    """Does a rule belong to this library? Its tests know it; there is nothing to ask."""
    return str(getattr(rule, "__module__", "")).startswith("nnopt_utils.optimizers.")


def check_returned(optimizer: Any, returned: Any) -> None:
    """Raise if an ``update`` returned something."""
    if returned is not None:
        raise TypeError(
            f"{type(optimizer).__name__}.update: got {describe(returned)} returned; expected theta changed in place, "
            "`theta -= …` or `theta[:] = …`, and nothing returned"
        )


def watched_update(optimizer: Any, theta: np.ndarray, gradient: np.ndarray, slots: list[np.ndarray]) -> bool:
    """Call ``update`` and look at what it changed; return whether that could be judged.

    A zero gradient, or a rate of zero, may rightly change nothing: then the next step is looked at.

    Raises:
        TypeError: a name of θ or of its state was given to a new array, so that the old one stays as it was; or the
            rule changed nothing at all.
    """
    arrays = [theta, *slots]
    before = [array.copy() for array in arrays]
    check_returned(optimizer, optimizer.update(theta, gradient, *slots))
    if not gradient.any() or not optimizer.learning_rate:
        return False
    same = [np.array_equal(old, new, equal_nan=True) for old, new in zip(before, arrays, strict=True)]
    rule = f"{type(optimizer).__name__}.update"
    for name, is_same in zip(_rebound(type(optimizer).update, len(slots)), same, strict=True):
        if is_same and name is not None:
            raise TypeError(
                f"{rule}: got `{name} = …`, which makes a new array and leaves the old one as it was; "
                f"expected a change in place, such as `{name} -= …` or `{name}[:] = …`"
            )
    if all(same) and not _overrides_a_hook(optimizer) and not _moves_anything(optimizer, gradient, slots):
        raise TypeError(
            f"{rule}: got a rule that changes neither theta nor its state; expected a change in place, "
            "such as `theta -= …` or `theta[:] = …`"
        )
    return True


def _overrides_a_hook(optimizer: Any) -> bool:
    """Does the rule stand, perhaps, in ``begin_step`` or ``end_step``?"""
    return not all(is_ours(getattr(type(optimizer), hook)) for hook in ("begin_step", "end_step"))


def _moves_anything(optimizer: Any, gradient: np.ndarray, slots: list[np.ndarray]) -> bool:
    """Does the rule change zeros or ones, when the gradient's entries are ±1? A step that was only too small does."""
    for theta in (np.zeros(gradient.shape), np.ones(gradient.shape)):
        arrays = [theta, *(slot.copy() for slot in slots)]
        before = [array.copy() for array in arrays]
        optimizer.update(theta, np.sign(gradient).astype(np.float64), *arrays[1:])
        if not all(map(np.array_equal, before, arrays)):
            return True
    return False


def _rebound(rule: Callable[..., None], n_slots: int) -> list[str | None]:
    """Return, for θ and every slot, its name in the rule if the rule assigns to that name, ``name = …``; else None."""
    function = _parsed(rule)
    if function is None:
        return [None] * (1 + n_slots)
    theta, _, *slots = [argument.arg for argument in function.args.posonlyargs + function.args.args][1:]
    assigned = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            parts = [part for target in targets for part in ast.walk(target)]
            names = [p.id for p in parts if isinstance(p, ast.Name) and isinstance(p.ctx, ast.Store)]
            if function.args.vararg and getattr(node.value, "id", None) == function.args.vararg.arg:
                slots += names  # m, v = slots
            else:
                assigned.update(names)
    slots += [""] * n_slots
    return [name if name in assigned else None for name in [theta, *slots[:n_slots]]]


def _parsed(rule: Callable[..., None]) -> ast.FunctionDef | None:
    try:
        (function,) = ast.parse(textwrap.dedent(inspect.getsource(rule))).body
    except (OSError, TypeError, SyntaxError, ValueError):  # typed where no source is kept
        return None
    return function if isinstance(function, ast.FunctionDef) and len(function.args.args) > 2 else None
