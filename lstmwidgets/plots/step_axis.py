"""The horizontal axis of steps: words, times or numbers at ticks that never overlap."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    CustomJSHover,
    CustomJSTicker,
    CustomJSTickFormatter,
    Range1d,
)
from bokeh.plotting import figure
from numpy.typing import NDArray

from .style import FONT

LONGEST = 18
"""Most characters in a line of a label; the tooltip has it whole."""

MOST_TILTED = 80
"""Most words that are tilted, so that all of them find room."""

TICK = f"12px {FONT}"


class StepAxis:
    """The horizontal axis that figures share, over steps that are equally far apart.

    Attributes
    ----------
    source : ColumnDataSource
        ``x``: positions; ``label``: what stood there; ``tick``: the same, short.
    range : Range1d
    """

    def __init__(self) -> None:
        self.source = ColumnDataSource({"x": np.zeros(0), "label": [], "tick": []}, name="steps")
        self.range = Range1d(start=0, end=1, reset_start=0, reset_end=1)
        self.words, self.name = False, "step"
        self._tilted = False
        self._room = 56

    def show(self, steps: NDArray[np.int64], stride: int, labels: Sequence[str]) -> None:
        """Show other steps. Whoever has zoomed in keeps the window, as long as steps are in it."""
        start, end = float(steps[0]) - stride / 2, float(steps[-1]) + stride / 2
        window: Any = self.range  # its ends could be dates
        whole = (window.start, window.end) == (window.reset_start, window.reset_end)
        window.update(reset_start=start, reset_end=end, bounds=(start, end))
        if whole or window.end <= start or window.start >= end:
            window.update(start=start, end=end)  # after the bounds, within which the page keeps it
        prefix, numbers = _numbered(labels)
        self.words, self.name = not prefix, prefix
        longest = min(max(map(len, labels)), LONGEST)
        crowded = 7 * longest * len(labels) > 600 and len(labels) <= MOST_TILTED
        self._tilted = self.words and (self._tilted or crowded)
        ticks = numbers if prefix else [_short(label, self._tilted) for label in labels]
        self.source.data = {"x": steps, "label": list(labels), "tick": ticks}
        self._room = 22 + 5 * longest if self._tilted else 56

    def serve(self, plot: figure) -> None:
        """Draw this axis under a figure that has `range` as its horizontal one."""
        args = {"steps": self.source, "plot": plot, "font": TICK}
        plot.xaxis.ticker = CustomJSTicker(args=args, major_code=TICKS)
        plot.xaxis.formatter = CustomJSTickFormatter(
            args={"steps": self.source},
            code="""
                const {x, tick: text} = steps.data
                const stride = x.length > 1 ? x[1] - x[0] : 1
                return text[Math.round((tick - x[0]) / stride)] ?? ""
            """,
        )

    def hover(self) -> CustomJSHover:
        """Return what names the step under the pointer."""
        return CustomJSHover(
            args={"steps": self.source},
            code="""
                const {x, label} = steps.data
                const stride = x.length > 1 ? x[1] - x[0] : 1
                return label[Math.round((special_vars.x - x[0]) / stride)] ?? ""
            """,
        )

    def fit(self, plot: figure, *, shown: bool = True) -> None:
        """Make room for the labels, however many there are, so that the frame never jumps."""
        plot.xaxis.visible = shown
        plot.xaxis.major_label_orientation = 0.7 if self._tilted else "horizontal"
        plot.xaxis.axis_label = None if self.words else self.name
        plot.min_border_bottom = self._room if shown else 6


def _numbered(labels: Sequence[str]) -> tuple[str, list[str]]:
    """Return the word that all labels begin with, such as "event", and the numbers behind it."""
    words = {label.rpartition(" ")[0] for label in labels}
    numbers = [label.rpartition(" ")[2] for label in labels]
    if len(words) > 1 or not all(number.isdecimal() for number in numbers):
        return "", []
    return words.pop() or "step", [f"{int(number):,}" for number in numbers]


@lru_cache(10_000)  # a live picture has the same ones again and again
def _short(label: str, one_line: bool) -> str:
    """Break a long label, such as a date and a time, into two lines, and cut what is still long."""
    words = label.split()
    lines = [" ".join(words)]
    if not one_line and len(label) > LONGEST / 2 and len(words) > 1:
        ends = np.cumsum([len(word) + 1 for word in words[:-1]])
        middle = int(np.abs(ends - len(label) / 2).argmin()) + 1
        lines = [" ".join(words[:middle]), " ".join(words[middle:])]
    return "\n".join(f"{s[: LONGEST - 1]}…" if len(s) > LONGEST else s for s in lines)


# Every k-th step, with the smallest round k at which the labels in view leave each other room.
# Steps are counted from the sequence's begin, so that ticks stay with their steps while one pans.
TICKS = """
    const {start, end} = cb_data
    const {x, tick: text} = steps.data
    if (!x.length || !(end > start)) return []
    const stride = x.length > 1 ? x[1] - x[0] : 1
    const low = Math.max(0, Math.ceil((start - x[0]) / stride))
    const high = Math.min(x.length - 1, Math.floor((end - x[0]) / stride))
    let width = 600
    try { width = plot.inner_width } catch { /* not laid out yet */ }
    const pixels = width * stride / (end - start)
    const tilt = plot.below[0].major_label_orientation
    const context = document.createElement("canvas").getContext("2d")
    context.font = font
    const widths = new Map()
    const room = n => {
        if (typeof tilt == "number") return 13 / Math.sin(tilt)
        if (!widths.has(n)) widths.set(n,
            Math.max(...text[n].split("\\n").map(line => context.measureText(line).width)) + 10)
        return widths.get(n)
    }
    const first = Math.round(x[0] / stride)
    let ticks = []
    for (let k = 1, n = 0; ; k = [1, 2, 5][++n % 3] * 10 ** Math.floor(n / 3)) {
        ticks = []
        let previous = -Infinity
        let at = low + (k - (first + low) % k) % k
        for (; at <= high; at += k) {
            const half = room(at) / 2
            if (at * pixels - half < previous) break
            previous = at * pixels + half
            ticks.push(x[at])
        }
        if (at > high || k > high - low) return ticks
    }
"""
