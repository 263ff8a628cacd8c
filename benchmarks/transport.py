"""A live Bokeh picture on its way to the page: our pane beside jupyter_bokeh's `BokehModel`.

Both show the same picture in one notebook of JupyterLab in Debian's chromium, and are played in
turn by a thread of the kernel: a 64 x 200 heatmap of which an update patches one column, and two
lines to which it adds a point each, 500 points at most. Rows say what came through the kernel's
socket for an update, and what it cost the kernel; how many updates and drawn frames a second the
page got while it was played; and, once all was quiet, how many updates the page never saw, and how
many of its numbers were not those of the kernel.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from operator import truediv
from time import monotonic
from typing import Any

from tests.browser import CHROMIUM, Tab, browser_tab, front_end

from .timing import RATIO, Figure, Target, Targets

PANE, BOKEH_MODEL = "pane", "BokehModel"
RATES = (20, 50, 100, 200)
REPEATS = 3
SECONDS = 2.0
"""How long a picture is played."""

MESSAGES, CPU = "messages", "kernel"
UNITS = {
    MESSAGES: "an update",
    CPU: "CPU ms an update",
    "to the page": "kB an update",
    "from the page": "kB an update",
    "updates seen": "a second",
    "frames drawn": "a second",
    "updates never seen": "in all",
    "wrong in the end": "numbers",
}

TARGETS: Targets = {
    **{(f"{rate}/s", f"{MESSAGES}, {BOKEH_MODEL} / {PANE}"): Target("≥", 5) for rate in RATES},
    **{(f"{rate}/s", f"{CPU}, {BOKEH_MODEL} / {PANE}"): Target("≥", 3) for rate in RATES},
    ("200/s", f"updates never seen, {PANE}"): Target("≤", 0),
    ("200/s", f"wrong in the end, {PANE}"): Target("≤", 0),
}

CELLS = [
    """
import threading, time
from contextlib import nullcontext
import numpy as np
from bokeh.io import output_notebook
from bokeh.layouts import column
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure
from bokeh.resources import INLINE
from jupyter_bokeh import BokehModel
from lstmwidgets.widgets.pane import Pane

output_notebook(INLINE, hide_banner=True)  # without it BokehModel asks a CDN for BokehJS
random = np.random.default_rng(0)

class Picture:
    def __init__(self, name, widget):
        self.heat = ColumnDataSource(name=f"{name} heat")
        self.lines = ColumnDataSource(name=f"{name} lines")
        self.reset()
        options = {"width": 700, "height": 220, "toolbar_location": None}
        top, bottom = figure(**options), figure(**options)
        top.image("image", source=self.heat, x=0, y=0, dw=200, dh=64, palette="Viridis256")
        bottom.line("t", "a", source=self.lines)
        bottom.line("t", "b", source=self.lines, color="orange")
        self.widget = widget(column(top, bottom))
        self.together = self.widget if widget is Pane else nullcontext()

    def reset(self):
        self.heat.data = {"image": [np.zeros((64, 200), "f4")]}
        self.lines.data = {"t": np.zeros(1), "a": np.zeros(1), "b": np.zeros(1)}

    def advance(self, n):
        a, b = random.normal(size=(2, 1))
        place = (0, slice(0, 64), slice(n % 200, n % 200 + 1))
        with self.together:
            self.lines.stream({"t": [n], "a": a, "b": b}, 500)
            self.heat.patch({"image": [(place, random.normal(size=64).astype("f4"))]})

    def play(self, rate, updates):
        cpu, start = time.process_time(), time.perf_counter()
        for n in range(1, updates + 1):
            self.advance(n)
            time.sleep(max(0, start + n / rate - time.perf_counter()))
        time.sleep(1)  # what the page answers is part of the cost
        self.cpu = time.process_time() - cpu

    def numbers(self):
        parts = [*(self.lines.data[name] for name in "tab"), self.heat.data["image"][0].ravel()]
        return [np.asarray(part, float).tolist() for part in parts]

pictures = {"pane": Picture("pane", Pane), "BokehModel": Picture("BokehModel", BokehModel)}
""",
    "pictures['pane'].widget",
    "pictures['BokehModel'].widget",
]

WATCH = """name => {
    const seen = new Set();
    window.watched = seen;
    const look = () => {
        for (const t of models(name + ' lines')[0].data.t) seen.add(t);
        if (window.watched === seen) requestAnimationFrame(look);
    };
    look();
}"""
READING = "() => ({...counted, seen: watched.size})"
NUMBERS = """name => {
    const {t, a, b} = models(name + ' lines')[0].data;
    return [t, a, b, models(name + ' heat')[0].data.image[0]].map(part => Array.from(part));
}"""
BLANK = "name => models(name + ' lines')[0]?.data.t.join() === '0'"


def figures() -> Iterator[Figure]:
    """Yield the figures, one rate after another."""
    if CHROMIUM is None:
        print("Left out: Debian's chromium is not installed; `make setup` installs it as root.")
        return
    samples: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    with front_end("lab") as server, browser_tab(height=1800, counting=True) as tab:
        tab.run_cells(server, CELLS)
        for _ in range(REPEATS):
            for rate in RATES:
                for name in (BOKEH_MODEL, PANE):
                    for quantity, value in _play(tab, name, rate).items():
                        samples[quantity, rate, name].append(value)
    for rate in RATES:
        case = f"{rate}/s"
        for quantity in (MESSAGES, CPU):
            pairs = (samples[quantity, rate, BOKEH_MODEL], samples[quantity, rate, PANE])
            name = f"{quantity}, {BOKEH_MODEL} / {PANE}"
            yield Figure(case, name, RATIO, tuple(map(truediv, *pairs)))
        for quantity, unit in UNITS.items():
            for name in (PANE, BOKEH_MODEL):
                values = tuple(samples[quantity, rate, name])
                yield Figure(case, f"{quantity}, {name}", unit, values)


def _play(tab: Tab, name: str, rate: int) -> dict[str, float]:
    """Play a picture once; return each quantity."""
    updates = round(rate * SECONDS)
    tab.kernel_run(f"picture = pictures[{name!r}]; picture.reset()")
    tab.wait(BLANK, name)
    tab.page.evaluate(WATCH, name)
    before = tab.page.evaluate(READING)
    start = monotonic()
    tab.kernel_run(
        f"player = threading.Thread(target=picture.play, args=({rate}, {updates})); player.start()"
    )
    tab.page.wait_for_timeout((SECONDS - (monotonic() - start)) * 1000)
    during = tab.page.evaluate(READING)
    seconds = monotonic() - start
    after = _quiet(tab)
    tab.kernel_run("player.join()")
    wanted, found = tab.kernel_value("picture.numbers()"), tab.page.evaluate(NUMBERS, name)
    return {
        MESSAGES: (after["received"] - before["received"]) / updates,
        "to the page": (after["receivedBytes"] - before["receivedBytes"]) / updates / 1e3,
        "from the page": (after["sentBytes"] - before["sentBytes"]) / updates / 1e3,
        CPU: tab.kernel_value("picture.cpu") / updates * 1e3,
        "updates seen": (during["seen"] - before["seen"]) / seconds,
        "frames drawn": (during["frames"] - before["frames"]) / seconds,
        "updates never seen": updates - (after["seen"] - before["seen"]),
        "wrong in the end": sum(map(_differences, wanted, found)),
    }


def _quiet(tab: Tab) -> dict[str, Any]:
    """Wait until nothing has come for a second; return the counts of then."""
    reading: dict[str, Any] = tab.page.evaluate(READING)
    while True:
        tab.page.wait_for_timeout(1000)
        before, reading = reading, tab.page.evaluate(READING)
        if reading["received"] == before["received"]:
            return reading


def _differences(wanted: list[float], found: list[float]) -> int:
    """Count the places where two columns differ, those that only one has included."""
    pairs = zip(wanted, found, strict=False)
    return abs(len(wanted) - len(found)) + sum(a != b for a, b in pairs)
