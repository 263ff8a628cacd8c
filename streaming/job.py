"""One run of ``lstmwidgets stream``: from the options to the files and the closing table."""

from __future__ import annotations

import random
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from rich.console import Console

from lstmwidgets.cells import CELLS
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.online.saving import from_bytes, to_bytes

from .checkpoint import Due, JobFolder, Saved
from .errors import StreamError
from .files import check_distinct, written_whole
from .interrupt import Interruptible
from .progress import Pace, result_table, shown
from .record import RunRecord
from .report import report_html
from .runner import StreamRunner
from .sinks import JsonLines
from .sources import Columns, Source, open_source


@dataclass(frozen=True)
class Job:
    """What to run; the fields are the options of the command.

    Attributes
    ----------
    source : str
        Name of the source; see `lstmwidgets.streaming.sources.open_source`.
    columns : Columns
        Target and features.
    skip_bad_rows : bool
        Count unreadable rows and go on.
    predictions, report, recording : Path or None
        Files to write.
    hidden_size, cell, window
        Of the `LSTMRegressor`.
    seed : int or None
        None draws one and shows it.
    checkpoint : Path or None
        Folder to keep checkpoints in, and to go on from.
    checkpoint_seconds : float
        Most time between two of them.
    """

    source: str
    columns: Columns
    skip_bad_rows: bool = False
    predictions: Path | None = None
    report: Path | None = None
    recording: Path | None = None
    hidden_size: int = 32
    cell: str = "standard"
    window: int = 16
    seed: int | None = None
    checkpoint: Path | None = None
    checkpoint_seconds: float = 1.0

    def run(self) -> int:
        """Run it, show progress and results, and return the exit status.

        Raises
        ------
        StreamError
            If an option or the data cannot be used; no file has then been written.
        """
        torch.set_num_threads(1)  # one event's matrices are too small to share out
        if self.cell not in CELLS:
            raise StreamError(f"--cell must be one of {', '.join(CELLS)}, got {self.cell!r}")
        check_distinct(self.source, self.predictions, self.report, self.recording)
        seed = random.SystemRandom().getrandbits(32) if self.seed is None else self.seed
        notes, pace = Console(stderr=True), Pace()
        with ExitStack() as files:
            folder, before = None, None
            if self.checkpoint is not None:
                folder = files.enter_context(
                    JobFolder(self.checkpoint, self._identity(), {"seed": seed})
                )
                seed, before = folder.options["seed"], folder.load()
            source = open_source(
                self.source,
                self.columns,
                journal=None if folder is None else folder.path / "input.journal",
            )
            files.enter_context(closing(source))
            if self.skip_bad_rows:
                source.on_bad = lambda _: None
            if before is not None and before[0].finished and not source.has_more(before[0].offset):
                with self._sink(folder, before[0]):  # which looks whether all of it is there
                    pass
                notes.print(f"finished after {_count(before[0].events, 'event')}: nothing to do")
                return 0
            page = files.enter_context(written_whole(self.report)) if self.report else None
            kept = files.enter_context(written_whole(self.recording)) if self.recording else None
            model = self._model(before and before[1], seed)
            events = Interruptible(source)
            arrived = (event for event in events if event is not None)
            with self._sink(folder, before and before[0]) as sink:
                runner = StreamRunner(model, arrived, sink)
                if before is not None:
                    runner.progress = before[0].progress
                    source.resume(before[0].offset)
                    notes.print(f"going on after {_count(runner.events, 'event')}")
                record = RunRecord(runner)
                due = Due(self.checkpoint_seconds)
                for outcome in shown(runner.run(), runner, source, pace, notes):  # type: ignore[arg-type]
                    if page is not None or self.recording is not None:
                        record.add(outcome)
                    if folder is not None and due():
                        self._save(folder, runner, source, sink)
                        due.done()
                if folder is not None:
                    finished = events.stopped_by is None
                    self._save(folder, runner, source, sink, finished=finished)
            # The predictions are safe from here on, whatever happens to the report.
            if kept is not None and record.snapshots.items:
                record.recording().save(kept)
            if page is not None:
                facts = self._facts(runner, model, seed)
                if before is not None:
                    facts["drawn"] = f"from event {before[0].events:,} on"
                title = f"Predicting {source.name}"
                html = report_html(title, facts, record, runner.comparisons)
                page.write_text(html, encoding="utf-8")
        _show_results(runner, source, pace, seed)
        if events.stopped_by is None:
            return 0
        if folder is not None:
            notes.print("interrupted: start it again with the same options, and it goes on")
        else:
            notes.print("interrupted: the files hold what was seen until then")
        return 128 + events.stopped_by

    def _identity(self) -> dict[str, Any]:
        """Return what makes this job another one than others, in plain values."""
        return {
            "source": self.source,
            "target": self.columns.target or "",
            "features": list(self.columns.features),
            "drop": list(self.columns.drop),
            "text": list(self.columns.text),
            "skip_bad_rows": self.skip_bad_rows,
            "predictions": None if self.predictions is None else str(self.predictions),
            "hidden_size": self.hidden_size,
            "cell": self.cell,
            "window": self.window,
            "seed": self.seed,
        }

    def _model(self, saved: bytes | None, seed: int) -> LSTMRegressor:
        """Return the model of the last checkpoint, or a new one."""
        if saved is None:
            return LSTMRegressor(self.hidden_size, cell=self.cell, window=self.window, seed=seed)
        try:
            model: LSTMRegressor = from_bytes(saved, f"the model in {self.checkpoint}")
        except ValueError as error:
            raise StreamError(f"{error}; begin anew with another folder") from error
        return model

    def _sink(
        self, folder: JobFolder | None, before: Saved | None
    ) -> AbstractContextManager[JsonLines | None]:
        if self.predictions is None:
            return nullcontext()
        if folder is None:
            return JsonLines(self.predictions)
        outputs = {} if before is None else before.outputs
        return JsonLines(self.predictions, outputs.get(str(self.predictions), {}))

    def _save(
        self,
        folder: JobFolder,
        runner: StreamRunner,
        source: Source,
        sink: JsonLines | None,
        *,
        finished: bool = False,
    ) -> None:
        """Make a checkpoint. What the outputs hold is on the disk before it counts."""
        source.sync()
        saved = Saved(
            events=runner.events,
            offset=source.offset,
            outputs={} if sink is None else {sink.name: sink.flush()},
            progress=runner.progress,
            finished=finished,
        )
        folder.save(saved, to_bytes(cast("LSTMRegressor", runner.model)))

    def _facts(self, runner: StreamRunner, model: LSTMRegressor, seed: int) -> dict[str, str]:
        layer = f"{self.hidden_size} {'unit' if self.hidden_size == 1 else 'units'}"
        return {
            "events": f"{runner.events:,}",
            "model": f"{self.cell.replace('_', ' ')} LSTM, {layer}, window {self.window}",
            "LSTM's share": f"{model.shares['lstm']:.0%} of the last prediction",
            "seed": str(seed),
        }


def _show_results(runner: StreamRunner, source: Source, pace: Pace, seed: int) -> None:
    out = Console(highlight=False)
    speed = pace.events_per_second
    rate = "" if speed is None else f", {speed:,.0f} events per second"
    out.print(f"{_count(runner.events, 'event')}{rate}, seed {seed}")
    if source.skipped:
        out.print(f"{_count(source.skipped, 'row')} could not be read and left out")
    if runner.comparisons[0].events:
        out.print(result_table(runner.comparisons))
    else:
        out.print("too few targets to compare with the last value")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
