"""Which cells would only do again what they did: their inputs are the same, byte for byte.

It works inside a kernel, on the names of the notebook. A long cell is not run a second time if all that it reads has
the values that it had the first time, if it left these values alone, and if what it made is still as it made it: then
the names that it bound get these values back, which is all that running it would do. Everything that cannot be compared
makes it run: what does not pickle, and classes that the notebook defines. Its functions are compared by their code and
by what they read. Pictures are not compared: closing one changes it.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import io
import pickle
import time
from collections.abc import Iterable, MutableMapping
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from matplotlib.artist import Artist

LONG = 1.0  # seconds; shorter cells are run as often as they are asked for
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class _Values(pickle.Pickler):
    """Pickles values, and nothing by a name that a notebook may give to something else."""

    def __init__(self, stream: io.BytesIO, buffers: list[pickle.PickleBuffer]) -> None:
        super().__init__(stream, protocol=5, buffer_callback=buffers.append)
        self._functions: set[int] = set()

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Artist):
            return str, (type(value).__name__,)
        if isinstance(value, ModuleType):
            return str, (value.__name__,)
        if isinstance(value, FunctionType) and value.__module__ == "__main__":
            if id(value) in self._functions:
                return str, ("a function that calls itself",)
            self._functions.add(id(value))
            return tuple, (parts(value),)
        if getattr(value, "__module__", None) == "__main__":
            raise pickle.PicklingError("defined in the notebook")
        return NotImplemented


def parts(function: FunctionType) -> list[Any]:
    """What a call of a function depends on besides its arguments."""
    known = function.__globals__
    values = {name: known[name] for name in sorted(names_in(function.__code__) & known.keys())}
    enclosed = [cell.cell_contents for cell in function.__closure__ or ()]
    return [instructions(function.__code__), function.__defaults__, function.__kwdefaults__, enclosed, values]


def names_in(code: CodeType) -> set[str]:
    inside = [names_in(const) for const in code.co_consts if isinstance(const, CodeType)]
    return set(code.co_names).union(*inside)


def instructions(code: CodeType) -> list[Any]:
    consts = [instructions(const) if isinstance(const, CodeType) else const for const in code.co_consts]
    return [code.co_code, code.co_names, code.co_varnames, code.co_freevars, consts]


def digest(values: Any) -> bytes | None:
    """A hash of values and of how they share memory; None if they cannot be compared."""
    stream, buffers = io.BytesIO(), list[pickle.PickleBuffer]()
    try:
        _Values(stream, buffers).dump(values)
    except Exception:  # whatever an object's own way to be pickled raises
        return None
    found = hashlib.sha1(stream.getvalue())
    for buffer in buffers:
        found.update(buffer.raw())
    return found.digest()


def mentioned(*nodes: ast.AST) -> set[str]:
    """The names in some code, but for those that belong to a comprehension in it."""
    found: set[str] = set()
    for node in nodes:
        inside = mentioned(*ast.iter_child_nodes(node))
        if isinstance(node, Comprehension):
            inside -= {name for each in node.generators for name in whole(each.target)}
        found |= inside | ({node.id} if isinstance(node, ast.Name) else set())
    return found


def whole(target: ast.expr) -> set[str]:
    """The names that an assignment binds, not those of which it changes an item or an attribute."""
    if isinstance(target, ast.Tuple | ast.List):
        return {name for element in target.elts for name in whole(element)}
    return {target.id} if isinstance(target, ast.Name) else set()


def read(statements: Iterable[ast.stmt], bound: set[str]) -> set[str]:
    """The names that code may read before it binds them itself: rather too many than too few.

    ``bound`` is what is bound before; what these statements bind whatever happens is added to it.
    """
    found: set[str] = set()
    for statement in statements:
        if isinstance(statement, ast.Assign):
            names = {name for target in statement.targets for name in whole(target)}
            changed = mentioned(*statement.targets) - names
            found |= (mentioned(statement.value) | changed) - bound
            bound |= names
        elif isinstance(statement, ast.For):
            found |= mentioned(statement.iter) - bound
            inside = bound | whole(statement.target)
            found |= (mentioned(statement.target) - inside) | read(statement.body, set(inside))
            found |= read(statement.orelse, set(bound))
        elif isinstance(statement, ast.If):
            found |= mentioned(statement.test) - bound
            found |= read(statement.body, set(bound)) | read(statement.orelse, set(bound))
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
        else:
            found |= mentioned(statement) - bound
    return found


class Run(NamedTuple):
    """A run of a cell: the names it could read and what it bound, with the digests of their values."""

    read: list[str]
    inputs: bytes
    bound: dict[str, Any]
    outputs: bytes


class Repeats:
    """Watches the cells of a notebook; ``names`` are the notebook's."""

    def __init__(self, names: MutableMapping[str, Any]) -> None:
        self._names = names
        self._short: set[str] = set()
        self._runs: dict[str, list[Run]] = {}
        self._before: tuple[dict[str, Any], list[str], bytes | None, float] = ({}, [], None, 0.0)

    def skips(self, source: str) -> bool:
        """Before a cell: is it spared? Then it is as if it had run."""
        for run in self._runs.get(source, []):
            if self._values(run.read) == run.inputs and digest(run.bound) == run.outputs:
                self._names.update(run.bound)
                return True
        inputs, known = [], None
        if source not in self._short and not source.lstrip().startswith(("%", "!")):
            # A name that is not there yet is bound before it is read, or the cell fails.
            inputs = sorted(read(ast.parse(source).body, set()) & {*self._names, *vars(builtins)})
            known = self._values(inputs)
        self._before = dict(self._names), inputs, known, time.perf_counter()
        return False

    def ran(self, source: str) -> None:
        """After a cell that was not spared, and raised nothing."""
        before, inputs, known, start = self._before
        if time.perf_counter() - start < LONG:
            self._short.add(source)
        elif known is not None and self._values(inputs) == known:
            new = [name for name, value in self._names.items() if before.get(name, self) is not value]
            bound = {name: self._names[name] for name in new if name[:1] != "_" and name not in ("In", "Out")}
            if (outputs := digest(bound)) is not None:
                self._runs.setdefault(source, []).append(Run(inputs, known, bound, outputs))

    def _values(self, names: Iterable[str]) -> bytes | None:
        """The digest of what stands under some names."""
        return digest({name: self._names.get(name, "not there") for name in names})
