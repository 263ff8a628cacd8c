"""The widgets that every front end shows: how a cell makes each, and how one works its controls."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Locator, expect

IMPORTS = """
from random import Random
from river import datasets
from lstmwidgets.online import LSTMClassifier, LSTMRegressor, LSTMTextClassifier
from lstmwidgets.widgets import CellInspector, LiveStream, StateHeatmap"""


@dataclass(frozen=True)
class Shown:
    """A widget in a page.

    Attributes
    ----------
    name : str
        Its variable.
    code : str
        What makes it.
    root : str
        Selector of its element.
    work : callable
        Works its controls, and checks that the page shows that.
    waits : str
        Selector of a control that needs a kernel.
    """

    name: str
    code: str
    root: str
    work: Callable[[Locator], None]
    waits: str


def play(root: Locator) -> None:
    """Step, play and pause a live stream of which 100 events have gone through."""
    root.get_by_role("button", name="Step", exact=True).click()
    expect(root).to_contain_text("101 of 1,268 events")
    root.get_by_role("button", name="Play").click()
    expect(root).to_contain_text(re.compile(r"(1[1-9]|[2-9]\d)\d of 1,268 events"))
    root.get_by_role("button", name="Pause").click()
    root.get_by_role("button", name="Play").wait_for()


def look(root: Locator) -> None:
    """Go a step back in an inspector, and to the lower layer, then up again."""
    root.get_by_role("button", name="One step back").click()
    expect(root).to_contain_text("11 of 12")
    root.locator(".lw-layer").select_option("1")
    root.get_by_role("button", name="One unit").click()
    expect(root).to_contain_text("of 8")
    root.get_by_role("button", name="Whole layer").click()
    expect(root).to_contain_text("averages over 8 units")


def order(root: Locator) -> None:
    """Pin a unit, and let the kernel put the units in another order."""
    root.get_by_role("textbox", name="Pinned units").fill("3")
    root.get_by_role("textbox", name="Pinned units").press("Enter")
    root.get_by_role("button", name="unit 3").first.wait_for()
    canvas = root.locator("[data-panel=cell] canvas")
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    root.get_by_label("Order of units").select_option("cluster")
    for _ in range(100):
        if canvas.evaluate("canvas => canvas.toDataURL()") != before:
            return
        canvas.page.wait_for_timeout(100)
    raise AssertionError("the units are as they were")


WIDGETS = (
    Shown(
        "live",
        "live = LiveStream(LSTMRegressor(8, seed=1), datasets.WaterFlow(), speed=40)\n"
        "live.step(100)",
        ".lw-live:not(.lw-states)",
        play,
        "button:has-text('Step')",
    ),
    Shown(
        "cell",
        "from torch import randn\n"
        "from lstmwidgets import LSTM\n"
        "cell = CellInspector(LSTM(3, 8, 2).trace(randn(1, 12, 3)))",
        ".lw-inspector",
        look,
        ".lw-layer",
    ),
    Shown("states", "states = StateHeatmap(live)", ".lw-states", order, "select >> nth=0"),
)

# Further kinds of live streams, for all that looks at the page only.
KINDS = (
    """
names = [f"a class with a rather long name, number {n}" for n in range(20)]
random = Random(1)
events = [({"a": random.random()}, random.choice(names)) for _ in range(200)]
classes = LiveStream(LSTMClassifier(8, seed=1), events)
classes.step(150)
classes""",
    """
texts = [("a fine film with a good end", "good"), ("a dull film", "bad")] * 20
words = LiveStream(LSTMTextClassifier(8, seed=1), texts)
words.step(100)
words""",
)
