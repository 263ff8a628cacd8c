"""What every sink does: it keeps what it got, in order, and goes on where a checkpoint has it."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from math import inf, nan
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lstmwidgets.streaming import BadRecord, Prediction, StreamError
from lstmwidgets.streaming.sinks import Sink, open_sink, parts

from .outlets import Killed, Life, Outlet, record, rows_of

EXACT = ["JsonLines", "SqliteTable", "ParquetParts"]
KAFKA = ["KafkaSink", "KafkaTransactions"]
KINDS = [*EXACT, *KAFKA, "RedisSink", "Callback"]
ONCE = [*EXACT, "KafkaTransactions"]
"""Kinds that have each record once in the end; those in `EXACT` are also cut when they go on."""

ENDINGS = {"JsonLines": "jsonl", "SqliteTable": "sqlite", "ParquetParts": "parquet"}
NUMBERS = count()

Make = Callable[..., Outlet]


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Make:
    """Return a function that makes an outlet with nothing in it."""

    def make(kind: str, **given: object) -> Outlet:
        name = f"{next(NUMBERS)}.{ENDINGS.get(kind, 'txt')}"
        if kind.startswith("Kafka"):  # of one partition, which has an order
            broker = request.getfixturevalue("kafka_broker")
            return Outlet(kind, broker.topic(f"sink-{name}", partitions=1), **given)
        if kind == "RedisSink":
            return Outlet(kind, request.getfixturevalue("redis_server").url(name), **given)
        return Outlet(kind, str(tmp_path / name), **given)

    return make


@pytest.fixture(scope="module")
def killed() -> Iterator[Killed]:
    if sys.platform == "win32":
        pytest.skip("needs fork")
    with Killed() as killed:
        yield killed


def whole(outlet: Outlet, rows: int, at: dict[str, object] | None = None) -> Outlet:
    with outlet.open(at) as sink:
        outlet.write(sink, 0, rows)
    return outlet


def expected(outlet: Outlet, rows: int) -> list[list[object]]:
    form = {"text_ids": outlet.text_ids, "keys": outlet.keys}
    return rows_of([record(n, **form) for n in range(rows)])


# --- what is in it ----------------------------------------------------------------------------


@pytest.mark.parametrize("at", [None, {}], ids=["alone", "in place"])
@pytest.mark.parametrize("keys", [False, True], ids=["", "keys"])
@pytest.mark.parametrize("text_ids", [False, True], ids=["numbers", "texts"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_back(
    make: Make, kind: str, text_ids: bool, keys: bool, at: dict[str, object] | None
) -> None:
    outlet = make(kind, text_ids=text_ids, keys=keys)
    for rows in (30, 0, 24):  # what is exact begins anew each time
        before = [] if kind in EXACT or rows == 30 else outlet.read()
        whole(outlet, rows, at)
        assert outlet.read() == before + expected(outlet, rows)


@pytest.mark.parametrize("kind", EXACT)
def test_equal_runs_give_equal_files(make: Make, kind: str) -> None:
    runs = [whole(make(kind), 30, at) for at in (None, {}, None, {})]
    assert all(run.files() == runs[0].files() for run in runs)


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_that_json_has_no_word_for_are_missing(make: Make, kind: str) -> None:
    outlet = make(kind)
    with outlet.open({}) as sink:
        for n, value in enumerate([nan, inf, -inf, None, 1e300, -0.1]):
            sink.write(Prediction(n, value, value))
    read = [row[2:] for row in outlet.read()]
    assert read == [[value, value] for value in (None, None, None, None, 1e300, -0.1)]


def test_records_that_do_not_fit_are_refused(make: Make) -> None:
    bad = BadRecord("a", "line 1", "expected a number", "x")
    for kind in ("SqliteTable", "ParquetParts", "RedisSink"):
        with make(kind).open({}) as sink:
            with pytest.raises(TypeError, match="JsonLines any record"):
                sink.write(bad)
            with pytest.raises(StreamError, match="64 bits"):
                sink.write(Prediction(2**63, None, None))
    with make("ParquetParts").open({}) as sink:
        with pytest.raises(StreamError, match="text_ids=True"):
            sink.write(record(1, text_ids=True))
        with pytest.raises(StreamError, match="keys=True"):
            sink.write(record(1, keys=True))


def test_names_stand_for_sinks(make: Make, tmp_path: Path) -> None:
    for kind, ending in ENDINGS.items():
        assert type(open_sink(str(tmp_path / f"a.{ending}"))).__name__ == kind
    assert type(open_sink("a.db", {})).__name__ == "SqliteTable"
    assert type(open_sink(make("RedisSink").target)).__name__ == "RedisSink"
    exact, not_exact = (
        open_sink("kafka://h:1/t", {}, at_least_once=each) for each in (False, True)
    )
    assert type(exact).__name__ == "KafkaSink"
    assert exact.exact
    assert not not_exact.exact
    assert type(open_sink("/dev/stdout")).__name__ == "JsonLines"


def test_a_missing_package_says_what_to_install(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "find_spec", lambda name: None)
    with pytest.raises(StreamError, match=r"pip install 'lstmwidgets\[parquet\]'"):
        make("ParquetParts").open()


# --- killed and started again -----------------------------------------------------------------

LIVES = st.lists(
    st.builds(
        Life,
        begin=st.just(0),
        kept=st.integers(0, 12),
        more=st.integers(0, 20),
        flushed=st.booleans(),
        committed=st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in KAFKA])
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives=LIVES, keys=st.booleans(), closed=st.booleans())
def test_a_kill_at_any_moment_leaves_no_trace(
    make: Make, killed: Killed, kind: str, lives: list[Life], keys: bool, closed: bool
) -> None:
    check_lives(make, killed, kind, lives, keys, closed)


@pytest.mark.parametrize("kind", KAFKA)
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives=LIVES, keys=st.booleans(), closed=st.booleans())
def test_a_kill_at_any_moment_leaves_no_trace_in_kafka(
    make: Make, killed: Killed, kind: str, lives: list[Life], keys: bool, closed: bool
) -> None:
    """Fewer, as its client takes half a second to begin."""
    check_lives(make, killed, kind, lives, keys, closed)


def check_lives(
    make: Make, killed: Killed, kind: str, lives: list[Life], keys: bool, closed: bool
) -> None:
    form = {"keys": keys, "text_ids": keys, "part": 20}
    outlet = make(kind, **form)
    at, begin, total = {}, 0, 50
    places = {0}
    for life in lives:
        answer = killed.live(outlet, at, replace(life, begin=begin))
        assert answer["error"] is None
        at, begin = answer["at"], begin + life.kept
        places.add(begin)
    if closed:  # a job that is done, whose source then grows
        with outlet.open(at):
            pass
        if kind in EXACT:
            assert outlet.read() == expected(outlet, begin)
    with outlet.open(at) as sink:
        outlet.write(sink, begin, total)
        sink.flush()
        sink.committed()
    read = outlet.read()
    if kind in ONCE:
        assert read == expected(outlet, total)
    if kind in EXACT:
        assert outlet.files() == whole(make(kind, **form), total).files()
    if kind not in ONCE:
        assert_at_least_once(read, expected(outlet, total), places)
    if kind == "ParquetParts":
        names = {path.name for path in outlet.path.iterdir()} - outlet.files().keys()
        assert names == {"_pending-000002.jsonl"}


def assert_at_least_once(
    read: list[list[object]], wanted: list[list[object]], places: set[int]
) -> None:
    """Everything is there, in order from each place on that a job has gone on from."""
    numbers = [wanted.index(row) for row in read]
    assert set(numbers) == set(range(len(wanted)))
    for before, after in zip([-1, *numbers], numbers, strict=False):
        assert after == before + 1 or after in places


@pytest.mark.parametrize("kind", EXACT)
def test_a_place_that_is_not_there_is_told(make: Make, kind: str) -> None:
    outlet = make(kind)
    with outlet.open({}) as sink:
        outlet.write(sink, 0, 13)
        first = sink.flush()
        outlet.write(sink, 13, 30)
        second = json.loads(json.dumps(sink.flush()))
        sink.committed()
    for at, rows in ((second, 30), (first, 13)):
        if kind == "ParquetParts" and at == first:
            continue  # its rows are in a part that no checkpoint could need
        with outlet.open(at):
            pass
        assert outlet.read() == expected(outlet, rows)
    shorter = whole(make(kind), 10, {})
    for other in (shorter, make(kind)):
        with pytest.raises(StreamError, match="put the file back"), other.open(second):
            pass
    assert shorter.read() == expected(shorter, 10)


def test_rows_that_are_missing_of_parts_are_told(make: Make) -> None:
    outlet = make("ParquetParts")
    with outlet.open({}) as sink:
        outlet.write(sink, 0, 30)
        at = sink.flush()
    assert at["part"] == 3
    (outlet.path / "part-000001.parquet").unlink()
    with pytest.raises(StreamError, match=r"lacks part-000001\.parquet"), outlet.open(at):
        pass


# --- what cannot be written -------------------------------------------------------------------


@pytest.mark.parametrize("at", [None, {}], ids=["alone", "in place"])
@pytest.mark.parametrize("kind", EXACT)
def test_what_cannot_be_written_is_told(
    make: Make, tmp_path: Path, kind: str, at: dict[str, object] | None
) -> None:
    wrong, inside = make(kind), tmp_path / "file"
    inside.touch()
    wrong.path.touch() if kind == "ParquetParts" else wrong.path.mkdir()
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    outlets = [wrong, replace(wrong, target=str(inside / "a" / "b"))]
    if sys.platform == "linux":
        outlets.append(replace(wrong, target="/proc/a/b"))
    if not os.access(locked, os.W_OK):  # root may write everywhere
        outlets.append(replace(wrong, target=str(locked / "a")))
    for outlet in outlets:
        with pytest.raises(StreamError, match="cannot write") as told, outlet.open(at):
            pass
        assert "\n" not in str(told.value)


def test_other_files_than_databases_are_left_alone(make: Make) -> None:
    outlet = make("SqliteTable")
    outlet.path.write_text("no database " * 100)
    with pytest.raises(StreamError, match="is no SQLite database"), outlet.open({}):
        pass
    assert outlet.path.read_text() == "no database " * 100


def write_and_fail(outlet: Outlet, sink: Sink) -> None:
    outlet.write(sink, 0, 20)
    raise ZeroDivisionError


@pytest.mark.parametrize("kind", EXACT)
def test_an_exception_leaves_what_was_there_before(make: Make, kind: str) -> None:
    outlet = whole(make(kind), 30)
    with pytest.raises(ZeroDivisionError), outlet.open() as sink:
        write_and_fail(outlet, sink)
    assert outlet.read() == expected(outlet, 30)
    assert list(outlet.path.parent.iterdir()) == [outlet.path]


@pytest.mark.parametrize(
    ("kind", "part", "limit"),
    [
        ("JsonLines", 0, 4096),
        ("SqliteTable", 0, 100_000),
        ("ParquetParts", 10**6, 4096),
        ("ParquetParts", 20, 1000),  # the rows find room, their part does not
    ],
)
def test_a_full_disk_leaves_what_was_flushed(
    make: Make, killed: Killed, kind: str, part: int, limit: int
) -> None:
    outlet = make(kind, part=part)
    answer = killed.live(outlet, {}, Life(0, kept=10, more=50_000, limit=limit))
    name, message = answer["error"]
    assert name == "StreamError"
    assert message.startswith("cannot write")
    assert str(outlet.path) in message
    assert "\n" not in message
    with outlet.open(answer["at"]) as sink:
        outlet.write(sink, 10, 50)
    assert outlet.read() == expected(outlet, 50)


# --- nothing is left open ---------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_open(make: Make, kind: str) -> None:
    def opened() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    whole(make(kind), 3)  # which loads what stays
    before = opened()
    for at in (None, {}):
        outlet = whole(make(kind), 20, at)
        with pytest.raises(ZeroDivisionError), outlet.open(at):
            raise ZeroDivisionError
        if kind in EXACT:
            beyond = {"bytes": 10**9, "rows": 10**9, "part": 50}
            with pytest.raises(StreamError), outlet.open(beyond):
                pass
    assert opened() == before
