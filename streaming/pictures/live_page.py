"""One page that somebody has opened to see a job run."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from html import escape

from bokeh.document import Document
from bokeh.layouts import column
from bokeh.models import CustomJS
from bokeh.models.ui.ui_element import UIElement
from bokeh.models.widgets.markups import Div

from lstmwidgets.plots import THEMES

from ..counting import counted
from . import figures as pictures
from .live_figures import LiveLines, LiveUnits
from .live_record import LiveRecord, View

PERIOD = 500
"""Milliseconds between looks at the job."""

LONGEST = 2.0
"""Seconds between them where much is new, so that the job is not held up."""

SHARE = 0.05
"""Most of the time that the server may take from the job, while that allows `LONGEST`."""

QUIET = 3.0
"""Seconds without an event until the page says so."""

SPEED_OVER = 5.0
"""Seconds over which the speed is averaged."""

ENDED, STOPPED, FAILED = "has ended", "was stopped", "ended with an error"

WAITING = "Waiting for the first event"
NO_EVENT = "The figures appear with the first event."
NO_TARGET = "No event has had a target yet: there is nothing to draw."
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
        self._drawn = self._used = 0.0
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
        children: list[UIElement] = [self._state, self._summary, *figures]
        children += [] if figures else [self._nothing]
        if children != self._layout.children:
            self._layout.children = children
        if not self._ended:
            self._tell(*self._doing(view))
        empty = NO_EVENT if not view.events else NO_TARGET
        _write(self._nothing, f'<div class="nothing">{empty}</div>')
        facts = dict(self._facts()) | {"events": f"{view.events:,}"}
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
        state = "failed" if how == FAILED else "ended"
        self._tell(state, f"{told}, seed {seed}." if seed else f"{told}.")

    def _look(self) -> None:
        """Draw, if anybody sees it and it is time."""
        context = self._document.session_context
        now, used = time.monotonic(), time.thread_time()
        past = now - self._drawn
        if self._ended or (past < LONGEST and used - self._used > SHARE * past):
            return
        if context is not None and context.session.connection_count:  # type: ignore[attr-defined]
            self._drawn, self._used = now, used
            self.draw()

    def _doing(self, view: View) -> tuple[str, str]:
        speed = self._speed.of(view.events)
        if not view.events:
            return "waiting", WAITING
        if not view.points.items or self._speed.quiet:
            return "waiting", "Waiting for the next event"
        return "running", f"Running, {speed}" if speed else "Running"

    def _tell(self, state: str, words: str) -> None:
        _write(self._state, f'<div class="state {state}" role="status">{escape(words)}</div>')


class _Speed:
    """How many events a second there were lately."""

    def __init__(self) -> None:
        self._past: deque[tuple[float, int]] = deque()
        self._moved = 0.0

    def of(self, events: int) -> str | None:
        """Take in how many events there are now, and return the speed for people."""
        now = time.monotonic()
        if not self._past or events != self._past[-1][1]:
            self._moved = now
        self._past.append((now, events))
        while now - self._past[0][0] > SPEED_OVER:
            self._past.popleft()
        seconds = now - self._past[0][0]
        if seconds < PERIOD / 2000:
            return None
        speed = float(f"{(events - self._past[0][1]) / seconds:.2g}")
        return f"{speed:,.0f} events a second" if speed >= 10 else f"{speed:.2g} events a second"

    @property
    def quiet(self) -> bool:
        """Whether nothing has come for a while."""
        return time.monotonic() - self._moved > QUIET


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
  .state { display: flex; align-items: center; gap: 9px; margin-bottom: 14px; font-weight: 600;
           font-variant-numeric: tabular-nums; }
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
