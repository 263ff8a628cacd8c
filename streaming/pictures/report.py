"""One offline HTML file that shows a finished run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any
from uuid import UUID

import numpy as np
from bokeh.embed import file_html
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure
from bokeh.resources import INLINE
from numpy.typing import NDArray

from lstmwidgets.analysis import Thinned
from lstmwidgets.analysis.ordering import MOST_UNITS, drawn_units
from lstmwidgets.analysis.titles import MAPS
from lstmwidgets.plots import (
    THEMES,
    EventAxis,
    error_figure,
    event_columns,
    prediction_figure,
    share_figure,
    unit_heatmap,
)

from ..baselines import Comparison
from .error_table import error_rows
from .record import NAIVE, Point, RunRecord, Snapshot


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
    summary = _summary_html(facts, comparisons)
    page = file_html(
        column(*_figures(record), sizing_mode="stretch_width"),
        resources=INLINE,
        title=title,
        theme=THEMES[0],
        template=TEMPLATE,
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
    axis = EventAxis(ColumnDataSource(line_columns(points)))
    yield prediction_figure(axis)
    yield error_figure(axis, NAIVE)
    names = points.items[-1].shares
    if len(names) > 1:
        yield share_figure(axis, list(names))
    if not snapshots.items:
        return
    values = unit_values(snapshots.items)
    units, _ = drawn_units(values["cell"])
    rows = Range1d(start=0, end=len(units))
    for name, title in MAPS.items():
        yield unit_heatmap(
            axis,
            name,
            title,
            values[name],
            units,
            first=snapshots.items[0].event,
            stride=snapshots.stride,
            y_range=rows,
        )


def _has_targets(record: RunRecord) -> bool:
    return any(point.target is not None for point in record.points.items)


def _notes(record: RunRecord) -> Iterator[str]:
    if not _has_targets(record):
        yield "No event had a target: there is nothing to draw."
        return
    yield from _drawing_notes(record.points, record.snapshots)


def _with_numbered_ids(page: str) -> str:
    """Replace the ids that Bokeh gives: random ones, and those that count all of a process."""
    head, end, body = page.rpartition("</head>")  # the head is BokehJS, which has none
    for n, found in enumerate(dict.fromkeys(re.findall(UUID_PATTERN, body))):
        body = body.replace(found, str(UUID(int=n)))
    counted = dict.fromkeys(re.findall(r'"id":"(p\d+)"', body))
    numbers = {found: f"p{n}" for n, found in enumerate(counted, 1000)}
    body = re.sub(r'"(p\d+)"', lambda match: f'"{numbers.get(match[1], match[1])}"', body)
    return f"{head}{end}{body}"


def line_columns(points: Thinned[Point]) -> dict[str, Any]:
    """Return the columns that the figures of lines draw.

    Where there are keys, the events of the one that is drawn are counted, so that they lie at equal
    distances.

    Parameters
    ----------
    points : Thinned of Point
        At least one.
    """
    new = points.items
    columns = event_columns([point.event for point in new], [point.time for point in new])
    places = np.arange(len(new), dtype=np.float64)
    columns |= {
        "event": points.items[0].event + points.stride * places,
        "target": _floats(point.target for point in new),
        "prediction": _floats(point.prediction for point in new),
        "model_error": _floats(point.model_error for point in new),
        "naive_error": _floats(point.naive_error for point in new),
    }
    columns["error"] = columns["prediction"] - columns["target"]
    for name in points.items[-1].shares:
        columns[f"share of {name}"] = _floats(point.shares.get(name) for point in new)
    return columns


def unit_values(snapshots: Sequence[Snapshot]) -> dict[str, NDArray[np.float32]]:
    """Return what the heatmaps draw, of the top layer, as arrays (T, H)."""
    steps = [snapshot.step.layers for snapshot in snapshots]
    return {name: np.stack([layers[name][0, -1] for layers in steps]) for name in MAPS}


def _drawing_notes(points: Thinned[Point], snapshots: Thinned[Snapshot]) -> Iterator[str]:
    """Yield what a reader has to know about what is drawn."""
    if points.stride > 1:
        yield f"Lines show one event in {points.stride}."
    yield HANDLING
    if not snapshots.items:
        return
    if snapshots.stride > 1:
        yield f"Heatmaps show one event in {snapshots.stride}."
    hidden = snapshots.items[0].step.hidden_size
    if hidden > MOST_UNITS:
        yield f"Heatmaps show the {MOST_UNITS} of {hidden} units whose cell state moves the most."


def _summary_html(facts: Mapping[str, str], comparisons: Iterable[Comparison]) -> str:
    """Return facts and the table of errors, to stand above the figures of a report."""
    listed = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in facts.items()
    )
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for cells in error_rows(comparisons)
    )
    table = TABLE.format(rows=rows) if rows else ""
    return f'<div class="summary">\n<dl>{listed}</dl>\n{table}</div>\n'


def _floats(values: Iterable[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], np.float64)


HANDLING = "Drag to pan, hold Shift and turn the wheel to zoom; the figures move together."

UUID_PATTERN = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

TABLE = """<table>
  <caption hidden>Mean absolute errors</caption>
  <thead><tr><th>mean absolute error against</th><th>events</th><th>model</th><th>baseline</th>
  <th>ratio</th></tr></thead>
  <tbody>{rows}</tbody>
</table>
"""

TEMPLATE = """
{% block postamble %}
<style>
  :root { color-scheme: light; }
  body { margin: 0 auto; padding: 28px 24px 48px; max-width: 1280px; background: #fff; color: #333;
         font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, sans-serif; }
  h1 { margin: 0 0 14px; font-size: 24px; font-weight: 650; overflow-wrap: anywhere; }
  .summary { display: flex; flex-wrap: wrap; gap: 16px 48px; align-items: flex-start;
             margin-bottom: 22px; }
  dl { display: grid; grid-template-columns: repeat(2, auto); gap: 4px 28px; margin: 0; }
  dl div { display: contents; }
  dt { color: #6b6b6b; }
  dd { margin: 0; font-variant-numeric: tabular-nums; }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
  th { color: #6b6b6b; font-weight: 400; text-align: right; padding: 0 0 4px 28px; }
  td { text-align: right; padding: 3px 0 3px 28px; border-top: 1px solid #ececec; }
  th:first-child, td:first-child { text-align: left; padding-left: 0; }
  td:last-child { font-weight: 650; }
  p { margin: 0 0 6px; color: #6b6b6b; }
</style>
{% endblock %}
{% block contents %}
<h1>{{ heading }}</h1>
{{ summary }}
{{ super() }}
{% endblock %}
"""
"""The page: variables are ``heading`` and ``summary``."""
