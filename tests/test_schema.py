"""Records become events: types by first values, keys, ids, times, and late targets."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmwidgets.streaming import BadRecord, Event, StreamError
from lstmwidgets.streaming.sources import Columns, IterableSource, open_source
from lstmwidgets.streaming.sources.async_items import AHEAD
from lstmwidgets.streaming.sources.cell_values import CELLS
from lstmwidgets.streaming.sources.number_rows import number_rows
from lstmwidgets.streaming.sources.record_journal import from_line, to_line
from lstmwidgets.streaming.sources.schema import RecordError, Schema
from lstmwidgets.streaming.sources.values import VALUES

NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def one(parsers: Any, record: dict[str, Any], **columns: Any) -> Event:
    return Schema(Columns(**({"target": "y"} | columns)), parsers).event(0, record)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (3, 3.0),
        (True, True),
        (Decimal("1.5"), 1.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3.0),
        (np.bool_(True), True),
        (date(2024, 1, 2), datetime(2024, 1, 2)),
        (np.datetime64("2024-01-02T12:00:00"), datetime(2024, 1, 2, 12)),
        ("2024-01-02T12:00:00Z", NOON),
        ("x", "x"),
        ("5b", "5b"),
    ],
)
def test_typed_values_are_what_they_are(value: object, read: object) -> None:
    found = one(VALUES, {"a": value}).x["a"]
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize("value", [None, math.nan, "", "NaN", "n/a", np.float64("nan")])
def test_no_value_is_missing(value: object) -> None:
    assert one(VALUES, {"a": value, "y": value}) == Event(0, {}, None)


@pytest.mark.parametrize("value", [[1], {"b": 1}, b"x", object(), 10**400])
def test_what_is_no_single_value_is_refused_unless_it_is_dropped(value: object) -> None:
    with pytest.raises(
        RecordError, match=r"expected a number or true or false or .* got "
    ) as caught:
        one(VALUES, {"a": value})
    assert caught.value.column == "a"
    assert one(VALUES, {"a": value, "y": 1}, drop=("a",)) == Event(0, {}, 1.0)


@pytest.mark.parametrize(
    ("parsers", "first", "later", "message"),
    [
        (CELLS, "1", "x", "expected a number, got 'x'"),
        (CELLS, "1", "-inf_", "expected a number"),
        (CELLS, "true", "1", "expected true or false, got '1'"),
        (CELLS, "2024-01-01", "1", "expected an ISO 8601 date and time, got '1'"),
        (VALUES, 1, "1", "expected a number, got '1'"),
        (VALUES, 1, True, "expected a number, got True"),
        (VALUES, True, 0, "expected true or false, got 0"),
        (VALUES, NOON, 1, "expected an ISO 8601 date and time, got 1"),
        (VALUES, "x", 1, "expected text, got 1"),
    ],
)
def test_a_type_that_changes_is_named(parsers: Any, first: Any, later: Any, message: str) -> None:
    schema = Schema(Columns(target="y"), parsers)
    schema.event(0, {"a": first})
    with pytest.raises(RecordError, match=message) as caught:
        schema.event(1, {"a": later})
    assert caught.value.column == "a"
    again = Schema(Columns(target="y"), parsers)
    again.types = schema.types
    with pytest.raises(RecordError, match=message):
        again.event(1, {"a": later})


def test_a_record_that_is_refused_decides_no_type() -> None:
    """Below some headers there is a line of units."""
    schema = Schema(Columns(target="y", targets="number"), CELLS)
    with pytest.raises(RecordError):
        schema.event(0, {"a": "km/h", "y": "m3"})
    assert schema.event(0, {"a": "1", "y": "2"}) == Event(0, {"a": 1.0}, 2.0)
    assert schema.types == {"a": "number", "y": "number"}


def test_columns_may_come_later() -> None:
    schema = Schema(Columns(target="y"), VALUES)
    assert schema.event(0, {"y": 1}).x == {}
    assert schema.event(1, {"a": None, "b": NOON, "y": 1}) == Event(1, {"b": NOON}, 1.0, NOON)
    assert schema.event(2, {"a": "x"}) == Event(2, {"a": "x"}, None)


@pytest.mark.parametrize(
    ("value", "id_", "key"),
    [
        ("17", 17, "17"),
        ("-3", -3, "-3"),
        ("007", "007", "007"),
        ("-0", "-0", "-0"),
        ("1.0", "1.0", "1.0"),
        ("²", "²", "²"),
        ("NA", "NA", "NA"),
        ("9" * 30, "9" * 30, "9" * 30),
    ],
)
@pytest.mark.parametrize("parsers", [CELLS, VALUES])
def test_keys_are_text_and_ids_text_or_whole_numbers(
    parsers: Any, value: str, id_: int | str, key: str
) -> None:
    record = {"i": value, "k": value, "y": "1" if parsers is CELLS else 1}
    event = one(parsers, record, id="i", key="k")
    assert event == Event(id_, {}, 1.0, None, key)
    assert type(event.id) is type(id_)


@pytest.mark.parametrize(
    ("value", "key"), [(7, "7"), (1.5, "1.5"), (True, "true"), (NOON, NOON.isoformat())]
)
def test_typed_keys_are_what_csv_would_have(value: object, key: str) -> None:
    assert one(VALUES, {"k": value}, key="k").key == key
    features = one(VALUES, {"k": value, "a": 1}, key="k", features=("k",)).x
    assert features == {"k": value}


@pytest.mark.parametrize("value", [None, "", math.nan, [1]])
@pytest.mark.parametrize("role", ["id", "key"])
def test_ids_and_keys_may_not_be_missing(value: object, role: str) -> None:
    for record in ({"a": 1.0, "k": value}, {"a": 1.0}):
        with pytest.raises(RecordError, match=r"expected a (single )?value"):
            one(VALUES, record, **{role: "k"})


def test_a_late_target_has_no_features() -> None:
    record = {"i": "5", "a": "", "when": "", "y": "2.5"}
    assert one(CELLS, record, id="i") == Event(5, {}, 2.5)
    assert one(VALUES, {"i": 5, "y": 2.5}, id="i") == Event(5, {}, 2.5)
    assert one(VALUES, {"i": 5, "t": 0, "y": 2}, id="i", time="t", drop=("t",)) == Event(
        5, {}, 2.0, datetime(1970, 1, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("parsers", "value"),
    [(CELLS, str(NOON.timestamp())), (CELLS, NOON.isoformat()), (VALUES, NOON.timestamp()),
     (VALUES, int(NOON.timestamp())), (VALUES, NOON), (VALUES, NOON.isoformat())],
)  # fmt: skip
def test_the_time_is_a_date_or_seconds(parsers: Any, value: Any) -> None:
    record = {"other": "2000-01-01", "t": value}
    assert one(parsers, record, time="t").time == NOON
    assert one(parsers, record, time="t", drop=("t", "other")) == Event(0, {}, None, NOON)


@pytest.mark.parametrize("value", ["yesterday", True, 1e300])
def test_another_time_is_refused(value: object) -> None:
    with pytest.raises(RecordError, match=r"expected .*(date|seconds)") as caught:
        one(VALUES, {"t": value}, time="t")
    assert caught.value.column == "t"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"key": "y"}, "leave it out of --key"),
        ({"id": "y"}, "leave it out of --id"),
        ({"time": "t", "text": ("t",)}, "'t' stands in --time and in --text"),
        ({"features": ("a",), "drop": ("a",)}, "'a' stands in --features and in --drop"),
    ],
)
def test_columns_that_exclude_each_other_are_refused(
    tmp_path: Path, columns: dict[str, Any], message: str
) -> None:
    (tmp_path / "a.jsonl").write_text('{"y":1}\n')
    with pytest.raises(StreamError, match=message):
        open_source(str(tmp_path / "a.jsonl"), Columns(target="y", **columns))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no lines; expected a JSON object"),
        (b'{"x":1}\n', r"no record of .* has a column 'y' \(--target\); its columns are: x"),
        (b'{"y":1}\n{"y":\n', r"line 2: expected one JSON object: input data was truncated"),
        (b'{"y":1}\n[1]\n', r"line 2: expected one JSON object: expected `object`, got `array`"),
        (b'{"y":1}\n{"y":"\xff"}\n', r"line 2: expected text in UTF-8"),
        (b'{"y":1}\n\n{"y":"x"}\n', r"line 3, column 'y': expected a number, got 'x'"),
    ],
)
def test_json_lines_that_cannot_be_used_are_named(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"\xef\xbb\xbf" + content if content else content)
    with pytest.raises(StreamError, match=message):
        list(open_source(str(path), Columns(target="y")))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.jsonl", {}, "cannot read .*a.jsonl: No such file"),
        ("a.parquet", {}, "cannot read .*a.parquet: No such file"),
        ("a.parquet", {"follow": True}, "is no folder"),
        ("river:WaterFlow", {"follow": True}, "leave out --follow"),
        ("-", {"format": "parquet"}, "from standard input"),
        ("a.csv", {"format": "xml"}, "--format must be csv, jsonl or parquet, got 'xml'"),
    ],
)
def test_names_that_stand_for_nothing_are_refused(
    tmp_path: Path, name: str, options: dict[str, Any], message: str
) -> None:
    place = name if name[0] in "r-" else str(tmp_path / name)
    with pytest.raises(StreamError, match=message):
        open_source(place, Columns(target="y"), **options)


# --- iterables --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "item",
    [
        {"b": NOON, "a": 1, "c": 1.0, "d": True, "e": "2024-01-01", "f": None, "g": math.inf},
        ({"a": datetime(2024, 1, 1, 0, 0, 0, 1)}, 2),
        Event(7, {"a": 1}, -math.inf, NOON, "k"),
        Event("x", {}, None),
        Event(2**70, {1: b"raw", (2, "b"): date(2024, 1, 1)}, None, NOON.astimezone(BERLIN)),
        {"a": Decimal("1.10"), "b": [1, (2,)], "c": "\ud83d"},
    ],
)
def test_a_journal_keeps_types_and_order(item: Any) -> None:
    assert repr(from_line(to_line(item))) == repr(item).replace("datetime.UTC", "datetime.UTC")


def test_a_line_of_another_version_is_a_bad_record(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    bad: list[BadRecord] = []
    path.write_bytes(b'{"record":{"a":1,"y":2}}\n' + to_line({"a": 1, "y": 3}))
    source = IterableSource([], Columns(target="y"), journal=path)
    source.on_bad = bad.append
    assert [event.y for event in source if event] == [3]
    assert "begin with a new journal" in bad[0].problem


def test_what_has_no_form_is_a_bad_record_only_with_a_journal(tmp_path: Path) -> None:
    items = [{"a": 1, "o": {1}, "y": 1}, {"a": 2, "y": 2}, "text"]
    columns = Columns(target="y", drop=("o",))
    for journal, found in ((None, [1, 2]), (tmp_path / "journal", [2])):
        bad: list[BadRecord] = []
        source = IterableSource(items, columns, journal=journal)
        source.on_bad = bad.append
        assert [event.y for event in source if event] == found
        assert len(bad) == source.skipped == 3 - len(found)
        assert "expected a mapping, a pair (x, y) or an Event, got 'text'" in bad[-1].problem
    again = IterableSource([], columns, journal=tmp_path / "journal")
    again.on_bad = bad.append
    assert [event.y for event in again if event] == [2]
    assert bad[2:] == bad[:2]
    assert [record.raw for record in bad[:2]] == [repr(items[0]), repr(items[2])]
    assert again.skipped == 2


def test_half_a_line_of_a_journal_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(to_line({"y": 1}) + to_line({"y": 2})[:-3])
    source = IterableSource([{"y": 2}, {"y": 3}], Columns(target="y"), journal=path)
    assert [event.y for event in source if event] == [1, 2, 3]
    assert len(path.read_bytes().splitlines()) == 3


def test_events_are_left_as_they_are() -> None:
    events = [Event("a", {"b": object()}, 1.0), Event("b", {}, None)]
    source = IterableSource(events, Columns())
    assert list(source) == events
    assert not source.replayable


def test_a_target_is_named_for_mappings_only() -> None:
    with pytest.raises(StreamError, match="Pass --target"):
        list(IterableSource([{"a": 1}], Columns()))
    with pytest.raises(StreamError, match="name no target"):
        list(IterableSource([({"a": 1}, 2)], Columns(target="y")))


def failing() -> Iterator[dict[str, Any]]:
    yield {"y": 1}
    raise ConnectionError("gone")


async def failing_later() -> AsyncIterator[dict[str, Any]]:
    yield {"y": 1}
    await asyncio.sleep(0)
    raise ConnectionError("gone")


@pytest.mark.parametrize("items", [failing, failing_later])
def test_what_an_iterable_raises_comes_through(items: Callable[[], Any]) -> None:
    source = IterableSource(items(), Columns(target="y"))
    found = []
    with pytest.raises(ConnectionError, match="gone"):
        found.extend(event.y for event in source if event)
    assert found == [1]


def test_an_async_iterable_waits_and_is_not_asked_too_far_ahead() -> None:
    asked, ended = [], []

    async def items() -> AsyncIterator[dict[str, Any]]:
        try:
            await asyncio.sleep(0.3)
            for number in range(10_000):
                asked.append(number)
                yield {"y": number}
        finally:
            ended.append(True)

    source = IterableSource(items(), Columns(target="y"))
    read = iter(source)
    waited = 0
    while next(read) is None:
        waited += 1
    assert 1 <= waited <= 4
    for _ in range(20):
        next(read)
    assert len(asked) <= 30 + AHEAD
    source.close()
    assert ended == [True]


def test_what_is_in_memory_is_never_waited_for_and_a_generator_may_be() -> None:
    pairs = [({"a": n}, float(n)) for n in range(5)]
    for there in (pairs, tuple(pairs), dict(enumerate(pairs)).values()):
        assert IterableSource(there, Columns()).tells_waiting
    frame = pd.DataFrame({"a": [1.0, 2.0], "y": [3.0, 4.0]})
    assert IterableSource(frame, Columns("y")).tells_waiting
    assert not IterableSource((pair for pair in pairs), Columns()).tells_waiting


CELL = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**400), 10**400).map(str),
    st.sampled_from(["", " ", "nan", "inf", "1_0", "1e999", " 7 ", "\u0663", "x", "None", "1e308"]),
)


@given(
    row=st.lists(CELL, min_size=4, max_size=4),
    columns=st.fixed_dictionaries(
        {},
        optional={
            "key": st.just("a"),
            "id": st.sampled_from("abc"),
            "drop": st.just(("b",)),
            "features": st.just(("a", "c")),
        },
    ),
)
def test_rows_of_numbers_are_read_as_others_are(row: list[str], columns: dict[str, Any]) -> None:
    header = ["a", "b", "y", "c"]
    chosen = Columns(target="y", **columns)
    schema = Schema(chosen, CELLS)
    schema.event(0, dict(zip(header, ["1", "2", "3", "4"], strict=True)))
    read = number_rows(header, chosen, schema.types)
    assert read is not None
    event = read(7, row)
    if event is not None:
        assert event == schema.event(7, dict(zip(header, row, strict=True)))


def test_usual_rows_are_read_in_one_go_and_others_are_not() -> None:
    kinds = dict.fromkeys("aby", "number")
    read = number_rows(["a", "b", "y"], Columns("y"), kinds)
    assert read is not None
    assert read(3, ["1", "-2.5", "1e3"]) == Event(3, {"a": 1.0, "b": -2.5}, 1000.0)
    assert number_rows(["a", "b", "y"], Columns("y", time="a"), kinds) is None
    late = number_rows(["a", "b", "y"], Columns("y", id="a"), kinds)
    assert late is not None
    assert late(3, ["7", "-2.5", ""]) == Event(7, {"b": -2.5}, None)
    assert late(4, ["7.0", "", "1e3"]) == Event("7.0", {}, 1000.0)
    assert late(5, ["", "-2.5", ""]) is None
    for kind in ("datetime", "text", ""):
        assert number_rows(["a", "b", "y"], Columns("y"), kinds | {"b": kind}) is None


MARKED = st.sampled_from(
    ["1", "2,5", "2.5", "1.2,5", "-3", "", "?", ".", "1e3", "1e,5", "nan", "x"]
)


@given(rows=st.lists(st.tuples(MARKED, MARKED, MARKED), min_size=1, max_size=6))
def test_rows_with_decimal_commas_are_read_as_others_are(rows: list[tuple[str, str, str]]) -> None:
    header = ["a", "b", "y"]
    fast, slow = (Schema(Columns(target="y"), CELLS) for _ in range(2))
    fast.numbers = slow.numbers = ("whole", "number", "comma")
    for first in (("1", "2,5", "2.5"), *rows):
        results = []
        for schema in (slow, fast):
            read = None if schema is slow else number_rows(header, Columns("y"), schema.types)
            try:
                event = None if read is None else read(0, first)
                event = event or schema.event(0, dict(zip(header, first, strict=True)))
                results.append(repr(event))
            except RecordError as error:
                results.append(str(error))
        assert results[0] == results[1]
        assert fast.types == slow.types
