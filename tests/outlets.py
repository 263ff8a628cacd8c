"""Every sink with what it writes to, and a process that writes until it is killed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from lstmwidgets.streaming import Prediction
from lstmwidgets.streaming.sinks import (
    Callback,
    JsonLines,
    KafkaSink,
    ParquetParts,
    RedisSink,
    Sink,
    SqliteTable,
)
from lstmwidgets.streaming.sinks.rows import row_of

from .kafka_broker import consume

Rows = list[list[Any]]


def record(number: int, *, text_ids: bool = False, keys: bool = False) -> Prediction:
    """Return the prediction of a number: the same one each time."""
    plain = Prediction(
        id=f"é {number}" if text_ids else number,
        prediction=None if number % 7 == 0 else number / 3,
        target=None if number % 5 == 0 else float(number),
    )
    if not keys:
        return plain
    return Prediction(plain.id, plain.prediction, plain.target, key=f"key, {number % 3}")


def rows_of(records: list[Prediction]) -> Rows:
    """Return what can be read back of records."""
    return [list(row_of(record)) for record in records]


@dataclass(frozen=True)
class Outlet:
    """A kind of sink and where one of it writes.

    Attributes
    ----------
    kind : str
        The sink's class; KafkaTransactions is one that is exact.
    target : str
        A path, or the URL of a Redis stream or a Kafka topic.
    text_ids, keys : bool
        Of the records.
    part : int
        Rows of a Parquet part.
    """

    kind: str
    target: str
    text_ids: bool = False
    keys: bool = False
    part: int = 8

    @property
    def path(self) -> Path:
        return Path(self.target)

    def open(self, at: Mapping[str, Any] | None = None) -> Sink:
        """Return the sink, not entered yet."""
        if self.kind == "JsonLines":
            return JsonLines(self.path, at)
        if self.kind == "SqliteTable":
            return SqliteTable(self.path, at)
        if self.kind == "ParquetParts":
            given = {"text_ids": self.text_ids, "keys": self.keys, "rows": self.part}
            return ParquetParts(self.path, at, **given)
        if self.kind == "RedisSink":
            return RedisSink(self.target, patience=20)
        if self.kind == "KafkaSink":
            return KafkaSink(self.target, at, transactions=False, patience=20)
        if self.kind == "KafkaTransactions":
            return KafkaSink(self.target, {} if at is None else at, patience=20)
        return Callback(self._append)

    def write(self, sink: Sink, begin: int, end: int) -> None:
        for number in range(begin, end):
            sink.write(record(number, text_ids=self.text_ids, keys=self.keys))

    def read(self) -> Rows:
        """Return all rows."""
        return getattr(self, f"_read_{self.kind}")()

    def files(self) -> dict[str, bytes]:
        """Return the files that are the same after equal runs."""
        if self.kind == "JsonLines":
            return {"": self.path.read_bytes()}
        parts = self.path.glob("part-*.parquet") if self.kind == "ParquetParts" else []
        return {path.name: path.read_bytes() for path in parts}

    def _append(self, record: Prediction) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(list(row_of(record))) + "\n")

    def _read_Callback(self) -> Rows:  # noqa: N802
        text = self.path.read_text() if self.path.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def _read_JsonLines(self) -> Rows:  # noqa: N802
        lines = map(json.loads, self.path.read_text().splitlines())
        return [_row(line) for line in lines]

    def _read_SqliteTable(self) -> Rows:  # noqa: N802
        with closing(sqlite3.connect(self.path)) as database:
            rows = database.execute("SELECT * FROM predictions ORDER BY n").fetchall()
        assert [row[0] for row in rows] == list(range(len(rows)))
        return [list(row[1:]) for row in rows]

    def _read_ParquetParts(self) -> Rows:  # noqa: N802
        import pyarrow.parquet

        rows: Rows = []
        for path in sorted(self.path.glob("part-*.parquet")):
            table = pyarrow.parquet.read_table(path).to_pylist()
            assert len(table) == self.part or path == max(self.path.glob("part-*.parquet"))
            rows += [[r["id"], r.get("key"), r["prediction"], r["target"]] for r in table]
        return rows

    def _read_RedisSink(self) -> Rows:  # noqa: N802
        import redis

        server, _, stream = self.target.rpartition("/")
        with redis.Redis.from_url(server, decode_responses=True) as client:
            entries = [entry for _, entry in client.xrange(stream)]
        return [
            [
                entry["id"] if self.text_ids else json.loads(entry["id"]),
                entry.get("key"),
                json.loads(entry["prediction"]),
                json.loads(entry["target"]),
            ]
            for entry in entries
        ]

    def _read_KafkaSink(self) -> Rows:  # noqa: N802
        return [_row(json.loads(message.value())) for message in consume(self.target)]

    _read_KafkaTransactions = _read_KafkaSink  # noqa: N815


def _row(line: dict[str, Any]) -> list[Any]:
    return [line["id"], line.get("key"), line["prediction"], line["target"]]


@dataclass(frozen=True)
class Life:
    """What a process does with a sink until it is killed.

    Attributes
    ----------
    begin, kept : int
        The first record, and how many are written before the place is noted.
    more : int
        How many are written after it.
    flushed : bool
        Whether those are flushed too.
    committed : bool
        Whether the sink is told that its place is in a checkpoint.
    limit : int or None
        The size that a file may then have, as if the disk was full, instead of being killed.
    """

    begin: int
    kept: int
    more: int
    flushed: bool = False
    committed: bool = True
    limit: int | None = None


class Killed:
    """Lives sinks' lives in processes that end by kill -9."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.outlets"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=20)

    def live(self, outlet: Outlet, at: Mapping[str, Any], life: Life) -> dict[str, Any]:
        """Return the place it noted (`at`), and the error it met (`error`)."""
        request = {"outlet": asdict(outlet), "at": at, "life": asdict(life)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def _serve() -> None:
    """Fork a process for each life: this one has imported all and has no threads."""
    for line in sys.stdin:
        request = json.loads(line)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            _live(Outlet(**request["outlet"]), request["at"], Life(**request["life"]), write)
        os.close(write)
        with os.fdopen(read) as told:
            answer = json.loads(told.read())
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), answer
        print(json.dumps(answer), flush=True)  # noqa: T201


def _live(outlet: Outlet, at: dict[str, Any], life: Life, told: int) -> None:
    answer: dict[str, Any] = {"error": None}
    try:
        with outlet.open(at) as sink:
            middle = life.begin + life.kept
            outlet.write(sink, life.begin, middle)
            answer["at"] = dict(sink.flush())
            if life.committed:
                sink.committed()
            if life.limit is not None:
                _limit(life.limit)
            outlet.write(sink, middle, middle + life.more)
            if life.flushed:
                sink.flush()
            if life.limit is None:
                _end(answer, told)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what the test looks at
        answer["error"] = [type(error).__name__, str(error)]
    _end(answer, told)


def _end(answer: dict[str, Any], told: int) -> None:
    os.write(told, json.dumps(answer).encode())
    os.kill(os.getpid(), signal.SIGKILL)


def _limit(size: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


if __name__ == "__main__":
    import confluent_kafka
    import pyarrow.parquet
    import redis

    assert confluent_kafka
    assert pyarrow.parquet
    assert redis
    _serve()
