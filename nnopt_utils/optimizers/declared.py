"""Classes whose constructor follows from their declarations: its signature, its checks, its docstring, its ``repr``."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Mapping, Sequence
from inspect import Parameter, Signature
from typing import Any, ClassVar, Self, dataclass_transform

from nnopt_utils._validation import check_choice, describe
from nnopt_utils.optimizers.hyperparameters import (
    Hyperparameter,
    Rate,
    choice,
    flag,
    fraction,
    integer,
    not_negative,
    number,
    positive,
)

CONVENTIONS = ("paper", "keras", "pytorch")


@dataclass_transform(field_specifiers=(fraction, positive, not_negative, number, integer, flag, choice, Rate))
class Declared:
    """Base of classes that declare their arguments, as in ``beta_1: float = fraction(default=0.9)``.

    Inherited arguments come first, those by name only last. A subclass may declare one again, or set it to a plain
    value, which is then its default. It may also write an ``__init__`` of its own.

    >>> class Rule(Declared):
    ...     memory: float = fraction(default=0.9)
    ...     epsilon: float = not_negative(default=1e-8, keras=1e-7)
    >>> inspect.signature(Rule)
    <Signature (memory=0.9, epsilon=1e-08 (keras: 1e-07))>
    >>> Rule(0.8, eps=0.1)
    Traceback (most recent call last):
    ...
    TypeError: eps: got 0.1, but Rule has no such argument; expected one of memory, epsilon (did you mean epsilon?)
    """

    conventions: ClassVar[Sequence[str]] = CONVENTIONS
    declared: ClassVar[dict[str, Hyperparameter]] = {}
    _given: tuple[tuple[Any, ...], dict[str, Any]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.declared = dict(cls.declared)
        for name, value in list(vars(cls).items()):
            if isinstance(value, Hyperparameter):
                cls.declared[name] = value
            elif name in cls.declared and inspect.isfunction(value):
                raise TypeError(
                    f"{cls.__name__}.{name}: got a function; expected a number, or a property that returns one "
                    "(a schedule is given to the constructor)"
                )
            elif hasattr(value, "__get__"):  # a method or property of the subclass, hence no argument
                cls.declared.pop(name, None)
            elif name in cls.declared:  # another default
                cls.declared[name] = cls.declared[name].with_default(value)
            if name in cls.declared and isinstance(value, Hyperparameter) != isinstance(cls.declared[name], Rate):
                delattr(cls, name)  # instances have the values; a plain default stays, for ``@dataclass``
        cls.__signature__ = _signature(cls)  # type: ignore[attr-defined]  # what inspect asks for, and so JupyterLab
        if not any(hasattr(value, "__get__") for value in vars(cls).values()):  # else a method may use a constant
            constants = {name: value for name, value in vars(cls).items() if not hasattr(super(cls, cls), name)}
            _check_names(cls, {name: value for name, value in constants.items() if _meant(cls, name)})
        for base in cls.__mro__[1:]:
            if cls.__doc__ and base.__doc__ and issubclass(base, Declared):
                cls.__doc__ = _with_arguments(cls.__doc__, base.__doc__, [*inspect.signature(cls).parameters])

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        self._given = args, kwargs  # the __init__ of a subclass may keep nothing, and need not call ours
        return self

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _check_names(type(self), kwargs)
        ours = Signature(_parameters(self.declared))
        try:
            given = ours.bind_partial(*args, **kwargs).arguments
        except TypeError as error:
            called = "" if type(self).__init__ is Declared.__init__ else ": super().__init__"
            raise TypeError(f"{type(self).__name__}{called}: {error}; expected {ours}") from None
        self._take(given)

    def _take(self, given: Mapping[str, Any]) -> None:
        """Set every argument, given or by default, and what follows from them."""
        convention = given.get("convention")
        if convention is None and "convention" in self.declared:
            convention = self.declared["convention"].default
        convention = check_choice("convention", convention or "paper", self.conventions)
        for name, declaration in self.declared.items():
            setattr(self, name, declaration.checked(name, given.get(name), convention))
        self.set_up()

    def set_up(self) -> None:
        """Check one argument against another, and derive what follows from them. A subclass may override it."""

    def complete(self) -> None:
        """Where the ``__init__`` of a subclass did not call ours: take what it stored, and defaults for the rest."""
        stored = {name: vars(self)[name] for name in self.declared if name in vars(self)}
        if len(stored) == len(self.declared):
            return
        try:
            self._take(stored)
        except TypeError as error:
            raise TypeError(
                f"{type(self).__name__}: its __init__ does not call super().__init__; write "
                f"super().__init__(learning_rate) there ({error})"
            ) from None

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Every constructor argument by name, as it stands now."""
        self.complete()
        variable = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
        parameters = inspect.signature(type(self)).parameters.values()
        return {p.name: self._value_of(p.name) for p in parameters if p.kind not in variable}

    def _value_of(self, name: str) -> Any:
        """Return an argument's attribute, or, where an ``__init__`` kept none, what it was given."""
        if name in vars(self):
            return vars(self)[name]
        if hasattr(self, name):
            return getattr(self, name)
        args, kwargs = self._given
        given = inspect.signature(type(self)).bind_partial(*args, **kwargs)
        given.apply_defaults()
        return given.arguments.get(name)

    def __repr__(self) -> str:
        """Show every hyperparameter that is in force; ``None`` means "off" (no clipping, no average)."""
        given = {name: value for name, value in self.hyperparameters.items() if value is not None}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in given.items())})"


def _parameters(declared: Mapping[str, Hyperparameter]) -> list[Parameter]:
    parameters = [declaration.parameter(name) for name, declaration in declared.items()]
    return sorted(parameters, key=lambda parameter: parameter.kind)  # a stable sort: by name only at the end


def _signature(cls: type[Declared]) -> Signature:
    """Return a constructor's signature; in one that a subclass wrote, ``*args`` and ``**kwargs`` stand for ours."""
    ours = _parameters(cls.declared)
    if cls.__init__ is Declared.__init__:
        return Signature(ours)
    own = list(inspect.signature(cls.__init__).parameters.values())[1:]
    names = {parameter.name for parameter in own}
    left = [parameter for parameter in ours if parameter.name not in names]
    shown: list[Parameter] = []
    for parameter in own:
        if parameter.kind is Parameter.VAR_POSITIONAL:
            shown += [p for p in left if p.kind is not Parameter.KEYWORD_ONLY]
        elif parameter.kind is Parameter.VAR_KEYWORD:
            shown += [p.replace(kind=Parameter.KEYWORD_ONLY) for p in left if p not in shown]
        else:
            shown.append(parameter)
    return Signature(shown)


# What other libraries, and habit, call an argument of ours.
FOREIGN: Mapping[str, Sequence[str]] = {
    "lr": ("learning_rate",),
    "rate": ("learning_rate",),
    "lr_decay": ("learning_rate",),
    "eta": ("learning_rate",),
    "step_size": ("learning_rate",),
    "alpha": ("rho", "learning_rate"),
    "betas": ("beta_1", "beta_2"),
    "beta": ("momentum", "beta_1"),
    "b1": ("beta_1",),
    "b2": ("beta_2",),
    "eps": ("epsilon", "epsilon_1"),
    "mu": ("momentum",),
    "decay": ("weight_decay",),
    "wd": ("weight_decay",),
    "l2": ("weight_decay",),
    "max_norm": ("global_clipnorm",),
    "max_grad_norm": ("global_clipnorm",),
    "use_ema": ("ema_momentum",),
    "ema": ("ema_momentum",),
    "ema_decay": ("ema_momentum",),
}


def _check_names(cls: type[Declared], given: Mapping[str, Any]) -> None:
    names = [*inspect.signature(cls).parameters]
    for wrong in given.keys() - cls.declared.keys():
        if wrong in names:  # of its own __init__, but handed on
            raise TypeError(
                f"{wrong}: got {describe(given[wrong])} in super().__init__ of {cls.__name__}; expected only "
                f"{', '.join(cls.declared)} there (keep the others: self.{wrong} = {wrong})"
            )
        near = _meant(cls, wrong)
        hint = f" (did you mean {' and '.join(near)}?)" if near else ""
        raise TypeError(
            f"{wrong}: got {describe(given[wrong])}, but {cls.__name__} has no such argument; "
            f"expected one of {', '.join(names)}{hint}"
        )


def _meant(cls: type[Declared], wrong: str) -> list[str]:
    """Return what a name that is no argument probably stands for."""
    names = [*inspect.signature(cls).parameters]
    near = [name for name in FOREIGN.get(wrong.lower(), ()) if name in names]
    return near if wrong == "betas" else (near or difflib.get_close_matches(wrong.lower(), names, n=1, cutoff=0.6))[:1]


def _with_arguments(doc: str, other: str, names: Sequence[str]) -> str:
    """Add to a docstring's list of arguments those that only the other lists: what is shared is written once.

    >>> print(_with_arguments("Args:\\n    b: own.\\n", "Args:\\n    a: shared.\\n    b: shared.\\n", ["a", "b"]))
    Args:
        a: shared.
        b: own.
    """
    own, others = _documented(doc), _documented(other)
    have = {name for entry in own for name in entry.split(", ")}
    entries = own | {entry: text for entry, text in others.items() if entry in names and entry not in have}
    order = [*names, *own]
    in_order = "".join(entries[entry] for entry in sorted(entries, key=lambda e: order.index(e.split(", ")[0])))
    return doc.replace("".join(own.values()), in_order, 1) if own else doc


def _documented(doc: str) -> dict[str, str]:
    """Return the entries of a docstring's ``Args``, by the name, or names, of each."""
    section = re.search(r"^( *)Args:\n((?:\1 +.*\n)+)", doc, re.MULTILINE)
    if section is None:
        return {}
    entries = re.split(rf"^(?= {{{len(section[1]) + 4}}}\S)", section[2], flags=re.MULTILINE)[1:]
    return {entry.split(":")[0].strip(): entry for entry in entries}
