"""Units by time."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import (
    BasicTicker,
    CustomJSHover,
    HoverTool,
    LinearColorMapper,
    Range1d,
)
from bokeh.models.annotations import ColorBar
from bokeh.plotting import figure
from numpy.typing import NDArray

from .style import DIVERGING, FAINT, FONT, SEQUENTIAL, EventAxis, event_figure


def unit_heatmap(
    axis: EventAxis,
    title: str,
    values: NDArray[Any],
    units: NDArray[np.int64],
    *,
    first: int,
    stride: int,
    signed: bool,
) -> figure:
    """Draw one quantity of every unit over the events.

    Parameters
    ----------
    axis : EventAxis
        Shared with the figures that shall zoom together.
    title : str
        Above the figure.
    values : ndarray
        (T, H): one row a step, one column a unit.
    units : ndarray of int
        The order in which units are drawn, from below, (at most H,); further units are left out.
    first, stride : int
        Position of the first row in the stream, and how many events lie between rows.
    signed : bool
        Colours diverge around zero (cell state, hidden output), up to the 99th percentile of the
        size; otherwise they run from 0 to 1 (gates).
    """
    if signed:
        limit = float(np.nanpercentile(np.abs(values), 99)) or 1.0
        mapper = LinearColorMapper(palette=DIVERGING, low=-limit, high=limit)
    else:
        mapper = LinearColorMapper(palette=SEQUENTIAL, low=0, high=1)
    plot = event_figure(axis, title, 190, "unit", y_range=Range1d(start=0, end=len(units)))
    plot.yaxis.major_label_text_font_size = (
        "0px"  # positions in the order say nothing by themselves
    )
    plot.yaxis.major_tick_line_color = None
    plot.grid.grid_line_color = None
    image = plot.image(
        image=[np.ascontiguousarray(values[:, units].T, dtype=np.float32)],
        x=first - stride / 2,
        y=0,
        dw=len(values) * stride,
        dh=len(units),
        color_mapper=mapper,  # type: ignore[call-arg]  # Bokeh's stub leaves it out
        level="image",
    )
    unit_name = CustomJSHover(
        args={"units": units.tolist()},
        code="return String(units[Math.floor(special_vars.y)] ?? '')",
    )
    event_name = CustomJSHover(
        args={"labels": axis.labels, "first": first, "count": max(1, axis.stride)},
        code="return labels[Math.round((special_vars.x - first) / count)] ?? ''",
    )
    plot.add_tools(
        HoverTool(
            renderers=[image],
            tooltips=[("", "$x{custom}"), ("unit", "$y{custom}"), ("value", "@image{0.000}")],
            formatters={"$x": event_name, "$y": unit_name},
        )
    )
    plot.add_layout(_color_bar(mapper), "right")
    return plot


def _color_bar(mapper: LinearColorMapper) -> ColorBar:
    return ColorBar(
        color_mapper=mapper,
        ticker=BasicTicker(desired_num_ticks=4),
        width=10,
        padding=6,
        label_standoff=6,
        border_line_color=None,
        major_label_text_font=FONT,
        major_label_text_font_size="12px",
        major_label_text_color=FAINT,
        major_tick_line_color=None,
        bar_line_color=None,
    )
