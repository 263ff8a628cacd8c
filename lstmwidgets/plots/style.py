"""One look for all figures: colours, fonts, and the axis of events that they share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from bokeh.models import (
    BasicTicker,
    CustomJSTickFormatter,
    NumeralTickFormatter,
    Range1d,
    WheelZoomTool,
)
from bokeh.models.annotations import Title
from bokeh.palettes import RdBu, Viridis256, interp_palette
from bokeh.plotting import figure

# Okabe & Ito (2008), "Color universal design": told apart by colour-blind eyes as well.
TRUTH, MODEL, NAIVE = "#b3b3b3", "#0072b2", "#d55e00"
TEXT, FAINT, GRID = "#333333", "#6b6b6b", "#ececec"
FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif"

SEQUENTIAL = tuple(Viridis256)
"""For gates, from 0 to 1."""

DIVERGING = tuple(interp_palette(RdBu[11], 255))
"""For cell state and hidden output: blue below zero, white at it, red above."""

LEFT, RIGHT, BELOW = 70, 80, 56
"""Margins in pixels, the same in every figure, so that their event axes stand below each other."""


class EventAxis:
    """The horizontal axis that linked figures share: events by position, labelled by time.

    Parameters
    ----------
    events : sequence of int
        Positions in the stream, ascending and equally spaced.
    times : sequence of datetime or None
        When they happened; None if unknown.
    """

    def __init__(self, events: Sequence[int], times: Sequence[datetime | None]) -> None:
        first, last = (events[0], events[-1]) if events else (0, 1)
        start, end = first - 0.5, max(last, first + 1) + 0.5  # half a heatmap column each way
        self.range = Range1d(start=start, end=end, bounds=(start, end))
        self.labels = [
            f"event {event}" if time is None else f"{time:%a %d %b %Y %H:%M}"
            for event, time in zip(events, times, strict=True)
        ]
        self._timed = any(time is not None for time in times)
        self._first = first
        self.stride = events[1] - events[0] if len(events) > 1 else 1
        self._clock = np.array([_wall_clock(time) for time in times])
        known = [time for time in times if time is not None]
        self._dates = all(time.hour == time.minute == time.second == 0 for time in known)

    def formatter(self) -> CustomJSTickFormatter | None:
        """Return what writes times at the ticks; None if there are none."""
        if not self._timed:
            return None
        return CustomJSTickFormatter(
            args={
                "clock": self._clock,
                "first": self._first,
                "stride": self.stride,
                "dates": self._dates,
            },
            code="""
                const at = clock[Math.round((tick - first) / stride)]
                if (at == null || isNaN(at)) return ""
                const time = new Date(at)
                const month = time.toLocaleString("en", {month: "short", timeZone: "UTC"})
                if (dates) return `${time.getUTCDate()} ${month}\\n${time.getUTCFullYear()}`
                const hour = String(time.getUTCHours()).padStart(2, "0")
                const minute = String(time.getUTCMinutes()).padStart(2, "0")
                return `${time.getUTCDate()} ${month}\\n${hour}:${minute}`
            """,
        )


def event_figure(axis: EventAxis, title: str, height: int, y_label: str, **options: Any) -> figure:
    """Return an empty figure over an event axis, in the common look.

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
    plot = figure(
        title=Title(
            text=title,
            text_font=FONT,
            text_font_size="15px",
            text_font_style="bold",
            text_color=TEXT,
        ),
        height=height,
        sizing_mode="stretch_width",
        x_range=axis.range,
        tools="xpan,xbox_zoom,reset,save",
        toolbar_location="above",
        min_border_left=LEFT,
        min_border_right=RIGHT,
        min_border_bottom=BELOW,
        y_axis_label=y_label,
        **options,
    )
    # With a key held down, so that the wheel alone goes on scrolling the page.
    wheel = WheelZoomTool(dimensions="width", modifiers={"shift": True})
    plot.add_tools(wheel)
    plot.toolbar.active_scroll = wheel
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.outline_line_color = None
    plot.grid.grid_line_color = GRID
    plot.xaxis.ticker = BasicTicker(min_interval=1, desired_num_ticks=6)
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[0000]")
    formatter = axis.formatter()
    if formatter is not None:
        plot.xaxis.formatter = formatter
    else:
        plot.xaxis.axis_label = "event"
        plot.xaxis.formatter = NumeralTickFormatter(format="0,0")
    for guide in (plot.xaxis, plot.yaxis):
        guide.axis_label_text_font = FONT
        guide.axis_label_text_font_style = "normal"
        guide.axis_label_text_font_size = "13px"
        guide.axis_label_text_color = FAINT
        guide.major_label_text_font = FONT
        guide.major_label_text_font_size = "12px"
        guide.major_label_text_color = FAINT
        guide.axis_line_color = GRID
        guide.major_tick_line_color = GRID
        guide.minor_tick_line_color = None
    return plot


def place_legend(plot: figure) -> None:
    """Put a figure's legend above its frame, where it covers nothing."""
    plot.add_layout(plot.legend[0], "above")
    plot.legend.orientation = "horizontal"
    plot.legend.border_line_color = None
    plot.legend.background_fill_alpha = 0
    plot.legend.label_text_font = FONT
    plot.legend.label_text_font_size = "12px"
    plot.legend.label_text_color = TEXT
    plot.legend.margin = 2
    plot.legend.click_policy = "hide"


def _wall_clock(time: datetime | None) -> float:
    """Return a time as milliseconds that show its own wall clock when read as UTC."""
    return np.nan if time is None else time.replace(tzinfo=UTC).timestamp() * 1000
