"""Redis streams as a source of Spark's: each entry once, and what is said when it cannot be."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyspark", reason="needs Spark's own environment: make test-spark")
pytest.importorskip("redis", reason="needs redis: make test-spark")
if shutil.which("java") is None:
    pytest.skip("needs Java 17: make setup-spark as root", allow_module_level=True)

from redis import Redis

from lstmwidgets.streaming import StreamError
from lstmwidgets.streaming.spark.redis_source import RedisReader

from . import spark_job
from .redis_server import RedisServer, need_redis
from .spark_job import commits, kill_after
from .spark_redis_job import read_on

pytestmark = [
    # pyspark warns of a pandas that nothing here uses, and leaves sockets to the collector.
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support:FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    session = spark_job.spark_session()
    yield session
    session.stop()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    need_redis()
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as server:
        yield server


def client_of(server: RedisServer) -> Redis:
    return Redis(port=server.port)


def fill(server: RedisServer, stream: str, numbers: range) -> None:
    """Add entries, every other one as JSON."""
    pipeline = client_of(server).pipeline()
    for n in numbers:
        fields: dict[str, Any] = {"n": n, "sensor": f"s{n % 7}", "load": n / 4}
        if n % 2:
            fields = {"json": json.dumps(fields | {"ok": n % 3 == 0})}
        pipeline.xadd(stream, fields)
    pipeline.execute()


def written(spark: Any, folder: Path) -> list[Any]:
    return spark.read.parquet(str(folder / "out")).orderBy("n").collect()


def place_streams(folder: Path, server: RedisServer, *streams: str) -> None:
    (folder / "streams").write_text(" ".join(map(server.url, streams)))


def schema_of(text: str) -> Any:
    from pyspark.sql.types import StructType

    return StructType.fromDDL(text)


def reader_of(server: RedisServer, schema: str = "n long", **options: str) -> RedisReader:
    return RedisReader(schema_of(schema), {"streams": server.url("readings"), **options})


def rows_between(reader: RedisReader, start: Any, end: Any) -> list[Any]:
    """Return what tasks read."""

    class Part:
        def __init__(self, value: Any) -> None:
            self.value = value

    return [row for part in reader.ranges(start, end) for row in reader.read(Part(part))]


# --- in Spark ---------------------------------------------------------------------------------


def test_streams_are_read_on_from_where_they_were(
    spark: Any, tmp_path: Path, server: RedisServer
) -> None:
    place_streams(tmp_path, server, "readings", "others")
    fill(server, "readings", range(300))
    fill(server, "others", range(300, 400))
    read_on(spark, tmp_path)
    fill(server, "others", range(400, 1_100))

    read_on(spark, tmp_path, maxEntries=500)

    rows = written(spark, tmp_path)
    assert [row.n for row in rows] == [*range(1_100)]
    assert [row.load for row in rows] == [n / 4 for n in range(1_100)]
    assert [row.ok for row in rows] == [n % 3 == 0 if n % 2 else None for n in range(1_100)]
    assert {row._stream for row in rows[:300]} == {server.url("readings")}
    order = [(row._ms, row._number) for row in rows[300:]]
    assert order == sorted(set(order))
    assert commits(tmp_path) == 3  # the first, and of the second start 500 and 200 entries


@pytest.mark.slow
def test_each_entry_comes_once_though_spark_and_the_server_are_killed(
    spark: Any, tmp_path: Path, server: RedisServer
) -> None:
    place_streams(tmp_path, server, "readings", "others")
    fill(server, "readings", range(1_200))
    fill(server, "others", range(1_200, 2_400))
    for least in (2, 6):
        kill_after(tmp_path, least, "tests.spark_redis_job")
        server.kill()
        server.start()

    read_on(spark, tmp_path, maxEntries=100)

    assert [row.n for row in written(spark, tmp_path)] == [*range(2_400)]
    assert commits(tmp_path) == 12


def test_a_bad_value_ends_the_query_and_says_where(
    spark: Any, tmp_path: Path, server: RedisServer
) -> None:
    place_streams(tmp_path, server, "readings")
    client_of(server).xadd("readings", {"n": "many"}, id="7-1")

    with pytest.raises(Exception, match="entry 7-1, field 'n': 'many' is not of the column's type"):
        read_on(spark, tmp_path, "n long")


# --- its reader alone -------------------------------------------------------------------------


def test_offsets_go_from_entry_to_entry(server: RedisServer) -> None:
    fill(server, "readings", range(1_203))
    reader = reader_of(server)
    start = reader.initialOffset()

    class Most:
        max_rows = 1_000

    middle = reader.latestOffset(start, Most())
    end = reader.latestOffset(middle, Most())

    assert rows_between(reader, start, middle) == [(n,) for n in range(1_000)]
    assert rows_between(reader, middle, end) == [(n,) for n in range(1_000, 1_203)]
    assert reader.latestOffset(end, Most()) == end
    assert rows_between(reader, end, end) == []
    assert json.loads(json.dumps(end)) == end


def test_a_query_may_begin_with_what_comes(server: RedisServer) -> None:
    fill(server, "readings", range(10))
    reader = reader_of(server, start="latest")
    start = reader.initialOffset()
    fill(server, "readings", range(10, 12))

    assert rows_between(reader, start, reader.latestOffset(start)) == [(10,), (11,)]


def test_a_stream_may_come_later(server: RedisServer) -> None:
    reader = reader_of(server)
    start = reader.initialOffset()
    assert reader.latestOffset(start) == start
    fill(server, "readings", range(3))

    assert rows_between(reader, start, reader.latestOffset(start)) == [(0,), (1,), (2,)]


def test_entries_that_were_removed_unread_are_noticed(server: RedisServer) -> None:
    fill(server, "readings", range(20))
    reader = reader_of(server)
    begin = reader.latestOffset(reader.initialOffset())
    fill(server, "readings", range(20, 30))
    end = reader.latestOffset(begin)
    client_of(server).xtrim("readings", maxlen=7, approximate=False)

    with pytest.raises(StreamError, match=r"3 entries between .* were removed unread; restore"):
        rows_between(reader, begin, end)  # planned before
    with pytest.raises(StreamError, match="3 entries were removed unread"):
        reader.latestOffset(begin)  # not yet planned


def test_values_are_read_by_their_columns_types(server: RedisServer) -> None:
    schema = "w int, x float, b boolean, d date, t timestamp, m decimal(5,2), s string, none long"
    text = {"w": "3", "x": "1e3", "b": "TRUE", "d": "2024-03-01", "t": "2024-03-01T10:00:00+09:00"}
    client = client_of(server)
    client.xadd("readings", {**text, "m": "1.25", "s": "ä"})
    client.xadd("readings", {"json": json.dumps({"w": 3.0, "x": 1000, "b": True, "s": 5})})
    client.xadd("readings", {"w": "3.5", "x": "", "b": "yes", "d": "today"})
    client.xadd("readings", {"json": "[1]"})
    reader = reader_of(server, schema, malformed="null")

    start = reader.initialOffset()
    first, second, third, last = rows_between(reader, start, reader.latestOffset(start))

    assert [str(value) for value in first[:7]] == [
        *("3", "1000.0", "True", "2024-03-01", "2024-03-01 10:00:00+09:00", "1.25", "ä")
    ]
    assert second == (3, 1000.0, True, None, None, None, "5", None)
    assert third == last == (None,) * 8
    with pytest.raises(StreamError, match=r"field 'w': '3.5' is not of the column's type; correct"):
        rows_between(reader_of(server, schema), start, reader.latestOffset(start))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"streams": ""}, "redis_streams needs .option('streams', 'redis://HOST:PORT/DB/STREAM')"),
        ({"streams": "redis://h:1/0/a redis://h:1/0/a"}, "a stream is named twice"),
        ({"streams": "http://h/a"}, "expected a server, the number of a database and a stream"),
        ({"maxentries": "0"}, "maxEntries must be a whole number from 1 on, got 0"),
        ({"start": "now"}, "start must be earliest or latest, got now"),
        ({"malformed": "drop"}, "malformed must be fail or null, got drop"),
        ({"group": "g"}, "redis_streams has no option group"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, str], problem: str) -> None:
    with pytest.raises(StreamError, match=re.escape(problem)):
        RedisReader(schema_of("n long"), {"streams": "redis://h:1/0/s", **options})


def test_a_type_that_no_text_has_is_refused(server: RedisServer) -> None:
    fill(server, "readings", range(1))
    reader = reader_of(server, "n array<long>")
    start = reader.initialOffset()

    with pytest.raises(StreamError, match="column 'n': array<bigint> cannot be read; use one of"):
        rows_between(reader, start, reader.latestOffset(start))


def test_a_schema_is_needed(spark: Any, server: RedisServer) -> None:
    from lstmwidgets.streaming.spark import redis_streams

    spark.dataSource.register(redis_streams())
    reader = spark.readStream.format("redis_streams").option("streams", server.url("readings"))
    with pytest.raises(Exception, match="redis_streams needs a schema"):
        reader.load()
