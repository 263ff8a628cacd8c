"""Figures of forecasts: the last one, and how good they were by steps ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import BasicTicker, ColumnDataSource, DataRange1d, HoverTool
from bokeh.plotting import figure

from lstmwidgets.plots import EventAxis
from lstmwidgets.plots.style import BELOW, LEFT, MODEL, NAIVE, RIGHT, place_legend

from ..tasks.horizon_scores import HorizonScores
from .record import Point, as_floats

SEASON = "#009e73"
"""Of Okabe & Ito (2008), for the last season."""


def draw_fan(plot: figure, axis: EventAxis, last: Point) -> None:
    """Draw the last forecast behind the events, with its interval."""
    record = last.record
    if record is None or not record.forecast:
        return
    count = len(record.forecast)
    events = axis.source.data["event"][-1] + np.arange(1, count + 1)
    columns: dict[str, Any] = {"event": events, "value": as_floats(record.forecast)}
    source = ColumnDataSource(columns)
    if record.interval:
        low, high = zip(*record.interval, strict=True)
        columns |= {"low": as_floats(low), "high": as_floats(high)}
        source.data = columns
        plot.varea(
            "event", "low", "high", source=source, color=MODEL, fill_alpha=0.18,
            legend_label="interval of the last forecast",
        )  # fmt: skip
    plot.line(
        "event", "value", source=source, color=MODEL, line_width=2, line_dash="dashed",
        legend_label="last forecast",
    )  # fmt: skip


def horizon_figure(scores: HorizonScores) -> figure:
    """Draw the mean absolute error by steps ahead, beside last value and last season."""
    model, last, season = scores.errors()
    source = ColumnDataSource(
        {
            "steps": np.arange(1, scores.horizon + 1),
            "model": model,
            "last": last,
            "season": season,
            "values": scores.counts[0],
        }
    )
    plot = figure(
        title="Mean absolute error by steps ahead",
        height=260,
        sizing_mode="stretch_width",
        tools="save",
        toolbar_location="above",
        min_border_left=LEFT,
        min_border_right=RIGHT,
        min_border_bottom=BELOW,
        x_axis_label="steps ahead",
        y_axis_label="error",
        y_range=DataRange1d(start=0),
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.xaxis.ticker = BasicTicker(min_interval=1, desired_num_ticks=8)
    lines = [("last", NAIVE, "repeating the last value"), ("model", MODEL, "model")]
    if np.isfinite(season).any():
        lines.insert(1, ("season", SEASON, "value of the last season"))
    for name, colour, words in lines:
        common: dict[str, Any] = {"source": source, "color": colour, "legend_label": words}
        drawn = plot.line("steps", name, line_width=1.8, **common)
        plot.scatter("steps", name, size=6, **common)
    tips = [("steps ahead", "@steps"), ("values", "@values{0,0}")]
    tips += [(words, f"@{name}{{0.[0000]}}") for name, _, words in lines]
    plot.add_tools(HoverTool(renderers=[drawn], mode="vline", tooltips=tips))
    place_legend(plot)
    return plot
