"""What ``lstmwidgets stream`` is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lstmwidgets.cells import CELLS

from ..errors import StreamError, without_login
from ..files import check_distinct
from ..redis_address import SCHEMES, parse
from ..sinks import Sink
from ..sources import Columns, Source
from ..state.keyed import HOT
from ..state.waiting import MOST_EVENTS

WINDOW, KEYED_WINDOW = 16, 4
"""Events that the gradient looks back; fewer with keys, each of which has a window of its own."""


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
        Of standard input: ``"csv"`` or ``"jsonl"``.
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
    model : Path or None
        A saved model to begin with.
    learn : bool
        Whether to learn.
    hidden_size, cell, window
        Of a new `LSTMRegressor`. The window is 16 by default, and 4 with keys.
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
    model: Path | None = None
    learn: bool = True
    hidden_size: int = 32
    cell: str = "standard"
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
                parse(end)
        if self.cell not in CELLS:
            raise StreamError(f"--cell must be one of {', '.join(CELLS)}, got {self.cell!r}")
        if not self.learn and self.model is None:
            raise StreamError("--no-learn predicts with what --model FILE has learned; name one")
        outputs = (self.report, self.recording, self.summary, self.dead_letters, self.late_targets)
        predictions = Path(self.predictions) if isinstance(self.predictions, str) else None
        source = self.source if isinstance(self.source, str) else self.source.name
        check_distinct(source, predictions, *outputs)
        if isinstance(self.predictions, Sink) and self.predictions.exact and self.checkpoint:
            raise StreamError(
                f"{self.predictions.name} can be gone on with after a crash: name it, so that "
                "the job can open it where it was"
            )

    @property
    def identity(self) -> dict[str, Any]:
        """What makes this job another one than others, in plain values."""
        return {
            "source": _named(self.source),
            "format": self.format,
            **{name: _listed(value) for name, value in vars(self.columns).items()},
            "skip_bad_rows": self.skip_bad_rows,
            "dead_letters": _text(self.dead_letters),
            "predictions": _named(self.predictions),
            "late_targets": _text(self.late_targets),
            "model": _text(self.model),
            "learn": self.learn,
            "hidden_size": self.hidden_size,
            "cell": self.cell,
            "window": self.events_back,
            "wait_events": self.wait_events,
            "wait_seconds": self.wait_seconds,
            "seed": self.seed,
        }

    @property
    def events_back(self) -> int:
        """How many events the gradient looks back."""
        if self.window is not None:
            return self.window
        return WINDOW if self.columns.key is None else KEYED_WINDOW


def _named(end: str | Source | Sink | None) -> str | None:
    return without_login(end) if isinstance(end, str) else None if end is None else end.name


def _text(path: Path | None) -> str | None:
    return None if path is None else without_login(str(path))


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
