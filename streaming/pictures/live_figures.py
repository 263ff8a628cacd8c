"""Figures of a live page, which are sent what is new of a record."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure

from lstmwidgets.analysis import Thinned
from lstmwidgets.plots import (
    EventAxis,
    UnitTiles,
    error_figure,
    prediction_figure,
    share_figure,
)
from lstmwidgets.plots.heatmap import TILE

from . import figures as pictures
from . import record
from .record import Point, Snapshot

FIRST_ORDER = 64
"""Units are put in order after so many steps, and whenever there are twice as many."""

MOST_NEW = 4 * TILE
"""Most steps sent one by one; with more new ones it is cheaper to send all."""


class LiveLines:
    """Figures of prediction and truth, errors and shares, as their data come to be there.

    Attributes
    ----------
    axis : EventAxis
        Shared with the heatmaps.
    """

    def __init__(self) -> None:
        self._source = ColumnDataSource(name="lines")
        self._range = Range1d(start=-0.5, end=15.5, reset_start=-0.5, reset_end=15.5)
        self.axis = EventAxis(self._source, self._range)
        self._shown: Thinned[Point] = Thinned(record.POINTS)
        self._figures: dict[str, figure] = {}

    def show(self, points: Thinned[Point]) -> None:
        """Send what differs from what is shown."""
        old, new = self._shown.items, points.items
        if not new:
            return
        same = points.stride == self._shown.stride and bool(old)
        if not same or new[-1].shares.keys() != old[-1].shares.keys():
            self._source.data = pictures.line_columns(points)
        else:
            self._replace(old, new)
            if len(new) > len(old):
                self._source.stream(pictures.line_columns(points, len(old)))
        self._shown = points
        self._follow(float(self._source.data["event"][0]), float(self._source.data["event"][-1]))

    def figures(self) -> list[figure]:
        """Return the figures that have something to show."""
        columns, known = self._source.data, self._figures
        if not self._shown.items:
            return []
        if "lines" not in known and (_any(columns["target"]) or _any(columns["prediction"])):
            known["lines"] = prediction_figure(self.axis)
        if "errors" not in known and _any(columns["model_error"]):
            known["errors"] = error_figure(self.axis, pictures.NAIVE)
        names = list(self._shown.items[-1].shares)
        if "shares" not in known and "errors" in known and len(names) > 1:
            known["shares"] = share_figure(self.axis, names)
        return [known[name] for name in ("lines", "errors", "shares") if name in known]

    def _replace(self, old: Any, new: Any) -> None:
        """Send the points whose targets have come since."""
        if not any(map(operator.is_not, old, new)):
            return
        late = [n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a is not b]
        targets = [(n, new[n].target) for n in late]
        errors = [(n, _difference(new[n])) for n in late]
        self._source.patch({"target": targets, "error": errors})

    def _follow(self, first: float, last: float) -> None:
        """Keep all of it in view, unless somebody has moved the view.

        The end is ahead of the last event and moves now and then, so that the lines grow and the
        picture stands still.
        """
        seen = self._range
        moved = (seen.start, seen.end) != (seen.reset_start, seen.reset_end)
        start, end = first - 0.5, first + _ahead(last - first + 1) - 0.5
        if (start, end) == (seen.reset_start, seen.reset_end):
            return
        seen.update(bounds=(start, end), reset_start=start, reset_end=end)
        if not moved:
            seen.update(start=start, end=end)


class LiveUnits:
    """Heatmaps of cell state and gates.

    Attributes
    ----------
    figures : list of figure
        None as long as there is nothing to show.
    """

    def __init__(self, lines: LiveLines) -> None:
        self._axis = lines.axis
        self._tiles: UnitTiles | None = None
        self._shown = 0
        self._ordered = 0
        self.figures: list[figure] = []

    def show(self, snapshots: Thinned[Snapshot]) -> None:
        """Send what is new."""
        items = snapshots.items
        if not items:
            return
        if self._tiles is None:
            units = np.arange(min(items[0].step.hidden_size, pictures.MOST_UNITS))
            self._tiles = UnitTiles(list(pictures.HEATMAPS), units, stride=snapshots.stride)
            self._tiles.source.name = "units"
            self.figures = pictures.unit_figures(self._axis, self._tiles)
        tiles, new = self._tiles, len(items) - self._shown
        thinned = snapshots.stride != tiles.stride
        due = len(items) >= FIRST_ORDER and (thinned or len(items) >= 2 * self._ordered)
        if thinned or due or not self._shown or new > MOST_NEW:
            values = pictures.unit_values(items)
            units = pictures.drawn_units(values["cell"]) if due else tiles.units
            tiles.stride = snapshots.stride
            tiles.show(items[0].event, values, units)
            self._ordered = len(items) if due else self._ordered
        elif new:
            tiles.append(pictures.unit_values(items[self._shown :]), record.COLUMNS)
        self._shown = len(items)


def _ahead(count: float) -> float:
    """Return a number of events to make room for: at most an eighth more than there are."""
    step = 2 ** max(4, int(np.ceil(np.log2(count))) - 4)
    return float(np.ceil(count / step) * step)


def _any(values: Any) -> bool:
    return bool(np.isfinite(np.asarray(values, np.float64)).any())


def _difference(point: Point) -> float:
    if point.target is None or point.prediction is None:
        return np.nan
    return point.prediction - point.target
