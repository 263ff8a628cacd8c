"""Units by time: when each was written, held something and was wiped, and how long it remembers."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.layouts import row
from bokeh.models import (
    ColumnDataSource,
    CustomJSHover,
    CustomJSTickFormatter,
    FixedTicker,
    HoverTool,
    LayoutDOM,
    LinearColorMapper,
    Range1d,
)
from bokeh.plotting import figure
from numpy.typing import NDArray

from ..analysis import STATES, Recording
from .state_parts import over_steps, shared_tools
from .step_axis import StepAxis
from .style import MODEL

STATE_COLOURS = ("rgba(128, 128, 128, 0.1)", "#9ecae1", "#e69f00", "#a50026", "#cc79a7")
"""Of each of `STATES`: of Okabe & Ito (2008), but for what a unit does most of the time."""

ROW = 14
"""Pixels of a row, where rows are few."""


def memory_figure(
    recording: Recording,
    states: NDArray[np.uint8],
    half_life: NDArray[np.float64],
    units: NDArray[np.int64],
) -> LayoutDOM:
    """Draw what units did at each step, and their half-lives beside the rows.

    Parameters
    ----------
    recording : Recording
        Of T steps, which the horizontal axis names.
    states : ndarray of int
        What `lstmwidgets.analysis.Memory.events` returns of these steps, (T, H).
    half_life : ndarray
        Of the units, in steps, (H,); infinite ones are drawn over the whole width.
    units : ndarray of int
        In the rows, from below.
    """
    height = max(160, min(560, 60 + ROW * len(units)))
    rows = Range1d(start=0, end=len(units))
    timeline = _timeline(recording, states[:, units], units, rows, height)
    return row(
        timeline,
        _bars(half_life[units], units, rows, height, timeline.min_border_bottom),
        sizing_mode="stretch_width",
    )


def _timeline(
    recording: Recording,
    states: NDArray[np.uint8],
    units: NDArray[np.int64],
    rows: Range1d,
    height: int,
) -> figure:
    axis = StepAxis()
    axis.show(recording.steps, recording.stride, recording.labels)
    plot = over_steps(axis, "Memory", y_range=rows, y_axis_label="unit", height=height)
    plot.min_border_right = 8
    axis.fit(plot)
    _name_rows(plot, units, height)
    numbers: Any = np.ascontiguousarray(states.T)  # bytes, which Bokeh's stub leaves out as well
    image = plot.image(
        image=[numbers],
        x=[float(recording.steps[0]) - recording.stride / 2],
        y=0,
        dw=[len(states) * recording.stride],
        dh=len(units),
        color_mapper=LinearColorMapper(palette=STATE_COLOURS, low=-0.5, high=len(STATES) - 0.5),  # type: ignore[call-arg]  # Bokeh's stub leaves it out
        level="image",
    )
    for name, colour in zip(STATES, STATE_COLOURS, strict=True):
        nowhere = [np.nan]  # a legend draws the first point
        plot.scatter(nowhere, nowhere, marker="square", size=10, color=colour, legend_label=name)
    plot.add_layout(plot.legend[0], "above")
    plot.legend.orientation = "horizontal"
    plot.legend.margin = 2
    unit = CustomJSHover(
        args={"units": units.tolist()},
        code="return String(units[Math.floor(special_vars.y)] ?? '')",
    )
    state = CustomJSHover(args={"names": list(STATES)}, code="return names[Math.round(value)]")
    plot.add_tools(
        *shared_tools(),
        HoverTool(
            renderers=[image],
            tooltips=[("", "$x{custom}"), ("unit", "$y{custom}"), ("", "@image{custom}")],
            formatters={"$x": axis.hover(), "$y": unit, "@image": state},
            point_policy="follow_mouse",
        ),
    )
    return plot


def _bars(
    half_life: NDArray[np.float64], units: NDArray[np.int64], rows: Range1d, height: int, below: Any
) -> figure:
    known = half_life[np.isfinite(half_life) & (half_life > 0)]
    low = 10.0 ** np.floor(np.log10(min(1, known.min(initial=1)) * 0.999))
    high = max(10.0, 2 * known.max(initial=1))
    plot = figure(
        title="Half-life in steps",
        x_axis_type="log",
        x_range=Range1d(start=low, end=high),
        y_range=rows,
        width=190,
        height=height,
        tools="",
        toolbar_location=None,
        min_border_bottom=below,
    )
    places = np.arange(len(units)) + 0.5
    told = [f"{value:.3g}" if np.isfinite(value) else "beyond the recording" for value in half_life]
    source = ColumnDataSource(
        {"row": places, "to": np.clip(half_life, low, high), "unit": units, "told": told}
    )
    bars = plot.hbar(y="row", left=low, right="to", height=0.8, color=MODEL, source=source)
    plot.yaxis.visible = False
    plot.ygrid.visible = False
    tooltips = [("unit", "@unit"), ("half-life", "@told")]
    plot.add_tools(HoverTool(renderers=[bars], tooltips=tooltips))
    return plot


def _name_rows(plot: figure, units: NDArray[np.int64], height: int) -> None:
    """Write the number of every unit, or of every k-th where rows are low."""
    every = -(-len(units) * ROW // height)
    names = {place + 0.5: str(unit) for place, unit in enumerate(units.tolist())}
    plot.yaxis.ticker = FixedTicker(ticks=list(names)[::every])
    plot.yaxis.formatter = CustomJSTickFormatter(
        args={"names": list(names.values())}, code="return names[Math.floor(tick)] ?? ''"
    )
    plot.grid.visible = False
