"""The widgets that every front end shows: how a cell makes each, and how one works its controls."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Locator, expect

IMPORTS = """
from random import Random
from lightning import fabric  # takes seconds, and a first training would load it
from river import datasets
from torch import arange, eye, manual_seed, randn
from lstmwidgets import LSTM, SequenceModel, iter_fit
from lstmwidgets.online import LSTMClassifier, LSTMRegressor, LSTMTextClassifier
from lstmwidgets.widgets import (
    CellInspector,
    Compare,
    CostPanel,
    GateLab,
    GradientFlow,
    LiveStream,
    MemoryTimeline,
    PatternMatch,
    SentimentExplorer,
    StateHeatmap,
    TrainingMonitor,
)
from lstmwidgets.sentiment import SentimentModel

sentences = ["so good", "I love it", "what a joy", "so bad", "I hate it", "what a mess"] * 5
moods = (["positive"] * 3 + ["negative"] * 3) * 5
mood = SentimentModel(word_vectors=None, hidden_size=16, members=1, seed=1).fit(sentences, moods)"""


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


def interfere(root: Locator) -> None:
    """Begin a scenario, and wait for what the kernel says of it."""
    root.get_by_role("button", name="New scenario").click()
    expect(root.get_by_role("tab", name="scenario 1", selected=True)).to_be_visible()
    expect(root).to_contain_text("The predictions move by")
    root.get_by_role("button", name="Remove scenario").click()
    expect(root.get_by_role("tab", name="untouched", selected=True)).to_be_visible()


def slide(root: Locator) -> None:
    """Give the fresh networks another forget bias, and wait for what the kernel says of them."""
    said = root.locator(".lw-said")
    expect(said).to_contain_text("20 steps before the prediction")
    before = said.inner_text()
    slider = root.get_by_role("slider", name="Forget bias")
    slider.focus()
    for _ in range(5):
        slider.press("ArrowRight")
    expect(slider).to_have_value("1.5")
    expect(said).not_to_have_text(before)
    expect(said).to_contain_text("20 steps before the prediction")


def remember(root: Locator) -> None:
    """Let a unit count as written sooner, pin one, and compare it with more steps before."""
    root.get_by_role("slider", name="Written from").fill("0.3")
    expect(root).to_contain_text("0.30 \N{MULTIPLICATION SIGN} size")
    root.get_by_role("textbox", name="Pinned units").fill("3")
    root.get_by_role("textbox", name="Pinned units").press("Enter")
    expect(root).to_contain_text("What unit 3 holds")
    root.get_by_label("Lags up to").fill("40")
    root.get_by_label("Lags up to").press("Tab")
    label = re.compile("What unit 3 holds: .*target")
    expect(root.locator("[data-panel=lags] canvas")).to_have_attribute("aria-label", label)


def search(root: Locator) -> None:
    """Find steps by their labels, and brush one of them."""
    root.get_by_role("textbox", name="Text").fill("step 3")
    root.get_by_role("textbox", name="Text").press("Enter")
    expect(root).to_contain_text("Searched for: 1 place.")
    root.get_by_role("button", name="Brush match 1").click()
    expect(root).to_contain_text("at every step of the range")
    root.get_by_role("textbox", name="Text").fill("")
    root.get_by_role("textbox", name="Text").press("Enter")
    root.get_by_role("button", name="Brush match 1").wait_for()


def write(root: Locator) -> None:
    """Type on, and compare, let it be flipped, and teach; undo that."""
    box = root.get_by_role("textbox", name="Text")
    expect(root.locator("[aria-label='The text'] .lw-sum")).to_contain_text("by these words")
    root.get_by_role("button", name="Compare with this").click()
    expect(root).to_contain_text("Compared with “so good”")
    box.click()
    box.press("End")
    box.press_sequentially(" joy")
    expect(root.locator("[aria-label='The text'] .lw-word")).to_have_count(3)
    root.get_by_role("button", name="What would flip it?").click()
    expect(root).to_contain_text("texts")
    root.get_by_role("group", name="Right label").get_by_role("button", name="negative").click()
    expect(root).to_contain_text("Learned “so good joy” as negative")
    root.get_by_role("button", name="Undo").click()
    expect(root.locator(".lw-learned")).to_be_hidden()


def beside(root: Locator) -> None:
    """Pin a unit in one of two runs, and see it in the other; order the units of both."""
    left, right = (root.locator(".lw-compare-side").nth(n) for n in range(2))
    left.get_by_role("textbox", name="Pinned units").fill("3")
    left.get_by_role("textbox", name="Pinned units").press("Enter")
    expect(right.get_by_role("textbox", name="Pinned units")).to_have_value("3")
    right.get_by_label("Order of units").select_option("number")
    expect(left.get_by_label("Order of units")).to_have_value("number")


def spend(root: Locator) -> None:
    """Wait for what is measured, and count what another size, and more layers, would cost."""
    expect(root.locator(".lw-said")).to_contain_text("A step of 4 units takes", timeout=120_000)
    parameters = root.locator("[data-chart=parameters]")
    expect(parameters).to_contain_text("144")
    root.get_by_label("Layers").select_option("2")
    expect(parameters).to_contain_text("304")
    root.get_by_role("slider", name="Hidden size").press("ArrowLeft")
    expect(parameters).to_contain_text("192")


def steer(root: Locator) -> None:
    """Train for an epoch, lower the rate, and go on with dropout."""
    root.get_by_role("button", name="One epoch").click()
    reading = root.locator(".lw-reading")
    expect(reading).to_contain_text("1 of 5,000 epochs · rate 0.002")
    root.get_by_role("button", name="Halve the rate").click()
    expect(reading).to_contain_text("rate 0.001")
    root.get_by_role("slider", name="Dropout").press("ArrowRight")
    expect(root).to_contain_text("dropout 0 → 0.05")
    root.get_by_role("button", name="Train").click()
    expect(reading).to_contain_text(re.compile(r"^([3-9]|\d\d+) of 5,000 epochs"))
    root.get_by_role("button", name="Pause").click()
    root.get_by_role("button", name="Train").wait_for()


WIDGETS = (
    Shown(
        "live",
        "live = LiveStream(LSTMRegressor(8, seed=1), datasets.WaterFlow(), speed=40)\n"
        "live.step(100)",
        "[aria-label='Live stream']",
        play,
        "button:has-text('Step')",
    ),
    Shown(
        "cell",
        "cell = CellInspector(LSTM(3, 8, 2).trace(randn(1, 12, 3)))",
        ".lw-inspector",
        look,
        ".lw-layer",
    ),
    Shown(
        "states",
        "states = StateHeatmap(live)",
        "[aria-label='State of an LSTM, unit by unit']",
        order,
        "select >> nth=0",
    ),
    Shown(
        "gates",
        "gates = GateLab(LSTM(3, 8), randn(15, 3))",
        ".lw-gates",
        interfere,
        "button:has-text('New scenario')",
    ),
    Shown(
        "flow",
        "flow = GradientFlow(LSTM(3, 8), randn(15, 3), length=20)",
        ".lw-flow",
        slide,
        "input[type=range] >> nth=0",
    ),
    Shown("memory", "memory = MemoryTimeline(live)", ".lw-memory", remember, "select >> nth=0"),
    Shown(
        "patterns",
        "manual_seed(0)\n"
        "trace = LSTM(3, 8).trace(eye(3)[arange(12) % 3][None])\n"
        "patterns = PatternMatch(trace, quantity='candidate', threshold=0.0)",
        ".lw-patterns",
        search,
        ".lw-match-head button >> nth=0",
    ),
    Shown(
        "explorer",
        "explorer = SentimentExplorer(mood, 'so good')",
        ".lw-explorer",
        write,
        "button:has-text('Compare with this')",
    ),
    Shown(
        "costs",
        "costs = CostPanel(input_size=3, hidden_size=4, sizes=[2, 4], batch_size=2, steps=3)",
        ".lw-costs",
        spend,
        ".lw-controls button",
    ),
    Shown(
        "compare",
        "compare = Compare(LSTM(3, 8).trace(randn(1, 12, 3)), LSTM(3, 8).trace(randn(1, 12, 3)))",
        ".lw-compare",
        beside,
        "select >> nth=0",
    ),
    Shown(
        "training",
        "x = randn(24, 6, 2).numpy()\n"
        "y = x[:, :, 0].mean(1)\n"
        "options = {'validation': 0.5, 'epochs': 5_000, 'patience': None, 'seed': 1}\n"
        "training = TrainingMonitor(iter_fit(SequenceModel(2, hidden_size=4), x, y, **options))",
        ".lw-monitor",
        steer,
        "button:has-text('One epoch')",
    ),
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
