"""Sliders over a pure function ``figure(**parameters)`` that returns a matplotlib figure.

The figure is shown as an image, not through captured output: nothing is shown twice, no figure stays open, and an
error while a slider moves is a text under it. While a slider is dragged, ipywidgets holds back its values until the
last one has been drawn and then sends the newest, so no queue of stale figures arises.
"""

from __future__ import annotations

import contextlib
import html
import inspect
import io
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nnopt_utils._validation import describe
from nnopt_utils.course.controls import check_controls, full_labels, make_controls, name_of
from nnopt_utils.course.reopened import reopened_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FigureFunction = Callable[..., "Figure"]
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

# Seconds: a figure that takes longer, twice in a row, is drawn when the slider is released, not while it is dragged.
FAST = 0.3

# matplotlib remembers parsed formulas for one drawing only; most labels of the next one are the same.
_FORMULAS: dict[str, Any] = {}

REOPENED = reopened_style("nnopt-explorer", "To move the sliders, run the cells from the top to this one.")

# ipywidgets names neither the handles of its sliders nor its images, and its `tooltip` reaches neither; screen readers
# would say "slider, 0.5". The observer sees handles that are made later, too.
NAMING = """
const box = this.closest('.nnopt-explorer');
const setName = (element, key, name) => element.getAttribute(key) === name || element.setAttribute(key, name);
const setNames = () => {
  for (const slider of box.querySelectorAll('.widget-slider')) {
    const label = slider.querySelector('.widget-label').textContent;
    slider.querySelectorAll('[role=slider]').forEach(handle => setName(handle, 'aria-label', label));
    slider.querySelectorAll('.widget-readout').forEach(number => {
      setName(number, 'role', 'textbox');
      setName(number, 'aria-label', label + ', value');
    });
  }
  box.querySelectorAll('img').forEach(image => setName(image, 'alt', this.dataset.alt));
};
setNames();
new MutationObserver(setNames).observe(box, {childList: true, subtree: true});
"""


def explore(
    figure_function: FigureFunction, /, *, labels: Mapping[str, str] | None = None, **controls: Any
) -> Explorer:
    """Show a figure with a slider or menu for each of its parameters.

    Args:
        figure_function: pure function that returns a matplotlib figure.
        labels: what stands beside the controls, by parameter: the text's symbols, as plain text, with the unit where
            there is one. Default: the parameter's name with spaces for underscores.
        controls: for each parameter ``(low, high, step, start)``, a list of choices (the first is the start), True or
            False, or `log_slider`. A parameter with a default may be left out.

    Returns:
        An explorer. As the last line of a cell it shows itself; elsewhere, and on paper, it is one line of text.

    Raises:
        ImportError: if ipywidgets is not installed.
        TypeError, ValueError: if a control is not one, or does not fit the function's parameters; if a label is no
            text, or for no control.

    Example:
        >>> from matplotlib.figure import Figure
        >>> def empty_figure(learning_rate: float, warm_up: bool) -> Figure:
        ...     return Figure()
        >>> explore(empty_figure, learning_rate=(0.0, 1.0, 0.1, 0.5), warm_up=True, labels={"learning_rate": "η"})
        explorer: empty_figure with controls η, warm up (run this cell to move them)
    """
    check_controls(figure_function, controls)
    return Explorer(figure_function, controls, labels)


class Explorer:
    """A figure with its controls; made by `explore`.

    ``sliders`` holds the controls by parameter, ``widget`` all of it, ``error`` what the figure function last raised.
    """

    def __init__(
        self, figure_function: FigureFunction, controls: Mapping[str, Any], labels: Mapping[str, str] | None = None
    ) -> None:
        widgets = _ipywidgets()
        self.figure_function = figure_function
        self.error = ""
        self.labels = full_labels(controls, labels)
        self.sliders = make_controls(widgets, controls, self.labels)
        # Left, or the box would stretch the image to its own width and blur it.
        self.image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%", align_self="flex-start"))
        self._text = widgets.HTML()
        self.widget = widgets.VBox([*self.sliders.values(), self.image, self._text, _naming(widgets, figure_function)])
        self.widget.add_class("nnopt-explorer")
        for slider in self.sliders.values():
            slider.observe(self._redraw, names="value")
        self._seconds: deque[float] = deque(maxlen=2)
        self._redraw()
        # The first drawing of a session also loads fonts: it does not tell how long the next will take.
        self._seconds.clear()
        self._set_continuous(True)

    @property
    def values(self) -> dict[str, Any]:
        """The present value of each control."""
        return {name: slider.value for name, slider in self.sliders.items()}

    def _redraw(self, change: object = None) -> None:
        begun = time.perf_counter()
        try:
            self.image.value = render(self.figure_function, self.values)
            self.error = ""
        except Exception as error:  # whatever the figure function raises: the sliders must stay usable
            self.error = f"{type(error).__name__}: {error}"
        self._seconds.append(time.perf_counter() - begun)
        self._set_continuous(min(self._seconds) <= FAST)  # one slow figure, at a busy moment, changes nothing
        # A figure that does not belong to the sliders' position would mislead.
        self.image.layout.display = "none" if self.error else None
        self._text.value = f"<pre>{html.escape(self.error)}</pre>" if self.error else ""

    def _set_continuous(self, fast: bool) -> None:
        """Draw while a slider is dragged, or when it is released."""
        for slider in self.sliders.values():
            if slider.has_trait("continuous_update"):
                slider.continuous_update = fast

    def __repr__(self) -> str:
        end = f"the figure failed: {self.error}" if self.error else "run this cell to move them"
        return f"explorer: {name_of(self.figure_function)} with controls {', '.join(self.labels.values())} ({end})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        return {"text/plain": repr(self), WIDGET_VIEW: view}


def render(figure_function: FigureFunction, values: Mapping[str, Any]) -> bytes:
    """Return the figure as PNG, and leave no figure open that was not open before."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with _closing_new_figures(), contextlib.redirect_stdout(io.StringIO()):
        figure = figure_function(**values)
        if not isinstance(figure, Figure):
            raise TypeError(
                f"{name_of(figure_function)}: got {describe(figure)}; expected it to return a matplotlib Figure"
            )
        png = io.BytesIO()
        canvas = FigureCanvasAgg(figure)
        renderer = canvas.get_renderer()
        renderer.mathtext_parser = _FORMULAS.setdefault("parser", renderer.mathtext_parser)
        # Not `savefig`, which draws all of it twice; and every figure has the same size, so that nothing jumps.
        canvas.print_png(png, pil_kwargs={"compress_level": 1})
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


def _naming(widgets: Any, figure_function: FigureFunction) -> Any:
    """Return an invisible widget with the styles; it gives handles and image the names that screen readers say."""
    summary = (inspect.getdoc(figure_function) or name_of(figure_function)).splitlines()[0]
    code = f'<style data-alt="{html.escape(summary)}" onload="{html.escape(NAMING)}">{REOPENED}</style>'
    return widgets.HTML(code, layout=widgets.Layout(display="none"))


def _ipywidgets() -> Any:
    try:
        import ipywidgets
    except ImportError as error:
        raise ImportError(
            "explore needs ipywidgets: run `python -m pip install ipywidgets` and restart the kernel"
        ) from error
    return ipywidgets
