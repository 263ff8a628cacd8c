"""Files in whatever shape: read as they are meant, or refused with a line that says what to do."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lstmwidgets.streaming import BadRecord, Event, StreamError
from lstmwidgets.streaming.interrupt import Interruptible
from lstmwidgets.streaming.sources import Columns, CsvFile, JsonLinesFile, Source, open_source
from lstmwidgets.streaming.sources.byte_lines import BLOCK, LONGEST, Lines, LongLine, size_of

from .test_every_source import passed_on
from .test_followed_files import Following, add


def put(folder: Path, content: str | bytes, name: str = "data.csv") -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def read(path: str, bad: list[BadRecord] | None = None, **options: Any) -> list[Event]:
    columns = Columns(**{"target": "y"} | options.pop("columns", {}))
    source = open_source(path, columns, **options)
    source.on_bad = None if bad is None else bad.append
    return [event for event in source if event is not None]


# --- headers ----------------------------------------------------------------------------------


def test_a_column_that_counts_rows_is_left_out(tmp_path: Path) -> None:
    notes: list[str] = []
    path = put(tmp_path, ",a,y\n0,1,2\n1,2,3\n")
    assert read(path, notes=notes.append) == [Event(0, {"a": 1}, 2), Event(1, {"a": 2}, 3)]
    assert notes == [f"{path}: the first column has no name and counts rows: it is left out"]
    assert read(path, columns={"features": ("column 1",)})[1].x == {"column 1": 1}
    assert read(put(tmp_path, '"","a","y"\n"1",1,2\n'))[0].x == {"a": 1}  # as R writes it
    named = read(put(tmp_path, ",a,y\n2024-03-29,1,2\n"), notes=notes.append)
    assert list(named[0].x) == ["column 1", "a"]
    assert named[0].time is not None
    assert notes[1].endswith("has no name and is read as 'column 1'")
    assert read(put(tmp_path, "column 1,a,y\n7,1,2\n"))[0].x == {"column 1": 7, "a": 1}


def test_what_a_column_without_a_name_is_outlives_a_kill(tmp_path: Path) -> None:
    for first, names in (("7", ["a"]), ("7.5", ["column 1", "a"])):
        path = put(tmp_path, f",a,y\n{first},1,2\n1,2,3\n2,x,4\n3,3,4\n")
        for cut in (0, 1, 2):
            with closing(CsvFile(path, Columns("y"))) as source:
                source.on_bad = lambda _: None
                found = [event for _, event in zip(range(cut), source, strict=False)]
                offset = passed_on(source.offset)
            with closing(CsvFile(path, Columns("y"))) as source:
                source.on_bad = lambda _: None
                source.resume(offset)
                found += list(source)
            assert [[*event.x] for event in found if event] == [names] * 3


def test_separators_at_the_end_of_lines_are_no_columns(tmp_path: Path) -> None:
    wanted = [Event(0, {"a": 1, "b": 2}, 3), Event(1, {"a": 4, "b": 5}, 6)]
    for text in (
        "a;b;y;\n1;2;3;\n4;5;6;\n",
        "a;b;y\n1;2;3;\n4;5;6\n",
        "a,b,y,,\n1,2,3,,\n4,5,6\n",
        "a\tb\ty\n1\t2\t3\t \t\n4\t5\t6\n",
    ):
        assert read(put(tmp_path, text)) == wanted
    with pytest.raises(StreamError, match="line 3: expected 3 cells as in the header, got 4"):
        read(put(tmp_path, "a,b,y,\n1,2,3,\n4,5,6,x\n"))
    with pytest.raises(StreamError, match="every column needs a name of its own"):
        read(put(tmp_path, ",,\n1,2,3\n"))


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ('"flow, l/s";y', ["flow, l/s"]),
        ("flow, l/s;y", ["flow, l/s"]),
        ("flow, l/s;temp, C, mean;y", ["flow, l/s", "temp, C, mean"]),
        ('"a;b";"c;d",y', ['a;b;"c;d"']),
        ("a|b|y", ["a", "b"]),
        ("a b\ty", ["a b"]),
    ],
)
def test_names_may_have_separators_in_them(tmp_path: Path, header: str, names: list[str]) -> None:
    separator = next(mark for mark in ";|\t," if f"{mark}y" in header)
    row = separator.join(["1"] * (len(names) + 1))
    assert [*read(put(tmp_path, f"{header}\n{row}\n"))[0].x] == names


def test_the_separator_can_be_given(tmp_path: Path) -> None:
    assert read(put(tmp_path, "a y\n1 2\n"), delimiter=" ") == [Event(0, {"a": 1}, 2)]
    assert read(put(tmp_path, "a;b,y\n1,2\n"), delimiter=",") == [Event(0, {"a;b": 1}, 2)]
    with pytest.raises(StreamError, match=r"flow, l/s, y; a name with a comma goes into double"):
        read(put(tmp_path, '"flow, l/s",y\n1,2\n'), columns={"drop": ("flow",)})


@pytest.mark.parametrize("follow", [True, False])
def test_a_header_is_a_header(tmp_path: Path, follow: bool) -> None:
    """What follows it is read by its names, in a new file as well as in the middle of one."""
    first, rest = "a,b,y\n1,10,100\n", "y,c,b\n200,5,20\n300,6,x\n400,7,40\n"
    notes: list[str] = []
    path = tmp_path / "log.csv"
    path.write_text(first if follow else first + rest)
    source = CsvFile(str(path), Columns("y"), follow=follow, notes=notes.append)
    source.on_bad = lambda _: None
    found: list[Event] = []
    with Following(source) as following:
        found += following._until(1)
        if follow:
            path.rename(tmp_path / "log.csv.1")
            path.write_text(rest)
        found += following._until(1)
        offset = source.offset
    with Following(CsvFile(str(path), Columns("y"), follow=follow), offset) as following:
        following.source.on_bad = lambda _: None
        found += following._until(1)
    assert found == [
        Event(0, {"a": 1, "b": 10}, 100),
        Event(1, {"c": 5, "b": 20}, 200),
        Event(2, {"c": 7, "b": 40}, 400),
    ]
    assert notes == [f"{path}: the columns are now y, c, b"]


def test_a_header_that_repeats_or_is_ordered_otherwise_swaps_nothing(tmp_path: Path) -> None:
    text = "a,b,y\n1,10,100\na,b,y\n2,20,200\nb,a,y\n30,3,300\n"
    notes: list[str] = []
    assert [(event.x, event.y) for event in read(put(tmp_path, text), notes=notes.append)] == [
        ({"a": n, "b": 10 * n}, 100 * n) for n in (1, 2, 3)
    ]
    assert notes == []
    with pytest.raises(StreamError, match=r"no column 'b' \(--features\); its columns are: c, y"):
        read(put(tmp_path, text + "c,y\n1,2\n"), columns={"features": ("b",)})


def test_a_header_in_the_middle_is_one_after_a_kill_too(tmp_path: Path) -> None:
    text = "a,b,y\n" + "".join(
        f"{n},{10 * n},{n % 7}\n" if n % 20 else "y,b,a\n1,20,2\na,b,y\n" for n in range(1, 90)
    )
    path = put(tmp_path, text)
    whole = read(path)
    assert [event.x for event in whole if event.x["b"] != 10 * event.x["a"]] == []
    for cut in range(len(whole) + 1):
        with closing(CsvFile(path, Columns("y"))) as source:
            found = [event for _, event in zip(range(cut), events(source), strict=False)]
            offset = passed_on(source.offset)
        source = CsvFile(path, Columns("y"))
        source.resume(offset)
        assert found + list(events(source)) == whole


def events(source: Source) -> Iterator[Event]:
    return (event for event in source if event is not None)


# --- quotes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "refused", "left"),
    [
        ('"x,1\nz,2\nq,3\n', [2], [2, 3]),
        ('z,1\n"x,2\nq,3\n', [3], [1, 3]),
        ('z,1\nq,2\n"x,3\n', [4], [1, 2]),
        ('z,1\n"x,2\n"q",3\nz,4\n', [3], [1, 3, 4]),
        ('"x,1\n"y,2\n"z,3\n', [2, 3, 4], []),
        ('"two\nlines",1\n"x,2\nz,3', [4], [1, 3]),
    ],
)
def test_a_quote_that_is_not_closed_costs_one_line(
    tmp_path: Path, rows: str, refused: list[int], left: list[float]
) -> None:
    bad: list[BadRecord] = []
    if left:
        assert [event.y for event in read(put(tmp_path, "a,y\n" + rows), bad)] == left
    else:
        with pytest.raises(StreamError, match=r"no record of .* has a column 'y'"):
            read(put(tmp_path, "a,y\n" + rows), bad)
    assert [record.place for record in bad] == [f"line {line}" for line in refused]
    with pytest.raises(StreamError, match=rf"line {refused[0]}: a quote is opened and not closed"):
        read(put(tmp_path, "a,y\n" + rows))


def test_a_quote_is_looked_for_no_further_than_a_record_goes(tmp_path: Path) -> None:
    rows = [f"name{n % 9},{n}" for n in range(20_000)]
    text = "\n".join(["a,y", *rows[:10], '"x,-1', *rows[10:], ""])
    bad: list[BadRecord] = []
    found = read(put(tmp_path, text), bad, record_bytes=BLOCK)
    assert [event.y for event in found] == list(range(20_000))
    assert [record.raw for record in bad] == ['"x,-1']
    assert bad[0].problem == "a quote is opened and not closed within 65,536 bytes"


def test_a_followed_file_with_an_open_quote_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('a,y\nz,1\n"x,2\n')
    with Following(CsvFile(str(path), Columns("y"), follow=True)) as following:
        following.source.on_bad = lambda _: None
        assert following.take(1) == [1]
        add(path, 'z,3\n"z",4\n')
        assert following.take(2) == [3, 4]
        assert following.source.skipped == 1


# --- long lines -------------------------------------------------------------------------------


class Blocks(Lines):
    """Lines of given blocks."""

    def __init__(self, blocks: list[bytes | None], longest: int, *, passes_long: bool) -> None:
        self.blocks, self.longest, self.passes_long = blocks, longest, passes_long

    def _blocks(self) -> Any:
        yield from self.blocks

    def seek(self, position: int, identity: Any) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


@given(
    lines=st.lists(st.integers(0, 30), max_size=12),
    ended=st.booleans(),
    cuts=st.lists(st.integers(1, 8), min_size=1),
    waits=st.sets(st.integers(0, 20)),
)
@example(lines=[9, 30, 3], ended=False, cuts=[8], waits={1})
@settings(deadline=None)
def test_blocks_are_cut_into_lines(
    lines: list[int], ended: bool, cuts: list[int], waits: set[int]
) -> None:
    whole = [b"x" * length + b"\n" for length in lines]
    if whole and not ended:
        whole[-1] = whole[-1][:-1]
    whole = [line for line in whole if line]
    data, blocks, number = b"".join(whole), [], 0
    while data:
        cut = cuts[number % len(cuts)]
        blocks += [None] * (number in waits) + [data[:cut]]
        data, number = data[cut:], number + 1
    found = [line for line in Blocks(blocks, 8, passes_long=True) if line is not None]
    assert [size_of(line) for line in found] == [*map(len, whole)]
    for line, given_ in zip(found, whole, strict=True):
        assert given_.startswith(line)
        assert isinstance(line, LongLine) == (len(given_) > 8)
    first = [line for line in Blocks(blocks, 8, passes_long=False) if line is not None]
    short = next((n for n, line in enumerate(whole) if len(line) > 8), len(whole))
    assert first[:short] == whole[:short]
    assert [type(line) for line in first[short : short + 1]] == [LongLine] * (short < len(whole))


@pytest.mark.parametrize("name", ["data.csv", "data.jsonl"])
@pytest.mark.parametrize("ended", [True, False])
def test_a_line_that_is_too_long_is_a_bad_record(tmp_path: Path, name: str, ended: bool) -> None:
    is_csv = name == "data.csv"
    row = (lambda n: f"1,{n}\n") if is_csv else (lambda n: f'{{"a":1,"y":{n}}}\n')
    long = ("x" if is_csv else "{") * 3 * LONGEST
    text = "a,y\n" * is_csv + row(1) + long + (f"\n{row(2)}{row(3)}" if ended else "")
    path, bad = put(tmp_path, text, name), []
    assert [event.y for event in read(path, bad)] == ([1, 2, 3] if ended else [1])
    assert bad[0].place == ("line 3" if is_csv else "line 2")
    assert "expected a record of at most 1,048,576 bytes, got a longer one" in bad[0].problem
    assert bad[0].raw == long[:1000]
    with pytest.raises(StreamError, match=r"a longer one .--record-bytes"):
        read(path)
    if ended:
        source = open_source(path, Columns("y"))
        source.on_bad = lambda _: None
        with closing(source):
            items = (event for event in source if event)
            assert [next(items).y, next(items).y] == [1, 2]
            offset = passed_on(source.offset)
        source = open_source(path, Columns("y"))
        source.resume(offset)
        assert [event.y for event in source if event] == [3]
        assert source.skipped == 1


def test_a_long_cell_is_a_cell(tmp_path: Path) -> None:
    path = put(tmp_path, "a,y\nx,1\n" + "x" * 200_000 + ",2\nx,3\n")
    assert [event.y for event in read(path)] == [1, 2, 3]
    longer = put(tmp_path, "a,y\nx,1\n" + "x" * 2 * LONGEST + ",2\nx,3\n")
    assert [event.y for event in read(longer, record_bytes=4 * LONGEST)] == [1, 2, 3]


def test_a_long_line_is_joined_once() -> None:
    blocks: list[bytes | None] = [b"x" * BLOCK] * 400 + [b"\n"]
    (line,) = (each for each in Blocks(blocks, 2**30, passes_long=False) if each is not None)
    assert len(line) == 400 * BLOCK + 1
    waits = sum(each is None for each in Blocks(blocks, 2**30, passes_long=False))
    assert waits > 300  # chances to stop meanwhile


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="there is no /dev/zero")  # noqa: PTH110
@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_a_device_without_lines_is_refused(format_: str) -> None:
    with pytest.raises(StreamError, match=r"a longer one .--record-bytes"):
        read("/dev/zero", format=format_)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no /dev/zero")
def test_a_stop_is_heard_while_a_long_line_is_passed() -> None:
    source = JsonLinesFile("/dev/zero", Columns("y"))
    source.on_bad = lambda _: None
    items = Interruptible(source)
    for item in items:
        assert item is None
        signal.raise_signal(signal.SIGTERM)
    source.close()
    assert items.stopped_by == signal.SIGTERM
