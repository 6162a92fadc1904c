"""Compares a result with the expected one, whatever a learner's function returns.

Results are numbers, arrays, texts, or tuples, lists and dicts of these. A result is cut into *leaves* (numbers,
arrays, texts), each with a label to speak of it: "your result", "your result[1]", "your result['bias']".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import numpy as np

KINDS = {
    "b": "True or False",
    "i": "a real number",
    "u": "a real number",
    "f": "a real number",
    "c": "a complex number",
}


@dataclass(frozen=True)
class Difference:
    """How a result differs from the expected one, in a sentence for the learner."""

    kind: Literal["type", "shape", "value", "custom"]
    message: str
    label: str = ""


@dataclass(frozen=True)
class Leaf:
    """A part of the result that has no parts, beside the expected one."""

    label: str
    got: Any
    expected: Any


def compare(
    got: Any,
    expected: Any,
    *,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    label: str = "your result",
) -> Difference | None:
    """Return how ``got`` differs from ``expected``, or None if it agrees.

    Args:
        got: what came.
        expected: what was expected.
        rtol: relative tolerance: numbers agree within ``atol + rtol * abs(expected)``.
        atol: absolute tolerance.
        label: what to call ``got`` in the message.

    The right numbers are right in any container: a list, a tuple or an array, also one of shape (1,) for a number.

    Example:
        >>> compare((1.0, [2, 3]), (1.0, [2, 4])).message
        'your result[1][1] is 3; 4 is expected'
        >>> compare(0.3, 0.1 + 0.2) is None
        True
        >>> compare([[1, 2]], np.array([[1.0, 2.0]])) is None
        True
    """
    leaves = align(got, expected, label)
    if isinstance(leaves, Difference):
        return leaves
    return next((found for leaf in leaves if (found := leaf_difference(leaf, rtol, atol))), None)


def align(got: Any, expected: Any, label: str) -> list[Leaf] | Difference:
    """Cut both results into leaves, or say where their structure differs."""
    if isinstance(expected, Mapping):
        return _align_mapping(got, expected, label)
    if isinstance(expected, list | tuple):
        return _align_sequence(got, expected, label)
    if isinstance(expected, str):
        if not isinstance(got, str):
            return Difference("type", f"{label} is {type_text(got)}; a text (in quotes) is expected", label)
        return [Leaf(label, got, expected)]
    if is_numeric(expected):
        return _align_numeric(got, expected, label)
    return [Leaf(label, got, expected)]


def _align_mapping(got: Any, expected: Mapping[Any, Any], label: str) -> list[Leaf] | Difference:
    if not isinstance(got, Mapping):
        return Difference("type", f"{label} is {type_text(got)}; a dict with keys {_keys(expected)} is expected", label)
    missing = [key for key in expected if key not in got]
    extra = [key for key in got if key not in expected]
    if missing or extra:
        parts = [f"lacks {_keys(missing)}"] * bool(missing) + [f"has {_keys(extra)} too many"] * bool(extra)
        return Difference("type", f"{label}, a dict, {' and '.join(parts)}", label)
    return _join([align(got[key], expected[key], f"{label}[{key!r}]") for key in expected])


def _align_sequence(got: Any, expected: list[Any] | tuple[Any, ...], label: str) -> list[Leaf] | Difference:
    if isinstance(got, range) or (isinstance(got, np.ndarray) and got.ndim >= 1):
        got = list(got)
    if not isinstance(got, list | tuple):
        wanted = f"{len(expected)} results (return a, b, …)" if isinstance(expected, tuple) else "a list"
        return Difference("type", f"{label} is {type_text(got)}; {wanted} expected", label)
    if len(got) != len(expected):
        came = _count(len(got), "entry", "entries")
        return Difference("shape", f"{label} has {came}; {len(expected)} expected", label)
    return _join([align(g, e, f"{label}[{i}]") for i, (g, e) in enumerate(zip(got, expected, strict=True))])


def _align_numeric(got: Any, expected: Any, label: str) -> list[Leaf] | Difference:
    wanted = np.asarray(expected)
    noun = f"an array of shape {wanted.shape}" if wanted.ndim else KINDS[wanted.dtype.kind]
    if not is_numeric(got) and not isinstance(got, list | tuple):
        return Difference("type", f"{label} is {type_text(got)}; {noun} is expected", label)
    came = as_array(got)
    if came is None:
        what = _not_numbers(got)
        return Difference("type", f"{label} is {type_text(got)}, {what}; {noun} is expected", label)
    if wanted.ndim == 0 and came.size == 1:
        came = came.reshape(())
    if KINDS[came.dtype.kind] != KINDS[wanted.dtype.kind]:
        what = f"{label} is {KINDS[came.dtype.kind]}" if came.ndim == 0 else f"{label} has dtype {came.dtype}"
        return Difference("type", f"{what}; {KINDS[wanted.dtype.kind]} is expected", label)
    return [Leaf(label, came, wanted)]


def _not_numbers(got: Any) -> str:
    """Say why a list or an array is no array of numbers."""
    if isinstance(got, list | tuple) and all(as_array(item) is not None for item in got):
        return "in which not all have one shape"
    return "which holds something that is not a number"


def leaf_difference(leaf: Leaf, rtol: float, atol: float) -> Difference | None:
    """Return how one leaf differs, or None if it agrees."""
    got, expected, label = leaf.got, leaf.expected, leaf.label
    if isinstance(expected, str):
        same = normalised(got) == normalised(expected)
        return None if same else Difference("value", f"{label} is {short(got)}", label)
    if not isinstance(expected, np.ndarray):
        same = got is expected or bool(got == expected)
        return None if same else Difference("value", f"{label} is {type_text(got)}, not what is expected", label)
    if got.shape != expected.shape:
        return Difference("shape", f"{label} has shape {got.shape}; shape {expected.shape} is expected", label)
    if close(got, expected, rtol, atol):
        return None
    return Difference("value", _how_far(got, expected, rtol, atol, label), label)


def _how_far(got: np.ndarray, expected: np.ndarray, rtol: float, atol: float, label: str) -> str:
    if got.dtype.kind == "b":
        wrong = int(np.count_nonzero(got != expected))
        if got.ndim == 0:
            return f"{label} is {short(got)}, not what is expected"
        return f"{label} is wrong in {_of(wrong, got)}"
    if not np.all(np.isfinite(got)):
        bad = ~np.isfinite(got)
        where = f" in {_of(int(bad.sum()), got)}, first at index {_index(bad)}" if got.ndim else ""
        word = "NaN (not a number)" if np.isnan(got[bad][0]) else "infinite"
        return f"{label} is {word}{where}"
    with np.errstate(all="ignore"):
        far = np.asarray(np.abs(np.asarray(got, dtype=complex) - expected))
    far = np.where(np.isnan(far), np.inf, far)
    if got.ndim == 0:
        came, due = told_apart(got.item(), expected.item())
        return f"{label} is {came}; {due} is expected"
    wrong = ~np.isclose(got, expected, *tolerances(got, expected, rtol, atol), equal_nan=True)
    first = tuple(np.argwhere(wrong)[0])
    came, due = told_apart(got[first].item(), expected[first].item())
    how_many = f"wrong in {_of(int(np.count_nonzero(wrong)), got)}, first at index {_index(wrong)}"
    off_most = f" (off by at most {number(float(np.max(far)))})" if np.count_nonzero(wrong) > 1 else ""
    whole = f" is {short(got)}:" if got.size <= 8 else " is"
    return f"{label}{whole} {how_many}: {came} where {due} is expected{off_most}"


def close(got: np.ndarray, expected: np.ndarray, rtol: float, atol: float) -> bool:
    """Tell whether two arrays have one shape and agree within the tolerance (NaN where NaN is expected)."""
    if got.shape != expected.shape:
        return False
    if "b" in (got.dtype.kind, expected.dtype.kind):
        return bool(np.array_equal(got, expected))
    rtol, atol = tolerances(got, expected, rtol, atol)
    with np.errstate(all="ignore"):
        return bool(np.allclose(got, expected, rtol=rtol, atol=atol, equal_nan=True))


def tolerances(got: np.ndarray, expected: np.ndarray, rtol: float, atol: float) -> tuple[float, float]:
    """Return the tolerances: wider for single precision, which has some seven digits; none for counts."""
    if expected.dtype.kind in "iu" and rtol <= 1e-5:
        return 0.0, max(atol, 1e-6)
    if got.dtype not in (np.float32, np.complex64):
        return rtol, atol
    finite = np.abs(expected[np.isfinite(expected)])
    return max(rtol, 1e-5), max(atol, 3e-7 * float(np.max(finite, initial=0.0)))


def told_apart(got: Any, expected: Any) -> tuple[str, str]:
    """Return short texts of two numbers, with as many digits as it takes to see that they differ.

    >>> told_apart(0.25, 0.5), told_apart(1.000001, 1.000002), told_apart(1.0, 1)
    (('0.25', '0.5'), ('1.000001', '1.000002'), ('1', '1'))
    """
    if not all(isinstance(value, float) for value in (got, expected)):
        return short(got), short(expected)
    texts = ((f"{got + 0.0:.{digits}g}", f"{expected + 0.0:.{digits}g}") for digits in range(5, 18))
    first = number(got), number(expected)
    return first if first[0] != first[1] else next(((a, b) for a, b in texts if a != b), first)


def is_numeric(value: Any) -> bool:
    """Tell whether ``value`` is a number or an array (also another library's)."""
    return isinstance(value, int | float | complex | Fraction | Decimal | np.generic | np.ndarray) or (
        hasattr(value, "__array__") and not isinstance(value, type)
    )


def as_array(value: Any) -> np.ndarray | None:
    """Return ``value`` as an array of numbers, or None if it is none."""
    try:
        array = np.asarray(float(value) if isinstance(value, Fraction | Decimal) else value)
    except Exception:  # ragged lists, a foreign __array__ that fails
        return None
    return array if array.dtype.kind in KINDS else None


def comparable(value: Any) -> bool:
    """Tell whether ``value`` consists only of things `compare` knows; other objects are left alone."""
    if isinstance(value, Mapping):
        return all(comparable(item) for item in value.values())
    if isinstance(value, list | tuple):
        return all(comparable(item) for item in value)
    return value is None or isinstance(value, str | int | float | complex | np.generic | np.ndarray)


def snapshot(value: Any) -> Any:
    """Copy arrays and containers, so that what a later call changes does not change an earlier result."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if hasattr(value, "__array__") and not isinstance(value, np.generic | type):  # another library's array
        array = as_array(value)
        return value if array is None else array.copy()
    if type(value) is list or type(value) is tuple:
        return type(value)(snapshot(item) for item in value)
    if type(value) is dict:
        return {key: snapshot(item) for key, item in value.items()}
    return value


def normalised(text: str) -> str:
    """Return a text without capitals and superfluous spaces."""
    return " ".join(text.split()).casefold()


def number(value: float) -> str:
    """Return a number in a fixed, short form: texts are compared between computers.

    >>> number(1 / 3), number(17187.5), number(1e12)
    ('0.3333', '17187.5', '1e+12')
    """
    return f"{value + 0.0:.8g}" if 1000 <= abs(value) < 1e8 else f"{value + 0.0:.4g}"


def short(value: Any) -> str:
    """Return a short text for an argument or a result: small arrays in full, of large ones the shape.

    >>> short(np.array([[1.0, 0.5], [2.0, 1 / 3]]))
    '[[1, 0.5], [2, 0.3333]]'
    >>> short(np.zeros((100, 10)))
    'an array of shape (100, 10)'
    """
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return short(value.item())
        return short(value.tolist()) if value.size <= 8 else f"an array of shape {value.shape}"
    if isinstance(value, np.generic):
        return short(value.item())
    if isinstance(value, float):
        return number(value)
    if isinstance(value, bool | int | complex | str) or value is None:
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    if isinstance(value, list | tuple) and len(value) <= 8:
        inner = ", ".join(short(item) for item in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    if isinstance(value, dict) and len(value) <= 8:
        return "{" + ", ".join(f"{short(key)}: {short(item)}" for key, item in value.items()) + "}"
    return type_text(value)


def type_text(value: Any) -> str:
    """Say what kind of thing ``value`` is; never its address, which differs from run to run."""
    if value is None:
        return "None"
    if isinstance(value, np.ndarray) and value.ndim:
        dtype = "" if value.dtype.kind in KINDS else f" and dtype {value.dtype}"
        return f"an array of shape {value.shape}{dtype}"
    if isinstance(value, str | bool | int | float | complex | np.generic | np.ndarray):
        return f"the {'text' if isinstance(value, str) else 'value'} {short(value)}"
    if isinstance(value, list | tuple | dict):
        return f"a {type(value).__name__} of {_count(len(value), 'entry', 'entries')}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    if name in ("function", "builtin_function_or_method", "method", "ufunc"):
        return f"the function {getattr(value, '__name__', '')}".rstrip()
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def _join(parts: list[list[Leaf] | Difference]) -> list[Leaf] | Difference:
    leaves: list[Leaf] = []
    for part in parts:
        if isinstance(part, Difference):
            return part
        leaves += part
    return leaves


def _keys(keys: Any) -> str:
    return ", ".join(repr(key) for key in keys)


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _of(n: int, array: np.ndarray) -> str:
    return f"{n} of {_count(array.size, 'entry', 'entries')}"


def _index(mask: np.ndarray) -> str:
    return str([int(i) for i in np.argwhere(mask)[0]])
