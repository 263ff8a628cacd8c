"""Files in whatever shape: read as they are meant, or refused with a line that says what to do."""

from __future__ import annotations

import gzip
import os
import signal
import sys
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

NEW_LINE = ord("\n")


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

    def seek(self, position: int, identity: Any) -> bool:
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


# --- ends of lines ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "begin", "half", "end"),
    [
        ("data.csv", "a,y\n1,1\n", "2,1", "7\n"),
        ("data.csv", "a,y\r\n1,1\r\n", "2,1", ",\r\n"),
        ("data.jsonl", '{"y":1}\n', '{"y":1}', " \n"),
        ("data.csv.gz", "a,y\n1,1\n", "2,1", "7\n"),
    ],
)
def test_a_last_line_that_goes_on_is_told(
    tmp_path: Path, name: str, begin: str, half: str, end: str
) -> None:
    def write(text: str) -> str:
        data = text.encode()
        return put(tmp_path, gzip.compress(data) if name.endswith("gz") else data, name)

    path = write(begin + half)
    source = open_source(path, Columns("y"))
    assert [event.y for event in source if event] == [1, 1]
    offset = passed_on(source.offset)
    for new in ("", "\n"):
        write(begin + half + new)
        again = open_source(path, Columns("y"))
        assert again.has_more(offset) == bool(new)
        again.resume(offset)
        assert list(again) == []
        assert again.offset["line"] == offset["line"]
    write(begin + half + end)
    with (
        closing(open_source(path, Columns("y"))) as again,
        pytest.raises(StreamError, match="had no end when it was read, and has been continued"),
    ):
        again.resume(offset)


# --- packed files and other formats -----------------------------------------------------------


@pytest.mark.parametrize("name", ["data.csv.gz", "data.jsonl.gz", "data.ndjson.GZ"])
def test_packed_files_are_read_and_resumed(tmp_path: Path, name: str) -> None:
    rows = [f"{n / 7},{n}\n" for n in range(9_000)]
    if "json" in name:
        rows = ['{{"a":{},"y":{}}}\n'.format(*row.strip().split(",")) for row in rows]
    text = "a,y\n" * ("csv" in name) + "".join(rows)
    parts = [text[:1000], text[1000:]]  # as of two files, one behind the other
    path = put(tmp_path, b"".join(gzip.compress(part.encode()) for part in parts), name)
    whole = read(path)
    assert [event.y for event in whole] == list(range(9_000))
    assert whole == read(put(tmp_path, text, name[:-3]))
    for cut in (0, 5, 7_000, 9_000):
        with closing(open_source(path, Columns("y"))) as source:
            found = [event for _, event in zip(range(cut), source, strict=False)]
            offset = passed_on(source.offset)
        again = open_source(path, Columns("y"))
        assert again.has_more(offset) == (cut < 9_000)
        again.resume(offset)
        assert found + list(again) == whole
    put(tmp_path, gzip.compress(text[:100].encode()), name)
    with (
        closing(open_source(path, Columns("y"))) as source,
        pytest.raises(StreamError, match="is not the file that had been read up to byte"),
    ):
        source.resume(offset)


def test_packed_files_that_are_damaged_or_followed_are_refused(tmp_path: Path) -> None:
    data = gzip.compress(b"a,y\n" + b"".join(b"%d,%d\n" % (n, n) for n in range(9999)))
    for wrong in (data[:-9], data[:30], data[:100] + b"xx" + data[102:], b"a,y\n1,2\n"):
        with pytest.raises(StreamError, match=r"cannot read .*data\.csv\.gz: it is damaged or no"):
            read(put(tmp_path, wrong, "data.csv.gz"))
    with pytest.raises(StreamError, match="packed and cannot be followed; leave out --follow"):
        read(put(tmp_path, data, "data.csv.gz"), follow=True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", b"PK\3\4", r"no CSV, JSON Lines or Parquet file; save it as CSV"),
        ("a.ods", b"PK\3\4", r"pd\.read_excel"),
        ("a.zip", b"PK\3\4", "unpack it"),
        ("a.feather", b"ARROW1", r"pd\.read_feather"),
        ("a.csv", b"PK\3\4\xff", "is a spreadsheet or an archive"),
        ("a.csv", b"\x1f\x8b\x08", r"packed with gzip: give it a name that ends with \.gz"),
        ("a.dat", b"PAR1\x15\xff", "pass --format parquet"),
        ("a.csv", "a,y\n1,2\n".encode("utf-16"), "iconv -f UTF-16"),
        ("a.csv", "a,y\n1,2\n".encode("utf-16-le"), "iconv -f UTF-16LE"),
        ("a.csv", "ä,y\n1,2\n".encode("latin-1"), "iconv -f ISO-8859-1"),
        ("a.csv", b"a,y\r1,2\r", "a carriage return stands within the line"),
        ("a.json", b'[{"y":1},\n{"y":2}]\n', r"got `array`; .* jq -c '\.\[\]' FILE"),
        ("a.json", b'[\n{"y":1}\n]\n', r"got `array`; .* jq -c '\.\[\]' FILE"),
        ("a.json", b'{\n"y":1\n}\n', r"truncated; .* jq -c \. FILE"),
        ("a.csv", b"1,2\n3,4\n", r"no column 'y' \(--target\); its columns are: 1, 2"),
    ],
)
def test_other_formats_are_told_what_to_do(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    with pytest.raises(StreamError, match=message) as caught:
        read(put(tmp_path, content, name))
    assert "\n" not in str(caught.value)


def test_lines_of_json_may_be_called_json(tmp_path: Path) -> None:
    assert read(put(tmp_path, '{"y":1}\n', "a.json")) == [Event(0, {}, 1)]


# --- whatever bytes ---------------------------------------------------------------------------

SCRAPS = st.sampled_from(
    [b"a", b"y", b"1", b"2.5", b"1,5", b",", b";", b"\t", b'"', b'""', b"\n", b"\r\n", b"\r", b"\0",
     b"\xff", b"\xef\xbb\xbf", b"NaN", b"?", b"true", b"2024-03-29", b"{", b"}", b"[", b"]", b":",
     b'{"y":1}\n', b'{"a":"x","y":2}\n', b"a,y\n", b"1,2\n", b"y;a\n", b"x" * 70_000, b" "]
)  # fmt: skip


@pytest.mark.parametrize("kind", [CsvFile, JsonLinesFile])
@given(
    scraps=st.lists(SCRAPS, max_size=30),
    begin=st.booleans(),
    cut=st.integers(0, 6),
    skip=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_whatever_the_bytes_are_it_is_a_line_or_events(
    kind: Any,
    scraps: list[bytes],
    begin: bool,
    cut: int,
    skip: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.getbasetemp() / "scraps"
    header = b"a,y\n1,2\n" if kind is CsvFile else b'{"a":1,"y":2}\n'
    data = header * begin + b"".join(scraps)
    path.write_bytes(data)

    def run(cut: int | None) -> tuple[list[Event], list[BadRecord], str]:
        found: list[Event] = []
        bad: list[BadRecord] = []
        source: Source | None = None
        error = ""
        try:
            source = kind(str(path), Columns("y"), record_bytes=BLOCK)
            source.on_bad = bad.append if skip else None
            for event in source:
                if event is not None:
                    found.append(event)
                if len(found) == cut:
                    offset = passed_on(source.offset)
                    source.close()
                    source = kind(str(path), Columns("y"), record_bytes=BLOCK)
                    source.on_bad = bad.append if skip else None
                    source.resume(offset)
                    found += [event for event in source if event is not None]
                    break
        except StreamError as raised:
            error = str(raised)
        if source is not None:
            source.close()
        return found, bad, error

    found, bad, error = whole = run(None)
    assert whole == run(cut or None)
    assert "\n" not in error
    assert len(error) < 1000
    for message in [error] * bool(error):
        assert str(path) in message
    assert all(len(str(record)) < 1000 and "\n" not in str(record) for record in bad)
    if not error:
        lines = data.count(b"\n") + (data[-1:] not in (b"\n", b""))
        assert len(found) + len(bad) <= lines
