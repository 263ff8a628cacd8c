"""One offline HTML file that shows several models over one stream."""

from __future__ import annotations

from collections.abc import Mapping

from bokeh.models import ColumnDataSource, DataRange1d
from bokeh.plotting import figure

from lstmwidgets.plots import EventAxis, event_columns, event_figure
from lstmwidgets.plots.shares import OTHERS
from lstmwidgets.plots.style import MODEL, NAIVE, place_legend

from ..tasks.base import CLASSES, SCORES
from ..tasks.scores import Table
from .record import RunRecord, as_floats
from .report import page_html

COLOURS = (MODEL, *OTHERS)
"""Of the models, in turn."""

TITLES = {CLASSES: "Accuracy so far", SCORES: "Share of alarms so far"}
"""Of other scores than the mean absolute error."""


def evaluation_html(
    title: str, facts: Mapping[str, str], table: Table, records: Mapping[str, RunRecord]
) -> str:
    """Return the report of several models as one HTML page that needs nothing from elsewhere.

    Parameters
    ----------
    title : str
        What was run.
    facts : mapping of str to str
        What to state about all of it.
    table : Table
        How good each was.
    records : mapping of str to RunRecord
        What happened, by model.
    """
    figures = [_curves(records)] if any(r.points.items for r in records.values()) else []
    return page_html(title, facts, table, [], figures)


def _curves(records: Mapping[str, RunRecord]) -> figure:
    """Draw the running score of each model, and of the simplest forecast."""
    first = next(iter(records.values()))
    points = first.points.items
    columns = event_columns([point.event for point in points], [point.time for point in points])
    title = TITLES.get(first.task.drawn, "Mean absolute error so far")
    plot = event_figure(EventAxis(ColumnDataSource(columns)), title, 420, "", y_range=DataRange1d())
    naive = as_floats(point.naive_error for point in points)
    events = columns["event"]
    if first.task.naive:
        plot.line(events, naive, color=NAIVE, line_width=1.6, legend_label=first.task.naive)
    for n, (name, record) in enumerate(records.items()):
        plot.line(
            [point.event for point in record.points.items],
            as_floats(point.model_error for point in record.points.items),
            color=COLOURS[n % len(COLOURS)],
            line_width=1.8,
            line_dash="solid" if n < len(COLOURS) else "dashed",
            legend_label=name,
        )
    place_legend(plot)
    return plot
