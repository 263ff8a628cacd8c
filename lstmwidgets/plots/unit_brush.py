"""A box that is dragged over heatmaps: all else is pale, and a figure gives the means inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    CustomJSTickFormatter,
    DataRange1d,
    FixedTicker,
    LinearAxis,
)
from bokeh.models.annotations import BoxAnnotation, Span
from bokeh.plotting import figure
from numpy.typing import NDArray

from ..analysis.excerpt import Excerpt, box_means
from .state_parts import NEUTRAL, SHORT
from .style import MODEL

NO_BOX: dict[str, Any] = {"left": [], "right": [], "bottom": [], "top": []}
NO_MEANS: dict[str, Any] = {n: [] for n in ("y", "name", "mean", "low", "high", "text")}

# Does the same as `UnitBrush.draw`, where there may be no Python.
DRAG = """
    const clear = () => {
        if (brush.data.left.length) brush.data = {left: [], right: [], bottom: [], top: []}
        box.visible = bars.visible = false
    }
    if (cb_obj.event_name != "selectiongeometry") return clear()
    if (!cb_obj.final || cb_obj.geometry.type != "rect") return
    const {x0, x1, y0, y1} = cb_obj.geometry
    const x = steps.data.x
    const count = rows.data.unit.length
    const stride = x.length > 1 ? x[1] - x[0] : 1
    const within = (value, end) => Math.min(Math.max(value, 0), end)
    const index = value => (value - x[0]) / stride + 0.5
    const left = within(Math.floor(index(Math.min(x0, x1))), x.length)
    const right = within(Math.ceil(index(Math.max(x0, x1))), x.length)
    const bottom = within(Math.floor(Math.min(y0, y1)), count)
    const top = within(Math.ceil(Math.max(y0, y1)), count)
    if (left >= right || bottom >= top) return clear()
    const data = {y: [], name: [], mean: [], low: [], high: [], text: []}
    plots.forEach((plot, n) => {
        if (!plot.visible) return
        const image = images[n].data.image[0]
        let [sum, squares, known] = [0, 0, 0]
        for (let row = bottom; row < top; row++) {
            for (let at = row * x.length + left; at < row * x.length + right; at++) {
                if (!Number.isFinite(image[at])) continue
                known += 1
                sum += image[at]
                squares += image[at] ** 2
            }
        }
        const mean = sum / known
        const spread = Math.sqrt(Math.max(squares / known - mean ** 2, 0))
        data.y.push(-data.y.length)
        data.name.push(names[n])
        data.mean.push(mean)
        data.low.push(mean - spread)
        data.high.push(mean + spread)
        data.text.push(known ? `${mean.toFixed(3)} ± ${spread.toFixed(3)}` : "no value")
    })
    means.data = data
    const units = top - bottom == 1 ? `unit ${rows.data.unit[bottom]}` : `${top - bottom} units`
    const [from, to] = [x[left], x[right - 1]]
    const when = from == to ? `step ${from}` : `steps ${from} to ${to}`
    bars.title.text = `Mean in the box: ${units}, ${when}`
    const at = n => x[0] + (n - 0.5) * stride
    const edges = {left: at(left), right: at(right), bottom, top}
    box.setv({...edges, visible: true})
    bars.visible = true
    brush.data = Object.fromEntries(Object.entries(edges).map(([name, value]) => [name, [value]]))
"""


class Brush(NamedTuple):
    """A box over the heatmaps.

    Attributes
    ----------
    units : tuple of int
        Numbers of the units in it, from below.
    steps : tuple of int
        First and last step in it.
    """

    units: tuple[int, ...]
    steps: tuple[int, int]


class UnitBrush:
    """The box, kept in a source that a drag in the page changes as well.

    Attributes
    ----------
    source : ColumnDataSource
        Edges of the box, if there is one.
    figure : figure
        Means in the box; hidden while there is none.
    """

    def __init__(self) -> None:
        self.source = ColumnDataSource(dict(NO_BOX), name="brush")
        self.means = ColumnDataSource(dict(NO_MEANS), name="means")
        self.figure = _bars(self.means)
        self._box = BoxAnnotation(
            visible=False,
            inverted=True,
            fill_color=NEUTRAL,
            fill_alpha=0.5,
            line_color=NEUTRAL,
            line_alpha=1,
            line_width=1.5,
            level="image",  # under the marks of pins
        )

    def on_drag(
        self,
        plots: dict[str, figure],
        steps: ColumnDataSource,
        rows: ColumnDataSource,
        images: dict[str, ColumnDataSource],
    ) -> None:
        """Let drags on heatmaps brush; a double click or a reset takes the box away."""
        args = {"steps": steps, "rows": rows, "brush": self.source, "means": self.means}
        drawn = {"box": self._box, "bars": self.figure, "plots": list(plots.values())}
        named = {"images": [images[n] for n in plots], "names": [SHORT[n] for n in plots]}
        drag = CustomJS(args={**args, **drawn, **named}, code=DRAG)
        for plot in plots.values():
            plot.add_layout(self._box)
            plot.js_on_event("selectiongeometry", drag)
            plot.js_on_event("doubletap", drag)
            plot.js_on_event("reset", drag)

    def get(self, excerpt: Excerpt) -> Brush | None:
        """Return what the box is over, if there is one."""
        steps, rows = self._slices(excerpt)
        x, units = excerpt.steps[steps], excerpt.units[rows]
        return Brush(tuple(units.tolist()), (int(x[0]), int(x[-1]))) if x.size else None

    def set(self, excerpt: Excerpt, brush: Brush | None) -> None:
        """Put the box somewhere else, or take it away."""
        if brush is None:
            self.source.data = dict(NO_BOX)
            return
        units, (first, last) = checked_brush(excerpt.units, excerpt.steps, brush)
        rows = np.flatnonzero(np.isin(excerpt.units, units))
        half = excerpt.stride / 2
        edges = (first - half, last + half, float(rows[0]), float(rows[-1] + 1))
        self.source.data = dict(zip(NO_BOX, ([edge] for edge in edges), strict=True))

    def draw(self, excerpt: Excerpt, quantities: Sequence[str]) -> None:
        """Bring the means in the box up to date; a box that is over no step goes."""
        steps, rows = self._slices(excerpt)
        shown = steps.start < steps.stop
        if shown:
            values = {name: excerpt.values(name) for name in SHORT if name in quantities}
            self.means.data = _columns(box_means(values, steps, rows))
            assert self.figure.title is not None
            self.figure.title.text = _title(excerpt, steps, rows)  # type: ignore[union-attr]
            self._box.update(**{edge: float(self.source.data[edge][0]) for edge in NO_BOX})
        elif len(self.source.data["left"]):
            self.source.data = dict(NO_BOX)
        self._box.visible = self.figure.visible = shown

    def _slices(self, excerpt: Excerpt) -> tuple[slice, slice]:
        """Return which steps and rows the box is over, both empty where there is none."""
        if not len(self.source.data["left"]):
            return slice(0, 0), slice(0, 0)
        left, right, bottom, top = (float(self.source.data[edge][0]) for edge in NO_BOX)
        first, last = np.searchsorted(excerpt.steps, [left, right]).tolist()
        return slice(first, last), slice(round(bottom), round(top))


def checked_brush(units: NDArray[np.int64], steps: NDArray[np.int64], brush: Brush) -> Brush:
    """Return what a box would be over, its units in the order of the rows; raise if it cannot.

    Steps between those that are drawn fall to the ones inside.

    Parameters
    ----------
    units : ndarray of int
        Those in the rows, from below.
    steps : ndarray of int
        Those drawn, ascending.
    brush : Brush
        Where somebody wants it.
    """
    first, last = brush.steps
    rows = np.flatnonzero(np.isin(units, brush.units))
    if not rows.size or not rows.size == len(set(brush.units)) == np.ptp(rows) + 1:
        raise ValueError(f"brushed units must be rows next to each other, got {brush.units}")
    inside = steps[(steps >= first) & (steps <= last)]
    if not inside.size:
        there = f"from {steps[0]} to {steps[-1]}" if len(steps) else "of events, and there are none"
        raise ValueError(f"brushed steps must be {there}, got {brush.steps}")
    return Brush(tuple(units[rows].tolist()), (int(inside[0]), int(inside[-1])))


def _bars(means: ColumnDataSource) -> figure:
    plot = figure(
        title=" ",
        x_range=DataRange1d(range_padding=0.05),
        y_range=DataRange1d(range_padding=0.6, range_padding_units="absolute"),
        tools="",
        toolbar_location=None,
        sizing_mode="stretch_width",
        min_border_left=118,
        min_border_right=104,
        frame_height=150,
        visible=False,
        name="box means",
    )
    plot.segment("low", "y", "high", "y", source=means, color=MODEL, line_width=2)
    plot.scatter("mean", "y", source=means, color=MODEL, size=9)
    plot.scatter([-1, 1], [0, 0], alpha=0)  # so that boxes can be compared
    plot.add_layout(Span(location=0, dimension="height", line_color=NEUTRAL, line_alpha=0.6))
    plot.add_layout(LinearAxis(y_range_name="default"), "right")
    for guide, column in zip(plot.yaxis, ("name", "text"), strict=True):
        guide.ticker = FixedTicker(ticks=list(range(0, -len(SHORT), -1)))
        guide.formatter = CustomJSTickFormatter(
            args={"means": means, "column": column},
            code="return means.data[column][Math.round(-tick)] ?? ''",
        )
    plot.ygrid.visible = False
    plot.yaxis.major_tick_line_color = None
    return plot


def _columns(means: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """Return what the bars show, from top to bottom."""
    values = list(means.values())
    return {
        "y": [-n for n in range(len(means))],
        "name": [SHORT[name] for name in means],
        "mean": [mean for mean, _ in values],
        "low": [mean - spread for mean, spread in values],
        "high": [mean + spread for mean, spread in values],
        "text": ["no value" if np.isnan(m) else f"{m:.3f} ± {s:.3f}" for m, s in values],
    }


def _title(excerpt: Excerpt, steps: slice, rows: slice) -> str:
    units, x = excerpt.units[rows], excerpt.steps[steps]
    what = f"unit {units[0]}" if len(units) == 1 else f"{len(units)} units"
    when = f"step {x[0]}" if len(x) == 1 else f"steps {x[0]} to {x[-1]}"
    return f"Mean in the box: {what}, {when}"
