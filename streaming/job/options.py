"""What ``lstmwidgets stream`` is asked to do."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lstmwidgets.cells import CELLS

from ..brokers import SCHEMES, check_address
from ..errors import StreamError, without_login
from ..files import check_distinct
from ..sinks import Sink
from ..sinks.named import OF_TABLES
from ..sources import Columns, Source
from ..sources.byte_lines import LONGEST
from ..state.checkpoint import DATABASE, HOLDER, LOCK
from ..state.keyed import HOT
from ..state.waiting import MOST_EVENTS
from ..tasks import TASKS, task_named
from .code import code_of

HIDDEN = 32
"""Units of a new model."""

WINDOW, KEYED_WINDOW = 16, 4
"""Events that the gradient looks back; fewer with keys, each of which has a window of its own."""

WORDS = 32
"""Words of a text that the gradient looks back."""

OF_NEW_MODEL = ("hidden_size", "cell", "window", "season", "seed")
"""Options that are for a model that a job makes."""

OF_TASK = ("hidden_size", "cell", "window", "horizon", "season", "coverage", "alarms")
"""Options that a task and its new model are made with."""

LONGEST_HORIZON = 10_000
"""Steps of a forecast at most, and events of a season."""

JOURNAL = "input.journal"
"""Name of the file that keeps standard input, in the folder of checkpoints."""

OWN = {DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", LOCK, HOLDER, JOURNAL}
"""Names of the files that a job keeps in that folder."""


@dataclass(frozen=True, repr=False)
class Job:
    """What to run; the fields are the options of the command.

    Neither its `repr` nor its identity shows the login of a server.

    Attributes
    ----------
    source : str or Source
        Name of the source, see `lstmwidgets.streaming.sources.open_source`, or the source itself.
    columns : Columns
        What is target, feature, key, id and time.
    format : str or None
        Of standard input, or of a file whose name does not say it.
    delimiter, decimal : str or None
        What separates the columns of CSV, and the decimal mark; see `CsvFile`.
    record_bytes : int
        How long a line may be, or a row of CSV.
    stdin : {"again", "on"} or None
        How standard input goes on with a checkpoint; see `Journal`.
    start : {"earliest", "latest"} or None
        Where a new job begins in a Kafka topic.
    kafka_properties : Path or None
        File with what clients of Kafka need besides, as a login.
    at_least_once : bool
        Write to a Kafka topic without transactions.
    follow : bool
        Wait for more at the end of the source.
    skip_bad_rows : bool
        Count unreadable records and go on.
    dead_letters : Path or None
        File to write unreadable records to, and go on.
    predictions : str, Sink or None
        Name of the sink, see `lstmwidgets.streaming.sinks.open_sink`, or the sink itself; one that
        is exact has to be named where there are checkpoints.
    late_targets : Path or None
        File for targets that come after their events.
    report, recording, summary : Path or None
        Files to write at the end.
    live : bool
        Serve pictures of the job on this machine while it runs.
    live_port : int or None
        Where; None takes a free port, a number implies `live`.
    metrics_port : int or None
        Where to serve metrics for Prometheus on this machine; 0 takes a free port.
    task : str or None
        What to predict, one of `lstmwidgets.streaming.tasks.TASKS`; None for what the options, the
        model, the source or the first target say.
    horizon, season, coverage
        Of forecasts: steps, events a season, and the share of values that intervals are to hold.
    alarms : float or None
        Share of ordinary events that may be called anomalies.
    text_column : str or None
        The column with the texts to classify.
    model : str, Path or None
        A saved model to begin with, or code that makes one; see `lstmwidgets.streaming.job.code`.
    shared : bool
        Let one model learn from all keys, where it has no state that each could have.
    learn : bool
        Whether to learn.
    hidden_size, cell, window
        Of a new model: by default 32, ``"standard"``, and 16, 4 with keys, or 32 words of a text.
    seed : int or None
        Of a new one; None draws one and shows it.
    wait_events, wait_seconds
        How long an event with an id waits for its target; see `WaitingEvents`.
    hot_keys : int
        How many keys have their state in memory.
    checkpoint : Path or None
        Folder to keep checkpoints in, and to go on from.
    checkpoint_seconds, checkpoint_events
        Most time, and most events, between two of them.
    """

    source: str | Source
    columns: Columns = field(default_factory=Columns)
    format: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    record_bytes: int = LONGEST
    stdin: str | None = None
    start: str | None = None
    kafka_properties: Path | None = None
    at_least_once: bool = False
    follow: bool = False
    skip_bad_rows: bool = False
    dead_letters: Path | None = None
    predictions: str | Sink | None = None
    late_targets: Path | None = None
    report: Path | None = None
    recording: Path | None = None
    summary: Path | None = None
    live: bool = False
    live_port: int | None = None
    metrics_port: int | None = None
    task: str | None = None
    horizon: int | None = None
    season: int | None = None
    coverage: float | None = None
    alarms: float | None = None
    text_column: str | None = None
    model: str | Path | None = None
    shared: bool = False
    learn: bool = True
    hidden_size: int | None = None
    cell: str | None = None
    window: int | None = None
    seed: int | None = None
    wait_events: int = MOST_EVENTS
    wait_seconds: float | None = None
    hot_keys: int = HOT
    checkpoint: Path | None = None
    checkpoint_seconds: float = 1.0
    checkpoint_events: int | None = None

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return without_login(f"{type(self).__name__}({fields})")

    def check(self) -> None:
        """Raise a StreamError if options do not go together."""
        for end in (self.source, self.predictions):
            if isinstance(end, str) and end.startswith(SCHEMES):
                check_address(end)
        self._check_kafka()
        if self.cell not in (None, *CELLS):
            raise StreamError(f"--cell must be one of {', '.join(CELLS)}, got {self.cell!r}")
        if not self.learn and self.model is None:
            raise StreamError("--no-learn predicts with what --model FILE has learned; name one")
        self._check_task()
        if not self.checkpoint_seconds >= 0:
            raise StreamError(
                f"--checkpoint-seconds must be a number from 0 on, got {self.checkpoint_seconds}"
            )
        self._check_files()
        if self.metrics_port is not None and find_spec("prometheus_client") is None:
            raise StreamError(
                "--metrics-port needs prometheus-client: pip install 'lstmwidgets[metrics]'"
            )
        if isinstance(self.predictions, Sink) and self.predictions.exact and self.checkpoint:
            raise StreamError(
                f"{self.predictions.name} can be gone on with after a crash: name it, so that "
                "the job can open it where it was"
            )

    def _check_kafka(self) -> None:
        """Raise if there are options of Kafka where there is none."""
        source, sink = (
            isinstance(end, str) and end.startswith("kafka://")
            for end in (self.source, self.predictions)
        )
        if self.kafka_properties is not None and not (source or sink):
            raise StreamError("--kafka-properties is for kafka://HOST:PORT/TOPIC; leave it out")
        if self.at_least_once and not sink:
            raise StreamError("--at-least-once is for --predictions kafka://…; leave it out")

    def _check_task(self) -> None:
        """Raise if options of tasks and models do not go together."""
        name = self.task_named
        if name is not None:
            task_named(name)
        for option, of in (
            ("horizon", "forecast"),
            ("season", "forecast"),
            ("coverage", "forecast"),
            ("alarms", "anomaly"),
            ("text_column", "text"),
        ):
            if getattr(self, option) is not None and name != of:
                raise StreamError(
                    f"{as_option(option)} is for --task {of}; leave it out, or pass --task {of}"
                )
        for option in ("coverage", "alarms"):
            value = getattr(self, option)
            if value is not None and not 0 < value < 1:
                raise StreamError(f"--{option} must be between 0 and 1, got {value}")
        for option in ("horizon", "season"):
            value = getattr(self, option)
            if value is not None and not 1 <= value <= LONGEST_HORIZON:
                raise StreamError(
                    f"--{option} must be a whole number from 1 to {LONGEST_HORIZON:,}, got {value}"
                )
        if self.shared and (self.model is None or self.columns.key is None):
            raise StreamError("--shared is for a --model with --key; leave it out")
        if self.model is not None:
            for option in OF_NEW_MODEL:
                if getattr(self, option) is not None:
                    raise StreamError(
                        f"{as_option(option)} is for a new model, and --model {self.model} is "
                        "there already; leave one of them out"
                    )

    @property
    def task_named(self) -> str | None:
        """The task, as far as the options say it."""
        if self.task is not None:
            return self.task
        if self.text_column is not None:
            return "text"
        if self.horizon is not None or self.season is not None or self.coverage is not None:
            return "forecast"
        return None if self.alarms is None else "anomaly"

    def columns_for(self, name: str | None) -> Columns:
        """Return which columns a source is to read as what, for a task if that is known.

        Raises
        ------
        StreamError
            If texts are to be read, and nobody has named their column.
        """
        columns, kind = self.columns, None if name is None else TASKS[name]
        if kind is not None:
            columns = replace(columns, targets=kind.targets if kind.needs_target else "none")
        if not self.learn or not (kind is None or kind.needs_target):
            columns = replace(columns, needs_target=False)
        if self.text_column is not None:
            texts = (self.text_column,)
            return replace(columns, features=texts, text=(*columns.text, *texts))
        if name == "text":
            raise StreamError("--task text reads the texts of a column; name it with --text-column")
        return columns

    @property
    def of_task(self) -> dict[str, Any]:
        """What a task and a new model are made with, but for seed and targets."""
        window = WINDOW if self.columns.key is None else KEYED_WINDOW
        if self.task_named == "text":
            window = WORDS
        return {
            "hidden_size": HIDDEN if self.hidden_size is None else self.hidden_size,
            "cell": self.cell or "standard",
            "window": self.window or window,
            "horizon": self.horizon or 1,
            "season": self.season,
            "coverage": self.coverage,
            "alarms": self.alarms,
        }

    def _check_files(self) -> None:
        """Raise if a path is none, or an output would replace what is needed."""
        source = self.source if isinstance(self.source, str) else self.source.name
        predictions = Path(self.predictions) if isinstance(self.predictions, str) else None
        outputs = {
            "predictions": predictions,
            "report": self.report,
            "recording": self.recording,
            "summary": self.summary,
            "dead-letters": self.dead_letters,
            "late-targets": self.late_targets,
        }
        model = None if self.model is None or code_of(str(self.model)) else Path(self.model)
        files = {"model": model, "checkpoint": self.checkpoint, **outputs}
        files = {f"--{option}": path for option, path in files.items()}
        for name, path in {"the source": Path(source), **files}.items():
            if path is not None:
                _check_path(name, path)
        for option in ("late-targets", "dead-letters"):
            if str(outputs[option]).startswith(("redis:", "rediss:", "kafka:")):
                raise StreamError(f"--{option} must be a file, got {outputs[option]}")
        if self.dead_letters is not None and self.dead_letters.suffix in OF_TABLES:
            raise StreamError(
                f"--dead-letters are written as JSON Lines, got {self.dead_letters}; name a file "
                "such as dead.jsonl"
            )
        check_distinct(source, model, *outputs.values())
        for path in outputs.values():
            if path is not None and path.name in OWN and self._is_jobs(path.parent):
                raise StreamError(f"{path} is a job's own file; name another one")

    def _is_jobs(self, folder: Path) -> bool:
        """Say whether a folder is one of checkpoints."""
        own = self.checkpoint is not None and os.path.realpath(self.checkpoint)
        return os.path.realpath(folder) == own or (folder / DATABASE).exists()

    @property
    def identity(self) -> dict[str, Any]:
        """What makes this job another one than others, in plain values."""
        return {
            "source": _named(self.source),
            "format": self.format,
            "delimiter": self.delimiter,
            "decimal": self.decimal,
            "record_bytes": self.record_bytes,
            "start": self.start,
            "at_least_once": self.at_least_once or None,
            **{name: _listed(value) for name, value in vars(self.columns).items()},
            "skip_bad_rows": self.skip_bad_rows,
            "dead_letters": _text(self.dead_letters),
            "predictions": _named(self.predictions),
            "late_targets": _text(self.late_targets),
            "task": self.task_named,
            "text_column": self.text_column,
            **self.of_task,
            "model": _text(self.model),
            "shared": self.shared,
            "learn": self.learn,
            "wait_events": self.wait_events,
            "wait_seconds": self.wait_seconds,
            "seed": self.seed,
        }


def as_option(name: str) -> str:
    """Return the name of a field as the command line has it."""
    return f"--{name.replace('_', '-')}"


def _check_path(name: str, path: Path) -> None:
    """Raise if the system cannot have such a path."""
    problem = ""
    try:
        path.stat()
    except ValueError:
        problem = "there is a NUL in it"
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENAMETOOLONG):
            problem = str(error.strerror)
    if problem:
        raise StreamError(f"{name} must be a path, got {str(path)!r}: {problem}")


def _named(end: str | Source | Sink | None) -> str | None:
    return without_login(end) if isinstance(end, str) else None if end is None else end.name


def _text(path: str | Path | None) -> str | None:
    return None if path is None else without_login(str(path))


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
