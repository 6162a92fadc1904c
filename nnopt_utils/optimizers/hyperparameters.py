"""Hyperparameters, declared once in the body of a class, with ranges that read like words.

>>> memory = fraction(default=0.9, keras=0.95)
>>> memory.checked("memory", None, "keras")
0.95
>>> memory.checked("memory", 1.0, "paper")
Traceback (most recent call last):
...
ValueError: memory: got 1.0; expected a finite number >= 0 and < 1
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter
from typing import Any

import numpy as np

from nnopt_utils._validation import (
    check_choice,
    check_fraction,
    check_integer,
    check_not_negative,
    check_number,
    check_positive,
    describe,
)

Schedule = Callable[[int], float]


class ByConvention:
    """A default that is not the same in all conventions; printed in the signature."""

    def __init__(self, default: Any, others: Mapping[str, Any]) -> None:
        self.default, self.others = default, dict(others)

    def __repr__(self) -> str:
        others = ", ".join(f"{convention}: {value}" for convention, value in self.others.items())
        return f"{self.default} ({others})"


class Hyperparameter:
    """One argument of a constructor: its default, by convention where they differ, and the check of its range.

    Args:
        check: takes name and value, returns the value to keep or raises.
        default: ``None`` stands for "off" and is not checked.
        kw_only: whether it is given by name only.
        by_convention: the defaults of conventions that have another.

    Example:
        >>> memory = Hyperparameter(check_fraction, 0.9, kw_only=False, by_convention={"keras": 0.95})
        >>> memory.checked("memory", None, "keras"), memory.checked("memory", 0.5, "keras")
        (0.95, 0.5)
        >>> memory.parameter("memory"), memory.with_default(0.8).parameter("memory")
        (<Parameter "memory=0.9 (keras: 0.95)">, <Parameter "memory=0.8">)
    """

    def __init__(
        self, check: Callable[[str, Any], Any], default: Any, kw_only: bool, by_convention: Mapping[str, Any]
    ) -> None:
        self.check, self.default, self.kw_only, self.by_convention = check, default, kw_only, dict(by_convention)

    def checked(self, name: str, given: Any, convention: str) -> Any:
        """Return what was given, or the convention's default, if it is in the range.

        Args:
            name: of the argument, for messages.
            given: what was given; ``None`` if nothing was.
            convention: which default stands for nothing.

        Raises:
            TypeError, ValueError: what was given is out of the range.
        """
        value = self.by_convention.get(convention, self.default) if given is None else given
        return None if value is None else self.check(name, value)

    def with_default(self, default: Any) -> Hyperparameter:
        """The same argument with another default, the same in all conventions.

        Args:
            default: the other one.
        """
        return type(self)(self.check, default, self.kw_only, {})

    def parameter(self, name: str) -> Parameter:
        """How it looks in a signature.

        Args:
            name: of the argument.
        """
        kind = Parameter.KEYWORD_ONLY if self.kw_only else Parameter.POSITIONAL_OR_KEYWORD
        shown = ByConvention(self.default, self.by_convention) if self.by_convention else self.default
        return Parameter(name, kind, default=shown)


def fraction(*, default: Any, kw_only: bool = False, **by_convention: Any) -> Any:
    """Declare a number x with 0 <= x < 1.

    Args:
        default: where none is given; ``None`` stands for "off".
        kw_only: whether it is given by name only; default False.
        by_convention: defaults of other conventions, as ``keras=1e-7``.

    Example:
        >>> fraction(default=0.9).checked("x", 1.0, "paper")
        Traceback (most recent call last):
        ...
        ValueError: x: got 1.0; expected a finite number >= 0 and < 1
    """
    return Hyperparameter(check_fraction, default, kw_only, by_convention)


def positive(*, default: Any, kw_only: bool = False, **by_convention: Any) -> Any:
    """Declare a number above 0.

    Args:
        default: where none is given; ``None`` stands for "off".
        kw_only: whether it is given by name only; default False.
        by_convention: defaults of other conventions, as ``keras=1e-7``.

    Example:
        >>> positive(default=1.0).checked("x", 0.0, "paper")
        Traceback (most recent call last):
        ...
        ValueError: x: got 0.0; expected a finite number > 0
    """
    return Hyperparameter(check_positive, default, kw_only, by_convention)


def not_negative(*, default: Any, kw_only: bool = False, **by_convention: Any) -> Any:
    """Declare a number of at least 0.

    Args:
        default: where none is given; ``None`` stands for "off".
        kw_only: whether it is given by name only; default False.
        by_convention: defaults of other conventions, as ``keras=1e-7``.

    Example:
        >>> not_negative(default=0.0).checked("x", -1.0, "paper")
        Traceback (most recent call last):
        ...
        ValueError: x: got -1.0; expected a finite number >= 0
    """
    return Hyperparameter(check_not_negative, default, kw_only, by_convention)


def number(*, default: Any, low: float = -math.inf, high: float = math.inf, **by_convention: Any) -> Any:
    """Declare a number x with low <= x <= high.

    Args:
        default: where none is given; ``None`` stands for "off".
        low, high: the range, both ends in it; default: none.
        by_convention: defaults of other conventions, as ``keras=1e-7``.

    Example:
        >>> number(default=0.0, low=-1, high=1).checked("x", 2.0, "paper")
        Traceback (most recent call last):
        ...
        ValueError: x: got 2.0; expected a finite number >= -1 and <= 1
    """
    return Hyperparameter(lambda n, x: check_number(n, x, low=low, high=high), default, False, by_convention)


def integer(*, default: Any, low: int, kw_only: bool = False) -> Any:
    """Declare an integer of at least ``low``.

    Args:
        default: where none is given; ``None`` stands for "off".
        low: the smallest.
        kw_only: whether it is given by name only; default False.

    Example:
        >>> integer(default=1, low=1).checked("x", 0, "paper")
        Traceback (most recent call last):
        ...
        ValueError: x: got 0; expected an integer >= 1
    """
    return Hyperparameter(lambda n, x: check_integer(n, x, low=low), default, kw_only, {})


def flag(*, default: bool) -> Any:
    """Declare a switch.

    Args:
        default: True or False.

    Example:
        >>> flag(default=False).checked("x", "no", "paper")
        Traceback (most recent call last):
        ...
        TypeError: x: got 'no'; expected True or False
    """
    return Hyperparameter(_check_flag, default, False, {})


def _check_flag(name: str, value: Any) -> bool:
    """Return a bool, or 0 or 1 as one: the text "False" would count as true."""
    if not isinstance(value, bool | np.bool_ | int | np.integer) or value not in (0, 1):
        raise TypeError(f"{name}: got {describe(value)}; expected True or False")
    return bool(value)


def choice(*, default: str | None, options: Iterable[str], kw_only: bool = False) -> Any:
    """Declare a name out of several.

    Args:
        default: where none is given; ``None`` stands for "off".
        options: the names.
        kw_only: whether it is given by name only; default False.

    Example:
        >>> choice(default="l2", options=("l1", "l2")).checked("x", "l3", "paper")
        Traceback (most recent call last):
        ...
        ValueError: x: got 'l3'; expected one of 'l1', 'l2' (did you mean 'l2' or 'l1'?)
    """
    return Hyperparameter(lambda n, x: check_choice(n, x, options), default, kw_only, {})


class Rate(Hyperparameter):
    """The learning rate: a number above 0, or a schedule, from the number of finished steps to a rate.

    Args:
        default: η where none is given; without a default it must be given.
        by_convention: defaults of other conventions, as ``keras=1e-7``.

    Example:
        >>> from nnopt_utils.optimizers import SGD
        >>> optimizer, theta = SGD(learning_rate=lambda step: 1 / (1 + step)), np.zeros(1)
        >>> for _ in range(2):
        ...     optimizer.step(theta, np.ones(1))
        ...     print(optimizer.learning_rate)
        1.0
        0.5
    """

    def __init__(self, *, default: Any = Parameter.empty, **by_convention: Any) -> None:
        super().__init__(check_positive, default, False, by_convention)

    def with_default(self, default: Any) -> Rate:
        return Rate(default=default)

    def checked(self, name: str, given: Any, convention: str) -> Any:
        value = self.by_convention.get(convention, self.default) if given is None else given
        return None if value is Parameter.empty else value  # ``__set__`` checks it

    def __get__(self, optimizer: Any, owner: Any) -> Any:
        if optimizer is None:  # asked of the class, as ``@dataclass`` does: the default
            if (default := owner.declared["learning_rate"].default) is Parameter.empty:
                raise AttributeError(f"{owner.__name__} has no default learning_rate")
            return default
        try:
            return optimizer._rate
        except AttributeError:  # the __init__ of a subclass did not set it
            optimizer.complete()
            return optimizer._rate

    def __set__(self, optimizer: Any, value: float | Schedule) -> None:
        rate = rate_at(value, max(optimizer.t - 1, 0))
        schedule = value if callable(value) else None
        vars(optimizer).update(learning_rate=schedule or rate, schedule=schedule, _rate=rate)


def rate_at(value: Any, finished_steps: int) -> float:
    """Return the rate that a number or a schedule gives after so many steps."""
    if not callable(value):
        return check_positive("learning_rate", value)
    if isinstance(value, type):
        raise TypeError(f"learning_rate: got the class {value.__name__}; expected an instance, {value.__name__}(…)")
    try:
        return check_not_negative("learning_rate", value(finished_steps))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{error} from the schedule {value!r} after {finished_steps} steps") from error


__all__ = ["Hyperparameter", "Rate", "choice", "flag", "fraction", "integer", "not_negative", "number", "positive"]
