"""The pane in a real browser shows what the kernel holds, and hands back what is done there."""

from __future__ import annotations

import io
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
from bokeh.models import HoverTool
from bokeh.plotting import figure
from PIL import Image

from lstmwidgets.widgets.pane import Pane

from .browser import Server, Tab, front_end, need_chromium, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("pane")]

PICTURE = """
import threading, time
import ipywidgets
import numpy as np
from bokeh.events import Tap
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, Title
from bokeh.plotting import figure
from lstmwidgets.widgets.pane import Pane

lines = ColumnDataSource({"t": [], "a": [], "b": []}, name="lines")
heat = ColumnDataSource({"image": [np.zeros((8, 20), "f4")]}, name="heat")
top = figure(height=200, width=700, name="top", title="0", toolbar_location=None)
top.image("image", source=heat, x=0, y=0, dw=20, dh=8, palette="Viridis256")
bottom = figure(height=200, width=700, name="bottom", toolbar_location=None)
bottom.line("t", "a", source=lines)
bottom.line("t", "b", source=lines, color="orange")
pane = Pane(column(top, bottom))

random = np.random.default_rng(0)
count = 0
def advance(rollover=300):
    global count
    count += 1
    with pane:
        lines.stream({"t": [count], "a": random.normal(size=1), "b": [np.nan]}, rollover)
        place = (0, slice(0, 8), slice(count % 20, count % 20 + 1))
        heat.patch({"image": [(place, random.normal(size=8).astype("f4"))]})
        top.title.text = str(count)

stop = threading.Event()
def play():
    while not stop.is_set():
        advance()
        time.sleep(0.02)
def start():
    global player
    stop.clear()
    player = threading.Thread(target=play, daemon=True)
    player.start()
def end():
    stop.set()
    player.join()

def state():
    image = heat.data["image"][0].ravel()
    numbers = {name: [float(x) for x in lines.data[name]] for name in lines.data}
    return {**numbers, "image": [float(x) for x in image], "title": top.title.text}
"""
STATES = """() => models('lines').map((lines, n) => ({
    ...Object.fromEntries(Object.entries(lines.data).map(([key, x]) => [key, Array.from(x)])),
    image: Array.from(models('heat')[n].data.image[0]),
    title: models('top')[n].title.text,
}))"""


def different(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what differs, page's and kernel's, compared to the bit; NaN equals NaN."""
    return {
        name: (found[name], wanted[name])
        for name in ("title", "t", "a", "b", "image")
        if not np.array_equal(found[name], wanted[name], equal_nan=name != "title")
    }


def assert_same(tab: Tab, views: int = 1) -> None:
    """Give the page time, then compare each of its views with the kernel."""
    wanted = tab.kernel_value("state()")
    deadline = monotonic() + 60
    while True:
        states = tab.page.evaluate(STATES)
        differences = [different(found, wanted) for found in states]
        if (len(states) == views and not any(differences)) or monotonic() > deadline:
            break
        sleep(0.05)
    assert len(states) == views
    assert not any(differences), f"page and kernel differ: {differences}"


def wait_for_views(tab: Tab, views: int = 1, points: int = 0) -> None:
    condition = """([views, points]) => models('lines').length === views
        && models('lines').every(lines => lines.get_length() >= points)"""
    tab.wait(condition, [views, points])
    tab.page.locator(".bk-Figure").first.wait_for()


def drag(tab: Tab, begin: tuple[float, float], end: tuple[float, float]) -> None:
    mouse = tab.page.mouse
    mouse.move(*begin)
    mouse.down()
    mouse.move(*end, steps=8)
    mouse.up()


def brightness(tab: Tab) -> float:
    """Return how bright the border of the first figure is, from 0 to 1."""
    corner = tab.page.locator(".bk-Figure").first.bounding_box()
    if corner is None:
        return -1.0
    clip = {"x": corner["x"] + 2, "y": corner["y"] + 2, "width": 4, "height": 4}
    png = tab.page.screenshot(clip=clip)  # type: ignore[arg-type]
    return float(np.mean(np.asarray(Image.open(io.BytesIO(png)).convert("L")))) / 255


def wait_for_brightness(tab: Tab, low: float, high: float) -> None:
    deadline = monotonic() + 60
    while not low <= brightness(tab) <= high and monotonic() < deadline:
        sleep(0.1)
    assert low <= brightness(tab) <= high


def test_what_changes_arrives_and_is_painted(lab: Server, tab: Tab) -> None:
    tab.run_cells(lab, [PICTURE, "pane"])
    wait_for_views(tab)
    tab.page.wait_for_timeout(500)
    before = [plot.screenshot() for plot in tab.page.locator(".bk-Figure").all()]
    tab.kernel_run("for _ in range(50): advance()")
    wait_for_views(tab, points=50)
    assert_same(tab)
    tab.page.wait_for_timeout(500)
    after = [plot.screenshot() for plot in tab.page.locator(".bk-Figure").all()]
    assert len(after) == 2
    assert before[0] != after[0]
    assert before[1] != after[1]


@pytest.mark.slow
def test_late_views_and_reloads_while_a_thread_streams(lab: Server, tab: Tab) -> None:
    late = ["time.sleep(1)", "pane", "time.sleep(1)", "ipywidgets.VBox([pane])"]
    tab.run_cells(lab, [PICTURE, "start()\npane", *late])
    wait_for_views(tab, views=3, points=20)
    tab.page.wait_for_timeout(1000)
    tab.kernel_run("end()")
    assert_same(tab, views=3)
    tab.kernel_run("start()")
    tab.reload()
    wait_for_views(tab, views=3, points=20)
    tab.page.wait_for_timeout(1000)
    tab.kernel_run("end()")
    assert_same(tab, views=3)
    assert tab.kernel_value("pane.views") == 3
    times = tab.page.evaluate("() => Array.from(models('lines')[0].data.t)")
    assert np.all(np.diff(times) == 1)


def test_whatever_order_changes_come_in_the_page_is_right(lab: Server, tab: Tab) -> None:
    fuzz = """
    titles = [top.title, Title(text="a"), Title(text="b")]
    def change(r):
        n = len(lines.data["t"])
        kind = r.integers(12)
        if kind < 3:
            lines.stream({name: r.normal(size=2) for name in "tab"}, 40)
        elif kind == 3:
            lines.data = {name: r.normal(size=7) for name in "tab"}
        elif kind == 4:
            lines.data["b"] = r.normal(size=n)
        elif kind == 5 and n:
            lines.patch({"a": [(int(r.integers(n)), float(r.normal()))]})
        elif kind == 6:
            place = (0, slice(0, 8), slice(2, 3))
            heat.patch({"image": [(place, r.normal(size=8).astype("f4"))]})
        elif kind == 7:
            heat.data = {"image": [r.normal(size=(8, 20)).astype("f4")]}
        elif kind == 8:
            titles[r.integers(3)] = Title(text=str(r.integers(1000)))
        elif kind == 9:
            top.title = titles[r.integers(3)]
        else:
            titles[r.integers(3)].text = str(r.integers(1000))
    def fuzz(seed):
        r = np.random.default_rng(seed)
        for _ in range(r.integers(5, 100)):
            with pane:
                change(r)
            if r.integers(6) == 0:
                time.sleep(r.uniform(0, 0.03))
    """
    back = """
    def bring_back(between):
        first, other = top.title, Title(text="other")
        first.text = "as it was"
        between()
        top.title = other
        between()
        first.text = "as it is"
        top.title = first
        between()
    """
    tab.run_cells(lab, [PICTURE, textwrap.dedent(fuzz), textwrap.dedent(back), "pane"])
    wait_for_views(tab)
    tab.kernel_run("with pane: bring_back(lambda: None)")  # in one message
    assert_same(tab)
    tab.kernel_run("bring_back(pane.flush)")  # in messages that come in one frame
    assert_same(tab)
    for seed in range(25):
        tab.kernel_run(f"t = threading.Thread(target=fuzz, args=[{seed}]); t.start(); t.join()")
        assert_same(tab)


def test_an_array_may_be_used_again_before_it_was_sent(lab: Server, tab: Tab) -> None:
    again = """
    buffer = np.zeros(8, "f4")
    lines.stream({"t": [0.0], "a": [0.0], "b": [0.0]})  # Bokeh itself keeps an array that is first
    for n in range(12):
        buffer[:] = n + 1
        lines.stream({"t": buffer[:1], "a": buffer[:1], "b": buffer[:1]})
        heat.patch({"image": [((0, slice(0, 8), slice(n, n + 1)), buffer)]})
    """
    tab.run_cells(lab, [PICTURE, "pane"])
    wait_for_views(tab)
    tab.kernel_run(textwrap.dedent(again))
    assert_same(tab)


def test_a_flood_becomes_a_few_messages_and_nothing_is_lost(lab: Server, tab: Tab) -> None:
    tab.run_cells(lab, [PICTURE, "pane"])
    wait_for_views(tab)
    before = tab.page.evaluate("() => counted.received")
    begin = monotonic()
    tab.kernel_run("for _ in range(3000): advance(10_000)")
    assert_same(tab)
    frames = 25 * (monotonic() - begin)
    assert tab.page.evaluate("() => models('lines')[0].get_length()") == 3000
    # Beside the frames: what the kernel says of running the code, and of what it printed.
    assert tab.page.evaluate("() => counted.received") - before <= frames + 30


@pytest.mark.slow
def test_a_busy_kernel_paints_and_moves(lab: Server, tab: Tab) -> None:
    sleeping = "() => document.querySelectorAll('.jp-InputPrompt')[2].textContent === '[*]:'"
    tab.run_cells(lab, [PICTURE, "start()\npane", "time.sleep(15)"], wait=False)
    tab.wait("() => models('lines')[0]?.get_length() > 0")
    tab.page.locator(".bk-Figure").first.wait_for()
    at = tab.page.evaluate("() => models('lines')[0].data.t.at(-1)")
    before = tab.page.locator(".bk-Figure").first.screenshot()
    tab.wait("at => models('lines')[0].data.t.at(-1) > at + 20", at)
    tab.page.wait_for_timeout(300)
    assert tab.page.locator(".bk-Figure").first.screenshot() != before
    assert tab.page.evaluate(sleeping)
    tab.kernel_run("end()")  # waits for the cell
    assert_same(tab)


def test_the_picture_follows_the_theme(lab: Server, tab: Tab) -> None:
    change = "name => jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
    tab.run_cells(lab, [PICTURE])
    tab.page.evaluate(change, "JupyterLab Dark")
    try:
        tab.wait("() => document.body.dataset.jpThemeLight === 'false'")
        tab.kernel_run("")
        tab.page.evaluate(
            """async () => {
                const {context} = jupyterapp.shell.currentWidget;
                context.model.sharedModel.addCell({cell_type: 'code', source: 'pane'});
                await jupyterapp.commands.execute('notebook:run-all-cells');
            }"""
        )
        wait_for_views(tab)
        wait_for_brightness(tab, 0.05, 0.3)
        tab.kernel_run("for _ in range(40): advance()")
        tab.page.wait_for_timeout(500)
        tab.screenshot("dark")
    finally:
        tab.page.evaluate(change, "JupyterLab Light")
    wait_for_brightness(tab, 0.9, 1)
    assert_same(tab)


def test_panes_share_one_copy_of_bokehjs(lab: Server, tab: Tab) -> None:
    second = (
        "other = figure(height=150, name='other'); other.line([1, 2], [1, 2]); two = Pane(other)"
    )
    tab.run_cells(lab, [PICTURE, second, "pane", "two"])
    wait_for_views(tab)
    tab.wait("() => models('other').length === 1")
    assert tab.page.locator(".bk-Figure").count() == 3


def test_a_closed_pane_leaves_nothing(lab: Server, tab: Tab) -> None:
    comms = """
    import comm
    from lstmwidgets.widgets.pane import _shared_library
    def comms():
        return set(comm.get_comm_manager().comms)
    _shared_library()  # stays for the next pane
    before = comms()
    """
    tab.run_cells(lab, [textwrap.dedent(comms), PICTURE, "pane"])
    wait_for_views(tab)
    assert tab.kernel_value("len(comms() - before)") > 0
    tab.kernel_run("pane.close()")
    tab.wait("() => models('lines').length === 0")
    assert tab.page.locator(".bk-Figure").count() == 0
    assert tab.kernel_value("len(comms() - before)") == 0
    tab.kernel_run("advance()")  # the data may live on


def test_deleting_the_cell_ends_its_view(lab: Server, tab: Tab) -> None:
    tab.run_cells(lab, [PICTURE, "pane", "pane"])
    wait_for_views(tab, views=2)
    assert tab.kernel_value("pane.views") == 2
    delete = "() => jupyterapp.commands.execute('notebook:delete-cell')"
    tab.page.evaluate(delete)
    tab.kernel_run("for _ in range(5): advance()")
    assert_same(tab)
    assert tab.kernel_value("pane.views") == 1


POINTS = """
points = ColumnDataSource({"x": [1, 2, 3], "y": [1, 2, 3]}, name="points")
plot = figure(
    height=300, width=500, x_range=(0, 4), y_range=(0, 4), name="plot",
    tools="box_select,pan,tap,wheel_zoom,reset", active_drag=DRAG, active_scroll="wheel_zoom",
)
plot.scatter("x", "y", source=points, size=12)
pane, heard = Pane(plot), []
points.selected.on_change("indices", lambda attr, old, new: heard.append(list(new)))
plot.on_event(Tap, lambda event: heard.append([round(event.x, 1), round(event.y, 1)]))
"""


def open_points(lab: Server, tab: Tab, drag: str, more: str = "") -> None:
    tab.run_cells(lab, [PICTURE, POINTS.replace("DRAG", repr(drag)), more, "pane"])
    tab.wait("() => models('plot').length === 1 && Bokeh.index.find_one(models('plot')[0])")
    tab.wait_until_still("plot")


def wait_for_kernel(tab: Tab, expression: str, wanted: Any) -> None:
    deadline = monotonic() + 60
    while tab.kernel_value(expression) != wanted and monotonic() < deadline:
        sleep(0.1)
    assert tab.kernel_value(expression) == wanted


def test_selections_and_taps_reach_python_and_are_not_echoed(lab: Server, tab: Tab) -> None:
    open_points(lab, tab, "box_select")
    patches = tab.kernel_value("pane._seq")
    tab.page.mouse.click(*tab.spot("plot", 2, 2))
    wait_for_kernel(tab, "sorted(heard)", [[1], [2.0, 2.0]])
    drag(tab, tab.spot("plot", 1.5, 1.5), tab.spot("plot", 3.5, 3.5))
    wait_for_kernel(tab, "points.selected.indices", [1, 2])
    assert tab.kernel_value("pane._seq") == patches
    assert tab.page.evaluate("() => models('points')[0].selected.indices") == [1, 2]
    tab.kernel_run("points.selected.indices = [0]")
    tab.wait("() => models('points')[0].selected.indices.join() === '0'")


def test_pan_and_zoom_reach_python_and_are_not_echoed(lab: Server, tab: Tab) -> None:
    open_points(lab, tab, "pan")
    patches = tab.kernel_value("pane._seq")
    drag(tab, tab.spot("plot", 2, 2), tab.spot("plot", 1, 2))
    wait_for_kernel(tab, "[round(plot.x_range.start, 1), round(plot.x_range.end, 1)]", [1, 5])
    tab.page.mouse.move(*tab.spot("plot", 3, 2))
    tab.page.mouse.wheel(0, -300)
    tab.page.wait_for_timeout(1000)
    ends = "[plot.x_range.start, plot.x_range.end, plot.y_range.start, plot.y_range.end]"
    start, end, *_ = inside = tab.kernel_value(ends)
    assert 1 < start < 3 < end < 5
    page = """() => {
        const {x_range, y_range} = models('plot')[0];
        return [x_range.start, x_range.end, y_range.start, y_range.end];
    }"""
    assert tab.page.evaluate(page) == inside
    assert tab.kernel_value("pane._seq") == patches


SEND = """([id, content]) => {
    const channel = kernel();
    channel.sendShellMessage({
        header: {
            msg_id: String(Math.random()), msg_type: 'comm_msg', session: channel.clientId,
            username: channel.username, date: new Date().toISOString(), version: '5.3',
        },
        parent_header: {}, metadata: {}, channel: 'shell', buffers: [],
        content: {comm_id: id, data: {method: 'custom', content}},
    }, false, false);
}"""


def test_nonsense_and_a_failing_callback_do_not_end_the_pane(lab: Server, tab: Tab) -> None:
    failing = "def fail(attr, old, new): raise ValueError('on purpose')\n"
    open_points(lab, tab, "pan", failing + "points.selected.on_change('indices', fail)")
    comm = tab.kernel_value("pane.comm.comm_id")
    change = {"type": "change", "view": "x", "ids": []}
    unknown = {"kind": "ModelChanged", "model": {"id": "p0"}, "attr": "x", "new": 1}
    for nonsense in (
        {},
        {"type": "x", "view": "y"},
        {"type": "hello"},
        {"type": "need", "view": "x"},
        "text",
        None,
        [1, 2],
        {**change, "events": "{"},
        {**change, "events": "[1]"},
        {**change, "events": "[{}]"},
        {**change, "events": f"[{json.dumps(unknown)}]"},
        {**change, "events": json.dumps([{**unknown, "model": None}])},
        {**change, "events": json.dumps([{**unknown, "kind": "Unheard"}])},
        {**change, "events": "[]", "ids": ["a", "b"]},
    ):
        tab.page.evaluate(SEND, [comm, nonsense])
    tab.page.mouse.click(*tab.spot("plot", 2, 2))
    wait_for_kernel(tab, "points.selected.indices", [1])
    wait_for_kernel(tab, "sorted(heard)", [[1], [2.0, 2.0]])
    tab.kernel_run("points.stream({'x': [3.5], 'y': [1]})")
    tab.wait("() => models('points')[0].get_length() === 4")
    tab.wait_until_still("plot")  # the ranges follow when they are drawn
    tab.page.mouse.click(*tab.spot("plot", 3.5, 1))
    wait_for_kernel(tab, "points.selected.indices", [3])


@pytest.fixture
def voila(tmp_path: Path) -> Iterator[Server]:
    """Return a Voilà that serves one notebook, whose pane gets forty points."""
    need_chromium()
    forty = "def forty():\n    for _ in range(40):\n        advance()\n        time.sleep(0.05)\n"
    go = "threading.Thread(target=forty, daemon=True).start()\npane"
    write_notebook(tmp_path / "picture.ipynb", [PICTURE, forty + go])
    with front_end("voila", tmp_path) as server:
        yield server


def test_voila_shows_a_pane(voila: Server, tab: Tab) -> None:
    tab.page.goto(f"{voila.url}/voila/render/picture.ipynb")
    tab.wait("() => models('lines')[0]?.get_length() === 40", timeout=90)
    assert tab.page.locator(".bk-Figure").count() == 2
    state = tab.page.evaluate(STATES)[0]
    assert state["t"] == [*range(1, 41)]
    assert state["title"] == "40"


def test_a_saved_page_zooms_and_hovers_offline(tab: Tab, tmp_path: Path) -> None:
    plot = figure(
        height=300, width=500, x_range=(0, 4), y_range=(0, 4), name="plot",
        tools="pan,wheel_zoom", active_scroll="wheel_zoom",
    )  # fmt: skip
    plot.add_tools(HoverTool(tooltips="this is @y"))
    plot.scatter([1, 2, 3], [1, 2, 3], size=20)
    path = tmp_path / "picture.html"
    pane = Pane(plot)
    pane.save_html(path)
    pane.close()
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.page.goto(path.as_uri())
    tab.wait("() => window.Bokeh?.documents[0]?.is_idle")
    tab.page.mouse.move(*tab.spot("plot", 2, 2))
    tab.page.get_by_text("this is 2").wait_for()
    tab.page.mouse.wheel(0, -300)
    tab.wait("() => models('plot')[0].x_range.end - models('plot')[0].x_range.start < 3.9")
    assert asked == [path.as_uri()]
