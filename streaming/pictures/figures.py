"""What the report and the live page share: what figures show, and what stands around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from bokeh.plotting import figure
from numpy.typing import NDArray

from lstmwidgets.analysis import Thinned, order_units
from lstmwidgets.plots import EventAxis, UnitTiles, event_columns, unit_heatmap

from .record import Point, Snapshot

MOST_UNITS = 256
"""Most units drawn in a heatmap: more rows than that are less than a pixel high."""

HEATMAPS = {
    "cell": "Cell state: what each unit remembers",
    "input_gate": "Input gate: how much new information enters",
    "forget_gate": "Forget gate: how much old information stays",
    "output_gate": "Output gate: how much of the cell is shown",
}

HANDLING = "Drag to pan, hold Shift and turn the wheel to zoom; the figures move together."


def line_columns(points: Thinned[Point], start: int = 0) -> dict[str, Any]:
    """Return the columns that the figures of lines draw.

    Where there are keys, the events of the one that is drawn are counted, so that they lie at equal
    distances.

    Parameters
    ----------
    points : Thinned of Point
        At least one.
    start : int
        The first of them that is wanted, by its place.
    """
    new = points.items[start:]
    columns = event_columns([point.event for point in new], [point.time for point in new])
    places = np.arange(start, start + len(new), dtype=np.float64)
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
    return {name: np.stack([layers[name][0, -1] for layers in steps]) for name in HEATMAPS}


def drawn_units(cells: NDArray[Any]) -> NDArray[np.int64]:
    """Return which units to draw, from below: those that move the most, the alike together.

    Parameters
    ----------
    cells : ndarray
        Cell states, (T, H).
    """
    units = order_units(cells)
    if len(units) > MOST_UNITS:
        liveliest = np.argsort(cells.std(axis=0))[-MOST_UNITS:]
        units = units[np.isin(units, liveliest)]
    return units


def unit_figures(axis: EventAxis, tiles: UnitTiles) -> list[figure]:
    """Return the heatmaps."""
    return [unit_heatmap(axis, tiles, name, title) for name, title in HEATMAPS.items()]


def notes(points: Thinned[Point], snapshots: Thinned[Snapshot]) -> Iterator[str]:
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


def _floats(values: Iterable[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], np.float64)


FONT = """font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial,
         sans-serif;"""

SUMMARY_STYLE = """
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
"""

TEMPLATE = (
    """
{% block postamble %}
<style>
  :root { color-scheme: light; }
  body { margin: 0 auto; padding: 28px 24px 48px; max-width: 1280px; background: #fff;
         color: #333; """
    + FONT
    + """ }
  h1 { margin: 0 0 14px; font-size: 24px; font-weight: 650; overflow-wrap: anywhere; }
"""
    + SUMMARY_STYLE
    + """
</style>
{% endblock %}
{% block contents %}
<h1>{{ heading }}</h1>
{{ summary }}
{{ super() }}
{% endblock %}
"""
)
"""The page: variables are ``heading`` and ``summary``."""
