"""From a slider of `CostPanel` to its charts, and from one run of `Compare` to the other.

JupyterLab in Debian's chromium, 1280 x 1500, without a GPU; kernel, server and browser share the
machine. A time is from the event to the second animation frame after it, before which everything is
drawn and laid out. Counts are the page's own work; what else is measured meanwhile goes on. Two
pictures of 64 units and 500 steps are compared.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.browser import CHROMIUM, Tab, browser_tab, front_end

from .timing import Figure, Target, Targets

ROUNDS = 15
CASE = "in JupyterLab"
SLIDER, HOVER = "hidden size to mark and counts", "pointer in one to the other"

TARGETS: Targets = {(CASE, SLIDER): Target("≤", 100), (CASE, HOVER): Target("≤", 100)}

CELLS = (
    """
import torch
from lstmwidgets import LSTM
from lstmwidgets.widgets import Compare, CostPanel

panel = CostPanel(hidden_size=64, sizes=[16, 64, 256])
panel""",
    """
x = torch.randn(1, 500, 4, generator=torch.Generator().manual_seed(0))
compare = Compare(LSTM(4, 64).trace(x), LSTM(4, 64).trace(x))
compare""",
)
SLIDE = """place => new Promise(resolve => {
    const root = document.querySelector('.lw-costs');
    const slider = root.querySelector('input[type=range]');
    const counted = () => root.querySelector('[data-chart=parameters] .lw-entry b').textContent;
    const before = counted();
    const begin = performance.now();
    slider.value = place;
    slider.dispatchEvent(new Event('input', {bubbles: true}));
    const look = () => counted() === before
        ? requestAnimationFrame(look)
        : requestAnimationFrame(() => resolve(performance.now() - begin));
    look();
})"""
POINT = """share => new Promise(resolve => {
    const [from, to] = document.querySelectorAll('.lw-compare-side');
    const canvas = from.querySelector('[data-panel=cell] canvas');
    const box = canvas.getBoundingClientRect();
    const head = () => to.querySelector('.lw-tip').textContent;
    const before = head();
    const begin = performance.now();
    const clientX = box.left + share * box.width, clientY = box.top + box.height / 2;
    canvas.dispatchEvent(new PointerEvent('pointermove', {clientX, clientY, bubbles: true}));
    const look = () => head() === before
        ? requestAnimationFrame(look)
        : requestAnimationFrame(() => resolve(performance.now() - begin));
    look();
})"""


def figures() -> Iterator[Figure]:
    """Yield the figures."""
    if CHROMIUM is None:
        print("Left out: Debian's chromium is not installed; `make setup` installs it as root.")
        return
    with front_end("lab") as server, browser_tab(width=1280, height=1500) as tab:
        tab.run_cells(server, CELLS)
        tab.page.locator(".lw-compare[data-ready]").wait_for()
        tab.page.wait_for_timeout(1500)
        yield _times(tab, SLIDER, SLIDE, [20 + n for n in range(ROUNDS)])
        yield _times(tab, HOVER, POINT, [0.2 + 0.04 * n for n in range(ROUNDS)])


def _times(tab: Tab, name: str, script: str, values: list[int] | list[float]) -> Figure:
    times = []
    for value in values:
        times.append(float(tab.page.evaluate(script, value)))
        tab.page.wait_for_timeout(100)
    return Figure(CASE, name, "ms", tuple(times))
