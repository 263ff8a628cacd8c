"""Kafka topics as source and sink: order, what is removed, brokers that go away, what cannot be.

What the broker of the tests cannot do is tested against others. Offsets that are removed, and the
newest ones: the cluster that librdkafka brings for its own tests (`StandIn`). Partitions that are
added: an address that first leaves one out. TLS: a proxy before the broker that speaks it.
"""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lstmwidgets.streaming import BadRecord, Event, Job, Prediction, StreamError, kafka_address
from lstmwidgets.streaming.kafka_address import KafkaAddress, read_properties
from lstmwidgets.streaming.sinks import KafkaSink, committed_messages
from lstmwidgets.streaming.sinks import kafka_topic as kafka_sink
from lstmwidgets.streaming.sources import Columns, KafkaSource, taken_order, topic_reader
from lstmwidgets.streaming.sources.taken_order import TakenOrder

from .kafka_broker import KafkaBroker, Proxy, StandIn, client_of, consume, need_kafka, produce
from .test_stream_command import run as run_command

COLUMNS = Columns(target="flow", targets="number")
NAMES = count()


@pytest.fixture
def topic(kafka_broker: KafkaBroker) -> str:
    """Return the URL of a topic of three partitions with nothing in them."""
    return kafka_broker.topic(f"t{next(NAMES)}")


@pytest.fixture
def distant(tmp_path: Path) -> Iterator[tuple[Proxy, KafkaBroker]]:
    """Return a broker of the test's own, and the proxy before it."""
    need_kafka()
    with Proxy() as proxy, KafkaBroker(tmp_path, advertised=proxy.port) as broker:
        proxy.target = broker.port
        yield proxy, broker


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    need_kafka()
    monkeypatch.setattr(kafka_address, "LOOK_SECONDS", 0.5)  # it does not say which topic it is
    with StandIn() as cluster:
        yield cluster


def add(url: str, begin: int, end: int, *, partition: int = 0, at: int = 1_700_000_000_000) -> None:
    """Add messages with these loads, a millisecond between them."""
    for n in range(begin, end):
        value = {"flow": n / 3, "load": n, "place": partition}
        produce(url, [value], partition=partition, timestamp=at + n)


def events(
    url: str, offset: dict[str, Any] | None = None, columns: Columns = COLUMNS, **given: Any
) -> list[Event]:
    """Read a topic to its end."""
    with closing(KafkaSource(url, columns, follow=False, **given)) as source:
        if offset is not None:
            source.resume(json.loads(json.dumps(offset)))
        return [event for event in source if event is not None]


def following(url: str, **given: Any) -> KafkaSource:
    return KafkaSource(url, COLUMNS, **given)


def next_event(items: Iterator[Event | None]) -> Event:
    return next(item for item in items if item is not None)


def loads(found: list[Event]) -> list[float]:
    return [event.x["load"] for event in found]


# --- reading ----------------------------------------------------------------------------------


def test_values_have_their_types_already(topic: str) -> None:
    produce(topic, [{"flow": 2, "a": "b7", "b": None, "c": 1.5}], key="k", headers={"h": "3"})
    assert events(topic) == [Event(0, {"a": "b7", "c": 1.5}, 2.0)]


def test_key_headers_and_time_are_columns_where_they_are_named(topic: str) -> None:
    headers = {"load": "3.5", "shift": "night", "number": "0070"}
    produce(topic, [{"flow": 2}], key="s1", headers=headers, timestamp=1_700_000_000_123)
    columns = Columns(
        target="flow",
        targets="number",
        key="kafka.key",
        id="kafka.headers.number",
        time="kafka.time",
        features=("kafka.headers.load", "kafka.headers.shift", "kafka.headers.none"),
    )
    moment = datetime.fromtimestamp(1_700_000_000, UTC).replace(microsecond=123_000)
    x = {"kafka.headers.load": 3.5, "kafka.headers.shift": "night"}
    assert events(topic, columns=columns) == [Event("0070", x, 2.0, moment, "s1")]
    target = Columns(target="kafka.headers.load", targets="number", key="kafka.key")
    assert events(topic, columns=target) == [Event(0, {"flow": 2.0}, 3.5, None, "s1")]


def test_messages_that_cannot_be_read_are_told_or_left_out(topic: str) -> None:
    columns = Columns(target="flow", targets="number", key="kafka.key")
    for value in ({"flow": 1}, b"no JSON", b"[1]", b"\xff", {"flow": "x"}, None, b""):
        produce(topic, [value], key="k", partition=1)
    produce(topic, [{"flow": 1}], key=b"\xff", partition=1)
    produce(topic, [{"flow": 1}], partition=1)
    produce(topic, [{"flow": 4}], key="k", partition=1)
    told: list[BadRecord] = []
    notes: list[str] = []
    with closing(KafkaSource(topic, columns, follow=False, notes=notes.append)) as source:
        source.on_bad = told.append
        assert [event.y for event in source if event is not None] == [1, 4]
        assert source.skipped == len(told) == 7
        assert source.offset["partitions"][1] == [1, 10, 0]
        assert source.offset["tombstones"] == 1
    assert told[0].place == "partition 1, offset 1"
    assert told[0].raw == "no JSON"
    assert "expected one JSON object" in told[0].problem
    assert "UTF-8" in told[5].problem
    assert "expected a value in every record, got none" in told[6].problem
    assert source.offset["tombstones"] == 1
    assert notes == ["1 tombstone (messages without value) left out"]
    with closing(KafkaSource(topic, columns, follow=False)) as source:
        items = iter(source)
        next_event(items)
        offset = source.offset
        with pytest.raises(StreamError, match="skip-bad-rows"):
            next_event(items)
        assert source.offset == offset


def test_the_earliest_message_of_all_partitions_is_next(topic: str) -> None:
    draws = [n * 7 % 3 for n in range(60)]
    for number in range(3):  # each partition as a whole, one after the other
        for n in (n for n in range(60) if draws[n] == number):
            add(topic, n, n + 1, partition=number)
    assert loads(events(topic)) == list(range(60))


def test_a_source_goes_on_at_every_message(topic: str) -> None:
    for number in range(3):
        add(topic, number, number + 4, partition=number)
    produce(topic, [None], partition=2)
    whole = events(topic)
    assert len(whole) == 12
    with closing(KafkaSource(topic, COLUMNS, follow=False)) as source:
        assert source.progress is None
        found = [event for event in source if event is not None]
        offset = source.offset
        assert found == whole
        assert source.progress == 1
    with closing(KafkaSource(topic, COLUMNS, follow=False)) as source:
        items = iter(source)
        for n in range(12):
            assert next_event(items) == whole[n]
            assert source.progress == (n + 1) / 13
            assert events(topic, source.offset) == whole[n + 1 :]
    for added in (False, True):
        with closing(KafkaSource(topic, COLUMNS, follow=False)) as source:
            source.resume(offset)
            assert source.has_more(offset) == added
            assert [event.id for event in source if event is not None] == [12] * added
        add(topic, 20, 21)


def test_the_lag_is_what_is_there_and_was_not_passed(topic: str) -> None:
    add(topic, 0, 30, partition=0)
    add(topic, 0, 20, partition=2)
    with closing(KafkaSource(topic, COLUMNS, follow=False)) as source:
        assert source.lag == {}
        told = []
        for n, event in enumerate(filter(None, source), 1):
            assert event is not None
            told.append(source.lag.get("records", 0))
            assert told[-1] <= 50 - n
        assert any(told)
        assert source.lag == {"records": 0}


def test_following_waits_for_messages_and_for_the_topic(kafka_broker: KafkaBroker) -> None:
    name = f"t{next(NAMES)}"
    url = kafka_broker.topic("other").replace("other", name)
    with closing(following(url)) as source:
        items = iter(source)
        assert next(items) is None  # there is no topic
        kafka_broker.topic(name)
        assert [next(items) for _ in range(3)] == [None] * 3
        threading.Timer(0.05, add, [url, 0, 3]).start()
        assert [next_event(items).id for _ in range(3)] == [0, 1, 2]
        for n in range(3, 6):
            add(url, n, n + 1, partition=n % 3)
            assert next_event(items).id == n
        assert next(items) is None
        assert source.progress is None


def test_a_topic_that_is_not_there_has_no_end(topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StreamError, match="there is no topic"):
        events(f"{topic}-of-nobody")
    monkeypatch.setattr(KafkaAddress, "partitions", lambda *_: None)  # this broker would make it
    with pytest.raises(StreamError, match=r"there is no topic .*; make it first"), KafkaSink(topic):
        pass


def test_what_comes_while_reading_to_the_end_is_left_for_later(topic: str) -> None:
    add(topic, 0, 3)
    with closing(KafkaSource(topic, COLUMNS, follow=False)) as source:
        items = iter(source)
        next_event(items)
        add(topic, 3, 5)
        rest = [item for item in items if item is not None]
        assert loads(rest) == [1, 2]
        assert loads(events(topic, source.offset)) == [3, 4]


def test_a_partition_that_is_far_ahead_waits(topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_reader, "AHEAD", 30)
    monkeypatch.setattr(topic_reader, "LEAST_AHEAD", 10)
    monkeypatch.setattr(topic_reader, "COUNT", 20)
    values = [{"flow": n / 3, "load": n} for n in range(800)]
    produce(topic, values[400:], partition=0, timestamp=2_000)
    produce(topic, values[:400], partition=1, timestamp=1_000)
    most = 0
    with closing(KafkaSource(topic, COLUMNS, follow=False)) as source:
        found = []
        for event in source:
            most = max(most, *map(len, source._reader._queues.values()))
            if event is not None:
                found.append(event)
    assert loads(found) == list(range(800))
    assert most <= 30


# --- the order after a crash ------------------------------------------------------------------


def test_what_was_taken_is_taken_again_in_the_same_order(topic: str, tmp_path: Path) -> None:
    """Later messages with earlier times do not come between."""
    journal = tmp_path / "input.journal"
    with closing(following(topic, journal=journal)) as source:
        items = iter(source)
        add(topic, 100, 103, partition=0)
        before = [next_event(items) for _ in range(2)]
        offset = source.offset
        before += [next_event(items)]
        add(topic, 50, 53, partition=1)  # earlier ones, which come later
        before += [next_event(items) for _ in range(3)]
        add(topic, 0, 3, partition=2)
        before += [next_event(items) for _ in range(2)]
    assert loads(before) == [100, 101, 102, 50, 51, 52, 0, 1]
    add(topic, 10, 12, partition=1)
    assert loads(events(topic, offset, journal=journal)) == [102, 50, 51, 52, 0, 1, 2, 10, 11]
    assert loads(events(topic, journal=journal))[:8] == loads(before)  # killed before the first
    assert loads(events(topic, offset)) != [102, 50, 51, 52, 0, 1, 2, 10, 11]


def test_the_noted_order_stays_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taken_order, "LARGE", 1000)
    path = tmp_path / "order"
    order = TakenOrder(path)
    order.found({0: 0, 1: 0})
    for n in range(1, 1000):
        order.took([(0, n), (1, n)])
        order.forget({0: n, 1: n - 1})
        assert path.stat().st_size < 1100
    order.found({2: 5})
    order.forget({0: 999, 1: 998})
    order.close()
    with path.open("ab") as file:
        file.write(b'{"taken":[[0,7]')  # cut short by a crash
    again = TakenOrder(path)
    assert list(again.behind({0: 999, 1: 998})) == [(1, 999)]
    assert again.begins[2] == 5
    assert path.stat().st_mode & 0o777 == 0o600
    again.close()
    path.write_bytes(b"\0\0\0\n")
    with pytest.raises(StreamError, match=r"is damaged .*; restore it, or remove it"):
        TakenOrder(path)


# --- what is not there any more, or is new ----------------------------------------------------


def test_the_newest_messages_only(stand_in: StandIn, tmp_path: Path) -> None:
    url = stand_in.topic("t")
    add(url, 0, 5)
    with closing(following(url, start="latest", journal=tmp_path / "journal")) as source:
        items = iter(source)
        assert next(items) is None
        add(url, 5, 7)
        assert next_event(items).x["load"] == 5
    assert loads(events(url, start="latest", journal=tmp_path / "journal")) == [5, 6]
    assert events(url, start="latest") == []


def fill(url: str, messages: int) -> None:
    """Send 100 kB each, of which fifty find room."""
    produce(url, [{"flow": n, "filler": "x" * 100_000} for n in range(messages)], partition=1)


def test_messages_that_are_removed_unread_are_told(stand_in: StandIn) -> None:
    url = stand_in.topic("t")
    dropped = Columns(target="flow", targets="number", drop=("filler",))
    fill(url, 10)
    with closing(KafkaSource(url, dropped)) as source:
        items = iter(source)
        for _ in range(4):
            next_event(items)
        offset = source.offset
    fill(url, 60)
    said = r"partition 1 of .* up to offset 4 and now begins at \d+: \d+ messages were removed"
    with pytest.raises(StreamError, match=said) as told:
        events(url, offset, dropped)
    assert "begin anew" in str(told.value)
    begin = int(str(told.value).partition("begins at ")[2].partition(":")[0])
    assert f"{begin - 4} messages" in str(told.value)
    assert len(events(url, None, dropped)) == 70 - begin


def test_another_topic_of_the_same_name_is_told(stand_in: StandIn) -> None:
    url = stand_in.topic("t")
    add(url, 0, 5)
    with closing(following(url)) as source:
        items = iter(source)
        for _ in range(5):
            next_event(items)
        offset = source.offset
    offset["partitions"][0][1] = 8
    with pytest.raises(StreamError, match=r"another topic .* up to offset 8 and ends at 5"):
        events(url, offset)


def test_a_topic_that_was_removed_and_made_again_is_told(kafka_broker: KafkaBroker) -> None:
    name = f"t{next(NAMES)}"
    url = kafka_broker.topic(name)
    add(url, 0, 5)
    with closing(following(url)) as source:
        items = iter(source)
        for _ in range(3):
            next_event(items)
        offset = source.offset
    assert loads(events(url, offset)) == [3, 4]
    kafka_broker.remove(name)
    kafka_broker.topic(name)
    add(url, 0, 9)
    with pytest.raises(StreamError, match=r"another topic .* that was removed; restore it"):
        events(url, offset)


def test_partitions_that_are_added_are_noticed(topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    add(topic, 0, 2)
    add(topic, 10, 12, partition=2)
    known = [0, 1]
    monkeypatch.setattr(KafkaAddress, "partitions", lambda *_: list(known))
    monkeypatch.setattr(topic_reader, "LOOK_AGAIN", 0.1)
    with closing(following(topic, start="latest")) as source:
        source._order.found({0: 0, 1: 0})  # where "latest" was
        items = iter(source)
        assert [next_event(items).x["load"] for _ in range(2)] == [0, 1]
        offset = source.offset
        known.append(2)
        assert [next_event(items).x["load"] for _ in range(2)] == [10, 11]
        assert source.offset["partitions"][2] == [2, 2, 0]
    assert loads(events(topic, offset)) == [10, 11]


# --- writing ----------------------------------------------------------------------------------


def written(url: str) -> list[Any]:
    """Return key and record of each message."""
    return [(message.key(), json.loads(message.value())) for message in consume(url)]


def test_keys_are_those_of_the_events(topic: str) -> None:
    with KafkaSink(topic) as sink:
        assert not sink.exact
        for n in range(20):
            sink.write(Prediction(n, 0.5, None, key=f"é{n % 4}"))
        sink.write(Prediction(20, None, 2.0))
        assert sink.flush() == {}
    found = written(topic)
    assert sorted(record["id"] for _, record in found) == list(range(21))
    assert all(key == f"é{record['id'] % 4}".encode() for key, record in found if key)
    assert (None, {"id": 20, "prediction": None, "target": 2.0}) in found


def test_what_was_committed_since_the_checkpoint_is_not_sent_again(topic: str) -> None:
    def write(sink: KafkaSink, begin: int, end: int) -> Any:
        for n in range(begin, end):
            sink.write(Prediction(n % 5, float(n), None, key=str(n % 7)))
        return json.loads(json.dumps(sink.flush()))

    produce(topic, [{"id": "of another"}], headers={"lstmwidgets.job": "x"})
    with KafkaSink(topic, {}) as sink:
        assert sink.exact
        at = write(sink, 0, 10)
        write(sink, 10, 30)
    produce(topic, [{"id": "of another"}])
    with KafkaSink(topic, at) as sink:
        middle = write(sink, 10, 25)
    with KafkaSink(topic, middle) as sink:
        write(sink, 25, 40)
    with KafkaSink(topic, at) as sink:
        write(sink, 10, 50)
    found = [record["prediction"] for _, record in written(topic) if "prediction" in record]
    assert sorted(found) == list(range(50))


def test_a_record_that_is_another_one_now_is_sent(topic: str) -> None:
    """Of a source that cannot be read twice: nothing may be left out."""
    with KafkaSink(topic, {}) as sink:
        at = sink.flush()
        sink.write(Prediction(0, 1.0, None))
        sink.write(Prediction(1, 1.0, None))
    with KafkaSink(topic, at) as sink:
        sink.write(Prediction(0, 2.0, None))
        sink.write(Prediction(1, 1.0, None))
    assert sorted(record["prediction"] for _, record in written(topic)) == [1, 1, 2]


def test_a_transaction_of_another_producer_is_waited_for(
    topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from confluent_kafka import Producer

    monkeypatch.setattr(committed_messages, "ANSWER_SECONDS", 0.2)

    with KafkaSink(topic, {}) as sink:
        at = sink.flush()
        other = Producer(client_of(topic) | {"transactional.id": "other"})
        other.init_transactions(10)
        other.begin_transaction()
        for number in range(3):
            other.produce(topic.rpartition("/")[2], "{}", partition=number)
        other.flush(10)
        for n in range(10):
            sink.write(Prediction(n, 0.5, None))
    threading.Timer(1.0, other.commit_transaction, [10]).start()
    begun = time.monotonic()
    notes: list[str] = []
    with KafkaSink(topic, at, notes=notes.append) as sink:
        assert time.monotonic() - begun > 0.5
        assert "a transaction of another producer is open" in notes[0]
        for n in range(10):
            sink.write(Prediction(n, 0.5, None))
    found = [record["id"] for _, record in written(topic) if record]
    assert sorted(found) == list(range(10))


def test_a_message_whose_offset_nobody_knows_is_read_back(topic: str) -> None:
    """As one is that was sent again when its answer was lost, and that the broker had."""
    with KafkaSink(topic, {}) as sink:
        sink.write(Prediction(0, 0.5, None))
        before = sink.flush()["ends"]
        sink._delivered(None, SimpleNamespace(partition=lambda: 0, offset=lambda: None))
        assert sink.flush()["ends"] == before


def test_what_is_too_large_is_told(topic: str) -> None:
    with KafkaSink(topic) as sink, pytest.raises(StreamError, match=r"cannot be used.*too large"):
        sink.write(Prediction("x" * 2_000_000, 0.5, None))


def test_what_waits_when_a_job_fails_is_not_sent(topic: str) -> None:
    def write_and_fail(sink: KafkaSink) -> None:
        sink.write(Prediction(0, 0.5, None))
        raise ZeroDivisionError

    for at in (None, {}):
        with pytest.raises(ZeroDivisionError), KafkaSink(topic, at) as sink:
            write_and_fail(sink)
        assert written(topic) == []


# --- brokers that go away ---------------------------------------------------------------------


def outage(distant: tuple[Proxy, KafkaBroker], at: dict[str, Any] | None, seconds: float) -> None:
    """Read and write while the broker goes away and comes back."""
    proxy, broker = distant
    source_url, out = broker.topic("in"), broker.topic("out")
    add(source_url, 0, 100)
    notes: list[str] = []
    with (
        closing(following(source_url, notes=notes.append)) as source,
        KafkaSink(out, at, notes=notes.append) as sink,
    ):
        items = iter(source)
        for n in range(200):
            event = next_event(items)
            assert event.x["load"] == n
            if n == 99:
                proxy.go_away()
                threading.Timer(seconds, proxy.come_back).start()
                begun = time.monotonic()
                while not notes:
                    assert next(items) is None
                    assert time.monotonic() - begun < 60
            sink.write(Prediction(event.id, 0.5, None))
            if n in (50, 99):
                sink.flush()
            if n == 99:
                assert time.monotonic() - begun >= seconds
                add(source_url, 100, 200)
    assert sorted(record["id"] for _, record in written(out)) == list(range(200))
    for url in (source_url, out):
        said = [note.removeprefix(url) for note in notes if note.startswith(url + " ")]
        assert said[0].startswith(" does not answer (")
        assert "trying again for 300 seconds" in said[0]
        assert said[-1] == " answers again"


def test_a_broker_that_goes_away_loses_nothing(distant: tuple[Proxy, KafkaBroker]) -> None:
    outage(distant, {}, 7)


@pytest.mark.slow
@pytest.mark.parametrize("at", [None, {}], ids=["at least once", "exact"])
def test_a_broker_that_goes_away_for_half_a_minute_loses_nothing(
    distant: tuple[Proxy, KafkaBroker], at: dict[str, Any] | None
) -> None:
    outage(distant, at, 30)


def test_patience_ends(distant: tuple[Proxy, KafkaBroker], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (kafka_address, kafka_sink):
        monkeypatch.setattr(module, "LOOK_SECONDS", 0.3)
    proxy, broker = distant
    url = broker.topic("t")

    def write_while_away() -> None:
        with KafkaSink(url, patience=0.3) as sink:
            proxy.go_away()
            sink.write(Prediction(0, 0.5, None))

    with pytest.raises(StreamError, match="the last checkpoint holds"):
        write_while_away()
    with (
        pytest.raises(StreamError, match="the last checkpoint holds"),
        KafkaSink(url, {}, patience=0.3),
    ):
        pass
    with closing(following(url, patience=0.3)) as source, pytest.raises(StreamError, match="holds"):
        next_event(iter(source))


# --- what cannot be ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["kafka://", "kafka://host", "kafka://host:1", "kafka://host/t", "kafka://host:1/", "kafka://:1/t",
     "kafka://me:pw@host:1/t", "kafka://host:1/a b", "kafka://host:1/t/u", "kafka://host:1/t?pw=x",
     "kafka://a:1,/t", "kafka://a:1/..", "http://host:1/t"],
)  # fmt: skip
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(StreamError, match="expected a broker and a topic") as told:
        KafkaSink(url)
    assert "pw@" not in str(told.value)


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_address, "find_spec", lambda name: None)
    with pytest.raises(StreamError, match=r"pip install 'lstmwidgets\[kafka\]'"):
        KafkaSink("kafka://h:1/t")


def test_properties_are_lines(tmp_path: Path) -> None:
    path = tmp_path / "client.properties"
    path.write_text("# a = b\n\n! c\nsasl.username = me\nsasl.password=a=b \n", encoding="utf-8")
    assert read_properties(path) == {"sasl.username": "me", "sasl.password": "a=b"}
    path.write_text("sasl.password hunter2\n")
    with pytest.raises(StreamError, match="line 1: expected name=value") as told:
        read_properties(path)
    assert "hunter2" not in str(told.value)
    with pytest.raises(StreamError, match=r"cannot read .* of --kafka-properties"):
        read_properties(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("security.protocol=hunter2", "cannot use security.protocol"),
        ("sasl.jaas.config=hunter2", "cannot use one of its properties"),
        ("ssl.ca.location=/hunter2", "cannot use ssl.ca.location|cannot use one of"),
        ("bootstrap.servers=hunter2", "bootstrap.servers is set by lstmwidgets"),
        ("group.id=hunter2", "group.id is set by lstmwidgets"),
    ],
)
def test_a_property_that_cannot_be_is_told_without_its_value(
    tmp_path: Path, line: str, said: str
) -> None:
    need_kafka()
    path = tmp_path / "client.properties"
    path.write_text(f"{'security.protocol=ssl' if 'ssl.ca' in line else ''}\n{line}\n")
    with (
        pytest.raises(StreamError, match=said) as told,
        closing(following("kafka://localhost:1/t", properties=path)) as source,
    ):
        next(iter(source))
    assert "hunter2" not in str(told.value)


# --- logins and TLS ---------------------------------------------------------------------------

SECRETS = {"sasl.username": "swordfish", "sasl.password": "hunter2"}


@pytest.fixture
def login(tmp_path: Path) -> Path:
    """Return a file of properties with a login that no broker knows."""
    path = tmp_path / "client.properties"
    given = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256", **SECRETS}
    path.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    return path


def test_a_login_that_is_refused_is_told_without_it(
    tmp_path: Path,
    login: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    need_kafka()
    told = []
    with KafkaBroker(tmp_path, login=True) as broker:
        url = f"kafka://127.0.0.1:{broker.port}/t"
        for at in (None, {}):
            with pytest.raises(StreamError) as error, KafkaSink(url, at, properties=login):
                pass
            told.append(str(error.value))
        with closing(following(url, properties=login)) as source:
            with pytest.raises(StreamError) as error:
                next_event(iter(source))
            told.append(str(error.value))
        words = ["--target", "flow", "--kafka-properties", login, "--checkpoint", tmp_path / "job"]
        assert run_command(monkeypatch, "stream", url, *words) == 2
        told.append("".join(capsys.readouterr()))
        assert "let you in" in told[-1]
        assert run_command(monkeypatch, "inspect", tmp_path / "job") == 0
        shown = "".join(capsys.readouterr())
    for text in told:
        assert "does not let you in (" in text
        assert "--kafka-properties" in text
    files = [path for path in (tmp_path / "job").iterdir() if path.is_file()]
    kept = b"".join(path.read_bytes() for path in files).decode("latin-1")
    job = repr(Job(url, kafka_properties=login))
    for secret in SECRETS.values():
        assert not any(secret in text for text in (*told, shown, kept, job))


def test_what_a_broker_says_shows_no_property(login: Path) -> None:
    need_kafka()
    from confluent_kafka import KafkaError

    address = kafka_address.parse("kafka://h:1/t", login)
    said = "user swordfish with hunter2 by SCRAM-SHA-256 is unknown (after 3ms in state AUTH_REQ)"
    error = KafkaError(KafkaError._AUTHENTICATION, said)
    assert address.told(error) == "user … with … by SCRAM-SHA-256 is unknown"


def test_brokers_that_speak_tls(tmp_path: Path) -> None:
    need_kafka()
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "ca.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *files, *subject], check=True, capture_output=True)
    properties = tmp_path / "client.properties"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Proxy(context) as proxy, KafkaBroker(tmp_path, advertised=proxy.port) as broker:
        proxy.target = broker.port
        url = broker.topic("t")
        properties.write_text(f"security.protocol=SSL\nssl.ca.location={certificate}\n")
        with KafkaSink(url, properties=properties) as sink:
            for n in range(100):
                sink.write(Prediction(n, float(n), None))
        columns = Columns(target="prediction", targets="number")
        found = events(url, columns=columns, properties=properties)
        assert sorted(event.y for event in found) == list(range(100))
        properties.write_text("security.protocol=SSL\n")  # which does not know the certificate
        with pytest.raises(StreamError, match="does not let you in"):
            events(url, properties=properties)
