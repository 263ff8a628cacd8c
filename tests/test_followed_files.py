"""A file that is followed loses and doubles nothing when it grows, is rotated or goes away."""

from __future__ import annotations

import os
import select
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lstmwidgets.streaming import Event, StreamError
from lstmwidgets.streaming.sources import Columns, CsvFile, JsonLinesFile, Source, open_source
from lstmwidgets.streaming.sources.base import WAIT

from .recorded import record_calls
from .test_every_source import passed_on

COLUMNS = Columns(target="y")


class Following:
    """Reads a source that has no end, and closes it."""

    def __init__(self, source: Source, offset: dict[str, Any] | None = None) -> None:
        self.source = source
        if offset is not None:
            source.resume(passed_on(offset))
        self._items = iter(source)

    def __enter__(self) -> Following:
        return self

    def __exit__(self, *exception: object) -> None:
        self.source.close()

    def take(self, number: int) -> list[float | None]:
        """Return the targets of so many events, and hold that no more have come."""
        targets = [event.y for event in self._until(number)]
        item = next(self._items)
        assert item is None, item
        return targets

    def _until(self, number: int) -> Iterator[Event]:
        deadline = time.monotonic() + 60
        while number:
            item = next(self._items)
            assert time.monotonic() < deadline
            if item is not None:
                number -= 1
                yield item


def add(path: Path, text: str) -> None:
    with path.open("a", newline="") as file:
        file.write(text)


def rows(*targets: int, header: bool = False) -> str:
    return ("a,y\n" if header else "") + "".join(f"{n / 7},{n}\n" for n in targets)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "log.csv"
    place.write_text(rows(0, 1, header=True))
    return place


def follow(path: Path, offset: dict[str, Any] | None = None) -> Following:
    return Following(CsvFile(str(path), COLUMNS, follow=True), offset)


def test_what_is_added_comes(path: Path) -> None:
    with follow(path) as following:
        assert following.take(2) == [0, 1]
        assert following.source.progress is None
        add(path, rows(2, 3))
        assert following.take(2) == [2, 3]


def test_half_a_line_waits_for_its_end(path: Path) -> None:
    with follow(path) as following:
        add(path, "1,")
        assert following.take(2) == [0, 1]
        add(path, "2")
        assert following.take(0) == []
        offset = following.source.offset
        add(path, "5\n1,26\n1,")
        assert following.take(2) == [25, 26]
    with follow(path, offset) as following:
        assert following.take(2) == [25, 26]


def test_half_a_header_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("\na,")
    with follow(path) as following:
        assert following.take(0) == []
        offset = following.source.offset
        add(path, "y\n1,5\n")
        assert following.take(1) == [5]
    with follow(path, offset) as following:
        assert following.take(1) == [5]


def test_a_quoted_new_line_may_come_in_two_halves(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('"a\nb",y\n"one\n')
    with follow(path) as following:
        assert following.take(0) == []
        offset = following.source.offset
        add(path, 'two\n\nthree",4\n"x",5\n')
        items = following._until(2)
        first, second = next(items), next(items)
        assert first.x == {"a\nb": "one\ntwo\n\nthree"}
        assert (first.y, second.y) == (4, 5)
        assert following.source.offset["line"] == 7
    with follow(path, offset) as following:
        assert following.take(2) == [4, 5]


def test_json_lines_are_followed_and_rotated(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"y":1}\n{"y"')
    with Following(JsonLinesFile(str(path), COLUMNS, follow=True)) as following:
        assert following.take(1) == [1]
        add(path, ':2}\n{"y":3}')  # the last line of a file may have no end
        assert following.take(1) == [2]
        path.rename(tmp_path / "log.jsonl.1")
        path.write_text('{"y":4}\n')
        assert following.take(2) == [3, 4]


def test_a_renamed_file_is_read_to_its_end_and_then_the_new_one(path: Path) -> None:
    old = path.with_name("log.csv.1")
    with follow(path) as following:
        assert following.take(2) == [0, 1]
        add(path, rows(2))
        path.rename(old)
        assert following.take(1) == [2]
        path.touch()  # whoever writes has not looked yet, and still writes to the old one
        assert following.take(0) == []
        add(old, rows(3))
        assert following.take(1) == [3]
        add(old, rows(4))
        add(path, rows(5, header=True))
        assert following.take(2) == [4, 5]
        add(path, rows(6))
        assert following.take(1) == [6]
        assert following.source.offset["events"] == 7
        offset = following.source.offset
    add(path, rows(7))
    with follow(path, offset) as following:
        assert following.take(1) == [7]


def test_a_new_file_need_not_repeat_the_header(path: Path) -> None:
    with follow(path) as following:
        assert following.take(2) == [0, 1]
        path.rename(path.with_name("log.csv.1"))
        path.write_text(rows(2, 3))
        assert following.take(2) == [2, 3]


def test_a_file_that_is_emptied_in_place_is_begun_anew(path: Path) -> None:
    add(path, "1,")
    with follow(path) as following:
        assert following.take(2) == [0, 1]
        shutil.copy(path, path.with_name("log.csv.1"))
        with path.open("r+") as file:
            file.truncate(0)
        assert following.take(0) == []
        add(path, rows(2, header=True))
        assert following.take(1) == [2]
        path.write_text(rows(*range(30, 40), header=True))  # longer than it was
        assert following.take(10) == list(range(30, 40))


def test_a_file_that_vanishes_is_waited_for(path: Path) -> None:
    with follow(path) as following:
        assert following.take(2) == [0, 1]
        add(path, rows(2))
        path.unlink()
        assert following.take(1) == [2]
        assert following.take(0) == []
        path.write_text(rows(3, header=True))
        assert following.take(1) == [3]


@pytest.mark.parametrize("there", [True, False])
def test_a_file_renamed_in_the_meantime_is_read_to_its_end(path: Path, there: bool) -> None:
    with follow(path) as following:
        following.take(2)
        offset = following.source.offset
    add(path, rows(2, 3))
    path.rename(path.with_name("log.csv.2"))
    time.sleep(0.02)  # times of files tick in steps
    path.with_name("log.csv.1").write_text(rows(4, header=True))
    time.sleep(0.02)
    path.with_name("log.csv.old").write_text("something else")
    if there:
        path.write_text(rows(5, header=True))
    with follow(path, offset) as following:
        assert following.take(4 if there else 2)[:2] == [2, 3]
        if not there:
            path.write_text(rows(5, header=True))
            assert following.take(2) == [4, 5]


def test_a_file_that_is_lost_is_told(path: Path) -> None:
    with follow(path) as following:
        following.take(2)
        offset = following.source.offset
    path.rename(path.with_name("elsewhere"))
    path.write_text(rows(0, 1, 2, header=True))  # begins as the other did
    source = CsvFile(str(path), COLUMNS, follow=True)
    with pytest.raises(StreamError, match=r"byte \d+.*its rest is lost; put the file back"):
        source.resume(passed_on(offset))
    source.close()


def test_a_copy_that_was_put_back_is_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(rows(*range(200), header=True))
    for followed in (True, False):
        source = CsvFile(str(path), COLUMNS, follow=followed)
        items = iter(source)
        while source.offset["events"] < 150:
            next(items)
        offset = source.offset
        source.close()
        shutil.copy(path, tmp_path / "copy")
        (tmp_path / "copy").replace(path)
        again = CsvFile(str(path), COLUMNS, follow=followed)
        again.resume(passed_on(offset))
        event = next(iter(again))
        assert event is not None
        assert event.y == 150
        again.close()


def test_another_file_is_refused(path: Path) -> None:
    source = CsvFile(str(path), COLUMNS)
    assert len(list(source)) == 2
    path.write_text(rows(7, 8, 9, header=True))
    again = CsvFile(str(path), COLUMNS)
    with pytest.raises(StreamError, match="not the file that had been read"):
        again.resume(passed_on(source.offset))
    again.close()


def test_a_file_that_has_grown_has_more(path: Path) -> None:
    source = CsvFile(str(path), COLUMNS)
    assert [event.y for event in source if event] == [0, 1]
    again = CsvFile(str(path), COLUMNS)
    assert not again.has_more(source.offset)
    again.close()
    add(path, rows(2))
    again = CsvFile(str(path), COLUMNS)
    assert again.has_more(source.offset)
    again.resume(passed_on(source.offset))
    assert [(event.id, event.y) for event in again if event] == [(2, 2)]


@pytest.mark.parametrize("kept", [True, False])
def test_a_quiet_standard_input_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    out, into = os.pipe()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=os.fdopen(out, "rb")))
    source = open_source("-", COLUMNS, journal=tmp_path / "journal" if kept else None)
    assert source.replayable == kept
    with Following(source) as following:
        waits = record_calls(monkeypatch, select, "select")
        assert following.take(0) == following.take(0) == []
        os.write(into, b"a,y\n1,")
        assert following.take(0) == []
        os.write(into, b"7\n1,8\n")
        assert following.take(2) == [7, 8]
        assert {seconds for *_, seconds in waits} == {0, WAIT}
        os.write(into, b"1,9")
        os.close(into)
        assert [item.y for item in following._items if item] == [9]
    assert source.offset["events"] == 3


def test_what_cannot_be_read_twice_goes_on_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    out, into = os.pipe()
    os.write(into, b"3,4\n")
    os.close(into)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=os.fdopen(out, "rb")))
    source = open_source("-", COLUMNS)
    source.resume(
        {
            "bytes": 8,
            "line": 2,
            "events": 1,
            "skipped": 0,
            "types": {"a": "number", "y": "number"},
            "texts": {},
            "header": ["a", "y"],
            "delimiter": ",",
        }
    )
    assert [(event.id, event.y) for event in source if event] == [(1, 4)]


def test_a_followed_folder_waits_for_files_with_later_names(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")

    def write(name: str, *targets: int) -> None:
        pq.write_table(pa.table({"y": targets}), tmp_path / name)

    with Following(open_source(str(tmp_path), COLUMNS, follow=True)) as following:
        assert following.take(0) == []
        write("_temporary.parquet", 9)
        write("b.parquet", 1, 2)
        assert following.take(2) == [1, 2]
        write("a.parquet", 9)  # too late
        whole = (tmp_path / "b.parquet").read_bytes()
        (tmp_path / "c.parquet").write_bytes(whole[:50])
        assert following.take(0) == []
        offset = following.source.offset
        write("c.parquet", 3, 4)
        assert following.take(2) == [3, 4]
        later = following.source.offset
    (tmp_path / "b.parquet").unlink()  # which was read to its end
    with Following(open_source(str(tmp_path), COLUMNS, follow=True), offset) as following:
        assert following.take(2) == [3, 4]
    write("c.parquet", 3)
    source = open_source(str(tmp_path), COLUMNS)
    with pytest.raises(StreamError, match="has 1 rows and had been read up to 2"):
        source.resume(passed_on(later))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_named_pipe_is_not_kept_waiting_for_more(tmp_path: Path) -> None:
    os.mkfifo(path := tmp_path / "pipe")

    def write(goes_on: threading.Event) -> None:
        with path.open("w", buffering=1) as pipe:
            pipe.write("a,y\n1,1\n")
            goes_on.wait(60)
            pipe.write("2,2\n")

    writer = threading.Thread(target=write, args=[goes_on := threading.Event()])
    writer.start()
    source = CsvFile(str(path), COLUMNS)
    items = iter(source)
    assert next(items) == Event(0, {"a": 1.0}, 1.0)
    assert next(items) is None
    goes_on.set()
    assert [item for item in items if item is not None] == [Event(1, {"a": 2.0}, 2.0)]
    writer.join()
