"""Units by time."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import (
    BasicTicker,
    CustomJSHover,
    FixedTicker,
    HoverTool,
    LinearColorMapper,
    Range1d,
)
from bokeh.models.annotations import ColorBar
from bokeh.plotting import figure
from numpy.typing import NDArray

from .event_axis import EventAxis, event_figure
from .style import DIVERGING, SEQUENTIAL

SIGNED = ("cell", "hidden", "candidate")
"""Quantities on both sides of zero; the others are gates, from 0 to 1."""


def unit_heatmap(
    axis: EventAxis,
    quantity: str,
    title: str,
    values: NDArray[Any],
    units: NDArray[np.int64],
    *,
    first: int = 0,
    stride: int = 1,
    y_range: Range1d | None = None,
    height: int = 190,
) -> figure:
    """Draw one quantity of every unit over the events.

    Parameters
    ----------
    axis : EventAxis
        Shared with the figures that shall zoom together.
    quantity : str
        What is drawn, such as ``"forget_gate"``. Colours diverge around zero for cell state,
        candidate and hidden output; for gates they run from 0 to 1.
    title : str
        Above the figure.
    values : ndarray
        Of some events, (T, H).
    units : ndarray of int
        The units drawn, from below.
    first, stride : int
        The first of these events, and how many apart they are.
    y_range : Range1d, optional
        Of the rows; shared with the heatmaps that shall zoom together.
    height : int
        In pixels.
    """
    rows = y_range or Range1d(start=0, end=len(units))
    plot = event_figure(axis, title, height, "unit", y_range=rows)
    plot.yaxis.ticker = FixedTicker(ticks=[])  # positions in the order say nothing by themselves
    plot.grid.grid_line_color = None
    colours = _mapper(quantity, values)
    image = plot.image(
        image=[np.ascontiguousarray(values[:, units].T)],
        x=[first - stride / 2],
        y=0,
        dw=[len(values) * stride],
        dh=len(units),
        color_mapper=colours,  # type: ignore[call-arg]  # Bokeh's stub leaves it out
        level="image",
    )
    unit_name = CustomJSHover(
        args={"units": units.tolist()},
        code="return String(units[Math.floor(special_vars.y)] ?? '')",
    )
    event_name = CustomJSHover(
        args={"source": axis.source},
        code="""
            const {event, label} = source.data
            const stride = (event[1] - event[0]) || 1
            return label[Math.round((special_vars.x - event[0]) / stride)] ?? ''
        """,
    )
    plot.add_tools(
        HoverTool(
            renderers=[image],
            tooltips=[
                ("", "$x{custom}"),
                ("unit", "$y{custom}"),
                ("value", "@image{0.000}"),
            ],
            formatters={"$x": event_name, "$y": unit_name},
        )
    )
    bar = ColorBar(
        color_mapper=colours,
        ticker=BasicTicker(desired_num_ticks=4),
        width=10,
        padding=6,
        label_standoff=6,
    )
    plot.add_layout(bar, "right")
    return plot


def _mapper(quantity: str, values: NDArray[Any]) -> LinearColorMapper:
    """Return the colours of a quantity, up to the 99th percentile of its size if it has a sign."""
    palette, low, high = SEQUENTIAL, 0.0, 1.0
    if quantity in SIGNED:
        known = np.isfinite(values).any()
        high = (float(np.nanpercentile(np.abs(values), 99)) if known else 0.0) or 1.0
        palette, low = DIVERGING, -high
    return LinearColorMapper(palette=palette, low=low, high=high, nan_color="rgba(0, 0, 0, 0)")
