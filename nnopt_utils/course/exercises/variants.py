"""Variants of a reference with one thing changed: a sign, a factor left out, a sum for a mean.

They serve twice: a learner whose results are those of a variant made that very mistake (`common`), and every variant
that a check takes for right shows a case that is missing (a test runs them all).
"""

from __future__ import annotations
import __future__

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any

FUTURE = __future__.annotations.compiler_flag

OTHER_OPERATORS: dict[type[ast.operator], list[type[ast.operator]]] = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.FloorDiv: [ast.Div],
}
OTHER_COMPARISONS: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
}
OTHER_FUNCTIONS = {
    "mean": ("sum",),
    "sum": ("mean",),
    "max": ("min",),
    "min": ("max",),
    "maximum": ("minimum",),
    "minimum": ("maximum",),
    "argmax": ("argmin",),
    "floor": ("ceil", "round"),
    "ceil": ("floor", "round"),
    "log": ("log10", "log2"),
    "log2": ("log",),
    "log10": ("log",),
    "cumsum": ("array",),
    "std": ("var",),
    "var": ("std",),
    "zeros_like": ("ones_like",),
    "zeros": ("ones",),
    "sin": ("cos",),
    "cos": ("sin",),
}
LEFT_OUT = {"sqrt", "abs", "square", "exp", "log", "sign", "round", "floor", "ceil", "int", "norm", "sorted"}


@dataclass(frozen=True)
class Variant:
    """A reference with one thing changed.

    Args:
        kind: what was changed, such as "sign" or "factor_left_out".
        text: the change, such as "step: a - b → a + b".
        function: the changed function or class.
    """

    kind: str
    text: str
    function: Any


def variants(reference: Any) -> Iterator[Variant]:
    """Yield every variant of a function or class: of its own code, and of what it calls in its module.

    Example:
        >>> from nnopt_utils.course import EXERCISES
        >>> for variant in variants(EXERCISES["00.accuracy"].reference):
        ...     print(variant.kind, variant.text)
        mean_or_sum accuracy: np.mean(predictions == labels) → np.sum(predictions == labels)
        comparison accuracy: predictions == labels → predictions != labels
    """
    trees = _trees(reference)
    seen: dict[str, int] = {}
    for name, tree in trees.items():
        for path, kind, old, new in _changes(tree):
            text = f"{name}: {_text(old)} → {_text(new)}"
            seen[text] = seen.get(text, 0) + 1
            if seen[text] > 1:
                text += f" ({seen[text]})"
            changed = {**trees, name: _replaced(tree, path, new)}
            yield Variant(kind, text, _compiled(reference, changed))


def _trees(reference: Any) -> dict[str, ast.stmt]:
    """Return the code of a function or class and of all that it uses of its module, by name."""
    trees: dict[str, ast.stmt] = {}
    todo = [reference]
    while todo:
        item = todo.pop(0)
        if item.__name__ in trees:
            continue
        [tree] = ast.parse(textwrap.dedent(inspect.getsource(item))).body
        if not isinstance(tree, ast.FunctionDef | ast.ClassDef):
            raise ValueError(f"{item!r} is not written with def or class")
        trees[item.__name__] = tree
        names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
        found = [_namespace(reference).get(name) for name in names]
        todo += [
            other
            for other in found
            if isinstance(other, FunctionType | type)
            and other.__module__ == item.__module__
            and not getattr(other, "__closure__", None)
            and other.__name__ in names
        ]
    return trees


def _namespace(reference: Any) -> dict[str, Any]:
    module = inspect.getmodule(reference)
    return {} if module is None else vars(module)


def _compiled(reference: Any, trees: dict[str, ast.stmt]) -> Any:
    namespace = dict(_namespace(reference))
    # What is used comes first: a class body may use a function.
    module = ast.Module(body=list(reversed(trees.values())), type_ignores=[])
    code = compile(ast.fix_missing_locations(copy.deepcopy(module)), "<variant>", "exec", flags=FUTURE)
    exec(code, namespace)
    return namespace[reference.__name__]


Path = tuple[tuple[str, int | None], ...]
Change = tuple[Path, str, ast.AST, ast.AST]


def _changes(tree: ast.AST) -> Iterator[Change]:
    for path, node in _nodes(tree, ()):
        for kind, new in _changed(node):
            yield path, kind, node, new


def _nodes(node: ast.AST, path: Path) -> Iterator[tuple[Path, ast.AST]]:
    """Yield all nodes that do something, with the way to them: no annotations, no docstrings."""
    yield path, node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "args") and not isinstance(node, ast.Call):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue
            if isinstance(child, ast.Raise | ast.JoinedStr | ast.Assert):
                continue
            if isinstance(child, ast.AST):
                yield from _nodes(child, (*path, (field, index)))


def _replaced(tree: ast.stmt, path: Path, new: ast.AST) -> ast.stmt:
    tree = copy.deepcopy(tree)
    target: Any = tree
    for field, index in path[:-1]:
        target = getattr(target, field) if index is None else getattr(target, field)[index]
    field, index = path[-1]
    if index is None:
        setattr(target, field, copy.deepcopy(new))
    else:
        getattr(target, field)[index] = copy.deepcopy(new)
    return tree


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _with(node: ast.AST, **fields: Any) -> ast.AST:
    new = copy.deepcopy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _changed(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield what may stand in a node's place."""
    for kind, change in CHANGES.items():
        if isinstance(node, kind):
            yield from change(node)


def _binary(node: ast.BinOp) -> Iterator[tuple[str, ast.AST]]:
    yield from _averages(node)
    left, right = node.left, node.right
    for other in OTHER_OPERATORS.get(type(node.op), []):
        kind = "sign" if isinstance(node.op, ast.Add | ast.Sub) else "factor_or_divisor"
        kind = "power_or_product" if isinstance(node.op, ast.Pow) else kind
        yield kind, _with(node, op=other())
    if isinstance(node.op, ast.Sub):
        yield "difference_reversed", _with(node, left=right, right=left)
    if isinstance(node.op, ast.MatMult):
        yield "product_reversed", _with(node, left=right, right=left)
        return
    if isinstance(node.op, ast.Pow):
        yield "power_left_out", left
        return
    what = "term_left_out" if isinstance(node.op, ast.Add | ast.Sub) else "factor_left_out"
    yield what, left
    if not isinstance(node.op, ast.Div | ast.FloorDiv):
        yield what, right


def _averages(node: ast.BinOp) -> Iterator[tuple[str, ast.AST]]:
    """Yield what goes wrong in β a + (1 − β) b and in 1 − βᵗ."""
    left, right = node.left, node.right
    if isinstance(node.op, ast.Mult) and _is_rest(left):
        if isinstance(right, ast.BinOp) and isinstance(right.op, ast.Pow):
            weighted = _with(node, right=right.left)
            yield "weight_squared", _with(right, left=weighted)
        yield "weight_left_out", right
    if isinstance(node.op, ast.Sub) and isinstance(right, ast.BinOp) and isinstance(right.op, ast.Pow):
        yield "only_the_power", right
    if isinstance(node.op, ast.Add) and _is_product(left) and _is_product(right):
        yield "weights_swapped", _with(node, left=_with(left, left=right.left), right=_with(right, left=left.left))  # type: ignore[attr-defined]


def _is_rest(node: ast.AST) -> bool:
    """Tell whether this is 1 − something."""
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Sub)
        and isinstance(node.left, ast.Constant)
        and node.left.value == 1
    )


def _is_product(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)


def _constant(node: ast.Constant) -> Iterator[tuple[str, ast.AST]]:
    value = node.value
    if isinstance(value, bool):
        yield "flag", ast.Constant(not value)
    elif isinstance(value, int):
        yield "constant", ast.Constant(value + 1)
        yield "constant", ast.Constant(value - 1)
    elif isinstance(value, float):
        yield "constant", ast.Constant(2 * value if value else 1.0)


def _comparison(node: ast.Compare) -> Iterator[tuple[str, ast.AST]]:
    for other in OTHER_COMPARISONS.get(type(node.ops[0]), []):
        at_the_edge = {type(node.ops[0]), other} in ({ast.Lt, ast.LtE}, {ast.Gt, ast.GtE})
        yield "edge" if at_the_edge else "comparison", _with(node, ops=[other(), *node.ops[1:]])


def _call(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    for other in OTHER_FUNCTIONS.get(name, ()):
        kind = "mean_or_sum" if {name, other} == {"mean", "sum"} else "function"
        if isinstance(function, ast.Attribute):
            yield kind, _with(node, func=_with(function, attr=other))
        elif name in ("max", "min"):
            yield kind, _with(node, func=ast.Name(other, ast.Load()))
    if name in LEFT_OUT and node.args:
        yield f"{name}_left_out", node.args[0]
    if name in ("maximum", "minimum", "clip") and node.args:
        yield "bound_left_out", node.args[0]
    for i, keyword in enumerate(node.keywords):
        if keyword.arg == "axis" and isinstance(keyword.value, ast.Constant | ast.UnaryOp):
            others = [ast.Constant(None)]
            if isinstance(keyword.value, ast.Constant) and keyword.value.value in (0, 1):
                others.append(ast.Constant(1 - keyword.value.value))
            for other_axis in others:
                keywords = [*node.keywords[:i], _with(keyword, value=other_axis), *node.keywords[i + 1 :]]
                yield "axis", _with(node, keywords=keywords)


def _unary(node: ast.UnaryOp) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node.op, ast.USub | ast.Not):
        yield "sign", node.operand


def _attribute(node: ast.Attribute) -> Iterator[tuple[str, ast.AST]]:
    if node.attr == "T" and isinstance(node.ctx, ast.Load):
        yield "transposed", node.value


def _return(node: ast.Return) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node.value, ast.Tuple) and len(node.value.elts) > 1:
        elements = node.value.elts
        for i in range(len(elements) - 1):
            swapped = [*elements[:i], elements[i + 1], elements[i], *elements[i + 2 :]]
            yield "order", _with(node, value=_with(node.value, elts=swapped))


def _choice(node: ast.If | ast.IfExp | ast.While) -> Iterator[tuple[str, ast.AST]]:
    yield "condition", _with(node, test=ast.Constant(True))
    yield "condition", _with(node, test=ast.Constant(False))


def _boolean(node: ast.BoolOp) -> Iterator[tuple[str, ast.AST]]:
    yield "and_or", _with(node, op=ast.And() if isinstance(node.op, ast.Or) else ast.Or())
    for value in node.values:
        yield "condition", value


def _name(node: ast.Name) -> Iterator[tuple[str, ast.AST]]:
    other = {"beta_1": "beta_2", "beta_2": "beta_1", "fan_in": "fan_out", "fan_out": "fan_in"}.get(node.id)
    if other and isinstance(node.ctx, ast.Load):
        yield "other_name", _with(node, id=other)


def _augmented(node: ast.AugAssign) -> Iterator[tuple[str, ast.AST]]:
    for other in OTHER_OPERATORS.get(type(node.op), []):
        yield "sign", _with(node, op=other())
    yield "statement_left_out", ast.Pass()


CHANGES: dict[Any, Callable[[Any], Iterator[tuple[str, ast.AST]]]] = {
    ast.BinOp: _binary,
    ast.Constant: _constant,
    ast.Compare: _comparison,
    ast.Call: _call,
    ast.UnaryOp: _unary,
    ast.Attribute: _attribute,
    ast.Return: _return,
    ast.If: _choice,
    ast.IfExp: _choice,
    ast.While: _choice,
    ast.BoolOp: _boolean,
    ast.Name: _name,
    ast.AugAssign: _augmented,
}
