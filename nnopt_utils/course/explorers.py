"""Sliders over a pure function ``figure(**parameters)`` that returns a matplotlib figure.

The figure is shown as an image, not through captured output: nothing is shown twice, no figure stays open, and an
error while a slider moves is a text under it.
"""

from __future__ import annotations

import contextlib
import html
import inspect
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nnopt_utils._validation import check_number, describe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FigureFunction = Callable[..., "Figure"]
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
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


def explore(figure_function: FigureFunction, /, **controls: Any) -> Explorer:
    """Show a figure with a slider or menu for each of its parameters.

    Args:
        figure_function: pure function that returns a matplotlib figure.
        controls: for each parameter ``(low, high, step, start)``, a list of choices (the first is the start), True or
            False, or `log_slider`. A parameter with a default may be left out.

    Returns:
        An explorer. As the last line of a cell it shows itself; elsewhere, and on paper, it is one line of text.

    Raises:
        ImportError: if ipywidgets is not installed.
        TypeError, ValueError: if a control is not one, or does not fit the function's parameters.

    Example:
        >>> from matplotlib.figure import Figure
        >>> def empty_figure(learning_rate: float, momentum: bool) -> Figure:
        ...     return Figure()
        >>> explore(empty_figure, learning_rate=(0.0, 1.0, 0.1, 0.5), momentum=True)
        explorer: empty_figure with controls learning_rate, momentum (run this cell to move them)
    """
    check_controls(figure_function, controls)
    return Explorer(figure_function, controls)


def check_controls(figure_function: FigureFunction, controls: Mapping[str, Any]) -> None:
    """Raise unless there is a control for every parameter without a default, and for nothing else."""
    name = _name(figure_function)
    parameters = inspect.signature(figure_function).parameters.values()
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


class Explorer:
    """A figure with its controls; made by `explore`.

    ``sliders`` holds the controls by parameter, ``widget`` all of it, ``error`` what the figure function last raised.
    """

    def __init__(self, figure_function: FigureFunction, controls: Mapping[str, Any]) -> None:
        widgets = _ipywidgets()
        self.figure_function = figure_function
        self.error = ""
        self.sliders = {name: _make_control(widgets, name, control) for name, control in controls.items()}
        self.image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%", object_fit="contain"))
        self._text = widgets.HTML()
        self.widget = widgets.VBox([*self.sliders.values(), self.image, self._text])
        for slider in self.sliders.values():
            slider.observe(self._redraw, names="value")
        self._redraw()

    @property
    def values(self) -> dict[str, Any]:
        """The present value of each control."""
        return {name: slider.value for name, slider in self.sliders.items()}

    def _redraw(self, change: object = None) -> None:
        try:
            self.image.value = render(self.figure_function, self.values)
            self.error = ""
        except Exception as error:  # whatever the figure function raises: the sliders must stay usable
            self.error = f"{type(error).__name__}: {error}"
        # A figure that does not belong to the sliders' position would mislead.
        self.image.layout.display = "none" if self.error else None
        self._text.value = f"<pre>{html.escape(self.error)}</pre>" if self.error else ""

    def __repr__(self) -> str:
        end = f"the figure failed: {self.error}" if self.error else "run this cell to move them"
        return f"explorer: {_name(self.figure_function)} with controls {', '.join(self.sliders)} ({end})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        return {"text/plain": repr(self), WIDGET_VIEW: view}


def render(figure_function: FigureFunction, values: Mapping[str, Any]) -> bytes:
    """Return the figure as PNG, and leave no figure open that was not open before."""
    from matplotlib.figure import Figure

    with _closing_new_figures(), contextlib.redirect_stdout(io.StringIO()):
        figure = figure_function(**values)
        if not isinstance(figure, Figure):
            raise TypeError(
                f"{_name(figure_function)}: got {describe(figure)}; expected it to return a matplotlib Figure"
            )
        png = io.BytesIO()
        figure.savefig(png, format="png", bbox_inches="tight")
    return png.getvalue()


@contextlib.contextmanager
def _closing_new_figures() -> Iterator[None]:
    from matplotlib import pyplot

    before = set(pyplot.get_fignums())
    try:
        yield
    finally:
        for number in set(pyplot.get_fignums()) - before:
            pyplot.close(number)


def _make_control(widgets: Any, name: str, control: Any) -> Any:
    common = {"description": name, "style": {"description_width": "initial"}}
    if isinstance(control, bool):
        return widgets.Checkbox(value=control, indent=False, **common)
    if isinstance(control, LogSlider):
        bounds = {"min": control.low_exponent, "max": control.high_exponent, "step": 0.05, "base": 10}
        return widgets.FloatLogSlider(
            value=control.start, readout_format=".3g", continuous_update=False, **bounds, **common
        )
    if isinstance(control, list) and control:
        return widgets.Dropdown(options=control, value=control[0], **common)
    if isinstance(control, tuple) and len(control) == 4:
        return _make_slider(widgets, name, control, common)
    raise TypeError(f"{name}: got {describe(control)}; expected {EXPECTED}")


def _make_slider(widgets: Any, name: str, control: tuple[Any, ...], common: dict[str, Any]) -> Any:
    low, high, step, start = control
    check_number(f"{name}: low", low)
    check_number(f"{name}: high", high, low=low, low_open=True)
    check_number(f"{name}: step", step, low=0.0, low_open=True)
    check_number(f"{name}: start", start, low=low, high=high)
    bounds = {"min": low, "max": high, "step": step, "value": start, "continuous_update": False}
    if all(isinstance(number, int) for number in control):
        return widgets.IntSlider(**bounds, **common)
    return widgets.FloatSlider(readout_format=".4g", **bounds, **common)


def _ipywidgets() -> Any:
    try:
        import ipywidgets
    except ImportError as error:
        raise ImportError(
            "explore needs ipywidgets: run `python -m pip install ipywidgets` and restart the kernel"
        ) from error
    return ipywidgets


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
