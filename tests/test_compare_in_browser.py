"""Compare in a page: pointing at one run is pointing at the other, with a kernel and without."""

# ruff: noqa: RUF001 - minus signs are what is on the page

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from lstmwidgets import LSTM
from lstmwidgets.widgets import CellInspector, Compare, MemoryTimeline

from .browser import Browser, Server, Tab, browser_tab
from .test_gradient_flow_in_browser import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

STEPS = 30
READY = ".lw-compare[data-ready]"
# The farthest value of the colours of a side's cell states, which both sides share.
REACH = "side => side.querySelector('.lw-chart').chart.panels[0].scaleTo"


def traces(hidden: int = 6) -> tuple[Any, Any]:
    torch.manual_seed(0)
    x = torch.randn(1, STEPS, 3)
    return LSTM(3, 6).trace(x), LSTM(3, hidden, cell="peephole").trace(2 * x)


@contextmanager
def saved(compare: Compare, browser: Browser, folder: Path, **options: Any) -> Iterator[Tab]:
    """Open a page of both, which has no kernel and may not complain."""
    compare.save_html(folder / "page.html")
    with browser_tab(browser, height=1400, **options) as tab:
        tab.page.goto((folder / "page.html").as_uri())
        tab.page.locator(READY).wait_for()
        yield tab
        tab.check()


def sides(tab: Tab) -> tuple[Locator, Locator]:
    found = tab.page.locator(".lw-compare-side")
    return found.nth(0), found.nth(1)


def point_at(tab: Tab, side: Locator, panel: str, step: int, row: int, rows: int) -> None:
    """Point at a cell of a heatmap: a step, and a row from below."""
    canvas = side.locator(f"[data-panel={panel}] canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    left = 66 if box["width"] >= 640 else 52
    across = (box["width"] - left - 12) * (step + 0.5) / STEPS
    tab.page.mouse.move(
        box["x"] + left + across, box["y"] + box["height"] * (rows - row - 0.5) / rows
    )


def written(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (800, True), (420, False)], ids=str)
def test_pointing_at_one_is_pointing_at_the_other(
    browser: Browser, tmp_path: Path, width: int, dark: bool
) -> None:
    compare = Compare(*traces(), ("standard", "peephole"))
    units = compare.left.units.tolist()
    with saved(compare, browser, tmp_path, width=width, dark=dark) as tab:
        left, right = sides(tab)
        boxes = [side.bounding_box() for side in (left, right)]
        assert boxes[0] is not None
        assert boxes[1] is not None
        assert (boxes[0]["y"] == boxes[1]["y"]) == (width >= 900)
        for pointed, step, row in ((left, 4, 1), (right, 21, 5)):
            point_at(tab, pointed, "cell", step, row, len(units))
            for side, widget in ((left, compare.left), (right, compare.right)):
                tip = side.locator(".lw-tip")
                expect(tip).to_contain_text(f"step {step}")
                value = widget.recording.layers["cell"][step, 0, units[row]]
                expect(tip).to_contain_text(f"unit {units[row]}{written(value)}")
                expect(side.locator(".lw-cross")).to_be_visible()
                expect(side.locator("[data-panel=hidden] .lw-level")).to_be_visible()
        tab.screenshot(f"compare-{width}-{'dark' if dark else 'light'}")
        assert left.evaluate(REACH) == right.evaluate(REACH)
        tab.page.mouse.move(1, 1)
        expect(left.locator(".lw-tip")).to_be_hidden()
        expect(right.locator(".lw-tip")).to_be_hidden()
        expect(right.locator(".lw-cross")).to_be_hidden()
        right.get_by_role("group", name="Units over steps").focus()
        for key in ("End", "ArrowUp", "ArrowUp", "Enter"):
            tab.page.keyboard.press(key)
        for side in (left, right):
            pinned = side.get_by_role("button", name=f"unit {units[1]}", exact=False)
            expect(pinned).to_be_visible()
        assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        serious = [
            f"{each['id']}: {node['target']} {node['failureSummary']}"
            for each in Axe().run(tab.page).response["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"]
        ]
        assert not serious, "\n".join(serious)


def test_of_other_sizes_steps_are_linked(browser: Browser, tmp_path: Path) -> None:
    compare = Compare(*traces(9))
    with saved(compare, browser, tmp_path) as tab:
        left, right = sides(tab)
        expect(tab.page.locator(".lw-compare-said")).to_contain_text("only steps are linked")
        expect(tab.page.get_by_label("Link units")).to_be_hidden()
        point_at(tab, left, "forget_gate", 7, 0, 6)
        expect(right.locator(".lw-tip")).to_contain_text("step 7")


def test_units_can_go_apart(browser: Browser, tmp_path: Path) -> None:
    compare = Compare(*traces(), link_units=False)
    with saved(compare, browser, tmp_path) as tab:
        left, right = sides(tab)
        point_at(tab, left, "cell", 7, 3, 6)
        expect(right.locator(".lw-tip")).to_contain_text("step 7")
        expect(right.locator("[data-panel=cell] .lw-level")).to_be_hidden()
        tab.page.get_by_label("Link units").check()
        point_at(tab, left, "cell", 8, 3, 6)
        expect(right.locator("[data-panel=cell] .lw-level")).to_be_visible()


@pytest.mark.parametrize("kind", [MemoryTimeline, CellInspector])
def test_other_widgets_are_linked_as_well(browser: Browser, tmp_path: Path, kind: Any) -> None:
    compare = Compare(*traces(), widget=kind)
    with saved(compare, browser, tmp_path, width=1300) as tab:
        left, right = sides(tab)
        if kind is MemoryTimeline:
            canvas = left.locator("[data-panel=memory] canvas")
            canvas.hover(position={"x": 200, "y": 30})
            head = left.locator(".lw-tip-head").inner_text()
            expect(right.locator(".lw-tip-head")).to_have_text(head)
            left.get_by_role("slider", name="Written from").fill("0.3")
            expect(right.get_by_role("slider", name="Written from")).to_have_value("0.3")
        else:
            left.get_by_role("button", name="One step back").click()
            expect(right).to_contain_text(f"{STEPS - 1} of {STEPS}")


NOTEBOOK = """
import torch
from lstmwidgets import LSTM
from lstmwidgets.widgets import Compare

torch.manual_seed(0)
x = torch.randn(1, 30, 3)
compare = Compare(LSTM(3, 6).trace(x), LSTM(3, 6).trace(x), ("one", "other"))
compare
"""


def test_in_a_notebook_choices_in_one_are_choices_in_the_other(lab: Server, tab: Tab) -> None:
    tab.run_cells(lab, [NOTEBOOK])
    tab.page.locator(READY).wait_for()
    left, right = sides(tab)
    units = tab.kernel_value("compare.left.units.tolist()")
    point_at(tab, right, "cell", 11, 2, 6)
    for side, name in ((left, "left"), (right, "right")):
        expect(side.locator(".lw-tip")).to_contain_text(f"step 11Cell state c, unit {units[2]}")
        expect(side.locator("h3")).to_have_text({"left": "one", "right": "other"}[name])
    tab.page.mouse.down()
    tab.page.mouse.up()
    wait_for(tab, "[compare.left.pinned, compare.right.pinned]", [[units[2]]] * 2)
    left.get_by_role("button", name=f"unit {units[2]}").wait_for()
    left.get_by_label("Order of units").select_option("number")
    wait_for(tab, "compare.right.units.tolist()", [*range(6)])
    expect(right.get_by_label("Order of units")).to_have_value("number")
    tab.page.get_by_label("Link units").uncheck()
    wait_for(tab, "compare.link_units", False)
    tab.kernel_run("compare.left.pinned = []; compare.theme = 'dark'; compare.names = 'a', 'b'")
    expect(left.locator("h3")).to_have_text("a")
    expect(right.locator(".lw-live[data-theme=dark]")).to_be_visible()
    expect(right.get_by_role("button", name=f"unit {units[2]}")).to_be_visible()
    expect(left.get_by_role("button", name=f"unit {units[2]}")).to_be_hidden()
    tab.kernel_run("compare.close()")
    expect(tab.page.locator(".lw-compare")).to_have_count(0)
