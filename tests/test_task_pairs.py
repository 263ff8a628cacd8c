"""Tasks, sources and sinks, each with each: killed once, and gone on with to the same end."""

from __future__ import annotations

import csv
import json
import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lstmwidgets.streaming.sinks.committed_messages import RECORD

from .kafka_broker import KafkaBroker, consume, produce
from .redis_server import RedisServer
from .task_jobs import prepared
from .test_checkpoint import options, send, wait_for_checkpoint

TASKS = ("classification, keys, late", "forecast", "anomaly, keys, labels", "text", "river, keys")
SOURCES = ("csv", "jsonl", "parquet", "redis", "kafka", "standard input")
SINKS = ("jsonl", "sqlite", "parquet", "redis", "kafka")
PAIRS = [
    (task, source, SINKS[(2 * n + k) % len(SINKS)])
    for n, task in enumerate(TASKS)
    for k, source in enumerate(SOURCES)
]
"""Each task with each source; over these, each sink with each of both."""


def typed(row: dict[str, str]) -> dict[str, Any]:
    """Return a row of CSV as JSON and Parquet have it."""
    values: dict[str, Any] = {}
    for name, cell in row.items():
        try:
            values[name] = float(cell)
        except ValueError:
            values[name] = cell or None
    return values


def written_as(kind: str, path: Path, server: RedisServer, broker: KafkaBroker) -> str:
    """Write the rows of a CSV file in another form; return the source's name."""
    with path.open(newline="") as file:
        rows = [typed(row) for row in csv.DictReader(file)]
    other = path.with_suffix(f".{kind}")
    if kind == "jsonl":
        other.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), other)
    elif kind == "kafka":
        url = broker.topic(f"rows-{path.parent.name}")
        produce(url, rows, timestamp=1)  # of one time: each partition after the other
        return url
    elif kind == "redis":
        url = server.url(f"rows of {path.parent.name}".replace(" ", "-"))
        send(path.read_text().splitlines(), url)
        return url
    else:
        return "-" if kind == "standard input" else str(path)
    return str(other)


def records_in(kind: str, target: str, server: RedisServer) -> list[Any]:
    """Return what a sink holds; of one that delivers at least once, each id's first record."""
    if kind == "jsonl":
        return [json.loads(line) for line in Path(target).read_text().splitlines()]
    if kind == "sqlite":
        with closing(sqlite3.connect(target)) as database:
            return database.execute("SELECT * FROM predictions ORDER BY n").fetchall()
    if kind == "parquet":
        paths = sorted(Path(target).glob("part-*.parquet"))
        return [path.read_bytes() for path in paths]
    if kind == "kafka":  # in the order of the records' numbers
        messages = sorted(consume(target), key=lambda each: int(dict(each.headers())[RECORD]))
        return [json.loads(message.value()) for message in messages]
    import redis

    address, _, stream = target.rpartition("/")
    with redis.Redis.from_url(address, decode_responses=True) as client:
        entries = [fields for _, fields in client.xrange(stream)]
    return list({fields["id"]: fields for fields in reversed(entries)}.values())[::-1]


@pytest.mark.slow
@pytest.mark.parametrize(("task", "source", "sink"), PAIRS)
def test_each_task_goes_on_with_each_source_and_sink(
    task: str,
    source: str,
    sink: str,
    tmp_path: Path,
    redis_server: RedisServer,
    kafka_broker: KafkaBroker,
) -> None:
    path, given = prepared(task, tmp_path, seconds=3)
    name = written_as(source, path, redis_server, kafka_broker)
    targets = {}
    for run in ("whole", "broken"):
        target = tmp_path / f"{run}.{sink}"
        targets[run] = str(target)
        if sink == "redis":
            targets[run] = redis_server.url(f"{run}-{tmp_path.name}".replace(" ", "-"))
        elif sink == "kafka":
            targets[run] = kafka_broker.topic(f"{run}-{tmp_path.name}")
        folder = tmp_path / run
        command = options(name, folder, **given | {"predictions": targets[run]})
        if "id" in given:
            command += ["--late-targets", str(folder / "late.jsonl")]
        for kill in range(run == "broken", -1, -1):
            with path.open("rb") as rows:
                process = subprocess.Popen(
                    command,
                    stdin=rows if source == "standard input" else None,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
                if kill:
                    wait_for_checkpoint(process, folder)
                    time.sleep(random.Random(task + source).random() * 0.25)
                    process.send_signal(signal.SIGKILL)
                _, told = process.communicate(timeout=300)
            assert process.returncode == (-signal.SIGKILL if kill else 0), told
    whole, broken = (records_in(sink, target, redis_server) for target in targets.values())
    assert len(whole) > 0
    assert broken == whole
    if "id" in given:
        late = [(tmp_path / run / "late.jsonl").read_bytes() for run in targets]
        assert late[0] == late[1]
        assert late[0]
