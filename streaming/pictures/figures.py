"""Which figures the report of a task has: data, a function a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray

from lstmwidgets.analysis import Thinned
from lstmwidgets.analysis.ordering import drawn_units
from lstmwidgets.analysis.titles import MAPS
from lstmwidgets.plots import (
    EventAxis,
    error_figure,
    event_columns,
    prediction_figure,
    share_figure,
    unit_heatmap,
)

from ..tasks import Task
from ..tasks.horizon_scores import HorizonScores
from .class_figures import confusion_figures, lanes_figure, truth_figure
from .horizon_figures import draw_fan, horizon_figure
from .record import Point, RunRecord, Snapshot, as_floats, layers_of
from .score_figures import alarm_figure, inputs_figure, score_figure

Figures = Iterator[figure]


def report_figures(record: RunRecord) -> Figures:
    """Yield the figures of a run, from above."""
    columns = line_columns(record)
    axis = EventAxis(ColumnDataSource(columns), _range(columns["event"], record.points.items[-1]))
    yield from FIGURES[record.task.name](record, axis)
    names = record.shares(record.points.items[-1])
    if len(names) > 1:
        yield share_figure(axis, list(names))
    yield from _maps(record, axis)


def _numbers(record: RunRecord, axis: EventAxis) -> Figures:
    yield prediction_figure(axis)
    yield error_figure(axis, record.task.naive)


def _forecasts(record: RunRecord, axis: EventAxis) -> Figures:
    plot = prediction_figure(axis)
    draw_fan(plot, axis, record.points.items[-1])
    yield plot
    yield error_figure(axis, record.task.naive)
    if isinstance(record.scores, HorizonScores):
        yield horizon_figure(record.scores)


def _classes(record: RunRecord, axis: EventAxis) -> Figures:
    yield lanes_figure(axis, record)
    yield truth_figure(axis, record)
    yield error_figure(axis, record.task.naive, title="Accuracy so far", y_label="accuracy")
    yield from confusion_figures(axis, record.confusion)


def _scores(record: RunRecord, axis: EventAxis) -> Figures:
    yield score_figure(axis, record)
    alarms = record.task.options.alarms
    if alarms is not None:
        yield alarm_figure(axis, alarms)
    yield from inputs_figure(axis, record)


FIGURES: dict[str, Callable[[RunRecord, EventAxis], Figures]] = {
    "regression": _numbers,
    "forecast": _forecasts,
    "classification": _classes,
    "text": _classes,
    "anomaly": _scores,
}
"""By the name of the task; experts and units come below."""


def is_drawn(task: Task, points: Thinned[Point]) -> bool:
    """Say whether there is something to draw: scores, or targets that were predicted."""
    wanted = "target" if task.needs_target else "prediction"
    return any(getattr(point, wanted) is not None for point in points.items)


def line_columns(record: RunRecord) -> dict[str, Any]:
    """Return the columns that the figures of lines draw.

    Where there are keys, the events of the one that is drawn are counted, so that they lie at equal
    distances.

    Parameters
    ----------
    record : RunRecord
        With one point at least.
    """
    points = record.points
    new = points.items
    columns = event_columns([point.event for point in new], [point.time for point in new])
    places = np.arange(len(new), dtype=np.float64)
    columns |= {
        "event": points.items[0].event + points.stride * places,
        "target": as_floats(point.target for point in new),
        "prediction": as_floats(point.prediction for point in new),
        "model_error": as_floats(point.model_error for point in new),
        "naive_error": as_floats(point.naive_error for point in new),
    }
    columns["error"] = columns["prediction"] - columns["target"]
    shares = [record.shares(point) for point in new]
    for name in shares[-1]:
        columns[f"share of {name}"] = as_floats(each.get(name) for each in shares)
    return columns


def unit_values(snapshots: Sequence[Snapshot]) -> dict[str, NDArray[np.float32]]:
    """Return what the heatmaps draw, of the top layer, as arrays (T, H)."""
    layers = layers_of(snapshots)
    return {name: layers[name][:, -1] for name in MAPS}


def _range(events: NDArray[np.float64], last: Point) -> Range1d:
    """Return what is seen: all events, and those of the last forecast."""
    ahead = 0 if last.record is None else len(last.record.forecast or ())
    start, end = events[0] - 0.5, max(events[-1] + ahead, events[0] + 1) + 0.5
    return Range1d(start=start, end=end, bounds=(start, end))


def _maps(record: RunRecord, axis: EventAxis) -> Figures:
    snapshots = record.snapshots
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
