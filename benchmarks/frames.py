"""Frames that widgets paint in a page, beside bare canvases that show the same numbers.

JupyterLab in Debian's chromium, 1280 x 1500, without a GPU; kernel, server and browser share the
machine. A frame is an animation frame of the page in which a canvas got an image. Of each case a
round plays bare canvases and then the widgets in the same page, four seconds each, so that the
ratio is of one machine's one mood. "events" at full speed are those that the widget's thread
learns (`LSTMRegressor`, 32 units, River's TrumpApproval over and over), beside the same loop bare.
The wait is another client's for `1 + 1`, while the widget plays at full speed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from operator import truediv
from pathlib import Path
from time import perf_counter, sleep

from jupyter_client import BlockingKernelClient

from tests.browser import CHROMIUM, Tab, browser_tab, front_end

from .timing import RATIO, Figure, Target, Targets

ROUNDS = 4
SECONDS = 4.0
ANSWERS = 8

USUAL, FULL, WIDE = "60 events a second", "full speed", "2 x 256 units, 60 a second"
TWO, FOLLOWED = "two LiveStreams, 20 a second each", "with inspector and heatmap"
TARGETS: Targets = {
    (USUAL, "frames, widget / canvas"): Target("≥", 0.8),
    (FULL, "frames, widget / canvas"): Target("≥", 0.5),
    (FULL, "events, widget / bare loop"): Target("≥", 0.85),
    (FULL, "wait for 1 + 1"): Target("≤", 100),
    (WIDE, "frames"): Target("≥", 15),
    (TWO, "frames"): Target("≥", 15),
    (FOLLOWED, "frames"): Target("≥", 15),
}

ROOT = Path(__file__).parent.parent

# Few lines: what is out of view is not painted.
SETUP = f"""
import math, sys, time
sys.path.insert(0, {str(ROOT)!r})
from benchmarks.bare_canvas import BareCanvas
from benchmarks.played import BareLoop, Endless, regressor, stream
from lstmwidgets.widgets import CellInspector, StateHeatmap
canvas, bare = BareCanvas(regressor(), Endless()), BareLoop()
"""
CASES = {
    USUAL: ("live = stream(); live", "live.speed = 60"),
    FULL: ("live = stream(); live", "live.speed = math.inf"),
    WIDE: (
        "live = stream(hidden_size=256, num_layers=2); look = CellInspector(live); live",
        "live.speed = 60",
    ),
    TWO: (
        "import ipywidgets; live, other = stream(), stream(); ipywidgets.VBox([live, other])",
        "live.speed = other.speed = 20; other.play()",
    ),
    FOLLOWED: (
        "import ipywidgets; live = stream();"
        "ipywidgets.VBox([live, CellInspector(live), StateHeatmap(live)])",
        "live.speed = 20",
    ),
}


def figures() -> Iterator[Figure]:
    """Yield the figures."""
    if CHROMIUM is None:
        print("Left out: Debian's chromium is not installed; `make setup` installs it as root.")
        return
    for case, (cell, play) in CASES.items():
        with front_end("lab") as server, browser_tab(width=1280, height=1500, counting=True) as tab:
            tab.run_cells(server, [SETUP, "canvas", cell])
            tab.page.wait_for_timeout(1500)
            yield from _case(case, tab, play)


def _case(case: str, tab: Tab, play: str) -> Iterator[Figure]:
    canvas, frames, events, bare, waits = [], [], [], [], []
    full = case == FULL
    with _client(tab) as client:
        tab.kernel_run("live.step(310); bare.learned(1)")
        for _ in range(ROUNDS):
            tab.kernel_run(f"canvas.play({'' if full else 60})")
            canvas.append(_painted(tab))
            tab.kernel_run(f"canvas.pause(); {play}; live.play()")
            before = tab.kernel_value("[live.run.events, time.perf_counter()]")
            frames.append(_painted(tab))
            after = tab.kernel_value("[live.run.events, time.perf_counter()]")
            events.append((after[0] - before[0]) / (after[1] - before[1]))
            waits += _waits(client) if full else []
            tab.kernel_run("live.pause()" + ("; other.pause()" if case == TWO else ""))
            bare += [tab.kernel_value(f"bare.learned({SECONDS / 2})")] if full else []
    yield Figure(case, "frames, widget / canvas", RATIO, tuple(map(truediv, frames, canvas)))
    yield Figure(case, "frames", "a second", tuple(frames))
    yield Figure(case, "frames of the canvas", "a second", tuple(canvas))
    if full:
        yield Figure(case, "events, widget / bare loop", RATIO, tuple(map(truediv, events, bare)))
        yield Figure(case, "events", "a second", tuple(events))
        yield Figure(case, "wait for 1 + 1", "ms", tuple(waits))


def _painted(tab: Tab) -> float:
    """Return the frames a second that the page paints now, once things have settled."""
    tab.page.wait_for_timeout(1500)
    count = "() => [counted.frames, performance.now()]"
    before = tab.page.evaluate(count)
    tab.page.wait_for_timeout(1000 * SECONDS)
    after = tab.page.evaluate(count)
    return float((after[0] - before[0]) / (after[1] - before[1]) * 1e3)


@contextmanager
def _client(tab: Tab) -> Iterator[BlockingKernelClient]:
    """Connect to the notebook's kernel, beside the page."""
    connection = "from ipykernel.connect import get_connection_file as file; print(file())"
    client = BlockingKernelClient(connection_file=tab.kernel_run(connection).strip())
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield client
    client.stop_channels()


def _waits(client: BlockingKernelClient) -> list[float]:
    """Return the milliseconds from a request to its answer, for each of some cells."""
    waits = []
    for _ in range(ANSWERS):
        start = perf_counter()
        client.execute_interactive("1 + 1", output_hook=lambda _: None, timeout=30)
        waits.append((perf_counter() - start) * 1e3)
        sleep(0.05)
    return waits
