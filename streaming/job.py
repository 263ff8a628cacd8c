"""One run of ``lstmwidgets stream``: from the options to the files and the closing table."""

from __future__ import annotations

import random
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from lstmwidgets.cells import CELLS
from lstmwidgets.online import LSTMRegressor

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
        model = LSTMRegressor(self.hidden_size, cell=self.cell, window=self.window, seed=seed)
        notes, pace = Console(stderr=True), Pace()
        with ExitStack() as files:
            source = open_source(self.source, self.columns, self.skip_bad_rows)
            files.enter_context(closing(source))
            page = files.enter_context(written_whole(self.report)) if self.report else None
            kept = files.enter_context(written_whole(self.recording)) if self.recording else None
            events = Interruptible(source)
            with JsonLines(self.predictions) if self.predictions else nullcontext() as sink:
                runner = StreamRunner(model, events, sink)
                record = RunRecord(runner)
                for outcome in shown(runner.run(), runner, source, pace, notes):
                    if page is not None or self.recording is not None:
                        record.add(outcome)
            # The predictions are safe from here on, whatever happens to the report.
            if kept is not None and record.snapshots.items:
                record.recording().save(kept)
            if page is not None:
                facts = self._facts(runner, model, seed)
                title = f"Predicting {source.name}"
                html = report_html(title, facts, record, runner.comparisons)
                page.write_text(html, encoding="utf-8")
        _show_results(runner, source, pace, seed)
        if events.stopped_by is None:
            return 0
        notes.print("interrupted: the files hold what was seen until then")
        return 128 + events.stopped_by

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
