"""The command ``lstmwidgets``."""

from __future__ import annotations

import atexit
import gc
import shlex
import sys
import warnings
from inspect import Signature, signature
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from typer.exceptions import TyperException

import lstmwidgets

from .errors import StreamError, without_login
from .garbage import uncollected
from .job_file import job_file, models_in, with_job_file
from .options import StreamOptions, file
from .spark.options import SubmitOptions
from .terminal import note, one_line

app = typer.Typer(
    help="See and use an LSTM while it runs.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command; wrong use ends with one line on standard error and exit status 2."""
    atexit.register(gc.freeze)  # a process that ends need not look for garbage: all of it goes
    warnings.formatwarning = lambda message, *_, **__: f"warning: {one_line(str(message))}\n"
    # What is text in a stream, its source has found out, or --text has said.
    warnings.filterwarnings("ignore", "feature .* has texts that read as numbers")
    try:
        status = app(with_job_file(sys.argv[1:]), standalone_mode=False)
    except TyperException as error:
        status = _fail(f"{error.format_message()} {_advice(sys.argv[1:])}")
    except StreamError as error:
        status = _fail(str(error))
    except OSError as error:
        status = _fail(f"{error.filename or 'standard output'}: {error.strerror or error}")
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


HELP = """Predict a stream while learning from it.

Reads one event after another and for each of them predicts the target, writes the prediction, and
then learns the target. At the end it compares the model's error with that of repeating the last
value and, where events have a time, the value of the same hour yesterday.

Features may be numbers, true/false, ISO 8601 datetimes and text. Empty cells count as missing; an
event without a target is predicted and not learned. A column of text that reads as numbers or
dates, or hardly repeats, ends the stream, unless --text names it.

Output files appear when they are complete. Ctrl-C ends the stream early and completes them with
what has been seen. With --checkpoint the predictions are written as they are made; whenever the
process ends, by kill -9 or a loss of power, the next start goes on, and the file becomes the same
to the byte as that of a run that was never ended.

\b
Examples:
  lstmwidgets stream river:WaterFlow --report out/report.html
  lstmwidgets stream readings.csv --target flow \\
    --predictions out/predictions.jsonl
  lstmwidgets stream sensors.jsonl --target level --key sensor \\
    --follow --checkpoint job
  tail -n +1 -f readings.csv |
    lstmwidgets stream - --target flow --drop note
  lstmwidgets stream readings.csv --target flow --horizon 24
  lstmwidgets stream job.toml --report out/report.html

A file that ends with .toml has options by their names, as in target = "flow"; those of the command
line win.
"""


SUBMIT_HELP = """Predict a stream on Apache Spark while learning from it.

Takes the options of stream, those that Spark can keep, and makes a script of them: events of a
folder of files, of a Redis stream or a Kafka topic, learned by --learners side by side, predictions
in a folder of Parquet files. It runs by spark-submit, or is printed for a cluster's own.

\b
Examples:
  lstmwidgets spark-submit readings --format jsonl --target flow \\
    --key sensor --time at --predictions out --checkpoint job
  lstmwidgets spark-submit redis://localhost:6379/0/readings \\
    --schema 'sensor string, load double, flow double' --target flow \\
    --key sensor --predictions out --checkpoint job --print > job.py
"""


def stream(**given: Any) -> int:
    """Run a job of these options, and return its exit status."""
    with uncollected():  # here, so that --help need not wait for PyTorch and Numba
        import torch
        from rich.console import Console

        from .interrupt import TerminatedError, terminable
        from .job.results import show_result
        from .job.run import run_job
    gc.freeze()  # what they made is passed over by every later search

    job = StreamOptions(**given).job()
    torch.set_num_threads(1)  # one event's matrices are too small to share out
    notes = Console(stderr=True)
    try:
        with terminable():
            result = run_job(job, notes)
    except KeyboardInterrupt as error:
        status = 143 if isinstance(error, TerminatedError) else 130
        return _fail("interrupted; nothing more was written", status)
    if result.scores is not None:  # none where the job had been finished before
        show_result(result)
    if result.stopped_by is None:
        return 0
    told = "the files hold what was seen until then"
    if job.checkpoint is not None:
        told = "start it again with the same options, and it goes on"
    note(notes, f"interrupted: {told}")
    return 128 + result.stopped_by


def taking(options: type, function: Any) -> Any:
    """Return a function as one that takes the fields of a dataclass of options."""
    hints = get_type_hints(options, include_extras=True)
    words = signature(options).parameters.values()
    parameters = [word.replace(annotation=hints[word.name]) for word in words]
    function.__signature__ = Signature(parameters)
    function.__annotations__ = hints
    return function


app.command(help=HELP)(taking(StreamOptions, stream))


def spark_submit(**given: Any) -> int:
    """Run a job of these options on Spark, or print the script, and return an exit status."""
    from .spark.submit import run, script

    options = SubmitOptions(**given)
    text = script(options)
    if options.print_:
        typer.echo(text, nl=False)
        return 0
    return run(text)


app.command("spark-submit", help=SUBMIT_HELP)(taking(SubmitOptions, spark_submit))


@app.command()
def evaluate(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="As of stream; not -.")],
    models: Annotated[
        Path,
        typer.Argument(metavar="FILE.toml", help="Options of all, and a [[model]] table for each."),
    ],
    report: Annotated[
        Path | None, file("Write one report of all to this file: an HTML page that works offline.")
    ] = None,
) -> int:
    """Run several models or settings over one stream, and compare them in a table.

    A [[model]] table has the options of one, and a name. They run one after the other, and each
    gives the numbers that stream gives for it. They write no predictions.
    """
    import torch
    from rich.console import Console
    from typer.main import get_command

    from .interrupt import TerminatedError, terminable
    from .job.evaluation import evaluate as evaluated
    from .job.evaluation import table_of, write_report
    from .job.results import shown_table

    parsed = get_command(app).commands["stream"]  # type: ignore[attr-defined]  # it is a group
    jobs = {}
    for name, words in models_in(models).items():
        try:
            told = parsed.make_context("stream", [source, *words]).params
        except TyperException as error:
            raise StreamError(f"{name}: {error.format_message()}") from error
        jobs[name] = StreamOptions(**told).job()
    torch.set_num_threads(1)
    try:
        with terminable():
            results, failed = evaluated(jobs, Console(stderr=True))
    except KeyboardInterrupt as error:
        status = 143 if isinstance(error, TerminatedError) else 130
        return _fail("interrupted; nothing was written", status)
    Console(highlight=False).print(shown_table(table_of(results)))
    if report is not None:
        write_report(results, report)
    for name, problem in failed.items():
        _fail(f"{name}: {problem}")
    if failed:
        return 2
    stopped = results[-1].result.stopped_by
    return 0 if stopped is None else 128 + stopped


@app.command()
def warmup(
    processes: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="How many work side by side; by default one a processor."
        ),
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
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder given to stream --checkpoint.")
    ],
    toml: Annotated[
        bool, typer.Option("--toml", help="Write a job file, with which the job goes on.")
    ] = False,
) -> None:
    """Show what is in a folder of checkpoints; a job may be running on it."""
    from .job.options import OF_NEW_MODEL
    from .state.checkpoint import inspect as inspected

    options, saved, sizes = inspected(folder)
    if toml:
        typer.echo(job_file(options, folder), nl=False)
        return
    there = {*OF_NEW_MODEL} if options.get("model") else set()  # a model that is as it is
    told = {name: value for name, value in options.items() if value not in ([], "", None)}
    told = {name: value for name, value in told.items() if name not in there}
    if saved is not None:
        told["events"] = f"{saved.events:,}{', finished' if saved.finished else ''}"
        told |= {name: f"{size:,}" for name, size in sizes.items() if size}
        for name, place in saved.outputs.items():
            at = (f"{n:,} {what}" for what, n in place.items() if isinstance(n, int))
            told[name] = ", ".join(at) or "at least once"
    for name, value in told.items():
        typer.echo(f"{name.replace('_', ' '):18} {one_line(str(value))}")
    if saved is None:
        typer.echo("no checkpoint yet")


def _advice(words: list[str]) -> str:
    """Return what to try instead of a command line that is none."""
    if words and not words[0].startswith("-") and Path(words[0]).suffix:
        return f"Try: lstmwidgets stream {shlex.join(words)}"
    return "Try --help."


def _fail(message: str, status: int = 2) -> int:
    typer.echo(f"lstmwidgets: {one_line(without_login(message))}", err=True)
    return status
