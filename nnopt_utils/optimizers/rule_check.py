"""Does a rule that someone wrote change its arrays? Asked once, at the first step, so that no run is for nothing."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from nnopt_utils._validation import describe


def is_ours(rule: Callable[..., None]) -> bool:
    """Does a rule belong to this library? Its tests know it; there is nothing to ask."""
    return str(getattr(rule, "__module__", "")).startswith(("nnopt_utils.optimizers.", "nnopt_utils.second_order."))


def check_returned(optimizer: Any, returned: Any) -> None:
    """Raise if an ``update`` returned something."""
    if returned is not None:
        raise TypeError(
            f"{type(optimizer).__name__}.update: got {describe(returned)} returned; expected theta changed in place, "
            "`theta -= …` or `theta[:] = …`, and nothing returned"
        )


def check_slots(optimizer: Any, taken: Iterable[str]) -> None:
    """Raise unless ``slots`` are different names, in an order, and none of those that are ``taken``."""
    slots = optimizer.slots
    are_names = isinstance(slots, tuple | list) and all(isinstance(name, str) for name in slots)
    if not are_names or len({*slots}) < len(slots) or {*slots} & {*taken}:
        raise TypeError(
            f"{type(optimizer).__name__}.slots: got {describe(slots)}; expected a tuple of different names, such as "
            f"('m',) or ('m', 'v'), without {' and '.join(taken)}, which are the base class's"
        )


def _check_arguments(optimizer: Any, arrays: Sequence[np.ndarray]) -> None:
    """Raise if ``update`` cannot be called with θ, g and an array for each of its slots."""
    try:
        signature = inspect.signature(optimizer.update)
        signature.bind(*arrays)
    except ValueError:  # of a function that shows no signature
        return
    except TypeError:
        slots = tuple(optimizer.slots)
        raise TypeError(
            f"{type(optimizer).__name__}.update: got a rule of {signature}; expected one of "
            f"({', '.join(('theta', 'gradient', *slots))}), since slots = {slots!r}"
        ) from None


def watched_update(optimizer: Any, theta: np.ndarray, gradient: np.ndarray, slots: list[np.ndarray]) -> bool:
    """Call ``update`` and look at what it changed; return whether that could be judged.

    A zero gradient, or a rate of zero, may rightly change nothing: then the next step is looked at.

    Raises:
        TypeError: ``update`` has other arguments than θ, g and the slots; a name of θ or of its state was given to a
            new array, so that the old one stays as it was; or the rule changed nothing at all.
    """
    _check_arguments(optimizer, [theta, gradient, *slots])
    arrays = [theta, *slots]
    before = [array.copy() for array in arrays]
    check_returned(optimizer, optimizer.update(theta, gradient, *slots))
    if not gradient.any() or not optimizer.learning_rate:
        return False
    same = [np.array_equal(old, new, equal_nan=True) for old, new in zip(before, arrays, strict=True)]
    rule = f"{type(optimizer).__name__}.update"
    writes = _first_writes(type(optimizer).update, len(slots))
    for (name, is_rebound), is_same in zip(writes, same, strict=True):
        if is_same and is_rebound:
            raise TypeError(
                f"{rule}: got `{name} = …`, which makes a new array and leaves the old one as it was; "
                f"expected a change in place, such as `{name} -= …` or `{name}[:] = …`"
            )
    is_written = any(name and not is_rebound for name, is_rebound in writes)  # but not yet: a threshold, a waiting time
    if all(same) and not (is_written or _overrides_a_hook(optimizer) or _moves_anything(optimizer, gradient, slots)):
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


def _first_writes(rule: Callable[..., None], n_slots: int) -> list[tuple[str, bool]]:
    """Return for θ and every slot how the rule first writes to it: its name, and whether as ``name = …``.

    The name is empty where the rule never writes to it, or cannot be read.
    """
    function = _parsed(rule)
    if function is None:
        return [("", False)] * (1 + n_slots)
    theta, _, *slots = [argument.arg for argument in function.args.posonlyargs + function.args.args][1:]
    first: dict[str, bool] = {}
    nodes = [node for node in ast.walk(function) if isinstance(node, ast.stmt | ast.NamedExpr)]
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
        if isinstance(node, ast.AugAssign):
            first.setdefault(_base(node.target), False)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            parts = [part for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
            names = [part.id for part in parts if isinstance(part.ctx, ast.Store)]
            if function.args.vararg and _base(node.value) == function.args.vararg.arg:
                slots += names  # m, v = slots, or m = slots[0]
                continue
            for part in (part for target in targets for part in ast.walk(target) if isinstance(part, ast.Subscript)):
                first.setdefault(_base(part), False)
            for name in names:
                first.setdefault(name, True)
    names = [theta, *slots[:n_slots]]
    return [(name, first[name]) if name in first else ("", False) for name in names] + [("", False)] * (
        1 + n_slots - len(names)
    )


def _base(target: ast.AST) -> str:
    """Return the name that an expression such as ``theta[1:]`` starts with, else an empty one."""
    while isinstance(target, ast.Subscript | ast.Starred):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""


def _parsed(rule: Callable[..., None]) -> ast.FunctionDef | None:
    try:
        (function,) = ast.parse(textwrap.dedent(inspect.getsource(rule))).body
    except (OSError, TypeError, SyntaxError, ValueError):  # typed where no source is kept
        return None
    return function if isinstance(function, ast.FunctionDef) and len(function.args.args) > 2 else None
