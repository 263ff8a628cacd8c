"""Heatmaps of units answer to the pointer, in a saved page as well as in a notebook."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest

from lstmwidgets.plots import Brush, StateFigures
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
    figures = StateFigures(recording, units=widget.units)
    figures.pinned = [units[4], units[0]]
    same = drawn(figures, "pins")
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
    figures.brush = Brush(tuple(units[1:3]), (2, 8))
    same = drawn(figures, "means")
    for name in ("y", "name", "text"):
        assert means[name] == same[name]
    assert means["low"] == pytest.approx(same["low"])
    title = "Mean in the box: 2 units, steps 2 to 8"
    assert figures.brushes.figure.title.text == title  # type: ignore[union-attr]
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
columns = {"target": np.arange(30.0), "<b>other</b>": np.arange(30.0) ** 2}
labels = ("<img src=x onerror='document.title=1'>", *(f"word {n}" for n in range(29)))
heatmap = StateHeatmap(Recording(values, labels, np.arange(30), columns))
"""

MAP = ".lw-states [data-panel={}] canvas"


def spot(tab: Tab, name: str, step: float, row: float, steps: int = 30, rows: int = 8) -> Any:
    """Return where in the page the middle of a cell of a heatmap is."""
    canvas = tab.page.locator(MAP.format(name))
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    left, right = (66 if box["width"] >= 600 else 52), 12
    across = (box["width"] - left - right) * (step + 0.5) / steps
    return box["x"] + left + across, box["y"] + box["height"] * (1 - (row + 0.5) / rows)


def test_in_a_notebook_python_sees_pins_and_boxes(lab: Server, tab: Tab) -> None:
    tab.run_cells(lab, [NOTEBOOK, "heatmap"])
    page, mouse = tab.page, tab.page.mouse
    page.locator(MAP.format("cell")).wait_for()
    units = tab.kernel_value("heatmap.units.tolist()")

    mouse.click(*spot(tab, "cell", 0, 4))
    wait_for_value(tab, "heatmap.pinned", [units[4]])
    page.get_by_role("button", name=f"unit {units[4]}").wait_for()
    mouse.move(*spot(tab, "forget_gate", 0, 2))
    tip = page.locator(".lw-states .lw-tip")
    tip.wait_for()
    told = tip.inner_text()
    value = tab.kernel_value("float(values['forget_gate'][0, 1, heatmap.units[2]])")
    assert "<img src=x onerror" in told
    assert "<b>other</b>" in told
    assert f"Forget gate f, unit {units[2]}\n{value:.4g}".replace("-", "\N{MINUS SIGN}") in told
    assert page.locator("img[src=x]").count() == 0

    mouse.move(*spot(tab, "input_gate", 2, 1))
    mouse.down()
    mouse.move(*spot(tab, "input_gate", 8, 2), steps=6)
    mouse.up()
    wait_for_value(tab, "heatmap.brush", [units[1:3], [2, 8]])
    mean = tab.kernel_value("float(values['hidden'][2:9, 1, list(heatmap.brush.units)].mean())")
    shown = page.locator(".lw-mean[data-quantity=hidden] b").inner_text()
    assert float(shown.split(" ± ")[0].replace("\N{MINUS SIGN}", "-")) == pytest.approx(
        mean, abs=6e-4
    )
    page.keyboard.press("Escape")
    wait_for_value(tab, "heatmap.brush", None)

    page.get_by_label("Order of units").select_option("by their numbers")
    wait_for_value(tab, "heatmap.units.tolist()", list(range(8)))
    page.get_by_role("textbox", name="Pinned units").fill("999")
    page.get_by_role("textbox", name="Pinned units").press("Enter")
    page.get_by_text("There is no unit 999: units are numbers from 0 to 7.").wait_for()
    assert page.get_by_role("textbox", name="Pinned units").input_value() == str(units[4])
    page.get_by_role("button", name="Candidate g").click()
    wait_for_value(tab, "'candidate' in heatmap.quantities", False)
    tab.kernel_run("heatmap.quantities = ['hidden']; heatmap.layer = 0; heatmap.pinned = []")
    page.locator(".lw-folded[data-panel=cell]").wait_for()
    assert page.get_by_role("combobox", name="Layer").input_value() == "0"
    tab.check()


def test_keys_do_what_the_pointer_does(lab: Server, tab: Tab) -> None:
    tab.run_cells(lab, [NOTEBOOK, "heatmap"])
    tab.page.locator(MAP.format("cell")).wait_for()
    units = tab.kernel_value("heatmap.units.tolist()")
    tab.page.locator(".lw-states .lw-chart").focus()
    press = tab.page.keyboard.press
    for key in ("End", "ArrowUp", "ArrowUp", "ArrowLeft", "Enter"):
        press(key)
    wait_for_value(tab, "heatmap.pinned", [units[1]])
    for key in ("Shift+ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowUp"):
        press(key)
    wait_for_value(tab, "heatmap.brush", [units[1:3], [26, 28]])
    press("+")
    tab.page.get_by_role("button", name="Show all").wait_for()
    press("Escape")
    wait_for_value(tab, "heatmap.brush", None)
    press("Escape")
    tab.page.get_by_role("button", name="Show all").wait_for(state="hidden")
    tab.check()


FOLLOWED = """
import math
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.widgets import CellInspector, LiveStream, StateHeatmap

events = [({"a": math.sin(n), "b": n % 7}, math.sin(n / 3)) for n in range(5000)]
live = LiveStream(LSTMRegressor(8, num_layers=2, seed=1), events, window=60, speed=100)
heatmap, inspector = StateHeatmap(live), CellInspector(live)

def cells(step):
    recording = live.recording()
    place = recording.steps.tolist().index(step)
    return [recording.layers[name][place, -1].tolist() for name in QUANTITIES]
"""

# What the equations say, and whether the `LiveStream` marks what is pointed at elsewhere.
EQUATION = """() => [...document.querySelectorAll('[data-equation]')]
    .map(({dataset}) => [dataset.equation, dataset.value])"""
CROSSED = """() => [...document.querySelectorAll('.lw-live:not(.lw-states) .lw-cross')]
    .map(cross => cross.hidden)"""


def test_heatmap_and_inspector_show_what_is_played(lab: Server, tab: Tab) -> None:
    tab.run_cells(lab, [NOTEBOOK + FOLLOWED, "live", "heatmap", "inspector"])
    page = tab.page
    page.get_by_text("No events yet: the units appear").wait_for()
    page.get_by_text("No events yet: the cell appears").wait_for()
    tab.kernel_run("live.step(3)")
    for position in (2, 3):
        wait_for_value(tab, "inspector.position", position)
        look_at_the_last(tab, position)
        tab.kernel_run("live.step(1)")
    tab.kernel_run("live.play()")
    wait_for_value(tab, "live.position > 150", True)
    tab.kernel_run("live.pause()")
    wait_for_value(tab, "inspector.position", 59)
    look_at_the_last(tab, 59)
    compare_columns(tab)

    # A drag over the lines looks back: it stays there, says so, and leads back.
    lines = page.locator(".lw-states [data-panel=prediction] canvas")
    lines.scroll_into_view_if_needed()
    box = lines.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 210, box["y"] + 30, steps=3)
    page.mouse.up()
    page.keyboard.down("Shift")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Shift")
    badge = page.locator(".lw-states .lw-badge-row")
    badge.get_by_text("Paused at event").wait_for()
    badge.get_by_role("button").click()
    badge.wait_for(state="hidden")
    tab.check()


def look_at_the_last(tab: Tab, position: int) -> None:
    """Compare the inspector's means over the layer with the kernel's."""
    tab.wait(
        "wanted => document.querySelector('.lw-inspector')?.dataset.position === wanted",
        str(position),
    )
    last = tab.kernel_value("cells(live.run.steps - 1)")
    letters = {"i": 0, "f": 1, "g": 2, "o": 3, "c": 4, "h": 5}
    told = {name: float(value) for name, value in tab.page.evaluate(EQUATION)}
    for letter, place in letters.items():
        assert told[letter] == pytest.approx(np.mean(last[place]), abs=1e-5)


def compare_columns(tab: Tab) -> None:
    """Point at cells of the heatmaps: each tells the kernel's number, under the kernel's label."""
    kept = tab.kernel_value("live.recording().steps.tolist()")
    units = tab.kernel_value("heatmap.units.tolist()")
    names = tab.kernel_value("list(QUANTITIES)")
    for column, row in ((0, 0), (17, 3), (40, 7), (59, 5)):
        place = names.index("forget_gate")
        tab.page.mouse.move(*spot(tab, "forget_gate", column, row, steps=60))
        tip = tab.page.locator(".lw-states .lw-tip")
        tip.get_by_text(f"event {kept[column]}", exact=True).wait_for()
        value = tab.kernel_value(f"cells({kept[column]})")[place][units[row]]
        assert f"Forget gate f, unit {units[row]}\n{value:.4g}" in tip.inner_text()
        assert tab.page.evaluate(CROSSED) == [False]
