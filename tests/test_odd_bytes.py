"""Packed files, unended lines, other formats and whatever bytes: right events, or one line."""

from __future__ import annotations

import gzip
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmwidgets.streaming import BadRecord, Event, StreamError
from lstmwidgets.streaming.sources import Columns, CsvFile, JsonLinesFile, Source, open_source
from lstmwidgets.streaming.sources.byte_lines import BLOCK

from .test_every_source import passed_on
from .test_odd_files import put, read

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
