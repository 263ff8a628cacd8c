"""What is new of a run since the last frame, as one message of numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..analysis.live_run import CLASSES, Run
from ..analysis.look_ahead import LookAhead
from ..analysis.ordering import MOST_UNITS, drawn_units
from ..analysis.recording import ORDER
from ..analysis.rows import Row, as_floats
from ..analysis.titles import MAPS
from ..shown import named
from ..times import in_utc
from ..values import number_in

FIRST_ORDER = 64
"""Units are put in order after so many steps, and whenever there are twice as many."""

NUMBERS = ("target", "prediction", "lower", "upper", "time")
"""Columns of events whose predictions are numbers."""


class Choice(NamedTuple):
    """What is sent of the units.

    Attributes
    ----------
    layer : int
        0 is the lowest, -1 the top one.
    order : str
        One of those of `order_units`.
    extra : tuple of int
        Units that are sent even if they are not among those that are drawn.
    """

    layer: int = -1
    order: str = "similarity"
    extra: tuple[int, ...] = ()


USUAL = Choice()
"""The top layer, alike units beside each other."""


class Frame(NamedTuple):
    """One message.

    Attributes
    ----------
    header : dict
        What JSON can say: positions, names, sizes.
    buffers : list of bytes
        Events (columns, T) and curve (step and two columns a metric, T) in float64, units
        (T, maps, U) in float32.
    """

    header: dict[str, Any]
    buffers: list[bytes]

    def to_bytes(self) -> bytes:
        """Return header and buffers as one, for a page that nobody answers."""
        sizes = [len(buffer) for buffer in self.buffers]
        header = json.dumps({**self.header, "sizes": sizes}).encode()
        header += b" " * (-len(header) % 8)  # numbers lie at multiples of their size
        return b"".join([np.array([len(header)], "<f8").tobytes(), header, *self.buffers])


class Feed:
    """Says what is new of a run.

    Parameters
    ----------
    run : Run
        What is watched. Whoever advances it calls this as well, in the same thread or under one
        lock.
    maps : sequence of str
        Quantities that are sent.
    choice : Choice
        Which units, and in which order.

    Attributes
    ----------
    choice : Choice
        As above; may be set from any thread, and counts from the next frame on.
    seq : int
        Number of the last frame, by which a page notices that it has missed one.
    units : ndarray of int
        Units that are drawn, as they stand above each other, from below, (U,).
    """

    def __init__(
        self, run: Run, *, maps: Sequence[str] = tuple(MAPS), choice: Choice = USUAL
    ) -> None:
        self._run = run
        self._maps = tuple(maps)
        self._places = [ORDER.index(name) for name in maps]
        self.choice = self._chosen = choice
        self.seq = 0
        self._begin()

    def _begin(self) -> None:
        run = self._run
        self._beginnings = run.beginnings
        self._sent = self._drifts = self._points = 0
        self._completed = run.completed
        self._ordered = 0
        self._last_point = -1.0
        self._classes: dict[Any, int] = {}
        self._named = 0
        self._told: NDArray[np.int64] | None = None  # units of which a page knows that they come
        self._borders: list[int] = []
        self.reorder()
        self.units: NDArray[np.int64] = np.arange(min(run.hidden_size or 0, MOST_UNITS))

    def reorder(self) -> None:
        """Choose and order the units by what there is, with the next frame that is whole."""
        self._anew = True

    def news(self) -> Frame | None:
        """Return what is new since the last frame; None if nothing is."""
        run = self._run
        if run.beginnings != self._beginnings or self.choice != self._chosen:
            return self.whole()
        if run.steps == self._sent and run.completed == self._completed:
            return None
        return self._next(whole=False)

    def whole(self) -> Frame:
        """Return all there is, for pages that have missed something."""
        if self._run.beginnings != self._beginnings:
            self._begin()
        chosen, self._chosen = self._chosen, self.choice
        self._anew = self._anew or chosen[:2] != self._chosen[:2]
        return self._next(whole=True)

    def _next(self, *, whole: bool) -> Frame:
        run = self._run
        new = len(run.rows) if whole else min(len(run.rows), run.steps - self._sent)
        rows = list(islice(run.rows, len(run.rows) - new, None))
        self.seq += 1
        header: dict[str, Any] = {
            "seq": self.seq,
            "whole": whole,
            "next": run.steps,
            "count": new,
            "position": run.events,
            "words": run.words,
        }
        if run.numbering is not None:
            header |= run.numbering._asdict()
        elif any(isinstance(row.mark, str) for row in rows[-1:]):
            header["labels"] = [row.label for row in rows]
        events = self._events(rows, header, whole) + self._inputs(header, new)
        curve = self._curve(header, whole)
        units = self._units(header, new, whole)
        if whole or len(run.drifts) != self._drifts or (run.drifts and rows):
            header["drifts"] = list(run.drifts)
            self._drifts = len(run.drifts)
        if run.ahead is not None:
            header["ahead"] = _ahead(run.ahead)
        late, self._completed = run.completed - self._completed, run.completed
        if late:
            header["late"] = list(run.late)[-late:]
        self._sent = run.steps
        return Frame(header, [events, curve, units])

    def _events(self, rows: Sequence[Row], header: dict[str, Any], whole: bool) -> bytes:
        run = self._run
        times = [wall_clock(row.mark) for row in rows]
        if run.kind == CLASSES:
            table = self._probabilities(rows)
            names = list(self._classes)
            if whole or len(names) != self._named:
                header["classes"] = [named(name) for name in names]
                self._named = len(names)
            header["columns"] = ["truth", "time", *(f"p{n}" for n in range(len(names)))]
            truths = [np.nan if row.target is None else self._place(row.target) for row in rows]
            return np.vstack([truths, times, table]).astype("<f8").tobytes()
        prediction = as_floats(row.prediction for row in rows)
        margin = as_floats(row.margin for row in rows)
        target = as_floats(number_in(row.target) for row in rows)
        header["columns"] = list(NUMBERS)
        columns = [target, prediction, prediction - margin, prediction + margin, times]
        return np.array(columns, "<f8").tobytes()

    def _inputs(self, header: dict[str, Any], new: int) -> bytes:
        names = self._run.inputs
        header["columns"] += [f"x{n}" for n in range(len(names))]
        return self._run.given(new).T.astype("<f8").tobytes() if names else b""

    def _probabilities(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        for row in rows:
            for name in row.prediction or {}:
                self._place(name)
            if row.target is not None:
                self._place(row.target)
        table = np.zeros((len(self._classes), len(rows)))
        for event, row in enumerate(rows):
            for name, share in (row.prediction or {}).items():
                table[self._classes[name], event] = share
        return table

    def _place(self, name: Any) -> int:
        return self._classes.setdefault(name, len(self._classes))

    def _curve(self, header: dict[str, Any], whole: bool) -> bytes:
        points = self._run.curve.items
        known = self._points
        goes_on = 0 < known <= len(points) and points[known - 1][0] == self._last_point
        if whole or not goes_on:
            known = 0
        new = points[known:]
        header["curve"] = {"from": known, "count": len(new)}
        self._points = len(points)
        self._last_point = points[-1][0] if points else -1.0
        return np.array(new, "<f8").T.tobytes()

    def _units(self, header: dict[str, Any], new: int, whole: bool) -> bytes:
        run = self._run
        if not run.kept:
            return b""
        due = run.steps >= max(FIRST_ORDER, 2 * self._ordered)
        if due or (whole and self._anew):
            self._order()
        whole = whole or due or self._told is None
        count = run.kept if whole else min(new, run.kept)
        header["units"] = {"count": count, "maps": list(self._maps)}
        if whole:
            there = [unit for unit in self._chosen.extra if unit < (run.hidden_size or 0)]
            self._told = with_extra(self.units, there)
            header["units"] |= {"shown": self._told.tolist(), "rows": len(self.units)}
            header["units"]["borders"] = self._borders
        block = run.block(count, self._chosen.layer)[:, self._places][:, :, self._told]
        return block.astype("<f4", copy=False).tobytes()

    def _order(self) -> None:
        """Choose the units that move the most, and put them in order."""
        run = self._run
        self._anew, self._ordered = False, run.steps
        cells = run.block(run.kept, self._chosen.layer)[:, ORDER.index("cell")]
        self.units, self._borders = drawn_units(cells, self._chosen.order)


def with_extra(units: NDArray[np.int64], extra: Sequence[int]) -> NDArray[np.int64]:
    """Return units, and behind them those of further ones that are not among them."""
    return np.array([*units, *(unit for unit in extra if unit not in units)], np.int64)


def wall_clock(mark: Any) -> float:
    """Return a time as milliseconds that show its own wall clock when read as UTC; else NaN."""
    if not isinstance(mark, datetime):
        return np.nan
    return in_utc(mark.replace(tzinfo=None)).timestamp() * 1000


def _ahead(ahead: LookAhead) -> dict[str, Any]:
    """Return the last forecast with its margins, and the errors by steps ahead."""
    model, naive = ahead.errors()
    told: dict[str, Any] = {"model": _plain(model), "naive": _plain(naive)}
    if ahead.fan is not None:
        values = np.array(ahead.fan.values)
        margins = ahead.margins()
        told |= {"step": ahead.fan.step, "values": _plain(values)}
        told |= {"lower": _plain(values - margins), "upper": _plain(values + margins)}
    return told


def _plain(values: NDArray[np.float64]) -> list[float | None]:
    """Return numbers as JSON can have them."""
    return [value if np.isfinite(value) else None for value in values.tolist()]
