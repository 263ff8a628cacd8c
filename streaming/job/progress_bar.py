"""What a shell shows while a stream runs and when it has ended."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

from lstmwidgets.kernels import COMPILING

from ..events import Outcome
from ..runner import StreamRunner
from ..sources import Source
from ..terminal import note, one_line

EVERY = 0.2
"""Seconds between updates of the bar."""

EVERY_LINE = 2.0
"""Seconds between lines where there is no terminal to draw a bar in."""


class Pace:
    """How fast events go by; compiling kernels, once on a machine, is not counted.

    The first event, which builds the model, sets the clock going.
    """

    def __init__(self) -> None:
        self._events = 0
        self._first = self._last = 0.0

    def count(self) -> float:
        """Take note of an event, and return the clock's time in seconds."""
        now = time.perf_counter()
        self._last = now - COMPILING.seconds
        self._first = self._first or self._last
        self._events += 1
        return now

    @property
    def events_per_second(self) -> float | None:
        """Events per second since the first one; None before the second."""
        seconds = self._last - self._first
        return (self._events - 1) / seconds if seconds else None


def shown(
    outcomes: Iterable[Outcome | None],
    runner: StreamRunner,
    source: Source,
    pace: Pace,
    console: Console,
) -> Iterator[Outcome | None]:
    """Pass outcomes on and show how far the stream is, how fast, and how good.

    A terminal gets a bar; anything else gets plain lines, every two seconds.
    """
    every = EVERY if console.is_terminal else EVERY_LINE
    shown_at = 0.0
    with _bar(console) as bar:
        total = None if source.progress is None else 1
        task = bar.add_task(one_line(source.name), total=total, status="")
        for outcome in outcomes:
            yield outcome
            if outcome is None or outcome.late:
                continue
            now = pace.count()
            shown_at = shown_at or now
            if now - shown_at < every:
                continue
            shown_at = now
            if console.is_terminal:
                bar.update(task, completed=source.progress, status=_status(runner, pace))
            else:
                share = "" if source.progress is None else f"{source.progress:.0%}  "
                note(console, f"{source.name}  {share}{_status(runner, pace)}")
        bar.update(task, completed=source.progress, status=_status(runner, pace))


def _bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[status]}"),
        console=console,
        disable=not console.is_terminal,
    )


def _status(runner: StreamRunner, pace: Pace) -> str:
    speed, scores = pace.events_per_second, runner.scores.status()
    status = f"{runner.events:,} events"
    if speed is not None:
        status += f"  {speed:,.0f}/s"
    return f"{status}  {scores}" if scores else status
