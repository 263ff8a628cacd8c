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


class Evaluation(NamedTuple):
    """What jobs over the same stream have come to.

    Attributes
    ----------
    done : list of Evaluated
        Those that came to their end, or were stopped.
    failed : dict of str to StreamError
        What went wrong with others, by name.
    """

    done: list[Evaluated]
    failed: dict[str, StreamError]


def evaluate(jobs: Mapping[str, Job], notes: Console | None = None) -> Evaluation:
    """Run jobs over the same stream, one after the other; each gives the numbers of `run_job`.

    One that fails costs the others nothing.

    Parameters
    ----------
    jobs : mapping of str to Job
        By name. They write nothing: no predictions, checkpoints or reports of their own.
    notes : Console, optional
        Where progress is shown.

    Raises
    ------
    StreamError
        If a job is none, which all are looked at for before the first begins; or if all fail.
    """
    console = Console(quiet=True) if notes is None else notes
    done: list[Evaluated] = []
    failed: dict[str, StreamError] = {}
    ready = {name: _ready(name, job) for name, job in jobs.items()}
    for name, job in ready.items():
        note(console, f"model {name}")
        try:
            each = _evaluated(name, job, console)
            if done and each.result.task != done[0].result.task:
                raise StreamError(
                    f"does {each.result.task} and {done[0].name} does {done[0].result.task}; "
                    "name one --task"
                )
        except StreamError as error:
            failed[name] = error
            continue
        done.append(each)
        if each.result.stopped_by is not None:
            break
    if not done:
        raise next(iter(failed.values()))
    return Evaluation(done, failed)


def _ready(name: str, job: Job) -> Job:
    if job.source == "-" or job.follow:
        raise StreamError("evaluate reads the source once for each model; name a file")
    job = replace(job, predictions=None, late_targets=None, checkpoint=None)
    job = replace(job, report=None, recording=None, summary=None)
    job = replace(job, live=False, live_port=None, metrics_port=None)
    try:
        job.check()
    except StreamError as error:
        raise StreamError(f"{name}: {error}") from error
    return job


def _evaluated(name: str, job: Job, console: Console) -> Evaluated:
    with ExitStack() as opened:
        run = Run(job, opened, console, recorded=True)
        result = run.run()
    assert run.record is not None
    return Evaluated(name, result, run.record)


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
