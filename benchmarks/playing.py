"""A model that learns at full speed in `LiveStream`, beside the same loop without a picture.

In JupyterLab with the widget in view in Debian's chromium: one thread of the kernel predicts and
learns (`LSTMRegressor`, 32 units, River's TrumpApproval over and over), for 1.5 seconds with
the widget and then without, in turn. Meanwhile another client of the same kernel runs `1 + 1`; the
wait is from its request to its answer. The kernel, the server and the browser share two cores.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import truediv
from time import perf_counter, sleep

from jupyter_client import BlockingKernelClient

from tests.browser import CHROMIUM, browser_tab, front_end

from .timing import RATIO, Figure, Target, Targets

ROUNDS = 10
SECONDS = 1.5
ANSWERS = 5
"""Cells run in a round."""

CASE = "hidden 32"
TARGETS: Targets = {
    (CASE, "events a second, with / without"): Target("≥", 0.8),
    (CASE, "wait for 1 + 1"): Target("≤", 100),
}

CELL = """
import itertools, math, time
from river import datasets
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.widgets import LiveStream

events = list(datasets.TrumpApproval())

def bare(seconds):
    source, n, start = itertools.cycle(events), 0, time.perf_counter()
    while time.perf_counter() < start + seconds:
        for _ in range(50):
            x, y = next(source)
            model.predict_one(x)
            model.learn_one(x, y)
        n += 50
    return n / (time.perf_counter() - start)

def played(seconds):
    start, before = time.perf_counter(), live.position
    time.sleep(seconds)
    return (live.position - before) / (time.perf_counter() - start)

model = LSTMRegressor(seed=1)
live = LiveStream(LSTMRegressor(seed=1), itertools.cycle(events), speed=math.inf)
live
"""


def figures() -> Iterator[Figure]:
    """Yield the figures."""
    if CHROMIUM is None:
        print("Left out: Debian's chromium is not installed; `make setup` installs it as root.")
        return
    with_widget, without, waits, idle, frames = [], [], [], [], []
    with front_end("lab") as server, browser_tab(height=1500) as tab:
        tab.run_cells(server, [CELL])
        connection = "from ipykernel.connect import get_connection_file as file; print(file())"
        client = BlockingKernelClient(connection_file=tab.kernel_run(connection).strip())
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        tab.kernel_run("bare(1); live.play()")
        tab.page.wait_for_timeout(3000)
        for _ in range(ROUNDS):
            tab.kernel_run("live.play(); time.sleep(0.3); sent = live.pane.sent")
            with_widget.append(tab.kernel_value(f"played({SECONDS})"))
            frames.append(tab.kernel_value("live.pane.sent - sent") / SECONDS)
            waits += _waits(client)
            tab.kernel_run("live.pause()")
            without.append(tab.kernel_value(f"bare({SECONDS})"))
            idle += _waits(client)
        client.stop_channels()
    ratios = tuple(map(truediv, with_widget, without))
    yield Figure(CASE, "events a second, with / without", RATIO, ratios)
    yield Figure(CASE, "with the widget", "events a second", tuple(with_widget))
    yield Figure(CASE, "without", "events a second", tuple(without))
    yield Figure(CASE, "frames sent", "a second", tuple(frames))
    yield Figure(CASE, "wait for 1 + 1", "ms", tuple(waits))
    yield Figure(CASE, "wait for 1 + 1, nothing played", "ms", tuple(idle))


def _waits(client: BlockingKernelClient) -> list[float]:
    """Return the milliseconds from a request to its answer, for each of some cells."""
    waits = []
    for _ in range(ANSWERS):
        start = perf_counter()
        client.execute_interactive("1 + 1", output_hook=lambda _: None, timeout=30)
        waits.append((perf_counter() - start) * 1e3)
        sleep(0.05)
    return waits
