"""The axis of events that linked figures share, and figures over it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from bokeh.models import (
    BasicTicker,
    ColumnDataSource,
    CustomJSTickFormatter,
    DataRange1d,
    NumeralTickFormatter,
    Range1d,
    WheelZoomTool,
)
from bokeh.plotting import figure

from ..times import in_utc
from .style import BELOW, LEFT, RIGHT

TICK = """
    const {event, clock} = source.data
    const row = Math.round((tick - event[0]) / ((event[1] - event[0]) || 1))
    const at = clock[row]
    if (clock.every(Number.isNaN)) return Number.isInteger(tick) ? tick.toLocaleString("en") : ""
    if (at == null || isNaN(at)) return ""
    const time = new Date(at)
    const month = time.toLocaleString("en", {month: "short", timeZone: "UTC"})
    const day = `${time.getUTCDate()} ${month}`
    if (clock.every((time) => isNaN(time) || time % 86400000 === 0)) {
        return `${day}\\n${time.getUTCFullYear()}`
    }
    const hour = String(time.getUTCHours()).padStart(2, "0")
    const minute = String(time.getUTCMinutes()).padStart(2, "0")
    return `${day}\\n${hour}:${minute}`
"""
"""What stands at a tick: a time as its own wall clock shows it, or the event's number."""


class EventAxis:
    """The horizontal axis that linked figures share: events by position, labelled by time.

    Parameters
    ----------
    source : ColumnDataSource
        One row an event, equally spaced: with the columns of `event_columns`, and those that the
        figures draw.
    x_range : Range1d or DataRange1d, optional
        What of it is seen; by default all there is now.
    """

    def __init__(
        self, source: ColumnDataSource, x_range: Range1d | DataRange1d | None = None
    ) -> None:
        if x_range is None:
            events = source.data["event"]
            first, last = (events[0], events[-1]) if len(events) else (0, 1)
            start, end = first - 0.5, max(last, first + 1) + 0.5  # half a heatmap column each way
            x_range = Range1d(start=start, end=end, bounds=(start, end))
        self.source = source
        self.range = x_range

    def formatter(self) -> CustomJSTickFormatter:
        """Return what writes the labels of ticks."""
        return CustomJSTickFormatter(args={"source": self.source}, code=TICK)


def event_columns(
    events: Sequence[int], times: Sequence[datetime | None], labels: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return the columns that an axis needs.

    Parameters
    ----------
    events : sequence of int
        Positions in the stream, ascending and equally spaced.
    times : sequence of datetime or None
        When they happened; None if unknown.
    labels : sequence of str, optional
        What stands for each; by default its time, or its number.
    """
    if labels is None:
        labels = [
            f"event {event:,}" if time is None else f"{time:%a %d %b %Y %H:%M}"
            for event, time in zip(events, times, strict=True)
        ]
    return {
        "event": np.asarray(events, np.float64),
        "label": list(labels),
        "clock": np.array([_wall_clock(time) for time in times], np.float64),
    }


def event_figure(axis: EventAxis, title: str, height: int, y_label: str, **options: Any) -> figure:
    """Return an empty figure over an event axis.

    Parameters
    ----------
    axis : EventAxis
        Shared by all figures that shall zoom together.
    title : str
        Above the figure.
    height : int
        In pixels; the width is the page's.
    y_label : str
        Name of the vertical axis.
    **options
        Further options of `bokeh.plotting.figure`.
    """
    settings: dict[str, Any] = {
        "title": title,
        "height": height,
        "sizing_mode": "stretch_width",
        "x_range": axis.range,
        "tools": "xpan,xbox_zoom,reset,save",
        "toolbar_location": "above",
        "min_border_left": LEFT,
        "min_border_right": RIGHT,
        "min_border_bottom": BELOW,
        "y_axis_label": y_label,
    }
    plot = figure(**(settings | options))
    # With a key held down, so that the wheel alone goes on scrolling the page.
    wheel = WheelZoomTool(dimensions="width", modifiers={"shift": True})
    plot.add_tools(wheel)
    plot.toolbar.active_scroll = wheel
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.xaxis.ticker = BasicTicker(min_interval=1, desired_num_ticks=6)
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[0000]")
    plot.xaxis.formatter = axis.formatter()
    return plot


def _wall_clock(time: datetime | None) -> float:
    """Return a time as milliseconds that show its own wall clock when read as UTC."""
    return np.nan if time is None else in_utc(time.replace(tzinfo=None)).timestamp() * 1000
