"""The notebook of the live stream, as a newcomer runs it: JupyterLab and Voilà, real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from .browser import Browser, Tab, browser_tab, front_end
from .front_end import Server

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
NAME = "01_live_stream.ipynb"

# Several widgets of the notebook show numbers; the one that is played is the furthest.
STORE = """
const stores = [...document.querySelectorAll('.lw-live')].map(root => root.store);
const store = stores.filter(each => each.columns.get('target'))
    .sort((one, other) => other.next - one.next)[0];
"""
LAST = f"""() => {{
    {STORE}
    const step = store.next - 1;
    return [step, store.value('target', step), store.value('prediction', step)];
}}"""
REACHED = f"step => {{ {STORE} return store && store.next > step }}"
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
    tab.page.get_by_role("button", name="Play").focus()
    tab.page.keyboard.press("Enter")
    tab.wait(REACHED, 3)
    tab.page.keyboard.press("Space")
    tab.page.get_by_role("button", name="Play").wait_for()
    for _ in range(3):
        tab.page.keyboard.press("Tab")
    assert tab.page.evaluate("document.activeElement.getAttribute('aria-label')") == "Speed"
    tab.page.keyboard.press("End")
    wait_for(tab, "live.speed == math.inf", True, "import math")
    tab.page.get_by_role("checkbox", name="Learn").uncheck()
    wait_for(tab, "live.learning", False)
    error = tab.page.locator("[data-panel=error] canvas").get_attribute("aria-label")
    assert error.startswith("Mean absolute error so far. model ")
    tab.page.get_by_role("group", name="Events over time").focus()
    tab.page.keyboard.press("s")
    tab.page.keyboard.press("ArrowLeft")
    tab.page.get_by_role("tooltip").wait_for()


def wait_for(tab: Tab, expression: str, wanted: Any, before: str = "") -> None:
    """Give what was done in the page the time to reach the kernel."""
    deadline = monotonic() + 60
    tab.kernel_run(before)
    while (value := tab.kernel_value(expression)) != wanted:
        assert monotonic() < deadline, f"{expression} is {value}"
        tab.page.wait_for_timeout(100)


KINDS = """
import math
import numpy as np
from river import linear_model, preprocessing
from lstmwidgets.online import *
from lstmwidgets.widgets import LiveStream

waves = [math.sin(n / 3) + n / 50 for n in range(200)]
long = [f"a class whose name is long, number {n}" for n in range(20)]
text = [("a wonderful film, warm and funny", "good"), ("dull and without an idea", "bad")]
kinds = {
    "regressor": LiveStream(LSTMRegressor(6, seed=1), [({"a": y}, y) for y in waves], window=40),
    "classes": LiveStream(
        LSTMClassifier(6, seed=1),
        [({"a": n % 20}, long[7 * n % 20]) for n in range(200)],
        window=40,
    ),
    "forecaster": LiveStream(LSTMForecaster(hidden_size=6, seed=1), waves, window=40),
    "scores": LiveStream(
        LSTMAnomalyDetector(6, seed=1),
        [({"a": y}, n == 50) for n, y in enumerate(waves)],
        window=40,
    ),
    "texts": LiveStream(LSTMTextClassifier(6, seed=1), text * 40, window=40),
    "pipeline": LiveStream(
        preprocessing.StandardScaler() | LSTMRegressor(6, seed=1),
        [({"a": y}, y) for y in waves],
        window=40,
    ),
    "river": LiveStream(
        preprocessing.StandardScaler() | linear_model.LinearRegression(),
        [({"a": y}, y) for y in waves],
        window=40,
    ),
}

def seen(live):
    run = live.run
    rows, named = list(run.rows), live._feed
    told = {"seq": named.seq, "next": run.steps, "labels": [row.label for row in rows]}
    if run.kind == "classes":
        told["truth"] = [row.target for row in rows]
        told["best"] = [max(row.prediction.values()) if row.prediction else 0 for row in rows]
    else:
        told["prediction"] = [row.prediction for row in rows]
        told["target"] = [None if row.target is None else float(row.target) for row in rows]
    if run.kept:
        cell = run.layers(run.kept)["cell"][:, -1, named.units]
        told["cell"] = [[None if np.isnan(v) else float(v) for v in row] for row in cell]
    return told
"""
# What a page shows of the last steps: its numbers, and the colours of its heatmap's cells.
SHOWN = """(told) => {
    const root = document.querySelector('.lw-live');
    const {store, chart} = root;
    const none = value => Number.isNaN(value) ? null : value;
    const count = told.labels.length;
    const steps = Array.from({length: count}, (_, n) => store.next - count + n);
    const column = name => steps.map(step => none(store.value(name, step)));
    const shown = {seq: store.seq, next: store.next, labels: steps.map(step => store.label(step))};
    if (told.truth) {
        shown.truth = column('truth').map(n => n === null ? null : store.classes[n]);
        shown.best = steps.map(step =>
            Math.max(0, ...store.classes.map((_, n) => store.value(`p${n}`, step) || 0)));
    } else Object.assign(shown, {prediction: column('prediction'), target: column('target')});
    if (!told.cell) return shown;
    const kept = told.cell.length;
    shown.cell = Array.from({length: kept}, (_, n) =>
        store.shown.map((_, row) => none(store.unit('cell', store.next - kept + n, row))));
    const panel = chart.panels.find(each => each.spec.id === 'cell');
    const pen = panel.canvas.getContext('2d');
    const {scene, ratio} = chart;
    const rows = store.shown.length;
    shown.colours = [];
    for (let step = Math.max(scene.first, store.next - kept); step <= scene.last; step++)
        for (let row = 0; row < rows; row++) {
            const value = store.unit('cell', step, row);
            if (Number.isNaN(value) || Math.abs(value) < 0.3 * panel.reach) continue;
            const y = panel.spec.height * (rows - row - 0.5) / rows;
            const [red, , blue] = pen.getImageData(scene.x(step) * ratio, y * ratio, 1, 1).data;
            shown.colours.push(Math.sign(red - blue) === Math.sign(value));
        }
    return shown;
}"""


@pytest.mark.parametrize(
    "kind", ["regressor", "classes", "forecaster", "scores", "texts", "pipeline", "river"]
)
def test_every_column_belongs_to_its_event(kind: str, kinds: Tab) -> None:
    tab = kinds
    tab.kernel_run(f"live = kinds[{kind!r}]\nout.clear_output()\nwith out: display(live)")
    tab.wait("() => document.querySelectorAll('.lw-live').length === 1")
    tab.kernel_run("live.step()")
    compare(tab)
    for _ in range(3):
        tab.page.get_by_role("button", name="Step", exact=True).click()
    wait_for(tab, "live.run.steps >= 4 and live.state", "paused")
    compare(tab)
    tab.kernel_run("live.step(70)")  # more than are kept
    compare(tab)
    tab.kernel_run("live.speed = 100")
    press(tab, PLAY)
    wait_for(tab, "live.run.steps > 90", True)
    press(tab, PAUSE)
    tab.page.locator(PLAY).first.wait_for()
    compare(tab)
    tab.kernel_run("live.close()")


@pytest.mark.slow
def test_two_hundred_updates_a_second_lose_nothing(kinds: Tab) -> None:
    tab = kinds
    tab.kernel_run(
        """
import itertools
endless = (({"a": n % 7, "b": math.sin(n)}, math.sin(n / 9)) for n in itertools.count())
live = LiveStream(LSTMRegressor(32, seed=1), endless, window=3000, speed=200)
out.clear_output()
with out: display(live)"""
    )
    tab.wait("() => document.querySelectorAll('.lw-live').length === 1")
    tab.kernel_run("live.play()")
    tab.page.wait_for_timeout(10_000)
    tab.kernel_run("live.pause()")
    assert tab.kernel_value("live.run.steps") > 1_500
    compare(tab, coloured=False)  # several events share a column
    tab.kernel_run("live.close()")


FARTHEST = """() => {
    const {store, chart} = document.querySelector('.lw-live');
    const wrong = [], all = chart.scene.last - chart.scene.first + 1;
    for (const id of ['cell', 'forget_gate']) {
        const panel = chart.panels.find(each => each.spec.id === id);
        const {width, height} = panel.image;
        const {data} = panel.image.getContext('2d').getImageData(0, 0, width, height);
        const [middle, reach] = id === 'cell' ? [0, panel.reach] : [0.5, 0.5];
        for (let k = 0; k < width; k++) for (let row = 0; row < store.shown.length; row++) {
            const [from, to] = [k, k + 1].map(n => chart.scene.first + Math.floor(n * all / width));
            let farthest = middle;
            for (let step = from; step < to; step++) {
                const value = store.unit(id, step, row);
                if (Math.abs(value - middle) > Math.abs(farthest - middle)) farthest = value;
            }
            const at = ((store.shown.length - 1 - row) * width + k) * 4;
            const above = id === 'cell' ? data[at] > data[at + 2] : data[at + 1] > 145;
            const far = Math.abs(farthest - middle) > 0.3 * reach;
            if (far && above !== farthest > middle) wrong.push([id, k, row, farthest]);
        }
        if (width >= all) wrong.push('every event has a column');
    }
    return wrong;
}"""


def test_where_events_are_more_than_pixels_the_farthest_are_seen(kinds: Tab) -> None:
    tab = kinds
    tab.kernel_run(
        """
live = LiveStream(LSTMRegressor(6, seed=1), [({"a": y}, y) for y in waves] * 20, window=4000)
live.step(4000)
out.clear_output()
with out: display(live)"""
    )
    tab.wait("() => document.querySelector('.lw-live')?.chart.scene?.last === 3999")
    assert tab.page.evaluate(FARTHEST) == []
    tab.kernel_run("live.close()")


def test_a_saved_page_shows_the_same_without_a_kernel(
    kinds: Tab, browser: Browser, tmp_path: Path
) -> None:
    tab = kinds
    path = tmp_path / "saved.html"
    for kind, dark in (("regressor", False), ("classes", True), ("texts", False)):
        tab.kernel_run(f"live = kinds[{kind!r}]\nlive.step(90)\nlive.save_html({str(path)!r})")
        with browser_tab(browser, dark=dark) as saved:
            saved.page.goto(path.as_uri())
            saved.wait("() => document.querySelector('.lw-live')?.chart.scene")
            compare(tab, page=saved)
            saved.page.locator(".lw-canvas").first.hover()
            expect(saved.page.locator(".lw-tip")).to_be_visible()
            expect(saved.page.get_by_role("button", name="Play")).to_be_hidden()
            saved.screenshot(f"saved_{kind}")
            saved.check()


@pytest.fixture(scope="module")
def kinds(lab_server: Server, browser: Browser) -> Iterator[Tab]:
    """Return a notebook in which one widget at a time is shown."""
    with browser_tab(browser, height=1100) as tab:
        shown = "from ipywidgets import Output\nfrom IPython.display import display"
        tab.run_cells(lab_server, [f"{shown}\nout = Output()\nout"])
        tab.kernel_run(KINDS)
        yield tab
        tab.check()
    lab_server.end_kernels()


def compare(tab: Tab, *, page: Tab | None = None, coloured: bool = True) -> None:
    """Compare what a notebook or a page shows with its kernel's numbers, column by column."""
    page = page or tab
    drawn = "step => document.querySelector('.lw-live')?.chart.scene?.last >= step"
    # A pause ends with the event in progress, and a second later the kernel sends all once more.
    for _ in range(10):
        told = tab.kernel_value("seen(live)")
        page.wait(drawn, told["next"] - 1)
        shown = page.page.evaluate(SHOWN, told)
        if page is not tab or shown["seq"] == told["seq"]:  # a saved page gets no more frames
            break
        tab.page.wait_for_timeout(200)
    assert page is not tab or shown["seq"] == told["seq"]
    assert shown["next"] == told["next"]
    for name in told:
        if name in ("labels", "truth"):
            assert shown[name] == told[name]
        elif name not in ("seq", "next"):
            np.testing.assert_allclose(
                np.array(shown[name], float), np.array(told[name], float), rtol=1e-6
            )
    assert all(shown.get("colours", [])) or not coloured
    assert ("cell" in told) <= (len(shown.get("colours", [])) > 0 or told["next"] < 3)


def test_without_its_kernel_a_widget_says_so(lab: Server, tab: Tab) -> None:
    cell = KINDS + "\nlive = kinds['regressor']\nlive.speed = 15\nlive.play()\nlive"
    tab.run_cells(lab, [cell])
    tab.wait("() => document.querySelector('.lw-reading').textContent.includes(' a second')")
    tab.page.evaluate("async () => { await kernel().restart() }")
    tab.wait("() => document.querySelector('.lw-message').textContent.includes('no kernel')")
    assert "a second" not in tab.page.inner_text(".lw-reading")
    assert tab.page.locator(PLAY).first.is_disabled()


@pytest.mark.slow
def test_voila_shows_and_plays_it(browser: Browser) -> None:
    with (
        front_end("voila", NOTEBOOKS) as server,
        browser_tab(browser, width=1000, height=1600, dark=True) as tab,
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
def test_ten_minutes_at_full_speed_leave_memory_flat(lab: Server, tab: Tab) -> None:
    tab.run_cells(
        lab,
        [
            """
import itertools, math, os
from river import datasets
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.widgets import LiveStream
class Endless(list):
    def __iter__(self):
        return itertools.cycle(list(super().__iter__()))
live = LiveStream(LSTMRegressor(seed=1), Endless(datasets.TrumpApproval()), speed=math.inf)
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
        kernel.append(tab.kernel_value("resident()"))
        page.append(tab.page.evaluate("gc(), gc(), performance.memory.usedJSHeapSize / 2**20"))
    told = f"kernel MB {[round(size) for size in kernel]}, page MB {[round(size) for size in page]}"
    assert max(kernel[2:]) < 1.05 * kernel[1] + 5, told
    assert max(page[2:]) < 1.1 * page[1] + 10, told
    assert tab.kernel_value("live.error") == ""
