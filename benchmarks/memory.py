"""From a slider of `MemoryTimeline` to its picture: 128 units, 1,000 steps, four columns, 21 lags.

JupyterLab in Debian's chromium, 1280 x 1500, without a GPU; kernel, server and browser share the
machine. A time is from the event of the control to the animation frame after which the canvases
show what it chose. Thresholds are the page's own work; lags, order and layer are the kernel's. What
is measured without a page is the analysis alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

import torch

from lstmwidgets import LSTM
from lstmwidgets.analysis import Memory, Recording, lagged_correlations
from tests.browser import CHROMIUM, Tab, browser_tab, front_end

from .timing import Figure, Target, Targets

ROUNDS = 15
UNITS, STEPS, COLUMNS, LAGS = 128, 1_000, 4, 20
CASE = f"{UNITS} units, {STEPS:,} steps"

SLIDERS = ("written from", "wiped at", "holds from")
TARGETS: Targets = {
    (CASE, name): Target("≤", 100) for name in (*SLIDERS, "lags up to", "order", "layer")
}

CELL = f"""
import torch
from lstmwidgets import LSTM
from lstmwidgets.widgets import MemoryTimeline

x = torch.randn(1, {STEPS}, {COLUMNS}, generator=torch.Generator().manual_seed(0))
trace = LSTM({COLUMNS}, {UNITS}, num_layers=2).trace(x)
timeline = MemoryTimeline(trace, inputs=x[0], lags={LAGS})
timeline
"""
# Choose a value of a control, and wait until a condition holds of the view and it has been drawn.
CHOOSE = """([selector, value, kind]) => new Promise(resolve => {
    const root = document.querySelector('.lw-memory');
    const {chart} = root;
    const control = root.querySelectorAll(selector.css)[selector.place];
    const {seq} = chart.store, rows = chart.lasting.units.join();
    const shows = {
        lags: () => chart.held.lags === Number(value),
        order: () => chart.lasting.units.join() !== rows,
        layer: () => chart.store.seq > seq,
    }[kind];
    let painted = chart.painted, shown = kind === 'slider';
    const begin = performance.now();
    control.value = value;
    control.dispatchEvent(new Event(kind === 'slider' ? 'input' : 'change', {bubbles: true}));
    const look = () => {
        if (shown && chart.painted > painted) return resolve(performance.now() - begin);
        if (!shown && shows()) [shown, painted] = [true, chart.painted];
        requestAnimationFrame(look);
    };
    look();
})"""
DRAWN = "() => document.querySelector('.lw-memory')?.chart?.scene?.last > 0"


def figures() -> Iterator[Figure]:
    """Yield the figures."""
    yield from _analyses()
    if CHROMIUM is None:
        print("Left out: Debian's chromium is not installed; `make setup` installs it as root.")
        return
    with front_end("lab") as server, browser_tab(width=1280, height=1500) as tab:
        tab.run_cells(server, [CELL])
        tab.wait(DRAWN)
        tab.page.wait_for_timeout(1500)
        for place, name in enumerate(SLIDERS):
            css = ".lw-thresholds input"
            yield _times(tab, name, css, place, "slider", [0.3, 0.6])
        yield _times(tab, "lags up to", ".lw-lags", 0, "lags", [19, 20])
        yield _times(tab, "order", ".lw-controls select", 0, "order", ["number", "half-life"])
        yield _times(tab, "layer", ".lw-controls select", 1, "layer", ["0", "1"])


def _times(
    tab: Tab, name: str, css: str, place: int, kind: str, values: list[float] | list[str]
) -> Figure:
    """Choose one value after the other, and return how long each took to be seen."""
    times = []
    for n in range(ROUNDS):
        choice = [{"css": css, "place": place}, str(values[n % 2]), kind]
        times.append(float(tab.page.evaluate(CHOOSE, choice)))
        tab.page.wait_for_timeout(100)
    return Figure(CASE, name, "ms", tuple(times))


def _analyses() -> Iterator[Figure]:
    x = torch.randn(1, STEPS, COLUMNS, generator=torch.Generator().manual_seed(0))
    recording = Recording.from_trace(LSTM(COLUMNS, UNITS).trace(x))
    columns = {str(n): x[0, :, n].numpy() for n in range(COLUMNS)}
    cells = recording.layers["cell"][:, 0]
    memory = Memory.of(recording)
    calls = {
        "half-lives, without a page": lambda: Memory.of(recording),
        "events, without a page": memory.events,
        "correlations, without a page": lambda: lagged_correlations(cells, columns, LAGS),
    }
    for name, call in calls.items():
        times = []
        for _ in range(ROUNDS):
            begin = perf_counter()
            call()
            times.append((perf_counter() - begin) * 1e3)
        yield Figure(CASE, name, "ms", tuple(times))
