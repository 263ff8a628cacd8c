"""The picture of a model that runs over a stream."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
from bokeh.layouts import column
from bokeh.models import BasicTicker, ColumnDataSource, DataRange1d, Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray

from ..analysis.live_run import CLASSES, NUMBERS, SCORES, Row, Run, as_floats
from ..analysis.ordering import order_units
from .event_axis import EventAxis, event_columns
from .heatmap import TILE, UnitTiles, unit_heatmap
from .lines import error_figure, mark_drifts, prediction_figure, score_figure
from .probabilities import COLUMNS, Classes, ProbabilityFigure

HEATMAPS = {
    "cell": "Cell state: what each unit remembers",
    "forget_gate": "Forget gate: how much old information stays",
    "input_gate": "Input gate: how much new information enters",
    "output_gate": "Output gate: how much of the cell is shown",
}

MOST_UNITS = 128
"""Most units drawn: more are less than a pixel high."""

FIRST_ORDER = 64
"""Units are put in order after so many steps, and whenever there are twice as many."""

WORDS = 40
"""Words that stand beside each other."""

METRICS = {"MAE": "Mean absolute error", "RMSE": "Root mean squared error"}


class LivePicture:
    """Figures of the last events, of the metric over the whole run, and of the state under it.

    Parameters
    ----------
    run : Run
        What is drawn; `update` brings the figures to where it is.

    Attributes
    ----------
    layout : Column
    note : str
        What is left out, for people.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._beginnings = run.beginnings
        self._shown = 0
        self._ordered = 0
        self._words = False
        self._classes = Classes()
        numbers = ("target", "prediction", "error", "lower", "upper")
        columns = COLUMNS if run.kind == CLASSES else numbers
        empty = event_columns([], []) | {name: [] for name in columns}
        self._events = ColumnDataSource(empty, name="events")
        self._curve = ColumnDataSource(
            event_columns([], []) | {"model_error": [], "naive_error": []}, name="curve"
        )
        self._drifts = ColumnDataSource({"event": []}, name="drifts")
        self._range = Range1d(start=-0.5, end=run.window - 0.5)
        self._range.update(reset_start=-0.5, reset_end=run.window - 0.5)
        self._axis = EventAxis(self._events, self._range)
        self._tiles: UnitTiles | None = None
        self.note = ""
        self.layout = column(*self._figures(), sizing_mode="stretch_width", spacing=2)

    def update(self) -> None:
        """Draw what is new."""
        run = self._run
        if run.beginnings != self._beginnings:
            self._beginnings, self._shown, self._ordered = run.beginnings, 0, 0
        new = run.steps - self._shown
        read = run.words or (run.kind == CLASSES and run.rows and isinstance(run.rows[0].mark, str))
        if read and run.rows and not self._words:
            self._label_words()
        rows = list(islice(run.rows, max(0, len(run.rows) - new), None))
        if new < run.window and self._shown:
            if rows:
                self._events.stream(self._columns(rows), rollover=run.window)
        elif rows or len(self._events.data["event"]):
            self._events.data = self._columns(rows)
        if self._probabilities is not None:
            self._probabilities.name(self._classes)
        self._show_curve()
        if list(run.drifts) != list(self._drifts.data["event"]):
            self._drifts.data = {"event": list(run.drifts)}
        if self._tiles is not None and run.kept:
            self._show_units(self._tiles, new)
        self._shown = run.steps
        self._follow()

    def _figures(self) -> list[figure]:
        run = self._run
        self._probabilities: ProbabilityFigure | None = None
        figures = []
        if run.kind == SCORES:
            figures.append(score_figure(self._axis, height=260))
        elif run.kind == NUMBERS:
            figures.append(
                prediction_figure(self._axis, interval=True, drifts=self._drifts, height=280)
            )
        elif run.kind == CLASSES:
            self._probabilities = ProbabilityFigure(self._axis, height=280)
            mark_drifts(self._probabilities.plot, self._drifts)
            figures.append(self._probabilities.plot)
        if run.scored:
            name = type(run.metric).__name__
            axis = EventAxis(self._curve, DataRange1d(range_padding=0.01))
            metric = METRICS.get(name, name)
            figures.append(error_figure(axis, run.naive, metric=metric, height=180))
        if run.hidden_size is not None:
            figures += self._heatmaps(run.hidden_size)
        return figures

    def _heatmaps(self, hidden: int) -> list[figure]:
        units = np.arange(min(hidden, MOST_UNITS))
        if hidden > MOST_UNITS:
            self.note = (
                f"The heatmaps show the {MOST_UNITS} of {hidden:,} units that move the most."
            )
        self._tiles = UnitTiles(list(HEATMAPS), units)
        self._tiles.source.name = "units"
        last = list(HEATMAPS)[-1]
        return [
            unit_heatmap(
                self._axis,
                self._tiles,
                name,
                title,
                height=118 + (48 if name == last else 0),
                labelled=name == last,
            )
            for name, title in HEATMAPS.items()
        ]

    def _columns(self, rows: list[Row]) -> dict[str, Any]:
        columns = event_columns(
            [row.step for row in rows], [row.time for row in rows], [row.label for row in rows]
        )
        targets, predictions = [row.target for row in rows], [row.prediction for row in rows]
        if self._run.kind == CLASSES:
            return columns | self._classes.columns(targets, predictions)
        target, prediction = as_floats(targets), as_floats(predictions)
        margin = as_floats(row.margin for row in rows)
        return columns | {
            "target": target,
            "prediction": prediction,
            "error": prediction - target,
            "lower": prediction - margin,
            "upper": prediction + margin,
        }

    def _show_curve(self) -> None:
        points = self._run.curve.items
        shown = len(self._curve.data["event"])
        if shown and shown <= len(points) and self._curve.data["event"][-1] == points[shown - 1][0]:
            if shown < len(points):
                self._curve.stream(_curve_columns(points[shown:]))
        elif shown or points:  # thinned, or begun anew
            self._curve.data = _curve_columns(points)

    def _show_units(self, tiles: UnitTiles, new: int) -> None:
        run = self._run
        due = run.steps >= max(FIRST_ORDER, 2 * self._ordered)
        if due or not self._shown or new >= run.kept:
            layers = run.layers(run.kept)
            units = tiles.units
            if due:
                self._ordered = run.steps
                units = _in_order(layers["cell"][:, -1])
            tops = {name: layers[name][:, -1] for name in HEATMAPS}
            tiles.show(run.steps - run.kept, tops, units)
        elif new:
            layers = run.layers(new)
            most = run.window // TILE + 2
            tiles.append({name: layers[name][:, -1] for name in HEATMAPS}, most)

    def _label_words(self) -> None:
        self._words = self._axis.words = True
        for plot in self.layout.children:
            if isinstance(plot, figure) and plot.x_range is self._range:
                plot.xaxis.formatter = self._axis.formatter()
                plot.xaxis.ticker = BasicTicker(
                    min_interval=1, max_interval=1, desired_num_ticks=WORDS, num_minor_ticks=0
                )
                plot.xaxis.major_label_orientation = 0.9

    def _follow(self) -> None:
        """Keep the last events in view, unless somebody has moved the view."""
        moved = self._range.start != self._range.reset_start
        seen = WORDS if self._words else self._run.window
        end = max(seen, self._run.steps) - 0.5
        if self._range.reset_end == end:
            return
        self._range.update(reset_start=end - seen, reset_end=end)
        if not moved:
            self._range.update(start=end - seen, end=end)


def _in_order(cells: NDArray[Any]) -> NDArray[np.int64]:
    """Return the units to draw: those that move the most, the alike beside each other."""
    units = order_units(cells)
    if len(units) > MOST_UNITS:
        liveliest = np.argsort(np.nan_to_num(cells.std(axis=0)))[-MOST_UNITS:]
        units = units[np.isin(units, liveliest)]
    return units


def _curve_columns(points: Any) -> dict[str, Any]:
    columns = event_columns([point[0] for point in points], [None] * len(points))
    return columns | {
        "model_error": as_floats(point[1] for point in points),
        "naive_error": as_floats(point[2] for point in points),
    }
