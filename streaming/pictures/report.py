"""One offline HTML file that shows a finished run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from uuid import UUID

from bokeh.embed import file_html
from bokeh.layouts import column
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure
from bokeh.resources import INLINE

from lstmwidgets.plots import (
    THEMES,
    EventAxis,
    UnitTiles,
    error_figure,
    prediction_figure,
    share_figure,
)

from ..baselines import Comparison
from . import figures as pictures
from .record import NAIVE, RunRecord
from .summary import summary_html


def report_html(
    title: str, facts: Mapping[str, str], record: RunRecord, comparisons: list[Comparison]
) -> str:
    """Return the report of a run as one HTML page that needs nothing from elsewhere.

    Equal runs give equal pages, to the byte: nothing in it depends on the clock, nor on what else
    was drawn in the process.

    Parameters
    ----------
    title : str
        What was run.
    facts : mapping of str to str
        What to state about it at the top.
    record : RunRecord
        What happened.
    comparisons : list of Comparison
        Errors of the model and of the baselines.
    """
    summary = summary_html(facts, comparisons)
    page = file_html(
        column(*_figures(record), sizing_mode="stretch_width"),
        resources=INLINE,
        title=title,
        theme=THEMES[0],
        template=pictures.TEMPLATE,
        template_variables={
            "heading": escape(title),
            "summary": summary + "".join(f"<p>{escape(note)}</p>" for note in _notes(record)),
        },
    )
    return _with_numbered_ids(page)


def _figures(record: RunRecord) -> Iterator[figure]:
    if not _has_targets(record):
        return
    points, snapshots = record.points, record.snapshots
    axis = EventAxis(ColumnDataSource(pictures.line_columns(points)))
    yield prediction_figure(axis)
    yield error_figure(axis, NAIVE)
    names = points.items[-1].shares
    if len(names) > 1:
        yield share_figure(axis, list(names))
    if not snapshots.items:
        return
    values = pictures.unit_values(snapshots.items)
    units = pictures.drawn_units(values["cell"])
    tiles = UnitTiles(list(pictures.HEATMAPS), units, stride=snapshots.stride)
    tiles.show(snapshots.items[0].event, values, units)
    yield from pictures.unit_figures(axis, tiles)


def _has_targets(record: RunRecord) -> bool:
    return any(point.target is not None for point in record.points.items)


def _notes(record: RunRecord) -> Iterator[str]:
    if not _has_targets(record):
        yield "No event had a target: there is nothing to draw."
        return
    yield from pictures.notes(record.points, record.snapshots)


def _with_numbered_ids(page: str) -> str:
    """Replace the ids that Bokeh gives: random ones, and those that count all of a process."""
    head, end, body = page.rpartition("</head>")  # the head is BokehJS, which has none
    for n, found in enumerate(dict.fromkeys(re.findall(UUID_PATTERN, body))):
        body = body.replace(found, str(UUID(int=n)))
    counted = dict.fromkeys(re.findall(r'"id":"(p\d+)"', body))
    numbers = {found: f"p{n}" for n, found in enumerate(counted, 1000)}
    body = re.sub(r'"(p\d+)"', lambda match: f'"{numbers.get(match[1], match[1])}"', body)
    return f"{head}{end}{body}"


UUID_PATTERN = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
