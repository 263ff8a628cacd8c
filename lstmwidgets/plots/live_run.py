"""A run as figures at rest: what `LiveStream` shows, for pages that are saved."""

from __future__ import annotations

from typing import Any

from bokeh.layouts import column
from bokeh.models import BasicTicker, ColumnDataSource, DataRange1d, LayoutDOM, Range1d
from bokeh.plotting import figure
from river.metrics.base import Metrics

from ..analysis.live_run import CLASSES, NUMBERS, SCORES, Row, Run, as_floats
from ..analysis.ordering import drawn_units
from ..analysis.titles import MAPS, metric_title
from .event_axis import EventAxis, event_columns
from .heatmap import UnitTiles, unit_heatmap
from .lines import error_figure, mark_drifts, prediction_figure, score_figure
from .probabilities import Classes, ProbabilityFigure

WORDS = 40
"""Words that stand beside each other."""


def run_layout(run: Run) -> LayoutDOM:
    """Draw the last events of a run, its metric from the beginning, and the state under it.

    Parameters
    ----------
    run : Run
        Of any kind; it may be empty.
    """
    rows = list(run.rows)
    classes = Classes()
    events = ColumnDataSource(_columns(rows, run.kind, classes), name="events")
    words = bool(rows) and isinstance(rows[-1].mark, str)
    seen = min(WORDS, run.window) if words else max(1, len(rows))
    end = max(seen, run.steps) - 0.5
    axis = EventAxis(events, Range1d(start=end - seen, end=end), words=words)
    figures = _predictions(run, axis, classes)
    if run.scored:
        figures.append(_curve(run))
    if run.kept:
        figures += _heatmaps(run, axis)
    if words:
        for plot in figures:
            if plot.x_range is axis.range:
                _label_words(plot)
    return column(*figures, sizing_mode="stretch_width", spacing=2)


def _predictions(run: Run, axis: EventAxis, classes: Classes) -> list[figure]:
    drifts = ColumnDataSource({"event": list(run.drifts)}, name="drifts")
    if run.kind == SCORES:
        return [score_figure(axis, height=260)]
    if run.kind == NUMBERS:
        return [prediction_figure(axis, interval=True, drifts=drifts, height=280)]
    if run.kind == CLASSES:
        probabilities = ProbabilityFigure(axis, height=280)
        probabilities.name(classes)
        mark_drifts(probabilities.plot, drifts)
        return [probabilities.plot]
    return []


def _curve(run: Run) -> figure:
    points = run.curve.items
    columns = event_columns([int(point[0]) for point in points], [None] * len(points))
    columns |= {
        "model_error": as_floats(point[1] for point in points),
        "naive_error": as_floats(point[2] for point in points),
    }
    source = ColumnDataSource(columns, name="curve")
    metric = next(iter(run.metric)) if isinstance(run.metric, Metrics) else run.metric
    axis = EventAxis(source, DataRange1d(range_padding=0.01))
    return error_figure(axis, run.naive, metric=metric_title(metric), height=180)


def _heatmaps(run: Run, axis: EventAxis) -> list[figure]:
    layers = {name: values[:, -1] for name, values in run.layers(run.kept).items()}
    units, _ = drawn_units(layers["cell"])
    tiles = UnitTiles(list(MAPS), units)
    tiles.source.name = "units"
    tiles.show(run.steps - run.kept, {name: layers[name] for name in MAPS}, units)
    last = list(MAPS)[-1]
    return [
        unit_heatmap(
            axis,
            tiles,
            name,
            title,
            height=118 + (48 if name == last else 0),
            labelled=name == last,
        )
        for name, title in MAPS.items()
    ]


def _columns(rows: list[Row], kind: str, classes: Classes) -> dict[str, Any]:
    columns = event_columns(
        [row.step for row in rows], [row.time for row in rows], [row.label for row in rows]
    )
    targets, predictions = [row.target for row in rows], [row.prediction for row in rows]
    if kind == CLASSES:
        return columns | classes.columns(targets, predictions)
    target, prediction = as_floats(targets), as_floats(predictions)
    margin = as_floats(row.margin for row in rows)
    return columns | {
        "target": target,
        "prediction": prediction,
        "error": prediction - target,
        "lower": prediction - margin,
        "upper": prediction + margin,
    }


def _label_words(plot: figure) -> None:
    plot.xaxis.ticker = BasicTicker(
        min_interval=1, max_interval=1, desired_num_ticks=WORDS, num_minor_ticks=0
    )
    plot.xaxis.major_label_orientation = 0.9
