"""What a run has come to: for people, and for programs."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from .baselines import Comparison
from .progress import Pace
from .runner import StreamRunner
from .sources import Source

PERCENTILES = (50.0, 99.0, 99.9)


def show_results(runner: StreamRunner, source: Source, pace: Pace, seed: int) -> None:
    """Print what a run has come to on standard output."""
    out = Console(highlight=False)
    speed = pace.events_per_second
    rate = "" if speed is None else f", {speed:,.0f} events per second"
    out.print(f"{counted(runner.events, 'event')}{rate}, seed {seed}")
    waits = [runner.latency.percentile(percent) for percent in PERCENTILES]
    if None not in waits and runner.events > 1:
        told = ", ".join(
            f"{wait * 1e3:.3g} ms (p{percent:g})"
            for percent, wait in zip(PERCENTILES, waits, strict=True)
            if wait is not None
        )
        out.print(f"from event to prediction: {told}")
    for number, what in _counts(runner, source):
        if number:
            out.print(f"{counted(number, *what)}")
    if runner.comparisons[0].events:
        out.print(result_table(runner.comparisons))
    else:
        out.print("too few targets to compare with the last value")


def summary(runner: StreamRunner, source: Source, pace: Pace, seed: int) -> dict[str, Any]:
    """Return what a run has come to, in plain values; errors are mean absolute ones."""
    names = {f"p{percent:g}": percent for percent in PERCENTILES}
    latency = {name: runner.latency.percentile(percent) for name, percent in names.items()}
    waiting = runner.waiting
    return {
        "source": source.name,
        "seed": seed,
        "events": runner.events,
        "events_per_second": pace.events_per_second,
        "latency_seconds": latency,
        "unreadable": source.skipped,
        "keys": None if runner.keys is None else len(runner.keys),
        "late_targets": None if waiting is None else waiting.counts,
        "errors": {
            comparison.name: {
                "events": comparison.events,
                "model": comparison.model,
                "baseline": comparison.baseline,
                "ratio": comparison.ratio,
            }
            for comparison in runner.comparisons
        },
    }


def _counts(runner: StreamRunner, source: Source) -> list[tuple[int, tuple[str, str]]]:
    counts = [(source.skipped, ("record", "could not be read and left out"))]
    waiting = runner.waiting
    if waiting is not None:
        counts += [
            (waiting.labelled, ("target", "came late and learned")),
            (waiting.unknown, ("target", "came too late or for no event and left out")),
            (waiting.expired, ("event", "waited in vain for a target")),
            (waiting.repeated, ("event", "came again and left out")),
        ]
    if runner.keys is not None:
        counts.append((len(runner.keys), ("key", "")))
    return counts


def result_table(comparisons: list[Comparison]) -> Table:
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


def counted(number: int, what: str, happened: str = "") -> str:
    """Return a number with its noun in the right form, and what happened to so many.

    Examples
    --------
    >>> counted(1, "event"), counted(2000, "row", "left out")
    ('1 event', '2,000 rows left out')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'} {happened}".rstrip()
