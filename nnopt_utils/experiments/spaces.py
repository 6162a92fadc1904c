"""What is searched: the values of an optimizer's hyperparameters."""

from __future__ import annotations

import difflib
import inspect
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnopt_utils._validation import as_generator, check_integer, check_number, check_positive, describe
from nnopt_utils.experiments.identity import identify
from nnopt_utils.optimizers import Optimizer


@dataclass(frozen=True)
class Fixed:
    """A value that is not searched, though it is a list; made by ``fixed``."""

    value: Any


@dataclass(frozen=True)
class Range:
    """Values between two bounds for a random search; made by ``uniform`` and ``log_uniform``."""

    low: float
    high: float
    logarithmic: bool

    def draw(self, generator: np.random.Generator) -> float:
        """One value, rounded to four significant digits, so that it can be read and typed again."""
        bounds = (math.log(self.low), math.log(self.high)) if self.logarithmic else (self.low, self.high)
        value = generator.uniform(*bounds)
        return float(f"{math.exp(value) if self.logarithmic else value:.4g}")

    def __repr__(self) -> str:
        return f"{'log_uniform' if self.logarithmic else 'uniform'}({self.low:g}, {self.high:g})"


def fixed(value: Any) -> Fixed:
    """Mark a list as one value that every setting has, not as values to search.

    Args:
        value: the list, tuple or array.

    Example:
        >>> len(Space(dict, boundaries=fixed([10, 20]), rate=[0.1, 0.2]))
        2
    """
    return Fixed(value)


def uniform(low: float, high: float) -> Range:
    """Values spread evenly over [low, high], for a random search.

    Args:
        low: the smallest value.
        high: the largest value, above ``low``.

    Raises:
        TypeError, ValueError: bounds that are no such numbers.

    Example:
        >>> uniform(0.8, 0.99)
        uniform(0.8, 0.99)
    """
    return _range(low, high, logarithmic=False)


def log_uniform(low: float, high: float) -> Range:
    """Values whose logarithms are spread evenly over [log low, log high], low > 0: as many in each decade.

    Args:
        low: the smallest value, above 0.
        high: the largest value, above ``low``.

    Raises:
        TypeError, ValueError: bounds that are no such numbers.

    Example:
        >>> log_uniform(1e-5, 1)
        log_uniform(1e-05, 1)
    """
    check_number("low", low, low=0.0, low_open=True)
    return _range(low, high, logarithmic=True)


def _range(low: float, high: float, logarithmic: bool) -> Range:
    low = check_number("low", low)
    return Range(low, check_number("high", high, low=low, low_open=True), logarithmic)


@dataclass(frozen=True, eq=False)
class Setting:
    """One choice of all hyperparameters.

    Attributes:
        optimizer: the name of the optimizer's class; for another function the repr of what it makes.
        factory: makes the optimizer.
        values: its arguments by name.
        schedule: makes the schedule from the rate, or ``None``.
        searched: which of the values differ between the settings of their space.
        identity: the values as text and numbers, by which a table knows the setting again.
    """

    optimizer: str
    factory: Callable[..., Any]
    values: dict[str, Any]
    schedule: Callable[[float], Any] | None
    searched: tuple[str, ...]
    identity: dict[str, Any]

    def build(self) -> Any:
        """A new optimizer."""
        values = dict(self.values)
        if self.schedule is not None:
            values["learning_rate"] = self.schedule(values["learning_rate"])
        return self.factory(**values)

    def __repr__(self) -> str:
        """The values that were searched; all of them if none was.

        >>> Space(dict, rate=[0.1, 0.2], momentum=0.9).settings
        [rate=0.1, rate=0.2]
        """
        names = self.searched or tuple(self.identity)
        return ", ".join(f"{name}={self.identity[name]}" for name in names) or "defaults"


class Space:
    """The settings of one optimizer: every combination of the values given, or random draws of them.

    Args:
        factory: an optimizer's class, or a function of the same arguments that returns an optimizer.
        sample: how many settings to draw at random; default ``None``: a grid, every combination of the lists.
        seed: of the draws.
        schedule: a function from a rate to a schedule, e.g. ``lambda rate: CosineDecay(rate, 1000)``: the optimizer
            then gets the schedule, while ``learning_rate`` stays the number that is searched.
        values: hyperparameters by name. Lists, tuples and 1-D arrays are searched; ``uniform`` and ``log_uniform``
            are drawn from (with ``sample``); anything else is the same in every setting. ``fixed([…])`` is a list
            that is one value.

    Attributes:
        settings: the list of settings.

    Raises:
        TypeError, ValueError: unknown arguments of the optimizer (with the nearest ones), values that the optimizer
            refuses each by itself (a rate of −0.1), empty or repeated values, a range without ``sample``, more draws
            than there are combinations.

    Example:
        >>> from nnopt_utils.optimizers import SGD
        >>> Space(SGD, learning_rate=[0.01, 0.1], momentum=[0.0, 0.9], weight_decay=1e-4).settings[1]
        learning_rate=0.01, momentum=0.9
        >>> Space(SGD, learning_rate=log_uniform(1e-4, 1), sample=3, seed=0).settings
        [learning_rate=0.03531, learning_rate=0.0012, learning_rate=0.0001458]

    Source: J. Bergstra and Y. Bengio, "Random search for hyper-parameter optimization", JMLR 13, 2012: where only a
    few hyperparameters matter, random draws find good values sooner than a grid of as many settings.
    """

    def __init__(
        self,
        factory: Callable[..., Any],
        *,
        sample: int | None = None,
        seed: int = 0,
        schedule: Callable[[float], Any] | None = None,
        **values: Any,
    ) -> None:
        if not callable(factory):
            raise TypeError(f"factory: got {describe(factory)}; expected an optimizer's class, e.g. SGD")
        _check_names(factory, values)
        if schedule is not None and (not callable(schedule) or "learning_rate" not in values):
            rates = "with" if "learning_rate" in values else "without"
            raise ValueError(
                f"schedule: got {describe(schedule)} {rates} learning_rate; expected a function from a rate to a "
                "schedule, and the rates"
            )
        self.factory, self.schedule, self.sample, self.seed = factory, schedule, sample, seed
        self.values = values
        options = {name: _options(name, value) for name, value in values.items()}
        chosen = _grid(options) if sample is None else _draws(options, check_integer("sample", sample, low=1), seed)
        _check_values(factory, chosen)
        searched = tuple(name for name, option in options.items() if isinstance(option, Range) or len(option) > 1)
        self.settings = [self._setting(values, searched) for values in chosen]
        _check_distinct(self.settings)

    def _setting(self, values: dict[str, Any], searched: tuple[str, ...]) -> Setting:
        identity = {name: identify(name, value) for name, value in values.items()}
        if self.schedule is not None:
            identity["schedule"] = identify("schedule", self.schedule(values["learning_rate"]))
        return Setting(self._optimizer(values), self.factory, values, self.schedule, searched, identity)

    def _optimizer(self, values: dict[str, Any]) -> str:
        """A class says by its name what is run; a function may have been edited, so what it makes must tell."""
        if isinstance(self.factory, type):
            return self.name
        try:
            made = Setting("", self.factory, values, self.schedule, (), {}).build()
        except Exception:  # will be recorded as failed runs
            return self.name
        return str(identify("factory", made))

    @property
    def name(self) -> str:
        """The name of the optimizer's class or function."""
        return str(getattr(self.factory, "__qualname__", type(self.factory).__name__))

    def __len__(self) -> int:
        return len(self.settings)

    def __repr__(self) -> str:
        shown = [f"{name}={value!r}" for name, value in self.values.items()]
        if self.sample is not None:
            shown += [f"sample={self.sample}", f"seed={self.seed}"]
        return f"Space({', '.join([self.name, *shown])}): {len(self)} setting{'s' if len(self) != 1 else ''}"


def _options(name: str, value: Any) -> Range | list[Any]:
    """What a hyperparameter may be: a range to draw from, or a list."""
    if isinstance(value, Range):
        return value
    if isinstance(value, Fixed):
        return [value.value]
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, list | tuple):
        return [value]
    if not value:
        raise ValueError(f"{name}: got {describe(value)}; expected at least one value")
    return list(value)


def _grid(options: Mapping[str, Range | list[Any]]) -> list[dict[str, Any]]:
    lists = []
    for name, option in options.items():
        if isinstance(option, Range):
            raise ValueError(f"{name}: got {option!r} in a grid; expected a list, or sample=… for a random search")
        lists.append(option)
    return [dict(zip(options, combination, strict=True)) for combination in itertools.product(*lists)]


def _draws(options: Mapping[str, Range | list[Any]], sample: int, seed: int) -> list[dict[str, Any]]:
    generator = as_generator(seed)
    if not any(isinstance(option, Range) for option in options.values()):  # without replacement
        grid = _grid(options)
        if sample > len(grid):
            raise ValueError(f"sample: got {sample}; expected at most {len(grid)}, the number of combinations")
        return [grid[i] for i in np.sort(generator.choice(len(grid), size=sample, replace=False))]

    def draw(option: Range | list[Any]) -> Any:
        return option.draw(generator) if isinstance(option, Range) else option[generator.integers(len(option))]

    return [{name: draw(option) for name, option in options.items()} for _ in range(sample)]


def _check_distinct(settings: list[Setting]) -> None:
    seen = set()
    for setting in settings:
        key = repr(setting.identity)
        if key in seen:
            raise ValueError(f"values: got the setting {setting!r} twice; expected different values")
        seen.add(key)


def _check_names(factory: Callable[..., Any], values: Mapping[str, Any]) -> None:
    """Say at once that an optimizer has no such argument, not once a run."""
    try:
        parameters = dict(inspect.signature(factory).parameters)
    except (TypeError, ValueError):  # a function written in C does not tell
        return
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        if not (isinstance(factory, type) and issubclass(factory, Optimizer)):
            return
        parameters |= inspect.signature(Optimizer).parameters
    for name in values:
        if name not in parameters:
            near = difflib.get_close_matches(name, parameters, n=2)
            hint = f" (did you mean {' or '.join(near)}?)" if near else ""
            raise TypeError(f"{name}: got {describe(values[name])}; {factory.__name__} has no such argument{hint}")


def _check_values(factory: Callable[..., Any], settings: list[dict[str, Any]]) -> None:
    """Refuse at once what an optimizer would refuse in each run; what only goes wrong together is a failed run."""
    if not (isinstance(factory, type) and issubclass(factory, Optimizer)):
        return
    for values in settings:
        for name in values.keys() & factory.declared.keys():
            value = values[name]
            if name == "learning_rate" and value is not None and not callable(value):
                check_positive(name, value)
            factory.declared[name].checked(name, value, str(values.get("convention", "paper")))
