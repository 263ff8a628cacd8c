"""Figures of anomalies: scores, alarms, and the features in which they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bokeh.models import ColumnDataSource, DataRange1d, HoverTool, NumeralTickFormatter, Range1d
from bokeh.models.annotations import Span
from bokeh.plotting import figure

from lstmwidgets.plots import EventAxis, error_figure, event_figure
from lstmwidgets.plots.style import MODEL, NAIVE, TRUTH, place_legend

from .record import RunRecord, as_floats

INPUTS = 6
"""Features that are drawn at most, those that came first."""


def score_figure(axis: EventAxis, record: RunRecord) -> figure:
    """Draw the scores, the alarms, and where an anomaly is known to have been."""
    points, alarms = record.points.items, record.alarms
    source = ColumnDataSource(
        {
            "event": axis.source.data["event"],
            "label": axis.source.data["label"],
            "score": axis.source.data["prediction"],
            "odd": as_floats(1.06 if point.target else None for point in points),
        }
    )
    plot = event_figure(axis, "How odd each event was", 300, "score", y_range=(-0.02, 1.1))
    line = plot.line(
        "event", "score", source=source, color=MODEL, line_width=1.1, legend_label="score"
    )
    if any(point.target is not None for point in points):
        plot.scatter(
            "event", "odd", source=source, marker="inverted_triangle", size=10, color=TRUTH,
            legend_label="known anomaly",
        )  # fmt: skip
    if alarms:
        marks = ColumnDataSource(
            {"event": [alarm.event for alarm in alarms], "score": [each.score for each in alarms]}
        )
        plot.scatter("event", "score", source=marks, size=8, color=NAIVE, legend_label="alarm")
    tips = [("", "@label"), ("score", "@score{0.0000}")]
    plot.add_tools(HoverTool(renderers=[line], mode="vline", tooltips=tips))
    place_legend(plot)
    return plot


def alarm_figure(axis: EventAxis, promised: float) -> figure:
    """Draw the share of events that were alarms, beside the one that is promised."""
    plot = error_figure(
        axis,
        f"promised of ordinary events: {promised:.3%}",
        title="Share of alarms so far",
        y_label="share",
        model_name="alarms",
    )
    plot.yaxis.formatter = NumeralTickFormatter(format="0.[000] %")
    plot.y_range = Range1d(start=0, end=5 * promised)  # of few events the share jumps
    return plot


def inputs_figure(axis: EventAxis, record: RunRecord) -> Iterator[figure]:
    """Yield a figure a feature that is a number, with the alarms in it."""
    points = record.points.items
    names: dict[Any, None] = {}
    for point in points:
        names |= {
            name: None
            for name, value in point.x.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
    for name in list(names)[:INPUTS]:
        source = ColumnDataSource(
            {
                "event": axis.source.data["event"],
                "label": axis.source.data["label"],
                "value": as_floats(point.x.get(name) for point in points),
            }
        )
        plot = event_figure(axis, f"Feature {name}", 150, "", y_range=DataRange1d())
        line = plot.line("event", "value", source=source, color=TRUTH, line_width=1.6)
        for alarm in record.alarms[-200:]:
            span = Span(location=alarm.event, dimension="height", line_color=NAIVE, line_alpha=0.5)
            plot.add_layout(span)
        tips = [("", "@label"), (str(name), "@value{0.[0000]}")]
        plot.add_tools(HoverTool(renderers=[line], mode="vline", tooltips=tips))
        yield plot
