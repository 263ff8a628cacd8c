"""Outputs that would be overwritten, or that are gone: one line, and nothing is lost."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lstmwidgets import save
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.streaming import Columns, Job, StreamError, run_job
from lstmwidgets.streaming.sinks import open_sink
from lstmwidgets.streaming.state.checkpoint import JobFolder, Saved
from tests.test_checkpoint import SENSORS, events_of, options, run, write_readings, write_sensors

ENDINGS = ["jsonl", "sqlite", "parquet"]


def told(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that ends a command that was refused."""
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("lstmwidgets: ") == 1
    return done.stderr[done.stderr.index("lstmwidgets: ") :].replace("\n", " ")


def contents(path: Path) -> object:
    """Return what is in a file, or in the files of a folder."""
    if path.is_dir():
        return {each.name: each.read_bytes() for each in path.iterdir()}
    if path.suffix == ".sqlite":
        with closing(sqlite3.connect(path)) as database:
            return database.execute("SELECT * FROM predictions").fetchall()
    return path.read_bytes()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_readings(tmp_path / "readings.csv", 40)


@pytest.mark.parametrize("ending", ENDINGS)
def test_two_jobs_do_not_share_an_output(source: Path, tmp_path: Path, ending: str) -> None:
    predictions = tmp_path / f"p.{ending}"
    first = options(source, tmp_path, predictions=predictions)
    assert run(first).returncode == 0
    before = contents(predictions)
    second = options(source, tmp_path, predictions=predictions, checkpoint=tmp_path / "other")
    assert "holds records already" in told(run(second))
    assert "holds records already" in told(run(second))  # nor when it is tried again
    assert contents(predictions) == before
    assert run(first).returncode == 0
    third = options(
        source,
        tmp_path,
        predictions=tmp_path / f"other.{ending}",
        checkpoint=tmp_path / "other",
    )
    assert run(third).returncode == 0  # the folder of one that was refused takes it with others
    assert contents(tmp_path / f"other.{ending}") == before
    fourth = options(source, tmp_path, predictions=predictions, checkpoint=tmp_path / "other")
    assert "belongs to another job" in told(run(fourth))  # now it has begun


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_output_that_another_process_writes_is_refused(tmp_path: Path, ending: str) -> None:
    name = str(tmp_path / f"p.{ending}")
    with (
        open_sink(name, {}),
        pytest.raises(StreamError, match="is being written by another job"),
        open_sink(name, {}),
    ):
        pass


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("rows", [40, 60])
def test_an_output_of_another_job_is_not_gone_on_with(
    source: Path, tmp_path: Path, ending: str, rows: int
) -> None:
    predictions, foreign = tmp_path / f"p.{ending}", tmp_path / f"foreign.{ending}"
    command = options(source, tmp_path, predictions=predictions)
    assert run(command).returncode == 0
    write_readings(source, rows)
    given = {"predictions": foreign, "checkpoint": tmp_path / "other", "seed": 2}
    assert run(options(source, tmp_path, **given)).returncode == 0
    shutil.rmtree(predictions) if predictions.is_dir() else predictions.unlink()
    foreign.rename(predictions)
    before = contents(predictions)
    assert "put the file back" in told(run(command))
    assert contents(predictions) == before


def test_late_targets_of_two_jobs_are_in_two_files(tmp_path: Path) -> None:
    source = write_sensors(tmp_path / "sensors.csv", 120)
    for name in ("a.jsonl", "b.jsonl", "b.sqlite"):
        given = {"predictions": tmp_path / name, "checkpoint": tmp_path / f"job {name}"}
        assert run(options(source, tmp_path, **SENSORS | given)).returncode == 0
    labels = sorted(path.name for path in tmp_path.glob("*labels*"))
    assert labels == ["a.labels.jsonl", "b.labels.jsonl", "b.sqlite.labels.jsonl"]
    assert len({path.read_bytes() for path in tmp_path.glob("*labels*")}) == 1


@pytest.mark.parametrize("output", ["predictions", "report", "dead-letters"])
@pytest.mark.parametrize("file", ["job.sqlite", "lock"])
def test_a_jobs_own_files_are_no_outputs(
    source: Path, tmp_path: Path, output: str, file: str
) -> None:
    assert run(options(source, tmp_path)).returncode == 0
    for folder, checkpoint in (("job", "job"), ("job", "new"), ("new", "new")):
        given = {output: tmp_path / folder / file, "checkpoint": tmp_path / checkpoint}
        answer = told(run(options(source, tmp_path, **given)))
        assert "own file" in answer or "JSON Lines" in answer
    assert events_of(tmp_path / "job") == 40


def test_a_jobs_database_by_another_name_is_no_output(source: Path, tmp_path: Path) -> None:
    assert run(options(source, tmp_path)).returncode == 0
    copy = tmp_path / "copy.sqlite"
    shutil.copy(tmp_path / "job" / "job.sqlite", copy)
    before = copy.read_bytes()
    for given in ({"checkpoint": None}, {"checkpoint": tmp_path / "new"}):
        command = options(source, tmp_path, predictions=copy, **given)
        done = run(command)
        if done.returncode:
            assert "is the database of a job" in told(done)
            assert copy.read_bytes() == before
        else:  # replaced in one go, as any older file by that name
            copy.write_bytes(before)


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_no_output_replaces_the_model_or_the_source(
    source: Path, tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    model = tmp_path / "model"
    save(LSTMRegressor(4, seed=1), model)
    for number, path in enumerate((model, source)):
        link(tmp_path / f"linked {number}", path)
        given = {"report": tmp_path / f"linked {number}", "model": model, "checkpoint": None}
        given |= {"hidden_size": None, "seed": None}
        assert "is named twice" in told(run(options(source, tmp_path, **given)))


@pytest.mark.parametrize("gone", ["out", "job"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_folder_that_is_removed_meanwhile_is_told(
    tmp_path: Path, ending: str, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_readings(tmp_path / "readings.csv", 400)
    folder = tmp_path / gone
    predictions = tmp_path / "out" / f"p.{ending}"

    job = Job(
        str(source),
        Columns("flow"),
        predictions=str(predictions),
        checkpoint=tmp_path / "job",
        checkpoint_events=20,
        hidden_size=4,
        seed=1,
    )
    removed = _removing(folder, 100)
    monkeypatch.setattr("lstmwidgets.streaming.job.run.shown", removed)
    with pytest.raises(StreamError) as error:
        run_job(job)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


def _removing(folder: Path, after: int) -> Callable[..., object]:
    from lstmwidgets.streaming.job.progress_bar import shown

    def wrapped(*arguments: object) -> object:
        for number, outcome in enumerate(shown(*arguments)):  # type: ignore[arg-type]
            if number == after:
                shutil.rmtree(folder)
            yield outcome

    return wrapped


def test_a_model_that_was_replaced_is_mentioned(source: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    learned = LSTMRegressor(4, seed=1)
    save(learned, model)
    command = options(source, tmp_path, model=model, hidden_size=None, seed=None)
    assert run(command).returncode == 0
    again = run(command)
    assert "has changed" not in again.stderr
    learned.learn_one({"load": 1.0}, 2.0)
    save(learned, model)
    write_readings(source, 60)
    again = run(command)
    assert again.returncode == 0
    assert "has changed; the job goes on with the model it began with" in " ".join(
        again.stderr.split()
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bounds")
@pytest.mark.parametrize("output", ["report", "summary", "recording", "predictions"])
def test_a_full_disk_names_the_file(source: Path, tmp_path: Path, output: str) -> None:
    given = {"predictions": None, "checkpoint": None, output: tmp_path / "out"}
    with no_room():
        done = run(options(source, tmp_path, **given))
    assert str(tmp_path / "out") in told(done)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bounds")
def test_a_saved_model_names_the_file_that_has_no_room(tmp_path: Path) -> None:
    path = tmp_path / "model"
    with no_room(), pytest.raises(OSError, match="File too large") as error:
        save(LSTMRegressor(4, seed=1), path)
    assert error.value.filename == str(path)
    assert not list(tmp_path.iterdir())


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file have a byte, as on a full disk."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_sigterm_while_it_begins_leaves_no_files(tmp_path: Path) -> None:
    """The source is a pipe that nobody opens: the job waits with all outputs beside their names."""
    rows = write_readings(tmp_path / "rows.csv", 10).read_text()
    out = tmp_path / "out"
    outputs = {"report": out / "r.html", "summary": out / "s.json", "checkpoint": None}
    command = options("-", out, **outputs)
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not list(out.glob(".*.part")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(rows.encode(), timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert b"interrupted" in said
    assert not list(out.glob(".*"))


def test_an_empty_or_unknown_database_is_refused(source: Path, tmp_path: Path) -> None:
    assert run(options(source, tmp_path)).returncode == 0
    database, before = (
        tmp_path / "job" / "job.sqlite",
        (tmp_path / "predictions.jsonl").read_bytes(),
    )
    command = options(source, tmp_path)
    database.write_bytes(b"")
    assert "is damaged" in told(run(command))
    database.unlink()
    with closing(sqlite3.connect(database)) as other:
        other.execute("CREATE TABLE mine (a)")
    assert "is damaged" in told(run(command))
    database.unlink()
    with closing(sqlite3.connect(database)) as other:
        other.execute("CREATE TABLE job (format INTEGER NOT NULL, options TEXT NOT NULL)")
        other.execute("INSERT INTO job VALUES (5, '{}')")
        other.commit()
    assert "was written in format 5" in told(run(command))
    database.unlink()
    assert "holds records already" in told(run(command))  # the job that wrote them is unknown
    assert (tmp_path / "predictions.jsonl").read_bytes() == before


def test_a_lost_row_is_told(tmp_path: Path) -> None:
    saved = Saved(events=1, offset={}, outputs={}, progress={})
    with JobFolder(tmp_path, {}) as folder:
        folder.cold("streams").put_many(["a", "b"], [1, 1], b"12")
        folder.save(saved, b"model")
    with closing(sqlite3.connect(tmp_path / "job.sqlite")) as database:
        database.execute("DROP TRIGGER streams_removed")
        database.execute("DELETE FROM streams WHERE name = 'a'")
        database.execute(
            "CREATE TRIGGER streams_removed AFTER DELETE ON streams "
            "BEGIN UPDATE streams_sum SET total = total - old.checksum; END"
        )
        database.commit()
    with pytest.raises(StreamError, match="rows are missing"):
        JobFolder(tmp_path, {})


def test_a_row_that_is_damaged_later_is_told_when_it_is_read(tmp_path: Path) -> None:
    saved = Saved(events=1, offset={}, outputs={}, progress={})
    with JobFolder(tmp_path, {}) as folder:
        cold = folder.cold("streams")
        cold.put_many(["a"], [1], b"1")
        folder.save(saved, b"model")
        folder.settle()
        assert cold.get("a") == b"1"
        folder._database.execute("UPDATE streams SET value = x'32'")
        folder._database.commit()
        folder.settle()
        with pytest.raises(StreamError, match="'a' is not what was kept"):
            cold.get("a")
