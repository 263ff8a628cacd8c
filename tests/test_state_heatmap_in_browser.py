"""Heatmaps of units answer to the pointer, in a saved page as well as in a notebook."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest

from lstmwidgets.plots import Brush
from lstmwidgets.widgets import StateHeatmap

from .browser import Server, Tab
from .test_state_heatmap import drawn, recorded

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

NASTY = ("<img src=x onerror='document.title=1'>", "$$x^2$$", "@{cell}", "a & b")

DATA = """name => JSON.parse(JSON.stringify(models(name)[0].data,
    (_, value) => value?.buffer ? Array.from(value) : value))"""
TICKS = """() => {
    const plot = models("map cell")[0]
    const {x_scale} = Bokeh.index.find_one(plot).frame
    const axis = plot.below[0]
    const {start, end} = plot.x_range
    const {major} = axis.ticker.get_ticks(start, end, plot.x_range, 0)
    const pixels = major.map(tick => x_scale.compute(tick))
    return [major, axis.formatter.doFormat(major, {loc: 0}), pixels]
}"""


def opened(tab: Tab, widget: StateHeatmap, path: Path) -> None:
    """Save the picture, and look at it."""
    widget.save_html(path)
    tab.page.goto(path.as_uri())
    tab.wait("() => window.Bokeh?.documents.length === 1 && Bokeh.documents[0].is_idle")


def click(tab: Tab, name: str, x: float, y: float) -> None:
    tab.page.mouse.click(*tab.spot(f"map {name}", x, y))


def drag(tab: Tab, name: str, begin: tuple[float, float], end: tuple[float, float]) -> None:
    tab.page.mouse.move(*tab.spot(f"map {name}", *begin))
    tab.page.mouse.down()
    tab.page.mouse.move(*tab.spot(f"map {name}", *end), steps=8)
    tab.page.mouse.up()


def data(tab: Tab, name: str) -> dict[str, Any]:
    """Return the data of a source in the page; NaN is None."""
    columns: dict[str, Any] = tab.page.evaluate(DATA, name)
    return columns


def test_labels_are_text(tab: Tab, tmp_path: Path) -> None:
    recording = recorded(20, 6, **{NASTY[1]: np.arange(20.0)})
    labels = (*NASTY, *(f"word{n}" for n in range(16)))
    widget = StateHeatmap(replace(recording, labels=labels))
    opened(tab, widget, tmp_path / "page.html")
    tab.page.mouse.move(*tab.spot("map forget_gate", 0, 1.5))
    tab.page.get_by_text(NASTY[0], exact=True).wait_for()
    value = recording.layers["forget_gate"][0, 0, widget.units[1]]
    tab.page.get_by_text(f"{value:.3f}", exact=True).wait_for()
    assert tab.page.locator("img[src=x]").count() == 0
    assert tab.page.title() == "State of an LSTM"


def test_a_saved_page_pins_brushes_and_zooms(tab: Tab, tmp_path: Path) -> None:
    recording = recorded(20, 6)
    recording.layers["cell"][3] = np.nan
    widget = StateHeatmap(recording)
    opened(tab, widget, tmp_path / "page.html")
    units = widget.units.tolist()

    click(tab, "forget_gate", 8, 4.5)
    click(tab, "hidden", 12, 0.5)
    pins = data(tab, "pins")
    widget.pinned = [units[4], units[0]]
    same = drawn(widget.figures, "pins")
    for name in ("unit", "label", "color", "row"):
        assert pins[name] == same[name]
    for name in ("x", "cell", "hidden"):
        np.testing.assert_array_equal(np.array(pins[name], np.float64), same[name])
    assert tab.page.evaluate("models('pinned units')[0].visible")
    click(tab, "cell", 1, 4.5)
    assert data(tab, "pins")["unit"] == [units[0]]

    drag(tab, "input_gate", (2.2, 1.2), (8.3, 2.7))
    assert data(tab, "brush") == {"left": [1.5], "right": [8.5], "bottom": [1], "top": [3]}
    means = data(tab, "means")
    widget.brush = Brush(tuple(units[1:3]), (2, 8))
    same = drawn(widget.figures, "means")
    for name in ("y", "name", "text"):
        assert means[name] == same[name]
    assert means["low"] == pytest.approx(same["low"])
    title = "Mean in the box: 2 units, steps 2 to 8"
    assert widget.figures.brushes.figure.title.text == title  # type: ignore[union-attr]
    assert tab.page.evaluate("models('box means')[0].title.text") == title
    tab.page.mouse.dblclick(*tab.spot("map cell", 15, 5.5))
    assert data(tab, "brush")["left"] == []
    assert data(tab, "pins")["unit"] == [units[0]]  # two clicks pin and take out

    tab.page.keyboard.down("Shift")
    tab.page.mouse.wheel(0, -300)
    tab.page.keyboard.up("Shift")
    tab.wait("() => (range => range.end - range.start < 19)(models('map hidden')[0].x_range)")


def test_pins_and_boxes_that_python_made_are_in_a_saved_page(tab: Tab, tmp_path: Path) -> None:
    widget = StateHeatmap(recorded(20, 6), theme="dark")
    widget.pinned = [3]
    widget.brush = Brush(tuple(widget.units[:2].tolist()), (4, 9))
    opened(tab, widget, tmp_path / "page.html")
    assert data(tab, "pins")["unit"] == [3]
    assert data(tab, "brush")["right"] == [9.5]
    shown = ["models('pinned units')[0].visible", "models('box means')[0].visible"]
    assert all(tab.page.evaluate(condition) for condition in shown)


@pytest.mark.parametrize("width", [700, 1200])
def test_ticks_leave_each_other_room(width: int, tab: Tab, tmp_path: Path) -> None:
    labels = [f"2024-{month:02}-{day:02} 10:00" for month in range(1, 11) for day in range(1, 29)]
    tab.page.set_viewport_size({"width": width, "height": 500})
    opened(tab, StateHeatmap(recorded(280), labels=labels, show=["cell"]), tmp_path / "page.html")
    steps, seen, pixels = tab.page.evaluate(TICKS)
    assert len(steps) >= 3
    assert seen == [labels[step].replace(" ", "\n") for step in steps]
    assert min(np.diff(pixels)) > 70  # a date is as wide as that


def wait_for_value(tab: Tab, expression: str, wanted: Any) -> None:
    """Give what was done in the page the time to reach the kernel."""
    deadline = monotonic() + 60
    while tab.kernel_value(expression) != wanted and monotonic() < deadline:
        tab.page.wait_for_timeout(100)
    assert tab.kernel_value(expression) == wanted


NOTEBOOK = """
import numpy as np
from lstmwidgets.analysis import QUANTITIES, Recording
from lstmwidgets.widgets import StateHeatmap

random = np.random.default_rng(0)
values = {name: random.normal(size=(30, 2, 8)).astype("f4") for name in QUANTITIES}
recording = Recording(values, tuple(f"event {n}" for n in range(30)), np.arange(30))
heatmap = StateHeatmap(recording)
"""


def test_in_a_notebook_python_sees_pins_and_boxes(lab: Server, tab: Tab) -> None:
    tab.run_cells(lab, [NOTEBOOK, "heatmap"])
    tab.wait("() => models('map cell').length === 1 && Bokeh.index.find_one(models('map cell')[0])")
    tab.wait_until_still("map cell")
    units = tab.kernel_value("heatmap.units.tolist()")
    click(tab, "cell", 8, 4.5)
    wait_for_value(tab, "heatmap.pinned", [units[4]])
    tab.wait_until_still("map cell")  # the pinned units have got a figure of their own
    drag(tab, "cell", (2.2, 1.2), (8.3, 2.7))
    wait_for_value(tab, "heatmap.brush", [units[1:3], [2, 8]])
    tab.kernel_run("heatmap.layer = 0\nheatmap.pinned = [5, 1]")
    tab.wait("() => models('pins')[0].data.unit.length === 2")
    image = tab.kernel_value("values['cell'][:, 0][:, heatmap.units].T.ravel().tolist()")
    assert data(tab, "image cell")["image"][0] == pytest.approx(image)
    tab.page.get_by_label("Order of units").select_option("by their numbers")
    tab.wait("() => Array.from(models('rows')[0].data.unit).every((unit, row) => unit === row)")
    tab.page.get_by_label("Pinned units").fill("2")
    tab.page.get_by_label("Pinned units").press("Enter")
    tab.wait("() => models('pins')[0].data.unit[0] === 2")
    tab.page.get_by_label("Candidate g").uncheck()
    tab.wait("() => !models('map candidate')[0].visible")


def test_a_recording_that_moves_on_is_followed(lab: Server, tab: Tab) -> None:
    moving = """
from dataclasses import replace

def go_on():
    for n in range(1, 41):
        heatmap.show(replace(recording, steps=np.arange(n, n + 30)))
"""
    tab.run_cells(lab, [NOTEBOOK + moving, "heatmap"])
    tab.wait("() => models('map cell').length === 1")
    tab.kernel_run("go_on()")
    ends = "() => (range => [range.start, range.end])(models('map cell')[0].x_range)"
    tab.wait(f"() => ({ends})()[1] >= 69")
    assert tab.page.evaluate(ends) == [39.5, 69.5]
    assert data(tab, "steps")["x"] == list(range(40, 70))
