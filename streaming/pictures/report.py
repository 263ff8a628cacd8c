"""One offline HTML file that shows a finished run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from uuid import UUID

from bokeh.embed import file_html
from bokeh.layouts import column
from bokeh.plotting import figure
from bokeh.resources import INLINE

from lstmwidgets.analysis import Thinned
from lstmwidgets.analysis.ordering import MOST_UNITS
from lstmwidgets.analysis.recording import ORDER
from lstmwidgets.plots import THEMES
from lstmwidgets.plots.style import both_colours, fit_width

from ..tasks.scores import Table
from .figures import is_drawn, report_figures
from .record import Point, RunRecord, Snapshot


def report_html(title: str, facts: Mapping[str, str], record: RunRecord, table: Table) -> str:
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
    table : Table
        How good the predictions were.
    """
    figures = report_figures(record) if is_drawn(record.task, record.points) else ()
    return page_html(title, facts, table, _notes(record), figures)


def page_html(
    title: str,
    facts: Mapping[str, str],
    table: Table,
    notes: Iterable[str],
    figures: Iterable[figure],
) -> str:
    """Return a page of facts, a table, notes and figures, which follows its reader's colours."""
    summary, drawn = _summary_html(facts, table), list(figures)
    for each in drawn:
        fit_width(each)
    page = file_html(
        column(*drawn, sizing_mode="stretch_width"),
        resources=INLINE,
        title=title,
        theme=THEMES[0],
        template=TEMPLATE,
        template_variables={
            "heading": escape(title),
            "dark": json.dumps(both_colours()),
            "summary": summary + "".join(f"<p>{escape(note)}</p>" for note in notes),
        },
    )
    return _with_numbered_ids(page)


def _notes(record: RunRecord) -> Iterator[str]:
    if not is_drawn(record.task, record.points):
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


def _drawing_notes(points: Thinned[Point], snapshots: Thinned[Snapshot]) -> Iterator[str]:
    """Yield what a reader has to know about what is drawn."""
    if points.stride > 1:
        yield f"Lines show one event in {points.stride}."
    yield HANDLING
    if not snapshots.items:
        return
    if snapshots.stride > 1:
        yield f"Heatmaps show one event in {snapshots.stride}."
    hidden = snapshots.items[0].activations.shape[-1] // len(ORDER)
    if hidden > MOST_UNITS:
        yield f"Heatmaps show the {MOST_UNITS} of {hidden} units whose cell state moves the most."


def _summary_html(facts: Mapping[str, str], table: Table) -> str:
    """Return facts and scores, to stand above the figures of a report."""
    listed = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in facts.items()
    )
    told = ""
    if table.rows:
        heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
            for cells in table.rows
        )
        told = TABLE.format(title=escape(table.title), heads=heads, rows=rows)
    return f'<div class="summary">\n<dl>{listed}</dl>\n{told}</div>\n'


HANDLING = "Drag to pan, hold Shift and turn the wheel to zoom; the figures move together."

UUID_PATTERN = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"

TABLE = """<div class="table"><table>
  <caption>{title}</caption>
  <thead><tr>{heads}</tr></thead>
  <tbody>{rows}</tbody>
</table></div>
"""

TEMPLATE = """
{% block postamble %}
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
  :root { color-scheme: light dark; --page: #fff; --text: #333; --faint: #636363; --line: #ececec; }
  @media (prefers-color-scheme: dark) {
    :root { --page: #15191c; --text: #e6e6e6; --faint: #a8a8a8; --line: #3a3a3a; }
  }
  html { overflow-x: clip; }
  body { margin: 0 auto; padding: 28px 24px 48px; max-width: 1280px; background: var(--page);
         color: var(--text);
         font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, sans-serif; }
  h1 { margin: 0 0 14px; font-size: 24px; font-weight: 650; overflow-wrap: anywhere; }
  .summary { display: flex; flex-wrap: wrap; gap: 16px 48px; align-items: flex-start;
             margin-bottom: 22px; }
  .table { max-width: 100%; overflow-x: auto; }
  dl { display: grid; grid-template-columns: repeat(2, auto); gap: 4px 28px; margin: 0; }
  dl div { display: contents; }
  dt { color: var(--faint); }
  dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
  table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
  caption { text-align: left; font-weight: 650; padding-bottom: 4px; }
  th { color: var(--faint); font-weight: 400; text-align: right; padding: 0 0 4px 28px; }
  td { text-align: right; padding: 3px 0 3px 28px; border-top: 1px solid var(--line); }
  th:first-child, td:first-child { text-align: left; padding-left: 0; }
  td:last-child { font-weight: 650; }
  p { margin: 0 0 6px; color: var(--faint); }
  @media (max-width: 600px) { body { padding: 16px 10px 32px; } td, th { padding-left: 14px; } }
</style>
{% endblock %}
{% block contents %}
<h1>{{ heading }}</h1>
{{ summary }}
{{ super() }}
<script>
  const colours = {{ dark }};
  const system = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    const dark = Number(system.matches);
    const models = Bokeh.documents.flatMap((each) => [...each._all_models.values()]);
    for (const model of models)
      for (const [kind, attributes] of Object.entries(colours))
        if (model instanceof Bokeh.Models.get(kind))
          for (const [name, both] of Object.entries(attributes))
            if (model[name] === both[1 - dark]) model[name] = both[dark]; // not what a figure set
  };
  const wait = () => (window.Bokeh?.documents.length ? paint() : setTimeout(wait, 20));
  system.addEventListener("change", paint);
  if (system.matches) wait();
</script>
{% endblock %}
"""
"""The page: variables are ``heading``, ``summary`` and ``dark``."""
