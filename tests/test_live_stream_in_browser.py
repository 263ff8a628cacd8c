"""The notebook of the live stream, as a newcomer runs it: JupyterLab and Voilà, real browser."""

from __future__ import annotations

import shutil
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from .browser import Tab, browser_tab, front_end, need_chromium
from .front_end import Server

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
NAME = "01_live_stream.ipynb"

# Several widgets of the notebook show numbers; the one that is played is the furthest.
FLOW = """
const last = source => Array.from(source.data.event).at(-1) ?? -1;
const flow = models('events').filter(source => source.data.target)
    .sort((one, other) => last(other) - last(one))[0];
"""
LAST = f"""() => {{
    {FLOW}
    const {{event, target, prediction}} = flow.data;
    return [event, target, prediction].map(column => Array.from(column).at(-1) ?? null);
}}"""
REACHED = f"step => {{ {FLOW} return flow && last(flow) >= step }}"
CELLS = f"""() => {{
    {FLOW}
    const tiles = flow.document.get_model_by_name('units').data.cell;
    return [...tiles].flatMap(tile => Array.from(tile)).filter(value => !isNaN(value));
}}"""
PLAY = "button:has-text('▶ Play')"
PAUSE = "button:has-text('Pause')"

KERNEL_LAST = "[live.run.rows[-1].step, live.run.rows[-1].target, live.run.rows[-1].prediction]"


@pytest.fixture
def notebooks(lab: Server) -> Server:
    """Return a JupyterLab with the notebook as it is: Lab saves outputs of its own accord."""
    shutil.copytree(NOTEBOOKS, lab.folder, dirs_exist_ok=True)
    return lab


def press(tab: Tab, button: str) -> None:
    tab.page.locator(button).first.click()


def moves(tab: Tab, seconds: int = 10) -> bool:
    """Return whether events come in within some seconds."""
    before = tab.page.evaluate(LAST)
    for _ in range(2 * seconds):
        tab.page.wait_for_timeout(500)
        if tab.page.evaluate(LAST) != before:
            return True
    return False


def test_the_notebook_plays_pauses_and_comes_back_in_jupyterlab(
    notebooks: Server, tab: Tab
) -> None:
    tab.open_lab(notebooks, NAME)
    tab.run_all()
    tab.wait(REACHED, 299)
    press(tab, PLAY)
    tab.wait(REACHED, 320)
    assert tab.page.locator(PAUSE).first.is_visible()
    press(tab, PAUSE)
    tab.page.locator(PLAY).first.wait_for()
    tab.wait(REACHED, tab.kernel_value("live.run.rows[-1].step"))
    assert tab.page.evaluate(LAST) == pytest.approx(tab.kernel_value(KERNEL_LAST))
    assert not moves(tab, 1)
    tiles = "live._picture._tiles.source.data['cell']"
    kernel = tab.kernel_value(f"[float(v) for tile in {tiles} for v in tile.ravel() if v == v]")
    assert tab.page.evaluate(CELLS) == pytest.approx(kernel, abs=1e-6)

    tab.reload()
    tab.wait(REACHED, tab.kernel_value("live.run.rows[-1].step"), timeout=60)
    assert tab.page.evaluate(LAST) == pytest.approx(tab.kernel_value(KERNEL_LAST))
    press(tab, PLAY)
    assert moves(tab)
    assert tab.kernel_value("live.error") == ""


@pytest.mark.slow
def test_a_computing_cell_does_not_stop_the_picture_and_other_cells_run(
    notebooks: Server, tab: Tab
) -> None:
    tab.open_lab(notebooks, NAME)
    tab.run_all()
    tab.kernel_run("live.play()")
    tab.page.evaluate(
        """() => { kernel().requestExecute({code: `
import time
end = time.monotonic() + 4
while time.monotonic() < end: sum(range(1000))
`}) }"""
    )
    assert moves(tab)
    assert moves(tab)
    tab.wait_idle()
    assert tab.kernel_run("print(1 + 1, live.state)").strip() == "2 playing"


@pytest.mark.slow
def test_deleting_the_cell_ends_the_player(notebooks: Server, tab: Tab) -> None:
    tab.open_lab(notebooks, NAME)
    tab.run_all()
    tab.kernel_run("live.play()")
    tab.wait(REACHED, 310)
    tab.page.evaluate(
        """async () => {
            const panel = jupyterapp.shell.currentWidget;
            panel.content.activeCellIndex = panel.content.widgets.findIndex(
                cell => cell.model.sharedModel.source.startsWith('live = LiveStream('));
            await jupyterapp.commands.execute('notebook:delete-cell');
        }"""
    )
    deadline = monotonic() + 30
    while tab.kernel_value("live.state") == "playing":
        assert monotonic() < deadline
        tab.page.wait_for_timeout(300)


def test_an_error_is_shown_in_the_widget(lab: Server, tab: Tab) -> None:
    tab.run_cells(
        lab,
        [
            """
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.widgets import LiveStream
def source():
    yield {"a": 1}, 1.0
    raise OSError("<img src=x onerror=alert(1)> went")
live = LiveStream(LSTMRegressor(4, seed=1), source())
live"""
        ],
    )
    press(tab, PLAY)
    alert = tab.page.get_by_role("alert")
    alert.wait_for()
    assert "OSError: <img src=x onerror=alert(1)> went" in alert.inner_text()
    assert tab.page.locator("img[src=x]").count() == 0


def test_controls_are_reached_by_keyboard_and_have_names(lab: Server, tab: Tab) -> None:
    tab.run_cells(
        lab,
        [
            """
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.widgets import LiveStream
live = LiveStream(LSTMRegressor(4, seed=1), [({"a": 1}, float(n)) for n in range(500)])
live"""
        ],
    )
    play = tab.page.get_by_role("button", name="Play")
    play.focus()
    tab.page.keyboard.press("Enter")
    tab.wait("() => (models('events')[0]?.get_length() ?? 0) > 3")
    tab.page.keyboard.press("Space")
    tab.page.get_by_role("button", name="Play").wait_for()
    for _ in range(3):
        tab.page.keyboard.press("Tab")
    named: Any = tab.page.evaluate("document.activeElement.labels?.[0]?.textContent")
    assert named == "Speed"
    assert tab.page.get_by_label("Learn").is_checked()
    assert tab.page.get_by_label("events played").count() == 1


@pytest.mark.slow
def test_voila_shows_and_plays_it() -> None:
    need_chromium()
    with (
        front_end("voila", NOTEBOOKS) as server,
        browser_tab(width=1000, height=1600, dark=True) as tab,
    ):
        tab.page.goto(f"{server.url}/voila/render/{NAME}", timeout=120_000)
        tab.wait(REACHED, 299, timeout=120)
        press(tab, PLAY)
        tab.wait(REACHED, 320)
        press(tab, PAUSE)
        tab.page.locator(PLAY).first.wait_for()
        tab.page.wait_for_timeout(500)
        assert not moves(tab, 1)
        tab.screenshot("voila")
        tab.check()


@pytest.mark.slow
def test_ten_minutes_of_play_leave_memory_flat(lab: Server, tab: Tab) -> None:
    tab.run_cells(
        lab,
        [
            """
import itertools, math, os
from river import datasets
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.widgets import LiveStream
events = itertools.cycle(list(datasets.TrumpApproval()))
live = LiveStream(LSTMRegressor(seed=1), events, speed=50)
def resident():
    pages = int(open('/proc/self/statm').read().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 2**20
live"""
        ],
    )
    kernel, page = [], []
    tab.kernel_run("live.play()")
    for minute in range(11):
        tab.page.wait_for_timeout(60_000 if minute else 20_000)
        if minute == 5:
            tab.kernel_run("live.speed = math.inf")
        kernel.append(tab.kernel_value("resident()"))
        page.append(tab.page.evaluate("gc(), gc(), performance.memory.usedJSHeapSize / 2**20"))
    told = f"kernel MB {[round(size) for size in kernel]}, page MB {[round(size) for size in page]}"
    assert max(kernel[2:]) < 1.05 * kernel[1] + 5, told
    assert max(page[2:]) < 1.1 * page[1] + 10, told
    assert tab.kernel_value("live.error") == ""
