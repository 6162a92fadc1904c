"""Checks of arguments, one line each at the top of a public function.

Every message has the same three parts: the argument's name, what came, what was expected.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


def describe(value: Any) -> str:
    """Say in a few words what ``value`` is: a type and shape for an array, else its repr.

    >>> describe(np.zeros((3, 2), dtype=np.float32))
    'float32 array of shape (3, 2)'
    >>> describe(-0.5)
    '-0.5'
    """
    if isinstance(value, np.ndarray):
        return f"{value.dtype} array of shape {value.shape}"
    text = " ".join(repr(value).split())  # on one line: an array in a tuple has several
    return text if len(text) <= 60 else f"{type(value).__name__} {text[:57]}..."


def check_choice(name: str, value: Any, options: Iterable[str]) -> str:
    """Return ``value`` if it is one of ``options``; else name the nearest valid ones.

    >>> check_choice("activation", "rleu", ["relu", "tanh"])
    Traceback (most recent call last):
    ...
    ValueError: activation: got 'rleu'; expected one of 'relu', 'tanh' (did you mean 'relu'?)
    """
    options = list(options)
    if isinstance(value, str) and value in options:
        return value
    written = {option.lower(): option for option in options}
    near = [written[word] for word in difflib.get_close_matches(str(value).lower(), written, n=3, cutoff=0.5)]
    hint = f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
    raise ValueError(f"{name}: got {describe(value)}; expected one of {', '.join(map(repr, options))}{hint}")


def check_number(
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    low_open: bool = False,
    high_open: bool = False,
) -> float:
    """Return ``value`` as a finite float within the bounds.

    >>> check_number("learning_rate", -1.0, low=0.0, low_open=True)
    Traceback (most recent call last):
    ...
    ValueError: learning_rate: got -1.0; expected a finite number > 0
    """
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, np.ndarray) and value.shape == () and value.dtype.kind in "iuf"):
        raise TypeError(f"{name}: got {describe(value)}; expected {_bounds(low, high, low_open, high_open)}")
    number = float(value)
    too_low = number < low or (low_open and number == low)
    too_high = number > high or (high_open and number == high)
    if not math.isfinite(number) or too_low or too_high:
        raise ValueError(f"{name}: got {describe(value)}; expected {_bounds(low, high, low_open, high_open)}")
    return number


def _bounds(low: float, high: float, low_open: bool, high_open: bool) -> str:
    parts = []
    if low > -math.inf:
        parts.append(f"{'>' if low_open else '>='} {low:g}")
    if high < math.inf:
        parts.append(f"{'<' if high_open else '<='} {high:g}")
    return "a finite number" + (" " + " and ".join(parts) if parts else "")


def check_fraction(name: str, value: Any) -> float:
    """Return ``value`` as a float x with 0 <= x < 1: the memory of an average.

    >>> check_fraction("momentum", 1.0)
    Traceback (most recent call last):
    ...
    ValueError: momentum: got 1.0; expected a finite number >= 0 and < 1
    """
    return check_number(name, value, low=0.0, high=1.0, high_open=True)


def check_positive(name: str, value: Any) -> float:
    """Return ``value`` as a finite float > 0.

    >>> check_positive("d0", 0)
    Traceback (most recent call last):
    ...
    ValueError: d0: got 0; expected a finite number > 0
    """
    return check_number(name, value, low=0.0, low_open=True)


def check_not_negative(name: str, value: Any) -> float:
    """Return ``value`` as a finite float >= 0.

    >>> check_not_negative("epsilon", -1e-8)
    Traceback (most recent call last):
    ...
    ValueError: epsilon: got -1e-08; expected a finite number >= 0
    """
    return check_number(name, value, low=0.0)


def check_integer(name: str, value: Any, *, low: int | None = None, high: int | None = None) -> int:
    """Return ``value`` as an int within the bounds (both inclusive).

    >>> check_integer("batch_size", 0, low=1)
    Traceback (most recent call last):
    ...
    ValueError: batch_size: got 0; expected an integer >= 1
    """
    limits = [f">= {low}"] if low is not None else []
    limits += [f"<= {high}"] if high is not None else []
    expected = "an integer" + (" " + " and ".join(limits) if limits else "")
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}: got {describe(value)}; expected {expected}")
    if (low is not None and value < low) or (high is not None and value > high):
        raise ValueError(f"{name}: got {describe(value)}; expected {expected}")
    return int(value)


def as_array(value: Any) -> np.ndarray:
    """Return ``value`` as NumPy takes it; rows of different lengths, which NumPy refuses, as an array of objects."""
    try:
        return np.asarray(value)
    except ValueError:
        return np.asarray(None)


def check_array(
    name: str,
    value: Any,
    *,
    ndim: int | None = None,
    shape: tuple[int | None, ...] | None = None,
    finite: bool = True,
) -> np.ndarray:
    """Return ``value`` as a non-empty real floating-point array, never a copy if it already is one.

    float32 and float64 stay what they are; integers, bools and float16 become float64. ``shape`` may
    hold ``None`` for "any size".

    >>> check_array("x", [[1.0, float("nan")]], ndim=2)
    Traceback (most recent call last):
    ...
    ValueError: x: got float64 array of shape (1, 2) with 1 NaN or infinite value; expected only finite numbers
    """
    array = as_array(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name}: got {describe(value)}; expected an array of real numbers")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if shape is not None:
        matches = array.ndim == len(shape) and all(
            want is None or want == have for want, have in zip(shape, array.shape, strict=True)
        )
        if not matches:
            wanted = (
                "(" + ", ".join("any" if s is None else str(s) for s in shape) + ("," if len(shape) == 1 else "") + ")"
            )
            raise ValueError(f"{name}: got {describe(array)}; expected shape {wanted}")
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name}: got {describe(array)}; expected {ndim} dimension{'s' if ndim != 1 else ''}")
    if array.size == 0:
        raise ValueError(f"{name}: got {describe(array)}; expected at least one value")
    if finite:
        check_finite(name, array)
    return array


def check_finite(name: str, array: np.ndarray) -> None:
    """Raise if any value of ``array`` is NaN or infinite."""
    # One dot product finds any, at the speed of the memory (vdot without a warning); only its own overflow needs the
    # slower look.
    if array.dtype.kind == "f" and math.isfinite(np.vdot(array, array)):
        return
    bad = array.size - int(np.count_nonzero(np.isfinite(array)))
    if bad:
        raise ValueError(
            f"{name}: got {describe(array)} with {bad} NaN or infinite value{'s' if bad > 1 else ''}; "
            "expected only finite numbers"
        )


def check_labels(name: str, value: Any, *, n_classes: int, n_samples: int | None = None) -> np.ndarray:
    """Return class labels as a 1-D integer array with values 0 … ``n_classes`` − 1.

    >>> check_labels("labels", [0, 10], n_classes=10)
    Traceback (most recent call last):
    ...
    ValueError: labels: got values from 0 to 10; expected integers from 0 to 9
    """
    labels = as_array(value)
    if labels.size == 0:
        raise ValueError(f"{name}: got {describe(labels)}; expected at least one value")
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(f"{name}: got {describe(labels)}; expected a 1-D array of integers from 0 to {n_classes - 1}")
    if n_samples is not None and len(labels) != n_samples:
        raise ValueError(f"{name}: got {len(labels)} labels; expected {n_samples}, one a sample")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= n_classes:
        raise ValueError(f"{name}: got values from {low} to {high}; expected integers from 0 to {n_classes - 1}")
    return labels


def as_generator(seed: Any) -> np.random.Generator:
    """Turn a seed (a non-negative integer) or a ``numpy.random.Generator`` into a generator.

    >>> as_generator(None)
    Traceback (most recent call last):
    ...
    TypeError: seed: got None; expected an integer >= 0 or a numpy.random.Generator
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"seed: got {describe(seed)}; expected an integer >= 0 or a numpy.random.Generator")
    if seed < 0:
        raise ValueError(f"seed: got {seed}; expected an integer >= 0 or a numpy.random.Generator")
    return np.random.default_rng(int(seed))


def check_generator(name: str, value: Any) -> np.random.Generator:
    """Return ``value`` if it is a ``numpy.random.Generator``; a seed will not do where draws must differ.

    >>> check_generator("generator", 0)
    Traceback (most recent call last):
    ...
    TypeError: generator: got 0; expected a numpy.random.Generator, such as numpy.random.default_rng(0)
    """
    if not isinstance(value, np.random.Generator):
        raise TypeError(
            f"{name}: got {describe(value)}; expected a numpy.random.Generator, such as numpy.random.default_rng(0)"
        )
    return value


def checked(
    pair: Callable[[Any, Any], tuple[Any, Any]] | None = None, /, **checks: Callable[[str, Any], Any]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a formula with checks of its arguments, so that its body stays the formula alone.

    A check takes an argument's name and value, and returns the value to use or raises; ``pair`` does the same
    for the first two arguments together. Training calls the bare formula, :func:`core`, on arrays that were
    checked once.

    >>> @checked(z=check_array)
    ... def double(z):
    ...     return 2 * z
    >>> double([1, 2])
    array([2., 4.])
    >>> double([])
    Traceback (most recent call last):
    ...
    ValueError: z: got float64 array of shape (0,); expected at least one value
    """

    def decorate(formula: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(formula)

        @functools.wraps(formula)
        def public(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = signature.bind(*args, **kwargs)
            given = bound.arguments
            if pair is not None:
                first, second = list(signature.parameters)[:2]
                given[first], given[second] = pair(given[first], given[second])
            for name, check in checks.items():
                if name in given:
                    given[name] = check(name, given[name])
            return formula(*bound.args, **bound.kwargs)

        return public

    return decorate


def called_as(usage: str, **others: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function so that a call with wrong arguments is told how it is called.

    Args:
        usage: a call as it should be.
        others: what other libraries call an argument, and what it is here.

    >>> @called_as("area(width, height=1)", breadth="width")
    ... def area(width, height=1):
    ...     return width * height
    >>> area(breadth=2)
    Traceback (most recent call last):
    ...
    TypeError: breadth: got 2, but area has no such argument; expected area(width, height=1) (did you mean width?)
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def public(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(_call_refused(function.__name__, signature, kwargs, usage, others, error)) from None
            return function(*args, **kwargs)

        return public

    return decorate


def _call_refused(
    name: str,
    signature: inspect.Signature,
    given: Mapping[str, Any],
    usage: str,
    others: Mapping[str, str],
    error: TypeError,
) -> str:
    for wrong in (key for key in given if key not in signature.parameters):
        near = difflib.get_close_matches(wrong.lower(), list(signature.parameters), n=1)
        meant = others.get(wrong) or (near[0] if near else "")
        hint = f" (did you mean {meant}?)" if meant else ""
        return f"{wrong}: got {describe(given[wrong])}, but {name} has no such argument; expected {usage}{hint}"
    return f"{name}: got a call with {error}; expected {usage}"


def core(function: Callable[P, R]) -> Callable[P, R]:
    """The bare formula under a checked function: nothing is checked, so it suits the inside of a training loop."""
    return inspect.unwrap(function)
