"""What a run has come to: for people, and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from ..baselines import Comparison
from ..counting import counted
from ..runner import StreamRunner
from ..sources import Source
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
    seed : int
        Of the model.
    events : int
        How many were read, those before an interruption included.
    comparisons : list of Comparison
        Mean absolute errors beside those of the baselines.
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
    seed: int
    events: int
    comparisons: Sequence[Comparison] = ()
    events_per_second: float | None = None
    latency_seconds: Mapping[str, float | None] = field(default_factory=dict)
    unreadable: int = 0
    keys: int | None = None
    late_targets: Mapping[str, int] | None = None
    stopped_by: int | None = None

    @property
    def summary(self) -> dict[str, Any]:
        """All of it in plain values."""
        told = vars(self) | {"errors": {each.name: _errors(each) for each in self.comparisons}}
        return {name: told[name] for name in told if name not in {"comparisons", "stopped_by"}}


def job_result(runner: StreamRunner, source: Source, pace: Pace, seed: int) -> JobResult:
    """Return what a run has come to so far."""
    waiting = runner.waiting
    return JobResult(
        source.name,
        seed,
        runner.events,
        runner.comparisons,
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
    out.print(f"{counted(result.events, 'event')}{rate}, seed {result.seed}")
    waits = {name: wait for name, wait in result.latency_seconds.items() if wait is not None}
    if waits and result.events > 1:
        told = ", ".join(f"{wait * 1e3:.3g} ms ({name})" for name, wait in waits.items())
        out.print(f"from event to prediction: {told}")
    for number, what in _counts(result):
        if number:
            out.print(f"{counted(number, *what)}")
    if result.comparisons[0].events:
        out.print(result_table(result.comparisons))
    else:
        out.print("too few targets to compare with the last value")


def _errors(comparison: Comparison) -> dict[str, Any]:
    return {name: getattr(comparison, name) for name in ("events", "model", "baseline", "ratio")}


def _counts(result: JobResult) -> list[tuple[int, tuple[str, str]]]:
    late = result.late_targets or {}
    counts = [(result.unreadable, ("record", "could not be read and left out"))]
    counts += [(late.get(name, 0), what) for name, what in LATE.items()]
    return [*counts, (result.keys or 0, ("key", ""))]


def result_table(comparisons: Sequence[Comparison]) -> Table:
    """Return the closing table: the model's error beside that of each baseline, and the ratio."""
    table = Table(title="Mean absolute error", title_justify="left", title_style="bold")
    for column in ("against", "events", "model", "baseline", "ratio"):
        table.add_column(column, justify="left" if column == "against" else "right")
    for comparison in comparisons:
        if not comparison.events:
            continue
        ratio = "none" if comparison.ratio is None else f"{comparison.ratio:.3f}"
        table.add_row(
            comparison.name,
            f"{comparison.events:,}",
            f"{comparison.model:.4g}",
            f"{comparison.baseline:.4g}",
            ratio,
        )
    return table
