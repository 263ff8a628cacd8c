"""`make app`: the live stream as an app that Voilà serves."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from .browser import Browser, browser_tab, front_end

ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "app" / "live_stream.ipynb"
COUNT = re.compile(r"^([\d,]+) of 1,268 events")
INK = """canvas => {
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
}"""


def test_make_opens_it() -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    without = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    done = subprocess.run(
        ["make", "--dry-run", "app"],
        cwd=ROOT,
        env=without,  # what the make that runs the tests tells others
        capture_output=True,
        text=True,
        check=True,
    )
    command = done.stdout.splitlines()[-1].split()
    assert Path(command[0]).name == "voila"
    assert ROOT / command[-1] == APP


def test_it_is_kept_without_outputs() -> None:
    notebook = nbformat.read(APP, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.xdist_group("front ends")
def test_it_is_served_and_shows_the_stream(browser: Browser) -> None:
    with front_end("voila", APP.parent) as server, browser_tab(browser, height=2400) as tab:
        page = tab.page
        page.goto(f"{server.url}/voila/render/{APP.name}", timeout=120_000)
        live = page.locator(".lw-live:not(.lw-states)")
        reading = live.locator(".lw-reading")
        expect(reading).to_have_text(COUNT)
        first = events(reading.inner_text())
        while events(reading.inner_text()) < first + 20:  # it plays by itself
            page.wait_for_timeout(100)
        live.get_by_role("button", name="Pause").click()
        expect(live).to_have_attribute("data-state", "paused")
        assert page.locator("[data-panel=cell] canvas").first.evaluate(INK) > 20
        heatmap, inspector = page.locator(".lw-states"), page.locator(".lw-inspector")
        expect(heatmap).to_be_visible()
        expect(inspector).to_be_visible()
        expect(page.get_by_text("from river import")).to_have_count(0)  # no code
        tab.screenshot("app")
        tab.check()


def events(reading: str) -> int:
    """Return how many events have gone through, as the page says it."""
    found = COUNT.match(reading)
    assert found, reading
    return int(found[1].replace(",", ""))
