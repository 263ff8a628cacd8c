"""One offline HTML file that shows a finished run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from uuid import UUID

import numpy as np
from bokeh.embed import file_html
from bokeh.layouts import column
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure
from bokeh.resources import INLINE
from numpy.typing import NDArray

from lstmwidgets.analysis import order_units
from lstmwidgets.plots import (
    THEMES,
    EventAxis,
    UnitTiles,
    error_figure,
    event_columns,
    prediction_figure,
    share_figure,
    unit_heatmap,
)

from .baselines import Comparison
from .record import RunRecord

MOST_UNITS = 256
"""Most units drawn in a heatmap: more rows than that are less than a pixel high."""

HEATMAPS = {
    "cell": "Cell state: what each unit remembers",
    "input_gate": "Input gate: how much new information enters",
    "forget_gate": "Forget gate: how much old information stays",
    "output_gate": "Output gate: how much of the cell is shown",
}


def report_html(
    title: str, facts: Mapping[str, str], record: RunRecord, comparisons: list[Comparison]
) -> str:
    """Return the report of a run as one HTML page that needs nothing from elsewhere.

    Equal runs give equal pages, to the byte: nothing in it depends on the clock.

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
    page = file_html(
        column(*_figures(record), sizing_mode="stretch_width"),
        resources=INLINE,
        title=title,
        theme=THEMES[0],
        template=TEMPLATE,
        template_variables={
            "heading": escape(title),
            "facts": "".join(
                f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
                for name, value in facts.items()
            ),
            "rows": "".join(map(_row, comparisons)),
            "notes": "".join(f"<p>{escape(note)}</p>" for note in _notes(record)),
        },
    )
    return _with_numbered_ids(page)


def _figures(record: RunRecord) -> Iterator[figure]:
    points = record.points.items
    if not any(point.target is not None for point in points):
        return
    columns = event_columns([point.event for point in points], [point.time for point in points])
    columns |= {
        "target": _array([point.target for point in points]),
        "prediction": _array([point.prediction for point in points]),
        "model_error": _array([point.model_error for point in points]),
        "naive_error": _array([point.naive_error for point in points]),
    }
    columns["error"] = columns["prediction"] - columns["target"]
    names = points[-1].shares
    columns |= {f"share of {name}": [point.shares[name] for point in points] for name in names}
    axis = EventAxis(ColumnDataSource(columns), stride=record.points.stride)
    yield prediction_figure(axis)
    yield error_figure(axis, "repeating the last value")
    if len(names) > 1:
        yield share_figure(axis, list(names))
    snapshots = record.snapshots.items
    if not snapshots:
        return
    layers = record.recording().layers
    tops = {name: layers[name][:, -1] for name in HEATMAPS}
    units = order_units(tops["cell"])
    if len(units) > MOST_UNITS:
        liveliest = np.argsort(tops["cell"].std(axis=0))[-MOST_UNITS:]
        units = units[np.isin(units, liveliest)]
    tiles = UnitTiles(list(HEATMAPS), units, stride=record.snapshots.stride)
    tiles.show(snapshots[0].event, tops, units)
    for name, title in HEATMAPS.items():
        yield unit_heatmap(axis, tiles, name, title)


def _array(values: list[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _row(comparison: Comparison) -> str:
    if not comparison.events:
        return ""
    ratio = "&ndash;" if comparison.ratio is None else f"{comparison.ratio:.3f}"
    return (
        f"<tr><td>{escape(comparison.name)}</td><td>{comparison.events:,}</td>"
        f"<td>{comparison.model:.4g}</td><td>{comparison.baseline:.4g}</td><td>{ratio}</td></tr>"
    )


def _notes(record: RunRecord) -> Iterator[str]:
    if not any(point.target is not None for point in record.points.items):
        yield "No event had a target: there is nothing to draw."
        return
    if record.points.stride > 1:
        yield f"Lines show one event in {record.points.stride}."
    snapshots = record.snapshots.items
    yield "Drag to pan, hold Shift and turn the wheel to zoom; the figures move together."
    if not snapshots:
        return
    if record.snapshots.stride > 1:
        yield f"Heatmaps show one event in {record.snapshots.stride}."
    hidden = snapshots[0].step.hidden_size
    if hidden > MOST_UNITS:
        yield f"Heatmaps show the {MOST_UNITS} of {hidden} units whose cell state moves the most."


def _with_numbered_ids(page: str) -> str:
    """Replace the random ids that Bokeh gives documents and elements by numbers."""
    ids = dict.fromkeys(re.findall(UUID_PATTERN, page))
    numbers = {found: str(UUID(int=n)) for n, found in enumerate(ids)}
    return re.sub(UUID_PATTERN, lambda match: numbers[match[0]], page)


UUID_PATTERN = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

TEMPLATE = """
{% block postamble %}
<style>
  :root { color-scheme: light; }
  body { margin: 0 auto; padding: 28px 24px 48px; max-width: 1280px; background: #fff;
         color: #333; font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica,
         Arial, sans-serif; }
  h1 { margin: 0 0 14px; font-size: 24px; font-weight: 650; }
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
<div class="summary">
  <dl>{{ facts }}</dl>
  <table>
    <caption hidden>Mean absolute errors</caption>
    <thead><tr><th>mean absolute error against</th><th>events</th><th>model</th><th>baseline</th>
    <th>ratio</th></tr></thead>
    <tbody>{{ rows }}</tbody>
  </table>
</div>
{{ notes }}
{{ super() }}
{% endblock %}
"""
