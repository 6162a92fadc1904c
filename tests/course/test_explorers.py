"""The engine of the explorers."""

from __future__ import annotations

import html
import json
import math
import struct
import sys
from typing import Any

import matplotlib
import pytest

matplotlib.use("agg")
from matplotlib import pyplot as plt
from matplotlib._mathtext import Parser
from matplotlib.figure import Figure

from nnopt_utils.course import explorers
from nnopt_utils.course.controls import log_slider
from nnopt_utils.course.explorers import FAST, WIDGET_VIEW, Explorer, explore, render

PNG = b"\x89PNG"


def line(slope: float, style: str = "-", n: int = 3, grid: bool = False) -> Figure:
    if slope < 0:
        plt.subplots()
        raise ValueError("slope: got a <negative> one")
    print("never seen")
    figure, axes = plt.subplots(figsize=(2, 2))
    axes.plot([slope * i for i in range(n)], style)
    axes.grid(grid)
    return figure


@pytest.fixture
def explorer() -> Explorer:
    return explore(line, slope=(-1.0, 2.0, 0.5, 1.0), style=["-", "--"], n=(2, 9, 1, 3), grid=False)


def test_controls(explorer: Explorer) -> None:
    kinds = {name: type(slider).__name__ for name, slider in explorer.sliders.items()}
    assert kinds == {"slope": "FloatSlider", "style": "Dropdown", "n": "IntSlider", "grid": "Checkbox"}
    assert explorer.values == {"slope": 1.0, "style": "-", "n": 3, "grid": False}
    assert [slider.description for slider in explorer.sliders.values()] == list(kinds)


def test_labels_in_the_symbols_of_the_text() -> None:
    explorer = explore(line, slope=(0.0, 2.0, 0.5, 1.0), n=(2, 9, 1, 3), labels={"slope": "slope κ₁", "n": "n"})
    assert [slider.description for slider in explorer.sliders.values()] == ["slope κ₁", "n"]
    assert "with controls slope κ₁, n (" in repr(explorer)


def test_labels_are_aligned_and_sliders_wide(explorer: Explorer) -> None:
    sliders = explorer.sliders.values()
    assert {slider.style.description_width for slider in sliders} == {"6ch"}  # as wide as "slope" and a space
    assert {(slider.layout.width, slider.layout.max_width) for slider in sliders} == {("100%", "700px")}


def line_in_words(layer_width: int) -> Figure:
    return line(layer_width)


def test_without_a_label_the_name_is_read_as_words() -> None:
    assert explore(line_in_words, layer_width=(1, 9, 1, 3)).sliders["layer_width"].description == "layer width"


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ({"colour": "c"}, ValueError, "labels: got colour; expected some of slope"),
        ({"slope": 3}, TypeError, "labels: got .*; expected a dict from parameters to texts"),
        ({"slope": ""}, TypeError, "labels: got .*; expected a dict from parameters to texts"),
        ("slope", TypeError, "labels: got 'slope'; expected a dict from parameters to texts"),
    ],
)
def test_faulty_labels(labels: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        explore(line, slope=(0.0, 2.0, 0.5, 1.0), labels=labels)


def test_a_screen_reader_hears_the_figures_summary() -> None:
    def figure_of(slope: float) -> Figure:
        """A line & its "slope".

        Not this paragraph.
        """
        return line(slope)

    names = explore(figure_of, slope=(0.0, 2.0, 0.5, 1.0)).widget.children[-1]
    assert 'data-alt="A line &amp; its &quot;slope&quot;."' in names.value
    assert html.escape("setAttribute(key, name)") in names.value
    assert names.layout.display == "none"


@pytest.mark.parametrize(
    ("first", "then", "while_dragged"),
    [
        (9 * FAST, [], True),  # the first figure of a session is always slow
        (0, [0.9 * FAST], True),
        (0, [1.1 * FAST], False),
        (0, [0.9 * FAST, 1.1 * FAST], True),  # a busy moment
        (0, [0.9 * FAST, 1.1 * FAST, 1.1 * FAST], False),
        (0, [1.1 * FAST, 0.9 * FAST], True),
    ],
)
def test_only_fast_figures_are_drawn_while_dragging(
    monkeypatch: pytest.MonkeyPatch, first: float, then: list[float], while_dragged: bool
) -> None:
    now, durations = [0.0], [first, *then]

    def drawn(*_: object) -> bytes:
        now[0] += durations.pop(0)
        return PNG

    monkeypatch.setattr(explorers, "render", drawn)
    monkeypatch.setattr(explorers.time, "perf_counter", lambda: now[0])
    explorer = explore(line, slope=(0.0, 2.0, 0.5, 1.0), n=(2, 9, 1, 3), grid=False)
    for number in range(len(then)):
        explorer.sliders["n"].value = 4 + number
    assert not durations
    assert [explorer.sliders[name].continuous_update for name in ("slope", "n")] == [while_dragged, while_dragged]


@pytest.mark.parametrize("start", [1.0, 30.0, 0.3, 0.5, 999.0, 10**-0.97, 1000.0])
def test_the_start_of_a_log_slider_is_one_of_its_positions(start: float) -> None:
    slider = explore(line, slope=log_slider(-1, 3, start)).sliders["slope"]
    steps = (math.log10(start) - slider.min) / slider.step
    assert steps == pytest.approx(round(steps), abs=1e-9) or start == pytest.approx(10**slider.max)
    assert 0.02 < slider.step < 0.08


def formula(slope: float) -> Figure:
    figure, axes = plt.subplots(figsize=(2, 2))
    axes.set(title=r"$\theta^\star$", xlim=(0, 1 + slope))
    return figure


def test_formulas_are_parsed_once_for_all_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    render(formula, {"slope": 1.0})
    parsed: list[str] = []
    parse = Parser.parse
    monkeypatch.setattr(Parser, "parse", lambda self, s, *rest: parsed.append(s) or parse(self, s, *rest))
    render(formula, {"slope": 2.0})
    assert [text for text in parsed if "theta" in text] == []


def test_every_value_is_drawn_before_the_next_is_taken(explorer: Explorer) -> None:
    """So no message is answered before its figure is there, and the last figure belongs to the last value."""
    for value in (0.5, 2.0, 1.5):
        explorer.sliders["slope"].value = value
        assert bytes(explorer.image.value) == render(line, explorer.values)


def test_a_figure_has_its_own_size_in_pixels() -> None:
    png = render(lambda width: Figure(figsize=(width, 1), dpi=100), {"width": 2})
    assert struct.unpack(">II", png[16:24]) == (200, 100)


def test_moving_a_slider_draws_anew(explorer: Explorer, capsys: pytest.CaptureFixture[str]) -> None:
    first = explorer.image.value
    assert bytes(first).startswith(PNG)
    explorer.sliders["slope"].value = 2.0
    explorer.sliders["style"].value = "--"
    assert bytes(explorer.image.value).startswith(PNG)
    assert explorer.image.value != first
    assert capsys.readouterr().out == ""


def test_no_figure_stays_open(explorer: Explorer) -> None:
    mine = plt.figure()
    for value in (0.5, -1.0, 2.0):
        explorer.sliders["slope"].value = value
    assert plt.get_fignums() == [mine.number]
    plt.close(mine)


def test_figure_without_pyplot_is_drawn() -> None:
    assert render(lambda width: Figure(figsize=(width, 1)), {"width": 2}).startswith(PNG)


def test_an_error_is_shown_and_forgotten(explorer: Explorer) -> None:
    text = explorer.widget.children[-2]
    explorer.sliders["slope"].value = -1.0
    assert explorer.error == "ValueError: slope: got a <negative> one"
    assert text.value == "<pre>ValueError: slope: got a &lt;negative&gt; one</pre>"
    assert explorer.image.layout.display == "none"
    explorer.sliders["slope"].value = 2.0
    assert explorer.error == text.value == ""
    assert explorer.image.layout.display is None


def test_text_that_stays_in_a_committed_notebook(explorer: Explorer) -> None:
    text = "explorer: line with controls slope, style, n, grid (run this cell to move them)"
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == repr(explorer) == text
    assert bundle[WIDGET_VIEW]["model_id"] == explorer.widget.model_id
    json.dumps(bundle)


def test_an_error_at_the_start_is_in_the_text() -> None:
    failing = explore(line, slope=(-1.0, 2.0, 0.5, -1.0))
    assert repr(failing).endswith("(the figure failed: ValueError: slope: got a <negative> one)")
    wrong_type = explore(lambda x: 3, x=(0, 2, 1, 1))  # type: ignore[arg-type,return-value]
    assert "expected it to return a matplotlib Figure" in repr(wrong_type)


def test_log_slider() -> None:
    explorer = explore(line, slope=log_slider(-3, 1, 0.1))
    slider = explorer.sliders["slope"]
    assert type(slider).__name__ == "FloatLogSlider"
    assert (slider.min, slider.max) == (-3, 1)
    assert explorer.values["slope"] == pytest.approx(0.1)


@pytest.mark.parametrize("arguments", [(1, 0, 1.0), (0, 2, 0.5), (0, 2, 200.0), (0, float("inf"), 1.0)])
def test_faulty_log_sliders(arguments: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="expected a finite number"):
        log_slider(*arguments)


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        ({}, "got none for slope; expected one for every parameter of line"),
        ({"slope": (0, 1, 1, 1), "colour": True}, "got colour; expected parameters of line: slope, style, n, grid"),
        ({"slope": (1.0, 0.0, 0.1, 0.5)}, "slope: high: got 0.0; expected a finite number > 1"),
        ({"slope": (0.0, 1.0, 0.0, 0.5)}, "slope: step: got 0.0; expected a finite number > 0"),
        ({"slope": (0.0, 1.0, 0.1, 5.0)}, "slope: start: got 5.0; expected a finite number >= 0 and <= 1"),
    ],
)
def test_faulty_controls(controls: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        explore(line, **controls)


@pytest.mark.parametrize("control", [(0, 1), [], 3.0, "text", ("a", "b", "c", "d")])
def test_things_that_are_no_control(control: Any) -> None:
    with pytest.raises(TypeError, match=r"^slope"):
        explore(line, slope=control)


def test_no_parameters_at_all() -> None:
    with pytest.raises(ValueError, match="got none; expected one for a parameter"):
        explore(lambda: Figure())


def test_a_parameter_may_have_any_name() -> None:
    assert explore(lambda figure_function: Figure(), figure_function=True).values == {"figure_function": True}


def test_without_ipywidgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(ImportError, match="pip install ipywidgets"):
        explore(line, slope=(0, 1, 1, 1))
