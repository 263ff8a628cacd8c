"""A job that is killed and started again ends as if nothing had happened."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import BinaryIO

import pytest

from lstmwidgets.online import LSTMRegressor
from lstmwidgets.streaming import (
    Columns,
    Event,
    Job,
    Prediction,
    StreamError,
    StreamRunner,
    job_model,
    run_job,
)
from lstmwidgets.streaming.cli import main
from lstmwidgets.streaming.pickles import is_pickle
from lstmwidgets.streaming.pictures.record import RunRecord
from lstmwidgets.streaming.sinks import Callback
from lstmwidgets.streaming.sources import IterableSource
from lstmwidgets.streaming.sources.journal import Journal
from lstmwidgets.streaming.state import cold as cold_module
from lstmwidgets.streaming.state.checkpoint import JobFolder, Saved, inspect
from lstmwidgets.streaming.state.pacing import Due
from tests.redis_server import RedisServer, need_redis

COMMAND = [sys.executable, "-c", "from lstmwidgets.streaming.cli import main; main()", "stream"]
SAVED = Saved(events=3, offset={"bytes": 7}, outputs={"a": {"bytes": 5}}, progress={"events": 3})


def write_readings(path: Path, events: int) -> Path:
    draw = random.Random(0)
    rows = [
        f"2024-03-{1 + n // 24 % 28:02d}T{n % 24:02d}:00,{draw.random():.4f},"
        f"{'day' if n % 24 > 6 else 'night'},{'' if n % 50 == 7 else round(draw.gauss(9, 2), 3)}"
        for n in range(events)
    ]
    path.write_text("when,load,shift,flow\n" + "\n".join(rows) + "\n")
    return path


def write_sensors(path: Path, events: int) -> Path:
    """Write events of 40 sensors with ids; half of the targets come later, in other orders.

    Some events come twice, and some targets too late or never.
    """
    draw = random.Random(0)
    rows: list[tuple[float, str]] = []
    for n in range(events):
        sensor, load = f"s{draw.randrange(40)}", draw.random()
        flow = round(draw.gauss(9, 2) + 3 * load, 3)
        late = draw.random() < 0.5
        event = f"{n},{sensor},{load:.4f},{'' if late else flow}"
        rows.append((n, event))
        if late and draw.random() < 0.95:
            rows.append((n + draw.choice([0.5, 20 * draw.random(), 250]), f"{n},{sensor},,{flow}"))
        if draw.random() < 0.02:
            rows.append((n + 3.5, event))
    lines = [row for _, row in sorted(rows)]
    path.write_text("number,sensor,load,flow\n" + "\n".join(lines) + "\n")
    return path


SENSORS: dict[str, object] = {
    "key": "sensor",
    "id": "number",
    "wait_events": 200,
    "hot_keys": 10,
    "window": 3,
}


def options(source: Path | str, folder: Path, **changed: object) -> list[str]:
    given = {
        "target": "flow",
        "hidden-size": 6,
        "seed": 1,
        "predictions": folder / "predictions.jsonl",
        "checkpoint": folder / "job",
        "checkpoint-seconds": 0.1,
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    words = [
        word
        for name, value in given.items()
        if value is not None
        for word in ([f"--{name}"] if value is True else [f"--{name}", str(value)])
    ]
    return [*COMMAND, str(source), *words]


def run(arguments: list[str], **given: object) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; ours in this process, which has everything loaded."""
    if arguments[: len(COMMAND)] != COMMAND or given:
        return subprocess.run(arguments, capture_output=True, text=True, timeout=120, **given)
    out, err = io.StringIO(), io.StringIO()
    with (
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "argv", ["lstmwidgets", *arguments[len(COMMAND) - 1 :]])
        with pytest.raises(SystemExit) as ended:
            main()
    status = int(ended.value.code or 0)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def events_of(folder: Path) -> int:
    try:
        _, saved, _ = inspect(folder)
    except StreamError:
        return 0
    return 0 if saved is None else saved.events


def wait_for_checkpoint(process: subprocess.Popen[str], folder: Path, before: int = 0) -> None:
    """Wait until a running job has made a checkpoint, or has ended."""
    deadline = time.monotonic() + 120
    while process.poll() is None and events_of(folder / "job") <= before:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def outcome(folder: Path) -> tuple[bytes, object, str]:
    """Return the outputs, the model and the rest of what the last checkpoint holds."""
    with sqlite3.connect(folder / "job" / "job.sqlite") as database:
        rows = dict(database.execute("SELECT name, value FROM job").fetchall())
        model, saved = rows["model"], rows["saved"]
        stores = [
            database.execute(f"SELECT * FROM {name} ORDER BY name").fetchall()
            for (name,) in database.execute(
                "SELECT name FROM sqlite_master WHERE name IN ('streams', 'waiting') ORDER BY name"
            ).fetchall()
        ]
    database.close()
    kept = json.loads(saved)
    kept["outputs"] = list(kept["outputs"].values())
    contents: object = None  # of a pickle: equal models need not have equal ones
    if not is_pickle(model):
        length = 8 + int.from_bytes(model[:8], "little")  # the header's order: a hash map's
        contents = json.loads(model[8:length]), model[length:], stores
    outputs = [path.read_bytes() for path in sorted(folder.glob("*.jsonl"))]
    return b"".join(outputs), contents, json.dumps(kept)


def kill_often(
    source: Path | str, folder: Path, kills: int, moments: int = 0, **changed: object
) -> int:
    """Kill the job at random moments after it has gone on; return how often it was possible."""
    draw = random.Random(moments)
    done = 0
    while done < kills:
        before = events_of(folder / "job")
        process = subprocess.Popen(
            options(source, folder, **changed),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            wait_for_checkpoint(process, folder, before)
            time.sleep(draw.random() * 0.12)  # checkpoints are a tenth of a second apart
        finally:
            process.send_signal(signal.SIGKILL)
            _, told = process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, told
        done += 1
    return done


def check_kills(source: Path | str, folder: Path, kills: int, **changed: object) -> bytes:
    """Compare a job that is killed so often with one that is not; return what they wrote."""
    whole, broken = folder / "whole", folder / "broken"
    done = run(options(source, whole, **changed))
    assert done.returncode == 0, done.stderr
    assert kill_often(source, broken, kills, **changed) == kills
    finished = run(options(source, broken, **changed))
    assert finished.returncode == 0, finished.stderr
    assert "going on after" in finished.stderr
    assert outcome(broken) == outcome(whole)
    return outcome(broken)[0]


def send(lines: list[str], url: str) -> None:
    """Send the rows of a CSV file to a Redis stream."""
    redis = pytest.importorskip("redis")
    address, stream = url.rsplit("/", 1)
    header = lines[0].split(",")
    with redis.Redis.from_url(address) as client:
        for begin in range(1, len(lines), 1000):
            with client.pipeline(transaction=False) as pipe:
                for line in lines[begin : begin + 1000]:
                    pipe.xadd(stream, dict(zip(header, line.split(","), strict=True)))
                pipe.execute()


def test_a_killed_job_goes_on_to_the_same_end(tmp_path: Path) -> None:
    source = write_sensors(tmp_path / "sensors.csv", 20_000)
    written = check_kills(source, tmp_path, kills=1, **SENSORS)
    labels = (tmp_path / "whole" / "predictions.labels.jsonl").read_bytes().count(b"\n")
    assert written.count(b"\n") == 20_000 + labels
    assert labels > 1500


def test_a_killed_job_goes_on_with_a_redis_stream(tmp_path: Path) -> None:
    need_redis()
    lines = write_sensors(tmp_path / "sensors.csv", 20_000).read_text().splitlines()
    with RedisServer(tmp_path) as server:
        send(lines, url := server.url("sensors"))
        check_kills(url, tmp_path, kills=1, **SENSORS)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["readings", "sensors"])
def test_fifty_kills_leave_no_trace(tmp_path: Path, kind: str) -> None:
    if kind == "readings":
        source, changed = write_readings(tmp_path / "readings.csv", 600_000), {}
    else:
        source, changed = write_sensors(tmp_path / "sensors.csv", 200_000), SENSORS
    check_kills(source, tmp_path, kills=50, **changed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["readings", "sensors"])
def test_fifty_kills_over_redis_leave_no_trace(tmp_path: Path, kind: str) -> None:
    need_redis()
    write, events, changed = {
        "readings": (write_readings, 600_000, {}),
        "sensors": (write_sensors, 200_000, SENSORS),
    }[kind]
    lines = write(tmp_path / "rows.csv", events).read_text().splitlines()
    with RedisServer(tmp_path) as server:
        send(lines, url := server.url("rows"))
        check_kills(url, tmp_path, kills=50, **changed)


def test_a_full_disk_ends_a_job_that_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """No file may grow beyond a bound: first the predictions do not fit, then all goes on."""
    source = write_sensors(tmp_path / "sensors.csv", 3000)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(options(source, whole, **SENSORS)).returncode == 0
    command = options(source, broken, **SENSORS, checkpoint_events=100)
    full = run(["bash", "-c", 'ulimit -f 150; exec "$@"', "bash", *command])
    assert full.returncode == 2
    assert "cannot write" in full.stderr
    assert "Traceback" not in full.stderr
    again = run(command)
    assert again.returncode == 0, again.stderr
    assert outcome(broken) == outcome(whole)


def test_what_a_job_has_learned_can_be_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_sensors(tmp_path / "sensors.csv", 400)
    assert run(options(source, tmp_path, **SENSORS)).returncode == 0
    job = tmp_path / "job"
    north, south = job_model(job, "s1"), job_model(job, key="s2")
    x = {"load": 0.5}
    assert not job_model(job).state.c.any()
    assert north.predict_one(x) != south.predict_one(x)
    north.learn_one(x, 3.0)
    assert job_model(job, "s1").predict_one(x) == job_model(job, "s1").predict_one(x)
    with pytest.raises(StreamError, match="no key 'east'"):
        job_model(job, "east")
    _, saved, sizes = inspect(job)
    assert saved is not None
    assert sizes["keys"] == 40
    assert sizes["recent ids"] <= 200
    with pytest.raises(StreamError, match="no checkpoint"), JobFolder(tmp_path / "new", {}):
        job_model(tmp_path / "new")


def test_a_source_is_read_no_further_than_a_slow_sink_takes(tmp_path: Path) -> None:
    read: list[int] = []
    behind: list[int] = []

    def events() -> Iterator[Event]:
        for n in range(50):
            read.append(n)
            yield Event(n, {"a": n}, float(n))

    def slow(prediction: Prediction) -> None:
        time.sleep(0.002)
        behind.append(len(read) - int(prediction.id))

    job = Job(
        IterableSource(events(), Columns(), journal=tmp_path / "journal"),
        predictions=Callback(slow),
        checkpoint=tmp_path / "job",
        seed=1,
    )
    assert run_job(job).events == 50
    assert behind == [1] * 50


def test_no_more_events_than_asked_for_lie_between_two_checkpoints(tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(prediction: Prediction) -> None:
        if prediction.id == 57:
            raise StoppedError

    job = Job(
        str(write_readings(tmp_path / "readings.csv", 100)),
        Columns("flow"),
        predictions=Callback(stop),
        checkpoint=tmp_path / "job",
        checkpoint_seconds=1e6,
        checkpoint_events=10,
    )
    with pytest.raises(StoppedError):
        run_job(job)
    saved = inspect(tmp_path / "job")[1]
    assert saved is not None
    assert 47 <= saved.events <= 57


def test_a_finished_job_says_so_and_does_nothing(tmp_path: Path) -> None:
    source = write_readings(tmp_path / "readings.csv", 300)
    assert run(options(source, tmp_path)).returncode == 0
    before = outcome(tmp_path)
    again = run(options(source, tmp_path, seed=None))
    assert again.returncode == 0
    assert "finished after 300 events" in " ".join(again.stderr.split())
    assert outcome(tmp_path) == before


def test_sigterm_ends_a_job_that_then_goes_on(tmp_path: Path) -> None:
    source = write_readings(tmp_path / "readings.csv", 10_000)
    process = subprocess.Popen(
        options(source, tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    wait_for_checkpoint(process, tmp_path)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "it goes on" in told
    lines = (tmp_path / "predictions.jsonl").read_bytes().count(b"\n")
    assert lines == events_of(tmp_path / "job")  # nothing to be cut off
    report = tmp_path / "report.html"
    assert run(options(source, tmp_path, report=report)).returncode == 0
    assert f"from event {lines:,} on" in report.read_text()
    whole = tmp_path / "whole"
    assert run(options(source, whole)).returncode == 0
    assert outcome(tmp_path) == outcome(whole)


def test_a_record_begins_where_the_job_goes_on() -> None:
    first = StreamRunner(LSTMRegressor(4, seed=1), [Event(n, {"a": n}, n) for n in range(30)])
    outcomes = list(first.run())
    later = [Event(n, {"a": n}, n) for n in range(30, 50)]
    second = StreamRunner(first.model, later)
    second.progress = json.loads(json.dumps(first.progress))
    assert json.dumps(second.progress) == json.dumps(first.progress)
    record = RunRecord(second)
    for outcome in second.run():
        record.add(outcome)
    assert len(outcomes) + len(record.points.items) == second.events == 50
    assert record.recording().steps.tolist() == list(range(30, 50))


def test_standard_input_is_kept_and_gone_on_with(tmp_path: Path) -> None:
    source = write_readings(tmp_path / "readings.csv", 4_000)
    lines = source.read_text().splitlines(keepends=True)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(options(source, whole)).returncode == 0
    process = subprocess.Popen(
        options("-", broken), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    process.stdin.write("".join(lines[:1500]))
    process.stdin.flush()
    wait_for_checkpoint(process, broken)
    process.kill()
    process.wait()
    process.stdin.close()
    kept = (broken / "job" / "input.journal").read_text().splitlines(keepends=True)
    assert kept == lines[: len(kept)]
    rest = [lines[0], *lines[len(kept) :]]  # the sender begins anew, with its header
    assert run(options("-", broken), input="".join(rest)).returncode == 0
    assert outcome(broken)[:2] == outcome(whole)[:2]


def test_a_journal_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """The stream ends anywhere; then it goes on there, or its sender begins anew."""
    draw = random.Random(0)
    whole = b"".join(f"{n},{draw.random()}\n".encode() for n in range(3000))
    whole = b"a,b\n" + whole
    for trial in range(30):
        path = tmp_path / f"journal {trial}"
        cuts = sorted(draw.sample(range(len(whole)), 4))
        begin = 0
        for cut in [*cuts, len(whole)]:
            anew = draw.random() < 0.5
            sent = whole[:cut] if anew else whole[begin:cut]
            with closing(Journal(pipe_of(sent), path)) as journal:
                lines = [line for line in journal if line is not None]
            assert b"".join(lines) == whole[:cut]
            begin = cut
        with closing(Journal(pipe_of(b""), path)) as journal:
            journal.seek(len(b"".join(lines[:50])), {})
            assert [line for line in journal if line is not None] == lines[50:]


def pipe_of(data: bytes) -> BinaryIO:
    """Return the end of a pipe that data comes out of."""
    out, into = os.pipe()

    def send() -> None:
        with os.fdopen(into, "wb") as file:
            file.write(data)

    threading.Thread(target=send).start()
    return os.fdopen(out, "rb")


def test_a_file_that_has_grown_is_gone_on_with(tmp_path: Path) -> None:
    source = write_readings(tmp_path / "readings.csv", 300)
    lines = source.read_text().splitlines(keepends=True)
    whole, grown = tmp_path / "whole", tmp_path / "grown"
    assert run(options(source, whole)).returncode == 0
    source.write_text("".join(lines[:201]))
    assert run(options(source, grown)).returncode == 0
    source.write_text("".join(lines))
    assert run(options(source, grown)).returncode == 0
    assert outcome(grown) == outcome(whole)
    (grown / "predictions.jsonl").unlink()
    assert "put the file back" in " ".join(run(options(source, grown)).stderr.split())


def test_another_job_is_refused_with_the_difference(tmp_path: Path) -> None:
    source = write_readings(tmp_path / "readings.csv", 100)
    assert run(options(source, tmp_path)).returncode == 0
    refused = run(options(source, tmp_path, hidden_size=7, drop="load"))
    assert refused.returncode == 2
    assert "hidden_size was 6 and is now 7" in refused.stderr
    assert "drop was [] and is now ['load']" in refused.stderr
    without = run(options(source, tmp_path, predictions=None))
    assert without.returncode == 2
    assert "predictions was" in without.stderr


def test_a_path_may_be_written_in_any_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = write_readings(tmp_path / "readings.csv", 200)
    lines = source.read_text().splitlines(keepends=True)
    source.write_text("".join(lines[:101]))
    changed = {"predictions": ".//out/./p.jsonl"}
    assert run(options(source, tmp_path, **changed)).returncode == 0
    source.write_text("".join(lines))
    assert run(options(source, tmp_path, **changed)).returncode == 0
    written = (tmp_path / "out" / "p.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in written] == list(range(200))


def test_standard_input_that_has_ended_goes_on(tmp_path: Path) -> None:
    lines = write_readings(tmp_path / "rows.csv", 300).read_text().splitlines(keepends=True)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(options("-", whole), input="".join(lines)).returncode == 0
    assert run(options("-", broken), input="".join(lines[:151])).returncode == 0
    assert run(options("-", broken), input="".join(lines[151:])).returncode == 0
    assert outcome(broken)[:2] == outcome(whole)[:2]


def test_a_second_runner_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with JobFolder(tmp_path / "job", {"source": "a"}):
        source = write_readings(tmp_path / "readings.csv", 10)
        refused = run(options(source, tmp_path))
    assert refused.returncode == 2
    assert "is held by process" in refused.stderr


def test_a_checkpoint_is_whole_or_the_one_before(tmp_path: Path) -> None:
    with JobFolder(tmp_path, {"source": "a", "seed": None}, {"seed": 5}) as folder:
        assert folder.load() is None
        folder.save(SAVED, b"model")
        assert folder.load() == (SAVED, b"model")
        with pytest.raises(TypeError):
            folder.save(Saved(events=4, offset={"no": object()}, outputs={}, progress={}), b"")
        assert folder.load() == (SAVED, b"model")
    with JobFolder(tmp_path, {"source": "a", "seed": None}, {"seed": 6}) as folder:
        assert folder.options["seed"] == 5
        assert folder.load() == (SAVED, b"model")


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    with JobFolder(tmp_path, {"source": "a"}) as folder:
        folder.save(SAVED, b"model")
        folder._database.execute("PRAGMA max_page_count = 1")  # as small as it is: no page more
        folder.save(SAVED, bytes(1_000_000))
        with pytest.raises(StreamError, match="full"):
            folder.settle()
        folder.settle()  # nothing is left to wait for
        assert folder.load() == (SAVED, b"model")


@pytest.mark.parametrize("damage", ["cut", "noise", "values"])
def test_a_damaged_database_is_told(tmp_path: Path, damage: str) -> None:
    with JobFolder(tmp_path, {"source": "a"}) as folder:
        folder.save(SAVED, bytes(100_000))
    path = tmp_path / "job.sqlite"
    data = path.read_bytes()
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "noise":
        path.write_bytes(random.Random(0).randbytes(len(data)))
    else:
        with sqlite3.connect(path) as database:
            database.execute(
                "UPDATE job SET value = ? WHERE name = 'saved'", (b'{"events": "many"}',)
            )
        database.close()
    with (
        pytest.raises(StreamError, match="is damaged"),
        JobFolder(tmp_path, {"source": "a"}) as folder,
    ):
        folder.load()


def test_a_commit_that_fails_is_told_at_the_latest_when_the_folder_is_closed(
    tmp_path: Path,
) -> None:
    folder = JobFolder(tmp_path, {})
    folder.save(SAVED, b"model")
    folder._database.execute("PRAGMA max_page_count = 1")
    folder.save(SAVED, bytes(1_000_000))
    with pytest.raises(StreamError, match="full"):
        folder.close()
    assert not (tmp_path / "holder").exists()
    with JobFolder(tmp_path, {}) as folder:
        assert folder.load() == (SAVED, b"model")


def test_what_is_kept_is_there_at_once_and_counts_with_the_next_checkpoint(tmp_path: Path) -> None:
    names: list[str | int] = ["north", "no\0rth", "ü", 7, ""]
    with JobFolder(tmp_path, {}) as folder:
        cold = folder.cold("streams")
        expected = [b"012", b"3", b"", b"45", b"6"]
        for name, value in zip(names[:2], expected, strict=False):
            cold.put(name, value)
        cold.put_many(names[2:], [0, 2, 1], b"456")
        assert [cold.get(name) for name in names[:2]] == expected[:2]
        folder.save(SAVED, b"model")
        assert [cold.get(name) for name in names[:2]] == expected[:2]  # written yet or not
        folder.settle()
        assert [cold.get(name) for name in names] == expected
        cold.put("north", b"later")
        cold.remove([7, "nobody"])
        assert [cold.get(name) for name in names] == [b"later", *expected[1:]]
        assert cold.take("north") == b"later"
        assert cold.get("north") == b"012"
        cold.put("ü", b"never")
        assert cold.get("ü") == b"never"
    with JobFolder(tmp_path, {}) as folder:
        assert [folder.cold("streams").get(name) for name in names] == expected
        cold = folder.cold("streams")
        cold.remove([7])
        folder.save(SAVED, None)
        folder.settle()
        assert [cold.get(name) for name in names] == [*expected[:3], None, b"6"]


def test_much_is_kept_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cold_module, "PORTION", 10)
    cold = cold_module.ColdStore()
    values = [bytes([n]) * (n % 7) for n in range(100)]
    cold.put_many(range(100), map(len, values), b"".join(values))
    assert list(cold.values()) == values


def test_what_is_no_folder_of_a_job_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StreamError, match="cannot write"):
        JobFolder(tmp_path / "file", {})
    with pytest.raises(StreamError, match="holds no job"):
        inspect(tmp_path)
    with JobFolder(tmp_path / "job", {}) as folder:
        assert inspect(tmp_path / "job")[1] is None
        assert folder.load() is None


@pytest.mark.parametrize("file", ["predictions.jsonl", "readings.csv"])
def test_files_that_have_become_shorter_are_told(tmp_path: Path, file: str) -> None:
    source = write_readings(tmp_path / "readings.csv", 100_000)  # far more than until the kill
    assert kill_often(source, tmp_path, 1) == 1
    path = tmp_path / file
    path.write_bytes(path.read_bytes()[:25])  # less than the first checkpoint knows of
    refused = run(options(source, tmp_path))
    assert refused.returncode == 2
    assert "put the file back" in refused.stderr


def test_a_checkpoint_is_due_after_events_or_seconds() -> None:
    due = Due(seconds=1000, events=3)
    told = []
    for _ in range(7):
        told.append(due())
        if told[-1]:
            due.done()
    assert told == [False, False, True, False, False, True, False]
    due = Due(seconds=0)
    assert not due(0)  # nothing new
    assert due()
    assert due(0)  # it could not be made then
    due.done()
    assert not due(0)
