"""MemoryTimeline in a page: what it draws and tells is what Python measures; controls answer."""

# ruff: noqa: RUF001 - minus signs and dashes are what is on the page

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from lstmwidgets.analysis import Recording, Thresholds
from lstmwidgets.widgets import MemoryTimeline

from .browser import Browser, Server, Tab, browser_tab
from .test_state_heatmap_in_browser import wait_for_value
from .test_unit_memory import played

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

STEPS, UNITS = 60, 5

# What the picture has at each step and row, as places in the legend's states; -1: nothing.
SEEN = """() => {
    const {chart} = document.querySelector('.lw-memory');
    const panel = chart.panels[0];
    const {width, height} = panel.image;
    const {data} = panel.image.getContext('2d').getImageData(0, 0, width, height);
    const colours = panel.colours.map(colour => colour.match(/\\d+/g).join());
    const at = (step, row) => 4 * ((height - 1 - row) * width + step);
    return Array.from({length: width}, (_, step) => Array.from({length: height}, (_, row) =>
        colours.indexOf(data.slice(at(step, row), at(step, row) + 3).join())));
}"""
DRAWN = "() => document.querySelector('.lw-memory')?.chart?.scene?.last >= 0"


def recording() -> Recording:
    step = np.arange(float(STEPS))
    return replace(played(np.zeros((STEPS, UNITS)), 7), columns={"target": np.sin(step)})


@contextmanager
def saved(widget: MemoryTimeline, browser: Browser, folder: Path, **options: Any) -> Iterator[Tab]:
    """Open a widget's page, which has no kernel and may not complain."""
    widget.save_html(folder / "page.html")
    with browser_tab(browser, **options) as tab:
        tab.page.goto((folder / "page.html").as_uri())
        tab.wait(DRAWN)
        yield tab
        tab.check()


def spot(tab: Tab, step: float, row: float, steps: int = STEPS, rows: int = UNITS) -> Any:
    """Return where the middle of a cell is, a step and a row from below."""
    canvas = tab.page.locator(".lw-memory [data-panel=memory] canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    left, right = (66, 150) if box["width"] >= 600 else (52, 96)
    across = (box["width"] - left - right) * (step + 0.5) / steps
    return box["x"] + left + across, box["y"] + box["height"] * (1 - (row + 0.5) / rows)


def wait_until_seen(tab: Tab, wanted: list[list[int]]) -> None:
    """Give the page the time to draw what each unit did at each step."""
    for _ in range(100):
        if tab.page.evaluate(SEEN) == wanted:
            return
        tab.page.wait_for_timeout(100)
    assert tab.page.evaluate(SEEN) == wanted


def told(tab: Tab, name: str) -> str:
    return tab.page.locator(f".lw-mean[data-told='{name}'] b").inner_text()


@pytest.mark.parametrize(("width", "dark"), [(1100, False), (480, True)])
def test_without_a_kernel_a_page_shows_what_python_measures(
    browser: Browser, tmp_path: Path, width: int, dark: bool
) -> None:
    widget = MemoryTimeline(recording(), inputs={"load": np.cos(np.arange(STEPS))}, lags=6)
    units, memory = widget.units.tolist(), widget.memory
    with saved(widget, browser, tmp_path, width=width, dark=dark) as tab:
        events = widget.events()
        assert len(np.unique(events)) > 2
        assert tab.page.evaluate(SEEN) == events[:, units].tolist()
        for step, row in ((3, 1), (41, 4)):
            tab.page.mouse.move(*spot(tab, step, row))
            tip = tab.page.locator(".lw-tip")
            expect(tip).to_contain_text(f"step {step}")
            forget = float(memory.forget[step, units[row]])
            expect(tip).to_contain_text(f"forget gate f{forget:.4g}")
            expect(tip).to_contain_text(f"half-life of the unit{memory.half_life[units[row]]:.3g}")
            best = widget.correlations.best(units[row])
            holds = tab.page.locator("[data-panel=lags]")
            expect(holds).to_contain_text(f"What unit {units[row]} holds")
            entries = holds.locator(".lw-legend .lw-entry").all_inner_texts()
            assert [" ".join(entry.split()) for entry in entries] == [
                f"{name} {value:.2f}, {f'{lag} before' if lag else 'same step'}".replace("-", "−")
                for name, lag, value in best
            ]
        expect(tab.page.get_by_label("Order of units")).to_be_hidden()


def test_sliders_change_the_picture_without_a_kernel(browser: Browser, tmp_path: Path) -> None:
    widget = MemoryTimeline(recording())
    unit = int(widget.units[-1])
    with saved(widget, browser, tmp_path) as tab:
        write = tab.page.get_by_role("slider", name="Written from")
        write.focus()
        for _ in range(4):
            write.press("ArrowLeft")
        wipe = tab.page.get_by_role("slider", name="Wiped at forget gate")
        wipe.fill("0.4")
        box = tab.page.get_by_role("slider", name="Holds from").bounding_box()
        assert box is not None
        middle = box["y"] + box["height"] / 2
        tab.page.mouse.move(box["x"] + box["width"] / 8, middle)
        tab.page.mouse.down()
        tab.page.mouse.move(box["x"] + box["width"] / 2, middle, steps=4)
        tab.page.mouse.up()
        hold = float(tab.page.get_by_role("slider", name="Holds from").input_value())
        assert hold == pytest.approx(1, abs=0.1)
        thresholds = Thresholds(0.3, 0.4, hold)
        events = widget.memory.events(thresholds)
        wait_until_seen(tab, events[:, widget.units].tolist())
        table = widget.memory.table(np.array([unit]), thresholds)
        for name in ("written", "wiped", "overwritten"):
            assert told(tab, name) == f"{table[name][0]} ×"
        assert told(tab, "holds something") == f"{round(100 * table['holding'][0])} % of steps"


def test_keys_reach_rows_lags_and_pins(browser: Browser, tmp_path: Path) -> None:
    widget = MemoryTimeline(recording(), inputs={"load": np.cos(np.arange(STEPS))}, lags=6)
    units = widget.units.tolist()
    with saved(widget, browser, tmp_path) as tab:
        tab.page.locator(".lw-chart").focus()
        for key in ("End", "ArrowUp", "ArrowUp", "ArrowLeft", "Enter", "Escape"):
            tab.page.keyboard.press(key)
        expect(tab.page.locator(".lw-unit")).to_have_text(f"Unit {units[1]}")  # the pinned one
        canvas = tab.page.locator("[data-panel=lags] canvas")
        canvas.focus()
        for key in ("ArrowRight", "ArrowRight", "ArrowRight"):
            tab.page.keyboard.press(key)
        first = tab.page.locator("[data-panel=lags] .lw-entry").first
        expect(first).to_contain_text("2 before")
        name, *_ = widget.correlations.best(units[1])[0]
        place = widget.correlations.names.index(name)
        value = widget.correlations.values[units[1], place, 2]
        expect(first).to_contain_text(f"{value:.2f}".replace("-", "−"))
        tab.page.keyboard.press("Escape")
        label = canvas.get_attribute("aria-label")
        assert label is not None
        assert label.startswith(f"What unit {units[1]} holds: {name} ")


def test_a_drag_looks_around_once_one_has_zoomed_in(browser: Browser, tmp_path: Path) -> None:
    with saved(MemoryTimeline(recording()), browser, tmp_path) as tab:
        range_of = "() => document.querySelector('.lw-memory').chart.range.start"
        tab.page.mouse.move(*spot(tab, 30, 2))
        tab.page.keyboard.down("Shift")
        tab.page.mouse.wheel(0, -600)
        tab.page.keyboard.up("Shift")
        tab.page.get_by_role("button", name="Show all").wait_for()
        before = tab.page.evaluate(range_of)
        tab.page.mouse.down()
        tab.page.mouse.move(*spot(tab, 20, 2), steps=5)
        tab.page.mouse.up()
        assert tab.page.evaluate(range_of) > before
        expect(tab.page.locator(".lw-pins")).to_have_value("")  # a drag pins nothing


NOTEBOOK = """
import math
import numpy as np
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.widgets import LiveStream, MemoryTimeline

events = [({"a": math.sin(n), "b": n % 7}, math.sin(n / 3)) for n in range(5000)]
live = LiveStream(LSTMRegressor(6, num_layers=2, seed=1), events, window=60, inputs=["a"])
timeline = MemoryTimeline(live, lags=4)
"""


def test_in_a_notebook_a_live_stream_is_followed(lab: Server, tab: Tab) -> None:
    tab.run_cells(lab, [NOTEBOOK, "timeline"])
    page = tab.page
    page.get_by_text("No events yet: the units appear").wait_for()
    tab.kernel_run("live.step(100)")
    tab.wait(DRAWN)

    def compare() -> None:
        wait_until_seen(tab, tab.kernel_value("timeline.events()[:, timeline.units].tolist()"))

    compare()
    units = tab.kernel_value("timeline.units.tolist()")
    page.mouse.click(*spot(tab, 30, 4, rows=6))
    wait_for_value(tab, "timeline.pinned", [units[4]])
    page.get_by_role("slider", name="Written from").fill("0.3")
    wait_for_value(tab, "timeline.write", 0.3)
    compare()
    page.get_by_label("Order of units").select_option("number")
    wait_for_value(tab, "timeline.units.tolist()", [5, 4, 3, 2, 1, 0])
    page.get_by_label("Layer").select_option("0")
    wait_for_value(tab, "timeline.layer", 0)
    compare()
    lags = page.get_by_label("Lags up to")
    lags.fill("9")
    lags.press("Tab")
    wait_for_value(tab, "timeline.correlations.lags", 9)
    lags.fill("500")
    lags.press("Tab")
    page.get_by_text("Lags are a whole number from 0 to 200.").wait_for()
    pins = page.get_by_role("textbox", name="Pinned units")
    pins.fill("9")
    pins.press("Enter")
    page.get_by_text("There is no unit 9: units are numbers from 0 to 5.").wait_for()
    tab.kernel_run("timeline.hold = 1.5; timeline.pinned = [3]")
    page.locator(".lw-unit").get_by_text("Unit").wait_for()
    expect(page.get_by_role("slider", name="Holds from")).to_have_value("1.5")
    expect(pins).to_have_value("3")
    compare()
    tab.kernel_run("live.play()")
    wait_for_value(tab, "live.position > 150", True)
    tab.kernel_run("live.pause()")
    compare()
    tab.check()
