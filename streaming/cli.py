"""The command ``lstmwidgets``."""

from __future__ import annotations

import atexit
import gc
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

import lstmwidgets

from .errors import StreamError, without_login
from .garbage import uncollected

app = typer.Typer(
    help="See and use an LSTM while it runs.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command; wrong use ends with one line on standard error and exit status 2."""
    atexit.register(gc.freeze)  # a process that ends need not look for garbage: all of it goes
    try:
        status = app(standalone_mode=False)
    except TyperException as error:
        status = _fail(f"{error.format_message()} Try --help.")
    except StreamError as error:
        status = _fail(str(error))
    except OSError as error:
        status = _fail(f"{error.filename or 'output'}: {error.strerror or error}")
    sys.exit(status)


@app.callback(invoke_without_command=True)
def common(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """See and use an LSTM while it runs."""
    if version:
        typer.echo(f"lstmwidgets {lstmwidgets.__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def stream(
    source: Annotated[
        str,
        typer.Argument(
            help="river:NAME for one of River's regression data sets; a CSV file with a header, "
            "a file of JSON Lines (.jsonl), a Parquet file or a folder of them; "
            "redis://HOST:PORT/DB/STREAM; or - for standard input.",
            show_default=False,
        ),
    ],
    target: Annotated[
        str | None,
        typer.Option(help="Column to predict; needed but for River.", show_default=False),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="Column that says which of many streams an event belongs to, as sensor_id: one "
            "model, and a state for each.",
            show_default=False,
        ),
    ] = None,
    id_: Annotated[
        str | None,
        typer.Option(
            "--id",
            help="Column that names an event. A record with the id of an event that had no target "
            "brings it; an event that comes again is left out.",
            show_default=False,
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            help="Column that says when an event was; by default the first with datetimes.",
            show_default=False,
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option("--format", help="Of standard input: csv or jsonl.", show_default=False),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Wait for more at the end, as tail -F does.")
    ] = False,
    features: Annotated[
        str,
        typer.Option(
            help="Columns to read as features, with commas between them; by default all but "
            "target, key and id.",
            show_default=False,
        ),
    ] = "",
    drop: Annotated[
        str, typer.Option(help="Columns to leave out, with commas between.", show_default=False)
    ] = "",
    text: Annotated[
        str,
        typer.Option(
            help="Columns to read as text even where they look like numbers.", show_default=False
        ),
    ] = "",
    skip_bad_rows: Annotated[
        bool,
        typer.Option(
            "--skip-bad-rows", help="Count records that cannot be read and go on without them."
        ),
    ] = False,
    dead_letters: Annotated[
        Path | None,
        typer.Option(
            help="Write records that cannot be read to this file, and go on without them.",
            show_default=False,
        ),
    ] = None,
    predictions: Annotated[
        str | None,
        typer.Option(
            help="Write every prediction to this file, one JSON object a line; *.sqlite is a "
            "database, *.parquet a folder of Parquet files, redis://HOST:PORT/DB/STREAM a stream.",
            show_default=False,
        ),
    ] = None,
    late_targets: Annotated[
        Path | None,
        typer.Option(
            help="Write targets that come after their events to this file; by default labels.jsonl "
            "beside the predictions.",
            show_default=False,
        ),
    ] = None,
    wait_events: Annotated[
        int,
        typer.Option(
            min=1, help="How many others an event with an id waits for its target at most."
        ),
    ] = 10_000,
    wait_seconds: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="How long it waits at most, by the time of the events.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Write a report to this file: one HTML page that works offline.",
            show_default=False,
        ),
    ] = None,
    recording: Annotated[
        Path | None,
        typer.Option(
            help="Write gates and cell states to this file, for the notebook widgets.",
            show_default=False,
        ),
    ] = None,
    summary: Annotated[
        Path | None,
        typer.Option(
            help="Write errors, throughput and latencies to this file, as JSON.",
            show_default=False,
        ),
    ] = None,
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Show the report's pictures while the job runs, in a browser here."
        ),
    ] = False,
    live_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="The same at this port of 127.0.0.1; by default a free one.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            help="Begin with this model, as lstmwidgets.save writes it; the options below "
            "are for new ones.",
            show_default=False,
        ),
    ] = None,
    learn: Annotated[
        bool, typer.Option("--learn/--no-learn", help="Whether to learn, or only to predict.")
    ] = True,
    hot_keys: Annotated[
        int, typer.Option(min=1, help="How many keys have their state in memory.")
    ] = 10_000,
    hidden_size: Annotated[int, typer.Option(min=1, help="Units of the LSTM.")] = 32,
    cell: Annotated[
        str,
        typer.Option(
            help="Cell kind: standard, peephole, full_gate_recurrence, coupled or layer_norm."
        ),
    ] = "standard",
    window: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many events the gradient looks back: 16 by default, with keys 4 of each.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Repeat a run to the byte; by default a new one is drawn and shown.",
            show_default=False,
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Folder for checkpoints. Started again with the same options after a crash or "
            "Ctrl-C, the job goes on as if nothing had happened. What comes on standard input is "
            "kept there; it has to go on where it stopped, or begin anew with the same header.",
            show_default=False,
        ),
    ] = None,
    checkpoint_seconds: Annotated[
        float, typer.Option(min=0.0, help="Most seconds between two checkpoints.")
    ] = 1.0,
    checkpoint_events: Annotated[
        int | None,
        typer.Option(min=1, help="Most events between two.", show_default=False),
    ] = None,
) -> int:
    r"""Predict a stream while learning from it.

    Reads one event after another and for each of them predicts the target, writes the prediction,
    and then learns the target. At the end it compares the model's error with that of repeating the
    last value and, where events have a time, the value of the same hour yesterday.

    Features may be numbers, true/false, ISO 8601 datetimes and text. Empty cells count as missing;
    an event without a target is predicted and not learned.

    Output files appear when they are complete. Ctrl-C ends the stream early and completes them with
    what has been seen. With --checkpoint the predictions are written as they are made; whenever the
    process ends, by kill -9 or a loss of power, the next start goes on, and the file becomes the
    same to the byte as that of a run that was never ended.

    \b
    Examples:
      lstmwidgets stream river:WaterFlow --report out/report.html
      lstmwidgets stream readings.csv --target flow --predictions out/predictions.jsonl
      lstmwidgets stream sensors.jsonl --target level --key sensor --follow --checkpoint job
      tail -n +1 -f readings.csv | lstmwidgets stream - --target flow --drop note
    """
    with uncollected():  # here, so that --help need not wait for PyTorch and Numba
        import torch
        from rich.console import Console

        from .job.options import Job
        from .job.results import show_result
        from .job.run import run_job
        from .sources import Columns
    gc.freeze()  # what they made is passed over by every later search

    job = Job(
        source,
        Columns(target, _names(features), _names(drop), _names(text), key, id_, time),
        format=format_,
        follow=follow,
        skip_bad_rows=skip_bad_rows,
        dead_letters=dead_letters,
        predictions=predictions,
        late_targets=late_targets or _labels_beside(predictions, id_),
        report=report,
        recording=recording,
        summary=summary,
        live=live,
        live_port=live_port,
        model=model,
        learn=learn,
        wait_events=wait_events,
        wait_seconds=wait_seconds,
        hot_keys=hot_keys,
        hidden_size=hidden_size,
        cell=cell,
        window=window,
        seed=seed,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        checkpoint_events=checkpoint_events,
    )
    torch.set_num_threads(1)  # one event's matrices are too small to share out
    notes = Console(stderr=True)
    try:
        result = run_job(job, notes)
    except KeyboardInterrupt:
        return _fail("interrupted; nothing more was written", status=130)
    if result.comparisons:  # none where the job had been finished before
        show_result(result)
    if result.stopped_by is None:
        return 0
    told = "the files hold what was seen until then"
    if checkpoint is not None:
        told = "start it again with the same options, and it goes on"
    notes.print(f"interrupted: {told}")
    return 128 + result.stopped_by


@app.command()
def warmup(
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="How many work side by side; by default one a processor."),
    ] = None,
) -> None:
    """Compile the kernels of all models ahead, as for an image; otherwise that is done when needed.

    What is compiled is kept beside the installed package or in the user's cache folder;
    NUMBA_CACHE_DIR names another one.
    """
    from rich.console import Console
    from rich.progress import Progress

    from lstmwidgets.warmup import warm_up

    kernels = 0
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("Compiling kernels", total=None)
        for state in warm_up(processes):
            kernels += state.kernels
            bar.update(task, completed=state.done, total=state.total, description=state.part)
    typer.echo(f"{kernels} kernels compiled" if kernels else "all kernels were there already")


@app.command()
def inspect(
    folder: Annotated[Path, typer.Argument(help="A folder given to stream --checkpoint.")],
) -> None:
    """Show what is in a folder of checkpoints; a job may be running on it."""
    from .state.checkpoint import inspect as inspected

    options, saved, sizes = inspected(folder)
    told = {name: value for name, value in options.items() if value not in ([], "", None)}
    if saved is not None:
        told["events"] = f"{saved.events:,}{', finished' if saved.finished else ''}"
        told |= {name: f"{size:,}" for name, size in sizes.items() if size}
        for name, place in saved.outputs.items():
            at = (f"{number:,} {what}" for what, number in place.items())
            told[name] = ", ".join(at) or "at least once"
    for name, value in told.items():
        typer.echo(f"{name.replace('_', ' '):18} {value}")
    if saved is None:
        typer.echo("no checkpoint yet")


def _labels_beside(predictions: str | None, id_: str | None) -> Path | None:
    """Return where late targets go if nobody says it."""
    if predictions is None or id_ is None or "://" in predictions:
        return None
    return Path(predictions).parent / "labels.jsonl"


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def _fail(message: str, status: int = 2) -> int:
    typer.echo(f"lstmwidgets: {without_login(message)}", err=True)
    return status
