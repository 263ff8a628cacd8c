"""Sources give the events that their rows describe, and name the place of what they cannot read."""

from __future__ import annotations

import csv
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmwidgets.streaming import Event, StreamError
from lstmwidgets.streaming.sources import Columns, open_source
from lstmwidgets.streaming.sources.river_files import FILES


def write(folder: Path, text: str | bytes) -> str:
    path = folder / "data.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def read(path: str, **columns: Any) -> list[Event | None]:
    return list(open_source(path, Columns(**({"target": "y"} | columns))))


def test_cells_become_numbers_booleans_datetimes_and_text(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "a,on,when,kind,y\n1.5,true,2024-01-02T03:04:05Z,x,7\n-2e3,FALSE,2024-01-03,7,8\n",
    )
    first, second = read(path)
    when = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert first == Event(0, {"a": 1.5, "on": True, "when": when, "kind": "x"}, 7.0, when)
    assert second.x["on"] is False
    assert second.x["kind"] == "7"
    assert (second.id, second.y) == (1, 8.0)


def test_empty_cells_are_missing_and_rows_without_target_unlabelled(tmp_path: Path) -> None:
    events = read(write(tmp_path, "a,b,y\n,NA,\n1, n/a ,2\nnan,x,null\n"))
    assert [event.x for event in events] == [{}, {"a": 1.0}, {"b": "x"}]
    assert [event.y for event in events] == [None, 2.0, None]


def test_columns_are_chosen_and_dropped(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b,when,y\n1,2,2024-01-01,3\n")
    assert read(path, features=("a",))[0].x == {"a": 1.0}
    (event,) = read(path, drop=("b", "when"))
    assert event.x == {"a": 1.0}
    assert event.time == datetime(2024, 1, 1)


def test_dropped_columns_are_not_looked_at(tmp_path: Path) -> None:
    path = write(tmp_path, "a,d,y\n1,2024-01-01,1\nword,unknown,2\n")
    assert [event.time for event in read(path, drop=("a", "d"))] == [datetime(2024, 1, 1), None]


def test_numbers_can_be_read_as_text(tmp_path: Path) -> None:
    events = read(write(tmp_path, "zip,y\n01234,1\nK1A,2\n"), text=("zip",))
    assert [event.x["zip"] for event in events] == ["01234", "K1A"]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_columns_may_be_separated_otherwise(tmp_path: Path, separator: str) -> None:
    path = write(tmp_path, "a,b,y\n1.5,x,2\n".replace(",", separator))
    assert read(path) == [Event(0, {"a": 1.5, "b": "x"}, 2.0)]


def test_byte_order_mark_quotes_and_blank_lines(tmp_path: Path) -> None:
    events = read(write(tmp_path, b'\xef\xbb\xbfy,"a, b"\r\n1,"two\r\nlines"\r\n\r\n2,x\r\n'))
    assert [event.x for event in events] == [{"a, b": "two\r\nlines"}, {"a, b": "x"}]


@given(st.lists(st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)), min_size=1))
def test_what_csv_writes_is_read_back(rows: list[tuple[float, float]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("a", "y"), *rows])
        assert [(event.x["a"], event.y) for event in read(str(path))] == rows


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,y\n1,2\nhigh,3\n", r"data.csv, line 3, column 'a': expected a number, got 'high'"),
        ("a,y\n1,2\n1,low\n", r"line 3, column 'y': expected a number, got 'low'"),
        ("a,y\n1,2\n1_0,3\n", r"line 3, column 'a': expected a number, got '1_0'"),
        ("a,y\ntrue,2\n1,3\n", r"line 3, column 'a': expected true or false, got '1'"),
        ("a,y\n2024-01-01,2\nMonday,3\n", r"expected an ISO 8601 date and time, got 'Monday'"),
        ("a,y\n1,2\n1,2,3\n", r"line 3: expected 2 cells as in the header, got 3"),
        (b"a,y\nx,2\n\xff\xfe,3\n", r"line 3: expected text in UTF-8"),
    ],
)
def test_a_bad_row_is_named_or_skipped(tmp_path: Path, rows: str | bytes, message: str) -> None:
    path = write(tmp_path, rows)
    with pytest.raises(StreamError, match=message) as caught:
        read(path)
    assert "--skip-bad-rows" in str(caught.value)
    tail = rows if isinstance(rows, bytes) else rows.encode()
    path = write(tmp_path, tail + tail.splitlines(keepends=True)[1])
    source = open_source(path, Columns(target="y"))
    source.on_bad = lambda _: None
    events = list(source)
    assert [event.id for event in events] == [0, 1]
    assert events[0].x == events[1].x
    assert source.skipped == 1


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        ("", {}, "is empty; expected a header line"),
        ("a,y\n", {}, "has a header line and no rows under it"),
        ("a,a,y\n1,2,3\n", {}, "every column needs a name of its own"),
        ("a,y\n1,2\n", {"target": None}, "Pass --target with one of: a, y"),
        ("a,y\n1,2\n", {"target": "z"}, r"no column 'z' \(--target\); its columns are: a, y"),
        ("a,y\n1,2\n", {"drop": ("b",)}, r"no column 'b' \(--drop\)"),
        ("a,y\n1,2\n", {"features": ("y",)}, "'y' is the target; leave it out of --features"),
        ("a,y\n1,2\n", {"drop": ("y",)}, "'y' is the target; leave it out of --drop"),
        ("a,y\n1,2\n", {"features": ("a",), "drop": ("a",)}, "'a' stands in --features and in"),
        (b"\xff\xfea\x00", {}, "not text in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(
    tmp_path: Path, content: str | bytes, columns: dict[str, Any], message: str
) -> None:
    with pytest.raises(StreamError, match=message):
        read(write(tmp_path, content), **columns)


def test_text_columns_keep_words_for_missing(tmp_path: Path) -> None:
    events = read(write(tmp_path, "country,y\nNA,1\n,2\n"), text=("country",))
    assert [event.x for event in events] == [{"country": "NA"}, {}]


def test_blank_lines_before_the_header_do_no_harm(tmp_path: Path) -> None:
    assert read(write(tmp_path, "\n\na,y\n1,2\n")) == [Event(0, {"a": 1.0}, 2.0)]


def test_blank_lines_above_the_header_are_counted(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match="line 5, column 'a': expected a number, got 'x'"):
        read(write(tmp_path, "\n\na,y\n1,2\nx,3\n"))


def test_a_dropped_number_is_no_time(tmp_path: Path) -> None:
    path = write(tmp_path, "id,y\n20240101112,1\n")
    assert read(path, drop=("id",)) == [Event(0, {}, 1.0)]


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match=r"cannot read .*nothing\.csv: No such file"):
        read(str(tmp_path / "nothing.csv"))
    with pytest.raises(StreamError, match="Is a directory"):
        read(str(tmp_path))


def test_progress_reaches_one(tmp_path: Path) -> None:
    source = open_source(write(tmp_path, "a,y\n" + "1,2\n" * 10), Columns(target="y"))
    seen = [source.progress for _ in source]
    assert seen == sorted(seen)
    assert source.progress == 1


@pytest.mark.parametrize("name", FILES)
def test_rivers_files_have_what_rivers_classes_have(name: str) -> None:
    from river import datasets

    ours, rivers = FILES[name], getattr(datasets, name)()

    assert (ours.task, ours.n_samples) == (rivers.task, rivers.n_samples)
    assert [repr(sample) for sample in ours] == [repr(sample) for sample in rivers]
    assert isinstance(open_source(f"river:{name}", Columns())._dataset, type(ours))


def test_a_river_that_lacks_the_file_is_asked_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = replace(FILES["WaterFlow"], filename="elsewhere.csv")
    monkeypatch.setitem(FILES, "WaterFlow", moved)
    assert len(list(open_source("river:WaterFlow", Columns()))) == 1268


def test_river_data_sets_are_events_with_time() -> None:
    source = open_source("river:WaterFlow", Columns())
    events = list(source)
    assert len(events) == 1268
    assert events[0].time == events[0].x["Time"]
    assert source.progress == 1


@pytest.mark.parametrize(
    ("name", "columns", "message"),
    [
        ("river:WaterFlo", Columns(), "no data set 'WaterFlo'; did you mean WaterFlow"),
        ("river:Yeast", Columns(), "made for multi-output binary classification"),
        ("river:WaterFlow", Columns(target="Flow"), "leave out --target"),
        ("river:WaterFlow", Columns(drop=("Tim",)), r"no column 'Tim' \(--drop\)"),
    ],
)
def test_river_data_sets_that_do_not_fit_are_refused(
    name: str, columns: Columns, message: str
) -> None:
    with pytest.raises(StreamError, match=message):
        list(open_source(name, columns))
