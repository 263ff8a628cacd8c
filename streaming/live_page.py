"""One page that somebody has opened to see a job run."""

from __future__ import annotations

import operator
import time
from collections import deque
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import numpy as np
from bokeh.document import Document
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, CustomJS, Range1d
from bokeh.models.widgets.markups import Div
from bokeh.plotting import figure

from lstmwidgets.analysis import Thinned
from lstmwidgets.plots import (
    THEMES,
    EventAxis,
    UnitTiles,
    error_figure,
    prediction_figure,
    share_figure,
)
from lstmwidgets.plots.heatmap import TILE

from . import pictures, record
from .live_record import LiveRecord, View
from .record import Point, Snapshot
from .results import counted

PERIOD = 500
"""Milliseconds between looks at the job."""

QUIET = 3.0
"""Seconds without an event until the page says so."""

SPEED_OVER = 5.0
"""Seconds over which the speed is averaged."""

FIRST_ORDER = 64
"""Units are put in order after so many steps, and whenever there are twice as many."""

MOST_NEW = 4 * TILE
"""Most steps sent one by one; with more new ones it is cheaper to send all."""

WAITING = "Waiting for the first event"
GONE = "The job is not there any more. This is what was seen of it."


class LivePage:
    """The document of one open page.

    Parameters
    ----------
    document : Document
        An empty one, which the server has made for the page.
    title : str
        What is run.
    record : LiveRecord
        What happens.
    facts : callable
        Returns what to state about it.
    """

    def __init__(
        self,
        document: Document,
        title: str,
        record: LiveRecord,
        facts: Callable[[], Mapping[str, str]],
    ) -> None:
        self._document = document
        self._record = record
        self._facts = facts
        self._speed = _Speed()
        self._ended = False
        self._state = Div(name="state", stylesheets=[STYLE], sizing_mode="stretch_width")
        self._summary = Div(name="summary", stylesheets=[STYLE], sizing_mode="stretch_width")
        self._nothing = Div(name="nothing", stylesheets=[STYLE], sizing_mode="stretch_width")
        self._lines = LiveLines()
        self._units = LiveUnits(self._lines)
        self._layout = column(
            self._state, self._summary, self._nothing, sizing_mode="stretch_width", spacing=2
        )
        document.title = title
        document.theme = THEMES[0]
        document.template = pictures.TEMPLATE  # type: ignore[assignment]  # text will do
        document.template_variables.update(heading=escape(title), summary="")
        document.config.update(reconnect_session=False, notify_connection_status=False)
        document.js_on_event("connection_lost", CustomJS(args={"state": self._state}, code=LOST))
        self.draw()
        document.add_root(self._layout)
        document.add_periodic_callback(self._look, PERIOD)

    def draw(self) -> None:
        """Show what is new."""
        view = self._record.view()
        self._lines.show(view.points)
        self._units.show(view.snapshots)
        figures = [*self._lines.figures(), *self._units.figures]
        above = [self._state, self._summary]
        children = [*above, *figures] if figures else [*above, self._nothing]
        if children != self._layout.children:
            self._layout.children = children
        speed = None if self._ended else self._speed.of(view.events)
        self._tell(*self._doing(view))
        empty = WAITING if not view.events else "No event has had a target: nothing to draw yet"
        _write(self._nothing, f'<div class="nothing">{empty}</div>')
        facts = dict(self._facts()) | {"events": f"{view.events:,}"}
        if speed is not None:
            facts = {"events": facts["events"], "speed": speed} | facts
        told = pictures.summary_html(facts, view.comparisons)
        if figures:
            told += "".join(
                f"<p>{escape(n)}</p>" for n in pictures.notes(view.points, view.snapshots)
            )
        _write(self._summary, told)

    async def end(self, how: str) -> None:
        """Show the last of it, and how the job ended; return when the page has it."""
        context = self._document.session_context
        session = None if context is None else context.session  # type: ignore[attr-defined]
        if session is not None and not session.destroyed:
            await session.with_document_locked(self._end, how)

    def _end(self, how: str) -> None:
        self._ended = True
        self.draw()
        seed = self._facts().get("seed")
        told = f"The job {how} after {counted(self._record.view().events, 'event')}"
        self._state.tags = ["ended"]
        self._tell("ended", f"{told}, seed {seed}." if seed else f"{told}.")

    def _look(self) -> None:
        """Draw, if anybody sees it."""
        context = self._document.session_context
        if self._ended:
            return
        if context is not None and context.session.connection_count:  # type: ignore[attr-defined]
            self.draw()

    def _doing(self, view: View) -> tuple[str, str]:
        if not view.events:
            return "waiting", WAITING
        if not view.points.items or self._speed.quiet:
            return "waiting", "Waiting for the next event"
        return "running", "Running"

    def _tell(self, state: str, words: str) -> None:
        _write(self._state, f'<div class="state {state}" role="status">{escape(words)}</div>')


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


class _Speed:
    """How many events a second there were lately."""

    def __init__(self) -> None:
        self._past: deque[tuple[float, int]] = deque()
        self._moved = 0.0

    def of(self, events: int) -> str:
        """Take in how many events there are now, and return the speed for people."""
        now = time.monotonic()
        if not self._past or events != self._past[-1][1]:
            self._moved = now
        self._past.append((now, events))
        while now - self._past[0][0] > SPEED_OVER:
            self._past.popleft()
        seconds = now - self._past[0][0]
        if seconds < PERIOD / 2000:
            return "–"  # noqa: RUF001
        speed = float(f"{(events - self._past[0][1]) / seconds:.2g}")
        return f"{speed:,.0f} events a second" if speed >= 10 else f"{speed:.2g} events a second"

    @property
    def quiet(self) -> bool:
        """Whether nothing has come for a while."""
        return time.monotonic() - self._moved > QUIET


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


def _write(part: Div, html: str) -> None:
    if part.text != html:
        part.text = html


LOST = f"""
    if (!state.tags.includes("ended"))
        state.text = '<div class="state gone" role="status">{GONE}</div>'
    cb_data.connection.deref()?.close()  // for good: nobody is there any more
"""

STYLE = (
    f"""
  :host {{ margin: 0; }}
  .bk-clearfix {{ display: block; width: 100%; color: #333; {pictures.FONT} }}"""
    + pictures.SUMMARY_STYLE
    + """
  dl { min-width: 27em; }
  td + td { min-width: 4.5em; }
  .state { display: flex; align-items: center; gap: 9px; margin-bottom: 14px; font-weight: 600; }
  .state::before { content: ""; width: 10px; height: 10px; border-radius: 50%; flex: none;
                   box-sizing: border-box; background: #6b6b6b; }
  .state.running::before { background: #009e73; }
  .state.waiting::before { background: none; border: 2px solid #009e73; }
  .state.gone, .state.failed { color: #b34e00; }
  .state.gone::before, .state.failed::before { background: #d55e00; }
  .nothing { display: flex; align-items: center; justify-content: center; height: 320px;
             border-radius: 8px; background: #f7f7f7; color: #6b6b6b; }
"""
)
