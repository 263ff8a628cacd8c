"""Redis streams as source and sink: servers that die, entries that are removed, what cannot be."""

from __future__ import annotations

import importlib.util
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from lstmwidgets.streaming import BadRecord, Event, Prediction, StreamError, redis_address
from lstmwidgets.streaming.retry import PatientRetry
from lstmwidgets.streaming.sinks import RedisSink, redis_stream
from lstmwidgets.streaming.sources import Columns, RedisSource
from lstmwidgets.streaming.sources.base import WAIT
from lstmwidgets.streaming.sources.redis_stream import COUNT

from .recorded import record_calls
from .redis_server import RedisServer, need_redis

COLUMNS = Columns(target="flow", targets="number")
NAMES = count()


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[RedisServer]:
    """Return a server for a test that kills it."""
    need_redis()
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
def stream(redis_server: RedisServer) -> str:
    """Return the URL of a stream that is not there yet."""
    return redis_server.url(f"s{next(NAMES)}")


def client_of(url: str) -> Any:
    import redis

    return redis.Redis.from_url(url.rpartition("/")[0])


def command(url: str, *words: object) -> Any:
    """Run a command on a stream: ``*`` stands for its key."""
    with client_of(url) as client:
        key = url.rpartition("/")[2]
        return client.execute_command(*[key if word == "KEY" else word for word in words])


def add(url: str, begin: int, end: int) -> None:
    """Add entries whose ids are 1-1, 2-1 and so on."""
    with client_of(url) as client:
        pipeline = client.pipeline()
        for n in range(begin, end):
            fields = {"flow": n / 3, "place": "a b" if n % 2 else "é", "load": n}
            pipeline.xadd(url.rpartition("/")[2], fields, id=f"{n + 1}-1")
        pipeline.execute()


def events(url: str, offset: dict[str, Any] | None = None) -> list[Event]:
    """Read a stream to its end."""
    with closing(RedisSource(url, COLUMNS, follow=False)) as source:
        if offset is not None:
            source.resume(json.loads(json.dumps(offset)))
        return list(source)


def following(url: str, **given: Any) -> RedisSource:
    return RedisSource(url, COLUMNS, **given)


def next_event(items: Iterator[Event | None]) -> Event:
    return next(item for item in items if item is not None)


# --- reading ----------------------------------------------------------------------------------


def test_fields_are_what_their_first_value_is(stream: str) -> None:
    command(stream, "XADD", "KEY", "*", "flow", "2.5", "on", "true", "at", "2024-03-01", "n", "é")
    command(stream, "XADD", "KEY", "*", "flow", "", "on", "NA", "n", "4")
    first, second = events(stream)
    time_ = datetime(2024, 3, 1)
    assert first == Event(0, {"on": True, "at": time_, "n": "é"}, 2.5, time_)
    assert second == Event(1, {"n": "4"}, None)


def test_an_object_has_its_types_already(stream: str) -> None:
    command(stream, "XADD", "KEY", "*", "json", '{"flow": 2, "a": "b7", "b": null, "c": 1.5}')
    assert events(stream) == [Event(0, {"a": "b7", "c": 1.5}, 2.0)]


def test_entries_that_cannot_be_read_are_told_or_left_out(stream: str) -> None:
    bad = [
        ("flow", "x"),
        ("flow", b"\xff"),
        ("json", "[1]"),
        ("json", '{"flow": "x"}'),
        ("json", b"\xff"),
    ]
    add(stream, 0, 2)
    for name, value in bad:
        command(stream, "XADD", "KEY", "*", name, value)
    command(stream, "XADD", "KEY", "*", "flow", "4")
    told: list[BadRecord] = []
    with closing(RedisSource(stream, COLUMNS, follow=False)) as source:
        source.on_bad = told.append
        assert [event.id for event in source] == [0, 1, 2]
        assert source.skipped == len(told) == len(bad)
        assert source.offset["passed"] == 2 + len(bad) + 1
    assert "expected a number, got 'x'" in told[0].problem
    with closing(RedisSource(stream, COLUMNS, follow=False)) as source:
        items = iter(source)
        offset = [source.offset for _ in zip(range(2), items, strict=False)][-1]
        with pytest.raises(StreamError, match="skip-bad-rows"):
            next(items)
        assert source.offset == offset


def test_a_source_goes_on_at_every_entry(stream: str) -> None:
    add(stream, 0, 40)
    whole = events(stream)
    assert [event.y for event in whole] == [n / 3 for n in range(40)]
    with closing(RedisSource(stream, COLUMNS, follow=False)) as source:
        assert source.progress is None
        for n, event in enumerate(source):
            assert source.progress == (n + 1) / 40
            assert [event, *events(stream, source.offset)] == whole[n:]
        assert not source.has_more(source.offset)
        add(stream, 40, 41)
        assert source.has_more(source.offset)
        assert [event.id for event in events(stream, source.offset)] == [40]


def test_following_waits_for_entries_and_for_the_stream(stream: str) -> None:
    with closing(following(stream)) as source:
        items = iter(source)
        with client_of(stream) as client, client.monitor() as monitor:
            assert next(items) is None  # before it waits
            assert next(items) is None
            said = (monitor.next_command()["command"] for _ in count())
            waits = next(words for words in said if "BLOCK" in words)
            assert f"BLOCK {1000 * WAIT:.0f} " in waits
        threading.Timer(0.05, add, [stream, 0, 3]).start()
        assert [next_event(items).id for _ in range(3)] == [0, 1, 2]
        assert next(items) is None
        assert source.progress is None


def test_entries_that_trickle_in_are_not_kept_waiting_for_more(stream: str) -> None:
    with closing(following(stream)) as source:
        items = iter(source)
        for n in range(3):
            assert next(items) is None
            threading.Timer(0.05, add, [stream, n, n + 1]).start()
            assert next_event(items).id == n


def test_what_comes_while_reading_to_the_end_is_left_for_later(stream: str) -> None:
    add(stream, 0, 3)
    with closing(RedisSource(stream, COLUMNS, follow=False)) as source:
        items = iter(source)
        next(items)
        add(stream, 3, 5)
        assert len(list(items)) == 2
        assert len(events(stream, source.offset)) == 2


def test_no_more_is_read_ahead_than_one_batch(stream: str) -> None:
    def reads() -> int:
        return int(client_of(stream).info("commandstats")["cmdstat_xread"]["calls"])

    add(stream, 0, 3 * COUNT)
    with closing(following(stream)) as source:
        items = iter(source)
        next(items)
        before = reads()
        for _ in range(COUNT - 1):
            next(items)
        assert reads() == before
        next(items)
        assert reads() == before + 1


# --- entries that are not there any more ------------------------------------------------------


def read(url: str, entries: int) -> dict[str, Any]:
    """Return where a job is that has read so many entries."""
    with closing(following(url)) as source:
        items = iter(source)
        for _ in range(entries):
            next_event(items)
        return source.offset


def check_told(url: str, offset: dict[str, Any], what: str) -> None:
    with closing(following(url)) as source, pytest.raises(StreamError, match=what) as told:
        source.resume(offset)
    assert "begin anew" in str(told.value)


def test_only_entries_that_were_not_read_are_missed(stream: str) -> None:
    add(stream, 0, 20)
    command(stream, "XTRIM", "KEY", "MAXLEN", 17)  # before the job began
    offset = read(stream, 10)  # up to entry 13-1
    command(stream, "XDEL", "KEY", "5-1")
    command(stream, "XTRIM", "KEY", "MINID", "12-1")
    assert len(events(stream, offset)) == 7
    command(stream, "XTRIM", "KEY", "MINID", "14-1")
    assert len(events(stream, offset)) == 7
    command(stream, "XTRIM", "KEY", "MINID", "15-1")
    check_told(stream, offset, r"up to entry 13-1 and now begins at 15-1: 1 entry was removed")
    command(stream, "XTRIM", "KEY", "MAXLEN", 0)
    check_told(stream, offset, r"is empty: 7 entries were removed unread")


def test_a_stream_that_was_read_to_its_end_may_be_emptied(stream: str) -> None:
    add(stream, 0, 5)
    offset = read(stream, 5)
    command(stream, "XTRIM", "KEY", "MAXLEN", 0)
    assert events(stream, offset) == []
    add(stream, 5, 7)
    assert [event.id for event in events(stream, offset)] == [5, 6]


def test_entries_that_are_removed_while_reading_are_missed(stream: str) -> None:
    add(stream, 0, COUNT + 10)
    with closing(following(stream)) as source:
        items = iter(source)
        for _ in range(COUNT):
            next(items)
        command(stream, "XTRIM", "KEY", "MAXLEN", 4)
        with pytest.raises(StreamError, match="6 entries were removed unread"):
            next(items)
        assert source.offset["id"] == f"{COUNT}-1"


def test_another_stream_of_the_same_name_is_told(stream: str) -> None:
    add(stream, 0, 10)
    offset = read(stream, 8)
    command(stream, "DEL", "KEY")
    check_told(stream, offset, "there is no stream .* it had been read up to entry 8-1")
    with closing(following(stream)) as source:
        source._place = source._place._replace(id=offset["id"], passed=offset["passed"])
        with pytest.raises(StreamError, match="there is no stream"):
            next(iter(source))
    add(stream, 0, 5)
    check_told(stream, offset, "is another stream")
    command(stream, "DEL", "KEY")
    add(stream, 20, 25)  # ids that are later than those of the old one
    check_told(stream, offset, "is another stream")


def test_a_stream_that_is_not_there_has_no_end(stream: str) -> None:
    with pytest.raises(StreamError, match="there is no stream"):
        events(stream)


# --- servers that do not answer ---------------------------------------------------------------


def test_a_server_that_dies_loses_no_prediction(mortal: RedisServer) -> None:
    url, notes = mortal.url("out"), []
    stopped = threading.Event()

    def kill_often() -> None:
        for _ in range(3):
            time.sleep(0.15)
            mortal.kill()
            time.sleep(0.1)
            mortal.start()
        stopped.set()

    killer = threading.Thread(target=kill_often)
    killer.start()
    written = 0
    with RedisSink(url, notes=notes.append) as sink:
        while not stopped.is_set() or written < 100:
            sink.write(Prediction(written, 0.5, None))
            written += 1
            time.sleep(0.0005)
    killer.join()
    with client_of(url) as client:
        ids = [int(fields[b"id"]) for _, fields in client.xrange("out")]
    assert list(dict.fromkeys(ids)) == list(range(written))
    assert 1 <= len([note for note in notes if note.endswith("answers again")]) <= 3


def test_a_source_waits_for_its_server(
    mortal: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, notes = mortal.url("in"), []
    add(url, 0, COUNT + 5)
    with closing(following(url, notes=notes.append)) as source:
        items = iter(source)
        read = [next_event(items).id for _ in range(COUNT)]
        mortal.kill()
        with monkeypatch.context() as patch:
            pauses = record_calls(patch, time, "sleep")
            assert [next(items) for _ in range(4)] == [None] * 4
        assert 0 < max(seconds for (seconds,) in pauses) <= WAIT
        assert len(notes) == 1
        assert "does not answer" in notes[0]
        assert source.offset["events"] == COUNT
        mortal.start()
        read += [next_event(items).id for _ in range(5)]
    assert read == list(range(COUNT + 5))
    assert notes[-1].endswith("answers again")


def test_patience_ends(mortal: RedisServer) -> None:
    mortal.kill()
    url = mortal.url("in")
    with (
        pytest.raises(StreamError, match="the last checkpoint holds"),
        RedisSink(url, patience=0.3),
    ):
        pass
    with closing(following(url, patience=0.3)) as source, pytest.raises(StreamError, match="holds"):
        next_event(iter(source))


def test_what_waits_when_a_job_fails_is_not_sent(stream: str) -> None:
    """It comes again from the last checkpoint, and so nobody waits for a server that is gone."""

    def write_and_fail(sink: RedisSink) -> None:
        sink.write(Prediction(0, 0.5, None))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), RedisSink(stream) as sink:
        write_and_fail(sink)
    assert not command(stream, "EXISTS", "KEY")


def open_sink(url: str, given: dict[str, Any]) -> None:
    with RedisSink(url, **given):
        pass


def read_source(url: str, given: dict[str, Any]) -> None:
    with closing(following(url, **given)) as source:
        next_event(iter(source))


def test_a_server_that_is_loading_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def load() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    while data := connection.recv(4096):
                        connection.sendall(b"-LOADING it is\r\n" * data.count(b"*"))

        thread = threading.Thread(target=load)
        thread.start()
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0/a"
        for begin in (open_sink, read_source):
            notes: list[str] = []
            given: dict[str, Any] = {"patience": 0.2, "notes": notes.append}
            with pytest.raises(StreamError, match="has not answered"):
                begin(url, given)
            assert "it is" in notes[0]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_pauses_grow_and_notes_are_told_once() -> None:
    notes: list[str] = []
    retry = PatientRetry("server", patience=300, notes=notes.append)
    pauses = [retry.failed(OSError("gone")) for _ in range(2000)]
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, *[5] * 1994])
    retry.failed(OSError("loading"))
    assert len(notes) == 2
    retry.succeeded()
    assert retry.failed(OSError("gone")) == 0.1
    assert notes[2:] == ["server answers again", notes[0]]


# --- what cannot be ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["redis://", "redis://host", "redis://host/0", "redis://host/readings", "redis://:pw@host/x/y",
     "redis://host:99999999/0/a", "http://host/0/a", "redis://host/0/a?x=1"],
)  # fmt: skip
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(StreamError) as told, RedisSink(url):
        pass
    assert "pw" not in str(told.value)


def test_a_password_is_told_to_nobody(redis_server: RedisServer) -> None:
    url = redis_server.url("a").replace("//", "//:secret@")
    with pytest.raises(StreamError, match="does not let you in") as told, RedisSink(url):
        pass
    assert "secret" not in str(told.value)
    assert "secret" not in RedisSink(url).name


def test_what_is_no_stream_is_told(stream: str) -> None:
    command(stream, "SET", "KEY", "text")
    with pytest.raises(StreamError, match="it is no stream"), RedisSink(stream):
        pass
    with pytest.raises(StreamError, match="it is no stream"):
        events(stream)


def test_a_full_server_is_told(mortal: RedisServer) -> None:
    url = mortal.url("out")
    with RedisSink(url) as sink:
        command(url, "CONFIG", "SET", "maxmemory", 1)
        sink.write(Prediction(0, 0.5, None))
        with pytest.raises(StreamError, match=r"cannot be used: .*memory"):
            sink.flush()
        command(url, "CONFIG", "SET", "maxmemory", 0)
    assert command(url, "XLEN", "KEY") == 1


def test_old_entries_are_removed_on_demand(stream: str) -> None:
    with RedisSink(stream, maxlen=200) as sink:
        for n in range(2000):
            sink.write(Prediction(n, 0.5, None))
    assert 200 <= command(stream, "XLEN", "KEY") < 400


def test_entries_do_not_wait_long(stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with RedisSink(stream) as sink:
        sink.write(Prediction(0, 0.5, None))
        assert command(stream, "XLEN", "KEY") == 0
        monkeypatch.setattr(redis_stream, "LONGEST_WAIT", 0.0)
        sink.write(Prediction(1, 0.5, None))
        assert command(stream, "XLEN", "KEY") == 2


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_address, "find_spec", lambda name: None)
    with pytest.raises(StreamError, match=r"pip install 'lstmwidgets\[redis\]'"):
        RedisSink("redis://host/0/a")
    assert importlib.util.find_spec("redis") is not None
