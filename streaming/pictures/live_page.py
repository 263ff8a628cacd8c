"""One page that somebody has opened to see a job run: its HTML, and what it is sent."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from lstmwidgets.live import (
    CHART_MODULES,
    Feed,
    joined_modules,
    joined_styles,
    live_panels,
)

from ..counting import counted
from .job_run import WINDOW, JobRun

PERIOD = 0.5
"""Seconds between two looks at facts and errors."""

ROOMY = 1.5
"""A page of its own has so many times the height of a notebook's cell for each panel."""

ENDED, STOPPED, FAILED = "has ended", "was stopped", "ended with an error"

NO_TARGET = "No event has had a target yet."


class LivePage:
    """What one open page is sent.

    Parameters
    ----------
    run : JobRun
        What happens.
    facts : callable
        Returns what to state about it.
    """

    def __init__(self, run: JobRun, facts: Callable[[], Mapping[str, str]]) -> None:
        self._run = run
        self._facts = facts
        self._feed = Feed(run)
        self._looked = -PERIOD

    def frame(self, *, whole: bool = False) -> bytes | None:
        """Return what is new of the pictures; None if nothing is."""
        with self._run.lock:
            frame = self._feed.whole() if whole else self._feed.news()
        return None if frame is None else frame.to_bytes()

    def summary(self, *, at_once: bool = False) -> str | None:
        """Return facts and errors as they are now; None as long as the last ones are fresh."""
        now = time.monotonic()
        if now < self._looked + PERIOD and not at_once:
            return None
        self._looked = now
        with self._run.lock:
            events, table = self._run.predicted, self._run.table()
            notes = list(self._notes())
        facts = dict(self._facts()) | {"events": f"{events:,}"}
        return _told(
            events=events,
            facts=list(facts.items()),
            errors=[list(row) for row in table.rows],
            columns=list(table.columns),
            caption=table.title,
            notes=notes,
        )

    def ending(self, how: str) -> str:
        """Return how the job has ended, for people."""
        told = f"The job {how} after {counted(self._run.predicted, 'event')}"
        seed = self._facts().get("seed")
        told += f", seed {seed}." if seed else "."
        return _told(ended=told, failed=how == FAILED)

    def _notes(self) -> list[str]:
        run, notes = self._run, []
        if run.events and run.scored and not run.table().rows:
            notes.append(NO_TARGET)
        units = len(self._feed.units)
        if 0 < units < (run.hidden_size or 0):
            notes.append(
                f"Heatmaps show the {units} of {run.hidden_size} units that move the most."
            )
        return notes


def page_html(title: str, run: JobRun, nonce: str) -> str:
    """Return the page, which then asks for the rest.

    Parameters
    ----------
    title : str
        What is run.
    run : JobRun
        What happens.
    nonce : str
        By which the browser knows this page's own script and style.
    """
    panels = live_panels(run)
    if len(run.shares) > 1:
        panels.append(
            {
                "id": "shares",
                "kind": "shares",
                "title": "Whom the prediction follows",
                "height": 84,
                "names": run.shares,
                "from": 3,
            }
        )
    for panel in panels:
        panel["height"] = round(ROOMY * panel["height"])
    about = {"title": title, "panels": panels, "window": WINDOW}
    return PAGE.format(
        title=escape(title),
        nonce=nonce,
        style=joined_styles("live/live.css", "live/job_page.css"),
        module=joined_modules(*CHART_MODULES, "live/job_page.js"),
        # Within a script element only "</script" and "<!--" would be read as anything else.
        about=json.dumps(about, ensure_ascii=False).replace("<", "\\u003c"),
    )


def _told(**told: Any) -> str:
    return json.dumps(told, ensure_ascii=False)


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style nonce="{nonce}">
{style}
</style>
</head>
<body>
<main id="job" class="lw-live lw-job"></main>
<script type="module" nonce="{nonce}">
{module}
new JobPage(document.getElementById("job"), {about});
</script>
</body>
</html>
"""
