"""What a shell shows while a stream runs and when it has ended."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn
from rich.table import Table

from .baselines import Comparison
from .events import Outcome
from .runner import StreamRunner
from .sources import Source

EVERY = 0.2
"""Seconds between updates of the bar."""

EVERY_LINE = 2.0
"""Seconds between lines where there is no terminal to draw a bar in."""


def shown(
    outcomes: Iterable[Outcome], runner: StreamRunner, source: Source, console: Console
) -> Iterator[Outcome]:
    """Pass outcomes on and show how far the stream is, how fast, and how good.

    A terminal gets a bar; anything else gets plain lines, every two seconds.
    """
    started = shown_at = time.perf_counter()
    every = EVERY if console.is_terminal else EVERY_LINE
    with _bar(console) as bar:
        total = None if source.progress is None else 1
        task = bar.add_task(source.name, total=total, status="")
        for outcome in outcomes:
            yield outcome
            now = time.perf_counter()
            if runner.events == 1:  # builds the model, which says nothing about the speed
                started = shown_at = now
            if now - shown_at < every:
                continue
            shown_at = now
            status = _status(runner, now - started)
            if console.is_terminal:
                bar.update(task, completed=source.progress, status=status)
            else:
                share = "" if source.progress is None else f"{source.progress:.0%}  "
                console.print(f"{source.name}  {share}{status}", highlight=False)
        bar.update(
            task, completed=source.progress, status=_status(runner, time.perf_counter() - started)
        )


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


def _bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[status]}"),
        console=console,
        disable=not console.is_terminal,
    )


def _status(runner: StreamRunner, seconds: float) -> str:
    naive = runner.comparisons[0]
    errors = ""
    if naive.model is not None and naive.baseline is not None:
        errors = f"  error {naive.model:.4g} ({naive.name} {naive.baseline:.4g})"
    rate = f"{(runner.events - 1) / seconds:,.0f}" if seconds else "?"
    return f"{runner.events:,} events  {rate}/s{errors}"
