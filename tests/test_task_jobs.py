"""A job of every task ends as if nothing had happened, killed or not, whatever the batches."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lstmwidgets.online import LSTMRegressor
from lstmwidgets.streaming.job import run as jobs
from lstmwidgets.streaming.job.options import Job
from lstmwidgets.streaming.sources import Columns

from .task_jobs import JOBS, prepared, write_late
from .test_checkpoint import check_kills

BRIEFLY = ("classification, keys, late", "forecast", "anomaly", "text", "river, keys")
"""Of each task one, and one of River's; numbers of ours are killed in `test_checkpoint.py`."""


@pytest.mark.parametrize("name", BRIEFLY)
def test_a_killed_job_of_any_task_goes_on_to_the_same_end(name: str, tmp_path: Path) -> None:
    source, options = prepared(name, tmp_path, seconds=3)  # so that no machine is done before
    check_kills(source, tmp_path, kills=1, **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", JOBS)
def test_fifty_kills_of_any_task_leave_no_trace(name: str, tmp_path: Path) -> None:
    source, options = prepared(name, tmp_path, seconds=60)
    check_kills(source, tmp_path, kills=50, **options)


@pytest.mark.parametrize("keyed", [False, True])
def test_pictures_and_late_targets_do_not_depend_on_how_many_events_were_at_hand(
    keyed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_late(tmp_path / "late.csv", 700)
    levels = {"low": "1.5", "high": "7", "unknown": "", "flow": "level"}
    lines = source.read_text().splitlines()
    words = [line.rpartition(",") for line in lines]
    source.write_text("\n".join(f"{head},{levels.get(word, word)}" for head, _, word in words))
    columns = Columns("level", id="number", **({"key": "sensor"} if keyed else {}))
    at_once: list[int] = []
    many = LSTMRegressor.run_events

    def counted(self: LSTMRegressor, turns: Any, *rest: Any) -> None:
        at_once.append(len(turns))
        many(self, turns, *rest)

    monkeypatch.setattr(LSTMRegressor, "run_events", counted)

    def played(batch: int) -> Any:
        monkeypatch.setattr(jobs, "BATCH", batch)
        folder = tmp_path / str(batch)
        folder.mkdir()
        files = [folder / "out.jsonl", folder / "out.labels.jsonl"]
        job = Job(str(source), columns, predictions=str(files[0]), late_targets=files[1], seed=1)
        with ExitStack() as opened:
            run = jobs.Run(job, opened, Console(quiet=True), recorded=True)
            run.run()
        assert run.record is not None
        recording = run.record.recording()
        points = run.record.points.items
        return (
            [path.read_bytes() for path in files],
            repr([point._replace(weights=run.record.shares(point)) for point in points]),
            run.record.scores.counted(),
            {name: layers.tobytes() for name, layers in recording.layers.items()},
            repr((recording.labels, recording.columns)),
        )

    one = played(1)
    assert max(at_once) == 1
    for batch in (7, 64):
        assert played(batch) == one
        assert max(at_once) == batch
