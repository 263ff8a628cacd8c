"""The options of ``lstmwidgets stream``, and the job that they describe."""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from .job.options import Job

LEAST_BYTES, RECORD_BYTES = 65_536, 2**20
"""Bytes that a record may have: the least that can be asked for, and the default."""


def option(help: str, *names: str, metavar: str | None = None, **more: Any) -> Any:  # noqa: A002
    """Return an option whose default, where it is none, is not shown."""
    return typer.Option(*names, help=help, metavar=metavar, **more)


def a_file(value: str) -> Path:
    """Return a path, if a value can be one."""
    if "://" in value:
        raise typer.BadParameter(f"expected a file, got {value}; only --predictions is a stream")
    return Path(value)


def column(help: str, *names: str) -> Any:  # noqa: A002
    """Return an option that names a column."""
    return option(help, *names, metavar="COLUMN", show_default=False)


def columns(help: str) -> Any:  # noqa: A002
    """Return an option that names columns."""
    return option(help, metavar="COLUMNS", show_default=False)


def file(help: str) -> Any:  # noqa: A002
    """Return an option that names a file."""
    return option(help, metavar="FILE", parser=a_file, show_default=False)


def number(help: str, least: int, *, default: bool = True) -> Any:  # noqa: A002
    """Return an option that is a whole number."""
    return option(help, metavar="N", min=least, show_default=default)


@dataclass
class StreamOptions:
    """What ``lstmwidgets stream`` is given, as it is given; the help says what each is."""

    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="river:NAME for one of River's data sets; a CSV file with a header, "
            "a file of JSON Lines (.jsonl), either packed by gzip (.gz); a Parquet file or a "
            "folder of them; redis://HOST:PORT/DB/STREAM; kafka://HOST:PORT/TOPIC; or - for "
            "standard input.",
            show_default=False,
        ),
    ]
    target: Annotated[
        str | None, column("Column to predict; needed but for River, --no-learn and anomalies.")
    ] = None
    task: Annotated[
        str | None,
        option(
            "What to predict: regression, classification, forecast, anomaly or text; by default "
            "what the model or the data set is for, classes where the first target is text or "
            "true/false, and numbers otherwise.",
            metavar="TASK",
            show_default=False,
        ),
    ] = None
    horizon: Annotated[
        int | None,
        number("Forecast the next N values after each event.", 1, default=False),
    ] = None
    season: Annotated[
        int | None,
        number("Events a season, for a forecast; by default it is found.", 1, default=False),
    ] = None
    coverage: Annotated[
        float | None,
        option(
            "Give an interval that holds this share of the values, for a forecast.",
            metavar="SHARE",
            show_default=False,
        ),
    ] = None
    alarms: Annotated[
        float | None,
        option(
            "Call an event an anomaly if so odd a one is this share of ordinary events, as 0.001.",
            metavar="SHARE",
            show_default=False,
        ),
    ] = None
    text_column: Annotated[
        str | None, column("Column with the texts to classify, word by word.", "--text-column")
    ] = None
    key: Annotated[
        str | None,
        column(
            "Column that says which of many streams an event belongs to, as sensor_id: one model, "
            "and a state for each."
        ),
    ] = None
    id_: Annotated[
        str | None,
        column(
            "Column that names an event. A record with the id of an event that had no target "
            "brings it; an event that comes again is left out.",
            "--id",
        ),
    ] = None
    time: Annotated[
        str | None,
        column(
            "Column that says when an event was: ISO 8601, seconds since 1970, 20240329 or "
            "202403291230; by default the first with datetimes."
        ),
    ] = None
    format_: Annotated[
        str | None,
        option(
            "Of standard input, or of a file whose name does not say it: csv, jsonl, parquet.",
            "--format",
            metavar="FORMAT",
            show_default=False,
        ),
    ] = None
    delimiter: Annotated[
        str | None,
        option(
            "What separates the columns of CSV, a character or tab; by default what the header "
            "has most of: comma, semicolon, tab or bar.",
            metavar="CHARACTER",
            show_default=False,
        ),
    ] = None
    decimal: Annotated[
        str | None,
        option(
            "Decimal mark of CSV, . or a comma; by default a column has the one that it begins "
            "with, commas only where they do not separate columns.",
            metavar="MARK",
            show_default=False,
        ),
    ] = None
    missing: Annotated[
        str,
        option(
            "Words that stand for no value, besides NA, NaN, null, ?, - and the like; -999 stands "
            "for all numbers equal to it.",
            metavar="WORDS",
            show_default=False,
        ),
    ] = ""
    start: Annotated[
        str | None,
        option(
            "Where a new job begins in a Kafka topic: earliest, the default, or latest.",
            metavar="earliest|latest",
            show_default=False,
        ),
    ] = None
    kafka_properties: Annotated[
        Path | None,
        file(
            "File with what Kafka's client needs besides, a line each, as sasl.password=…: TLS and "
            "login, by librdkafka's names. No value of it is shown."
        ),
    ] = None
    at_least_once: Annotated[
        bool,
        option(
            "Write predictions to Kafka without transactions: at once, and after a crash some "
            "come again.",
            "--at-least-once",
        ),
    ] = False
    follow: Annotated[bool, option("Wait for more at the end, as tail -F does.", "--follow")] = (
        False
    )
    features: Annotated[
        str,
        columns(
            "Columns to read as features, with commas between them, a name with a comma in double "
            "quotes; by default all but target, key and id."
        ),
    ] = ""
    drop: Annotated[str, columns("Columns to leave out, with commas between.")] = ""
    text: Annotated[
        str,
        columns(
            "Columns to read as text, each text a category, even where they look like numbers or "
            "hardly repeat; the target's texts are then classes."
        ),
    ] = ""
    record_bytes: Annotated[
        int, number("Bytes that a line may have, or a row of CSV.", LEAST_BYTES)
    ] = RECORD_BYTES
    skip_bad_rows: Annotated[
        bool,
        option("Count records that cannot be read and go on without them.", "--skip-bad-rows"),
    ] = False
    dead_letters: Annotated[
        Path | None,
        file("Write records that cannot be read to this file, and go on without them."),
    ] = None
    predictions: Annotated[
        str | None,
        option(
            "Write every prediction to this file, one JSON object a line; *.sqlite is a "
            "database, *.parquet a folder of Parquet files, redis://HOST:PORT/DB/STREAM a "
            "stream, kafka://HOST:PORT/TOPIC a topic.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None
    late_targets: Annotated[
        Path | None,
        file(
            "Write targets that come after their events to this file; by default "
            "out.labels.jsonl beside predictions in out.jsonl."
        ),
    ] = None
    wait_events: Annotated[
        int, number("How many others an event with an id waits for its target at most.", 1)
    ] = 10_000
    wait_seconds: Annotated[
        float | None,
        option(
            "How long it waits at most, by the time of the events.",
            metavar="SECONDS",
            min=0.0,
            show_default=False,
        ),
    ] = None
    report: Annotated[
        Path | None, file("Write a report to this file: one HTML page that works offline.")
    ] = None
    recording: Annotated[
        Path | None,
        file("Write gates and cell states to this file, for the notebook widgets."),
    ] = None
    summary: Annotated[
        Path | None, file("Write errors, throughput and latencies to this file, as JSON.")
    ] = None
    live: Annotated[
        bool,
        option("Show the report's pictures while the job runs, in a browser here.", "--live"),
    ] = False
    live_port: Annotated[
        int | None,
        option(
            "The same at this port of 127.0.0.1; by default a free one.",
            metavar="PORT",
            min=0,
            max=65535,
            show_default=False,
        ),
    ] = None
    metrics_port: Annotated[
        int | None,
        option(
            "Serve metrics for Prometheus at this port of 127.0.0.1, 0 for a free one: events, "
            "waits, keys, lag of the source, checkpoints.",
            metavar="PORT",
            min=0,
            max=65535,
            show_default=False,
        ),
    ] = None
    model: Annotated[
        str | None,
        option(
            "Begin with this model: a file that lstmwidgets.save has written, or module:name or "
            "file.py:name for any River estimator, pipeline or function that returns one. Then "
            "the code runs, and checkpoints hold a pickle.",
            metavar="MODEL",
            show_default=False,
        ),
    ] = None
    shared: Annotated[
        bool,
        option(
            "One --model for all keys; by default each has a copy, but for an LSTM of ours.",
            "--shared",
        ),
    ] = False
    learn: Annotated[
        bool, option("Whether to learn, or only to predict.", "--learn/--no-learn")
    ] = True
    hot_keys: Annotated[int, number("How many keys have their state in memory.", 1)] = 10_000
    hidden_size: Annotated[
        int | None, number("Units of a new LSTM, 32 by default.", 1, default=False)
    ] = None
    cell: Annotated[
        str | None,
        option(
            "Its cell kind: standard, the default, peephole, full_gate_recurrence, coupled or "
            "layer_norm.",
            metavar="KIND",
            show_default=False,
        ),
    ] = None
    window: Annotated[
        int | None,
        number(
            "How many events the gradient looks back: 16 by default, with keys 4 of each; of texts "
            "32 words.",
            1,
            default=False,
        ),
    ] = None
    seed: Annotated[
        int | None,
        number(
            "Repeat a run to the byte; by default a new one is drawn and shown.", 0, default=False
        ),
    ] = None
    checkpoint: Annotated[
        Path | None,
        option(
            "Folder for checkpoints. Started again with the same options after a crash or "
            "Ctrl-C, the job goes on as if nothing had happened. What comes on standard input is "
            "kept there; see --stdin.",
            metavar="FOLDER",
            parser=a_file,
            show_default=False,
        ),
    ] = None
    stdin: Annotated[
        str | None,
        option(
            "How standard input goes on with a checkpoint: again, from its beginning, or on, "
            "where it had stopped; by default again if its first line is the one of before.",
            metavar="again|on",
            show_default=False,
        ),
    ] = None
    checkpoint_seconds: Annotated[
        float, option("Most seconds between two checkpoints.", metavar="SECONDS", min=0.0)
    ] = 1.0
    checkpoint_events: Annotated[
        int | None, number("Most events between two.", 1, default=False)
    ] = None

    def job(self) -> Job:
        """Return the job that they describe."""
        from .job.options import Job
        from .sources import Columns

        features, drop, text, missing = (
            listed(f"--{name}", getattr(self, name))
            for name in ("features", "drop", "text", "missing")
        )
        as_they_are = {field.name for field in fields(Job)} & vars(self).keys()
        given = {name: getattr(self, name) for name in as_they_are}
        if self.delimiter in ("tab", "\\t"):
            given["delimiter"] = "\t"
        return Job(
            **given
            | {
                "columns": Columns(
                    self.target, features, drop, text, self.key, self.id_, self.time, missing
                ),
                "format": self.format_,
                "late_targets": self.late_targets or self._labels_beside_predictions(),
            }
        )

    def _labels_beside_predictions(self) -> Path | None:
        """Return where late targets go if nobody says it."""
        if self.predictions is None or self.id_ is None or "://" in self.predictions:
            return None
        return Path(f"{self.predictions.removesuffix('.jsonl')}.labels.jsonl")


def listed(name: str, value: str) -> tuple[str, ...]:
    """Return the names in a list with commas between, as a line of CSV has them.

    Examples
    --------
    >>> listed("--drop", 'a, "flow, l/s"')
    ('a', 'flow, l/s')
    """
    try:
        names = next(csv.reader([value], skipinitialspace=True, strict=True), [])
    except csv.Error:
        raise typer.BadParameter(
            f"{name}: a name with a comma stands in double quotes as a whole, got {value}"
        ) from None
    return tuple(word.strip() for word in names if word.strip())
