"""Patterns are brushed, typed and read in a notebook; a saved page answers without one."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from lstmwidgets.widgets import PatternMatch

from .browser import Browser, Server, Tab, browser_tab
from .test_pattern_match import HEARD, heard

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ROOT = ".lw-patterns"
STEPS = len(HEARD)

NOTEBOOK = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from tests.test_pattern_match import heard
from lstmwidgets.widgets import PatternMatch
patterns = PatternMatch([heard(), heard(seed=1)], threshold=0.5)
"""


def spot(tab: Tab, panel: str, step: float) -> tuple[float, float]:
    """Return where in the page a step of a panel is."""
    canvas = tab.page.locator(f"{ROOT} [data-panel={panel}] canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    left, right = (66 if box["width"] >= 640 else 52), 12
    across = (box["width"] - left - right) * (step + 0.5) / STEPS
    return box["x"] + left + across, box["y"] + box["height"] / 2


def drag(tab: Tab, panel: str, first: int, last: int) -> None:
    tab.page.mouse.move(*spot(tab, panel, first))
    tab.page.mouse.down()
    tab.page.mouse.move(*spot(tab, panel, last), steps=5)
    tab.page.mouse.up()


def wait_for(tab: Tab, expression: str, wanted: Any) -> None:
    """Give what was done in the page the time to reach the kernel."""
    deadline = monotonic() + 60
    while (told := tab.kernel_value(expression)) != wanted and monotonic() < deadline:
        tab.page.wait_for_timeout(100)
    assert told == wanted


def listed(page: Any) -> list[str]:
    """Return the heads of all matches, as they stand under each other."""
    heads: list[str] = page.locator(f"{ROOT} .lw-match-head").evaluate_all(
        "heads => heads.map(head => [...head.children].map(e => e.textContent).join(' | '))"
    )
    return heads


def expected(tab: Tab) -> list[str]:
    """Return what the list says by what Python has found."""
    found = tab.kernel_value("[[*m] for m in patterns.matches]")
    units = tab.kernel_value("len(patterns.found.units)")
    heads = []
    for rank, (recording, first, last, length, shared, extra) in enumerate(found, 1):
        where = f"step {first}" if first == last else f"steps {first} to {last}"
        steps = f"{length} step{'s' * (length > 1)}"
        overlap = f"{shared} of {units} unit{'s' * (units != 1)}, {extra} other{'s' * (extra != 1)}"
        heads.append(f"{rank}. sequence {recording + 1}, {where} | {steps} | {overlap} | Brush it")
    return heads


def compare(tab: Tab) -> None:
    """Compare the list in the page with what Python has found."""
    wanted = expected(tab)
    assert wanted
    deadline = monotonic() + 30
    while (heads := listed(tab.page))[1:] != wanted and monotonic() < deadline:
        tab.page.wait_for_timeout(100)
    assert heads[0].startswith("Brushed: sequence ")
    assert heads[1:] == wanted


def test_a_drag_brushes_and_what_is_typed_is_sought(lab: Server, tab: Tab) -> None:
    tab.run_cells(lab, [NOTEBOOK, "patterns"])
    page = tab.page
    page.locator(f"{ROOT} [data-panel=cell] canvas").wait_for()
    page.get_by_text("Drag over the picture to brush a range").wait_for()

    drag(tab, "cell", 14, 12)
    wait_for(tab, "patterns.brush", [0, 12, 14])
    compare(tab)
    units = tab.kernel_value("patterns.found.units.tolist()")
    status = page.locator(f"{ROOT} .lw-means")
    expect(status).to_contain_text(f"{len(units)} units are on at every step of the range")
    expect(status).to_contain_text(f"({', '.join(map(str, units))}): cell state c ≥ 0.5.")

    before = tab.kernel_value("patterns.found.total")
    number = page.get_by_role("spinbutton", name="Off before")
    number.fill("1")
    number.press("Enter")
    wait_for(tab, "patterns.before", 1)
    compare(tab)
    number.fill("-1")
    number.press("Enter")
    expect(page.get_by_role("alert")).to_have_text(
        "Off before: a whole number, 0 or more is needed."
    )
    assert number.input_value() == "1"
    number.fill("0")
    number.press("Enter")
    wait_for(tab, "patterns.found.total if not patterns._background.is_busy else 0", before)

    slider = page.get_by_role("slider", name="Threshold")
    slider.focus()
    for _ in range(5):
        slider.press("ArrowLeft")
    wait_for(tab, "patterns.threshold", 0.4)
    compare(tab)

    page.get_by_role("textbox", name="Text").fill("the joy")
    page.get_by_role("textbox", name="Text").press("Enter")
    wait_for(tab, "patterns.text", "the joy")
    compare(tab)
    texts = "[' '.join(patterns.recordings[m[0]].labels[m[1]:m[2] + 1]) for m in patterns.matches]"
    assert all("the" in text or "joy" in text for text in tab.kernel_value(texts))
    page.get_by_role("textbox", name="Text").fill("")
    page.get_by_role("textbox", name="Text").press("Enter")
    page.get_by_role("combobox", name="in", exact=True).select_option("target")
    page.get_by_role("spinbutton", name="Lowest number").fill("0.9")
    page.get_by_role("spinbutton", name="Lowest number").press("Enter")
    wait_for(tab, "[patterns.column, patterns.between]", ["target", [0.9, None]])
    compare(tab)
    tab.kernel_run("patterns.between = None; patterns.column = ''; patterns.order = 'length'")
    assert page.get_by_role("combobox", name="Rank by").input_value() == "length"
    compare(tab)

    one = tab.kernel_value("[*next(m for m in patterns.matches if m.recording)]")
    rank = [match[:3] for match in tab.kernel_value("patterns.matches")].index(one[:3]) + 1
    page.get_by_role("button", name=f"Brush match {rank}", exact=True).click()
    wait_for(tab, "[patterns.brush, patterns.sequence]", [one[:3], 1])
    assert page.get_by_role("combobox", name="Sequence").input_value() == "1"
    compare(tab)
    tab.check()


def test_keys_brush_and_go_through_matches(lab: Server, tab: Tab) -> None:
    tab.run_cells(lab, [NOTEBOOK, "patterns"])
    page = tab.page
    page.locator(f"{ROOT} .lw-chart").focus()
    for key in ("Home", "End", "ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    wait_for(tab, "patterns.brush", [0, 59, 61])
    compare(tab)
    items = page.locator(f"{ROOT} .lw-match")
    items.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    match = tab.kernel_value("[*patterns.matches[0]]")
    look_at(page.locator(f"{ROOT} .lw-found .lw-tip"), tab, match[0], match[1])
    page.keyboard.press("ArrowRight")
    look_at(page.locator(f"{ROOT} .lw-found .lw-tip"), tab, match[0], match[1] + 1)
    page.keyboard.press("Enter")
    wait_for(tab, "patterns.brush", match[:3])
    compare(tab)
    page.locator(f"{ROOT} .lw-chart").focus()
    page.keyboard.press("Escape")
    wait_for(tab, "[patterns.brush, len(patterns.matches)]", [None, 0])
    expect(items).to_have_count(0)
    tab.check()


def look_at(tip: Locator, tab: Tab, recording: int, step: int) -> None:
    """Compare what is told of a step with what it is."""
    source = f"patterns.recordings[{recording}]"
    expect(tip.locator(".lw-tip-head")).to_have_text(tab.kernel_value(f"{source}.labels[{step}]"))
    on = tab.kernel_value(
        f"sum(float(v) >= patterns.threshold for v in {source}.layers['cell'][{step}, 0,"
        " patterns.found.units])"
    )
    told = tip.inner_text()
    assert f"units of the hypothesis on\n{on} of" in told
    tag = tab.kernel_value(f"{source}.categories['part of speech'][{step}]")
    assert f"part of speech\n{tag}" in told


@pytest.mark.parametrize("dark", [False, True])
def test_a_saved_page_answers(dark: bool, browser: Browser, tmp_path: Path) -> None:
    recording = heard()
    patterns = PatternMatch(recording, threshold=0.5, brush=(12, 14))
    match = patterns.matches[0]
    patterns.save_html(tmp_path / "page.html")
    with browser_tab(browser, width=800, height=1200, dark=dark) as tab:
        page = tab.page
        page.goto((tmp_path / "page.html").as_uri())
        page.get_by_text("Saved picture: no kernel is behind it.").wait_for()
        heads = listed(page)
        assert len(heads) == 1 + len(patterns.matches)
        assert heads[1].startswith(f"1. steps {match.first} to {match.last} |")
        expect(page.locator(f"{ROOT} .lw-fields").first).to_be_hidden()
        canvas = page.locator(f"{ROOT} .lw-strip").nth(1)
        zero, wide = page.evaluate(PLACE)
        box = canvas.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + zero + 1.5 * wide, box["y"] + 20)
        tip = page.locator(f"{ROOT} .lw-found .lw-tip")
        expect(tip.locator(".lw-tip-head")).to_have_text(recording.labels[match.first + 1])
        value = recording.columns["target"][match.first + 1]
        assert f"target\n{value:.4g}".replace("-", "\N{MINUS SIGN}") in tip.inner_text()

        drag(tab, "cell", 30, 33)
        cells = recording.layers["cell"][30:34, 0]
        units = np.flatnonzero((cells >= np.float32(0.5)).all(axis=0)).tolist()
        expect(page.locator(f"{ROOT} .lw-means")).to_contain_text(f"({', '.join(map(str, units))})")
        found = Axe().run(page).response["violations"]
        serious = [each["id"] for each in found if each["impact"] in ("serious", "critical")]
        assert not serious
        tab.screenshot(f"patterns-{'dark' if dark else 'light'}")
        tab.check()


# Where all matches begin, and how wide a step is.
PLACE = """() => {
    const {zero, wide} = document.querySelector('.lw-matches').dataset;
    return [Number(zero), Number(wide)];
}"""

LIVE = """
import math
from lstmwidgets.online import LSTMClassifier
from lstmwidgets.widgets import LiveStream, PatternMatch
events = [({"a": float(n % 5), "b": math.sin(n)}, f"class {n % 5 // 2}") for n in range(5000)]
live = LiveStream(LSTMClassifier(8, seed=1), events, window=100, speed=200)
patterns = PatternMatch(live, threshold=0.01)
"""


def test_a_stream_is_looked_through_when_it_rests_and_on_demand(lab: Server, tab: Tab) -> None:
    tab.run_cells(lab, [LIVE, "live", "patterns"])
    page = tab.page
    page.get_by_text("No events yet: the units appear here").wait_for()
    tab.kernel_run("live.step(150)")
    page.locator(f"{ROOT} [data-panel=cell] canvas").wait_for()
    wait_for(tab, "patterns.recordings[0].steps[[0, -1]].tolist()", [50, 149])
    tab.kernel_run("patterns.brush = (120, 121)")
    page.locator(f"{ROOT} .lw-brushed").wait_for()
    assert listed(page)[0].startswith("Brushed: event 120 to event 121 | 2 steps")
    tab.kernel_run("live.play()")
    page.get_by_text("The stream has gone on: Renew looks through").wait_for()
    wait_for(tab, "live.position > 160", True)
    page.get_by_role("button", name="Renew").click()
    wait_for(tab, "int(patterns.recordings[0].steps[-1]) > 150", True)
    wait_for(tab, "live.position > 400", True)
    tab.kernel_run("live.pause()")
    wait_for(tab, "int(patterns.recordings[0].steps[-1]) == live.run.steps - 1", True)
    wait_for(tab, "patterns.brush", None)
    tab.check()
