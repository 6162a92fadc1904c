"""The controls of an explorer: what an author writes for a parameter, and the widget that a learner moves."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nnopt_utils._validation import check_number, describe

EXPECTED = "(low, high, step, start), a list of choices, True, False or log_slider(low_exponent, high_exponent, start)"


@dataclass(frozen=True)
class LogSlider:
    """A slider over 10^low … 10^high."""

    low_exponent: float
    high_exponent: float
    start: float


def log_slider(low_exponent: float, high_exponent: float, start: float) -> LogSlider:
    """Return a control for a positive number that ranges over powers of ten.

    Args:
        low_exponent: the smallest value is 10 to this power.
        high_exponent: the largest value is 10 to this power.
        start: the value at the start, not its exponent.

    Raises:
        ValueError: if the bounds are not in order, or do not include ``start``.

    Example:
        >>> log_slider(-4, 0, 0.01)
        LogSlider(low_exponent=-4, high_exponent=0, start=0.01)
    """
    check_number("low_exponent", low_exponent)
    check_number("high_exponent", high_exponent, low=low_exponent, low_open=True)
    # A little slack, because 10**-1 and 0.1 need not be the same number.
    check_number("start", start, low=10.0**low_exponent * (1 - 1e-9), high=10.0**high_exponent * (1 + 1e-9))
    return LogSlider(low_exponent, high_exponent, start)


def check_controls(function: Callable[..., Any], controls: Mapping[str, Any]) -> None:
    """Raise unless there is a control for every parameter without a default, and for nothing else."""
    name = name_of(function)
    parameters = inspect.signature(function).parameters.values()
    named = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    missing = [key for key, p in named.items() if p.default is p.empty and key not in controls]
    if missing:
        raise ValueError(f"controls: got none for {', '.join(missing)}; expected one for every parameter of {name}")
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    unknown = [key for key in controls if key not in named and not takes_any]
    if unknown:
        raise ValueError(f"controls: got {', '.join(unknown)}; expected parameters of {name}: {', '.join(named)}")
    if not controls:
        raise ValueError(f"controls: got none; expected one for a parameter of {name}")


def full_labels(controls: Mapping[str, Any], labels: Mapping[str, str] | None) -> dict[str, str]:
    """Return a label for every control: the given one, else the parameter's name in plain words.

    >>> full_labels({"kappa": True, "layer_width": True}, {"kappa": "κ"})
    {'kappa': 'κ', 'layer_width': 'layer width'}
    """
    labels = {} if labels is None else labels
    if not isinstance(labels, Mapping) or not all(isinstance(label, str) and label for label in labels.values()):
        raise TypeError(f"labels: got {describe(labels)}; expected a dict from parameters to texts")
    unknown = [name for name in labels if name not in controls]
    if unknown:
        raise ValueError(f"labels: got {', '.join(unknown)}; expected some of {', '.join(controls)}")
    return {name: labels.get(name, name.replace("_", " ")) for name in controls}


def make_controls(widgets: Any, controls: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """Return a widget for each control: one column of labels, as wide as the longest, and one of wide sliders."""
    style = {"description_width": f"{max(map(len, labels.values())) + 1}ch"}
    return {name: _make_control(widgets, name, control, labels[name], style) for name, control in controls.items()}


def _make_control(widgets: Any, name: str, control: Any, label: str, style: dict[str, str]) -> Any:
    layout = {"width": "100%", "max_width": "700px"}
    common = {"description": label, "style": style, "layout": layout}
    if isinstance(control, bool):
        return widgets.Checkbox(value=control, **common)
    if isinstance(control, LogSlider):
        bounds = {"min": control.low_exponent, "max": control.high_exponent, "step": _log_step(control), "base": 10}
        return widgets.FloatLogSlider(value=control.start, readout_format=".3g", **bounds, **common)
    if isinstance(control, list) and control:
        return widgets.Dropdown(options=control, value=control[0], **common)
    if isinstance(control, tuple) and len(control) == 4:
        return _make_slider(widgets, name, control, common)
    raise TypeError(f"{name}: got {describe(control)}; expected {EXPECTED}")


def _log_step(control: LogSlider, about: float = 0.05) -> float:
    """The step of the exponent that has the start on its grid.

    The browser rounds to the grid when it shows the slider, and would set κ = 30 to 31.6.

    >>> steps = math.log10(30.0) / _log_step(log_slider(0, 3, 30.0))
    >>> round(steps, 9)
    30.0
    """
    distance = math.log10(control.start) - control.low_exponent
    return distance / max(1, round(distance / about)) if distance > 1e-6 else about


def _make_slider(widgets: Any, name: str, control: tuple[Any, ...], common: dict[str, Any]) -> Any:
    low, high, step, start = control
    check_number(f"{name}: low", low)
    check_number(f"{name}: high", high, low=low, low_open=True)
    check_number(f"{name}: step", step, low=0.0, low_open=True)
    check_number(f"{name}: start", start, low=low, high=high)
    bounds = {"min": low, "max": high, "step": step, "value": start}
    if all(isinstance(number, int) for number in control):
        return widgets.IntSlider(**bounds, **common)
    return widgets.FloatSlider(readout_format=".4g", **bounds, **common)


def name_of(function: Callable[..., Any]) -> str:
    """The name of a function, or of the class of a callable object."""
    return str(getattr(function, "__name__", type(function).__name__))
