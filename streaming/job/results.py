"""What a run has come to: for people, and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..counting import counted
from ..runner import StreamRunner
from ..sources import Source
from ..tasks.scores import Scores
from ..tasks.scores import Table as ScoreTable
from ..terminal import one_line
from .progress_bar import Pace

PERCENTILES = (50.0, 99.0, 99.9)

LATE = {
    "labelled": ("target", "came late and learned"),
    "unknown": ("target", "came too late or for no event and left out"),
    "expired": ("event", "waited in vain for a target"),
    "repeated": ("event", "came again and left out"),
}
"""How the counts of late targets are told."""


@dataclass(frozen=True)
class JobResult:
    """What a job has come to.

    Attributes
    ----------
    source : str
        Its name.
    seed : int or None
        Of a new model.
    events : int
        How many were read, those before an interruption included.
    task : str or None
        What was predicted; None of a job that had been finished before.
    scores : Scores or None
        How good the predictions were, beside those of simple rules.
    events_per_second : float or None
        Without the time that compiling took; None below two events.
    latency_seconds : dict of str to float or None
        From an event to its prediction: percentiles, as ``"p99"``.
    unreadable : int
        Records that were left out.
    keys : int or None
        How many there are; None where events have none.
    late_targets : dict of str to int or None
        What became of them; None where events have no id.
    stopped_by : int or None
        The signal that ended the job before its source did.
    """

    source: str
    seed: int | None
    events: int
    task: str | None = None
    scores: Scores | None = None
    events_per_second: float | None = None
    latency_seconds: Mapping[str, float | None] = field(default_factory=dict)
    unreadable: int = 0
    keys: int | None = None
    late_targets: Mapping[str, int] | None = None
    stopped_by: int | None = None

    @property
    def comparisons(self) -> Sequence[Any]:
        """How the predictions compare with those of each rule."""
        return () if self.scores is None else self.scores.comparisons

    @property
    def summary(self) -> dict[str, Any]:
        """All of it in plain values."""
        told = {k: value for k, value in vars(self).items() if k not in {"scores", "stopped_by"}}
        return told | ({} if self.scores is None else self.scores.summary())


def job_result(runner: StreamRunner, source: Source, pace: Pace, seed: int | None) -> JobResult:
    """Return what a run has come to so far."""
    waiting = runner.waiting
    return JobResult(
        source.name,
        seed,
        runner.events,
        runner.task.name,
        runner.scores,
        pace.events_per_second,
        {f"p{percent:g}": runner.latency.percentile(percent) for percent in PERCENTILES},
        source.skipped,
        None if runner.keys is None else len(runner.keys),
        None if waiting is None else waiting.counts,
    )


def show_result(result: JobResult) -> None:
    """Print what a job has come to on standard output."""
    out = Console(highlight=False)
    speed = result.events_per_second
    rate = "" if speed is None else f", {speed:,.0f} events per second"
    seed = "" if result.seed is None else f", seed {result.seed}"
    out.print(f"{counted(result.events, 'event')}{rate}{seed}")
    waits = {name: wait for name, wait in result.latency_seconds.items() if wait is not None}
    if waits and result.events > 1:
        told = ", ".join(f"{wait * 1e3:.3g} ms ({name})" for name, wait in waits.items())
        out.print(f"from event to prediction: {told}")
    for number, what in _counts(result):
        if number:
            out.print(f"{counted(number, *what)}")
    if result.scores is None:
        return
    table = result.scores.table()
    out.print(shown_table(table) if table.rows else result.scores.nothing)


def _counts(result: JobResult) -> list[tuple[int, tuple[str, str]]]:
    late = result.late_targets or {}
    counts = [(result.unreadable, ("record", "could not be read and left out"))]
    counts += [(late.get(name, 0), what) for name, what in LATE.items()]
    return [*counts, (result.keys or 0, ("key", ""))]


WORDS = ("against", "of")
"""Columns of tables that have words in them, beside the first one."""


def shown_table(told: ScoreTable) -> Table:
    """Return a table of scores for a terminal."""
    table = Table(title=told.title, title_justify="left", title_style="bold")
    for place, column in enumerate(told.columns):
        words = place == 0 or column in WORDS
        table.add_column(column, justify="left" if words else "right")
    for row in told.rows:
        table.add_row(*(escape(one_line(cell)) for cell in row))
    return table
