"""Several models or settings over one stream, beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from lstmwidgets.files import atomic_write

from ..errors import StreamError
from ..garbage import uncollected
from ..pictures.record import RunRecord
from ..tasks.scores import Table
from ..terminal import note
from .options import Job
from .results import JobResult
from .run import Run


class Evaluated(NamedTuple):
    """What a job of several has come to.

    Attributes
    ----------
    name : str
        For people.
    result : JobResult
        As of `run_job`.
    record : RunRecord
        What happened.
    """

    name: str
    result: JobResult
    record: RunRecord


def evaluate(jobs: Mapping[str, Job], notes: Console | None = None) -> list[Evaluated]:
    """Run jobs over the same stream, one after the other; each gives the numbers of `run_job`.

    Parameters
    ----------
    jobs : mapping of str to Job
        By name. They write nothing: no predictions, checkpoints or reports of their own.
    notes : Console, optional
        Where progress is shown.

    Raises
    ------
    StreamError
        If a job cannot be run, its source cannot be read again, or their tasks are different ones.
    """
    console = Console(quiet=True) if notes is None else notes
    evaluated: list[Evaluated] = []
    for name, job in jobs.items():
        if job.source == "-" or job.follow:
            raise StreamError("evaluate reads the source once for each model; name a file")
        job = replace(job, predictions=None, late_targets=None, checkpoint=None)
        job = replace(job, report=None, recording=None, summary=None, live=False, live_port=None)
        job.check()
        note(console, f"model {name}")
        with ExitStack() as opened:
            run = Run(job, opened, console, recorded=True)
            result = run.run()
        assert run.record is not None
        evaluated.append(Evaluated(name, result, run.record))
        if result.task != evaluated[0].result.task:
            raise StreamError(
                f"model {evaluated[0].name} does {evaluated[0].result.task} and model {name} "
                f"{result.task}; name one --task"
            )
        if result.stopped_by is not None:
            break
    return evaluated


def table_of(evaluated: Sequence[Evaluated]) -> Table:
    """Return the tables of all, each row with the model's name in front and its speed behind."""
    tables = [(each, each.record.scores.table()) for each in evaluated]
    rows = [(each.name, *row, _speed(each.result)) for each, table in tables for row in table.rows]
    title, columns, _ = tables[0][1]
    return Table(title, ("name", *columns, "events per second"), rows)


def write_report(evaluated: Sequence[Evaluated], path: Path) -> None:
    """Write one report of all to a file."""
    with uncollected():
        from ..pictures.evaluation_report import evaluation_html

        first = evaluated[0].result
        facts = {"events": f"{first.events:,}", "task": str(first.task)}
        records = {each.name: each.record for each in evaluated}
        html = evaluation_html(f"Models on {first.source}", facts, table_of(evaluated), records)
    with atomic_write(path) as beside:
        beside.write_text(html, encoding="utf-8")


def _speed(result: JobResult) -> str:
    speed = result.events_per_second
    return "\N{EN DASH}" if speed is None else f"{speed:,.0f}"
