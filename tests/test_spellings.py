"""Numbers, times and words for no value in the spellings that people use: read, or told."""

from __future__ import annotations

import math
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmwidgets.streaming import BadRecord, Event, StreamError
from lstmwidgets.streaming.sources import Columns, IterableSource, Source, open_source
from lstmwidgets.streaming.sources.cell_values import CELLS, MISSING
from lstmwidgets.streaming.sources.schema import RecordError, Schema
from lstmwidgets.streaming.sources.text_columns import FEWEST, LOOKED_AT
from lstmwidgets.streaming.sources.values import VALUES

from .test_every_source import passed_on

MARCH = datetime(2024, 3, 29)


def table(folder: Path, content: str, name: str = "data.csv", **options: Any) -> Source:
    (folder / name).write_text(content)
    columns = {"target": "y"} | {key: options.pop(key) for key in [*options] if key in COLUMNS}
    return open_source(str(folder / name), Columns(**columns), **options)


COLUMNS = vars(Columns())


def read(source: Source) -> list[Event]:
    return [event for event in source if event is not None]


def xs(source: Source) -> list[Any]:
    return [event.x for event in read(source)]


# --- decimal commas ---------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_decimal_commas_are_read_where_they_separate_no_columns(
    tmp_path: Path, separator: str
) -> None:
    text = "temp;y\n15,123;45.9\n16;50\n-1,5e1;3\n".replace(";", separator)
    assert read(table(tmp_path, text)) == [
        Event(0, {"temp": 15.123}, 45.9),
        Event(1, {"temp": 16.0}, 50.0),
        Event(2, {"temp": -15.0}, 3.0),
    ]


def test_a_column_has_the_mark_that_it_begins_with(tmp_path: Path) -> None:
    begun = "a;b;y\n1;1;2\n2;2;3\n"
    assert xs(table(tmp_path, begun + "1,5;2.5;1\n3;3;3\n")) == [
        {"a": 1, "b": 1}, {"a": 2, "b": 2}, {"a": 1.5, "b": 2.5}, {"a": 3, "b": 3},
    ]  # fmt: skip
    for row, expected in (
        ("1,5;2;1\n2.5;2;1\n", "a number with a decimal comma, got '2.5'"),
        ("1.5;2;1\n2,5;2;1\n", "a number with a decimal point, got '2,5'"),
        ("1;2;1,5\n1;2;2.5\n", "a number with a decimal comma, got '2.5'"),
        ("1.234,5;2;1\n", "a number, got '1.234,5'"),
        ("1;2;1.234,5\n", "a number, got '1.234,5'"),
    ):
        with pytest.raises(StreamError, match=rf"line \d, column '[ay]': expected {expected}"):
            read(table(tmp_path, begun + row))


def test_a_record_that_is_refused_decides_no_mark(tmp_path: Path) -> None:
    source = table(tmp_path, "a;b;y\n1;1;2\n1,5;x;2\n2.5;1;3\n1,5;1;3\n")
    bad: list[BadRecord] = []
    source.on_bad = bad.append
    assert xs(source) == [{"a": 1, "b": 1}, {"a": 2.5, "b": 1}]
    assert [record.place for record in bad] == ["line 3, column 'b'", "line 5, column 'a'"]


def test_the_mark_can_be_given(tmp_path: Path) -> None:
    assert xs(table(tmp_path, 'a,y\n"1,5",2\n2,3\n', decimal=",")) == [{"a": 1.5}, {"a": 2}]
    with pytest.raises(StreamError, match=r"'1,5'.*--decimal , reads decimal commas"):
        read(table(tmp_path, 'a,y\n2,1\n"1,5",2\n'))
    with pytest.raises(StreamError, match=r"'1,234'.*of thousands the commas have to go: 1234\)"):
        read(table(tmp_path, 'a,y\n2,1\n"1,234",2\n'))
    with pytest.raises(StreamError, match="column 'a' is text, but reads as numbers"):
        read(table(tmp_path, "a;y\n1,5;2\n", decimal="."))
    for options, message in (
        ({"decimal": ";"}, r"--decimal must be \. or , got ';'"),
        ({"delimiter": "::"}, "--delimiter must be one character, or tab, got '::'"),
        ({"record_bytes": 10}, "--record-bytes must be between 65,536 and 2,147,483,647, got 10"),
        ({"record_bytes": 10**30}, "--record-bytes must be between"),
        ({"sender": "off"}, "--stdin must be again or on, got 'off'"),
        ({"sender": "on"}, "--stdin is for standard input"),
    ):
        with pytest.raises(StreamError, match=message):
            table(tmp_path, "a,y\n1,2\n", **options)
    with pytest.raises(StreamError, match="river:WaterFlow is no CSV file; leave out"):
        open_source("river:WaterFlow", Columns(), delimiter=",")
    with pytest.raises(StreamError, match="leave out --delimiter and --decimal"):
        table(tmp_path, "{}", "a.jsonl", decimal=",")


numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(
    rows=st.lists(st.tuples(numbers, numbers, st.integers(0, 9)), min_size=1, max_size=20),
    cut=st.integers(0, 19),
)
@settings(max_examples=40, deadline=None)
def test_the_same_numbers_are_the_same_events_in_every_guise(
    rows: list[tuple[float, float, int]], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("guises")
    lines = [[repr(cell) for cell in row] for row in rows]

    def csv(separator: str, mark: str = ".", quote: str = "") -> str:
        cells = [["a", "b", "y"], *([c.replace(".", mark) for c in line] for line in lines)]
        return "".join(separator.join(f"{quote}{c}{quote}" for c in row) + "\n" for row in cells)

    objects = [dict(zip("aby", row, strict=True)) for row in rows]
    (folder / "a.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(objects))
    pq.write_table(pa.Table.from_pylist(objects), folder / "a.parquet")
    wanted = [Event(n, {"a": a, "b": b}, float(y)) for n, (a, b, y) in enumerate(rows)]
    for make in (
        lambda: table(folder, csv(",")),
        lambda: table(folder, csv(",", quote='"')),
        lambda: table(folder, csv(",", ",", '"'), decimal=","),
        lambda: table(folder, csv(";", ",")),
        lambda: table(folder, csv(";", ".")),
        lambda: table(folder, csv("\t", ",", '"')),
        lambda: open_source(str(folder / "a.jsonl"), Columns("y")),
        lambda: open_source(str(folder / "a.parquet"), Columns("y")),
    ):
        with closing(make()) as source:
            found = [event for _, event in zip(range(cut), source, strict=False)]
            offset = passed_on(source.offset)
        with closing(make()) as source:
            source.resume(offset)
            assert found + list(source) == wanted


# --- no value ---------------------------------------------------------------------------------


@pytest.mark.parametrize("word", sorted(MISSING))
@pytest.mark.parametrize("parsers", [CELLS, VALUES])
def test_usual_words_for_no_value_are_that_wherever_they_stand(parsers: Any, word: str) -> None:
    value, text, yes = ("1.5", "x", "true") if parsers is CELLS else (1.5, "x", True)
    schema = Schema(Columns(target="y"), parsers)
    nothing = dict.fromkeys(["a", "b", "c", "d", "y"], word.upper())
    full = {"a": value, "b": text, "c": yes, "d": "2024-03-29", "y": value}
    read = {"a": 1.5, "b": "x", "c": True, "d": MARCH}
    assert schema.event(0, nothing) == Event(0, {}, None)
    assert schema.event(1, full) == Event(1, read, 1.5, MARCH)
    assert schema.event(2, nothing) == Event(2, {}, None)
    assert schema.event(3, full) == Event(3, read, 1.5, MARCH)


def test_more_words_for_no_value_can_be_given(tmp_path: Path) -> None:
    text = "a,b,c,y\nbroken,1,x,-999\n1.5,-999.0,Broken,2\n2,-998,y,broken\n"
    missing = ("broken", "-999")
    assert [(event.x, event.y) for event in read(table(tmp_path, text, missing=missing))] == [
        ({"b": 1.0, "c": "x"}, None),
        ({"a": 1.5}, 2.0),
        ({"a": 2.0, "b": -998.0, "c": "y"}, None),
    ]
    typed = [{"a": -999, "b": "broken", "y": 1}, {"a": np.float32(-999), "y": -999.0}]
    source = IterableSource(typed, Columns("y", missing=missing))
    assert [(event.x, event.y) for event in read(source)] == [({}, 1.0), ({}, None)]
    keyed = table(tmp_path, "k,y\nbroken,1\n", key="k", missing=missing)
    assert read(keyed)[0].key == "broken"  # somebody's name


# --- text that is no text ---------------------------------------------------------------------

NO_TEXT = [
    "13.3 C", "1.234,56", "1,234.5", "1 234,5", "1'234.5", "1_000", "$5.00", "45 %", "-5,5",
    "5 km/h", "29.03.2024", "03/29/2024", "2024-3-9", "29 Mar 2024", "Mar 29, 2024",
    "29.03.2024 1:30 PM",
    "2024-03-29 12:00 CET",
]  # fmt: skip


@pytest.mark.parametrize("value", NO_TEXT)
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "iterable"])
def test_text_that_reads_as_numbers_or_dates_ends_the_stream(
    tmp_path: Path, kind: str, value: str
) -> None:
    records = [{"a": value, "b": n % 3, "y": n} for n in range(5)]
    path = tmp_path / f"data.{kind}"

    def make(**columns: Any) -> Source:
        chosen = Columns("y", **columns)
        if kind == "iterable":
            return IterableSource(records, chosen, name=str(path))
        if kind == "csv":
            path.write_text("a,b,y\n" + "".join(f'"{value}",{n % 3},{n}\n' for n in range(5)))
        elif kind == "jsonl":
            path.write_bytes(msgspec.json.Encoder().encode_lines(records))
        else:
            pq.write_table(pa.Table.from_pylist(records), path)
        return open_source(str(path), chosen)

    source = make()
    source.on_bad = lambda _: None  # it is about the column, and no bad record
    with pytest.raises(StreamError, match=r"column 'a' is text, but reads as .*--text a") as caught:
        read(source)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [x["a"] for x in xs(make(text=("a",)))] == [value] * 5
    assert "a" not in xs(make(drop=("a",)))[0]


@pytest.mark.parametrize("value", ["13.3", "7", "1e5", "20240329", "-1,5"])
def test_numbers_in_quotes_are_text_in_json_and_end_the_stream(tmp_path: Path, value: str) -> None:
    text = f'{{"temp": "{value}", "y": 1.0}}\n'
    with pytest.raises(StreamError, match=r"reads as numbers.*in JSON without quotes"):
        read(table(tmp_path, text, "a.jsonl"))
    assert xs(table(tmp_path, text, "a.jsonl", text=("temp",))) == [{"temp": value}]


def test_a_word_before_the_numbers_is_named(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match=r"'1\.7' \(if 'broken' stands for no value: --missing b"):
        read(table(tmp_path, "a,y\nbroken,1\n1.5,2\n1.7,3\n"))


@pytest.mark.parametrize(
    "value",
    ["day", "north", "4WD", "5G", "A12", "1st", "2 doors", "3/4", "1-2-3", "v1.2", "M5", "12:30"],
)
def test_names_with_digits_are_categories(tmp_path: Path, value: str) -> None:
    assert xs(table(tmp_path, f"a,y\n{value},1\n{value},2\n"))[1] == {"a": value}


def test_text_that_hardly_repeats_ends_the_stream(tmp_path: Path) -> None:
    def rows(different: int, number: int) -> str:
        return "a,y\n" + "".join(f"name{n % different},{n}\n" for n in range(number))

    for different, number in ((600, 600), (FEWEST, FEWEST), (95, 100)):
        first = min(number, LOOKED_AT)
        with pytest.raises(StreamError, match=rf"of its first {first} values .* --drop a,.*--text"):
            read(table(tmp_path, rows(different, number)))
        assert len(read(table(tmp_path, rows(different, number), text=("a",)))) == number
    for different, number in ((19, 19), (250, 600), (80, 100), (1, 50)):
        assert len(read(table(tmp_path, rows(different, number)))) == number


@pytest.mark.parametrize("name", ["data.csv", "data.jsonl"])
@pytest.mark.parametrize("number", [FEWEST + 5, LOOKED_AT + 5])
def test_what_was_seen_of_text_outlives_a_kill(tmp_path: Path, name: str, number: int) -> None:
    rows = [f"{n},{'n/a' if n % 7 == 3 else f'name {n}'},{n % 9}" for n in range(number * 2)]
    text = "n,a,y\n" + "\n".join(rows) + "\n"
    if name == "data.jsonl":
        cells = (row.split(",") for row in rows)
        text = "".join(f'{{"n":{n},"a":"{a}","y":{y}}}\n' for n, a, y in cells)

    def stopped(cuts: list[int]) -> tuple[int, str]:
        offset, seen = None, 0
        for cut in [*cuts, 10**6]:
            source = table(tmp_path, text, name)
            if offset is not None:
                source.resume(offset)
            try:
                for _ in zip(range(cut - seen), source, strict=False):
                    seen += 1
            except StreamError as error:
                return seen, str(error)
            offset = passed_on(source.offset)
            source.close()
        return seen, "read to its end"

    whole = stopped([])
    assert "values" in whole[1]
    for cuts in ([1], [10, 20, 21], [100, 150, 400], [whole[0] - 1], [whole[0]]):
        assert stopped([cut for cut in cuts if cut <= whole[0]]) == whole


# --- times ------------------------------------------------------------------------------------

COMPACT = [
    ("20240329", MARCH),
    ("202403291230", MARCH.replace(hour=12, minute=30)),
    ("20240329123059", MARCH.replace(hour=12, minute=30, second=59)),
    ("20161231235960", datetime(2017, 1, 1)),
]


@pytest.mark.parametrize(("text", "time"), COMPACT)
def test_times_of_digits_only_are_read(tmp_path: Path, text: str, time: datetime) -> None:
    found = read(table(tmp_path, f"t,y\n{text},1\n?,2\n", time="t"))
    assert found == [Event(0, {"t": time}, 1.0, time), Event(1, {}, 2.0)]
    for value in (text, int(text), float(text), Decimal(text), np.int64(int(text))):
        (event,) = read(IterableSource([{"t": value, "y": 1}], Columns("y", time="t")))
        assert event.time == time
    with pytest.raises(StreamError, match=r"line 3.*expected a date and time as 20240329 or"):
        read(table(tmp_path, f"t,y\n{text},1\n1711670400,2\n", time="t"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2024032900", "can be an hour or seconds since 1970; write 202403290000"),
        ("202413290000", "between the years 1800 and 2200, got 202413290000"),
        ("1711670400000", "got 1711670400000 .divide milliseconds by 1000"),
        ("1e300", "between the years 1800 and 2200"),
        ("-1e12", "between the years 1800 and 2200"),
        ("inf", "between the years 1800 and 2200"),
        ("29.03.2024", "an ISO 8601 date and time, seconds since .* got '29.03.2024'"),
        ("12:30", "digits as 202403291230, got '12:30'"),
    ],
)
def test_times_that_cannot_be_meant_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(StreamError, match=rf"line 2, column 't': expected .*{message}"):
        read(table(tmp_path, f"t,y\n{text},1\n", time="t"))


def test_seconds_stay_seconds(tmp_path: Path) -> None:
    rows = ["1711670400", "20240329", "0", "-86400", "1711670400.5", "202403290"]
    source = table(tmp_path, "t,y\n" + "".join(f"{row},1\n" for row in rows), time="t")
    found = [event.time for event in read(source)]
    assert found == [datetime.fromtimestamp(float(row), UTC) for row in rows]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31 23:59:60.25", datetime(2017, 1, 1)),
        ("20161231T235960", datetime(2017, 1, 1)),
        ("2017-01-01T00:59:60+01:00", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2017-01-01T05:29:60+05:30", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31T24:00", datetime(2017, 1, 1)),
        ("2016-12-31T24:00:00Z", datetime(2017, 1, 1, tzinfo=UTC)),
    ],
)
def test_leap_seconds_and_midnights_are_times(tmp_path: Path, text: str, time: datetime) -> None:
    (tmp_path / "a.jsonl").write_text(f'{{"t":"{text}","y":1}}\n')
    for source in (
        table(tmp_path, f"t,y\n{text},1\n"),
        open_source(str(tmp_path / "a.jsonl"), Columns("y")),
    ):
        (event,) = read(source)
        assert event.time == time


@pytest.mark.parametrize("text", ["2016-12-31T12:00:60Z", "2016-12-31T24:01", "9999-12-31T24:00"])
def test_times_that_there_are_not_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(StreamError, match="line 3, column 't': expected an ISO 8601 date and time"):
        read(table(tmp_path, f"t,y\n2016-12-31,1\n{text},1\n"))


# --- JSON -------------------------------------------------------------------------------------


def test_numbers_that_are_not_finite_are_read_from_json(tmp_path: Path) -> None:
    text = (
        '\ufeff{"a":NaN,"y":1}\n{"a":-Infinity,"b":"NaN, Infinity","y":Infinity}\n'
        '{"a":1e999,"y":NaN}\n{"a":2,"y":-1e999}\n'
    )
    found = read(table(tmp_path, text, "a.jsonl"))
    assert [event.x for event in found] == [
        {}, {"a": -math.inf, "b": "NaN, Infinity"}, {"a": math.inf}, {"a": 2},
    ]  # fmt: skip
    assert [event.y for event in found] == [1, math.inf, None, -math.inf]
    for line in ('{"y":nan}', '{"y":1,"a":NaN', '["NaN"]', '{"a":"\\ud800","b":NaN,"y":1}'):
        with pytest.raises(StreamError, match="line 1: expected one JSON object"):
            read(table(tmp_path, line + "\n", "a.jsonl"))


@pytest.mark.parametrize("depth", [450, 501, 2000, 200_000])
def test_deep_json_is_a_bad_record(tmp_path: Path, depth: int) -> None:
    source = table(tmp_path, f'{{"a":{"[" * depth}{"]" * depth},"y":1}}\n{{"y":2}}\n', "a.jsonl")
    bad: list[BadRecord] = []
    source.on_bad = bad.append
    assert [event.y for event in read(source)] == [2]
    assert [record.place[:6] for record in bad] == ["line 1"]
    assert len(str(bad[0])) < 500


def test_brackets_in_texts_are_not_deep() -> None:
    schema = Schema(Columns(target="y"), VALUES)
    with pytest.raises(RecordError, match=r"flatten it, or leave the column out with --drop a"):
        schema.event(0, {"a": {"b": 1}})
    with pytest.raises(RecordError, match="too many digits"):
        schema.event(0, {"a": 10**5000})


def test_texts_of_brackets_are_read(tmp_path: Path) -> None:
    text = '{"a":"' + "[{" * 2000 + '\\"","y":1}\n'
    assert xs(table(tmp_path, text, "a.jsonl", text=("a",))) == [{"a": "[{" * 2000 + '"'}]
