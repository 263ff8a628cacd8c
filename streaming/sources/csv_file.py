"""CSV files with a header line, read row by row."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import StreamError
from ..events import Event
from .base import Columns, Source
from .journal import Journal

MISSING = {"", "na", "n/a", "nan", "null", "none"}
"""Cells, in lower case, that hold no value."""


class BadRowError(Exception):
    """A row that cannot be read; the message names the place and what was expected."""


class CsvFile(Source):
    """Rows of a CSV file, or of standard input, as events.

    Columns are separated by commas, semicolons or tabs, whichever the header line has most of. A
    column is numbers, true/false, ISO 8601 datetimes or text, whichever its first value is; the
    later ones must be the same. A cell that is empty or says NA, N/A, NaN, null or None is missing:
    the feature is left out of the event, and a row without a target is an event without a label.

    Parameters
    ----------
    path : str
        The file, or ``-`` for standard input.
    columns : Columns
        Which columns are target and features. The target must be named.
    skip_bad_rows : bool
        Count rows that cannot be read and go on, instead of stopping at the first.
    journal : Path, optional
        Where to keep what comes on standard input, to go on from after a crash.

    Raises
    ------
    StreamError
        If the file cannot be opened or has no header, on an unknown column, and while reading, on
        a row that cannot be read: then file, line, column and value are named.
    """

    def __init__(
        self,
        path: str,
        columns: Columns,
        skip_bad_rows: bool = False,
        *,
        journal: Path | None = None,
    ) -> None:
        self.name = "standard input" if path == "-" else path
        self._columns = columns
        self._skip_bad_rows = skip_bad_rows
        self._file: BinaryIO | Journal = _open(path)
        self._size = None if path == "-" else os.fstat(self._file.fileno()).st_size
        if path == "-" and journal is not None:
            self._file = Journal(self._file, journal)
        self._bytes_read = 0
        self._line = 0  # the reader's own count leaves out blank lines above the header
        self._not_utf8 = False
        lines = self._lines()
        try:
            first = next((line for line in lines if line.strip()), "")
            self._reader = csv.reader(
                chain([first] if first else [], lines), delimiter=_delimiter(first)
            )
            self._header = self._read_header()
            self._check_columns()
        except StreamError:
            self.close()
            raise
        self._parsers: dict[str, Callable[[str], Any]] = dict.fromkeys(columns.text, str)
        self._number = 0

    def __iter__(self) -> Iterator[Event]:
        """Yield the file's rows."""
        with self._file:
            while True:
                try:
                    row = next(self._reader)
                    if len(row) < 2 and not "".join(row).strip():  # a blank line
                        continue
                    event = self._event(self._number, row)
                except StopIteration:
                    break
                except (BadRowError, csv.Error) as error:
                    self._refuse(error)
                    continue
                self._number += 1
                yield event
        if self._number == 0 and not self.skipped:
            raise StreamError(f"{self.name} has a header line and no rows under it")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def progress(self) -> float | None:
        """Share of the file's bytes that has been read; None on standard input."""
        return self._bytes_read / self._size if self._size else None

    @property
    def offset(self) -> dict[str, Any]:
        """Bytes and lines read, and what the columns' types were found to be."""
        kinds = {parse: kind for kind, parse in PARSERS.items()}
        return {
            "bytes": self._bytes_read,
            "line": self._line,
            "events": self._number,
            "skipped": self.skipped,
            "header": self._header,
            "types": {name: kinds[parse] for name, parse in self._parsers.items()},
        }

    def has_more(self, offset: dict[str, Any]) -> bool:
        """Say whether the file has grown."""
        return self._size is not None and self._size > int(offset["bytes"])

    def sync(self) -> None:
        """Bring the journal of standard input to the disk."""
        if isinstance(self._file, Journal):
            self._file.sync()

    def resume(self, offset: dict[str, Any]) -> None:
        """Go on at a byte."""
        if self._size is not None and offset["bytes"] > self._size:
            raise StreamError(
                f"{self.name} has {self._size:,} bytes and had been read up to "
                f"{offset['bytes']:,}; put the file back, or begin anew"
            )
        if offset["header"] != self._header:
            raise StreamError(
                f"{self.name} now has the columns {', '.join(self._header)}; "
                f"they were {', '.join(offset['header'])}"
            )
        self._file.seek(offset["bytes"])
        self._bytes_read, self._line = offset["bytes"], offset["line"]
        self._number, self.skipped = offset["events"], offset["skipped"]
        self._parsers = {name: PARSERS[kind] for name, kind in offset["types"].items()}

    def _lines(self) -> Iterator[str]:
        encoding = "utf-8-sig"  # the first line may begin with a byte order mark
        for line in self._file:
            self._bytes_read += len(line)
            self._line += 1
            try:
                yield line.decode(encoding)
            except UnicodeDecodeError:  # raised here, it would end the reader for good
                self._not_utf8 = True
                yield line.decode(encoding, "replace")
            encoding = "utf-8"

    def _read_header(self) -> list[str]:
        try:
            header = [name.strip() for name in next(self._reader)]
        except StopIteration:
            raise StreamError(
                f"{self.name} is empty; expected a header line with the names of the columns"
            ) from None
        except csv.Error as error:
            raise StreamError(f"{self.name} is not a CSV file: {error}") from error
        if self._not_utf8:
            raise StreamError(f"{self.name} is not text in UTF-8; convert it first")
        for name in header:
            if not name or header.count(name) > 1:
                raise StreamError(
                    f"{self.name}, line {self._line}: every column needs a name of its own, "
                    f"got {header}"
                )
        return header

    def _check_columns(self) -> None:
        if self._columns.target is None:
            raise StreamError(
                f"which column of {self.name} is to be predicted? "
                f"Pass --target with one of: {', '.join(self._header)}"
            )
        self._columns.check(self.name, self._header)

    def _event(self, number: int, row: list[str]) -> Event:
        here = f"{self.name}, line {self._line}"
        if self._not_utf8:
            self._not_utf8 = False
            raise BadRowError(f"{here}: expected text in UTF-8, got other bytes")
        if len(row) != len(self._header):
            raise BadRowError(
                f"{here}: expected {len(self._header)} cells as in the header, got {len(row)}"
            )
        features: dict[str, Any] = {}
        target, time = None, None
        for column, cell in zip(self._header, row, strict=True):
            text = cell.strip()
            if text == "" or (text.lower() in MISSING and column not in self._columns.text):
                continue
            if column == self._columns.target:
                target = self._parsed(column, text, _number)
                continue
            if self._columns.is_feature(column):
                value = features[column] = self._parsed(column, text, self._parser(column, text))
            else:  # it may still say when the event was
                value = _datetime(text) if _parser_of(text) is _datetime else None
            if time is None and isinstance(value, datetime):
                time = value
        return Event(number, features, target, time)

    def _parser(self, column: str, text: str) -> Callable[[str], Any]:
        """Return the column's parser, settled by its first value."""
        if column not in self._parsers:
            self._parsers[column] = _parser_of(text)
        return self._parsers[column]

    def _parsed(self, column: str, text: str, parse: Callable[[str], Any]) -> Any:
        try:
            return parse(text)
        except ValueError:
            raise BadRowError(
                f"{self.name}, line {self._line}, column {column!r}: "
                f"expected {EXPECTED[parse]}, got {text!r}"
                + ("" if column == self._columns.target else " (--text reads a column as text)")
            ) from None

    def _refuse(self, error: Exception) -> None:
        if self._skip_bad_rows:
            self.skipped += 1
            return
        message = str(error)
        if not isinstance(error, BadRowError):
            message = f"{self.name}, line {self._line}: {message}"
        raise StreamError(
            f"{message}; correct it, or pass --skip-bad-rows to leave such rows out"
        ) from error


def _delimiter(header: str) -> str:
    """Return what separates the columns: the one of comma, semicolon and tab that occurs most."""
    return max(",;\t", key=header.count)


def _open(path: str) -> BinaryIO:
    if path == "-":
        if sys.stdin is None:
            raise StreamError("cannot read standard input: it is closed")
        return sys.stdin.buffer
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise StreamError(f"cannot read {path}: {error.strerror}") from error


def _number(text: str) -> float:
    if "_" in text:  # Python's own digit separator, which no file means
        raise ValueError(text)
    return float(text)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _datetime(text: str) -> datetime:
    return datetime.fromisoformat(text)


PARSERS: dict[str, Callable[[str], Any]] = {
    "number": _number,
    "boolean": _boolean,
    "datetime": _datetime,
    "text": str,
}
"""By the name that an offset gives them."""

EXPECTED: dict[Callable[[str], Any], str] = {
    _number: "a number",
    _boolean: "true or false",
    _datetime: "an ISO 8601 date and time",
    str: "text",
}


def _parser_of(text: str) -> Callable[[str], Any]:
    """Return the strictest parser that can read a text."""
    for parse in (_number, _boolean, _datetime):
        try:
            parse(text)
        except ValueError:
            continue
        return parse
    return str
